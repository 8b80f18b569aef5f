//! For what it is looked for.

use crate::identity::path::{CgroupNames, Runtime};

/// What names are looked up for: what a cgroup's path says of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// The container's id and what runs it, if it has an id.
    pub(super) container: Option<(Box<str>, Runtime)>,
    /// The pod's uid.
    pub(super) pod_uid: Option<Box<str>>,
    /// The user below whose manager it runs; 0 is the system.
    pub(super) owner: u32,
}

impl Subject {
    /// What can be looked up of a cgroup with these names.
    pub fn of(names: &CgroupNames) -> Option<Self> {
        if names.nested {
            return None;
        }
        let container = names.container.as_ref();
        let container = container
            // The others have a name in place of the id.
            .filter(|container| !matches!(container.runtime, Runtime::Lxc | Runtime::Nspawn))
            .map(|container| (container.id.clone(), container.runtime));
        let pod_uid = names.pod.as_ref().map(|pod| pod.uid.clone());
        let owner = names.unit.as_deref().and_then(manager_of).unwrap_or(0);
        (container.is_some() || pod_uid.is_some()).then_some(Self {
            container,
            pod_uid,
            owner,
        })
    }
}

/// The user whose manager a unit is: `user@1000.service`.
fn manager_of(unit: &str) -> Option<u32> {
    let uid = unit.strip_prefix("user@")?.strip_suffix(".service")?;
    uid.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::path::parse;

    const A: &str = "e9f55c7a4cbd8e0fba6bf9a4a2cdb02e8fcf2d1b6a3a2ad3b3f4f0bdd0b0a9ff";
    const B: &str = "0ca2b3cd20e5f55a2bbe8d4aa3f811cf7963b40f0542ad147054b0fcb60fc400";

    fn subject(path: &str) -> Option<Subject> {
        Subject::of(&parse(path.as_bytes()))
    }

    #[test]
    fn what_has_an_id_or_a_uid_is_looked_up_in_the_files_of_its_owner() {
        let docker = subject(&format!("/system.slice/docker-{A}.scope/below")).unwrap();
        assert_eq!(docker.container, Some((A.into(), Runtime::Docker)));
        assert_eq!((docker.pod_uid, docker.owner), (None, 0));
        let rootless = format!(
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-{A}.scope/container"
        );
        assert_eq!(subject(&rootless).unwrap().owner, 1000);
        let uid = "1858680e-b044-4fd5-9dd4-f137e30e2180";
        let pod = subject(&format!("/kubepods/burstable/pod{uid}/{B}")).unwrap();
        assert_eq!(pod.container, Some((B.into(), Runtime::Cri)));
        assert_eq!(pod.pod_uid.as_deref(), Some(uid));
    }

    #[test]
    fn a_container_in_a_container_is_not_looked_up() {
        let uid = "1858680e-b044-4fd5-9dd4-f137e30e2180";
        for path in [
            format!("/docker/{A}/docker/{B}"),
            format!("/docker/{A}/kubelet.slice/kubepods/burstable/pod{uid}/{B}"),
            format!("/lxc.payload.web/system.slice/docker-{B}.scope"),
            "/lxc.payload.web".to_owned(),
            "/system.slice/nginx.service".to_owned(),
        ] {
            assert_eq!(subject(&path), None, "{path}");
        }
    }
}
