//! Which programs are attached, and where: the plan, and what came of it.
//!
//! There are three ways to see the exits and entries of calls, and no kernel on
//! which one of them is best in every respect. Tracepoints of the six calls
//! cost least, but 32-bit callers never reach them, and from 7.2 on the kernel
//! may skip their programs. Kprobes on the functions behind the calls see
//! 32-bit callers and are not skipped, but not every kernel has them. The
//! tracepoints of all system calls see everything, and every system call on the
//! machine pays for them.
//!
//! A [`Plan`] is the choice, made before anything is loaded, because only the
//! programs that it needs are loaded. [`Coverage`] is what the kernel then
//! took: kprobes for 32-bit callers are optional, and where they are refused
//! those calls are seen at their signal only. If kprobes are refused that
//! `auto` chose, the plan's fallback takes their place.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::{Link, Object, ProgramType};

use super::{
    attach_point::{AttachPoint, compat_functions, native_functions},
    options::Attach,
    preflight,
};
use crate::event::{Abi, Syscall};

/// The first kernel that runs programs on system call tracepoints preemptibly,
/// and so may skip them.
const SKIPPING: (u32, u32) = (7, 2);

/// The programs at the entry tracepoints, which their sections name.
const TRACEPOINT_ENTRIES: [&str; Syscall::ALL.len()] = [
    "kill_enter",
    "tkill_enter",
    "tgkill_enter",
    "rt_sigqueueinfo_enter",
    "rt_tgsigqueueinfo_enter",
    "pidfd_send_signal_enter",
];

/// How calls in the machine's own ABI are hooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Tracepoint,
    Kprobe,
    Raw,
}

/// What to attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    mode: Mode,
    /// Kprobes on the functions behind 32-bit callers' system calls.
    compat: bool,
    /// The kernel may skip exit probes.
    skippable: bool,
    /// What to attach if this is refused; only if the caller left us the
    /// choice.
    fallback: Option<Mode>,
}

/// What was attached, and so what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coverage {
    mode: Mode,
    /// The calls of 32-bit callers are probed.
    compat: bool,
    skippable: bool,
}

/// What came of a plan.
pub(super) struct Attached {
    /// The kernel runs the programs as long as these live.
    pub(super) links: Vec<Link>,
    pub(super) coverage: Coverage,
    /// Each attach point, and whether the kernel took the program. Optional
    /// ones that it refused are left out.
    pub(super) results: Vec<(String, Result<()>)>,
}

impl Plan {
    /// Chooses the best that the caller allows and this kernel supports.
    ///
    /// # Errors
    /// When this kernel does not support what the caller asks for.
    pub(super) fn new(attach: Attach) -> Result<Self> {
        let skips = preflight::version(&preflight::release()).is_some_and(|it| it >= SKIPPING);
        let kprobes = match attach {
            Attach::Auto | Attach::Kprobe => kprobes(),
            _ => Err(anyhow!("not asked for")),
        };
        Self::choose(attach, skips, kprobes)
    }

    fn choose(attach: Attach, skips: bool, kprobes: Result<()>) -> Result<Self> {
        let (mode, compat) = match (attach, skips, kprobes) {
            (Attach::Kprobe, _, Err(why)) => return Err(why).context("--attach kprobe"),
            (Attach::Kprobe, _, Ok(())) | (Attach::Auto, true, Ok(())) => (Mode::Kprobe, true),
            (Attach::Raw, ..) | (Attach::Auto, true, Err(_)) => (Mode::Raw, false),
            (Attach::Auto, false, kprobes) => (Mode::Tracepoint, kprobes.is_ok()),
            (Attach::Tracepoint, ..) => (Mode::Tracepoint, false),
        };
        let by_choice = attach == Attach::Auto && mode == Mode::Kprobe;
        Ok(Self {
            mode,
            compat,
            skippable: skips && mode == Mode::Tracepoint,
            fallback: by_choice.then_some(Mode::Raw),
        })
    }

    /// What to attach instead, if this is refused.
    pub(super) fn fallback(self) -> Option<Self> {
        self.fallback.map(|mode| Self {
            mode,
            compat: false,
            skippable: false,
            fallback: None,
        })
    }

    /// Whether a program must be loaded. Those of the fallback must be, too:
    /// all programs are loaded before the first is attached.
    pub(super) fn needs(self, program: &str) -> bool {
        let plans = [Some(self), self.fallback()];
        (plans.into_iter().flatten())
            .flat_map(Self::attach_points)
            .any(|point| point.program == program)
    }

