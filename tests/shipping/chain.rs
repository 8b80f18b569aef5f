//! fluent-bit itself, where there is one.

use std::{
    fs,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use crate::{CONFIG, recording::record, text, values};

/// The whole chain, where there is a fluent-bit. Where there is none, the test
/// above and the one of both forms are what can be said.
#[test]
fn a_fluent_bit_that_is_there_gives_each_line_as_it_was() {
    let there = Command::new("fluent-bit")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if there.is_err() {
        println!("no fluent-bit on PATH: only our side of its rules was checked");
        return;
    }
    let room = TempDir::new().unwrap();
    let log = room.path().join("signals.jsonl");
    record(&log);
    let place = room.path().display().to_string();
    for name in ["tail.conf", "tail.yaml"] {
        let end = name.split('.').next_back().unwrap();
        for file in [name, &format!("outputs/stdout.{end}"), "parsers.conf"] {
            let base = file
                .rsplit('/')
                .next()
                .unwrap()
                .replace("stdout.", "output.");
            let text = text(format!("{CONFIG}/fluent-bit/{file}"))
                .replace("/var/log/sigtrail", &place)
                .replace("/var/lib/fluent-bit", &format!("{place}/{end}"))
                .replace("    DB.locking        true", "    Exit_On_Eof On")
                .replace("      db.locking: true", "      exit_on_eof: on");
            fs::write(room.path().join(base), text).unwrap();
        }
        fs::create_dir(room.path().join(end)).unwrap();
        let output = Command::new("timeout")
            .args(["60", "fluent-bit", "-q", "-c", name])
            .current_dir(room.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let said: Vec<_> = said.lines().filter(|line| line.starts_with('{')).collect();
        assert_eq!(values(&said.join("\n")), values(&text(&log)), "{name}");
    }
}
