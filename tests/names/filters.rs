//! Filters by name, and what they do while a name is not known.

use common::{Actor, Cgroup, command, output_of};
use serde_json::Value;

use super::trees::{Host, fresh_id, fresh_uid, golden, short};

/// Two containers, a pod, and a process in each.
struct Scene {
    host: Host,
    actors: [Actor; 3],
    ids: [String; 3],
    uid: String,
    _cgroups: [Cgroup; 3],
}

impl Scene {
    fn new() -> Self {
        let host = Host::new();
        let (ids, uid) = ([fresh_id(), fresh_id(), fresh_id()], fresh_uid());
        host.write_docker(&ids[0], short("st-web-1"));
        host.write_docker(&ids[1], short("st-db-1"));
        let bundle = format!("k8s.io/{}/config.json", ids[2]);
        host.write(
            format!("/run/containerd/io.containerd.runtime.v2.task/{bundle}"),
            golden("containerd.json", &ids[2], &uid),
        );
        let cgroups = [
            Cgroup::new(&format!("/docker-{}.scope", ids[0])),
            Cgroup::new(&format!("/docker/{}", ids[1])),
            Cgroup::new(&format!("/kubepods/burstable/pod{uid}/{}", ids[2])),
        ];
        let actors = std::array::from_fn(|_| Actor::start());
        for (actor, cgroup) in actors.iter().zip(&cgroups) {
            actor.enter(cgroup.directory());
        }
        Self {
            host,
            actors,
            ids,
            uid,
            _cgroups: cgroups,
        }
    }

    /// Which of the three pass as senders, or as targets of one outside, with
    /// these options. The last to signal is wanted.
    fn passing(&mut self, args: &[&str], wanted: usize) -> Vec<usize> {
        let of_targets = args[0].starts_with("--target");
        let mut outside = Actor::start();
        let pids = self.actors.each_ref().map(|actor| actor.pid);
        let all: Vec<_> = self.actors.iter().chain([&outside]).collect();
        let mut sigtrail = self.host.sigtrail(&all, args);
        let side = if of_targets { "target" } else { "sender" };
        let index = |line: &Value| {
            let pid = line[side]["pid"].as_i64()?;
            pids.iter().position(|&one| one == pid)
        };
        let mut order = vec![0, 1, 2];
        order.swap(wanted, 2);
        // On a machine that is busy, it may take longer to find a name than a
        // filter waits.
        loop {
            for &at in &order {
                let command = format!("call kill {} 0", pids[at]);
                if of_targets {
                    outside.make(&command);
                } else {
                    self.actors[at].make(&command);
                }
            }
            if sigtrail
                .try_next(std::time::Duration::from_secs(1))
                .is_some_and(|line| index(&line) == Some(wanted))
            {
                break;
            }
        }
        let ended = sigtrail.stop();
        ended.assert_clean();
        let mut passed: Vec<_> = ended
            .signals()
            .iter()
            .map(|line| index(line).unwrap())
            .collect();
        passed.sort_unstable();
        passed.dedup();
        passed
    }
}

#[test]
fn containers_and_pods_are_chosen_by_name() {
    let mut scene = Scene::new();
    let (id, uid) = (scene.ids[1].clone(), scene.uid.clone());
    for (option, value, wanted) in [
        ("--container", "st-w*", 0),
        ("--target-container", "st-??-1", 1),
        ("--container", &id[..30], 1),
        ("--target-container", "front-end", 2),
        ("--pod", "shop/web-*", 2),
        ("--target-pod", "web-7c9f-x2x", 2),
        ("--pod", &uid, 2),
    ] {
        let passed = scene.passing(&[option, value], wanted);
        assert_eq!(passed, [wanted], "{option} {value}");
    }
}

#[test]
fn units_are_chosen_by_a_pattern() {
    let units = [
        Cgroup::new("/st-nginx.service"),
        Cgroup::new("/st-cron.service"),
    ];
    let mut actors = [Actor::start(), Actor::start()];
    for (actor, unit) in actors.iter().zip(&units) {
        actor.enter(unit.directory());
    }
    let host = Host::new();
    for pattern in ["st-ngin*", "st-ngin?", "st-n*.service", "st-ngin?.*"] {
        let all: Vec<_> = actors.iter().collect();
        let mut sigtrail = host.sigtrail(&all, &["--unit", pattern]);
        let pids = actors.each_ref().map(|actor| actor.pid);
        for at in [1, 0] {
            actors[at].make(&format!("call kill {} 0", pids[at]));
        }
        sigtrail.wait_for(|line| line["type"] == "signal");
        let lines = sigtrail.stop().signals();
        assert_eq!(lines.len(), 1, "{pattern}: {lines:?}");
        assert_eq!(lines[0]["sender"]["unit"], "st-nginx.service");
    }
}

#[test]
fn a_pattern_that_can_fit_nothing_is_refused() {
    for (option, value, why) in [
        ("--unit", "ngin[xy]", "only wildcards"),
        ("--container", "", "give a name"),
        ("--target-container", "{a,b}", "only wildcards"),
        ("--pod", "shop/", "NAMESPACE/NAME"),
        ("--target-pod", "a/b/c", "NAMESPACE/NAME"),
        ("--names-root", "host", "absolute"),
    ] {
        let output = output_of(&mut command(&[option, value]));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains(why) && said.contains(option),
            "{option} {value}: {said}"
        );
        assert_eq!(output.status.code(), Some(2));
    }
    let output = output_of(&mut command(&["--names-root", "/none/such"]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("/none/such"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
