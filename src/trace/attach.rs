//! Which programs are attached, and where: the plan, and what came of it.
//!
//! There are four ways to see the exits and entries of calls, and no kernel on
//! which one of them is best in every respect. Tracepoints of the six calls
//! cost the callers least, but 32-bit callers never reach them, and from 7.2 on
//! the kernel may skip their programs. Kprobes on the functions behind the
//! calls see 32-bit callers and are not skipped, but not every kernel has them.
//! The tracepoints of all system calls see everything, and every system call on
//! the machine pays for them. With any tracepoint of a system call, though, the
//! kernel takes the long way into every one. The light way has none: kprobes
//! alone, which do not see what seccomp refuses, or only the witness.
//!
//! A [`Plan`] is the choice, made before anything is loaded, because only the
//! programs that it needs are loaded. [`Coverage`] is what the kernel then
//! took: kprobes for 32-bit callers are optional, and where they are refused
//! those calls are seen at their signal only. If kprobes are refused that
//! `auto` chose, the plan's fallback takes their place.

use std::{collections::VecDeque, path::Path};

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::{Link, Object, ProgramType};

use super::{
    attach_point::{AttachPoint, compat_functions, native_functions},
    coverage::{Coverage, Mode, Skips},
    options::Attach,
    preflight,
};
use crate::event::Syscall;

/// The first kernel that runs programs on system call tracepoints preemptibly,
/// and so may skip them.
const SKIPPING: (u32, u32) = (7, 2);

/// The first kernel that runs programs on other tracepoints preemptibly.
const PREEMPTING: (u32, u32) = (7, 0);

/// The first kernel that tells how many exits a kretprobe has missed.
const TELLS_MISSES: (u32, u32) = (6, 7);

/// The programs at the entry tracepoints, which their sections name.
const TRACEPOINT_ENTRIES: [&str; Syscall::ALL.len()] = [
    "kill_enter",
    "tkill_enter",
    "tgkill_enter",
    "rt_sigqueueinfo_enter",
    "rt_tgsigqueueinfo_enter",
    "pidfd_send_signal_enter",
];

/// The two programs that see threads end.
const KPROBE_DEATH: &str = "kprobe_death";
const THREAD_DEATH: &str = "thread_death";

