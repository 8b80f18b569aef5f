//! Disks that are full, dead, limited or read-only.

use std::{
    ffi::CString,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
};

use common::{Actor, Daemon, Run, command, directory, files, wait_until};
use rustix::{
    ioctl::{Setter, ioctl, opcode},
    mount::{MountFlags, UnmountFlags, mount, unmount},
    process::{Resource, Rlimit, Signal, getrlimit, prlimit},
};
use tempfile::TempDir;

use super::Random;

/// A directory on which file systems are mounted, the last one seen.
struct Point {
    directory: TempDir,
}

impl Point {
    fn new() -> Self {
        Self {
            directory: directory(),
        }
    }

    /// With a tmpfs of such a size on it.
    fn of_memory(options: &str) -> Self {
        let point = Self::new();
        point.mount_memory(options);
        point
    }

    fn mount_memory(&self, options: &str) {
        let options = CString::new(format!("mode=750,{options}")).unwrap();
        let flags = MountFlags::empty();
        mount(
            "tmpfs",
            self.directory.path(),
            "tmpfs",
            flags,
            options.as_c_str(),
        )
        .unwrap();
    }

    fn mount_image(&self, image: &Path) {
        let output = Command::new("mount")
            .args(["-t", "ext4", "-o", "loop,errors=remount-ro"])
            .args([image, self.directory.path()])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
    }

    fn unmount(&self) {
        unmount(self.directory.path(), UnmountFlags::DETACH).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Point {
    fn drop(&mut self) {
        while unmount(self.directory.path(), UnmountFlags::DETACH).is_ok() {}
    }
}

/// A disk in a file.
fn image(directory: &TempDir) -> PathBuf {
    let path = directory.path().join("image");
    File::create(&path).unwrap().set_len(32 << 20).unwrap();
    let output = Command::new("mkfs.ext4")
        .args(["-q", "-F"])
        .arg(&path)
        .output();
    let output = output.expect("mkfs.ext4 is needed: apt-get install e2fsprogs");
    assert!(output.status.success(), "{output:?}");
    path
}

fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |data| data.len())
}

fn wait_for_text(path: &Path, text: &str) {
    wait_until(text, || {
        fs::read_to_string(path).is_ok_and(|all| all.contains(text))
    });
}

/// Counts, elsewhere than on the disk, what the run has accounted for.
struct Metrics {
    room: TempDir,
}

impl Metrics {
    fn new() -> Self {
        Self { room: directory() }
    }

    fn path(&self) -> PathBuf {
        self.room.path().join("metrics")
    }

    /// The options by which it is kept.
    fn options(&self) -> [String; 4] {
        let path = self.path().display().to_string();
        [
            "--metrics-file".into(),
            path,
            "--status-interval".into(),
            "1s".into(),
        ]
    }

    /// Until so many calls are lines or lost: nothing more will come then.
    fn wait_for_calls(&self, calls: u64) {
        let known = ["sigtrail_events_total ", "sigtrail_lost_total{"];
        wait_until("all calls in the metrics", || {
            let text = fs::read_to_string(self.path()).unwrap_or_default();
            let lines = text
                .lines()
                .filter(|line| known.iter().any(|name| line.starts_with(name)));
            let count = lines.map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap());
            count.sum::<u64>() == calls
        });
    }
}

