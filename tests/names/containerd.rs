//! A real containerd, alone and as the runtime of a Kubernetes node, with all of its
//! files in a directory of the test's own.

use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
};

use common::{Sigtrail, wait_until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::{
    cri::{Cri, POD},
    room::{Namespace, Room, printed_by},
    secrets::assert_kept,
    trees::{fresh_id, names},
};

pub const IMAGE: &str = "registry.example/st-shop/web:1.2";

/// A running containerd. What it made goes with it.
pub struct Containerd {
    daemon: Child,
    namespace: Namespace,
    pub room: Room,
}

impl Containerd {
    fn start(runtime: &str) -> Self {
        let room = Room::new(runtime);
        let namespace = Namespace::new(&room);
        fs::write(room.at("toml"), configuration(&room)).unwrap();
        let log = fs::File::create(room.at("log")).unwrap();
        let mut command = namespace.command("containerd");
        command.args(["--config", &room.name("toml")]);
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let mut containerd = Self {
            daemon: command.spawn().unwrap(),
            namespace,
            room,
        };
        wait_until("containerd", || {
            let log = fs::read_to_string(containerd.room.at("log")).unwrap();
            assert!(containerd.daemon.try_wait().unwrap().is_none(), "{log}");
            let output = containerd.ctr("default", &["version"]).output();
            output.unwrap().status.success()
        });
        containerd
    }

    fn ctr(&self, namespace: &str, args: &[&str]) -> Command {
        let mut command = self.namespace.command("ctr");
        command.args(["--address", &self.room.name("sock")]);
        command.args(["--namespace", namespace]).args(args);
        command
    }

    /// Makes an image of one program and nothing else, as `docker save` would.
    fn import(&self, namespace: &str) {
        let context = self.room.context();
        let at = |name: &str| self.room.at(name);
        let pack = |archive: &str, directory: &Path, names: &[&str]| {
            let mut tar = Command::new("tar");
            tar.arg("-cf").arg(at(archive)).arg("-C").arg(directory);
            printed_by(tar.args(names));
        };
        pack("layer.tar", &context, &["kills"]);
        let digest = printed_by(Command::new("sha256sum").arg(at("layer.tar")));
        let digest = digest.split(' ').next().unwrap();
        // Not even the name of the machine's processor matters to a static program.
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        let config = json!({
            "architecture": architecture, "os": "linux", "config": { "Cmd": ["/kills"] },
            "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{digest}")] },
        });
        let manifest = json!([{
            "Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"],
        }]);
        fs::write(at("config.json"), config.to_string()).unwrap();
        fs::write(at("manifest.json"), manifest.to_string()).unwrap();
        let names = ["manifest.json", "config.json", "layer.tar"];
        pack("image.tar", &at(""), &names);
        let image = self.room.name("image.tar");
        let args = ["images", "import", "--snapshotter", "native", &image];
        printed_by(&mut self.ctr(namespace, &args));
    }
}

impl Drop for Containerd {
    fn drop(&mut self) {
        // Its containers outlive it.
        for namespace in ["default", "k8s.io"] {
            let list = self
                .ctr(namespace, &["containers", "list", "--quiet"])
                .output();
            let list = list.map(|list| String::from_utf8_lossy(&list.stdout).into_owned());
            for id in list.unwrap_or_default().lines() {
                let _ = self
                    .ctr(namespace, &["tasks", "delete", "--force", id])
                    .output();
                let _ = self.ctr(namespace, &["containers", "delete", id]).output();
            }
        }
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
        let _ = self.daemon.wait();
    }
}

fn configuration(room: &Room) -> String {
    let [root, state, socket] = ["root", "state", "sock"].map(|name| room.name(name));
    // Not even root may always protect its processes from the OOM killer.
    format!(
        r#"version = 2
root = "{root}"
state = "{state}"
[grpc]
address = "{socket}"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
"#
    )
}

