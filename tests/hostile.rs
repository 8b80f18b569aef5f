//! Names made to break lines: each line is valid, and each name's bytes come
//! back out of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::Write,
    os::{
        fd::AsRawFd,
        unix::{
            ffi::{OsStrExt, OsStringExt},
            process::CommandExt,
        },
    },
    path::{Path, PathBuf},
    process::Command,
};

use common::{Actor, Cgroup, Scene, Sender, Sigtrail, kill, program};
use rustix::{
    fs::{MemfdFlags, memfd_create},
    mount::{MountFlags, UnmountFlags, mount, mount_bind, unmount},
};
use serde_json::{Value, json};
use sigtrail::decode_text;

const USR1: i64 = 10;

/// The lines of one call of each, the sender's and target's image as expected.
#[track_caller]
fn lines_of(actors: &mut [Actor], args: &[&str]) -> Vec<Value> {
    let seen: Vec<_> = actors.iter().collect();
    let mut scene = Scene::of(&seen, args);
    for actor in actors {
        let sender = Sender::seen(actor);
        let pid = actor.pid;
        scene.call_as(actor, &sender, kill(pid, USR1), 0);
    }
    scene.finish().signals()
}

/// One call of each, of which only the sender's image is looked at.
#[track_caller]
fn cut_lines_of(actors: &mut [Actor], args: &[&str]) -> Vec<Value> {
    let pids: Vec<_> = actors.iter().map(|actor| actor.pid.to_string()).collect();
    let pids = pids.join(",");
    let mut sigtrail = Sigtrail::start(&[&["-p", &pids], args].concat());
    let mut lines = Vec::new();
    for actor in actors {
        actor.make(&format!("call kill {} {USR1}", actor.pid));
        lines.push(sigtrail.wait_for(|line| line["type"] == "signal"));
    }
    sigtrail.stop().assert_clean();
    lines
}

fn with_args(args: &[&[u8]]) -> Actor {
    let mut command = Command::new(program());
    command.arg0(OsStr::from_bytes(args[0]));
    command.args(args[1..].iter().map(|arg| OsStr::from_bytes(arg)));
    Actor::spawn(&mut command)
}

fn decoded(args: &Value) -> Vec<Vec<u8>> {
    let args = args.as_array().unwrap();
    (args.iter())
        .map(|arg| decode_text(arg.as_str().unwrap()))
        .collect()
}