#[test]
fn a_full_disk_costs_what_is_counted_and_no_more() {
    let point = Point::of_memory("size=256k");
    let path = point.path("lines");
    let mut actor = Actor::named("full");
    let metrics = Metrics::new();
    let mut run = command(&[actor.filter(), ["--queue-size", "64K"]].concat());
    run.args(metrics.options()).arg("-o").arg(&path);
    let daemon = Daemon::run(&path, &mut run);
    let ballast = point.path("ballast");
    fs::write(&ballast, vec![0; 100 << 10]).unwrap();
    let mut calls = actor.flood(1, 1, 3000);
    wait_until("a full disk", || size(&path) > 120 << 10);
    // What comes later would fill it again.
    metrics.wait_for_calls(calls);
    fs::remove_file(&ballast).unwrap();
    // It tries again by itself, and says what was lost without another call.
    wait_for_text(&path, r#""reason":"sink_error""#);
    calls += actor.flood(1, 1, 5);
    let run = daemon.stop();
    run.assert_law(calls)
        .assert_lost_by("sink_error")
        .assert_failed_with("ENOSPC");
}

#[test]
fn a_disk_that_stays_full_has_an_exit_code_of_its_own() {
    let point = Point::of_memory("size=64k");
    let path = point.path("lines");
    let mut actor = Actor::named("gone");
    let daemon = Daemon::of(&actor, &path, &[]);
    actor.flood(1, 1, 500);
    wait_until("a full disk", || size(&path) > 60_000);
    let output = daemon.end(Signal::TERM);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("lines could not be written"), "{said}");
    // What stands there is whole.
    assert!(Run::read([&path]).signals > 0);
}

#[test]
fn without_an_inode_for_the_next_file_the_old_one_goes_on() {
    // The root, the lock, the file, its neighbour.
    let point = Point::of_memory("size=16m,nr_inodes=4");
    let path = point.path("lines");
    let mut actor = Actor::named("inode");
    fs::write(point.path("neighbour"), "").unwrap();
    let more = [
        "--rotate-size",
        "64K",
        "--keep",
        "100",
        "--compress",
        "false",
    ];
    let daemon = Daemon::of(&actor, &path, &more);
    let mut calls = actor.flood(1, 1, 1000);
    wait_until("a long file", || size(&path) > 256 << 10);
    assert_eq!(files(&path).len(), 1);
    fs::remove_file(point.path("neighbour")).unwrap();
    wait_until("a rotation", || {
        calls += actor.flood(1, 1, 10);
        files(&path).len() == 2
    });
    let run = daemon.stop();
    run.assert_law(calls).assert_failed_with("ENOSPC");
    assert_eq!(run.lost, 0);
    let end = run.end();
    assert!(
        end["rotation_errors"]
            .as_u64()
            .is_some_and(|count| count > 0)
    );
    assert!(end["rotations"].as_u64().is_some_and(|count| count > 0));
    assert!(end.get("fsync_errors").is_none(), "{end}");
}

/// A disk fails in a way that no write gets over; another takes its place.
fn assert_outlived(name: &str, errno: &str, fail: impl FnOnce(&Point)) {
    let store = directory();
    let image = image(&store);
    let point = Point::new();
    point.mount_image(&image);
    let path = point.path("lines");
    let mut actor = Actor::named(name);
    let daemon = Daemon::of(&actor, &path, &["--queue-size", "64K"]);
    let mut calls = actor.flood(1, 1, 300);
    wait_until("the lines", || {
        fs::read_to_string(&path)
            .unwrap()
            .matches(r#""type":"signal""#)
            .count()
            == 300
    });
    File::open(&path).unwrap().sync_all().unwrap();
    fail(&point);
    calls += actor.flood(1, 1, 2000);
    point.unmount();
    point.mount_memory("size=16m");
    wait_for_text(&path, r#""reason":"sink_error""#);
    calls += actor.flood(1, 1, 10);
    daemon.finish();
    // What had been written before stands on the old disk, which others may
    // still have mounted.
    let copy = store.path().join("copy");
    fs::copy(&image, &copy).unwrap();
    let earlier = Point::new();
    earlier.mount_image(&copy);
    let run = Run::read([&earlier.path("lines"), &path]);
    run.assert_law(calls)
        .assert_lost_by("sink_error")
        .assert_failed_with(errno);
}

#[test]
fn a_dead_disk_is_left_for_another_with_every_loss_counted() {
    assert_outlived("eio", "EIO", |point| {
        // FS_IOC_SHUTDOWN, without writing the journal out.
        const SHUTDOWN: u32 = opcode::read::<u32>(b'X', 125);
        const NO_FLUSH: u32 = 2;
        let root = File::open(point.directory.path()).unwrap();
        // SAFETY: this opcode reads a u32 and writes nothing.
        unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_FLUSH)) }.unwrap();
    });
}

