//! Disks that are full or fail.

use std::{
    fs::{self, OpenOptions},
    os::fd::OwnedFd,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use sigtrail::{Output, Refused};

use crate::{
    Disk, ENOSPC, PATIENCE, append, by_size, close, directory, fill, in_child, line, lines, open,
    open_with_queue, push, read, rotating, until,
};

#[test]
fn an_io_error_is_retried_with_growing_pauses_on_a_newly_opened_file() {
    let test = "failing::an_io_error_is_retried_with_growing_pauses_on_a_newly_opened_file";
    if in_child() {
        let log = PathBuf::from(std::env::var_os("SINK_LOG").unwrap());
        let mut sink = open(append(&log));
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for number in 0..20 {
            push(&mut sink, &line(number));
            sink.pump(now).unwrap();
            if sink.stats().queued_bytes > 0 {
                let errors = sink.stats().errors;
                let pause = sink.next_wake(now).unwrap();
                sink.pump(now + pause - Duration::from_millis(1)).unwrap();
                assert_eq!(sink.stats().errors, errors, "no try before its time");
                pauses.push(pause.as_secs());
                now += pause;
            }
        }
        sink.pump(now).unwrap();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        let stats = close(sink).stats;
        assert_eq!(stats.errors, [(5, 8)], "EIO");
        return;
    }
    let directory = directory();
    let log = directory.path().join("f");
    let inject = |when: &str| format!("inject=write:error=EIO:when={when}");
    // strace takes one expression: the third to the tenth write fail.
    let output = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=write", "-P"])
        .arg(&log)
        .args(["-e", &inject("3..10")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env("SINK_CHILD", "1")
        .env("SINK_LOG", &log)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(
        read(&log) == lines(0..20),
        "lost, doubled, torn or out of order"
    );
}

#[test]
fn a_full_disk_loses_and_tears_no_accepted_line_and_goes_on_when_there_is_space() {
    let disk = Disk::new("size=64k,mode=750");
    let ballast = disk.path().join("ballast");
    fs::write(&ballast, vec![0; 32 * 1024]).unwrap();
    let log = disk.path().join("f");
    let mut sink = open_with_queue(rotating(&log, by_size(1 << 20, 2)), 16 * 1024);
    let now = Instant::now();
    let mut accepted = 0;
    let refused = loop {
        let (count, refused) = fill(&mut sink, accepted);
        accepted += count;
        sink.pump(now).unwrap();
        if count == 0 {
            break refused;
        }
    };
    assert_eq!(refused, Refused::Failing);
    let stats = sink.stats();
    assert_eq!(stats.errors, [(ENOSPC, 1)], "no second try before its time");
    let wake = sink.next_wake(now).unwrap();
    assert!(
        Duration::ZERO < wake && wake <= Duration::from_secs(1),
        "{wake:?}"
    );
    assert!(sink.writable_fd().is_none());

    fs::remove_file(&ballast).unwrap();
    sink.pump(now + Duration::from_secs(1)).unwrap();
    let stats = sink.stats();
    assert_eq!(stats.queued_bytes, 0);
    assert_eq!(stats.lines_written, accepted as u64);
    push(&mut sink, &line(accepted));
    close(sink);
    assert!(
        read(&log) == lines(0..accepted + 1),
        "lost, doubled, torn or out of order"
    );
}

#[test]
fn a_file_left_in_mid_line_keeps_only_whole_lines() {
    let disk = Disk::new("size=16k,mode=750");
    let log = disk.path().join("f");
    let mut sink = open(append(&log));
    let (accepted, _) = (
        200,
        (0..200).for_each(|n| sink.push(line(n).as_bytes()).unwrap()),
    );
    sink.pump(Instant::now()).unwrap();
    assert_eq!(sink.stats().errors, [(ENOSPC, 1)]);
    assert!(!read(&log).ends_with('\n'), "the disk is full in mid-line");

    // Another file is put in its place by others, as logrotate does.
    let moved = disk.path().join("moved");
    fs::rename(&log, &moved).unwrap();
    sink.reopen().unwrap();
    let old = read(&moved);
    assert!(old.ends_with('\n') && lines(0..accepted).starts_with(&old));
    disk.remount("size=1m");
    close(sink);
    assert!(old + &read(&log) == lines(0..accepted));
}

#[test]
fn reopening_the_same_full_file_continues_its_line() {
    let disk = Disk::new("size=16k,mode=750");
    let log = disk.path().join("f");
    let mut sink = open(append(&log));
    (0..200).for_each(|number| sink.push(line(number).as_bytes()).unwrap());
    sink.pump(Instant::now()).unwrap();
    let torn = fs::metadata(&log).unwrap().len();
    sink.reopen().unwrap();
    assert_eq!(
        fs::metadata(&log).unwrap().len(),
        torn,
        "a follower would take that for a new file"
    );
    disk.remount("size=1m");
    let stats = close(sink).stats;
    assert!(
        read(&log) == lines(0..200),
        "lost, doubled, torn or out of order"
    );
    assert_eq!((stats.lines_written, stats.torn_tails_repaired), (200, 0));
}

#[test]
fn a_file_that_others_changed_in_mid_line_gets_the_whole_line_again() {
    let disk = Disk::new("size=16k,mode=750");
    let log = disk.path().join("f");
    let mut sink = open(append(&log));
    (0..200).for_each(|number| sink.push(line(number).as_bytes()).unwrap());
    sink.pump(Instant::now()).unwrap();
    let whole = read(&log).rfind('\n').unwrap() + 1;
    disk.remount("size=1m");
    // What a filesystem may keep of the last write after it failed: some other bytes.
    let file = OpenOptions::new().write(true).open(&log).unwrap();
    file.set_len(whole as u64 + 1).unwrap();
    sink.reopen().unwrap();
    close(sink);
    assert!(
        read(&log) == lines(0..200),
        "lost, doubled, torn or out of order"
    );
}

#[test]
fn closing_on_a_full_disk_tells_what_is_unwritten_and_leaves_no_torn_line() {
    let disk = Disk::new("size=16k,mode=750");
    let log = disk.path().join("f");
    let mut sink = open(append(&log));
    (0..200).for_each(|number| sink.push(line(number).as_bytes()).unwrap());
    let start = Instant::now();
    let closed = sink.close(until(start + Duration::from_millis(50)));
    assert!(start.elapsed() < PATIENCE);
    let written = usize::try_from(closed.stats.lines_written).unwrap();
    assert_eq!(
        written + usize::try_from(closed.unwritten_lines).unwrap(),
        200
    );
    assert!(
        read(&log) == lines(0..written),
        "lost, doubled, torn or out of order"
    );
}

#[test]
fn devices_are_written_as_plain_files() {
    let mut sink = open(append("/dev/null"));
    push(&mut sink, "gone\n");
    assert_eq!(close(sink).stats.lines_written, 1);
    for output in [append("/dev/full"), Output::Descriptor(writer("/dev/full"))] {
        let mut sink = open_with_queue(output, 4096);
        let (count, refused) = fill(&mut sink, 0);
        assert_eq!(refused, Refused::Full, "nothing was tried yet");
        sink.pump(Instant::now()).unwrap();
        assert_eq!(fill(&mut sink, count), (0, Refused::Failing));
        assert_eq!(sink.stats().errors, [(ENOSPC, 1)]);
        assert_eq!(
            sink.close(until(Instant::now())).unwritten_lines,
            count as u64
        );
    }
}

fn writer(path: &str) -> OwnedFd {
    OpenOptions::new().write(true).open(path).unwrap().into()
}