#[test]
fn arguments_of_any_bytes_come_back() {
    let all: Vec<u8> = (1..=255).collect();
    let cases: [&[&[u8]]; 10] = [
        &[b"plain", b"a b", b"--x=1"],
        &[
            b"\xff\xfe",
            b"new\nline",
            b"quo\"te'",
            b"back\\slash",
            br"\xff",
        ],
        &[b"", b"", b"a", b"", b""],
        &[b""],
        &[b"x", &all],
        &[
            "\u{9b}2J\u{85}".as_bytes(),
            "\u{202e}exe.\u{2066}\u{e0041}\u{2028}".as_bytes(),
        ],
        &["größe 🦀".as_bytes(), b"cut \xf0\x9f\xa6", b"\xed\xa0\x80"],
        &[br#"{"type":"signal"}"#, b"\x1b[2J\r\n", b"\x7f"],
        &[&[b'\\'; 100], &[b'\n'; 100], &[0xff; 60]],
        &[&[b'a'; 255], &[b'a'; 255], &[b'a'; 255]],
    ];
    let mut actors = cases.map(with_args);
    for (line, args) in lines_of(&mut actors, &[]).iter().zip(cases) {
        assert_eq!(decoded(&line["sender"]["args"]), args);
    }
}

#[test]
fn arguments_that_are_too_long_are_cut_and_said_to_be() {
    let long = vec![b'y'; 100 << 10];
    let escaped = vec![0xff; 100 << 10];
    let many: Vec<&[u8]> = vec![b"z"; 5000];
    let cases: [&[&[u8]]; 5] = [
        &[b"x", &long],
        &[&long, b"x"],
        &[b"x", &escaped],
        &many,
        &[b"x", &[b'\n'; 100 << 10], b"x"],
    ];
    let mut actors = cases.map(with_args);
    for (line, args) in cut_lines_of(&mut actors, &[]).iter().zip(cases) {
        assert_eq!(line["truncated"], true);
        let found = decoded(&line["sender"]["args"]);
        assert!(found.len() <= args.len());
        let (last, whole) = found.split_last().unwrap();
        assert_eq!(whole, &args[..whole.len()]);
        assert!(args[whole.len()].starts_with(last));
        let kept: usize = found.iter().map(Vec::len).sum();
        assert!(kept >= 100, "{kept}");
    }
}

#[test]
fn arguments_are_left_out_when_asked_for() {
    let args: &[&[u8]] = &[b"--user", b"--password=secret", b"\xff"];
    for (mode, wanted) in [
        ("full", json!(["--user", "--password=secret", r"\xff"])),
        ("first", json!(["--user"])),
        ("none", Value::Null),
    ] {
        let (mut actor, target) = (with_args(args), with_args(args));
        let child = actor.get("child");
        let pid = actor.pid.to_string();
        let mut sigtrail = Sigtrail::start(&["-p", &pid, "--args", mode]);
        for pid in [child, target.pid, actor.pid] {
            actor.make(&format!("call kill {pid} {USR1}"));
            let line = sigtrail.wait_for(|line| line["type"] == "signal");
            assert_eq!(line["sender"]["args"], wanted);
            let known = &line["target"]["args"];
            assert!(known.is_null() || *known == wanted, "{mode}: {line}");
            assert_eq!(line["target"]["exe"], program().to_str().unwrap());
            common::assert_whole(&line);
        }
        sigtrail.stop().assert_clean();
    }
}

fn copied(to: &Path) -> Actor {
    common::copy_executable(program(), to);
    Actor::spawn(&mut Command::new(to))
}

#[test]
fn paths_of_any_bytes_come_back() {
    let directory = tempfile::tempdir().unwrap();
    let names: [&[u8]; 7] = [
        b"new\nline",
        b"\xff\xfe",
        b"quo\"te\\slash",
        br"\xff",
        b"gone (deleted)",
        "größe".as_bytes(),
        &[b'n'; 255],
    ];
    let paths = names.map(|name| directory.path().join(OsStr::from_bytes(name)));
    let mut actors = paths.each_ref().map(|path| copied(path));
    let pids: Vec<_> = actors.iter().map(|actor| actor.pid.to_string()).collect();
    let mut sigtrail = Sigtrail::start(&["-p", &pids.join(",")]);
    for (actor, path) in actors.iter_mut().zip(&paths) {
        actor.make(&format!("call kill {} {USR1}", actor.pid));
        let line = sigtrail.wait_for(|line| line["type"] == "signal");
        let exe = decode_text(line["sender"]["exe"].as_str().unwrap());
        assert_eq!(exe, path.as_os_str().as_bytes());
        assert_eq!(line["sender"]["exe_deleted"], Value::Null);
        common::assert_whole(&line);
    }
    sigtrail.stop().assert_clean();
}

#[test]
fn files_without_a_name_have_the_one_they_had() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("gone");
    let deleted = copied(&path);
    fs::remove_file(&path).unwrap();

    let memory = memfd_create("a\nmemfd", MemfdFlags::CLOEXEC).unwrap();
    let mut file = fs::File::from(memory);
    file.write_all(&fs::read(program()).unwrap()).unwrap();
    let link = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    // A file that is open for writing is not executed.
    let read_only = fs::File::open(link).unwrap();
    drop(file);
    let link = format!("/proc/{}/fd/{}", std::process::id(), read_only.as_raw_fd());
    let in_memory = Actor::spawn(&mut Command::new(link));

    let lines = lines_of(&mut [deleted, in_memory], &[]);
    assert_eq!(lines[0]["sender"]["exe"], path.to_str().unwrap());
    assert_eq!(lines[1]["sender"]["exe"], "/memfd:a\nmemfd");
    for line in lines {
        assert_eq!(line["sender"]["exe_deleted"], true);
    }
}

/// Undone when dropped.
struct Mounted(PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = unmount(&self.0, UnmountFlags::DETACH);
    }
}