#[test]
fn a_disk_that_turns_read_only_is_left_for_another_with_every_loss_counted() {
    assert_outlived("erofs", "EROFS", |point| {
        let output = Command::new("findmnt")
            .args(["-n", "-o", "SOURCE"])
            .arg(point.directory.path())
            .output()
            .unwrap();
        let device = String::from_utf8(output.stdout).unwrap();
        let device = device.trim().rsplit('/').next().unwrap();
        // An error in its own structures, so far as ext4 knows.
        fs::write(
            format!("/sys/fs/ext4/{device}/trigger_fs_error"),
            "st-erofs",
        )
        .unwrap();
    });
}

/// Quotas need a kernel that has a format for them, which many leave out; the
/// error is one of write(2) as others are.
#[test]
fn a_quota_that_is_used_up_is_waited_out() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("quota");
    let mut run = Command::new("strace");
    run.args(["-D", "-f", "-o", "/dev/null", "-e", "trace=write", "-P"])
        .arg(&path)
        .args(["-e", "inject=write:error=EDQUOT:when=3..4"])
        .arg(command::<&str>(&[]).get_program())
        .args(actor.filter())
        .args(["--queue-size", "64K", "-o"])
        .arg(&path);
    let daemon = Daemon::run(&path, &mut run);
    // One line, so that it is the second write.
    let mut calls = actor.flood(1, 1, 1);
    wait_for_text(&path, r#""type":"signal""#);
    calls += actor.flood(1, 1, 3000);
    wait_for_text(&path, r#""reason":"sink_error""#);
    calls += actor.flood(1, 1, 5);
    let run = daemon.stop();
    run.assert_law(calls)
        .assert_lost_by("sink_error")
        .assert_failed_with("EDQUOT");
}

#[test]
fn a_limit_on_file_sizes_is_counted_and_no_death() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("fsize");
    let metrics = Metrics::new();
    let mut run = Command::new("bash");
    run.args(["-c", r#"ulimit -f 200; exec "$0" "$@""#])
        .arg(command::<&str>(&[]).get_program())
        .args(actor.filter())
        .args(metrics.options())
        .args(["--queue-size", "64K", "-o"])
        .arg(&path);
    let daemon = Daemon::run(&path, &mut run);
    let mut calls = actor.flood(1, 1, 2000);
    wait_until("the limit", || size(&path) == 200 << 10);
    // The queue is full now, and fits into the next file with what comes later.
    metrics.wait_for_calls(calls);
    // As an administrator helps himself.
    let old = directory.path().join("lines.1");
    fs::rename(&path, &old).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded", 1);
    calls += actor.flood(1, 1, 10);
    let run = daemon.stop();
    run.assert_law(calls)
        .assert_lost_by("sink_error")
        .assert_failed_with("EFBIG");
}

/// The limit of a file's size moves by a few bytes at a time, so that each
/// write ends where it may: in a line, most often.
#[test]
fn writes_that_end_anywhere_make_whole_lines() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("short");
    let daemon = Daemon::of(&actor, &path, &[]);
    let limit = |bytes: Option<u64>| {
        let limit = Rlimit {
            current: bytes,
            maximum: getrlimit(Resource::Fsize).maximum,
        };
        prlimit(Some(daemon.pid()), Resource::Fsize, limit).unwrap();
    };
    let mut random = Random::default();
    let mut end = size(&path) + 100;
    limit(Some(end));
    let calls = actor.flood(1, 1, 300);
    for _ in 0..100 {
        wait_until("the limit", || size(&path) == end);
        end += 1 + random.below(1500);
        limit(Some(end));
        // Tries again at once.
        daemon.signal(Signal::HUP);
    }
    wait_until("the limit", || size(&path) == end);
    limit(None);
    let run = daemon.stop();
    run.assert_law(calls).assert_failed_with("EFBIG");
    assert_eq!(
        (run.lost, &run.end()["torn_tails_repaired"]),
        (0, &0.into())
    );
}