/// What to attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    mode: Mode,
    /// Kprobes on the functions behind 32-bit callers' system calls.
    compat: bool,
    skips: Skips,
    /// Ends of threads are seen by a kprobe, which is never skipped.
    ends_by_kprobe: bool,
    /// What to attach if this is refused; only if the caller left us the
    /// choice.
    fallback: Option<Mode>,
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
        let kernel = preflight::version(&preflight::release()).unwrap_or_default();
        let kprobes = match attach {
            Attach::Auto | Attach::Kprobe | Attach::Light => kprobes(),
            Attach::Tracepoint | Attach::Raw => Err(anyhow!("not asked for")),
        };
        Self::choose(attach, kernel, kprobes)
    }

    fn choose(attach: Attach, kernel: (u32, u32), kprobes: Result<()>) -> Result<Self> {
        let ends_by_kprobe = kernel >= PREEMPTING
            && kprobes.is_ok()
            && !matches!(attach, Attach::Tracepoint | Attach::Raw);
        let (mode, compat) = match (attach, kernel >= SKIPPING, kprobes) {
            (Attach::Kprobe, _, Err(why)) => return Err(why).context("--attach kprobe"),
            (Attach::Kprobe, _, Ok(())) | (Attach::Auto, true, Ok(())) => (Mode::Kprobe, true),
            (Attach::Raw, ..) | (Attach::Auto, true, Err(_)) => (Mode::Raw, false),
            (Attach::Auto, false, kprobes) => (Mode::Tracepoint, kprobes.is_ok()),
            (Attach::Tracepoint, ..) => (Mode::Tracepoint, false),
            (Attach::Light, _, Ok(())) => (Mode::LightKprobe, true),
            (Attach::Light, _, Err(_)) => (Mode::Light, false),
        };
        Ok(Self {
            mode,
            compat,
            skips: match mode {
                Mode::Tracepoint if kernel >= SKIPPING => Skips::Counted,
                Mode::LightKprobe if kernel >= TELLS_MISSES => Skips::Counted,
                Mode::LightKprobe => Skips::Uncounted,
                _ => Skips::Never,
            },
            ends_by_kprobe,
            fallback: match (attach, mode) {
                (Attach::Auto, Mode::Kprobe) => Some(Mode::Raw),
                (Attach::Light, Mode::LightKprobe) => Some(Mode::Light),
                _ => None,
            },
        })
    }

    /// What to attach instead, if this is refused.
    pub(super) fn fallback(self) -> Option<Self> {
        self.fallback.map(|mode| Self {
            mode,
            compat: false,
            skips: Skips::Never,
            ends_by_kprobe: false,
            fallback: None,
        })
    }

    /// Whether a program must be loaded. Those of the fallback must be, too:
    /// all programs are loaded before the first is attached.
    pub(super) fn needs(self, program: &str) -> bool {
        let plans = [Some(self), self.fallback()];
        program == THREAD_DEATH
            || (plans.into_iter().flatten())
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
            Mode::LightKprobe | Mode::Light => {}
        }
        for (function, optional) in self.functions() {
            exits.push(AttachPoint::kretprobe(&function, optional));
            entries.push(AttachPoint::kprobe(&function, optional));
        }
        exits.push(match self.ends_by_kprobe {
            true => AttachPoint::function(KPROBE_DEATH, "exit_files"),
            false => AttachPoint::section(THREAD_DEATH),
        });
        exits.push(AttachPoint::section("process_fork"));
        exits.push(AttachPoint::section("process_exec"));
        exits.push(AttachPoint::section("oom_victim"));
        // In this order: the second takes what the kernel skips of the first.
        exits.push(AttachPoint::section("signal_interrupt"));
        exits.push(AttachPoint::section("signal_witness"));
        exits.append(&mut entries);
        exits
    }

    /// The kernel functions to probe, each once, and whether it is optional.
    fn functions(self) -> impl Iterator<Item = (String, bool)> {
        let native = match self.mode.has_kprobes() {
            true => native_functions(),
            false => Vec::new(),
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
        let mut points = VecDeque::from(self.attach_points());
        while let Some(point) = points.pop_front() {
            let mut programs = object.progs_mut();
            let Some(program) = programs.find(|program| program.name() == point.program) else {
                continue;
            };
            match point.attach(&program) {
                Ok(link) => {
                    links.push(link);
                    results.push((point.name, Ok(())));
                }
                Err(_) if point.program == KPROBE_DEATH => {
                    points.push_front(AttachPoint::section(THREAD_DEATH));
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
            compat: self.compat && compat || matches!(self.mode, Mode::Raw),
            skips: self.skips,
        }
    }

    /// The kernel may skip exit probes, so the witness must send calls as well.
    pub(super) const fn is_skippable(self) -> bool {
        self.skips.may_happen()
    }

    /// How calls in the machine's own ABI are hooked.
    pub(super) const fn mode(self) -> Mode {
        self.mode
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

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: (u32, u32) = (6, 1);
    const NEW: (u32, u32) = (7, 2);

    fn plan(attach: Attach, kernel: (u32, u32), kprobes: bool) -> Option<Plan> {
        let kprobes = if kprobes {
            Ok(())
        } else {
            Err(anyhow!("none"))
        };
        Plan::choose(attach, kernel, kprobes).ok()
    }

    #[test]
    fn each_kernel_gets_the_best_that_it_takes() {
        use Attach::{Auto, Kprobe, Light, Raw, Tracepoint};
        let expected = |mode, compat, skips| {
            Some(Plan {
                mode,
                compat,
                skips,
                ends_by_kprobe: false,
                fallback: None,
            })
        };
        let or = |fallback, plan: Option<Plan>| {
            let fallback = Some(fallback);
            plan.map(|plan| Plan { fallback, ..plan })
        };
        let never = Skips::Never;
        let by_kprobe = expected(Mode::Kprobe, true, never);
        let by_light = |skips| or(Mode::Light, expected(Mode::LightKprobe, true, skips));
        let cases = [
            (Auto, OLD, false, expected(Mode::Tracepoint, false, never)),
            (Auto, OLD, true, expected(Mode::Tracepoint, true, never)),
            (Auto, NEW, true, or(Mode::Raw, by_kprobe)),
            (Auto, NEW, false, expected(Mode::Raw, false, never)),
            (
                Tracepoint,
                NEW,
                true,
                expected(Mode::Tracepoint, false, Skips::Counted),
            ),
            (Kprobe, OLD, true, by_kprobe),
            (Kprobe, OLD, false, None),
            (Raw, NEW, true, expected(Mode::Raw, false, never)),
            (Light, OLD, true, by_light(Skips::Uncounted)),
            (Light, NEW, true, by_light(Skips::Counted)),
            (Light, NEW, false, expected(Mode::Light, false, never)),
        ];
        for (attach, kernel, kprobes, expected) in cases {
            let may_probe = kprobes && ![Tracepoint, Raw].contains(&attach);
            let expected = expected.map(|plan| Plan {
                ends_by_kprobe: kernel == NEW && may_probe,
                ..plan
            });
            assert_eq!(plan(attach, kernel, kprobes), expected, "{attach:?}");
        }
    }

    #[test]
    fn exits_are_hooked_before_entries_and_nothing_twice() {
        for attach in [
            Attach::Tracepoint,
            Attach::Kprobe,
            Attach::Raw,
            Attach::Auto,
            Attach::Light,
        ] {
            let points = plan(attach, OLD, true).unwrap().attach_points();
            let witness = (points.iter())
                .position(|point| point.name == "signal_witness")
                .unwrap();
            for (at, point) in points.iter().enumerate() {
                assert_eq!(at > witness, point.program.ends_with("_enter"), "{point:?}");
                assert!(!points[..at].contains(point), "{point:?}");
            }
        }
    }

    #[test]
    fn only_what_is_hooked_is_loaded() {
        let raw = plan(Attach::Raw, OLD, true).unwrap();
        assert!(raw.needs("raw_exit") && raw.needs("signal_witness"));
        assert!(!raw.needs("syscall_exit") && !raw.needs("kprobe_exit"));
        let tracepoint = plan(Attach::Tracepoint, OLD, true).unwrap();
        assert!(tracepoint.needs("kill_enter") && !tracepoint.needs("kprobe_enter"));
        let auto = plan(Attach::Auto, NEW, true).unwrap();
        assert!(auto.needs("kprobe_enter") && auto.needs("raw_enter"));
        assert!(auto.needs("kprobe_death") && auto.needs("thread_death"));
        assert!(!raw.needs("kprobe_death"));
        assert_eq!(auto.fallback(), plan(Attach::Raw, NEW, true));
    }

    #[test]
    fn the_light_way_has_no_tracepoint_of_a_system_call() {
        const ALWAYS: [&str; 6] = [
            "thread_death",
            "process_fork",
            "process_exec",
            "oom_victim",
            "signal_interrupt",
            "signal_witness",
        ];
        let programs = |plan: Plan| {
            let points = plan.attach_points().into_iter();
            points.map(|point| point.program).collect::<Vec<_>>()
        };
        let light = plan(Attach::Light, OLD, true).unwrap();
        let probes = ["kprobe_enter", "kprobe_exit"];
        let rest = |program: &&str| !probes.contains(program);
        let others: Vec<_> = programs(light).into_iter().filter(rest).collect();
        assert_eq!(others, ALWAYS);
        assert_eq!(
            programs(light).len(),
            ALWAYS.len() + 2 * light.functions().count()
        );
        assert_eq!(programs(light.fallback().unwrap()), ALWAYS);
        assert_eq!(light.fallback(), plan(Attach::Light, OLD, false));
    }
}
