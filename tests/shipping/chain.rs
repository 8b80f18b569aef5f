//! fluent-bit's input, parser and storage, from sigtrail's files to its output.

use std::{collections::HashSet, fs};

use common::wait_until;
use rustix::process::Signal;
use serde_json::Value;

use crate::{
    files,
    fluent_bit::{
        FORMS, Settings, assert_is_time_of, command, dated, documents_of, is_there, output,
        with_ecs,
    },
    log::Log,
    values,
};

#[test]
fn fluent_bit_understands_each_shipped_file() {
    if !is_there() {
        return;
    }
    for form in FORMS {
        for name in files("fluent-bit/outputs", form) {
            let name = name.split('.').next().unwrap();
            let settings = Settings::new(form, "/nowhere", &output(name, form));
            for input in ["tail", "journal"] {
                for ecs in [false, true] {
                    if ecs {
                        settings.set_output(&with_ecs(form, &output(name, form)));
                    }
                    let check = command(settings.room.path())
                        .args(["--dry-run", "-c", &format!("{input}.{form}")])
                        .output()
                        .unwrap();
                    assert!(check.status.success(), "{input}, {name}.{form}: {check:?}");
                }
            }
        }
    }
}

#[test]
fn fluent_bit_loses_no_line_and_gives_each_as_it_was() {
    if !is_there() {
        return;
    }
    for form in FORMS {
        let mut log = Log::start("fluent");
        // The shipped one, and one that tells the record's time.
        let more = match form {
            "conf" => "[OUTPUT]\n    Name file\n    Match *\n    File dated\n",
            _ => "    - name: file\n      match: '*'\n      file: dated\n",
        };
        let output = output("stdout", form) + more;
        let settings = Settings::new(form, &log.directory(), &output);
        let read = || fs::read_to_string(settings.path("dated")).unwrap_or_default();
        let wait_for = |calls| {
            wait_until("all lines", || {
                distinct(&read(), r#""type":"signal""#) == calls
            });
        };

        // Over many rotations: one at a time, as in life.
        let fluent_bit = settings.start();
        for _ in 0..50 {
            log.flood(40);
            wait_for(log.calls());
        }
        log.rotate();
        wait_for(log.calls());
        fluent_bit.end(Signal::TERM);
        let live = read().lines().count();

        // Over one that it does not see.
        log.flood(20);
        log.rotate();
        let fluent_bit = settings.start();
        log.flood(20);
        wait_for(log.calls());
        let sure = read().lines().count();

        // Killed, with lines that are on their way.
        log.flood(40);
        fluent_bit.end(Signal::KILL);
        log.flood(10);
        let fluent_bit = settings.start();
        let (_room, lines) = log.finish();
        let expected = values(&lines.join("\n"));
        wait_until("all lines of the run", || {
            distinct(&read(), "") == lines.len()
        });
        fluent_bit.end(Signal::TERM);
        settings.assert_no_errors();

        let text = read();
        let came: Vec<_> = text.lines().map(dated).collect();
        // By seq: at the seams of files it may read on in the new one first.
        let counts = |came: &[(i64, Value)]| {
            let mut counts = vec![0; expected.len() + 1];
            for (_, record) in came {
                counts[seq(record)] += 1;
            }
            counts
        };
        for (time, record) in &came {
            assert_is_time_of(*time, record);
            assert_eq!(*record, expected[seq(record) - 1]);
        }
        let last_live = came[..live].iter().map(|(_, record)| seq(record)).max();
        let last_live = last_live.unwrap();
        assert!(
            counts(&came[..live])[1..=last_live]
                .iter()
                .all(|&count| count == 1)
        );
        // What it forgets when it is stopped is what it had followed.
        let counts_sure = counts(&came[..sure]);
        assert!(counts_sure[last_live + 1..].iter().all(|&count| count <= 1));
        // What was on its way when it was killed may be there twice.
        let counts_all = counts(&came);
        assert!(counts_all[1..].iter().all(|&count| count >= 1), "{form}");
        let again = counts_all.iter().zip(&counts_sure);
        assert!(again.clone().all(|(all, sure)| all - sure <= 2), "{form}");
        println!("{form}: {} lines, {} records", expected.len(), came.len());
        let printed = documents_of(&settings.printed());
        assert!(printed.len() >= sure);
        for record in &printed {
            assert_eq!(*record, expected[seq(record) - 1]);
        }
    }
}

/// How many lines are there, of those that have this in them.
fn distinct(text: &str, part: &str) -> usize {
    let seqs = text
        .lines()
        .filter(|line| line.contains(part) && line.ends_with(']'))
        .map(|line| {
            let (_, rest) = line.split_once(r#""seq":"#).unwrap();
            rest.split(',').next().unwrap()
        });
    seqs.collect::<HashSet<_>>().len()
}

fn seq(record: &Value) -> usize {
    record["seq"].as_u64().unwrap().try_into().unwrap()
}
