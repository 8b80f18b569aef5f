//! Which programs are loaded, and where they are hooked.

use std::path::Path;

use anyhow::{Context, Result, anyhow, bail};
use libbpf_rs::{Link, ProgramMut, ProgramType, TracepointCategory};

use super::{options::Attach, preflight, words::explain};
use crate::event::{Abi, Syscall};

/// The first kernel that runs programs on system call tracepoints preemptibly,
/// and skips them.
const SKIPPING: (u32, u32) = (7, 2);

/// What tells of calls in the machine's own ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Tracepoint,
    Kprobe,
    Raw,
}

/// What is hooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    mode: Mode,
    /// Kprobes for 32-bit callers beside tracepoints.
    narrow: bool,
    /// The kernel may skip exit probes.
    skippable: bool,
    /// Nobody has asked for kprobes: what is hooked if they are refused.
    fallback: Option<Mode>,
}

/// A place where a program is hooked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// The program.
    pub program: &'static str,
    /// What the place is called.
    pub name: String,
    hook: Hook,
    /// For 32-bit callers: where it cannot be hooked, less is seen.
    pub optional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hook {
    /// As the program's section says.
    Own,
    SyscallTracepoint,
    Kprobe {
        exit: bool,
    },
}

impl Plan {
    /// The best that was asked for and that this kernel takes.
    ///
    /// # Errors
    /// What this kernel does not take.
    pub fn new(attach: Attach) -> Result<Self> {
        let skips = preflight::version(&preflight::release()).is_some_and(|it| it >= SKIPPING);
        let kprobes = match attach {
            Attach::Auto | Attach::Kprobe => kprobes(),
            _ => Err(anyhow!("not asked for")),
        };
        Self::of(attach, skips, kprobes)
    }

    fn of(attach: Attach, skips: bool, kprobes: Result<()>) -> Result<Self> {
        let (mode, narrow) = match (attach, skips, kprobes) {
            (Attach::Kprobe, _, Err(why)) => return Err(why).context("--attach kprobe"),
            (Attach::Kprobe, _, Ok(())) | (Attach::Auto, true, Ok(())) => (Mode::Kprobe, true),
            (Attach::Raw, ..) | (Attach::Auto, true, Err(_)) => (Mode::Raw, false),
            (Attach::Auto, false, kprobes) => (Mode::Tracepoint, kprobes.is_ok()),
            (Attach::Tracepoint, ..) => (Mode::Tracepoint, false),
        };
        let by_choice = attach == Attach::Auto && mode == Mode::Kprobe;
        Ok(Self {
            mode,
            narrow,
            skippable: skips && mode == Mode::Tracepoint,
            fallback: by_choice.then_some(Mode::Raw),
        })
    }

    /// What to hook instead, if this is refused.
    pub(super) fn fallback(self) -> Option<Self> {
        self.fallback.map(|mode| Self {
            mode,
            narrow: false,
            skippable: false,
            fallback: None,
        })
    }

    /// Is this one of the programs to load? What has to be loaded is decided
    /// before the first is hooked, so the fall-back's are, too.
    pub(super) fn needs(self, program: &str) -> bool {
        let plans = [Some(self), self.fallback()];
        (plans.iter().flatten())
            .flat_map(|plan| plan.places())
            .any(|place| place.program == program)
    }

    /// Exits before entries: an entry without its exit would look like a call
    /// that never ended.
    pub(super) fn places(self) -> Vec<Place> {
        let mut exits = Vec::new();
        let mut entries = Vec::new();
        if self.mode == Mode::Raw {
            exits.push(own("raw_exit"));
            entries.push(own("raw_enter"));
        } else {
            for call in Syscall::ALL {
                exits.push(Place {
                    program: "syscall_exit",
                    name: format!("sys_exit_{}", call.name()),
                    hook: Hook::SyscallTracepoint,
                    optional: false,
                });
            }
        }
        if self.mode == Mode::Tracepoint {
            entries.extend(
                [
                    "kill_enter",
                    "tkill_enter",
                    "tgkill_enter",
                    "rt_sigqueueinfo_enter",
                    "rt_tgsigqueueinfo_enter",
                    "pidfd_send_signal_enter",
                ]
                .map(own),
            );
        }
        let wide = (self.mode == Mode::Kprobe).then_some(native_functions());
        let narrow = self.narrow.then(|| {
            let mut narrow = narrow_functions();
            narrow.retain(|name| !wide.iter().flatten().any(|wide| wide == name));
            narrow
        });
        for (functions, optional) in [(wide, false), (narrow, true)] {
            for name in functions.into_iter().flatten() {
                let place = |program, exit| Place {
                    program,
                    name: name.clone(),
                    hook: Hook::Kprobe { exit },
                    optional,
                };
                exits.push(place("kprobe_exit", true));
                entries.push(place("kprobe_enter", false));
            }
        }
        exits.push(own("thread_death"));
        exits.push(own("signal_witness"));
        exits.append(&mut entries);
        exits
    }

