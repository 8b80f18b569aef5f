//! The sink against real files, filesystems, pipes and sockets. Needs root, for tmpfs mounts.

// clippy takes only functions marked #[test] for tests; the helpers here are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, chown, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::mount::{MountFlags, UnmountFlags};
use sigtrail::sink::{
    Closed, FileConfig, Fsync, Output, Patience, Refused, Rotation, Sink, SinkConfig, SinkGone,
};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);
const ENOSPC: i32 = 28;

/// A tmpfs of its own, unmounted at the end of the test.
struct Disk {
    point: TempDir,
}

impl Disk {
    fn new(options: &str) -> Self {
        let point = TempDir::new().unwrap();
        let options = CString::new(options).unwrap();
        let flags = MountFlags::NOSUID | MountFlags::NODEV;
        rustix::mount::mount(
            "sink-test",
            point.path(),
            "tmpfs",
            flags,
            Some(options.as_c_str()),
        )
        .unwrap();
        Self { point }
    }

    fn path(&self) -> &Path {
        self.point.path()
    }

    fn remount(&self, options: &str) {
        let options = CString::new(options).unwrap();
        rustix::mount::mount_remount(self.path(), MountFlags::empty(), options.as_c_str()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = rustix::mount::unmount(self.point.path(), UnmountFlags::DETACH);
    }
}

/// A directory as the package makes it.
fn directory() -> TempDir {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o750)).unwrap();
    directory
}

fn open(output: Output) -> Sink {
    Sink::open(SinkConfig::new(output)).unwrap()
}

fn open_with_queue(output: Output, queue_bytes: usize) -> Sink {
    Sink::open(SinkConfig {
        output,
        queue_bytes,
    })
    .unwrap()
}

fn append(path: impl Into<PathBuf>) -> Output {
    Output::File(FileConfig::append(path))
}

fn rotating(path: impl Into<PathBuf>, rotation: Rotation) -> Output {
    Output::File(FileConfig {
        rotation: Some(rotation),
        ..FileConfig::append(path)
    })
}

fn by_size(max_size: u64, keep: u32) -> Rotation {
    Rotation {
        max_size: Some(max_size),
        keep,
        compress: true,
        ..Rotation::default()
    }
}

fn refusal(output: Output) -> String {
    format!(
        "{:#}",
        Sink::open(SinkConfig::new(output)).expect_err("it was opened")
    )
}

/// `{"n":7,"fill":"xxx…"}`: numbered, so that loss, order and tearing all show.
fn line(number: usize) -> String {
    format!(
        "{{\"n\":{number},\"fill\":\"{}\"}}\n",
        "x".repeat(number * 7919 % 180)
    )
}

fn lines(range: std::ops::Range<usize>) -> String {
    range.map(line).collect()
}

/// Pushes a line, pumping until there is room for it.
fn push(sink: &mut Sink, line: &str) {
    let until = Instant::now() + PATIENCE;
    while sink.room() < line.len() {
        assert!(Instant::now() < until, "no room: {:?}", sink.stats());
        sink.pump(Instant::now()).unwrap();
    }
    sink.push(line.as_bytes()).unwrap();
}

fn pump_until_empty(sink: &mut Sink) {
    let until = Instant::now() + PATIENCE;
    while sink.stats().queued_lines > 0 {
        assert!(Instant::now() < until, "{:?}", sink.stats());
        sink.pump(Instant::now()).unwrap();
    }
}

/// Fills the queue; returns how many lines it took from `from` on, and why the next was refused.
fn fill(sink: &mut Sink, from: usize) -> (usize, Refused) {
    for number in from.. {
        if let Err(refused) = sink.push(line(number).as_bytes()) {
            return (number - from, refused);
        }
    }
    unreachable!()
}

/// Waits for something that others do, looking again each time this process could have been told.
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < until, "{what}");
        let _ = poll(
            &mut [],
            Some(&Timespec {
                tv_sec: 0,
                tv_nsec: 2_000_000,
            }),
        );
    }
}

