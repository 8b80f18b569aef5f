//! Refusals to start: one message that names what is missing and the way out,
//! the right exit code, and never a backtrace.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use common::{Sigtrail, command};
use tempfile::TempDir;

/// An unprivileged user; capabilities can follow as `--inh-caps` and
/// `--ambient-caps`.
const NOBODY: &str = "setpriv --reuid 65534 --regid 65534 --clear-groups";

/// sigtrail where everyone may run it, and a directory beside it where nobody
/// but root may look.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let place = Self { directory };
        common::copy_executable(env!("CARGO_BIN_EXE_sigtrail"), place.path("sigtrail"));
        fs::create_dir(place.path("secret")).unwrap();
        fs::set_permissions(place.path("secret"), Permissions::from_mode(0o700)).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A script in mount namespace of its own, where `$0` is sigtrail and `$D`
    /// the directory.
    fn script(&self, script: &str) -> Command {
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "bash", "-ec", script])
            .arg(self.path("sigtrail"))
            .env("D", self.directory.path())
            .env("RUST_BACKTRACE", "1");
        command
    }

    fn run(&self, script: &str) -> Output {
        self.script(script).stdin(Stdio::null()).output().unwrap()
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    for never in ["panicked", "backtrace", ".rs:"] {
        assert!(!said.contains(never), "{never:?} is in {said}");
    }
}

