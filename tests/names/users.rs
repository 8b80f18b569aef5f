//! A user's own containers are named by that user's files, and by no others.

use std::{
    fs,
    os::unix::fs::{lchown, symlink},
    path::Path,
};

use common::{Actor, Cgroup, cgroup_root};
use serde_json::{Value, json};

use super::trees::{Host, fresh_id, golden, named_in, once, short};

const ANN: u32 = 1017;
const STORE: &str = "home/ann/.local/share/containers/storage/overlay-containers";

/// Gives a tree to a user.
fn give(path: &Path, uid: u32) {
    lchown(path, Some(uid), Some(uid)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            give(&entry.unwrap().path(), uid);
        }
    }
}

#[test]
fn a_users_containers_are_named_from_that_users_home_alone() {
    let host = Host::new();
    let mut actor = Actor::start();
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let manager = format!("/user-{ANN}.slice/user@{ANN}.service/user.slice");
    host.write(
        "/etc/passwd",
        format!("root:x:0:0::/root:/bin/sh\nann:x:{ANN}:1::/home/ann:/x\n"),
    );
    let theirs = fresh_id();
    host.write(
        format!("{STORE}/containers.json"),
        golden("podman.json", &theirs, ""),
    );
    let docker = "home/ann/.local/share/docker/containers";
    let rootless = fresh_id();
    host.write(
        format!("{docker}/{rootless}/config.v2.json"),
        short("rootless"),
    );
    give(&host.path("home/ann"), ANN);
    let said = named_in(
        &mut sigtrail,
        &mut actor,
        &format!("{manager}/libpod-{theirs}.scope"),
    );
    let web = json!({ "container_name": "web-1", "image": "registry.example/shop/web:1.2" });
    assert_eq!(said, web);
    let cgroup = format!("{manager}/docker-{rootless}.scope");
    let said = named_in(&mut sigtrail, &mut actor, &cgroup);
    assert_eq!(said["container_name"], "rootless");

    // Who calls a cgroup like a container of the system's is not that container.
    let system = fresh_id();
    host.write_docker(&system, short("precious"));
    let claim = |sigtrail: &mut _, actor: &mut Actor, below: &str| -> Value {
        let cgroup = Cgroup::new(below);
        actor.enter(cgroup.directory());
        once(sigtrail, actor);
        // Questions are answered in order: this one was, then.
        actor.enter(&cgroup_root());
        let control = fresh_id();
        host.write_docker(&control, short("control"));
        named_in(sigtrail, actor, &format!("/docker-{control}.scope"));
        actor.enter(cgroup.directory());
        let said = once(sigtrail, actor);
        actor.enter(&cgroup_root());
        said
    };
    let outer = fresh_id();
    for below in [
        format!("{manager}/docker-{system}.scope"),
        format!("/docker/{outer}/docker/{system}"),
        format!("/lxc.payload.box/docker-{system}.scope"),
        // Nor are a user's containers the system's.
        format!("/docker-{rootless}.scope"),
    ] {
        assert_eq!(
            claim(&mut sigtrail, &mut actor, &below),
            json!({}),
            "{below}"
        );
    }
    let said = named_in(
        &mut sigtrail,
        &mut actor,
        &format!("/docker-{system}.scope"),
    );
    assert_eq!(said["container_name"], "precious");
    sigtrail.stop().assert_clean();
}

#[test]
fn a_link_out_of_a_users_home_leads_nowhere() {
    let host = Host::new();
    let mut actor = Actor::start();
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let manager = format!("/user-{ANN}.slice/user@{ANN}.service");
    host.write("/etc/passwd", format!("ann:x:{ANN}:1::/home/ann:/x\n"));
    let [stolen, own] = [fresh_id(), fresh_id()];
    host.write_docker(&stolen, short("stolen"));
    let docker = "home/ann/.local/share/docker/containers";
    host.write(format!("{docker}/{own}/config.v2.json"), short("own"));
    let to = format!("/var/lib/docker/containers/{stolen}");
    symlink(to, host.path(format!("{docker}/{stolen}"))).unwrap();
    give(&host.path("home/ann"), ANN);
    let cgroup = Cgroup::new(&format!("{manager}/docker-{stolen}.scope"));
    actor.enter(cgroup.directory());
    once(&mut sigtrail, &mut actor);
    let said = named_in(
        &mut sigtrail,
        &mut actor,
        &format!("{manager}/docker-{own}.scope"),
    );
    assert_eq!(said["container_name"], "own");
    actor.enter(cgroup.directory());
    assert_eq!(once(&mut sigtrail, &mut actor), json!({}));
    actor.enter(&cgroup_root());
    sigtrail.stop().assert_clean();
}
