//! Configurations that are none.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use common::{
    Actor, DEADLINE, Daemon, command, configure, count, directory, last_of, timed, wait_until,
};
use proptest::prelude::*;
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use sigtrail::{Config, TraceArgs, Users};

const DEFAULT: &str = include_str!("../../config/sigtrail.toml");

/// Bytes of any kind, and the default file with some of them in it.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200);
    let text = prop::collection::vec("[a-z_]{1,12} ?= ?[\\[\\]\"{}0-9a-zA-Z,.-]{0,20}\n", 0..20);
    let edited = (prop::collection::vec((0..DEFAULT.len(), 0usize..40, any::<[u8; 3]>()), 1..6))
        .prop_map(|edits| {
            let mut bytes = DEFAULT.as_bytes().to_vec();
            for (at, cut, put) in edits {
                let at = at.min(bytes.len());
                let end = (at + cut).min(bytes.len());
                bytes.splice(at..end, put);
            }
            bytes
        });
    prop_oneof![
        bytes,
        text.prop_map(|lines| lines.concat().into_bytes()),
        edited
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(2_000)
    })]

    #[test]
    fn any_file_is_taken_or_refused_with_its_name(bytes in garbage()) {
        let directory = directory();
        let path = configure(directory.path(), bytes);
        let args = TraceArgs { config: Some(path), ..TraceArgs::default() };
        let (result, took) = timed(|| Config::new(&args, &Users::system()));
        prop_assert!(took < DEADLINE, "{took:?}");
        if let Err(why) = result {
            let why = why.to_string();
            prop_assert!(!why.is_empty() && !why.contains(char::is_control), "{why:?}");
        }
    }
}

/// Replaces the file by what is none.
fn spoil(path: &Path, kind: &str) {
    let _ = fs::remove_file(path);
    let _ = fs::remove_dir(path);
    match kind {
        "directory" => fs::create_dir(path).unwrap(),
        "fifo" => mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap(),
        "sparse" => File::create(path).unwrap().set_len(1 << 30).unwrap(),
        "nul" => fs::write(path, "keep = 1\n\0").unwrap(),
        "mark" => fs::write(path, "\u{feff}keep = 1\n").unwrap(),
        "binary" => fs::write(path, b"\x7fELF\x02\x01\x01\0\0").unwrap(),
        "open" => {
            fs::write(path, "keep = 1\n").unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
        }
        "absent" => {}
        _ => panic!("{kind}"),
    }
}

#[test]
fn a_running_trace_goes_on_with_the_old_file_whatever_the_new_one_is() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("garbage");
    let good = format!("sender_comm = [\"{}\"]", actor.comm);
    let config = configure(directory.path(), &good);
    let mut run = command(&["--config"]);
    let daemon = Daemon::run(&path, run.arg(&config).arg("-o").arg(&path));
    let mut calls = 0;
    let kinds = [
        ("directory", "not a regular file"),
        ("fifo", "not a regular file"),
        ("sparse", "longer than 1 MiB"),
        ("nul", "NUL byte"),
        ("mark", "byte order mark"),
        ("binary", "sigtrail.toml"),
        ("open", "others can write to it"),
        ("absent", "No such file"),
    ];
    for (number, (kind, part)) in (1..).zip(kinds) {
        spoil(&config, kind);
        daemon.signal(Signal::HUP);
        wait_until(kind, || count(&path, "reload_failed") == number);
        let line = last_of(&path, "reload_failed");
        assert!(line["reason"].as_str().unwrap().contains(part), "{line}");
        assert_eq!(line["filters"], format!("sender_comm={}", actor.comm));
        calls += actor.flood(1, 1, 100);
    }
    spoil(&config, "absent");
    configure(directory.path(), good);
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded", 1);
    calls += actor.flood(1, 1, 100);
    let run = daemon.stop();
    run.assert_law(calls);
    assert_eq!(run.lost, 0);
}
