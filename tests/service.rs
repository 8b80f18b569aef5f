//! sigtrail as a service: its configuration file, and what it tells of itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs,
    io::ErrorKind,
    os::unix::{
        fs::{PermissionsExt, chown},
        net::UnixDatagram,
    },
    path::{Path, PathBuf},
    process::Output,
    time::{Duration, Instant},
};

use common::{
    Actor, DEADLINE, Daemon, QUIET, Run, command, configure, count, directory, last_of, process,
    timed, wait_until,
};
use libbpf_rs::{MapCore, MapHandle};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    process::Signal,
};
use tempfile::TempDir;

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
        assert!(took < DEADLINE, "{took:?}");
    }
}

#[test]
fn a_file_of_which_others_are_masters_is_refused() {
    let directory = directory();
    let path = file(&directory, "");
    for mode in [0o660, 0o646, 0o602] {
        fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
        assert_refused(&path, "others can write to it");
    }
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    chown(&path, Some(65534), None).unwrap();
    assert_refused(&path, "it is owned by uid 65534");
}

#[test]
fn what_is_no_text_file_is_refused_at_once() {
    let directory = directory();
    assert_refused(directory.path(), "not a regular file");
    assert_refused(&directory.path().join("absent"), "No such file");
    assert_refused(Path::new("/dev/zero"), "not a regular file");
    let fifo = directory.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_refused(&fifo, "not a regular file");
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
        let mut run = command(&QUIET);
        run.args(["--duration", "1ms", "--config"]);
        run.arg(&path).args(more).output().unwrap()
    };
    let output = run(&["-o", "stdout"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(!lines.exists() && output.stdout.ends_with(b"\n"));
    let output = run(&[]);
    assert_eq!((output.status.code(), output.stdout), (Some(0), Vec::new()));
    assert!(fs::read(&lines).unwrap().ends_with(b"\n"));
}

#[test]
fn a_hundred_reloads_under_load_lose_nothing() {
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("reload");
    // Each lets the same calls through, by other sets.
    let comm = &actor.comm;
    let filters = [
        format!("sender_comm = [\"{comm}\"]"),
        format!("sender_comm = [\"{comm}\", \"other\"]\nsender_uid = [0]"),
        format!("sender_comm = [\"{comm}\"]\nsyscall = [\"kill\", \"tkill\", \"tgkill\"]"),
    ];
    let config = configure(directory.path(), &filters[0]);
    let mut run = command(&["--config"]);
    let daemon = Daemon::run(&path, run.arg(config).arg("-o").arg(&path));
    actor.start_flood(2, 1, 300_000);
    for (number, filters) in (0..100).zip(filters.iter().cycle()) {
        configure(directory.path(), filters);
        // As logrotate does.
        fs::rename(&path, directory.path().join(format!("lines.{number:03}"))).unwrap();
        daemon.signal(Signal::HUP);
        daemon.wait_for("reloaded", 1);
    }
    let calls = actor.end_flood();
    daemon.finish();
    let old = (0..100).map(|number| directory.path().join(format!("lines.{number:03}")));
    let run = Run::read(old.chain([path]));
    run.assert_law(calls);
    let of_state = |state| (run.others.iter()).filter(move |line| line["state"] == state);
    assert_eq!(of_state("reloaded").count(), 100);
    assert_eq!(of_state("reload_failed").count(), 0);
}

#[test]
fn a_reload_changes_the_filters_and_says_what_it_cannot_change() {
    let directory = directory();
    let path = directory.path().join("lines");
    let config = configure(directory.path(), "sender_comm = [\"st-nobody\"]");
    let mut run = command(&["--config"]);
    let daemon = Daemon::run(&path, run.arg(config).arg("-o").arg(&path));
    let mut actor = Actor::named("change");
    actor.flood(1, 1, 10);

    let comm = actor.comm.clone();
    let text = format!("sender_comm = [\"{comm}\"]\nring_size = \"64K\"\noutput = \"/nowhere/x\"");
    configure(directory.path(), text);
    daemon.signal(Signal::HUP);
    daemon.wait_for("reloaded", 1);
    let line = last_of(&path, "reloaded");
    // The path came from the command line, which overrides the file.
    assert_eq!(line["reason"], "until a restart these stay: ring_size");
    assert_eq!(line["filters"], format!("sender_comm={comm}"));
    assert_eq!(line["ring_bytes"], 4 << 20);
    actor.flood(1, 1, 20);

    configure(
        directory.path(),
        "sender_comm = [\"st-nobody\"]\nkeep = \"x\"",
    );
    daemon.signal(Signal::HUP);
    daemon.wait_for("reload_failed", 1);
    let line = last_of(&path, "reload_failed");
    let reason = line["reason"].as_str().unwrap();
    assert!(
        reason.ends_with("sigtrail.toml:2: keep: give a number of files from 0 to 100000"),
        "{reason}"
    );
    assert_eq!(line["filters"], format!("sender_comm={comm}"));
    actor.flood(1, 1, 30);
    daemon.stop().assert_law(50);
}

#[test]
fn a_status_says_what_the_run_takes_in_one_line_of_bounded_length() {
    let directory = directory();
    let path = directory.path().join("lines");
    let comms = vec!["'\\\"\\\"\\\"\\\"\\\"\\\"\\\"'"; 300];
    let text = format!("status_interval = \"1s\"\nunit = [{}]", comms.join(","));
    let config = configure(directory.path(), text);
    let metrics = directory.path().join("sigtrail.prom");
    let mut run = command(&["--config"]);
    run.arg(config)
        .arg("-o")
        .arg(&path)
        .arg("--metrics-file")
        .arg(&metrics);
    let daemon = Daemon::run(&path, &mut run);
    daemon.wait_for("running", 1);
    wait_until("a canary in the metrics", || {
        fs::read_to_string(&metrics).is_ok_and(|text| !text.contains("canaries_total 0\n"))
    });
    for line in daemon.stop().others {
        for key in ["rss_kib", "ring_bytes"] {
            assert!(line[key].as_u64().unwrap() > 0, "{key} of {line}");
        }
        assert!(line["filters"].as_str().unwrap().len() < 700);
    }
    let last = last_of(&path, "stopped");
    assert!(last["lines_written"].as_u64().unwrap() >= 2, "{last}");
    assert!(last["bytes_written"].as_u64().unwrap() > 1000, "{last}");
    // Its own calls are no lines.
    assert!(last["canaries"].as_u64().unwrap() >= 1, "{last}");
    assert_eq!(last["events"], 0);
    let text = fs::read_to_string(&metrics).unwrap();
    assert!(
        text.contains("\nsigtrail_lost_total{what=\"calls\",reason=\"ring_full\"} 0\n"),
        "{text}"
    );
    assert!(text.contains("\nsigtrail_blind 0\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(
            name.starts_with("sigtrail_") && value.parse::<u64>().is_ok(),
            "{line}"
        );
    }
    assert!(!directory.path().join(".sigtrail.prom.new").exists());
}

#[test]
fn a_status_measures_what_the_kernel_does() {
    const SENDERS: u64 = 20;
    let directory = directory();
    let path = directory.path().join("lines");
    let mut actor = Actor::named("measure");
    let began = Instant::now();
    let daemon = Daemon::of(&actor, &path, &["--status-interval", "1s"]);
    assert_eq!(actor.get(&format!("turns {SENDERS}")), 20);
    let pid = daemon.pid().as_raw_nonzero().get().into();
    daemon.suspend();
    let stopped = Instant::now();
    let stat = process::stat(pid).unwrap();
    // User and system time, in ticks.
    let ticks: u64 = (stat[11..13].iter())
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    let least_cpu_ms = ticks * 10;
    let rss = process::status_field(pid, "VmRSS").unwrap();
    let rss_kib: u64 = rss.trim_end_matches(" kB").parse().unwrap();
    wait_until("a while", || stopped.elapsed().as_millis() > 300);
    let said = count(&path, "running");
    daemon.signal(Signal::CONT);
    let started = Instant::now();
    daemon.wait_for("running", said + 1);
    daemon.stop().assert_law(SENDERS);
    let most_ms = started.elapsed().as_millis() as u64;
    let all_ms = began.elapsed().as_millis() as u64;

    let last = last_of(&path, "stopped");
    let number = |key: &str| last[key].as_u64().unwrap();
    let cpu_ms = number("cpu_ms");
    let allowed = least_cpu_ms.saturating_sub(20)..=least_cpu_ms + most_ms + 20;
    assert!(allowed.contains(&cpu_ms), "{allowed:?}: {last}");
    // Threads keep some of the count to themselves for a while.
    assert!(
        number("rss_kib").abs_diff(rss_kib) < 2048,
        "{rss_kib}: {last}"
    );
    // On a busy machine it may have waited longer before it was stopped.
    assert!((300..=all_ms).contains(&number("gap_ms_max")), "{last}");
    // Each is a process of its own; all are in one place.
    assert!(number("processes_known") >= SENDERS, "{last}");
    assert!(number("cgroups_cached") >= 1, "{last}");
}

/// What a service manager hears.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn next(&self, within: Duration) -> Option<String> {
        let end = Instant::now() + within;
        let mut bytes = [0; 4096];
        let len = loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.socket.set_read_timeout(Some(left)).unwrap();
            match self.socket.recv(&mut bytes) {
                Ok(len) => break len,
                // With a timeout, a wait also ends if the machine is suspended.
                Err(error)
                    if [ErrorKind::Interrupted, ErrorKind::WouldBlock].contains(&error.kind()) => {}
                Err(error) => panic!("{error}"),
            }
        };
        let said = String::from_utf8(bytes[..len].to_vec()).unwrap();
        Some(said.trim_end().to_owned())
    }

    /// The next that is neither the dog's food nor a text.
    fn hear(&self) -> String {
        loop {
            let said = self.next(DEADLINE).expect("silence");
            if !said.starts_with("STATUS=") && said != "WATCHDOG=1" {
                return said;
            }
        }
    }

    #[track_caller]
    fn wait_for_food(&self) {
        assert!(self.is_fed(DEADLINE));
    }

    fn is_fed(&self, within: Duration) -> bool {
        let end = Instant::now() + within;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            match self.next(left) {
                Some(said) if said == "WATCHDOG=1" => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    fn forget(&self) {
        while self.next(Duration::from_millis(1)).is_some() {}
    }
}

fn managed(directory: &TempDir, more: &[&str]) -> (Manager, Daemon) {
    let socket = directory.path().join("notify");
    let manager = Manager {
        socket: UnixDatagram::bind(&socket).unwrap(),
    };
    let path = directory.path().join("lines");
    let mut run = command(&QUIET);
    run.arg("-o")
        .arg(&path)
        .args(more)
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "400000");
    let daemon = Daemon::run(&path, &mut run);
    (manager, daemon)
}