fn close(sink: Sink) -> Closed {
    let closed = sink.close(Patience::until(Instant::now() + PATIENCE));
    assert_eq!(closed.unwritten_lines, 0, "{closed:?}");
    closed
}

fn read(path: &Path) -> String {
    let mut text = String::new();
    let file = File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    if path.extension().is_some_and(|extension| extension == "gz") {
        flate2::read::GzDecoder::new(file)
            .read_to_string(&mut text)
            .unwrap();
    } else {
        (&file).read_to_string(&mut text).unwrap();
    }
    text
}

/// Names beginning like the log, oldest first, then the log itself.
fn files(log: &Path) -> Vec<PathBuf> {
    let name = log.file_name().unwrap().to_str().unwrap();
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir(log.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter_map(|path| {
            let rest = path.file_name()?.to_str()?.strip_prefix(name)?.to_owned();
            let index = rest.trim_start_matches('.').trim_end_matches(".gz");
            Some((
                if rest.is_empty() {
                    0
                } else {
                    index.parse().unwrap()
                },
                path,
            ))
        })
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}

fn names(log: &Path) -> Vec<String> {
    let files = files(log);
    files
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn read_all(log: &Path) -> String {
    files(log).iter().map(|path| read(path)).collect()
}

/// Runs this very test again in a process of its own, where `in_child` is true.
fn again(test: &str, through: &str) -> std::process::Output {
    let this = std::env::current_exe().unwrap();
    Command::new("sh")
        .args([
            "-c",
            through,
            this.to_str().unwrap(),
            "--exact",
            test,
            "--nocapture",
        ])
        .env("SINK_CHILD", "1")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn in_child() -> bool {
    std::env::var_os("SINK_CHILD").is_some()
}

// Files

#[test]
fn a_new_file_has_its_mode_whatever_the_umask_and_is_appended_to() {
    let directory = directory();
    let log = directory.path().join("f");
    let config = FileConfig {
        mode: 0o664,
        ..FileConfig::append(&log)
    };
    let mut sink = open(Output::File(config));
    assert_eq!(fs::metadata(&log).unwrap().mode() & 0o7777, 0o664);
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
fn the_directory_is_made_for_a_rotating_log_with_mode_and_group() {
    let parent = directory();
    let log = parent.path().join("sigtrail/sigtrail.jsonl");
    let config = FileConfig {
        rotation: Some(by_size(1000, 2)),
        group: Some(rustix::fs::Gid::from_raw(4)),
        ..FileConfig::append(&log)
    };
    let mut sink = open(Output::File(config));
    (0..20).for_each(|number| push(&mut sink, &line(number)));
    close(sink);
    let about = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mode() & 0o7777, metadata.uid(), metadata.gid())
    };
    assert_eq!(about(log.parent().unwrap()), (0o750, 0, 4));
    assert!(files(&log).len() > 1);
    for file in files(&log) {
        assert_eq!(about(&file), (0o640, 0, 4), "{}", file.display());
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
            let message = Sink::open(SinkConfig::new(output))
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
fn a_torn_last_line_is_ended_and_told() {
    let directory = directory();
    let log = directory.path().join("f");
    fs::write(&log, "whole\n{\"torn\":").unwrap();
    let mut sink = open(append(&log));
    assert!(sink.stats().torn_tail);
    assert_eq!(read(&log), "whole\n{\"torn\":\n", "ended at once");
    push(&mut sink, "next\n");
    assert_eq!(close(sink).stats.torn_tails_repaired, 1);
    assert_eq!(read(&log), "whole\n{\"torn\":\nnext\n");
    let sink = open(append(&log));
    assert!(!sink.stats().torn_tail);
}

// Rotation

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
    assert!(stats.compressed > 0);
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
    assert!(
        age - Duration::from_secs(2) < wake && wake <= age,
        "{wake:?}"
    );
    sink.pump(now + age - Duration::from_secs(2)).unwrap();
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
        assert_eq!(refused.errno(), Some(27), "EFBIG");
        let closed = sink.close(Patience::until(Instant::now()));
        assert!(closed.unwritten_lines > 0);
        let whole = taken - usize::try_from(closed.unwritten_lines).unwrap();
        assert!(read(&plain) == lines(0..whole), "no torn line is left");
        return;
    }
    let directory = directory();
    let log = directory.path().join("f");
    let this = std::env::current_exe().unwrap();
    let output = Command::new(this)
        .args(["--exact", "a_file_size_limit_rotates_and_kills_nobody"])
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

// Failing

#[test]
fn an_io_error_is_retried_with_growing_pauses_on_a_newly_opened_file() {
    let test = "an_io_error_is_retried_with_growing_pauses_on_a_newly_opened_file";
    if in_child() {
        let log = PathBuf::from(std::env::var_os("SINK_LOG").unwrap());
        let mut sink = open(append(&log));
        let mut now = Instant::now();
        let mut pauses = Vec::new();
        for number in 0..20 {
            push(&mut sink, &line(number));
            sink.pump(now).unwrap();
            if sink.stats().failing_since.is_some() {
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
    assert_eq!(
        (refused.cause(), refused.errno()),
        ("sink_error", Some(ENOSPC))
    );
    let stats = sink.stats();
    assert_eq!(stats.failing_since, Some(now));
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
    assert_eq!((stats.queued_lines, stats.failing_since), (0, None));
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
    assert!(sink.stats().failing_since.is_some());
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
    let closed = sink.close(Patience::until(start + Duration::from_millis(50)));
    assert!(start.elapsed() < Duration::from_secs(5));
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
        assert_eq!(fill(&mut sink, count), (0, Refused::Failing(ENOSPC)));
        assert_eq!(
            sink.close(Patience::until(Instant::now())).unwritten_lines,
            count as u64
        );
    }
}

fn writer(path: &str) -> OwnedFd {
    OpenOptions::new().write(true).open(path).unwrap().into()
}

// Reopening

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

// Streams

fn drain(reader: &mut impl Read) -> String {
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    text
}

/// Fills an output nobody reads, checks that nothing blocks, then reads: all accepted lines come.
fn survives_a_stopped_reader(output: Output, mut reader: impl Read + Send + 'static) {
    let mut sink = open_with_queue(output, 64 * 1024);
    let mut accepted = 0;
    let start = Instant::now();
    loop {
        let (count, refused) = fill(&mut sink, accepted);
        assert_eq!(refused.cause(), "sink_full");
        accepted += count;
        sink.pump(Instant::now()).unwrap();
        if count == 0 {
            break;
        }
    }
    assert!(start.elapsed() < Duration::from_secs(5));
    let waiting = sink.writable_fd().expect("it waits for the reader");
    let mut fds = [PollFd::from_borrowed_fd(waiting, PollFlags::OUT)];
    assert_eq!(
        poll(&mut fds, Some(&Timespec::default())).unwrap(),
        0,
        "no reason to spin"
    );
    assert_ne!(sink.next_wake(Instant::now()), Some(Duration::ZERO));
    let reader = std::thread::spawn(move || drain(&mut reader));
    let stats = close(sink).stats;
    assert_eq!(stats.lines_written, accepted as u64);
    assert!(reader.join().unwrap() == lines(0..accepted));
}

#[test]
fn a_stopped_pipe_reader_blocks_nothing_and_gets_everything_later() {
    let (reader, writer) = std::io::pipe().unwrap();
    survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
}

#[test]
fn another_users_pipe_is_polled_before_each_write() {
    // It can't be opened again, so it stays blocking: no write may be more than surely fits.
    let (reader, writer) = std::io::pipe().unwrap();
    let other_user = std::thread::spawn(|| {
        let nobody = rustix::fs::Uid::from_raw(65534);
        // Of this thread alone.
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
        assert!(OpenOptions::new().write(true).open(path).is_err());
        survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
    });
    other_user.join().unwrap();
}

#[test]
fn a_stopped_socket_reader_blocks_nothing_and_gets_everything_later() {
    let (reader, writer) = UnixStream::pair().unwrap();
    survives_a_stopped_reader(Output::Descriptor(writer.into()), reader);
}

#[test]
fn the_inherited_description_stays_blocking() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let shared = writer.try_clone().unwrap();
    let mut sink = open_with_queue(Output::Descriptor(writer.into()), 64 * 1024);
    while fill(&mut sink, 0).0 > 0 {
        sink.pump(Instant::now()).unwrap();
    }
    let flags = rustix::fs::fcntl_getfl(&shared).unwrap();
    assert!(!flags.contains(rustix::fs::OFlags::NONBLOCK));
}

#[test]
fn a_pipe_holds_whole_lines_at_every_moment() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut sink = open_with_queue(Output::Descriptor(writer.into()), 256 * 1024);
    fill(&mut sink, 0);
    sink.pump(Instant::now()).unwrap();
    drop(sink);
    let text = drain(&mut reader);
    assert!(text.len() > 32 * 1024 && text.ends_with('\n') && lines(0..5000).starts_with(&text));
}

#[test]
fn a_reader_that_goes_away_ends_the_sink() {
    let pipe = || {
        let (reader, writer) = std::io::pipe().unwrap();
        (OwnedFd::from(reader), OwnedFd::from(writer))
    };
    let socket = || {
        let (reader, writer) = UnixStream::pair().unwrap();
        (OwnedFd::from(reader), OwnedFd::from(writer))
    };
    for (reader, writer) in [pipe(), socket()] {
        let mut sink = open(Output::Descriptor(writer));
        push(&mut sink, "one\n");
        sink.pump(Instant::now()).unwrap();
        drop(reader);
        push(&mut sink, "two\n");
        assert_eq!(sink.pump(Instant::now()), Err(SinkGone::Closed));
        assert_eq!(sink.next_wake(Instant::now()), None);
        let closed = sink.close(Patience::until(Instant::now() + PATIENCE));
        assert_eq!(
            (closed.gone, closed.unwritten_lines),
            (Some(SinkGone::Closed), 1)
        );
    }
    for (reader, writer) in [pipe(), socket()] {
        drop(reader);
        let mut sink = open(Output::Descriptor(writer));
        push(&mut sink, "one\n");
        assert_eq!(
            sink.pump(Instant::now()),
            Err(SinkGone::Closed),
            "gone before we came"
        );
    }
    for (reader, writer) in [pipe(), socket()] {
        let mut sink = open(Output::Descriptor(writer));
        let now = Instant::now();
        drop(reader);
        let wake = sink.next_wake(now).unwrap();
        assert!(
            wake <= Duration::from_secs(1),
            "an idle sink looks after its reader"
        );
        assert_eq!(
            sink.pump(now + wake + Duration::from_millis(1)),
            Err(SinkGone::Closed)
        );
    }
}

#[test]
fn a_redirected_file_is_written_at_its_offset() {
    let directory = directory();
    let path = directory.path().join("f");
    fs::write(&path, "AAAA\nBBBB\nCCCC\n").unwrap();
    let mut file = OpenOptions::new().write(true).open(&path).unwrap();
    file.seek(std::io::SeekFrom::Start(5)).unwrap();
    let mut sink = open(Output::Descriptor(
        file.as_fd().try_clone_to_owned().unwrap(),
    ));
    push(&mut sink, "bbbb\n");
    close(sink);
    file.write_all(b"cccc\n").unwrap();
    assert_eq!(
        read(&path),
        "AAAA\nbbbb\ncccc\n",
        "the shell's other commands go on behind us"
    );

    fs::write(&path, "torn").unwrap();
    let file = OpenOptions::new().append(true).open(&path).unwrap();
    let mut sink = open(Output::Descriptor(file.into()));
    assert!(sink.stats().torn_tail);
    push(&mut sink, "next\n");
    assert_eq!(close(sink).stats.torn_tails_repaired, 1);
    assert_eq!(read(&path), "torn\nnext\n");
}

#[test]
fn a_descriptor_without_write_access_is_refused() {
    let message = refusal(Output::Descriptor(File::open("/dev/null").unwrap().into()));
    assert!(message.contains("reading only"), "{message}");
}

#[test]
fn a_closed_stdout_is_refused_and_a_null_one_is_not() {
    if in_child() {
        let closed = std::env::var_os("SINK_CLOSED").is_some();
        match Sink::open(SinkConfig::new(Output::Stdout)) {
            Err(error) => assert!(
                closed && format!("{error:#}").contains("-o FILE"),
                "{error:#}"
            ),
            Ok(_) => assert!(!closed),
        }
        return;
    }
    let test = "a_closed_stdout_is_refused_and_a_null_one_is_not";
    for through in [
        r#"SINK_CLOSED=1 exec "$0" "$@" >&-"#,
        r#"SINK_CLOSED=1 exec "$0" "$@" >&- 2>&- <&-"#,
        r#"exec "$0" "$@" > /dev/null"#,
        r#"exec "$0" "$@" | cat"#,
    ] {
        let output = again(test, through);
        assert!(output.status.success(), "{through}: {output:?}");
    }
}

#[test]
fn a_terminal_is_written_through_its_own_description() {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::grantpt(&master).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let terminal = OpenOptions::new()
        .write(true)
        .custom_flags(0o400)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut sink = open_with_queue(Output::Descriptor(terminal.into()), 64 * 1024);
    // Nobody reads: it fills up and must not block.
    let mut accepted = 0;
    loop {
        let (count, refused) = fill(&mut sink, accepted);
        assert_eq!(refused.cause(), "sink_full");
        accepted += count;
        sink.pump(Instant::now()).unwrap();
        if count == 0 {
            break;
        }
    }
    let mut master = File::from(master);
    let mut text = vec![0; 1000];
    master.read_exact(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap().replace("\r\n", "\n");
    assert!(lines(0..100).starts_with(text.trim_end_matches('\r')));
    drop(master);
    assert_eq!(
        sink.pump(Instant::now()),
        Err(SinkGone::Closed),
        "the terminal hung up"
    );
}

#[test]
fn another_users_terminal_is_refused_because_it_could_block() {
    let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR).unwrap();
    rustix::pty::unlockpt(&master).unwrap();
    let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
    let open = |name: &str| {
        OpenOptions::new()
            .write(true)
            .custom_flags(0o400)
            .open(name)
            .unwrap()
    };
    let terminal = open(name.to_str().unwrap());
    let other_user = std::thread::spawn(|| {
        let nobody = rustix::fs::Uid::from_raw(65534);
        rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
        refusal(Output::Descriptor(terminal.into()))
    });
    let message = other_user.join().unwrap();
    assert!(
        message.contains("through cat") && message.contains("denied"),
        "{message}"
    );
}

#[test]
fn a_datagram_socket_gets_a_message_a_line() {
    let (reader, writer) = std::os::unix::net::UnixDatagram::pair().unwrap();
    let mut sink = open(Output::Descriptor(writer.into()));
    (0..5).for_each(|number| sink.push(line(number).as_bytes()).unwrap());
    close(sink);
    let mut message = [0; 4096];
    for number in 0..5 {
        let length = reader.recv(&mut message).unwrap();
        assert_eq!(&message[..length], line(number).as_bytes());
    }
}

#[test]
fn only_one_whole_line_is_taken() {
    let mut sink = open(append("/dev/null"));
    let longest = "x".repeat(4095) + "\n";
    assert_eq!(sink.push(longest.as_bytes()), Ok(()));
    for bad in ["", "no newline", &("x".to_owned() + &longest)] {
        assert_eq!(sink.push(bad.as_bytes()), Err(Refused::Malformed));
    }
}

// Flushing

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
