//! Rotation by size and age, and what is kept.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use sigtrail::{Refused, Rotation};

use crate::{
    Disk, EFBIG, ENOSPC, PATIENCE, append, by_size, close, directory, eventually, files, fill,
    in_child, line, lines, names, open, open_with_queue, pump_until_empty, push, read, read_all,
    rotating, until,
};

#[test]
fn rotation_keeps_none_one_or_many() {
    for (keep, expected) in [
        (0, &["f"][..]),
        (1, &["f.1", "f"]),
        (4, &["f.4.gz", "f.3.gz", "f.2.gz", "f.1", "f"]),
    ] {
        let directory = directory();
        let log = directory.path().join("f");
        let mut sink = open(rotating(&log, by_size(2000, keep)));
        for number in 0..200 {
            push(&mut sink, &line(number));
            pump_until_empty(&mut sink);
            let size = fs::metadata(&log).unwrap().len();
            assert!(0 < size && size <= 2000, "written to the new file, {size}");
        }
        eventually("compressed", || {
            sink.pump(Instant::now()).unwrap();
            names(&log) == expected
        });
        let stats = close(sink).stats;
        assert!(stats.rotations > 5 && stats.errors.is_empty(), "{stats:?}");
        let kept = read_all(&log);
        assert!(
            lines(0..200).ends_with(&kept) && kept.starts_with('{'),
            "whole lines, in order"
        );
        for file in files(&log) {
            assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        }
        let hidden = fs::read_dir(directory.path()).unwrap().count() - expected.len();
        assert_eq!(hidden, 1, "only the lock is left beside the log");
    }
}

#[test]
fn a_hundred_thousand_lines_stand_once_and_in_order_over_all_files() {
    let directory = directory();
    let log = directory.path().join("f");
    let mut sink = open(rotating(&log, by_size(64 * 1024, 10_000)));
    let mut longest = Duration::ZERO;
    for number in 0..100_000 {
        if sink.push(line(number).as_bytes()).is_err() {
            panic!("refused: {:?}", sink.stats());
        }
        if number % 500 == 0 {
            let start = Instant::now();
            sink.pump(start).unwrap();
            longest = longest.max(start.elapsed());
        }
    }
    let stats = close(sink).stats;
    assert_eq!(stats.lines_written, 100_000);
    assert!(
        stats.rotations > 100 && stats.rotation_errors == 0,
        "{stats:?}"
    );
    assert!(
        read_all(&log) == lines(0..100_000),
        "lost, doubled or out of order"
    );
    assert!(names(&log).iter().any(|name| name.ends_with(".gz")));
    println!("{} rotations, longest pump {longest:?}", stats.rotations);
}

#[test]
fn an_old_file_is_rotated_even_if_nothing_is_written() {
    let directory = directory();
    let log = directory.path().join("f");
    let age = Duration::from_secs(3600);
    let rotation = Rotation {
        max_age: Some(age),
        keep: 3,
        ..Rotation::default()
    };
    let mut sink = open(rotating(&log, rotation));
    let now = Instant::now();
    assert_eq!(sink.next_wake(now), None, "an empty file has no age");
    sink.pump(now + 2 * age).unwrap();
    assert_eq!(names(&log), ["f"]);
    push(&mut sink, "one\n");
    pump_until_empty(&mut sink);
    let wake = sink.next_wake(now).unwrap();
    assert!(age - PATIENCE < wake && wake <= age, "{wake:?}");
    sink.pump(now + age - PATIENCE).unwrap();
    assert_eq!(names(&log), ["f"]);
    sink.pump(now + age).unwrap();
    assert_eq!(names(&log), ["f.1", "f"]);
    push(&mut sink, "two\n");
    close(sink);
    assert_eq!(read_all(&log), "one\ntwo\n");
}