    /// Exits come before entries: an entry without its exit would look like a
    /// call that never returned.
    fn attach_points(self) -> Vec<AttachPoint> {
        let mut exits = Vec::new();
        let mut entries = Vec::new();
        match self.mode {
            Mode::Raw => {
                exits.push(AttachPoint::section("raw_exit"));
                entries.push(AttachPoint::section("raw_enter"));
            }
            Mode::Tracepoint => {
                exits.extend(Syscall::ALL.map(AttachPoint::syscall_exit));
                entries.extend(TRACEPOINT_ENTRIES.map(AttachPoint::section));
            }
            // A call that seccomp refuses never reaches the function, but it
            // has an exit.
            Mode::Kprobe => exits.extend(Syscall::ALL.map(AttachPoint::syscall_exit)),
        }
        for (function, optional) in self.functions() {
            exits.push(AttachPoint::kretprobe(&function, optional));
            entries.push(AttachPoint::kprobe(&function, optional));
        }
        exits.push(AttachPoint::section("thread_death"));
        exits.push(AttachPoint::section("oom_victim"));
        exits.push(AttachPoint::section("signal_witness"));
        exits.push(AttachPoint::section("signal_interrupt"));
        exits.append(&mut entries);
        exits
    }

    /// The kernel functions to probe, each once, and whether it is optional.
    fn functions(self) -> impl Iterator<Item = (String, bool)> {
        let native = match self.mode {
            Mode::Kprobe => native_functions(),
            Mode::Tracepoint | Mode::Raw => Vec::new(),
        };
        let mut compat = match self.compat {
            true => compat_functions(),
            false => Vec::new(),
        };
        compat.retain(|function| !native.contains(function));
        let native = native.into_iter().map(|function| (function, false));
        native.chain(compat.into_iter().map(|function| (function, true)))
    }

    /// Attaches the programs, exits first.
    pub(super) fn attach(self, object: &mut Object) -> Attached {
        let mut links = Vec::new();
        let mut results = Vec::new();
        let mut compat = self.compat;
        for point in self.attach_points() {
            let mut programs = object.progs_mut();
            let Some(program) = programs.find(|program| program.name() == point.program) else {
                continue;
            };
            match point.attach(&program) {
                Ok(link) => {
                    links.push(link);
                    results.push((point.name, Ok(())));
                }
                Err(_) if point.optional => compat = false,
                Err(error) => results.push((point.name, Err(error))),
            }
        }
        Attached {
            links,
            coverage: self.coverage(compat),
            results,
        }
    }

    /// What is seen if this is attached. `compat`: the kernel took the kprobes
    /// for 32-bit callers.
    pub(super) const fn coverage(self, compat: bool) -> Coverage {
        Coverage {
            mode: self.mode,
            compat: compat || matches!(self.mode, Mode::Raw),
            skippable: self.skippable,
        }
    }

    /// The kernel may skip exit probes, so the witness must send calls as well.
    pub(super) const fn is_skippable(self) -> bool {
        self.skippable
    }

    /// How calls in the machine's own ABI are hooked.
    pub(super) const fn mode(self) -> Mode {
        self.mode
    }
}

impl Coverage {
    /// The name in the `started` line.
    pub(super) const fn name(self) -> &'static str {
        match self.mode {
            Mode::Tracepoint if self.compat => "tracepoint+kprobe",
            Mode::Tracepoint => "tracepoint",
            Mode::Kprobe => "kprobe",
            Mode::Raw => "raw",
        }
    }

    /// What is not seen in full.
    pub(super) fn uncovered(self) -> Vec<&'static str> {
        let mut list = Vec::new();
        if self.mode == Mode::Raw {
            return list;
        }
        list.push(if self.compat {
            UNSEEN_REFUSALS
        } else {
            "32-bit callers: witness only"
        });
        if self.skippable {
            list.push("calls whose probes the kernel skips: witness only, or counted");
        }
        list
    }

    /// The ABIs of the calls whose exits are probed.
    pub(super) fn exits_probed(self) -> impl Iterator<Item = Abi> {
        Abi::ALL.into_iter().filter(move |abi| match abi {
            Abi::Native => true,
            Abi::I386 | Abi::Arm => self.compat,
            Abi::X32 => self.mode == Mode::Raw,
        })
    }

    /// The kernel may skip exit probes.
    pub(super) const fn is_skippable(self) -> bool {
        self.skippable
    }
}

