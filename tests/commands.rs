//! Each command of README.md, OPERATING.md and CONTRIBUTING.md is run as it
//! stands there: here, by `.ci/run`, or where the packages are installed. And
//! each script explains itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env,
    fs::{self, File, Permissions, create_dir_all},
    io::Read,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::ExitStatusExt,
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Output, Stdio},
    time::Duration,
};

use common::{Daemon, Killed, record, wait_until_within};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const DEADLINE: Duration = Duration::from_secs(60);

/// The commands of a document: of its `blocks`, of its `text`, or `all`.
fn documented(which: &str, document: &str) -> Vec<String> {
    let output = Command::new(format!("{ROOT}/tests/documented"))
        .args([which, &format!("{ROOT}/{document}")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{document}: {output:?}");
    let commands = String::from_utf8(output.stdout).unwrap();
    commands.lines().map(str::to_owned).collect()
}

/// The commands of `.ci/run`, without the assignments that shorten some.
fn in_ci() -> Vec<String> {
    let script = fs::read_to_string(format!("{ROOT}/.ci/run")).unwrap();
    script.lines().map(without_assignments).collect()
}

fn without_assignments(line: &str) -> String {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    match line.split_once('=') {
        Some((name, value)) if name.chars().all(is_name) => {
            let rest = match value.strip_prefix('"') {
                Some(quoted) => quoted.split_once("\" "),
                None => value.split_once(' '),
            };
            rest.map_or_else(String::new, |(_, rest)| without_assignments(rest))
        }
        _ => line.to_owned(),
    }
}

#[test]
fn the_commands_of_documents_are_found() {
    let room = TempDir::new().unwrap();
    let file = room.path().join("document.md");
    let text = "`make a` and (`ARGS=\"-x y\"`: more), `make b | jq .`, `word`, `key = 1`, `Some words`\n\
                ```sh\ntrue && \\\n    false  # a comment: it's one\njq 'a\n  | b' file\n```\n\
                ```json\n{}\n```\n| `sudo ls -l` |\n```console\nmake a\n```\n";
    fs::write(&file, text).unwrap();
    let found = |which| {
        let output = Command::new(format!("{ROOT}/tests/documented"))
            .arg(which)
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let blocks = "true && false\njq 'a | b' file\n";
    let text = "make a\nmake a ARGS=\"-x y\"\nmake b | jq .\nsudo ls -l\n";
    assert_eq!(found("blocks"), format!("{blocks}make a\n"));
    assert_eq!(found("text"), text);
    assert_eq!(found("all"), text.replace("sudo", &format!("{blocks}sudo")));
}

#[test]
fn each_command_for_contributors_is_run_by_ci() {
    let commands = documented("all", "CONTRIBUTING.md");
    assert!(commands.len() >= 10, "{commands:?}");
    let in_ci = in_ci();
    for command in commands {
        // What runs all of them is run by being there.
        let path = Path::new(ROOT).join(&command);
        let runs_itself = command == ".ci/run" && is_script(&path);
        assert!(
            runs_itself || in_ci.contains(&command),
            "no test runs `{command}` of CONTRIBUTING.md"
        );
    }
}

// tests/packages/inside runs all others of OPERATING.md.
#[test]
fn each_command_that_builds_for_operators_is_run() {
    let packages = fs::read_to_string(format!("{ROOT}/tests/packages/run")).unwrap();
    assert!(packages.contains("tests/documented blocks OPERATING.md"));
    let in_ci = in_ci();
    assert!(in_ci.contains(&"make test-packages".to_owned()));
    let commands = documented("text", "OPERATING.md");
    for command in commands
        .iter()
        .filter(|command| command.starts_with("make "))
    {
        assert!(
            in_ci.contains(command),
            "no test runs `{command}` of OPERATING.md"
        );
    }
}

#[test]
fn each_command_for_operators_is_run_where_the_package_is() {
    let inside = fs::read_to_string(format!("{ROOT}/tests/packages/inside")).unwrap();
    for which in ["blocks", "text"] {
        let commands = documented(which, "OPERATING.md");
        assert!(commands.len() >= 10, "{commands:?}");
        assert!(inside.contains(&format!("documented {which} OPERATING.md")));
    }
}

/// Where the commands of the README are run: as after `make run`.
fn built() -> TempDir {
    let room = TempDir::new().unwrap();
    let release = room.path().join("target/release");
    create_dir_all(&release).unwrap();
    create_dir_all(room.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_sigtrail"), release.join("sigtrail")).unwrap();
    symlink(format!("{ROOT}/config"), room.path().join("config")).unwrap();
    room
}

/// Runs a command by a shell, as a reader does, and presses Ctrl-C once it
/// traces. /usr/local/bin is a directory of the room.
fn run(command: &str, room: &Path) -> (ExitStatus, String, String) {
    let [stdout, stderr] = ["stdout", "stderr"].map(|name| room.join(name));
    let lines = room.join("signals.jsonl");
    let mut child = Command::new("unshare")
        .args(["-m", "sh", "-c"])
        .arg("mount --bind bin /usr/local/bin && exec bash -c \"$1\"")
        .args(["sh", command])
        .current_dir(room)
        .stdin(Stdio::null())
        .stdout(File::create(&stdout).unwrap())
        .stderr(File::create(&stderr).unwrap())
        .spawn()
        .unwrap();
    let read = |path: &Path| {
        let mut text = String::new();
        let _ = File::open(path).and_then(|mut file| file.read_to_string(&mut text));
        text
    };
    // A line says it, or with --pretty a text; the schema has the word, too.
    let words = [r#""state":"started""#, " started: 0 signals"];
    let started = || {
        let text = read(&stdout) + &read(&lines);
        words.iter().any(|word| text.contains(word))
    };
    let mut status = None;
    let mut interrupted = false;
    wait_until_within(DEADLINE, command, || {
        status = child.try_wait().unwrap();
        if status.is_none() && !interrupted && started() {
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
            interrupted = true;
        }
        status.is_some()
    });
    let mut text = read(&stdout);
    if interrupted && text.is_empty() {
        text = read(&lines);
    }
    assert!(
        !interrupted || text.contains("stopped"),
        "{command}: {text}"
    );
    let _ = fs::remove_file(lines);
    (status.unwrap(), text, read(&stderr))
}

#[test]
fn each_command_in_the_readme_runs() {
    let room = built();
    let in_ci = in_ci();
    let mut commands = documented("all", "README.md");
    commands.retain(|command| !in_ci.contains(command) && !command.starts_with("jq "));
    assert!(commands.len() >= 10, "{commands:?}");
    for command in commands {
        let (status, _, stderr) = run(&command, room.path());
        assert!(status.success(), "{command}: {status}: {stderr}");
        assert_eq!(stderr, "", "{command}");
    }
}

/// Records to the same file how the kernel ends a process.
fn die_of_a_closed_pipe(lines: &Path) {
    let mut command = Command::new("yes");
    let mut yes = Killed(command.stdout(Stdio::piped()).spawn().unwrap());
    let daemon = Daemon::start(lines, &["-t", &yes.0.id().to_string()]);
    drop(yes.0.stdout.take());
    assert_eq!(yes.0.wait().unwrap().signal(), Some(13));
    daemon.finish();
}

/// Records to the same file how a process handles SIGTERM, and then ends by itself.
fn end_when_asked(lines: &Path) {
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap 'exit 0' TERM; echo; while :; do sleep 0.1; done",
    ]);
    let mut sh = Killed(command.stdout(Stdio::piped()).spawn().unwrap());
    let mut ready = [0];
    sh.0.stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut ready)
        .unwrap();
    let daemon = Daemon::start(lines, &["-t", &sh.0.id().to_string()]);
    kill_process(Pid::from_child(&sh.0), Signal::TERM).unwrap();
    assert_eq!(sh.0.wait().unwrap().code(), Some(0));
    daemon.finish();
}

#[test]
fn each_recipe_in_the_readme_finds_something() {
    let room = TempDir::new().unwrap();
    let lines = room.path().join("signals.jsonl");
    record(&lines);
    die_of_a_closed_pipe(&lines);
    end_when_asked(&lines);
    // Whom the recipe asks for is whom the test ended.
    let text = ["actor", "sh"]
        .iter()
        .fold(fs::read_to_string(&lines).unwrap(), |text, name| {
            text.replace(&format!(r#""comm":"{name}""#), r#""comm":"nginx""#)
        });
    fs::write(&lines, text).unwrap();
    let mut recipes = documented("all", "README.md");
    recipes.retain(|command| command.starts_with("jq "));
    assert_eq!(recipes.len(), 7);
    for recipe in recipes {
        let output = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &recipe])
            .current_dir(room.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{recipe}: {output:?}");
        assert!(output.stderr.is_empty(), "{recipe}: {output:?}");
        assert!(!output.stdout.is_empty(), "{recipe} finds nothing");
    }
}

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
