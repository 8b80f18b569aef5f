//! Recipes for jq: each finds what it is for.

use std::{collections::BTreeSet, path::Path, process::Command};

use common::{Actor, Cgroup, Daemon, QUIET, kill, record, wait_until};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::{CONFIG, GOLDEN, files, log::Log, replace, text, values};

/// Runs jq as the first lines of a recipe say, on these files.
fn recipe(name: &str, words: &[(&str, &str)], recorded: &[&Path]) -> String {
    let program = text(format!("{CONFIG}/jq/{name}"));
    let usage = program
        .lines()
        .find_map(|line| line.strip_prefix("# usage: "));
    let mut usage = usage
        .unwrap_or_else(|| panic!("{name}: no usage"))
        .to_owned();
    assert!(usage.starts_with(&format!("jq -nrf {name} ")), "{usage}");
    for (from, to) in words {
        assert!(usage.contains(from), "{usage}");
        usage = usage.replace(from, to);
    }
    let usage = usage.replace("FILE...", r#""$@""#);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &usage, "bash"])
        .args(recorded)
        .current_dir(format!("{CONFIG}/jq"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{name}: {output:?}");
    assert!(output.stderr.is_empty(), "{name}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn each_recipe_finds_what_it_is_for() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let calls = record(&recorded);
    let lines = values(&text(&recorded));
    let signals = |wanted: &dyn Fn(&Value) -> bool| {
        let mut signals = lines.iter().filter(|line| line["type"] == "signal");
        signals.find(|line| wanted(line)).unwrap().clone()
    };
    let deadly = signals(&|line| line["target"]["fatal"] == true);
    let (killer, victim) = (&deadly["sender"]["pid"], &deadly["target"]["pid"]);
    let at = deadly["timestamp"].as_str().unwrap();

    let ends = lines.iter().find(|line| line["type"] == "exit").unwrap();
    let end = ends["timestamp"].as_str().unwrap();
    let said = recipe("who-killed.jq", &[("nginx", "actor")], &[&recorded]);
    let found = format!("{end} SIGTERM actor ({victim}) killed by actor ({killer}) of ");
    assert!(said.starts_with(&found), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let nobody = recipe("who-killed.jq", &[("nginx", "nobody")], &[&recorded]);
    assert_eq!(nobody, "");

    let said = recipe("top-killers.jq", &[], &[&recorded]);
    assert!(said.contains("/actor SIGUSR1\n"), "{said}");
    let counts = said.lines().map(|line| line.split(' ').next().unwrap());
    let counts: Vec<u64> = counts.map(|count| count.parse().unwrap()).collect();
    assert!(counts.is_sorted_by(|a, b| a >= b), "{said}");

    let said = recipe("failed.jq", &[], &[&recorded]);
    let failed = lines.iter().filter(|line| line.get("errno").is_some());
    assert_eq!(said.lines().count(), failed.count());
    assert!(
        said.contains("\tESRCH\n") && said.contains("\tEINVAL\n"),
        "{said}"
    );

    let said = recipe(
        "timeline.jq",
        &[("4711", &victim.to_string())],
        &[&recorded],
    );
    let got = format!("{at}\tgot\tSIGTERM\tfrom\tactor\t{killer}\tdelivered\n");
    assert!(said.contains(&got), "{said}");
    let said = recipe(
        "timeline.jq",
        &[("4711", &killer.to_string())],
        &[&recorded],
    );
    assert_eq!(said.matches("\tsent\t").count(), calls, "{said}");

    let said = recipe("lost.jq", &[], &[&recorded]);
    assert!(said.contains(": tracing began\n"), "{said}");
    let end = format!(": tracing ended, with {calls} signals recorded and 0 lost\n");
    assert!(said.ends_with(&end), "{said}");
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("lost.jq", &[], &[Path::new(&golden)]);
    assert!(said.contains(": 17 calls lost, ring_full\n"), "{said}");
    assert!(said.contains(": 3 signals lost, probe_skipped\n"), "{said}");

    let said = recipe("deaths.jq", &[], &[&recorded]);
    let died = format!("{at}\tSIGTERM\tactor ({victim})\t");
    let by = format!("\tcall\tkill\tcaller actor ({killer})\n");
    assert!(said.starts_with(&died) && said.ends_with(&by), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");

    let known = BTreeSet::from([
        "cross-container.jq",
        "deaths.jq",
        "failed.jq",
        "lost.jq",
        "oom-kills.jq",
        "terminals.jq",
        "timeline.jq",
        "top-killers.jq",
        "who-killed.jq",
    ]);
    let there = files("jq", ".jq");
    assert_eq!(
        there.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        known
    );
}

#[test]
fn the_recipe_for_containers_finds_what_crosses_a_border() {
    let id = format!("{:064x}", std::process::id());
    let container = Cgroup::new(&format!("/docker-{id}.scope"));
    let mut actor = Actor::start();
    let (inside, outside) = (Actor::start(), Actor::start());
    let to = inside.pid;
    inside.enter(container.directory());
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let daemon = Daemon::start(&recorded, &["-p", &actor.pid.to_string()]);
    for mut victim in [outside, inside] {
        victim.make("unblock");
        actor.get(&format!("call {}", kill(victim.pid, 15).command()));
        assert_eq!(victim.death(), 15);
    }
    wait_until("both lines", || {
        text(&recorded).matches(r#""type":"signal""#).count() == 2
    });
    daemon.finish();
    let said = recipe("cross-container.jq", &[], &[&recorded]);
    let from = actor.pid;
    let crossed = format!("\tSIGTERM\thost\tactor ({from})\t->\t{id}\tactor ({to})\tdelivered\n");
    assert!(said.ends_with(&crossed), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn a_group_that_is_killed_is_found_process_by_process() {
    let mut killer = Actor::start();
    let mut victim = Actor::start();
    let members = victim.ask("group 30");
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let daemon = Daemon::start(&recorded, &["-p", &killer.pid.to_string()]);
    killer.make(&format!("call {}", kill(-members[0], 9).command()));
    wait_until("the end of each", || {
        text(&recorded).matches(r#""type":"exit""#).count() == members.len()
    });
    daemon.finish();
    let lines = values(&text(&recorded));
    let more = lines.iter().filter(|line| line["type"] == "recipients");
    assert!(more.count() > 0, "one line was enough");
    let call = lines.iter().find(|line| line["type"] == "signal").unwrap();
    let at = call["timestamp"].as_str().unwrap();

    let said = recipe("who-killed.jq", &[("nginx", "actor")], &[&recorded]);
    assert_eq!(said.lines().count(), members.len());
    let from = killer.pid;
    for pid in &members {
        let end = |line: &&Value| line["type"] == "exit" && line["process"]["pid"] == *pid;
        let end = lines.iter().find(end).unwrap()["timestamp"]
            .as_str()
            .unwrap();
        let found = format!("{end} SIGKILL actor ({pid}) killed by actor ({from}) of ");
        assert_eq!(said.matches(&found).count(), 1, "{found} in {said}");
        let word = pid.to_string();
        let one = recipe("who-killed.jq", &[("nginx", &word)], &[&recorded]);
        assert!(one.starts_with(&found) && one.lines().count() == 1, "{one}");
        let one = recipe("timeline.jq", &[("4711", &word)], &[&recorded]);
        let got = format!("{at}\tgot\tSIGKILL\tfrom\tactor\t{from}\tdelivered\n");
        assert_eq!(one, got);
    }
}

#[test]
fn who_killed_takes_a_name_an_executable_a_number_a_unit_and_a_container() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    for (who, expected) in [
        ("nginx", "SIGKILL nginx (601)"),
        ("601", "SIGKILL nginx (601)"),
        ("worker.service", "SIGTERM worker (22430) killed"),
        ("php", "SIGHUP php-fpm (603)"),
        ("012345", "SIGHUP php-fpm (603)"),
    ] {
        let said = recipe("who-killed.jq", &[("nginx", who)], &[Path::new(&golden)]);
        let expected = format!("{TIME} {expected} by kill (22443) of bash as alice\n");
        assert_eq!(said, expected, "{who}");
    }
}

#[test]
fn who_killed_reads_ends_first_and_fatal_signals_where_there_is_none() {
    let golden = text(format!("{GOLDEN}/lines.jsonl"));
    let room = TempDir::new().unwrap();
    let path = room.path().join("signals.jsonl");
    let who_killed = |lines: &str, who: &str| {
        std::fs::write(&path, lines).unwrap();
        recipe("who-killed.jq", &[("nginx", who)], &[&path])
    };
    for (who, expected) in [
        (
            "redis-server",
            "SIGTERM redis-server (905) exited with 0, asked by deploy (903) of bash as alice, \
             after SIGINT by deploy (903) of bash as alice",
        ),
        (
            "tracee",
            "SIGKILL tracee (911) killed, and nobody is known to be behind it",
        ),
        (
            "sandbox",
            "SIGKILL sandbox (921) killed by the kernel, seccomp",
        ),
    ] {
        assert_eq!(who_killed(&golden, who), format!("{TIME} {expected}\n"));
    }
    // Without the signal's line, the end's line still names the sender.
    let ends = |wanted: bool| {
        let lines = golden.lines();
        let lines = lines.filter(|line| line.contains(r#""type":"exit""#) == wanted);
        lines.map(|line| line.to_owned() + "\n").collect::<String>()
    };
    let worker = "SIGTERM worker (22430)";
    assert_eq!(
        who_killed(&ends(true), "worker"),
        format!("{TIME} {worker} killed by kill (22443) as alice\n")
    );
    assert_eq!(
        who_killed(&ends(false), "worker"),
        format!("{TIME} {worker} by kill (22443) of bash as alice\n")
    );
    assert_eq!(who_killed(&ends(false), "redis-server"), "");
}

/// The time of each golden line.
const TIME: &str = "2026-11-22T19:32:26.125594126Z";

#[test]
fn recipes_tell_signals_of_the_kernel_from_calls() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = |name: &str, words: &[(&str, &str)]| recipe(name, words, &[Path::new(&golden)]);
    let who_killed = |who: &str| said("who-killed.jq", &[("nginx", who)]);
    for (who, expected) in [
        (
            "python3",
            "SIGSEGV python3 (701) dumped by the kernel, fault",
        ),
        ("vim", "SIGINT vim (711) by the kernel, tty"),
        (
            "java",
            "SIGKILL java (721) killed by the kernel, oom, trigger curl (731) of containerd-shim as alice",
        ),
        (
            "db.service",
            "SIGKILL postgres (752) by the kernel, cgroup_kill, writer manager (751) of bash as alice",
        ),
    ] {
        assert_eq!(who_killed(who), format!("{TIME} {expected}\n"));
    }
    let timeline = |pid: &str| said("timeline.jq", &[("4711", pid)]);
    for (pid, expected) in [
        ("751", "writer\tSIGKILL\tto\tpostgres\t752\tcgroup_kill"),
        ("752", "got\tSIGKILL\tfrom\tkernel\tcgroup_kill\tdelivered"),
        ("701", "got\tSIGSEGV\tfrom\tkernel\tfault\tdelivered"),
        ("711", "got\tSIGINT\tfrom\tkernel\ttty\tdelivered"),
    ] {
        assert_eq!(timeline(pid), format!("{TIME}\t{expected}\n"));
    }
}

#[test]
fn the_recipe_for_deaths_says_why() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("deaths.jq", &[], &[Path::new(&golden)]);
    let pod = "shop/shop-7c9f-x2x";
    for line in [
        "SIGTERM\tworker (22430)\tworker.service\tcall\tkill\tcaller kill (22443)",
        "SIGSEGV\tpython3 (701)\ttrain.service\tfault\tSEGV_MAPERR\tself python3 (701)",
        "SIGINT\tvim (711)\t-\ttty\tpts3\t-",
        &format!("SIGKILL\tjava (721)\t{pod}\toom\t4032 MiB\ttrigger curl (731)"),
        "SIGXCPU\tcc1plus (741)\t-\trlimit\tRLIMIT_CPU\tself cc1plus (741)",
        "SIGKILL\tminer (811)\t-\tkernel\t-\t-",
    ] {
        let line = format!("{TIME}\t{line}\n");
        assert_eq!(said.matches(&line).count(), 1, "{line}: {said}");
    }
    // What waits, or is handled, has ended nothing.
    for alive in ["cron", "stty", "systemd", "SIGIO"] {
        assert!(!said.contains(alive), "{alive}: {said}");
    }
}

#[test]
fn the_recipe_for_the_oom_killer_finds_its_victims() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("oom-kills.jq", &[], &[Path::new(&golden)]);
    let pod = "shop/shop-7c9f-x2x";
    let expected = format!("{TIME}\tjava (721)\t{pod}\t4032\t936\tcurl (731)\n");
    assert_eq!(said, expected);
}

#[test]
fn the_recipe_for_terminals_finds_keys_and_hangups() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("terminals.jq", &[], &[Path::new(&golden)]);
    let expected = [
        "pts3\tSIGINT\tvim (711)\ttty\t-\talice",
        "pts4\tSIGHUP\tbash (781)\thangup\ttrigger sshd (780)\troot",
        "pts3\tSIGTTOU\tstty (821)\ttty\tself stty (821)\talice",
    ];
    let expected: String = expected.map(|line| format!("{TIME}\t{line}\n")).concat();
    assert_eq!(said, expected);
}

#[test]
fn a_call_that_was_answered_in_the_kernels_place_counts_for_nobody() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let lines = values(&text(&golden));
    let kills = (lines.iter()).filter(|line| {
        line["sender"]["exe"] == "/app" && line["signal"] == "SIGKILL" && line["ret"] == 0
    });
    assert_eq!(kills.count(), 2);
    let said = recipe("top-killers.jq", &[], &[Path::new(&golden)]);
    assert!(said.contains("1 /app SIGKILL\n"), "{said}");

    let mut actor = Actor::start();
    let child = actor.get("child");
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let daemon = Daemon::start(&recorded, &["-p", &actor.pid.to_string()]);
    actor.make("deny kill 0");
    actor.make(&format!("call {}", kill(child, 9).command()));
    daemon.finish();
    let lines = values(&text(&recorded));
    let call = lines.iter().find(|line| line["type"] == "signal").unwrap();
    assert_eq!(
        (&call["ret"], &call["target"]["pid"]),
        (&0.into(), &child.into())
    );
    assert_eq!(call["target"].get("outcome"), None);
    assert_eq!(recipe("top-killers.jq", &[], &[&recorded]), "");
}

#[test]
fn a_restart_is_a_time_in_which_nothing_was_traced() {
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let mut stamps = Vec::new();
    for killed in [false, true] {
        let daemon = Daemon::start(&recorded, &QUIET);
        if killed {
            daemon.end(Signal::KILL);
        } else {
            daemon.finish();
        }
        let lines = values(&text(&recorded));
        stamps.push(lines.last().unwrap()["timestamp"].clone());
    }
    Daemon::start(&recorded, &QUIET).finish();
    let said = recipe("lost.jq", &[], &[&recorded]);
    let gaps = said.lines().filter_map(|line| line.split_once(" to "));
    let gaps: Vec<_> = gaps.collect();
    let [(stopped, why_stopped), (killed, why_killed)] = &gaps[..] else {
        panic!("{said}")
    };
    assert_eq!([*stopped, *killed], [&stamps[0], &stamps[1]]);
    assert!(
        why_stopped.ends_with("not traced, sigtrail was stopped"),
        "{said}"
    );
    assert!(
        why_killed.ends_with("not traced, sigtrail was killed"),
        "{said}"
    );
}

#[test]
fn no_name_reaches_the_terminal_as_a_command() {
    let golden = format!("{GOLDEN}/lines.jsonl");
    let golden = Path::new(&golden);
    let mut seen = 0;
    for (name, words) in [
        ("cross-container.jq", vec![]),
        ("deaths.jq", vec![]),
        ("failed.jq", vec![]),
        ("lost.jq", vec![]),
        ("oom-kills.jq", vec![]),
        ("terminals.jq", vec![]),
        ("timeline.jq", vec![("4711", "4096")]),
        ("timeline.jq", vec![("4711", "601")]),
        ("top-killers.jq", vec![]),
        ("who-killed.jq", vec![("nginx", "601")]),
    ] {
        let said = recipe(name, &words, &[golden]);
        let ours = |c: char| c == '\n' || c == '\t';
        assert!(
            !said.contains(|c: char| (c.is_control() || c == '\u{202e}') && !ours(c)),
            "{said:?}"
        );
        for line in said.lines() {
            // A line that a name had made would begin with it.
            let start = line.split(['-', ' ']).next().unwrap();
            assert!(start.parse::<u64>().is_ok(), "{name}: {said:?}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn rotated_files_are_read_oldest_first() {
    let mut log = Log::start("recipes");
    for _ in 0..12 {
        log.rotate();
    }
    let place = log.directory();
    let (_room, lines) = log.finish();
    let document = text(concat!(env!("CARGO_MANIFEST_DIR"), "/OPERATING.md"));
    let command = document
        .lines()
        .find_map(|line| line.strip_prefix("zcat -f "));
    let (files, _) = command.expect("no zcat").split_once(" | jq ").unwrap();
    let script = replace(&format!("zcat -f {files}"), &[("/var/log/sigtrail", place)]);
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.lines().eq(lines.iter()), "{script}");
}