/// Checks that this kernel supports kprobes.
pub(super) fn kprobes() -> Result<()> {
    const PMU: &str = "/sys/bus/event_source/devices/kprobe/type";
    let loads = (ProgramType::Kprobe.is_supported()).is_ok_and(|supported| supported);
    if loads && Path::new(PMU).exists() {
        return Ok(());
    }
    bail!("this kernel takes no kprobes: it was built without CONFIG_KPROBE_EVENTS")
}

/// Calls that seccomp refuses to 32-bit callers never reach a kprobe. Where it
/// kills, the end of the thread shows the call, but not on arm64, whose
/// registers have lost it by then.
#[cfg(target_arch = "x86_64")]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses with an error: not seen";
#[cfg(not(target_arch = "x86_64"))]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses: not seen";

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(attach: Attach, skips: bool, kprobes: bool) -> Option<Plan> {
        let kprobes = if kprobes {
            Ok(())
        } else {
            Err(anyhow!("none"))
        };
        Plan::choose(attach, skips, kprobes).ok()
    }

    #[test]
    fn each_kernel_gets_the_best_that_it_takes() {
        use Attach::{Auto, Kprobe, Raw, Tracepoint};
        let expected = |mode, compat, skippable| {
            Some(Plan {
                mode,
                compat,
                skippable,
                fallback: None,
            })
        };
        let with_fallback = Plan {
            fallback: Some(Mode::Raw),
            ..expected(Mode::Kprobe, true, false).unwrap()
        };
        let cases = [
            (Auto, false, false, expected(Mode::Tracepoint, false, false)),
            (Auto, false, true, expected(Mode::Tracepoint, true, false)),
            (Auto, true, true, Some(with_fallback)),
            (Auto, true, false, expected(Mode::Raw, false, false)),
            (
                Tracepoint,
                true,
                true,
                expected(Mode::Tracepoint, false, true),
            ),
            (Kprobe, false, true, expected(Mode::Kprobe, true, false)),
            (Kprobe, false, false, None),
            (Raw, true, true, expected(Mode::Raw, false, false)),
        ];
        for (attach, skips, kprobes, expected) in cases {
            assert_eq!(plan(attach, skips, kprobes), expected, "{attach:?}");
        }
    }

    #[test]
    fn exits_are_hooked_before_entries_and_nothing_twice() {
        for attach in [
            Attach::Tracepoint,
            Attach::Kprobe,
            Attach::Raw,
            Attach::Auto,
        ] {
            let points = plan(attach, false, true).unwrap().attach_points();
            let witness = (points.iter())
                .position(|point| point.name == "signal_interrupt")
                .unwrap();
            for (at, point) in points.iter().enumerate() {
                assert_eq!(at > witness, point.program.ends_with("_enter"), "{point:?}");
                assert!(!points[..at].contains(point), "{point:?}");
            }
        }
    }

    #[test]
    fn only_what_is_hooked_is_loaded() {
        let raw = plan(Attach::Raw, false, true).unwrap();
        assert!(raw.needs("raw_exit") && raw.needs("signal_witness"));
        assert!(!raw.needs("syscall_exit") && !raw.needs("kprobe_exit"));
        let tracepoint = plan(Attach::Tracepoint, false, true).unwrap();
        assert!(tracepoint.needs("kill_enter") && !tracepoint.needs("kprobe_enter"));
        let auto = plan(Attach::Auto, true, true).unwrap();
        assert!(auto.needs("kprobe_enter") && auto.needs("raw_enter"));
        assert_eq!(auto.fallback(), plan(Attach::Raw, true, true));
    }

    #[test]
    fn what_is_seen_depends_on_what_the_kernel_took() {
        let probed = |coverage: Coverage| coverage.exits_probed().collect::<Vec<_>>();
        let auto = plan(Attach::Auto, false, true).unwrap();
        let full = auto.coverage(true);
        assert_eq!(full.name(), "tracepoint+kprobe");
        assert_eq!(full.uncovered(), [UNSEEN_REFUSALS]);
        assert_eq!(probed(full), [Abi::Native, Abi::I386, Abi::Arm]);

        let refused = auto.coverage(false);
        assert_eq!(refused.name(), "tracepoint");
        assert_eq!(refused.uncovered(), ["32-bit callers: witness only"]);
        assert_eq!(probed(refused), [Abi::Native]);

        let raw = plan(Attach::Raw, false, true).unwrap().coverage(false);
        assert_eq!(raw.name(), "raw");
        assert!(raw.uncovered().is_empty());
        assert_eq!(probed(raw), Abi::ALL);

        let skippable = plan(Attach::Tracepoint, true, true).unwrap();
        assert_eq!(skippable.coverage(false).uncovered().len(), 2);
    }
}
