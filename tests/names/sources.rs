//! Whose files name which container.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    process::{Command, Stdio},
};

use common::{Actor, Cgroup, Killed, cgroup_root, command, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::trees::{
    Host, fresh_id, fresh_uid, golden, named_in, names, once, short, until, until_named,
};

const STORAGE: &str = "/var/lib/containers/storage/overlay-containers";

/// What the golden files say.
fn plain() -> Value {
    json!({
        "container_name": "web-1", "image": "shop/web:1.2",
        "compose_project": "shop", "compose_service": "web",
    })
}

fn of_pod(image: bool) -> Value {
    let mut said = json!({
        "pod": "web-7c9f-x2x", "pod_namespace": "shop", "pod_container": "front-end",
    });
    if image {
        said["image"] = "registry.example/shop/web:1.2".into();
    }
    said
}

#[test]
fn each_runtimes_containers_are_named() {
    let host = Host::new();
    let mut actor = Actor::start();
    let data = host.path("/data/docker").display().to_string();
    fs::create_dir_all(&data).unwrap();
    let mut sigtrail = host.sigtrail(&[&actor], &["--names-dir", "/else,/data/docker"]);
    let bundle = |state: &str, namespace: &str, id: &str| {
        format!("{state}/io.containerd.runtime.v2.task/{namespace}/{id}/config.json")
    };
    let nerdctl = json!({
        "container_name": "web-1", "compose_project": "shop", "compose_service": "web",
    });
    let podman = json!({ "container_name": "web-1", "image": "registry.example/shop/web:1.2" });
    let pod_scope = |uid: &str, scope: String| {
        let uid = uid.replace('-', "_");
        format!("/kubepods-burstable.slice/kubepods-burstable-pod{uid}.slice/{scope}")
    };
    for (kind, said) in [
        ("docker", plain()),
        ("docker elsewhere", plain()),
        ("podman", podman.clone()),
        ("podman, transient", podman),
        ("containerd", of_pod(true)),
        ("k3s", of_pod(true)),
        ("microk8s", of_pod(true)),
        ("nerdctl", nerdctl.clone()),
        ("nerdctl in another namespace", nerdctl),
        ("cri-o", of_pod(true)),
        ("cri-o, its list", of_pod(true)),
        ("any, of containerd", of_pod(true)),
    ] {
        let (id, uid) = (fresh_id(), fresh_uid());
        let (file, contents, cgroup) = match kind {
            "docker" | "docker elsewhere" => {
                let data = if kind == "docker" {
                    "/var/lib/docker"
                } else {
                    "/data/docker"
                };
                let file = format!("{data}/containers/{id}/config.v2.json");
                (file, "docker.json", format!("/docker-{id}.scope"))
            }
            "podman" => {
                let file = format!("{STORAGE}/containers.json");
                (file, "podman.json", format!("/libpod-{id}.scope"))
            }
            "podman, transient" => {
                let file = "/run/containers/storage/vfs-containers/volatile-containers.json";
                (
                    file.to_owned(),
                    "podman.json",
                    format!("/libpod-{id}.scope/container"),
                )
            }
            "containerd" | "k3s" | "microk8s" => {
                let state = match kind {
                    "containerd" => "/run/containerd",
                    "k3s" => "/run/k3s/containerd",
                    _ => "/var/snap/microk8s/common/run/containerd",
                };
                let scope = pod_scope(&uid, format!("cri-containerd-{id}.scope"));
                (bundle(state, "k8s.io", &id), "containerd.json", scope)
            }
            "nerdctl" | "nerdctl in another namespace" => {
                let namespace = if kind == "nerdctl" { "default" } else { "work" };
                let file = bundle("/run/containerd", namespace, &id);
                (file, "nerdctl.json", format!("/nerdctl-{id}.scope"))
            }
            "cri-o" => {
                let run = "/run/containers/storage/overlay-containers";
                let file = format!("{run}/{id}/userdata/config.json");
                (
                    file,
                    "crio.json",
                    pod_scope(&uid, format!("crio-{id}.scope")),
                )
            }
            "cri-o, its list" => {
                let file = format!("{STORAGE}/volatile-containers.json");
                (
                    file,
                    "crio-storage.json",
                    pod_scope(&uid, format!("crio-{id}.scope")),
                )
            }
            _ => {
                let cgroup = format!("/kubepods/burstable/pod{uid}/{id}");
                (
                    bundle("/run/containerd", "k8s.io", &id),
                    "containerd.json",
                    cgroup,
                )
            }
        };
        host.write(file, golden(contents, &id, &uid));
        assert_eq!(named_in(&mut sigtrail, &mut actor, &cgroup), said, "{kind}");
    }
    sigtrail.stop().assert_clean();
}

/// All that a DaemonSet needs.
#[test]
fn the_names_of_the_kubelets_logs_are_enough_for_pods() {
    let host = Host::new();
    let mut actor = Actor::start();
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let (id, uid) = (fresh_id(), fresh_uid());
    let logs = format!("/var/log/pods/shop_web-7c9f-x2x_{uid}");
    host.write(format!("{logs}/front-end/0.log"), "SECRET");
    let containers = host.path("/var/log/containers");
    fs::create_dir_all(&containers).unwrap();
    let link = containers.join(format!("web-7c9f-x2x_shop_front-end-{id}.log"));
    symlink(format!("{logs}/front-end/0.log"), link).unwrap();
    let cgroup = format!("/kubepods/besteffort/pod{uid}/{id}");
    assert_eq!(named_in(&mut sigtrail, &mut actor, &cgroup), of_pod(false));
    // The container that holds the namespaces has no log of its own.
    let sandbox = format!("/kubepods/besteffort/pod{uid}/{}", fresh_id());
    let pod = json!({ "pod": "web-7c9f-x2x", "pod_namespace": "shop" });
    assert_eq!(named_in(&mut sigtrail, &mut actor, &sandbox), pod);
    // A name that the kubelet had to cut still names the pod.
    let (id, uid) = (fresh_id(), fresh_uid());
    let (pod, web) = ("p".repeat(200), "w".repeat(60));
    host.write(format!("/var/log/pods/shop_{pod}_{uid}/{web}/0.log"), "");
    fs::write(
        containers.join(format!("{:.251}.log", format!("{pod}_shop_{web}-{id}"))),
        "",
    )
    .unwrap();
    let said = named_in(
        &mut sigtrail,
        &mut actor,
        &format!("/kubepods/pod{uid}/{id}"),
    );
    assert_eq!(said, json!({ "pod": pod, "pod_namespace": "shop" }));
    sigtrail.stop().assert_clean();
}

#[test]
fn conmons_arguments_name_its_container() {
    let host = Host::new();
    let mut actor = Actor::start();
    let conmon = host.write("/usr/bin/conmon", "#!/bin/sh\nread -r line\n");
    fs::set_permissions(&conmon, fs::Permissions::from_mode(0o755)).unwrap();
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    let (podman, crio, uid) = (fresh_id(), fresh_id(), fresh_uid());
    let pod = format!("k8s_front-end_web-7c9f-x2x_shop_{uid}_0");
    let _running = [(&podman, "web-1"), (&crio, &pod)].map(|(id, name)| {
        let mut command = Command::new(&conmon);
        command.args([
            "--api-version",
            "1",
            "-c",
            id,
            "-u",
            id,
            "-n",
            name,
            "-r",
            "/usr/bin/crun",
        ]);
        let child = Killed(command.stdin(Stdio::piped()).spawn().unwrap());
        let comm = format!("/proc/{}/comm", child.0.id());
        wait_until("conmon", || fs::read(&comm).unwrap() == b"conmon\n");
        child
    });
    let said = named_in(
        &mut sigtrail,
        &mut actor,
        &format!("/libpod-{podman}.scope"),
    );
    assert_eq!(said, json!({ "container_name": "web-1" }));
    let cgroup = format!(
        "/kubepods-pod{}.slice/crio-{crio}.scope",
        uid.replace('-', "_")
    );
    assert_eq!(named_in(&mut sigtrail, &mut actor, &cgroup), of_pod(false));
    sigtrail.stop().assert_clean();
}

#[test]
fn a_file_that_comes_late_names_later_lines() {
    let host = Host::new();
    let (mut actor, id) = (Actor::start(), fresh_id());
    let cgroup = Cgroup::new(&format!("/docker-{id}.scope"));
    actor.enter(cgroup.directory());
    let mut sigtrail = host.sigtrail(&[&actor], &[]);
    assert_eq!(once(&mut sigtrail, &mut actor), json!({}));
    host.write_docker(&id, short("late"));
    let said = until_named(&mut sigtrail, &mut actor);
    assert_eq!(said, json!({ "container_name": "late", "image": "image" }));
    // A name stays, whatever becomes of the file.
    fs::remove_dir_all(host.path("/var/lib/docker")).unwrap();
    assert_eq!(once(&mut sigtrail, &mut actor), said);
    sigtrail.stop().assert_clean();
}

#[test]
fn sender_and_target_have_their_own_names() {
    let host = Host::new();
    let (mut one, other) = (Actor::start(), Actor::start());
    let ids = [fresh_id(), fresh_id()];
    let cgroups = ids
        .each_ref()
        .map(|id| Cgroup::new(&format!("/docker-{id}.scope/below")));
    host.write_docker(&ids[0], short("one"));
    host.write_docker(&ids[1], short("other"));
    one.enter(cgroups[0].directory());
    other.enter(cgroups[1].directory());
    let mut sigtrail = host.sigtrail(&[&one], &[]);
    let mut line = json!({});
    wait_until("both names", || {
        one.make(&format!("call kill {} 10", other.pid));
        line = sigtrail.wait_for(|line| line["type"] == "signal");
        [&line["sender"], &line["target"]]
            .into_iter()
            .all(|side| names(side) != json!({}))
    });
    assert_eq!(line["sender"]["container_name"], "one");
    assert_eq!(line["target"]["container_name"], "other");
    sigtrail.stop().assert_clean();
}

#[test]
fn no_names_are_looked_for_if_nobody_wants_them() {
    let host = Host::new();
    let (mut actor, id) = (Actor::start(), fresh_id());
    host.write_docker(&id, short("unwanted"));
    let threads = |pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let mut names: Vec<_> = tasks
            .map(|task| {
                let mut name = String::new();
                let comm = task.unwrap().path().join("comm");
                File::open(comm).unwrap().read_to_string(&mut name).unwrap();
                name
            })
            .collect();
        names.sort_unstable();
        names.concat()
    };
    let cgroup = Cgroup::new(&format!("/docker-{id}.scope"));
    actor.enter(cgroup.directory());
    for (wanted, there) in [("true", true), ("false", false)] {
        let mut sigtrail = host.sigtrail(&[&actor], &["--names", wanted]);
        let pid = sigtrail.pid().as_raw_nonzero();
        assert_eq!(threads(pid).contains("names\n"), there);
        let named = |said: &Value| (*said != json!({})) == there;
        until(&mut sigtrail, &mut actor, named);
        sigtrail.stop().assert_clean();
    }
    actor.enter(&cgroup_root());
}

