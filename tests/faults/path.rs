//! Names that are not what they were, or never were what they seem.

use std::{
    fs,
    os::unix::fs::{FileTypeExt, symlink},
    path::Path,
};

use common::{
    Actor, DEADLINE, Daemon, Run, command, count_in_files, directory, files, timed, wait_until,
};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};

/// It does not start on such a file, and says why.
#[track_caller]
fn assert_refused(path: &Path, part: &str) {
    for more in [&[][..], &["--rotate-size", "1M"]] {
        let mut run = command(&["--duration", "1s", "-o"]);
        let (output, took) = timed(|| run.arg(path).args(more).output().unwrap());
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(part), "{part} is not in {said}");
        assert!(took < DEADLINE, "{took:?}");
    }
}

#[test]
fn a_second_writer_is_refused_and_takes_nothing_from_the_first() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("two");
    let daemon = Daemon::of(&actor, &path, &[]);
    assert_refused(&path, "already being written");
    let calls = actor.flood(1, 1, 100);
    let run = daemon.stop();
    run.assert_law(calls);
    assert_eq!(run.lost, 0);
}

#[test]
fn two_on_two_files_both_see_all() {
    let directory = directory();
    let paths = ["one", "two"].map(|name| directory.path().join(name));
    let mut actor = Actor::named("both");
    let both = paths.each_ref().map(|path| Daemon::of(&actor, path, &[]));
    let calls = actor.flood(1, 1, 1000);
    for daemon in both {
        let run = daemon.stop();
        run.assert_law(calls);
        assert_eq!(run.lost, 0);
    }
}

#[test]
fn links_and_pipes_are_not_written_to() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("victim"), "precious").unwrap();
    symlink(at("victim"), at("symlink")).unwrap();
    assert_refused(&at("symlink"), "symbolic link");
    fs::hard_link(at("victim"), at("hardlink")).unwrap();
    assert_refused(&at("hardlink"), "hard links");
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, at("fifo"), FileType::Fifo, mode, 0).unwrap();
    assert_refused(&at("fifo"), "FIFO");
    assert_eq!(fs::read(at("victim")).unwrap(), b"precious");
    assert!(fs::metadata(at("fifo")).unwrap().file_type().is_fifo());
}

/// Somebody puts a link where the next file would be opened.
#[test]
fn a_link_put_in_place_while_it_runs_is_not_followed() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("victim"), "precious").unwrap();
    let mut actor = Actor::named("link");
    let daemon = Daemon::of(&actor, &at("lines"), &[]);
    let mut calls = actor.flood(1, 1, 100);
    fs::rename(at("lines"), at("lines.1")).unwrap();
    symlink(at("victim"), at("lines")).unwrap();
    daemon.signal(Signal::HUP);
    let old = Daemon::wait_in(&at("lines.1"), "reload_failed", 1);
    assert!(
        old["reason"].as_str().unwrap().contains("symbolic link"),
        "{old}"
    );
    calls += actor.flood(1, 1, 100);
    daemon.finish();
    let run = Run::read([at("lines.1")]);
    run.assert_law(calls);
    assert_eq!(run.lost, 0);
    assert_eq!(fs::read(at("victim")).unwrap(), b"precious");
}

#[test]
fn a_directory_that_is_swapped_takes_no_line_away() {
    let directory = directory();
    let (logs, away) = (directory.path().join("logs"), directory.path().join("away"));
    fs::create_dir(&logs).unwrap();
    let path = logs.join("lines");
    let mut actor = Actor::named("swap");
    let more = ["--rotate-size", "64K", "--keep", "100"];
    let daemon = Daemon::of(&actor, &path, &more);
    let mut calls = actor.flood(1, 1, 500);
    fs::rename(&logs, &away).unwrap();
    fs::create_dir(&logs).unwrap();
    calls += actor.flood(1, 1, 500);
    daemon.signal(Signal::HUP);
    wait_until("reloaded", || count_in_files(&path, "reloaded") > 0);
    calls += actor.flood(1, 1, 500);
    daemon.finish();
    let run = Run::read([files(&away.join("lines")), files(&path)].concat());
    run.assert_law(calls);
    assert_eq!(run.lost, 0);
}
