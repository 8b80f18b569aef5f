//! Recipes for jq: each finds what it is for.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use sigtrail::identity::Cgroups;
use tempfile::TempDir;

use crate::{
    CONFIG, GOLDEN,
    common::{Actor, Sigtrail, kill, wait_until},
    files,
    recording::record,
    text, values,
};

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

/// A cgroup as a container's, which is removed when nobody is in it.
struct Container {
    id: String,
    path: PathBuf,
}

impl Container {
    fn new() -> Self {
        let id = format!("{:064x}", std::process::id());
        let root = Cgroups::system().root().expect("cgroups").to_owned();
        let path = root.join(format!("docker-{id}.scope"));
        fs::create_dir(&path).unwrap();
        Self { id, path }
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.path);
    }
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

    let said = recipe("who-killed.jq", &[("nginx", "actor")], &[&recorded]);
    let found = format!("{at} SIGTERM actor ({victim}) by actor ({killer}) of ");
    assert!(said.contains(&found), "{said}");
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
    let end = format!(": tracing ended, with {calls} calls recorded and 0 lost\n");
    assert!(said.ends_with(&end), "{said}");
    let golden = format!("{GOLDEN}/lines.jsonl");
    let said = recipe("lost.jq", &[], &[Path::new(&golden)]);
    assert!(said.contains(": 17 calls lost, ring_full\n"), "{said}");

    let known = BTreeSet::from([
        "cross-container.jq",
        "failed.jq",
        "lost.jq",
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
    let container = Container::new();
    let mut actor = Actor::start();
    let (inside, outside) = (Actor::start(), Actor::start());
    let to = inside.pid;
    fs::write(container.path.join("cgroup.procs"), inside.pid.to_string()).unwrap();
    let room = TempDir::new().unwrap();
    let recorded = room.path().join("signals.jsonl");
    let sigtrail = Sigtrail::start_to_file(&recorded, &["-p", &actor.pid.to_string()]);
    for mut victim in [outside, inside] {
        victim.make("unblock");
        actor.get(&format!("call {}", kill(victim.pid, 15).command()));
        assert_eq!(victim.death(), 15);
    }
    wait_until("both lines", || {
        text(&recorded).matches(r#""type":"signal""#).count() == 2
    });
    sigtrail.stop();
    let said = recipe("cross-container.jq", &[], &[&recorded]);
    let (id, from) = (&container.id, actor.pid);
    let crossed = format!("\tSIGTERM\thost\tactor ({from})\t->\t{id}\tactor ({to})\tdelivered\n");
    assert!(said.ends_with(&crossed), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    wait_until("an empty cgroup", || {
        fs::remove_dir(&container.path).is_ok()
    });
}
