//! The ways to hook the system calls, and what is seen of calls with each.

use crate::event::Abi;

/// How calls in the machine's own ABI are hooked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Tracepoint,
    Kprobe,
    Raw,
    /// By kprobes alone.
    LightKprobe,
    /// Not at all: the witness is alone.
    Light,
}

impl Mode {
    /// Kprobes are on the functions behind native callers' system calls.
    pub(super) const fn has_kprobes(self) -> bool {
        matches!(self, Self::Kprobe | Self::LightKprobe)
    }
}

/// The kernel may skip probes of exits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Skips {
    Never,
    Counted,
    /// A kretprobe misses an exit if too many threads are in its function.
    Uncounted,
}

impl Skips {
    /// Whether the kernel may skip any.
    pub(super) const fn may_happen(self) -> bool {
        !matches!(self, Self::Never)
    }
}

/// What was attached, and so what is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coverage {
    pub(super) mode: Mode,
    /// The calls of 32-bit callers are probed.
    pub(super) compat: bool,
    pub(super) skips: Skips,
}

impl Coverage {
    /// The name in the `started` line.
    pub(super) const fn name(self) -> &'static str {
        match self.mode {
            Mode::Tracepoint if self.compat => "tracepoint+kprobe",
            Mode::Tracepoint => "tracepoint",
            Mode::Kprobe => "kprobe",
            Mode::Raw => "raw",
            Mode::LightKprobe => "light+kprobe",
            Mode::Light => "light",
        }
    }

    /// What is not seen in full.
    pub(super) fn uncovered(self) -> Vec<&'static str> {
        let mut list = Vec::new();
        match self.mode {
            Mode::Raw => {}
            Mode::Light => list.extend(SEEN_BY_WITNESS),
            Mode::LightKprobe => list.push(UNSEEN_REFUSALS_OF_ALL),
            Mode::Tracepoint | Mode::Kprobe if self.compat => list.push(UNSEEN_REFUSALS),
            Mode::Tracepoint | Mode::Kprobe => {}
        }
        if !self.compat && self.mode != Mode::Light {
            list.push("32-bit callers: witness only");
        }
        match self.skips {
            Skips::Never => {}
            Skips::Counted => {
                list.push("calls whose probes the kernel skips: witness only, or counted");
            }
            Skips::Uncounted => {
                list.push("calls whose probes the kernel skips: witness only, or not seen");
            }
        }
        list
    }

    /// The ABIs of the calls whose exits are probed.
    pub(super) fn exits_probed(self) -> impl Iterator<Item = Abi> {
        Abi::ALL.into_iter().filter(move |abi| match abi {
            Abi::Native => self.mode != Mode::Light,
            Abi::I386 | Abi::Arm => self.compat,
            Abi::X32 => self.mode == Mode::Raw,
        })
    }

    /// The kernel may skip exit probes.
    pub(super) const fn is_skippable(self) -> bool {
        self.skips.may_happen()
    }

    /// No other program sees the exits that a kretprobe misses.
    pub(super) const fn has_kretprobes_alone(self) -> bool {
        matches!(self.mode, Mode::LightKprobe)
    }

    /// Only signals are seen, and the calls that sent them.
    pub(super) const fn is_witness_alone(self) -> bool {
        matches!(self.mode, Mode::Light)
    }
}

/// Calls that seccomp refuses to 32-bit callers never reach a kprobe. Where it
/// kills, the end of the thread shows the call, but not on arm64, whose
/// registers have lost it by then.
#[cfg(target_arch = "x86_64")]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses with an error: not seen";
#[cfg(not(target_arch = "x86_64"))]
const UNSEEN_REFUSALS: &str = "32-bit calls that seccomp refuses: not seen";

/// As those, where kprobes are alone.
#[cfg(target_arch = "x86_64")]
const UNSEEN_REFUSALS_OF_ALL: &str = "calls that seccomp refuses with an error: not seen";
#[cfg(not(target_arch = "x86_64"))]
const UNSEEN_REFUSALS_OF_ALL: &str = "calls that seccomp refuses: not seen";

/// What the witness alone sees of calls.
const SEEN_BY_WITNESS: [&str; 2] = [
    "calls that fail or send signal 0: not seen",
    "all other calls: witness only",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn coverage(mode: Mode, compat: bool, skips: Skips) -> Coverage {
        Coverage {
            mode,
            compat,
            skips,
        }
    }

    fn probed(coverage: Coverage) -> Vec<Abi> {
        coverage.exits_probed().collect()
    }

    #[test]
    fn what_is_seen_depends_on_what_the_kernel_took() {
        let full = coverage(Mode::Tracepoint, true, Skips::Never);
        assert_eq!(full.name(), "tracepoint+kprobe");
        assert_eq!(full.uncovered(), [UNSEEN_REFUSALS]);
        assert_eq!(probed(full), [Abi::Native, Abi::I386, Abi::Arm]);

        let refused = coverage(Mode::Tracepoint, false, Skips::Never);
        assert_eq!(refused.name(), "tracepoint");
        assert_eq!(refused.uncovered(), ["32-bit callers: witness only"]);
        assert_eq!(probed(refused), [Abi::Native]);

        let raw = coverage(Mode::Raw, true, Skips::Never);
        assert_eq!(raw.name(), "raw");
        assert!(raw.uncovered().is_empty());
        assert_eq!(probed(raw), Abi::ALL);

        let skippable = coverage(Mode::Tracepoint, false, Skips::Counted);
        assert_eq!(skippable.uncovered().len(), 2);
    }

    #[test]
    fn the_light_way_says_what_it_does_not_see() {
        let full = coverage(Mode::LightKprobe, true, Skips::Uncounted);
        assert_eq!(full.name(), "light+kprobe");
        let unseen = "calls whose probes the kernel skips: witness only, or not seen";
        assert_eq!(full.uncovered(), [UNSEEN_REFUSALS_OF_ALL, unseen]);
        assert_eq!(probed(full), [Abi::Native, Abi::I386, Abi::Arm]);
        let narrow_refused = coverage(Mode::LightKprobe, false, Skips::Counted);
        assert_eq!(narrow_refused.uncovered().len(), 3);
        assert_eq!(probed(narrow_refused), [Abi::Native]);

        let alone = coverage(Mode::Light, false, Skips::Never);
        assert_eq!(alone.name(), "light");
        assert_eq!(alone.uncovered(), SEEN_BY_WITNESS);
        assert_eq!(probed(alone), []);
    }
}