#[test]
fn paths_across_mounts_are_those_that_processes_see() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| {
        let path = directory.path().join(name);
        fs::create_dir(&path).unwrap();
        path
    };
    let tmpfs = at("tmpfs");
    mount(c"none", &tmpfs, c"tmpfs", MountFlags::empty(), c"").unwrap();
    let _tmpfs = Mounted(tmpfs.clone());
    let [lower, upper, work] = ["lower", "upper", "work"].map(|name| {
        let path = tmpfs.join(name);
        fs::create_dir(&path).unwrap();
        path
    });
    common::copy_executable(program(), lower.join("actor"));
    let bound = at("bound");
    mount_bind(&lower, &bound).unwrap();
    let _bound = Mounted(bound.clone());
    let merged = at("merged");
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let options = std::ffi::CString::new(options).unwrap();
    mount(
        c"overlay",
        &merged,
        c"overlay",
        MountFlags::empty(),
        &*options,
    )
    .unwrap();
    let _merged = Mounted(merged.clone());

    let paths = [lower, bound, merged].map(|directory| directory.join("actor"));
    let mut actors = (paths.each_ref()).map(|path| Actor::spawn(&mut Command::new(path)));
    for (line, path) in lines_of(&mut actors, &[]).iter().zip(&paths) {
        assert_eq!(line["sender"]["exe"], path.to_str().unwrap());
    }
}

/// As long as paths get: the end of it, with the file's own name, is there.
#[test]
fn a_deep_path_is_cut_at_its_start_and_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    for (depth, letter, is_cut) in [(3, b'd', false), (7, b'e', true), (3, 0xff, true)] {
        let mut path = directory.path().to_owned();
        for _ in 0..depth {
            path.push(OsString::from_vec(vec![letter; 200]));
        }
        fs::create_dir_all(&path).unwrap();
        path.push("the-actor");
        let line = cut_lines_of(&mut [copied(&path)], &[]).remove(0);
        let exe = decode_text(line["sender"]["exe"].as_str().unwrap());
        let path = path.as_os_str().as_bytes();
        if is_cut {
            assert_eq!(line["truncated"], true);
            assert!(exe.len() < path.len() && exe.len() >= 90, "{}", exe.len());
            assert!(path.ends_with(&exe), "{line}");
        } else {
            assert_eq!(exe, path);
        }
    }
}

#[test]
fn cgroups_of_any_bytes_come_back() {
    // The kernel refuses a newline.
    let names: [&[u8]; 6] = [
        b"\xff\xfe.service",
        br"back\slash.service",
        br"dev-disk\x2d1.slice",
        b"quo\"te",
        b"\x1b[2J\t",
        "größe".as_bytes(),
    ];
    let mut cgroup = Cgroup::new("");
    let mut actors = names.map(|name| {
        let actor = Actor::start();
        actor.enter(&cgroup.add(OsStr::from_bytes(name)));
        actor
    });
    let paths = names.map(|name| [cgroup.path.as_bytes(), b"/", name].concat());
    for (line, path) in lines_of(&mut actors, &[]).iter().zip(paths) {
        for side in ["sender", "target"] {
            assert_eq!(decode_text(line[side]["cgroup"].as_str().unwrap()), path);
        }
        common::assert_whole(line);
    }
}

/// Each of the two sides has all that a line can hold, and it still does.
#[test]
fn a_line_with_everything_in_it_is_cut_until_it_fits() {
    let directory = tempfile::tempdir().unwrap();
    let mut path = directory.path().to_owned();
    for _ in 0..4 {
        path.push(OsString::from_vec(vec![0xff; 200]));
    }
    fs::create_dir_all(&path).unwrap();
    path.push("actor");
    common::copy_executable(program(), &path);
    let mut command = Command::new(&path);
    command.args(vec![OsStr::from_bytes(&[1; 100]); 50]);
    let mut actor = Actor::spawn(&mut command);
    actor.set_comm(&[0xff; 15]);
    let lines = cut_lines_of(&mut [actor], &[]);
    assert_eq!(lines[0]["truncated"], true);
    for side in ["sender", "target"] {
        assert_eq!(lines[0][side]["comm"], r"\xff".repeat(15));
        assert!(lines[0][side]["exe"].as_str().is_some());
    }
}