/// Code 1, nothing on stdout, and one line that says all this.
#[track_caller]
fn assert_refused(output: Output, parts: &[&str]) {
    let said = text(output.stderr);
    assert_eq!(
        (text(output.stdout), output.status.code()),
        (String::new(), Some(1)),
        "{said}"
    );
    assert!(
        said.starts_with("sigtrail: ") && said.ends_with('\n'),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    assert_says(&said, parts);
}

/// Code 1, and this check fails while others go on.
#[track_caller]
fn assert_doctor_fails(output: Output, check: &str, parts: &[&str]) {
    assert_eq!(
        (text(output.stderr), output.status.code()),
        (String::new(), Some(1))
    );
    let said = text(output.stdout);
    let start = format!("FAIL  {check}: ");
    let line = said.lines().find(|line| line.starts_with(&start));
    assert_says(
        line.unwrap_or_else(|| panic!("no {start} in {said}")),
        parts,
    );
    assert!(said.starts_with("ok    kernel: Linux "), "{said}");
    assert_eq!(
        said.lines().last(),
        Some("sigtrail does not work here yet: see the lines that start with FAIL.")
    );
}

/// It traces there.
#[track_caller]
fn assert_starts(place: &Place, script: &str) {
    let ended = Sigtrail::spawn(&mut place.script(script)).end();
    ended.assert_clean();
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    let cases: [(&[&str], &[&str]); 14] = [
        (
            &["--signal", "FOO"],
            &["--signal", "unknown signal \"FOO\"", "a name such as TERM"],
        ),
        (
            &["-s", "65"],
            &["\"65\" is out of range", "a number from 0 to 64"],
        ),
        (&["-s", "KILL,"], &["empty item in the list"]),
        (
            &["--ring-size", "3"],
            &["--ring-size", "a power of two from 4K to 64M"],
        ),
        (
            &["--ring-size", "128M"],
            &["--ring-size", "a power of two from 4K to 64M"],
        ),
        (
            &["--nonsense"],
            &["unexpected argument '--nonsense'", "Usage: sigtrail"],
        ),
        (
            &["nonsense"],
            &["unrecognized subcommand 'nonsense'", "Usage: sigtrail"],
        ),
        (&["-p", "0"], &["--sender-pid", "0 is not in 1..="]),
        (&["-t", "-1"], &["'-1'"]),
        (&["-n", "0"], &["--count", "0 is not in 1.."]),
        (
            &["--duration", "5"],
            &["--duration", "a number with a unit, such as 50ms"],
        ),
        (
            &["--poll-interval", "1h"],
            &["--poll-interval", "from 1ms to 1s"],
        ),
        (
            &["--syscall", "kill,exit"],
            &[
                "'exit'",
                "[possible values: kill, tkill, tgkill, rt_sigqueueinfo, rt_tgsigqueueinfo, pidfd_send_signal]",
            ],
        ),
        (
            &["--sender-comm", "sixteen bytes !!"],
            &["--sender-comm", "give the first 15"],
        ),
    ];
    for (args, parts) in cases {
        let output = command(args).env("RUST_BACKTRACE", "1").output().unwrap();
        let said = text(output.stderr);
        assert_eq!(
            (text(output.stdout), output.status.code()),
            (String::new(), Some(2)),
            "{said}"
        );
        assert!(said.starts_with("error: "), "{said}");
        assert_says(&said, parts);
        assert_says(&said, &["try '--help'"]);
    }
}

#[test]
fn a_user_who_does_not_exist_is_named() {
    let output = command(&["--sender-uid", "st-nobody"]).output().unwrap();
    let said = text(output.stderr);
    assert_eq!(
        (text(output.stdout), output.status.code()),
        (String::new(), Some(2)),
        "{said}"
    );
    assert_says(
        &said,
        &["sender-uid st-nobody", "/etc/passwd", "give a user id"],
    );
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = Place::new();
    let cases = [
        (
            r#"exec "$0" -o "$D/missing/file""#,
            "missing: No such file or directory",
        ),
        (
            r#"exec "$0" -o "$D/secret""#,
            "secret is a directory: give the path of a file in it",
        ),
        (r#"exec "$0" -o "$D/sigtrail/file""#, "Not a directory"),
    ];
    for (script, part) in cases {
        assert_refused(place.run(script), &[part]);
    }
    let script = format!(r#"exec {NOBODY} "$0" -o "$D/secret/file""#);
    assert_refused(place.run(&script), &["secret", "Permission denied"]);
    let script = format!(r#"exec {NOBODY} "$0" -o "$D/file""#);
    assert_refused(place.run(&script), &["/file", "Permission denied"]);
    assert_refused(
        place.run(r#"exec "$0" >&-"#),
        &["standard output is closed", "-o FILE"],
    );
}

#[test]
fn missing_privilege_is_named() {
    let place = Place::new();
    let cases = [
        ("", "CAP_BPF and CAP_PERFMON."),
        ("+bpf", "missing privilege: CAP_PERFMON."),
        ("+perfmon,+dac_read_search", "missing privilege: CAP_BPF."),
    ];
    for (caps, missing) in cases {
        let caps = capabilities(caps);
        let parts = ["missing privilege: ", missing, "sudo sigtrail"];
        let output = place.run(&format!(r#"exec {NOBODY} {caps} "$0""#));
        assert_refused(output, &parts);
        let output = place.run(&format!(r#"exec {NOBODY} {caps} "$0" doctor"#));
        assert_doctor_fails(output, "privilege", &parts);
    }
    let caps = capabilities("+bpf,+perfmon");
    let parts = [
        "sys_enter_kill/id cannot be read",
        "give it CAP_DAC_READ_SEARCH",
    ];
    let output = place.run(&format!(r#"exec {NOBODY} {caps} "$0""#));
    assert_refused(output, &parts);
    let output = place.run(&format!(r#"exec {NOBODY} {caps} "$0" doctor"#));
    assert_doctor_fails(output, "tracefs", &parts);
}

fn capabilities(list: &str) -> String {
    match list {
        "" => String::new(),
        list => format!("--inh-caps {list} --ambient-caps {list}"),
    }
}

/// Where the kernel is as its makers have it; some distributions ask for more.
#[test]
fn three_capabilities_are_enough_where_paranoia_is_no_higher_than_the_kernels() {
    let paranoid = fs::read_to_string("/proc/sys/kernel/perf_event_paranoid").unwrap();
    let place = Place::new();
    let caps = capabilities("+bpf,+perfmon,+dac_read_search");
    if paranoid.trim().parse::<i32>().unwrap() <= 2 {
        let script = format!(r#"exec {NOBODY} {caps} "$0" --ring-size 64K --duration 1ms"#);
        assert_starts(&place, &script);
    } else {
        let output = place.run(&format!(r#"exec {NOBODY} {caps} "$0""#));
        assert_refused(output, &["perf_event_paranoid", "CAP_SYS_ADMIN"]);
    }
}

#[test]
fn tracefs_is_mounted_where_that_is_allowed() {
    let place = Place::new();
    let hidden = hide("/sys/kernel/tracing");
    assert_starts(&place, &format!(r#"{hidden}; exec "$0" --duration 1ms"#));
    let output = place.run(&format!(r#"{hidden}; exec "$0" doctor"#));
    assert_eq!(output.status.code(), Some(0));
    assert_says(
        &text(output.stdout),
        &["tracefs: /sys/kernel/tracing (mounted just now)"],
    );
}

#[test]
fn tracefs_that_cannot_be_mounted_is_an_error_with_the_command() {
    let place = Place::new();
    let parts = [
        "tracefs is not mounted",
        "mount -t tracefs tracefs /sys/kernel/tracing",
    ];
    let hidden = hide("/sys/kernel/tracing");
    let weak = r#"exec setpriv --bounding-set=-sys_admin "$0""#;
    assert_refused(place.run(&format!("{hidden}; {weak}")), &parts);
    let output = place.run(&format!("{hidden}; {weak} doctor"));
    assert_doctor_fails(output, "tracefs", &parts);
}

/// Unmounts it, here only; also the one below debugfs that serves as well.
fn hide(path: &str) -> String {
    format!(
        "umount {path}; ! mountpoint -q /sys/kernel/debug/tracing || umount /sys/kernel/debug/tracing; \
         ! mountpoint -q /sys/kernel/debug || mount -t tmpfs none /sys/kernel/debug"
    )
}

#[test]
fn hidden_type_information_is_named() {
    let place = Place::new();
    let parts = [
        "/sys/kernel/btf/vmlinux is missing",
        "CONFIG_DEBUG_INFO_BTF=y",
    ];
    for hidden in ["/sys/kernel/btf", "/sys"] {
        let hide = format!("mount -t tmpfs none {hidden}");
        assert_refused(place.run(&format!(r#"{hide}; exec "$0""#)), &parts);
        let output = place.run(&format!(r#"{hide}; exec "$0" doctor"#));
        assert_doctor_fails(output, "BTF", &parts);
    }
}

#[test]
fn the_doctor_is_content_where_all_is_well() {
    let output = command(&["doctor"]).output().unwrap();
    assert_eq!(
        (text(output.stderr), output.status.code()),
        (String::new(), Some(0))
    );
    let said = text(output.stdout);
    let checks = [
        "kernel",
        "privilege",
        "BTF",
        "tracefs",
        "load",
        "coverage",
        "canary",
    ];
    for check in checks {
        assert!(said.contains(&format!("\nok    {check}: ")) || said.starts_with("ok    kernel: "));
    }
    for program in [
        "kill",
        "tkill",
        "tgkill",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        "pidfd_send_signal",
    ] {
        let exit = format!("\nok    attach: sys_exit_{program}\n");
        let entries = [
            format!("\nok    attach: {program}_enter\n"),
            format!("sys_{program}\n"),
        ];
        assert_says(&said, &[&exit]);
        assert!(entries.iter().any(|entry| said.contains(entry)), "{said}");
    }
    assert!(
        said.ends_with("\nsigtrail works on this machine.\n"),
        "{said}"
    );
    assert!(!said.contains("FAIL"), "{said}");
}

/// A reader that leaves, or a full disk, changes nothing of what was found.
#[test]
fn the_doctor_does_not_mind_who_listens() {
    let place = Place::new();
    for script in [
        r#""$0" doctor | true; exit "${PIPESTATUS[0]}""#,
        r#"exec "$0" doctor > /dev/full"#,
        r#"exec "$0" doctor 2>/dev/full"#,
    ] {
        let output = place.run(script);
        assert_eq!(
            (text(output.stderr), output.status.code()),
            (String::new(), Some(0)),
            "{script}"
        );
    }
}

#[test]
fn a_refusal_that_cannot_be_said_is_still_one() {
    let full = File::options()
        .write(true)
        .open(Path::new("/dev/full"))
        .unwrap();
    let output = command(&["--sender-uid", "st-nobody"])
        .stderr(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Without CAP_IPC_LOCK, rings are charged to the user's locked memory.
#[test]
fn rings_beyond_the_limit_of_locked_memory_are_refused_with_the_way_out() {
    let place = Place::new();
    let caps = capabilities("+bpf,+perfmon,+sys_admin,+dac_read_search");
    let script =
        format!(r#"ulimit -l 64; exec {NOBODY} {caps} "$0" --ring-size 64M --duration 1ms"#);
    let parts = [
        "locked memory",
        "a smaller --ring-size",
        "ring of 67108864 bytes",
    ];
    assert_refused(place.run(&script), &parts);
}
