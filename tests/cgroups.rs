//! Where sender and target run: cgroups under the names that systemd and the
//! runtimes of containers give them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;

use common::{Actor, Call, Cgroup, Scene, Sender, Sigtrail, cgroup_root, kill, process};
use serde_json::{Value, json};

const USR1: i64 = 10;
const TERM: i64 = 15;
const ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
const OTHER_ID: &str = "0b87e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc06622";
const POD: &str = "1858680e-b044-4fd5-9dd4-f137e30e2180";

/// What a line says of the cgroup that a process is in, its path aside.
fn cgroup_fields(process: &Value) -> Value {
    let keys = process::CGROUP_KEYS.iter().filter(|key| **key != "cgroup");
    keys.filter(|key| !process[**key].is_null())
        .map(|key| ((*key).to_owned(), process[*key].clone()))
        .collect()
}

/// Below which path what must be said.
fn names() -> Vec<(String, Value)> {
    let uid = POD.replace('-', "_");
    let unit = |name: String, runtime: &str| {
        let said = json!({ "unit": name, "container": ID, "container_runtime": runtime });
        (format!("/{name}"), said)
    };
    let mut pod = unit(format!("cri-containerd-{ID}.scope"), "containerd");
    pod.0 = format!(
        "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice{}",
        pod.0
    );
    pod.1["pod_uid"] = POD.into();
    pod.1["pod_qos"] = "Burstable".into();
    vec![
        ("/nginx.service".into(), json!({ "unit": "nginx.service" })),
        (
            "/getty@tty1.service".into(),
            json!({ "unit": "getty@tty1.service" }),
        ),
        (
            "/session-7.scope".into(),
            json!({ "unit": "session-7.scope" }),
        ),
        unit(format!("docker-{ID}.scope"), "docker"),
        unit(format!("libpod-{ID}.scope"), "podman"),
        unit(format!("cri-containerd-{ID}.scope"), "containerd"),
        unit(format!("crio-{ID}.scope"), "crio"),
        (
            format!("/docker/{ID}"),
            json!({ "container": ID, "container_runtime": "docker" }),
        ),
        pod,
    ]
}

#[test]
fn units_containers_and_pods_of_both_sides_are_named() {
    let other = Cgroup::new("/other.service");
    let mut cgroups = Vec::new();
    let (mut actor, target) = (Actor::start(), Actor::start());
    let mut scene = Scene::of(&[&actor], &[]);
    for (below, said) in names() {
        let cgroup = Cgroup::new(&below);
        for (sender_in, target_in) in [(&cgroup, &other), (&other, &cgroup), (&cgroup, &cgroup)] {
            actor.enter(sender_in.directory());
            target.enter(target_in.directory());
            let sender = Sender::of(&actor);
            scene.call_as(&mut actor, &sender, kill(target.pid, USR1), 0);
        }
        cgroups.push((cgroup, said));
    }
    let lines = scene.finish().signals();
    let elsewhere = json!({ "unit": "other.service" });
    for (lines, (cgroup, said)) in lines.chunks(3).zip(&cgroups) {
        let wanted = [(said, &elsewhere), (&elsewhere, said), (said, said)];
        for (line, (sender, target)) in lines.iter().zip(wanted) {
            assert_eq!(cgroup_fields(&line["sender"]), *sender, "{line}");
            assert_eq!(cgroup_fields(&line["target"]), *target, "{line}");
        }
        assert_eq!(lines[0]["sender"]["cgroup"], cgroup.path);
        assert_eq!(lines[1]["target"]["cgroup"], cgroup.path);
        let relation = &lines[2]["relation"];
        assert_eq!(relation["same_unit"] == true, said["unit"].is_string());
        assert_eq!(
            relation["same_container"] == true,
            said["container"].is_string()
        );
        assert_eq!(lines[0]["relation"]["same_unit"], Value::Null);
    }
}

/// Long before sigtrail reads of the call.
#[test]
fn a_cgroup_that_is_gone_is_still_named() {
    let names = names();
    let mut actors: Vec<_> = names.iter().map(|_| Actor::start()).collect();
    let seen: Vec<_> = actors.iter().collect();
    let mut scene = Scene::of(&seen, &["--poll-interval", "1s"]);
    let mut paths = Vec::new();
    for (actor, (below, _)) in actors.iter_mut().zip(&names) {
        let cgroups = [Cgroup::new(below), Cgroup::new(below)];
        let mut target = Actor::start();
        target.make("unblock");
        actor.enter(cgroups[0].directory());
        target.enter(cgroups[1].directory());
        let sender = Sender::of(actor);
        scene.call_as(actor, &sender, kill(target.pid, TERM), 0);
        assert_eq!(target.death(), 15);
        actor.enter(&cgroup_root());
        paths.push(cgroups.each_ref().map(|cgroup| cgroup.path.clone()));
        cgroups.into_iter().for_each(Cgroup::remove);
    }
    let lines = scene.finish().signals();
    for ((line, paths), (_, said)) in lines.iter().zip(paths).zip(names) {
        for (side, path) in ["sender", "target"].into_iter().zip(paths) {
            assert_eq!(cgroup_fields(&line[side]), said, "{path}");
            assert_eq!(line[side]["cgroup"], path);
        }
    }
}

