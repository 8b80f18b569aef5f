//! Each script explains itself, and `make run` finds what it builds.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env,
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn make_run_finds_its_binary_wherever_cargo_builds() {
    let room = TempDir::new().unwrap();
    let target = room.path().join("target");
    let cargo = room.path().join("cargo");
    // Builds at once.
    let script = format!(
        "#!/bin/sh\n\
         [ \"$1\" = build ] || exec {} \"$@\"\n\
         mkdir -p \"$CARGO_TARGET_DIR/release\"\n\
         ln -sf {} \"$CARGO_TARGET_DIR/release/sigtrail\"\n",
        env!("CARGO"),
        env!("CARGO_BIN_EXE_sigtrail"),
    );
    fs::write(&cargo, script).unwrap();
    fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", room.path().display(), env::var("PATH").unwrap());
    for is_first in [true, false] {
        let output = Command::new("make")
            .args(["run", "ARGS=--version"])
            .current_dir(ROOT)
            .env("PATH", &path)
            .env("CARGO_TARGET_DIR", &target)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(
            stdout,
            concat!("sigtrail ", env!("CARGO_PKG_VERSION"), "\n")
        );
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(stderr.contains("Building sigtrail"), is_first, "{stderr}");
    }
}

fn is_script(path: &Path) -> bool {
    let executable = fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o111 != 0);
    executable && fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"#!"))
}

fn scripts(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            scripts(&path, found);
        } else if is_script(&path) {
            found.push(path);
        }
    }
}

/// Runs a script where it finds no cargo, should it go to work.
fn script(path: &Path, argument: &str) -> Output {
    Command::new("timeout")
        .arg("30")
        .arg(path)
        .arg(argument)
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

#[test]
fn each_script_explains_itself_and_refuses_what_it_does_not_know() {
    let mut found = Vec::new();
    for directory in [".ci", "packaging", "tests"] {
        scripts(&Path::new(ROOT).join(directory), &mut found);
    }
    assert!(found.len() >= 16, "{found:?}");
    for path in found {
        let name = path.strip_prefix(ROOT).unwrap().to_str().unwrap();
        for option in ["--help", "-h"] {
            let output = script(&path, option);
            assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
            assert_eq!(output.stderr, b"", "{name}: {output:?}");
            let usage = String::from_utf8(output.stdout).unwrap();
            let synopsis = format!("\nUsage: {name}");
            assert!(usage.contains(&synopsis), "{name} {option}: {usage}");
            assert!(!usage.contains('#'), "{name} {option}: {usage}");
        }
        let output = script(&path, "--no-such-option");
        assert_eq!(output.status.code(), Some(2), "{name}: {output:?}");
        assert_eq!(output.stdout, b"", "{name}: {output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(stderr.contains("--no-such-option"), "{name}: {stderr}");
        assert!(stderr.contains("\nUsage: "), "{name}: {stderr}");
    }
}
