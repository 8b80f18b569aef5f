//! A real podman, with all of its files in a directory of the test's own.

use std::{fs, process::Command};

use common::Sigtrail;
use serde_json::{Value, json};

use super::{
    room::{Namespace, Room, printed_by},
    secrets::assert_kept,
    trees::names,
};

const IMAGE: &str = "registry.example/st-shop/web:1.2";

/// What it made goes with it.
struct Podman {
    namespace: Namespace,
    room: Room,
}

impl Podman {
    fn new() -> Self {
        let room = Room::new("podman");
        Self {
            namespace: Namespace::new(&room),
            room,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.namespace.command("podman");
        command
            // runc takes all of the machine's hierarchies of control groups as they are.
            .args(["--runtime", "runc", "--cgroup-manager", "cgroupfs"])
            .args(["--storage-driver", "vfs", "--events-backend", "none"])
            .args(args);
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        printed_by(&mut self.command(args))
    }

    /// Makes an image of one program and nothing else.
    fn build(&self) {
        let context = self.room.context();
        let file = "FROM scratch\nCOPY kills /kills\nCMD [\"/kills\"]\n";
        fs::write(context.join("Dockerfile"), file).unwrap();
        let context = context.to_str().unwrap();
        self.run(&["build", "--isolation", "chroot", "--tag", IMAGE, context]);
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let all = ["rm", "--all", "--force", "--time", "0"];
        let _ = self.command(&all).output();
    }
}

#[test]
fn podmans_containers_have_their_names_and_keep_their_secrets() {
    let podman = Podman::new();
    let secret = format!("st-secret-{}", podman.room.parent);
    let name = format!("st-web-{}", std::process::id());
    podman.build();
    let storage = podman.room.name("lib/storage");
    let trace = |filter: &str| Sigtrail::start(&["--names-dir", &storage, filter, &name]);
    // From inside, by whoever saw it start.
    let mut sigtrail = trace("--container");
    let parent = format!("/{}/podman", podman.room.parent);
    let mut run = podman.command(&["run", "--detach", "--name", &name, "--network", "none"]);
    run.args(["--cgroup-parent", &parent, "--env", "TOKEN"]);
    // Not even root may always have more than it has.
    run.args([
        "--ulimit",
        "nofile=1024:1024",
        "--ulimit",
        "nproc=1024:1024",
    ]);
    let id = printed_by(run.arg(IMAGE).env("TOKEN", &secret));
    let pid = podman.run(&["inspect", "--format", "{{.State.Pid}}", &name]);
    let pid: i64 = pid.parse().unwrap();
    let check = |side: &Value| {
        assert_eq!(side["container"], id.as_str());
        assert_eq!(side["container_runtime"], "podman");
        assert_eq!(
            names(side),
            json!({ "container_name": name, "image": IMAGE })
        );
    };
    let line = sigtrail.wait_for(|line| line["sender"]["pid"] == pid);
    check(&line["sender"]);
    check(&line["target"]);
    assert_kept(sigtrail, &secret, &name);
    // From outside.
    let mut sigtrail = trace("--target-container");
    podman.run(&["kill", "--signal", "USR1", &name]);
    let line = sigtrail.wait_for(|line| line["signal"] == "SIGUSR1");
    assert_eq!(line["target"]["pid"], pid, "{line}");
    assert!(line["sender"]["container"].is_null(), "{line}");
    check(&line["target"]);
    assert_kept(sigtrail, &secret, &name);
}