#[test]
fn all_rotated_files_together_stay_below_the_cap() {
    let directory = directory();
    let log = directory.path().join("f");
    let rotation = Rotation {
        max_total: Some(5000),
        compress: false,
        ..by_size(2000, 100)
    };
    let mut sink = open(rotating(&log, rotation));
    for number in 0..200 {
        push(&mut sink, &line(number));
        pump_until_empty(&mut sink);
        let rotated = files(&log).into_iter().filter(|path| *path != log);
        let total: u64 = rotated.map(|path| fs::metadata(path).unwrap().len()).sum();
        assert!(total <= 5000, "{total}");
    }
    close(sink);
    assert_eq!(names(&log), ["f.2", "f.1", "f"]);
    assert!(lines(0..200).ends_with(&read_all(&log)));
}

#[test]
fn without_an_inode_for_the_next_file_the_old_one_goes_on() {
    // The directory itself, the lock, the log.
    let disk = Disk::new("size=1m,nr_inodes=3,mode=750");
    let log = disk.path().join("f");
    let mut sink = open(rotating(&log, by_size(2000, 3)));
    let start = Instant::now();
    for number in 0..100 {
        push(&mut sink, &line(number));
        sink.pump(start).unwrap();
    }
    let stats = sink.stats();
    assert_eq!(
        (stats.rotations, stats.rotation_errors, stats.lines_written),
        (0, 1, 100)
    );
    assert_eq!(stats.errors, [(ENOSPC, 1)]);
    assert!(stats.last_error.unwrap().contains("rotate"));
    assert!(
        read(&log) == lines(0..100),
        "lost, doubled, torn or out of order"
    );
    disk.remount("nr_inodes=10");
    push(&mut sink, &line(100));
    sink.pump(start + Duration::from_secs(2)).unwrap();
    close(sink);
    assert_eq!(names(&log), ["f.1", "f"]);
    assert!(
        read_all(&log) == lines(0..101),
        "lost, doubled, torn or out of order"
    );
}

#[test]
fn a_file_size_limit_rotates_and_kills_nobody() {
    if in_child() {
        let log = PathBuf::from(std::env::var_os("SINK_LOG").unwrap());
        let limit = rustix::process::Rlimit {
            current: Some(5000),
            maximum: Some(5000),
        };
        rustix::process::setrlimit(rustix::process::Resource::Fsize, limit).unwrap();
        let mut sink = open(rotating(&log, by_size(1 << 20, 100)));
        for number in 0..100 {
            push(&mut sink, &line(number));
            pump_until_empty(&mut sink);
        }
        let stats = close(sink).stats;
        assert!(
            stats.rotations > 1 && stats.rotation_errors == 0,
            "{stats:?}"
        );
        let plain = log.with_file_name("plain");
        let mut sink = open_with_queue(append(&plain), 4096);
        let (mut taken, _) = fill(&mut sink, 0);
        sink.pump(Instant::now()).unwrap();
        let refused = loop {
            let (more, refused) = fill(&mut sink, taken);
            taken += more;
            sink.pump(Instant::now()).unwrap();
            if more == 0 {
                break refused;
            }
        };
        assert_eq!(refused, Refused::Failing);
        let errors = sink.stats().errors;
        assert_eq!(
            errors.iter().map(|error| error.0).collect::<Vec<_>>(),
            [EFBIG]
        );
        let closed = sink.close(until(Instant::now()));
        assert!(closed.unwritten_lines > 0);
        let whole = taken - usize::try_from(closed.unwritten_lines).unwrap();
        assert!(read(&plain) == lines(0..whole), "no torn line is left");
        return;
    }
    let directory = directory();
    let log = directory.path().join("f");
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args([
            "--exact",
            "rotation::a_file_size_limit_rotates_and_kills_nobody",
        ])
        .env("SINK_CHILD", "1")
        .env("SINK_LOG", &log)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(
        read_all(&log) == lines(0..100),
        "lost, doubled, torn or out of order"
    );
}
