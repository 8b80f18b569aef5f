//! sigtrail as a service: its configuration file, and what it tells of itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Output,
};

use common::{command, timed};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A file that the configuration accepts from its owner.
fn file(directory: &TempDir, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.path().join("sigtrail.toml");
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    path
}

fn check(path: &Path) -> Output {
    command(&["check-config"]).arg(path).output().unwrap()
}

#[track_caller]
fn assert_refused(path: &Path, part: &str) {
    // Nothing is traced, or made, for a configuration that is refused.
    for how in [&["check-config"][..], &["--duration", "1ms", "--config"]] {
        let (output, took) = timed(|| command(how).arg(path).output().unwrap());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{how:?}: {said}");
        assert_eq!(output.stdout, b"", "{how:?}");
        assert!(said.starts_with("sigtrail: "), "{said}");
        assert!(said.contains(part), "{part:?} is not in {said}");
        assert!(said.contains(path.to_str().unwrap()), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(took.as_secs() < 2, "{took:?}");
    }
}

#[test]
fn a_file_of_which_others_are_masters_is_refused() {
    let directory = directory();
    let path = file(&directory, "");
    for mode in [0o660, 0o646, 0o602] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert_refused(&path, "others can write it");
    }
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    chown(&path, Some(65534), None).unwrap();
    assert_refused(&path, "it belongs to user 65534");
}

#[test]
fn what_is_no_text_file_is_refused_at_once() {
    let directory = directory();
    assert_refused(directory.path(), "no regular file");
    assert_refused(&directory.path().join("absent"), "No such file");
    assert_refused(Path::new("/dev/zero"), "no regular file");
    let fifo = directory.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_refused(&fifo, "no regular file");
    let cases: [(&[u8], &str); 4] = [
        (b"\xef\xbb\xbfkeep = 1", "byte order mark"),
        (b"keep = 1\n\0", "line 2 has a NUL byte"),
        (b"\nunit = \"\xff\"", "line 2 is not UTF-8"),
        (b"\x7fELF\x02\x01\x01", ":1: "),
    ];
    for (bytes, part) in cases {
        assert_refused(&file(&directory, bytes), part);
    }
    let long = file(&directory, "");
    // It has no blocks: nothing but its length is large.
    fs::File::options()
        .write(true)
        .open(&long)
        .unwrap()
        .set_len(1 << 30)
        .unwrap();
    assert_refused(&long, "longer than 1 MiB");
}

#[test]
fn a_wrong_key_or_value_is_named_with_its_line() {
    let directory = directory();
    for (text, part) in [
        ("keep = 1\n\nkeeep = 2", ":3: keeep: unknown key"),
        ("ring_size = \"5M\"", ":1: ring_size: give a power of two"),
        (
            "# x\nqueue_size = \"1K\"",
            ":2: queue_size: give a size from 64K to 1G",
        ),
        ("signal = \"FOO\"", ":1: signal: unknown signal"),
        ("args = true", ":1: args: "),
        ("keep", ":1: "),
    ] {
        assert_refused(&file(&directory, text), part);
    }
    let path = file(&directory, "sender_uid = [\"no-such-user\"]");
    let output = check(&path);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("sender-uid no-such-user: no such user"),
        "{said}"
    );
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn check_config_prints_what_is_in_force_as_a_file_again() {
    let directory = directory();
    let path = file(
        &directory,
        "rotate_size = \"1M\"\nsender_uid = [\"root\", 5]\nsignal = \"!URG\"\nfsync = \"1s\"\n\
         status_interval = 0\nsender_comm = [\"a \\\"b\\n\"]\n",
    );
    let first = check(&path);
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let text = String::from_utf8(first.stdout).unwrap();
    for line in [
        "rotate_size = \"1M\"",
        "sender_uid = [0, 5]",
        "signal = \"!SIGURG\"",
        "fsync = \"1s\"",
        "status_interval = \"0\"",
        "keep = 10",
    ] {
        assert!(
            text.lines().any(|found| found == line),
            "{line} is not in {text}"
        );
    }
    let second = check(&file(&directory, &text));
    assert_eq!(String::from_utf8(second.stdout).unwrap(), text);
    // An empty file is the defaults, as is the one that is installed.
    let empty = check(&file(&directory, ""));
    let installed = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/config/sigtrail.toml"));
    let installed = check(&file(&directory, installed.unwrap()));
    assert_eq!(empty.stdout, installed.stdout);
    assert_eq!(installed.status.code(), Some(0));
}

#[test]
fn options_override_the_file() {
    let directory = directory();
    let lines = directory.path().join("lines");
    let text = format!("output = {lines:?}\nstatus_interval = \"1h\"\nkeep = 3");
    let path = file(&directory, text);
    let run = |more: &[&str]| {
        let mut run = command(&[
            "--sender-comm",
            "st-nobody",
            "--duration",
            "1ms",
            "--config",
        ]);
        run.arg(&path).args(more).output().unwrap()
    };
    let output = run(&["-o", "stdout"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!lines.exists() && output.stdout.ends_with(b"\n"));
    let output = run(&[]);
    assert_eq!((output.status.code(), output.stdout), (Some(0), Vec::new()));
    assert!(fs::read(&lines).unwrap().ends_with(b"\n"));
}
