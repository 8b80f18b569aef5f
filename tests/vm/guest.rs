//! Process 1 of the virtual machine.

use std::{
    env, fs,
    os::unix::process::ExitStatusExt,
    panic::{self, AssertUnwindSafe},
    process::{Command, ExitCode},
    sync::Mutex,
    time::Instant,
};

use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, reboot, sethostname},
    thread::{UnshareFlags, unshare_unsafe},
};

use crate::{
    programs,
    protocol::{Arch, Message},
    scenarios::{self, Scenario},
    stage::Stage,
};

/// The last lines of the kernel's log that a failure shows.
const LOG_LINES: usize = 30;

static LAST_PANIC: Mutex<String> = Mutex::new(String::new());

/// Plays all scenarios, or those that `scenarios=` names on the kernel's
/// command line, and switches the machine off.
pub fn main() -> ! {
    panic::set_hook(Box::new(|panic| {
        *LAST_PANIC.lock().unwrap() = panic.to_string();
    }));
    if panic::catch_unwind(play_all).is_err() {
        Message::Failed {
            scenario: "(guest)".to_owned(),
            why: last_panic(),
        }
        .say();
    }
    let _ = reboot(RebootCommand::PowerOff);
    unreachable!("the machine is off");
}

fn play_all() {
    set_up();
    Message::Booted {
        release: proc("/proc/sys/kernel/osrelease"),
        arch: Arch::OWN,
        seconds: (proc("/proc/uptime").split(' ').next().unwrap())
            .parse()
            .unwrap(),
    }
    .say();
    examine();
    let mut stage = Stage::default();
    stage.open();
    programs::describe().iter().for_each(Message::say);
    let wanted = wanted();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|start| name.starts_with(start));
    let play_wanted = |stage: &mut Stage, scenarios: &[Scenario]| {
        for &(name, scenario) in scenarios.iter().filter(|(name, _)| is_wanted(name)) {
            play(stage, name, scenario);
        }
    };
    play_wanted(&mut stage, scenarios::ALL);
    play(&mut stage, scenarios::END, Stage::close);
    play_wanted(&mut stage, scenarios::ALONE);
    Message::Ended.say();
}

fn play(stage: &mut Stage, name: &str, scenario: fn(&mut Stage)) {
    let start = Instant::now();
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        stage.clear();
        scenario(stage);
    }));
    let scenario = name.to_owned();
    match result {
        Ok(()) => Message::Played {
            scenario,
            lines: std::mem::take(&mut stage.lines),
            names: std::mem::take(&mut stage.names),
            doomed: std::mem::take(&mut stage.doomed),
            cells: std::mem::take(&mut stage.cells),
            seconds: start.elapsed().as_secs_f64(),
        },
        Err(_) => Message::Failed {
            scenario,
            why: format!("{}\nkernel log:\n{}", last_panic(), kernel_log()),
        },
    }
    .say();
}

fn set_up() {
    let flags = MountFlags::empty();
    for (kind, place) in [
        ("proc", "/proc"),
        ("sysfs", "/sys"),
        ("devtmpfs", "/dev"),
        ("tracefs", "/sys/kernel/tracing"),
        ("bpf", "/sys/fs/bpf"),
        ("cgroup2", "/sys/fs/cgroup"),
        ("tmpfs", "/tmp"),
        ("devpts", "/dev/pts"),
    ] {
        // Those in a file system of the kernel's own are there.
        fs::create_dir_all(place).unwrap();
        mount(kind, place, kind, flags, None).unwrap_or_else(|error| panic!("{place}: {error}"));
    }
    // Only what is said here is to be on the console.
    fs::write("/proc/sys/kernel/printk", "1").unwrap();
    sethostname(b"vm").unwrap();
    // SAFETY: no other thread runs yet.
    unsafe {
        env::set_var("PATH", "/bin");
        env::set_var("SIGTRAIL_PROGRAM", "/bin/sigtrail");
        env::set_var("SIGTRAIL_ACTOR", "/bin/actor");
        env::set_var("SIGTRAIL_WAYS", "/bin/ways");
        env::set_var("SIGTRAIL_ENDS", "/bin/ends");
        if Arch::OWN == Arch::Arm64 {
            env::set_var("SIGTRAIL_NARROW_ACTOR", "/bin/arm/actor");
        }
    }
}

/// What the doctor says.
fn examine() {
    let doctor = Command::new("/bin/sigtrail")
        .arg("doctor")
        .output()
        .unwrap();
    for text in [&doctor.stdout, &doctor.stderr] {
        for line in String::from_utf8_lossy(text).lines() {
            Message::Doctor {
                line: line.to_owned(),
            }
            .say();
        }
    }
    Message::DoctorEnded {
        success: doctor.status.success(),
    }
    .say();
}

fn wanted() -> Vec<String> {
    let wanted = option("scenarios").unwrap_or_default();
    (wanted.split(',').filter(|name| !name.is_empty()))
        .map(str::to_owned)
        .collect()
}

/// What the kernel's command line says of that, if it says anything.
pub fn option(name: &str) -> Option<String> {
    let line = proc("/proc/cmdline");
    let mut options = line
        .split_whitespace()
        .filter_map(|word| word.split_once('='));
    let (_, value) = options.find(|&(key, value)| key == name && !value.is_empty())?;
    Some(value.to_owned())
}

fn kernel_log() -> String {
    let log = rustix::fs::open(
        "/dev/kmsg",
        rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK,
        rustix::fs::Mode::empty(),
    );
    let Ok(log) = log else {
        return String::new();
    };
    let mut lines = Vec::new();
    let mut record = [0; 8192];
    // One record a read, until there are no more.
    while let Ok(length) = rustix::io::read(&log, &mut record) {
        let text = String::from_utf8_lossy(&record[..length]).into_owned();
        lines.push(text.lines().next().unwrap_or_default().to_owned());
    }
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}

/// The command of that name, as far as the tests use it: runs a program as
/// process 1 of a pid namespace.
pub fn unshare(args: &[String]) -> ExitCode {
    let program = args.iter().find(|arg| !arg.starts_with("--")).unwrap();
    // SAFETY: this process has one thread, and no memory or files to share.
    unsafe { unshare_unsafe(UnshareFlags::NEWPID) }.unwrap();
    let status = Command::new(program).status().unwrap();
    let code = status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap());
    ExitCode::from(u8::try_from(code).unwrap())
}

fn proc(path: &str) -> String {
    fs::read_to_string(path).unwrap().trim_end().to_owned()
}

/// What was said with it, and where.
fn last_panic() -> String {
    LAST_PANIC.lock().unwrap().clone()
}