#[test]
fn lines_for_people_say_which_container_a_signal_comes_from_or_goes_to() {
    let host = Host::new();
    let (mut inside, id) = (Actor::start(), fresh_id());
    host.write_docker(&id, short("we\u{1b}b"));
    let cgroup = Cgroup::new(&format!("/docker-{id}.scope"));
    inside.enter(cgroup.directory());
    let outside = Actor::start();
    let path = host.path("pretty");
    let pid = inside.pid.to_string();
    let args = [
        "--pretty",
        "-p",
        &pid,
        "--names-root",
        host.root(),
        "--duration",
        "20m",
    ];
    let file = File::create(&path).unwrap();
    let mut sigtrail = Killed(command(&args).stdout(file).spawn().unwrap());
    let said = || fs::read_to_string(&path).unwrap();
    wait_until("the start", || said().contains("started"));
    wait_until("the name", || {
        inside.make(&format!("call kill {} 0", outside.pid));
        said().contains(r" (from we\u{1b}b)")
    });
    kill_process(Pid::from_child(&sigtrail.0), Signal::TERM).unwrap();
    assert!(sigtrail.0.wait().unwrap().success());
}

/// Often the first signal of a container is its only one: the one that ends it.
#[test]
fn the_only_line_of_a_container_has_its_name() {
    let host = Host::new();
    let mut killer = Actor::start();
    let mut sigtrail = host.sigtrail(&[&killer], &[]);
    // Where the machine is busy, one may miss it.
    wait_until("a name in a first line", || {
        let (mut victim, id) = (Actor::start(), fresh_id());
        victim.make("unblock");
        host.write_docker(&id, short("short-lived"));
        let cgroup = Cgroup::new(&format!("/docker-{id}.scope"));
        victim.enter(cgroup.directory());
        killer.make(&format!("call kill {} 15", victim.pid));
        assert_eq!(victim.death(), 15);
        let line = sigtrail.wait_for(|line| line["type"] == "signal");
        assert_eq!(line["target"]["container"], id.as_str());
        line["target"]["container_name"] == "short-lived"
    });
    sigtrail.stop().assert_clean();
}