/// Signals the container from outside, and gives what the line says of it.
fn signalled(sigtrail: &mut Sigtrail, pid: i64) -> Value {
    let number = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    kill_process(number, Signal::USR1).unwrap();
    let line = sigtrail.wait_for(|line| line["signal"] == "SIGUSR1");
    assert_eq!(line["target"]["pid"], pid, "{line}");
    assert!(line["sender"]["container"].is_null(), "{line}");
    line["target"].clone()
}

/// They are containers to sigtrail if they are named and labelled as nerdctl does it.
#[test]
fn containerds_containers_have_their_names_and_keep_their_secrets() {
    let containerd = Containerd::start("containerd");
    let parent = &containerd.room.parent;
    let secret = format!("st-secret-{parent}");
    let (id, name) = (fresh_id(), format!("st-web-{}", std::process::id()));
    containerd.import("default");
    let state = containerd.room.name("state");
    let trace = |filter: &str| Sigtrail::start(&["--names-dir", &state, filter, &name]);
    let mut sigtrail = trace("--container");
    let environment = containerd.room.name("environment");
    fs::write(&environment, format!("TOKEN={secret}\n")).unwrap();
    let cgroup = format!("/{parent}/default/{id}");
    let (label, liar) = (
        format!("nerdctl/name={name}"),
        "io.kubernetes.pod.name=liar",
    );
    let mut run = containerd.ctr("default", &["run", "--detach", "--null-io"]);
    run.args(["--snapshotter", "native", "--cgroup", &cgroup]);
    run.args(["--env-file", &environment, "--annotation", liar]);
    printed_by(
        run.args(["--annotation", &label, IMAGE, &id])
            .stdin(Stdio::null()),
    );
    let [pid] = containerd.room.members(&format!("default/{id}"))[..] else {
        panic!("one process");
    };
    let check = |side: &Value| {
        assert_eq!(side["container"], id.as_str());
        assert_eq!(side["container_runtime"], "containerd");
        assert_eq!(names(side), json!({ "container_name": name }));
    };
    // From inside, by whoever saw it start.
    let line = sigtrail.wait_for(|line| line["sender"]["pid"] == pid);
    check(&line["sender"]);
    check(&line["target"]);
    assert_kept(sigtrail, &secret, &name);
    let mut sigtrail = trace("--target-container");
    check(&signalled(&mut sigtrail, pid));
    assert_kept(sigtrail, &secret, &name);
}

#[test]
fn containerds_pods_have_their_names_and_keep_their_secrets() {
    let containerd = Containerd::start("cri");
    let secret = format!("st-secret-{}", containerd.room.parent);
    containerd.import("k8s.io");
    let state = containerd.room.name("state");
    let cri = Cri::new(&containerd.room);
    let pod = &cri.pod;
    let trace = |filter: &str| Sigtrail::start(&["--names-dir", &state, filter, pod]);
    let mut sigtrail = trace("--pod");
    let sandbox = cri.run_sandbox();
    let id = cri.run_container(&sandbox, &secret);
    let [pid] = containerd.room.members(&format!("{POD}{}/{id}", cri.uid))[..] else {
        panic!("one process");
    };
    let check = |side: &Value| {
        assert_eq!(side["container"], id.as_str());
        assert_eq!(side["container_runtime"], "cri");
        assert_eq!(side["pod_uid"], cri.uid);
        assert_eq!(side["pod_qos"], "Burstable");
        let said = json!({
            "image": IMAGE, "pod": pod, "pod_namespace": "st-shop",
            "pod_container": "front-end",
        });
        assert_eq!(names(side), said);
    };
    // From inside, by whoever saw it start.
    let line = sigtrail.wait_for(|line| line["sender"]["pid"] == pid);
    check(&line["sender"]);
    check(&line["target"]);
    assert_kept(sigtrail, &secret, pod);
    let mut sigtrail = trace("--target-pod");
    check(&signalled(&mut sigtrail, pid));
    assert_kept(sigtrail, &secret, pod);
    cri.stop(&sandbox);
}
