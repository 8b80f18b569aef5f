//! Unit, container and pod, as a cgroup's path names them.
//!
//! Pure: no file is read, and nothing is reported that the path does not say.
//! Whoever may create a cgroup chooses its name: root anywhere, a user below
//! their own `user@UID.service`, and a container below its own cgroup if
//! cgroupfs is writable in it. Any of them can create a cgroup called
//! `docker-<64 digits>.scope` and be reported as that container. So a container
//! below a `user_unit`, or inside another container, is only as trustworthy as
//! that user or that container. But nobody can change the names further up:
//! `unit` is always the host's own name.

mod components;
mod container;
mod pod;
mod unit;

pub use self::{
    container::{Container, Runtime},
    pod::{Pod, Qos},
};
use self::{
    container::{Containers, containers},
    unit::units,
};

/// The names in a cgroup's path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CgroupNames {
    /// The host's system unit: `nginx.service`, `session-3.scope`,
    /// `user@1000.service`.
    pub unit: Option<Box<str>>,
    /// Below a user's own manager, the unit of that manager: `firefox.service`.
    pub user_unit: Option<Box<str>>,
    /// The innermost container around the cgroup.
    pub container: Option<Container>,
    /// The innermost Kubernetes pod around the cgroup.
    pub pod: Option<Pod>,
    /// One of these two is inside another container, whose own files tell of it,
    /// if any do.
    pub nested: bool,
}

/// Reads a path as the kernel gives it: absolute from the root of the
/// hierarchy, any bytes.
///
/// Takes a few microseconds, so do it once for each cgroup
/// ([`super::cgroup::Cgroups`] keeps the result), not for each event.
pub fn parse(path: &[u8]) -> CgroupNames {
    let units = units(path);
    let Containers {
        container,
        pod,
        nested,
    } = containers(path);
    CgroupNames {
        unit: units.unit.map(Box::from),
        user_unit: units.user_unit.map(Box::from),
        container,
        pod,
        nested,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_container_of_a_service_has_both_names() {
        let id = "9687bac58d5c4d1606aa46af33d1a21c1d1652e0ac9fb3fc0fc86e3495f42869";
        let path = format!("/system.slice/nginx.service/libpod-payload-{id}/");
        let names = parse(path.as_bytes());
        assert_eq!(names.unit.as_deref(), Some("nginx.service"));
        let container = names.container.unwrap();
        assert_eq!((&*container.id, container.runtime), (id, Runtime::Podman));
    }

    #[test]
    fn a_pod_of_systemd_has_scope_container_and_uid() {
        let path = "/kubepods.slice/kubepods-burstable.slice/\
            kubepods-burstable-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice/cri-containerd-\
            66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87.scope";
        let names = parse(path.as_bytes());
        assert!(names.unit.unwrap().starts_with("cri-containerd-66221e"));
        let pod = names.pod.unwrap();
        assert_eq!(&*pod.uid, "1858680e-b044-4fd5-9dd4-f137e30e2180");
        assert_eq!(pod.qos, Qos::Burstable);
    }

    proptest! {
        #[test]
        fn no_path_panics_and_units_are_parts_of_it(path in prop::collection::vec(any::<u8>(), 0..300)) {
            let names = parse(&path);
            for name in [names.unit, names.user_unit].into_iter().flatten() {
                prop_assert!(name.is_ascii() && name.len() <= 255);
                prop_assert!(path.windows(name.len()).any(|part| part == name.as_bytes()));
            }
        }

        #[test]
        fn a_path_of_likely_words_does_not_panic(words in prop::collection::vec(
            prop_oneof![
                Just("docker"), Just("kubepods"), Just("pod"), Just("lxc"), Just("machine.slice"),
                Just("machine-"), Just("libpod-"), Just(".scope"), Just(".slice"), Just(":"),
                Just("cri-containerd"), Just("user@1000.service"), Just("\\x2d"), Just("\\x"),
                Just("/"), Just("_"), Just("@"), Just("ecs"), Just("é"),
                Just("e9f55c7a4cbd8e0fba6bf9a4a2cdb02e8fcf2d1b6a3a2ad3b3f4f0bdd0b0a9ff"),
            ], 0..40)) {
            let _ = parse(words.concat().as_bytes());
        }
    }
}
