//! Capabilities that only the start needs.

use std::fs;

use rustix::{
    io,
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities},
};

/// Loading, attaching and making the rings may need these: `CAP_SYS_ADMIN` where
/// the kernel takes nothing less, `CAP_SYS_RESOURCE` where it accounts locked
/// memory, `CAP_SYS_NICE` for the poller's priority. What goes on, reading of
/// maps and of `/proc`, does not.
const OF_THE_START: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::SYS_NICE);

/// From which level on Debian's kernels refuse perf events to `CAP_PERFMON`.
const PARANOIA: i32 = 3;

/// Gives them up, for the calling thread and those that it starts later.
///
/// `CAP_SYS_ADMIN` stays where the kernel wants it for perf events: a CPU that
/// comes on line needs a ring, or all calls on it would be lost.
///
/// # Errors
/// Where a filter of system calls refuses it.
pub fn drop_those_of_the_start() -> io::Result<()> {
    let held = capabilities(None)?;
    set_capabilities(None, without(held, not_needed()))
}

fn not_needed() -> CapabilitySet {
    let level = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid");
    let level = level.ok().and_then(|level| level.trim().parse().ok());
    if level.is_none_or(|level: i32| level >= PARANOIA) {
        OF_THE_START.difference(CapabilitySet::SYS_ADMIN)
    } else {
        OF_THE_START
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
            drop_those_of_the_start().unwrap();
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
            assert_eq!(after, before.difference(not_needed()));
            assert!(!after.contains(CapabilitySet::SYS_RESOURCE));
            assert!(kept.iter().all(|&one| after.contains(one)));
        }
    }
}
