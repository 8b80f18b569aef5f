//! Identity against this machine's own files: real cgroups, real users.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed test panics"
)]

use std::{fs, os::unix::fs::MetadataExt, process, time::Instant};

use common::Cgroup;
use sigtrail::{Cgroups, Qos, Runtime, Users};

fn id(of: &Cgroup) -> u64 {
    fs::metadata(of.directory()).unwrap().ino()
}

fn search(cgroups: &mut Cgroups) {
    let now = Instant::now();
    while cgroups.search(now) {}
}

#[test]
fn a_real_cgroup_is_found_by_its_id() {
    let mut cgroups = Cgroups::system();
    let container = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
    let made = Cgroup::new(&format!(
        "/sigtrail{0}-kubepods-burstable-pod{0:08x}_c23a_45a9_b0c7_7bbf8ec3c1ea.slice/\
         cri-containerd-{container}.scope/worker",
        process::id()
    ));

    assert!(cgroups.get(id(&made)).is_none());
    search(&mut cgroups);
    let found = cgroups.get(id(&made)).unwrap();
    assert_eq!(*found.path, made.path);
    assert_eq!(
        found.unit.as_deref(),
        Some(&*format!("cri-containerd-{container}.scope"))
    );
    let known = found.container.as_ref().unwrap();
    assert_eq!(
        (&*known.id, known.runtime),
        (container, Runtime::Containerd)
    );
    let uid = format!("{:08x}-c23a-45a9-b0c7-7bbf8ec3c1ea", process::id());
    let pod = found.pod.as_ref().unwrap();
    assert_eq!((&*pod.uid, pod.qos), (&*uid, Qos::Burstable));
}

#[test]
fn a_cgroup_that_was_learned_keeps_its_name_when_it_is_gone() {
    let mut cgroups = Cgroups::system();
    let name = "gone.service";
    let made = Cgroup::new(&format!("/{name}"));
    let (learned, unlearned) = (id(&made), u64::MAX);
    cgroups.learn(learned, made.path.as_bytes());
    made.remove();

    assert!(cgroups.get(unlearned).is_none());
    search(&mut cgroups);
    assert!(cgroups.get(unlearned).is_none());
    assert_eq!(cgroups.get(learned).unwrap().unit.as_deref(), Some(name));
}

#[test]
fn root_has_its_name_and_nobody_else_has_it() {
    let users = Users::system();
    assert_eq!(users.user(0), Some("root"));
    assert_eq!(users.uid_of("root"), Some(0));
    assert_eq!(users.user(u32::MAX), None);
}
