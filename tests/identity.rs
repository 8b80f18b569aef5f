//! Identity against this machine's own files: real cgroups, real users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test panics"
)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::time::Instant;

use sigtrail::{Cgroups, Qos, Runtime, Users};

/// Cgroups made for a test, innermost last; removed with it.
struct Made(Vec<PathBuf>);

impl Made {
    /// Makes `path` below `root`, level by level.
    fn new(root: &Path, path: &str) -> Self {
        let mut made = Self(Vec::new());
        let mut at = root.to_owned();
        for name in path.split('/') {
            at.push(name);
            fs::create_dir(&at).unwrap();
            made.0.push(at.clone());
        }
        made
    }

    fn id(&self) -> u64 {
        fs::metadata(self.0.last().unwrap()).unwrap().ino()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            let _ = fs::remove_dir(path);
        }
    }
}

fn search(cgroups: &mut Cgroups) {
    let now = Instant::now();
    while cgroups.search(now) {}
}

#[test]
fn a_real_cgroup_is_found_by_its_id() {
    let mut cgroups = Cgroups::system();
    let root = cgroups
        .root()
        .expect("a cgroup2 or systemd hierarchy is mounted")
        .to_owned();
    let id = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
    let path = format!(
        "sigtrail{0}-kubepods-burstable-pod{0:08x}_c23a_45a9_b0c7_7bbf8ec3c1ea.slice/\
         cri-containerd-{id}.scope/worker",
        process::id()
    );
    let made = Made::new(&root, &path);

    assert!(cgroups.get(made.id()).is_none());
    search(&mut cgroups);
    let found = cgroups.get(made.id()).unwrap();
    assert_eq!(*found.path, format!("/{path}"));
    assert_eq!(
        found.unit.as_deref(),
        Some(&*format!("cri-containerd-{id}.scope"))
    );
    let container = found.container.as_ref().unwrap();
    assert_eq!(
        (&*container.id, container.runtime),
        (id, Runtime::Containerd)
    );
    let uid = format!("{:08x}-c23a-45a9-b0c7-7bbf8ec3c1ea", process::id());
    let pod = found.pod.as_ref().unwrap();
    assert_eq!((&*pod.uid, pod.qos), (&*uid, Qos::Burstable));
}

#[test]
fn a_cgroup_that_was_learned_keeps_its_name_when_it_is_gone() {
    let mut cgroups = Cgroups::system();
    let root = cgroups
        .root()
        .expect("a cgroup2 or systemd hierarchy is mounted")
        .to_owned();
    let name = format!("sigtrail-gone-{}.service", process::id());
    let made = Made::new(&root, &name);
    let (learned, unlearned) = (made.id(), u64::MAX);
    cgroups.learn(learned, format!("/{name}").as_bytes());
    drop(made);

    assert!(cgroups.get(unlearned).is_none());
    search(&mut cgroups);
    assert!(cgroups.get(unlearned).is_none());
    assert_eq!(cgroups.get(learned).unwrap().unit.as_deref(), Some(&*name));
}

#[test]
fn root_has_its_name_and_nobody_else_has_it() {
    let users = Users::system();
    assert_eq!(users.user(0), Some("root"));
    assert_eq!(users.uid_of("root"), Some(0));
    assert_eq!(users.user(u32::MAX), None);
}
