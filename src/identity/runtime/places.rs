//! Where runtimes and the kubelet keep their files.

use std::path::{Path, PathBuf};

/// Docker's data root.
const DOCKER: [&str; 2] = ["/var/lib/docker", "/var/snap/docker/common/var-lib-docker"];

/// The graph root and the run root of containers/storage.
const STORAGE: [&str; 2] = ["/var/lib/containers/storage", "/run/containers/storage"];

/// containerd's state: plain, of k3s and RKE2, of MicroK8s, of k0s, and the one
/// that belongs to Docker.
const CONTAINERD: [&str; 5] = [
    "/run/containerd",
    "/run/k3s/containerd",
    "/var/snap/microk8s/common/run/containerd",
    "/run/k0s/containerd",
    "/run/docker/containerd/daemon",
];

/// Where the kubelet's logs are.
const KUBELET: [&str; 1] = ["/var/log"];

/// Below a user's home.
const ROOTLESS_DOCKER: &str = ".local/share/docker";
const ROOTLESS_STORAGE: &str = ".local/share/containers/storage";

/// Where to look for names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The directory that all other paths start from: the host's root, wherever
    /// that is mounted.
    pub root: PathBuf,
    /// More directories, each of any of the kinds.
    pub more: Vec<PathBuf>,
}

impl Places {
    /// Directories of Docker.
    pub(super) fn docker(&self, home: Option<&Path>) -> Vec<PathBuf> {
        self.of(&DOCKER, home, ROOTLESS_DOCKER)
    }

    /// Directories of containers/storage.
    pub(super) fn storage(&self, home: Option<&Path>) -> Vec<PathBuf> {
        self.of(&STORAGE, home, ROOTLESS_STORAGE)
    }

    /// Directories of containerd, which a user has elsewhere each time.
    pub(super) fn containerd(&self) -> Vec<PathBuf> {
        self.of(&CONTAINERD, None, "")
    }

    /// Directories with logs of the kubelet.
    pub(super) fn kubelet(&self) -> Vec<PathBuf> {
        self.of(&KUBELET, None, "")
    }

    /// Those of a user if there is a home, else the system's.
    fn of(&self, system: &[&str], home: Option<&Path>, below: &str) -> Vec<PathBuf> {
        match home {
            Some(home) => vec![home.join(below)],
            None => (self.more.iter().cloned())
                .chain(system.iter().map(PathBuf::from))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_configured_comes_first_and_a_user_has_their_own() {
        let places = Places {
            root: "/".into(),
            more: vec!["/data/docker".into()],
        };
        let system = places.docker(None);
        assert_eq!(system[0], Path::new("/data/docker"));
        assert_eq!(system[1], Path::new("/var/lib/docker"));
        let users = places.storage(Some(Path::new("/home/ann")));
        assert_eq!(
            users,
            [Path::new("/home/ann/.local/share/containers/storage")]
        );
    }
}