    /// What is hooked, in one word or two.
    pub(super) const fn name(self, narrow_hooked: bool) -> &'static str {
        match self.mode {
            Mode::Tracepoint if narrow_hooked => "tracepoint+kprobe",
            Mode::Tracepoint => "tracepoint",
            Mode::Kprobe => "kprobe",
            Mode::Raw => "raw",
        }
    }

    /// What is not seen in full.
    pub(super) fn uncovered(self, narrow_hooked: bool) -> Vec<&'static str> {
        let mut list = Vec::new();
        if self.mode == Mode::Raw {
            return list;
        }
        list.push(if narrow_hooked {
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
    pub(super) fn exits_probed(self, narrow_hooked: bool) -> impl Iterator<Item = Abi> {
        Abi::ALL.into_iter().filter(move |abi| match abi {
            Abi::Native => true,
            Abi::I386 | Abi::Arm => self.mode == Mode::Raw || narrow_hooked,
            Abi::X32 => self.mode == Mode::Raw,
        })
    }

    /// The kernel may skip exit probes, so that the witness must speak up.
    pub const fn is_skippable(self) -> bool {
        self.skippable
    }

    /// How calls in the machine's own ABI are hooked.
    pub(super) const fn mode(self) -> Mode {
        self.mode
    }
}

fn own(program: &'static str) -> Place {
    Place {
        program,
        name: program.to_owned(),
        hook: Hook::Own,
        optional: false,
    }
}

impl Place {
    pub(super) fn attach(&self, program: &ProgramMut<'_>) -> Result<Link> {
        match self.hook {
            Hook::Own => program.attach(),
            Hook::SyscallTracepoint => {
                program.attach_tracepoint(TracepointCategory::Syscalls, &self.name)
            }
            Hook::Kprobe { exit } => program.attach_kprobe(exit, &self.name),
        }
        .map_err(explain)
    }
}

/// Does this kernel take kprobes?
fn kprobes() -> Result<()> {
    const PMU: &str = "/sys/bus/event_source/devices/kprobe/type";
    let loads = (ProgramType::Kprobe.is_supported()).is_ok_and(|supported| supported);
    if loads && Path::new(PMU).exists() {
        return Ok(());
    }
    bail!("this kernel takes no kprobes: it was built without CONFIG_KPROBE_EVENTS")
}

#[cfg(target_arch = "x86_64")]
const PREFIXES: (&str, &str, &str) = ("__x64_sys_", "__ia32_sys_", "__ia32_compat_sys_");
/// There, the function behind most system calls is the same for both.
#[cfg(not(target_arch = "x86_64"))]
const PREFIXES: (&str, &str, &str) = ("__arm64_sys_", "__arm64_sys_", "__arm64_compat_sys_");

/// What seccomp refuses to 32-bit callers: where it kills, their end tells; but
/// arm64 has forgotten the call by then.
#[cfg(target_arch = "x86_64")]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses with an error: not seen";
#[cfg(not(target_arch = "x86_64"))]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses: not seen";

fn native_functions() -> Vec<String> {
    (Syscall::ALL.into_iter())
        .map(|call| format!("{}{}", PREFIXES.0, call.name()))
        .collect()
}

/// The functions behind 32-bit callers' system calls, those of
/// [`native_functions`] aside where they are hooked already.
fn narrow_functions() -> Vec<String> {
    (Syscall::ALL.into_iter())
        .map(|call| match call {
            Syscall::RtSigqueueinfo | Syscall::RtTgsigqueueinfo => {
                format!("{}{}", PREFIXES.2, call.name())
            }
            _ => format!("{}{}", PREFIXES.1, call.name()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(attach: Attach, skips: bool, kprobes: bool) -> Option<Plan> {
        let kprobes = if kprobes {
            Ok(())
        } else {
            Err(anyhow!("none"))
        };
        Plan::of(attach, skips, kprobes).ok()
    }

    #[test]
    fn each_kernel_gets_the_best_that_it_takes() {
        use Attach::{Auto, Kprobe, Raw, Tracepoint};
        let expected = |mode, narrow, skippable| {
            Some(Plan {
                mode,
                narrow,
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
            let places = plan(attach, false, true).unwrap().places();
            let witness = (places.iter())
                .position(|place| place.name == "signal_witness")
                .unwrap();
            for (at, place) in places.iter().enumerate() {
                assert_eq!(at > witness, place.program.ends_with("_enter"), "{place:?}");
                assert!(!places[..at].contains(place), "{place:?}");
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
}