#[test]
fn the_service_manager_hears_of_start_reload_and_end() {
    let directory = directory();
    let (manager, daemon) = managed(&directory, &[]);
    assert_eq!(manager.hear(), "READY=1");
    for _ in 0..3 {
        manager.wait_for_food();
    }
    daemon.signal(Signal::HUP);
    let said = manager.hear();
    let usec = said.strip_prefix("RELOADING=1\nMONOTONIC_USEC=");
    assert!(
        usec.is_some_and(|usec| usec.parse::<u64>().is_ok()),
        "{said}"
    );
    assert_eq!(manager.hear(), "READY=1");
    // Who does not poll does not feed.
    daemon.suspend();
    manager.forget();
    assert!(!manager.is_fed(Duration::from_millis(600)));
    daemon.signal(Signal::CONT);
    manager.wait_for_food();
    daemon.signal(Signal::TERM);
    assert_eq!(manager.hear(), "STOPPING=1");
}

/// Takes the rings out of the map that the probes write to.
fn blind(daemon: &Daemon) {
    let pid = daemon.pid().as_raw_nonzero();
    let mut blinded = 0;
    for file in fs::read_dir(format!("/proc/{pid}/fdinfo")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap_or_default();
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse::<u32>().ok())
        };
        // BPF_MAP_TYPE_PERF_EVENT_ARRAY
        if field("map_type:") != Some(4) {
            continue;
        }
        let map = MapHandle::from_map_id(field("map_id:").unwrap()).unwrap();
        for cpu in 0..map.max_entries() {
            blinded += usize::from(map.delete(&cpu.to_ne_bytes()).is_ok());
        }
    }
    assert!(blinded > 0);
}

#[test]
fn a_blinded_run_says_so_and_starves_the_watchdog() {
    // The second sends itself another signal.
    blinded_run(&[]);
    blinded_run(&["--attach", "light"]);
}

fn blinded_run(args: &[&str]) {
    let directory = directory();
    let args = [args, &["--status-interval", "1s"]].concat();
    let (manager, daemon) = managed(&directory, &args);
    daemon.wait_for("running", 1);
    manager.wait_for_food();
    blind(&daemon);
    daemon.wait_for("blind", 1);
    manager.forget();
    assert!(!manager.is_fed(Duration::from_secs(1)));
    let line = last_of(&daemon.path, "blind");
    assert_eq!(
        (&line["events"], &line["lost"]),
        (&0.into(), &0.into()),
        "{line}"
    );
}
