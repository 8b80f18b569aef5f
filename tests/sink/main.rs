//! The sink against real files, filesystems, pipes and sockets. Needs root, for tmpfs mounts.

// clippy takes only functions marked #[test] for tests; the helpers here are none.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod failing;
mod files;
mod reopening;
mod rotation;
mod streams;

use std::{
    ffi::CString,
    fs::{self, File, Permissions},
    io::Read,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{Timespec, poll},
    mount::{MountFlags, UnmountFlags},
};
use sigtrail::{Closed, FileConfig, Output, Patience, Refused, Rotation, Sink, SinkConfig};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);
const EFBIG: i32 = 27;
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

fn config(output: Output) -> SinkConfig {
    SinkConfig {
        output,
        queue_bytes: SinkConfig::QUEUE_BYTES,
    }
}

fn open(output: Output) -> Sink {
    Sink::open(config(output)).unwrap()
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
        Sink::open(config(output)).expect_err("it was opened")
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
    while sink.stats().queued_bytes > 0 {
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

/// Wait until `end`, whatever the output takes.
fn until(end: Instant) -> Patience {
    Patience::new(end, Duration::MAX)
}

fn close(sink: Sink) -> Closed {
    let closed = sink.close(until(Instant::now() + PATIENCE));
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
