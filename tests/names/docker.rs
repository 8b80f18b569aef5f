//! A real Docker, with all of its files in a directory of the test's own.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use common::{DEADLINE, Sigtrail, wait_until, wait_until_within};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{
    room::{Room, printed_by},
    secrets::assert_kept,
    trees::names,
};

/// Docker writes to places that no option moves: a key, the state of its shims,
/// plugins. In a mount namespace of its own it has others there.
const ELSEWHERE: &str = r#"cp -a /etc "$0"
mount --bind "$0" /etc
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /run
exec dockerd "$@""#;

/// A running dockerd. What it made goes with it.
struct Docker {
    room: Room,
    daemon: Child,
}

impl Docker {
    fn start() -> Self {
        let room = Room::new("docker");
        let at = |name: &str| room.at(name);
        let log = fs::File::create(at("log")).unwrap();
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "sh", "-ec", ELSEWHERE])
            .arg(at("etc"))
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("sock").display()))
            .arg("--cgroup-parent")
            .arg(format!("/{}/docker", room.parent))
            .args(["--storage-driver", "vfs"])
            .args(["--exec-opt", "native.cgroupdriver=cgroupfs"])
            // The machine's network stays as it is.
            .args(["--bridge", "none", "--iptables=false", "--ip-forward=false"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        let daemon = command.spawn().unwrap();
        let mut docker = Self { room, daemon };
        wait_until("dockerd", || {
            let log = fs::read_to_string(docker.room.at("log")).unwrap();
            assert!(docker.daemon.try_wait().unwrap().is_none(), "{log}");
            docker
                .command(&["version"])
                .output()
                .unwrap()
                .status
                .success()
        });
        docker
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(args)
            .env(
                "DOCKER_HOST",
                format!("unix://{}", self.room.at("sock").display()),
            )
            .env("DOCKER_CONFIG", self.room.at(""))
            .env("DOCKER_BUILDKIT", "0");
        command
    }

    #[track_caller]
    fn run(&self, args: &[&str]) -> String {
        printed_by(&mut self.command(args))
    }

    /// Makes an image of one program and nothing else.
    fn build(&self, tag: &str, labels: &str) {
        let context = self.room.context();
        let file = format!("FROM scratch\nCOPY kills /kills\nLABEL {labels}\nCMD [\"/kills\"]\n");
        fs::write(context.join("Dockerfile"), file).unwrap();
        self.run(&["build", "--quiet", "--tag", tag, context.to_str().unwrap()]);
    }

    fn end(&mut self) {
        let ids = self.command(&["ps", "--all", "--quiet"]).output();
        let ids = ids.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        for id in ids.unwrap_or_default().lines() {
            let _ = self.command(&["rm", "--force", id]).output();
        }
        let _ = kill_process(Pid::from_child(&self.daemon), Signal::TERM);
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        self.end();
        // It ends its own containerd, which takes a while.
        let _ = self.daemon.wait();
    }
}

#[test]
fn dockers_containers_have_their_names_and_keep_their_secrets() {
    let docker = Docker::start();
    let secret = format!("st-secret-{}", docker.room.parent);
    let name = format!("st-web-{}", std::process::id());
    // What an image says of pods is nothing: a label is anybody's.
    docker.build(
        "st-shop/web:1.2",
        "io.kubernetes.pod.name=liar com.docker.compose.project=image",
    );
    docker.run(&[
        "run",
        "--detach",
        "--name",
        &name,
        "--network",
        "none",
        "--env",
        &format!("TOKEN={secret}"),
        "--label",
        "com.docker.compose.project=st-shop",
        "--label",
        "com.docker.compose.service=web",
        "st-shop/web:1.2",
    ]);
    let id = docker.run(&["ps", "--no-trunc", "--quiet"]);
    let pid: i64 = docker
        .run(&["inspect", "-f", "{{.State.Pid}}", &name])
        .parse()
        .unwrap();
    let data = docker.room.at("data");
    let args = |filter: &str| {
        let data = data.to_str().unwrap().to_owned();
        [
            "--names-dir".to_owned(),
            data,
            filter.to_owned(),
            name.clone(),
        ]
    };
    let check = |side: &Value| {
        assert_eq!(side["container"], id.as_str());
        let said = serde_json::json!({
            "container_name": name, "image": "st-shop/web:1.2",
            "compose_project": "st-shop", "compose_service": "web",
        });
        assert_eq!(names(side), said);
    };
    // From inside.
    let mut sigtrail = Sigtrail::start(&args("--container"));
    let line = sigtrail.wait_for(|line| line["sender"]["pid"] == pid);
    check(&line["sender"]);
    check(&line["target"]);
    assert_kept(sigtrail, &secret, &name);
    // From outside.
    let mut sigtrail = Sigtrail::start(&args("--target-container"));
    docker.run(&["kill", "--signal", "USR1", &name]);
    let line = sigtrail.wait_for(|line| line["signal"] == "SIGUSR1");
    assert!(line["sender"]["container"].is_null(), "{line}");
    check(&line["target"]);
    assert_kept(sigtrail, &secret, &name);
    // What is renamed, or gone, does not trouble whoever still asks.
    docker.run(&["rm", "--force", &name]);
    drop(docker);
    wait_until_within(DEADLINE, "its end", || {
        !fs::exists(format!("/proc/{pid}")).unwrap()
    });
}
