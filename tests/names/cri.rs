//! What a kubelet asks of its runtime: the few calls of CRI that make a pod, as
//! messages of protocol buffers that curl takes to the socket.

use std::{
    fs,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use super::{containerd::IMAGE, room::Room, trees::fresh_uid};

/// Where the kubelet has the control group of a pod, before its uid.
pub const POD: &str = "kubepods/burstable/pod";

/// A pod that is to be, and whom to ask for it.
pub struct Cri {
    socket: PathBuf,
    headers: PathBuf,
    pub uid: String,
    pub pod: String,
    /// `PodSandboxConfig`.
    config: Vec<u8>,
}

impl Cri {
    pub fn new(room: &Room) -> Self {
        let uid = fresh_uid();
        let pod = format!("st-web-{}-x2x", std::process::id());
        let metadata = [text(1, &pod), text(2, &uid), text(3, "st-shop")].concat();
        let cgroup = text(1, &format!("/{}/{POD}{uid}", room.parent));
        let security = bytes(2, &bytes(1, &namespaces()));
        let linux = [cgroup, security].concat();
        Self {
            socket: room.at("sock"),
            headers: room.at("headers"),
            config: [bytes(1, &metadata), bytes(8, &linux)].concat(),
            uid,
            pod,
        }
    }

    /// Gives its id.
    pub fn run_sandbox(&self) -> String {
        self.call("RunPodSandbox", &bytes(1, &self.config))
    }

    /// A container with a secret in its environment. Gives its id.
    pub fn run_container(&self, sandbox: &str, secret: &str) -> String {
        let config = [
            bytes(1, &text(1, "front-end")),
            bytes(2, &text(1, IMAGE)),
            bytes(6, &[text(1, "TOKEN"), text(2, secret)].concat()),
            bytes(15, &bytes(2, &bytes(3, &namespaces()))),
        ];
        let config = bytes(2, &config.concat());
        let request = [text(1, sandbox), config, bytes(3, &self.config)];
        let id = self.call("CreateContainer", &request.concat());
        self.call("StartContainer", &text(1, &id));
        id
    }

    /// Ends the pod.
    pub fn stop(&self, sandbox: &str) {
        self.call("StopPodSandbox", &text(1, sandbox));
        self.call("RemovePodSandbox", &text(1, sandbox));
    }

    /// Gives the text that an answer begins with, if it has one.
    #[track_caller]
    fn call(&self, method: &str, request: &[u8]) -> String {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--http2-prior-knowledge"])
            .args(["--header", "Content-Type: application/grpc"])
            .args(["--header", "TE: trailers", "--data-binary", "@-"])
            .arg("--unix-socket")
            .arg(&self.socket)
            .arg("--dump-header")
            .arg(&self.headers)
            .arg(format!("http://cri/runtime.v1.RuntimeService/{method}"));
        let curl = curl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut curl = curl.unwrap();
        let length = u32::try_from(request.len()).unwrap().to_be_bytes();
        let frame = [&[0], &length[..], request].concat();
        let mut stdin = curl.stdin.take().unwrap();
        stdin.write_all(&frame).unwrap();
        drop(stdin);
        let answer = curl.wait_with_output().unwrap();
        let headers = fs::read_to_string(&self.headers).unwrap();
        let is_well = answer.status.success() && headers.contains("grpc-status: 0");
        assert!(is_well, "{method}: {headers}");
        match &answer.stdout[5..] {
            [] => String::new(),
            // The first field's tag, and a length below 128.
            [0x0a, length, rest @ ..] => {
                String::from_utf8(rest[..usize::from(*length)].to_vec()).unwrap()
            }
            other => panic!("{method}: {other:?}"),
        }
    }
}

/// `NamespaceOption`: the machine's network, and process numbers of its own.
fn namespaces() -> Vec<u8> {
    const NETWORK: u8 = 1 << 3;
    const NODE: u8 = 2;
    const PID: u8 = 2 << 3;
    const CONTAINER: u8 = 1;
    vec![NETWORK, NODE, PID, CONTAINER]
}

fn text(number: u8, text: &str) -> Vec<u8> {
    bytes(number, text.as_bytes())
}

/// A field with a length.
fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
    let mut field = vec![number << 3 | 2];
    let mut left = value.len();
    while left >= 128 {
        field.push((left % 128) as u8 | 128);
        left /= 128;
    }
    field.push(left as u8);
    field.extend_from_slice(value);
    field
}
