//! The tests themselves: their index, and the check of what they leave behind.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process::{Command, Stdio},
};

use common::{Killed, cgroup_root, directory, wait_until};
use rustix::mount::{MountFlags, mount};

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests");

#[test]
fn the_index_lists_each_test_and_nothing_else() {
    let index = fs::read_to_string(format!("{TESTS}/README.md")).unwrap();
    let rows = index.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: Vec<_> = rows.map(|row| row.split('`').next().unwrap()).collect();
    let known: BTreeSet<_> = listed.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(known.len(), listed.len(), "one is there twice: {listed:?}");
    let there = fs::read_dir(TESTS).unwrap().filter_map(|entry| {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        match fs::read_dir(entry.path()) {
            // git leaves an empty one where it has taken all files away.
            Ok(mut files) => files.next().map(|_| format!("{name}/")),
            Err(_) => Some(name),
        }
    });
    let there: BTreeSet<_> = there.filter(|name| name != "README.md").collect();
    assert_eq!(known, there);
}

/// What `tests/leftovers` says of a directory, and its exit code.
fn leftovers(args: &[&str], directory: &Path) -> (Vec<String>, Option<i32>) {
    let output = Command::new(format!("{TESTS}/leftovers"))
        .args(args)
        .arg(directory)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines = text.lines().map(str::to_owned).collect();
    (lines, output.status.code())
}

#[test]
fn what_a_test_leaves_behind_is_found_and_removed() {
    let room = directory();
    let path = room.path();
    let none = (Vec::new(), Some(0));
    assert_eq!(leftovers(&[], path), none);

    let mut sleeper = Command::new("sleep");
    sleeper.arg("600").env("TMPDIR", path).stdout(Stdio::null());
    let mut sleeper = Killed(sleeper.spawn().unwrap());
    fs::write(path.join("lines"), "").unwrap();
    let disk = path.join("disk");
    fs::create_dir(&disk).unwrap();
    mount("none", &disk, "tmpfs", MountFlags::empty(), None).unwrap();
    let name = path.file_name().unwrap().to_str().unwrap();
    let cgroup = cgroup_root().join(format!("sigtrail-{name}-1-0.slice"));
    fs::create_dir(&cgroup).unwrap();

    let own = std::process::id();
    let mut expected = vec![
        format!("process {}, child of {own} sleep 600", sleeper.0.id()),
        format!("mount {}", disk.display()),
        format!("file {}", path.join("lines").display()),
        format!("file {}", disk.display()),
        format!("control group {}", cgroup.display()),
    ];
    expected.sort_unstable();
    for args in [&[][..], &["--remove"]] {
        let (found, code) = leftovers(args, path);
        let mut found: Vec<_> = found.iter().map(|line| words(line)).collect();
        found.sort_unstable();
        assert_eq!((&found, code), (&expected, Some(1)));
    }
    wait_until("its end", || sleeper.0.try_wait().unwrap().is_some());
    assert_eq!(leftovers(&["--wait", "60"], path), none);
}

/// With one blank between two words.
fn words(line: &str) -> String {
    let words: Vec<_> = line.split_whitespace().collect();
    words.join(" ")
}
