//! Which programs see who arranges for signals.
//!
//! Each of them only adds names. So what the kernel refuses is left out, and the
//! `started` line says so.

use libbpf_rs::{Link, Object};

use super::{
    attach::kprobes,
    attach_point::{AttachPoint, functions_of},
    options::{Attach, Options},
};

/// What is not seen if a program is refused.
pub(super) const UNSEEN: &str = "who arranged for signals: not all are remembered";

/// How arrangements are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrangements {
    /// Not at all: nobody asks for them.
    Unwanted,
    /// Not at all: this way to hook the system calls has no place for that.
    Unseen,
    /// On functions that only those run who arrange something.
    Kprobes,
    /// On the tracepoints of the system calls.
    Tracepoints,
}

impl Arrangements {
    /// The best that this kernel allows, and the way to hook the system calls.
    pub(super) fn choose(options: &Options) -> Self {
        match (options.arrangers, kprobes()) {
            (false, _) => Self::Unwanted,
            (true, Ok(())) => Self::Kprobes,
            (true, Err(_)) if options.attach == Attach::Light => Self::Unseen,
            (true, Err(_)) => Self::Tracepoints,
        }
    }

    /// Whether a program must be loaded.
    pub(super) fn need(self, program: &str) -> bool {
        (self.attach_points().iter()).any(|point| point.program == program)
    }

    fn attach_points(self) -> Vec<AttachPoint> {
        match self {
            Self::Unwanted | Self::Unseen => Vec::new(),
            Self::Tracepoints => [
                "fcntl_arranged",
                "ioctl_arranged",
                "prlimit_arranged",
                "ptrace_arranged",
                "perf_arranged",
            ]
            .map(AttachPoint::section)
            .into(),
            Self::Kprobes => {
                let [ptrace, ptrace_compat] = functions_of("ptrace");
                let [perf_open, _] = functions_of("perf_event_open");
                vec![
                    AttachPoint::function("kprobe_owner", "__f_setown"),
                    AttachPoint::function("kprobe_limit", "security_task_setrlimit"),
                    AttachPoint::function("kprobe_ptrace", &ptrace),
                    AttachPoint::function("kprobe_ptrace", &ptrace_compat),
                    AttachPoint::function("kprobe_perf", &perf_open),
                ]
            }
        }
    }

    /// Attaches the programs. Returns what is not seen, if anything is not.
    pub(super) fn attach(self, object: &mut Object, links: &mut Vec<Link>) -> Option<&'static str> {
        let mut refused = self == Self::Unseen;
        for point in self.attach_points() {
            let mut programs = object.progs_mut();
            let found = programs.find(|program| program.name() == point.program);
            match found.map(|program| point.attach(&program)) {
                Some(Ok(link)) => links.push(link),
                _ => refused = true,
            }
        }
        refused.then_some(UNSEEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_hooked_is_loaded() {
        assert!(Arrangements::Kprobes.need("kprobe_ptrace"));
        assert!(!Arrangements::Kprobes.need("fcntl_arranged"));
        assert!(Arrangements::Tracepoints.need("fcntl_arranged"));
        assert!(!Arrangements::Tracepoints.need("kprobe_ptrace"));
        assert!(!Arrangements::Unseen.need("fcntl_arranged"));
        assert!(!Arrangements::Unwanted.need("fcntl_arranged"));
    }
}
