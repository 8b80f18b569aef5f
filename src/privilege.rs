//! Capabilities that only the start needs.

use rustix::{
    io,
    thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities},
};

/// Loading, attaching and making the rings may need these: `CAP_SYS_ADMIN` where
/// the kernel takes nothing less (`perf_event_paranoid` above 2),
/// `CAP_SYS_RESOURCE` where it accounts locked memory, `CAP_SYS_NICE` for the
/// poller's priority. What goes on, reading of maps and of `/proc`, does not.
const OF_THE_START: CapabilitySet = CapabilitySet::SYS_ADMIN
    .union(CapabilitySet::SYS_RESOURCE)
    .union(CapabilitySet::SYS_NICE);

/// Gives them up, for the calling thread and those that it starts later.
///
/// # Errors
/// Where a filter of system calls refuses it.
pub fn drop_those_of_the_start() -> io::Result<()> {
    let held = capabilities(None)?;
    set_capabilities(None, without(held, OF_THE_START))
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
            assert_eq!(after, before.difference(OF_THE_START));
            assert!(kept.iter().all(|&one| after.contains(one)));
        }
    }
}
