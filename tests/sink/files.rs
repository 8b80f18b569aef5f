//! A file: its mode and owner, who else writes it, and when it is flushed.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    time::{Duration, Instant},
};

use sigtrail::{FileConfig, Fsync, Output, Sink};

use crate::{
    again, append, by_size, close, config, directory, eventually, files, in_child, line, names,
    open, pump_until_empty, push, read, refusal, rotating,
};

#[test]
fn a_new_file_has_its_mode_whatever_the_umask_and_is_appended_to() {
    if !in_child() {
        let test = "files::a_new_file_has_its_mode_whatever_the_umask_and_is_appended_to";
        let output = again(test, r#"umask 077; exec "$0" "$@""#);
        assert!(output.status.success(), "{output:?}");
        return;
    }
    let directory = directory();
    let log = directory.path().join("f");
    let mut sink = open(append(&log));
    assert_eq!(fs::metadata(&log).unwrap().mode() & 0o7777, 0o640);
    assert_eq!(
        fs::metadata(&log).unwrap().len(),
        0,
        "the file is there before the first line"
    );
    push(&mut sink, "one\n");
    push(&mut sink, "two\n");
    let stats = close(sink).stats;
    assert_eq!((stats.lines_written, stats.bytes_written), (2, 8));
    let mut sink = open(append(&log));
    push(&mut sink, "three\n");
    close(sink);
    assert_eq!(read(&log), "one\ntwo\nthree\n");
    assert_eq!(names(&log), ["f"]);
    assert_eq!(
        fs::read_dir(directory.path()).unwrap().count(),
        1,
        "no lock file is left"
    );
}

#[test]
fn the_directory_is_made_for_a_rotating_log() {
    let parent = directory();
    let log = parent.path().join("sigtrail/sigtrail.jsonl");
    let mut sink = open(rotating(&log, by_size(1000, 2)));
    (0..20).for_each(|number| push(&mut sink, &line(number)));
    close(sink);
    let about = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mode() & 0o7777, metadata.uid())
    };
    assert_eq!(about(log.parent().unwrap()), (0o750, 0));
    assert!(files(&log).len() > 1);
    for file in files(&log) {
        assert_eq!(about(&file), (0o640, 0), "{}", file.display());
    }
    let message = refusal(append(parent.path().join("missing/f")));
    assert!(
        message.contains("missing") && message.contains("No such file"),
        "{message}"
    );
}

