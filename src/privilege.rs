//! The capabilities that only the start needs.

use std::fs;

use rustix::{
    io,
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities},
};

/// What the start may need beyond what runs: to load, to attach and to make
/// rings may need `CAP_SYS_ADMIN` if the kernel accepts nothing less, and
/// `CAP_SYS_RESOURCE` if it limits locked memory. `CAP_SYS_NICE` sets the
/// poller's priority.
const START_ONLY: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::SYS_NICE);

/// From this level of `perf_event_paranoid` on, Debian's kernels refuse perf
/// events to `CAP_PERFMON`.
const PARANOIA: i32 = 3;

/// Drops these capabilities, for the calling thread and those that it starts
/// later.
///
/// `CAP_SYS_ADMIN` stays if the kernel demands it for perf events: a CPU that
/// comes online needs a ring, or all calls on it would be lost.
///
/// # Errors
/// A seccomp filter may refuse it.
pub fn drop_start_capabilities() -> io::Result<()> {
    let held = capabilities(None)?;
    set_capabilities(None, without(held, unneeded()))
}

fn unneeded() -> CapabilitySet {
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let level = level.ok().and_then(|level| level.trim().parse().ok());
    if level.is_none_or(|level: i32| level >= PARANOIA) {
        START_ONLY.difference(CapabilitySet::SYS_ADMIN)
    } else {
        START_ONLY
    }
}

fn without(held: CapabilitySets, these: CapabilitySet) -> CapabilitySets {
    CapabilitySets {
        effective: held.effective.difference(these),
        permitted: held.permitted.difference(these),
        inheritable: held.inheritable.difference(these),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tracing_needs_is_kept_and_the_rest_is_gone_for_good() {
        let thread = std::thread::spawn(|| {
            let before = capabilities(None).unwrap();
            drop_start_capabilities().unwrap();
            let after = capabilities(None).unwrap();
            (before, after, set_capabilities(None, before))
        });
        let (before, after, again) = thread.join().unwrap();
        assert!(
            before.effective.contains(CapabilitySet::SYS_ADMIN),
            "run it as root"
        );
        assert!(again.is_err());
        let kept = [
            CapabilitySet::BPF,
            CapabilitySet::PERFMON,
            CapabilitySet::SYS_PTRACE,
            CapabilitySet::DAC_OVERRIDE,
        ];
        for (before, after) in [
            (before.effective, after.effective),
            (before.permitted, after.permitted),
        ] {
            assert_eq!(after, before.difference(unneeded()));
            assert!(!after.contains(CapabilitySet::SYS_RESOURCE));
            assert!(kept.iter().all(|&one| after.contains(one)));
        }
    }
}