/// Makes each call and tells which of them came out; the last must.
#[track_caller]
fn chosen(args: &[&str], actor: &mut Actor, calls: &[Call]) -> Vec<i64> {
    let pid = actor.pid.to_string();
    let mut sigtrail = Sigtrail::start(&[&["-p", &pid], args].concat());
    for call in calls {
        actor.make(&format!("call {}", call.command()));
    }
    let last = calls.last().unwrap().arg();
    sigtrail.wait_for(|line| line["type"] == "signal" && line["target"]["arg"] == last);
    let ended = sigtrail.stop();
    ended.assert_clean();
    let lines = ended.signals();
    lines
        .iter()
        .map(|line| line["target"]["arg"].as_i64().unwrap())
        .collect()
}

#[test]
fn senders_are_chosen_by_unit_and_container() {
    let service = Cgroup::new("/st-nginx.service");
    let docker = Cgroup::new(&format!("/docker-{ID}.scope"));
    let mut actor = Actor::start();
    let pid = actor.pid;
    for (option, value, passes) in [
        ("--unit", "st-nginx.service", [true, false]),
        ("--unit", "st-nginx", [true, false]),
        ("--unit", &format!("docker-{ID}.scope"), [false, true]),
        ("--container", ID, [false, true]),
        ("--container", &ID[..12], [false, true]),
        ("--container", OTHER_ID, [false, false]),
    ] {
        let mut sigtrail = Sigtrail::start(&["-p", &pid.to_string(), option, value]);
        let mut expected = Vec::new();
        for (cgroup, passes) in [&service, &docker].into_iter().zip(passes) {
            actor.enter(cgroup.directory());
            let line = kill(pid, USR1).line(&Sender::of(&actor), 0);
            actor.make(&format!("call kill {pid} {USR1}"));
            if passes {
                sigtrail.wait_for(|line| line["type"] == "signal");
                expected.push(line);
            }
        }
        let ended = sigtrail.stop();
        ended.assert_clean();
        common::assert_lines(&ended.signals(), &expected);
    }
}

#[test]
fn targets_are_chosen_by_all_that_is_known_of_them() {
    const STRANGER: i64 = 3_999_000_005;
    let service = Cgroup::new("/st-target.service");
    let docker = Cgroup::new(&format!("/docker-{ID}.scope"));
    let mut actor = Actor::start();
    let mut targets: [Actor; 4] = std::array::from_fn(|_| Actor::start());
    targets[0].enter(service.directory());
    targets[1].enter(docker.directory());
    targets[2].set_comm(b"st-chosen");
    targets[3].make(&format!("ids {STRANGER} {STRANGER}"));
    let pids = targets.each_ref().map(|target| target.pid);
    let uid = STRANGER.to_string();
    for (args, wanted) in [
        (["--target-unit", "st-target"], 0),
        (["--target-unit", "st-target.service"], 0),
        (["--target-container", ID], 1),
        (["--target-container", &ID[..6]], 1),
        (["--target-comm", "st-chosen"], 2),
        (["--target-uid", &uid], 3),
    ] {
        // Signalled, or only asked for.
        for signal in [USR1, 0] {
            let mut calls = pids.map(|pid| kill(pid, signal));
            calls.swap(wanted, 3);
            assert_eq!(
                chosen(&args, &mut actor, &calls),
                [pids[wanted]],
                "{args:?}"
            );
        }
    }
}

#[test]
fn a_group_passes_if_one_of_its_members_does() {
    let docker = Cgroup::new(&format!("/docker-{ID}.scope"));
    let mut actor = Actor::start();
    let (group, other) = (actor.ask("group 3"), actor.ask("group 2"));
    let member = group[1].to_string();
    fs::write(docker.directory().join("cgroup.procs"), &member).unwrap();
    let calls = [kill(-other[0], USR1), kill(-group[0], USR1)];
    for args in [["-t", member.as_str()], ["--target-container", ID]] {
        assert_eq!(chosen(&args, &mut actor, &calls), [-group[0]], "{args:?}");
    }
}

#[test]
fn only_fatal_signals_pass_when_asked_for() {
    let mut actor = Actor::start();
    let [handles, ignores, blocks, dies, aborts, grouped, last] = [
        "make handle 15",
        "make ignore 15",
        "make block 15",
        "make default 15",
        "make default 6",
        "make default 15",
        "make default 15",
    ]
    .map(|how| actor.get(how));
    let calls = [
        kill(handles, TERM),
        kill(ignores, TERM),
        kill(blocks, TERM),
        kill(last, 0),
        kill(dies, TERM),
        kill(aborts, 6),
        kill(-grouped, TERM),
        kill(last, 9),
    ];
    // What is blocked may end it later.
    let fatal = [blocks, dies, aborts, -grouped, last];
    assert_eq!(chosen(&["--fatal"], &mut actor, &calls), fatal);
}