#[test]
fn what_stands_at_the_name_must_be_a_file_that_only_we_can_change() {
    let directory = directory();
    let at = |name: &str| directory.path().join(name);
    fs::write(at("outside"), "precious\n").unwrap();
    symlink(at("outside"), at("link")).unwrap();
    symlink(at("nowhere"), at("dangling")).unwrap();
    fs::write(at("one"), "").unwrap();
    fs::hard_link(at("one"), at("two")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("fifo"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    fs::write(at("theirs"), "").unwrap();
    chown(at("theirs"), Some(65534), None).unwrap();
    fs::create_dir(at("dir")).unwrap();
    let cases = [
        ("link", "symbolic link"),
        ("dangling", "symbolic link"),
        ("two", "hard links"),
        ("fifo", "FIFO"),
        ("theirs", "uid 65534"),
        ("dir", "directory"),
    ];
    for (name, reason) in cases {
        for output in [append(at(name)), rotating(at(name), by_size(1000, 1))] {
            let message = refusal(output);
            assert!(
                message.contains(reason) && message.contains(name),
                "{message}"
            );
        }
    }
    assert!(refusal(rotating("/dev/null", by_size(1000, 1))).contains("device"));
    assert_eq!(read(&at("outside")), "precious\n");
    assert!(!at("nowhere").exists());
    assert!(fs::metadata(at("fifo")).unwrap().file_type().is_fifo());
}

#[test]
fn a_directory_that_others_can_change_is_refused() {
    let parent = directory();
    let log = parent.path().join("d/f");
    fs::create_dir(parent.path().join("d")).unwrap();
    let set = |mode: u32, uid: u32, gid: u32| {
        chown(log.parent().unwrap(), Some(uid), Some(gid)).unwrap();
        fs::set_permissions(log.parent().unwrap(), Permissions::from_mode(mode)).unwrap();
    };
    // (mode, uid, gid), refused to a plain file, refused to a rotating one
    let cases = [
        ((0o750, 0, 0), None, None),
        ((0o770, 0, 0), None, None),
        (
            (0o777, 0, 0),
            Some("writable by everyone"),
            Some("writable by everyone"),
        ),
        ((0o1777, 0, 0), None, Some("writable by everyone")),
        ((0o770, 0, 65534), None, Some("writable by group 65534")),
        ((0o755, 65534, 0), None, Some("belongs to uid 65534")),
    ];
    for ((mode, uid, gid), plain, rotated) in cases {
        set(mode, uid, gid);
        for (output, refused) in [
            (append(&log), plain),
            (rotating(&log, by_size(1000, 1)), rotated),
        ] {
            let message = Sink::open(config(output))
                .err()
                .map(|error| error.to_string());
            match (message, refused) {
                (None, None) => {}
                (Some(message), Some(reason)) if message.contains(reason) => {}
                (message, _) => panic!("{mode:o} {uid} {gid}: {message:?}, not {refused:?}"),
            }
        }
    }
}

#[test]
fn a_second_writer_is_refused_before_and_after_rotation() {
    let directory = directory();
    let log = directory.path().join("f");
    let kinds: [fn(&Path) -> Output; 2] = [|log| append(log), |log| rotating(log, by_size(100, 3))];
    for first in kinds {
        let mut sink = open(first(&log));
        for number in 0..20 {
            push(&mut sink, &line(number));
            pump_until_empty(&mut sink);
            for second in kinds {
                let message = refusal(second(&log));
                assert!(message.contains("already being written"), "{message}");
            }
        }
        sink.reopen().unwrap();
        assert!(refusal(append(&log)).contains("already being written"));
        close(sink);
    }
    for unlocked in ["f", ".f.lock"] {
        // The moment between two renames, when the log has no name; and a lock cleaned up by
        // others: one lock is enough.
        let mut sink = open(rotating(&log, by_size(100, 3)));
        for number in 0..2 {
            push(&mut sink, &line(number));
            pump_until_empty(&mut sink);
        }
        fs::remove_file(directory.path().join(unlocked)).unwrap();
        for second in kinds {
            let message = refusal(second(&log));
            assert!(message.contains("already being written"), "{message}");
        }
        close(sink);
    }
    // One that is gone leaves nothing that bars the next, and another log is another matter.
    let _both = (
        open(rotating(&log, by_size(100, 3))),
        open(append(directory.path().join("g"))),
    );
}

#[test]
fn a_torn_last_line_is_ended_and_counted() {
    let directory = directory();
    let log = directory.path().join("f");
    fs::write(&log, "whole\n{\"torn\":").unwrap();
    let mut sink = open(append(&log));
    assert_eq!(sink.stats().torn_tails_repaired, 1);
    assert_eq!(read(&log), "whole\n{\"torn\":\n", "ended at once");
    push(&mut sink, "next\n");
    assert_eq!(close(sink).stats.torn_tails_repaired, 1);
    assert_eq!(read(&log), "whole\n{\"torn\":\nnext\n");
    let sink = open(append(&log));
    assert_eq!(sink.stats().torn_tails_repaired, 0);
}

#[test]
fn a_written_file_is_flushed_in_its_time() {
    let directory = directory();
    let period = Duration::from_secs(60);
    let config = FileConfig {
        fsync: Fsync::Every(period),
        ..FileConfig::append(directory.path().join("f"))
    };
    let mut sink = open(Output::File(config));
    let now = Instant::now();
    assert_eq!(sink.next_wake(now), None, "nothing to flush");
    push(&mut sink, "one\n");
    sink.pump(now).unwrap();
    assert!(sink.next_wake(now).is_some_and(|wake| wake <= period));
    sink.pump(now + period).unwrap();
    eventually("the worker reports", || {
        sink.pump(now + period).unwrap();
        sink.next_wake(now + period).is_none()
    });
    assert_eq!(close(sink).stats.fsync_errors, 0);
}
