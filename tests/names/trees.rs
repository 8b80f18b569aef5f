//! A host's files in a directory of the test's own, and what lines say of a
//! container whose files are there.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use common::{Actor, Cgroup, DEADLINE, Sigtrail, directory, kill};
use serde_json::{Value, json};
use tempfile::TempDir;

pub const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/runtimes");
/// The id in the golden files.
pub const GOLDEN_ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
const GOLDEN_UID: &str = "1858680e-b044-4fd5-9dd4-f137e30e2180";

const KEYS: [&str; 7] = [
    "container_name",
    "image",
    "pod",
    "pod_namespace",
    "pod_container",
    "compose_project",
    "compose_service",
];

/// An id that no other container has, be it one of another test.
pub fn fresh_id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{number:08x}{:024x}{:032x}", std::process::id(), 7)
}

/// A pod's uid, likewise.
pub fn fresh_uid() -> String {
    let id = fresh_id();
    format!("{}-b044-4fd5-9dd4-{}", &id[..8], &id[20..32])
}

/// A file of a runtime's, of another container.
pub fn golden(name: &str, id: &str, uid: &str) -> String {
    let text = fs::read_to_string(format!("{GOLDEN}/{name}")).unwrap();
    text.replace(GOLDEN_ID, id).replace(GOLDEN_UID, uid)
}

/// The files of a host.
pub struct Host(TempDir);

impl Host {
    pub fn new() -> Self {
        Self(directory())
    }

    pub fn root(&self) -> &str {
        self.0.path().to_str().unwrap()
    }

    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.path().join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Writes a file in one step, as runtimes do.
    pub fn write(&self, path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let fresh = path.with_extension("fresh");
        fs::write(&fresh, contents).unwrap();
        fs::rename(fresh, &path).unwrap();
        path
    }

    /// Docker's file of a container.
    pub fn write_docker(&self, id: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        self.write(
            format!("/var/lib/docker/containers/{id}/config.v2.json"),
            contents,
        )
    }

    /// A sigtrail that looks for names here, and records what these send.
    pub fn sigtrail(&self, actors: &[&Actor], more: &[&str]) -> Sigtrail {
        let pids: Vec<_> = actors.iter().map(|actor| actor.pid.to_string()).collect();
        let pids = pids.join(",");
        Sigtrail::start(&[&["-p", &pids, "--names-root", self.root()], more].concat())
    }
}

/// A container's file at Docker, as short as can be.
pub fn short(name: &str) -> String {
    json!({ "Name": format!("/{name}"), "Config": { "Image": "image" } }).to_string()
}

/// What a line says of one side's container.
pub fn names(side: &Value) -> Value {
    let known = KEYS.iter().filter(|key| !side[**key].is_null());
    known
        .map(|key| ((*key).to_owned(), side[*key].clone()))
        .collect()
}

/// Signals itself, once, and gives what the line says of it.
pub fn once(sigtrail: &mut Sigtrail, actor: &mut Actor) -> Value {
    let pid = actor.pid;
    actor.make(&format!("call {}", kill(pid, 0).command()));
    let line = sigtrail.wait_for(|line| line["sender"]["pid"] == pid);
    let said = names(&line["sender"]);
    // Nothing was learned between the two.
    assert_eq!(names(&line["target"]), said, "{line}");
    said
}

/// Signals itself again and again until its container's name is in a line.
#[track_caller]
pub fn until_named(sigtrail: &mut Sigtrail, actor: &mut Actor) -> Value {
    until(sigtrail, actor, |said| *said != json!({}))
}

/// As that, until the line says what is wanted.
#[track_caller]
pub fn until(sigtrail: &mut Sigtrail, actor: &mut Actor, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let said = once(sigtrail, actor);
        if wanted(&said) {
            return said;
        }
        assert!(Instant::now() < deadline, "at last {said}");
    }
}

/// What is said of an actor in this cgroup, once anything is.
#[track_caller]
pub fn named_in(sigtrail: &mut Sigtrail, actor: &mut Actor, below: &str) -> Value {
    let cgroup = Cgroup::new(below);
    actor.enter(cgroup.directory());
    let said = until_named(sigtrail, actor);
    actor.enter(&common::cgroup_root());
    said
}
