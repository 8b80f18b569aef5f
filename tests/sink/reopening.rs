//! A file that others have renamed.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt, PermissionsExt},
};

use sigtrail::{FileConfig, Fsync, Output};

use crate::{by_size, close, directory, line, open, pump_until_empty, push, read, rotating};

#[test]
fn reopening_after_a_rename_goes_on_in_the_new_file() {
    for rotation in [None, Some(by_size(1 << 20, 2))] {
        let directory = directory();
        let log = directory.path().join("f");
        let config = FileConfig {
            rotation,
            fsync: Fsync::Rotation,
            ..FileConfig::append(&log)
        };
        let mut sink = open(Output::File(config));
        let mut expected = String::new();
        for round in 0..20 {
            push(&mut sink, &line(round));
            pump_until_empty(&mut sink);
            let old = directory.path().join("old");
            fs::rename(&log, &old).unwrap();
            push(&mut sink, &line(100 + round));
            pump_until_empty(&mut sink);
            sink.reopen().unwrap();
            expected += &read(&old);
            assert_eq!(read(&old), line(round) + &line(100 + round));
            assert_eq!(read(&log), "");
            assert_eq!(fs::metadata(&log).unwrap().mode() & 0o7777, 0o640);
        }
        let stats = close(sink).stats;
        assert_eq!((stats.lines_written, stats.fsync_errors), (40, 0));
        assert_eq!(expected.lines().count(), 40);
    }
}

#[test]
fn reopening_follows_a_directory_swapped_by_rename() {
    let parent = directory();
    let (live, old) = (parent.path().join("live"), parent.path().join("old"));
    let log = live.join("f");
    let mut sink = open(rotating(&log, by_size(1 << 20, 2)));
    push(&mut sink, "one\n");
    pump_until_empty(&mut sink);
    fs::rename(&live, &old).unwrap();
    fs::create_dir(&live).unwrap();
    fs::set_permissions(&live, Permissions::from_mode(0o777)).unwrap();
    push(&mut sink, "two\n");
    pump_until_empty(&mut sink);
    assert_eq!(
        read(&old.join("f")),
        "one\ntwo\n",
        "held by descriptor until told otherwise"
    );

    let error = sink.reopen().unwrap_err().to_string();
    assert!(error.contains("writable by everyone"), "{error}");
    push(&mut sink, "three\n");
    pump_until_empty(&mut sink);
    assert_eq!(
        read(&old.join("f")),
        "one\ntwo\nthree\n",
        "the old file stays in use"
    );

    fs::set_permissions(&live, Permissions::from_mode(0o750)).unwrap();
    sink.reopen().unwrap();
    push(&mut sink, "four\n");
    close(sink);
    assert_eq!(read(&log), "four\n");
    let _next = open(rotating(old.join("f"), by_size(1 << 20, 2)));
}
