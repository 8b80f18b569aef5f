//! Filters that the probes cannot apply, as they need names. They are applied
//! before a line is made.

use crate::{
    event::{Call, Process, Scope, Syscall},
    identity::{Cgroup, Names},
    trace::Filters,
};

/// The units and containers that senders and targets must run in. An empty list
/// allows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFilters {
    /// Units of senders.
    pub units: Vec<String>,
    /// Containers of senders.
    pub containers: Vec<String>,
    /// Units of targets.
    pub target_units: Vec<String>,
    /// Containers of targets.
    pub target_containers: Vec<String>,
}

impl NameFilters {
    /// Whether the sender passes. Nobody runs in no unit and no container.
    pub fn wants_sender(&self, names: Option<&Names>) -> bool {
        let cgroup = names.and_then(|names| names.cgroup.as_deref());
        runs_in(cgroup, &self.units, &self.containers)
    }

    /// Whether at least one of the targets passes.
    pub fn wants_targets<'a>(&self, mut targets: impl Iterator<Item = &'a Names>) -> bool {
        (self.target_units.is_empty() && self.target_containers.is_empty())
            || targets.any(|names| {
                runs_in(
                    names.cgroup.as_deref(),
                    &self.target_units,
                    &self.target_containers,
                )
            })
    }
}

fn runs_in(cgroup: Option<&Cgroup>, units: &[String], containers: &[String]) -> bool {
    let is_unit = |wanted: &String| {
        cgroup.is_some_and(|cgroup| {
            [&cgroup.unit, &cgroup.user_unit]
                .into_iter()
                .flatten()
                .any(|unit| matches_unit(unit, wanted))
        })
    };
    let is_container = |wanted: &String| {
        let container = cgroup.and_then(|cgroup| cgroup.container.as_ref());
        container.is_some_and(|container| matches_container(&container.id, wanted))
    };
    (units.is_empty() || units.iter().any(is_unit))
        && (containers.is_empty() || containers.iter().any(is_container))
}

/// As for systemctl, a name without a type is a service's.
fn matches_unit(unit: &str, wanted: &str) -> bool {
    unit == wanted || (!wanted.contains('.') && unit.strip_suffix(".service") == Some(wanted))
}

/// As for docker, the start of an id is enough if it is not too short.
fn matches_container(id: &str, wanted: &str) -> bool {
    id == wanted || (wanted.len() >= 6 && id.len() == 64 && id.starts_with(wanted))
}

/// Applies the filters on targets to a call whose target the probes did not
/// know. `target` is the process if it is known by now.
pub fn wants_undecided(filters: &Filters, call: &Call, target: Option<&Process>) -> bool {
    let Some(target) = target else {
        // Only the number in the call's arguments can pass.
        let (number, is_global) = match (call.syscall, call.pidfd) {
            (_, Some(pidfd)) => (pidfd.pid.map_or(0, u32::cast_signed), true),
            (Syscall::Tkill, _) => return false,
            _ => (call.arg, call.sender.ns_level == 0),
        };
        return filters.target_uids.is_empty()
            && filters.target_comms.is_empty()
            && is_global
            && matches!(call.scope(), Scope::Process | Scope::Thread)
            && u32::try_from(number).is_ok_and(|number| filters.target_pids.contains(&number));
    };
    let is_one = |wanted: &[u32], number: u32| wanted.is_empty() || wanted.contains(&number);
    is_one(&filters.target_pids, target.pid)
        && is_one(&filters.target_uids, target.uid)
        && (filters.target_comms.is_empty()
            || (filters.target_comms.iter()).any(|comm| comm.as_bytes() == target.comm.bytes()))
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::event::samples::{call, process};

    fn running_in(path: &[u8]) -> Names {
        Names {
            cgroup: Some(Rc::new(Cgroup::of(path))),
            ..Names::default()
        }
    }

    const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_unit_may_be_named_without_its_type() {
        let nginx = running_in(b"/system.slice/nginx.service");
        for (wanted, matches) in [
            ("nginx", true),
            ("nginx.service", true),
            ("nginx.socket", false),
            ("ngin", false),
        ] {
            let filters = NameFilters {
                units: vec![wanted.to_owned()],
                ..NameFilters::default()
            };
            assert_eq!(filters.wants_sender(Some(&nginx)), matches, "{wanted}");
            assert!(!filters.wants_sender(Some(&Names::default())), "{wanted}");
            assert!(!filters.wants_sender(None), "{wanted}");
        }
    }

    #[test]
    fn a_container_may_be_named_by_the_start_of_its_id() {
        let docker = running_in(format!("/docker/{CONTAINER}").as_bytes());
        for (wanted, matches) in [(CONTAINER, true), ("0123456", true), ("0123", false)] {
            let filters = NameFilters {
                target_containers: vec![wanted.to_owned()],
                ..NameFilters::default()
            };
            let targets = [Names::default(), docker.clone()];
            assert_eq!(filters.wants_targets(targets.iter()), matches, "{wanted}");
            assert!(filters.wants_sender(None));
            assert!(!filters.wants_targets(std::iter::empty()));
        }
    }

    #[test]
    fn a_target_that_nobody_knows_is_wanted_by_its_number_only() {
        let by_number = Filters {
            target_pids: vec![2],
            ..Filters::default()
        };
        assert!(wants_undecided(&by_number, &call(1), None));
        assert!(!wants_undecided(
            &by_number,
            &Call { arg: 3, ..call(1) },
            None
        ));
        assert!(!wants_undecided(
            &by_number,
            &Call { arg: -2, ..call(1) },
            None
        ));
        assert!(!wants_undecided(&by_number, &call(1), Some(&process(7))));
        let by_comm = Filters {
            target_comms: vec!["sample".to_owned()],
            ..Filters::default()
        };
        assert!(wants_undecided(&by_comm, &call(1), Some(&process(7))));
        assert!(!wants_undecided(&by_comm, &call(1), None));
    }
}
