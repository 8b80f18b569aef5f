//! Filters that the probes cannot apply, as they need names. They are applied
//! before a line is made.

mod pattern;

pub use self::pattern::{ContainerPattern, PodPattern, UnitPattern};
use crate::{
    event::{Call, Process, Scope, Syscall},
    identity::Names,
    trace::Filters,
};

/// What senders and targets must run in. An empty list allows all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFilters {
    /// For senders.
    pub senders: Within,
    /// For targets.
    pub targets: Within,
}

/// Units, containers and pods, of each of which one must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Within {
    /// Units.
    pub units: Vec<UnitPattern>,
    /// Containers.
    pub containers: Vec<ContainerPattern>,
    /// Pods.
    pub pods: Vec<PodPattern>,
}

impl NameFilters {
    /// Whether they depend on the names of containers or pods, which are not known
    /// at once.
    pub fn need_names(&self) -> bool {
        [&self.senders, &self.targets]
            .into_iter()
            .any(|within| !within.containers.is_empty() || !within.pods.is_empty())
    }

    /// Whether the sender passes. Nobody runs in no unit, no container and no pod.
    pub fn wants_sender(&self, names: Option<&Names>) -> bool {
        self.senders.has(names.unwrap_or(&Names::default()))
    }

    /// Whether at least one of the targets passes.
    pub fn wants_targets<'a>(&self, mut targets: impl Iterator<Item = &'a Names>) -> bool {
        self.targets == Within::default() || targets.any(|names| self.targets.has(names))
    }
}

impl Within {
    fn has(&self, names: &Names) -> bool {
        fits(&self.units, |unit| unit.fits(names))
            && fits(&self.containers, |container| container.fits(names))
            && fits(&self.pods, |pod| pod.fits(names))
    }
}

fn fits<T>(wanted: &[T], fits: impl FnMut(&T) -> bool) -> bool {
    wanted.is_empty() || wanted.iter().any(fits)
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
    wants_target(filters, target)
}

/// Applies the filters on targets to a process.
pub fn wants_target(filters: &Filters, target: &Process) -> bool {
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
    use crate::{
        event::samples::{call, process},
        identity::{Cgroup, ContainerNames},
    };

    const CONTAINER: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const UID: &str = "1858680e-b044-4fd5-9dd4-f137e30e2180";

    fn running_in(path: &str, container: Option<ContainerNames>) -> Names {
        Names {
            cgroup: Some(Rc::new(Cgroup::of(path.as_bytes()))),
            container: container.map(Rc::new),
            ..Names::default()
        }
    }

    fn senders(within: Within) -> NameFilters {
        NameFilters {
            senders: within,
            ..NameFilters::default()
        }
    }

    #[test]
    fn a_unit_may_be_named_without_its_type_and_by_a_pattern() {
        let nginx = running_in("/system.slice/nginx.service", None);
        for (wanted, matches) in [
            ("nginx", true),
            ("nginx.service", true),
            ("nginx.socket", false),
            ("ngin", false),
            ("ngin*", true),
            ("ngin?", true),
            ("ngin?.service", true),
            ("ngin*.socket", false),
            ("*", true),
        ] {
            let filters = senders(Within {
                units: vec![wanted.parse().unwrap()],
                ..Within::default()
            });
            assert_eq!(filters.wants_sender(Some(&nginx)), matches, "{wanted}");
            assert!(!filters.wants_sender(Some(&Names::default())), "{wanted}");
            assert!(!filters.wants_sender(None), "{wanted}");
            assert!(!filters.need_names());
        }
    }

    #[test]
    fn a_container_may_be_named_by_the_start_of_its_id_and_by_its_name() {
        let path = format!("/docker/{CONTAINER}");
        let web = ContainerNames {
            container_name: Some("shop-web-1".into()),
            ..ContainerNames::default()
        };
        let named = running_in(&path, Some(web));
        let nameless = running_in(&path, None);
        for (wanted, matches) in [
            (CONTAINER, [true, true]),
            ("0123456", [true, true]),
            ("0123", [false, false]),
            ("0123*", [true, true]),
            ("shop-web-1", [true, false]),
            ("shop-*", [true, false]),
            ("shop-web-?", [true, false]),
            ("shop-web", [false, false]),
        ] {
            let filters = NameFilters {
                targets: Within {
                    containers: vec![wanted.parse().unwrap()],
                    ..Within::default()
                },
                ..NameFilters::default()
            };
            let found = [&named, &nameless].map(|container| {
                let targets = [Names::default(), container.clone()];
                filters.wants_targets(targets.iter())
            });
            assert_eq!(found, matches, "{wanted}");
            assert!(filters.wants_sender(None));
            assert!(!filters.wants_targets(std::iter::empty()));
            assert!(filters.need_names());
        }
    }

    #[test]
    fn a_pod_is_named_with_its_namespace_or_without_or_by_its_uid() {
        let web = ContainerNames {
            pod: Some("web-7c9f-x2x".into()),
            pod_namespace: Some("shop".into()),
            pod_container: Some("front".into()),
            ..ContainerNames::default()
        };
        let path = format!("/kubepods/burstable/pod{UID}/{CONTAINER}");
        let web = running_in(&path, Some(web));
        for (wanted, matches) in [
            ("web-7c9f-x2x", true),
            ("web-*", true),
            ("web", false),
            ("shop/web-*", true),
            ("*/web-*", true),
            ("sho?/*", true),
            ("bank/web-*", false),
            (UID, true),
        ] {
            let filters = senders(Within {
                pods: vec![wanted.parse().unwrap()],
                ..Within::default()
            });
            assert_eq!(filters.wants_sender(Some(&web)), matches, "{wanted}");
        }
        let front = senders(Within {
            containers: vec!["front".parse().unwrap()],
            ..Within::default()
        });
        assert!(front.wants_sender(Some(&web)));
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
