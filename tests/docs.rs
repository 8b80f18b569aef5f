//! What the documents say is so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "vm/table.rs"]
mod table;

use std::{fs, process::Command};

use common::{options, stdout_of};
use table::Cell;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn document(name: &str) -> String {
    fs::read_to_string(format!("{ROOT}/{name}")).unwrap()
}

/// The contents of the code fences in a language.
fn fences(text: &str, language: &str) -> Vec<String> {
    let start = format!("```{language}\n");
    (text.split(start.as_str()).skip(1))
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

/// What is said of sigtrail, and not of jq.
fn without_recipes(text: &str) -> String {
    let recipes = fences(text, "sh");
    (recipes.iter()).fold(text.to_owned(), |text, recipe| text.replace(recipe, ""))
}

#[test]
fn each_option_in_the_readme_exists() {
    let help = stdout_of(&["--help"]);
    let known = options(&help);
    let readme = without_recipes(&document("README.md"));
    let told = options(&readme);
    assert!(told.len() >= 10, "{told:?}");
    let unknown: Vec<_> = told.difference(&known).collect();
    assert!(unknown.is_empty(), "{unknown:?} of README.md not in --help");
}

#[test]
fn the_readme_tells_of_each_filter() {
    let help = stdout_of(&["--help"]);
    let filters = help.split("Filters:\n").nth(1).unwrap();
    let filters = filters.split("Privacy:\n").next().unwrap();
    let readme = document("README.md");
    let told = options(&readme);
    for line in filters.lines() {
        let line = line.trim();
        // A value is listed with a dash, too.
        if !line.starts_with('-') || line.starts_with("- ") {
            continue;
        }
        let long = options(line).into_iter().next().unwrap();
        let short = line.split(',').next().unwrap();
        let short_is_told = short.len() == 2 && readme.contains(&format!("sigtrail {short} "));
        assert!(short_is_told || told.contains(long), "{line}");
    }
}

#[test]
fn what_operators_are_told_is_there() {
    let text = document("OPERATING.md");
    // Keys of the configuration, files of the packages and recipes.
    let config = document("config/sigtrail.toml");
    for key in [
        "signal",
        "fatal",
        "args",
        "ring_size",
        "queue_size",
        "max_total",
        "metrics_file",
    ] {
        assert!(text.contains(&format!("`{key}")), "{key}");
        assert!(config.contains(&format!("\n{key} = ")), "{key}");
    }
    let unit = document("packaging/systemd/sigtrail.service");
    for setting in [
        "Restart=on-failure",
        "RestartPreventExitStatus=2",
        "RestartSec=2s",
        "StartLimitBurst=10",
        "StartLimitIntervalSec=2min",
        "WatchdogSec=30s",
        "MemoryMax=512M",
        "Nice=-5",
    ] {
        assert!(unit.contains(&format!("\n{setting}\n")), "{setting}");
    }
    for recipe in fs::read_dir(format!("{ROOT}/config/jq")).unwrap() {
        let name = recipe.unwrap().file_name().into_string().unwrap();
        assert!(text.contains(&format!("| `{name}` |")), "{name}");
    }
    let paths = text.split('`').skip(1).step_by(2).filter(|code| {
        let known = [
            "fluent-bit/",
            "ecs/",
            "ocsf/",
            "vector/",
            "rsyslog/",
            "opensearch/",
        ];
        known.iter().any(|start| code.starts_with(start)) && !code.contains('*')
    });
    let mut count = 0;
    for path in paths {
        count += 1;
        assert!(
            fs::exists(format!("{ROOT}/config/{path}")).unwrap(),
            "{path}"
        );
    }
    assert!(count >= 6, "{count}");
}

#[test]
fn make_help_lists_each_target_once() {
    let makefile = document("Makefile");
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY:"))
        .unwrap();
    let explained: Vec<&str> = (makefile.lines())
        .filter(|line| line.contains(":") && line.contains("## "))
        .map(|line| line.split(':').next().unwrap())
        .filter(|name| !name.starts_with(['#', '\t', ' ', '@']))
        .collect();
    let output = Command::new("make")
        .args(["-s", "help"])
        .current_dir(ROOT)
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let mut listed: Vec<&str> = (help.lines())
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(listed, explained);
    listed.sort_unstable();
    let all = listed.len();
    listed.dedup();
    assert_eq!(listed.len(), all, "{help}");
    for name in listed {
        assert!(phony.split_whitespace().any(|one| one == name), "{name}");
    }
    for name in ["run", "test", "check", "bench", "fmt", "clean", "help"] {
        assert_eq!(help.matches(&format!("make {name} ")).count(), 1, "{name}");
    }
}

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "OPERATING.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "FIELDS.md",
    "KERNELS.md",
];

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    (heading.to_lowercase().chars().filter(kept))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn links_between_the_documents_lead_somewhere() {
    for name in DOCUMENTS {
        let text = document(name);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { name } else { path };
            assert!(
                fs::exists(format!("{ROOT}/{path}")).unwrap(),
                "{name} links to {path}"
            );
            let target = document(path);
            let mut headings = (target.lines()).filter_map(|line| line.strip_prefix('#'));
            let found = headings.any(|line| anchor(line.trim_start_matches('#').trim()) == wanted);
            assert!(wanted.is_empty() || found, "{name} links to {link}");
        }
    }
}

#[test]
fn packages_hold_the_pictures_of_the_documents_that_they_hold() {
    let stage = document("packaging/stage");
    let staged = (stage.lines())
        .find_map(|line| line.strip_prefix("for document in "))
        .unwrap();
    let is_staged = |name: &str| staged.contains(name.strip_suffix(".md").unwrap());
    let mut count = 0;
    for name in DOCUMENTS.iter().filter(|name| is_staged(name)) {
        for picture in document(name).split("![").skip(1) {
            let path = picture.split("](").nth(1).unwrap();
            let path = path.split(')').next().unwrap();
            let line = format!("\nfile usr/share/doc/sigtrail/{path} {path}\n");
            assert!(stage.contains(&line), "{name}: {path}");
            count += 1;
        }
    }
    assert_eq!(count, 1);
}

/// The kinds of call that the kernels' scenario `coverage` makes, and what is
/// seen of each: in full, but for those that are made in one of these ways.
fn coverage(unseen: &[&str]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for call in [
        "kill",
        "tkill",
        "tgkill",
        "rt_sigqueueinfo",
        "rt_tgsigqueueinfo",
        "pidfd_send_signal",
    ] {
        for way in [
            "64-bit",
            "32-bit",
            "refused by seccomp",
            "32-bit, refused by seccomp",
            "for which seccomp kills",
            "32-bit, for which seccomp kills",
            "for which seccomp kills a thread",
        ] {
            let seen = if unseen.contains(&way) {
                "not seen"
            } else {
                "in full"
            };
            cells.push((format!("`{call}`, {way}"), seen.to_owned()));
        }
    }
    cells
}

const X86_64: [&str; 1] = ["32-bit, refused by seccomp"];
const ARM64: [&str; 2] = [
    "32-bit, refused by seccomp",
    "32-bit, for which seccomp kills",
];

#[test]
fn the_tables_of_kernels_are_as_the_test_of_the_kernels_prints_them() {
    let document = document("KERNELS.md");
    for (kernels, unseen) in [
        (
            &[
                "5.10", "6.1", "6.1-rt", "6.12", "6.12-rt", "6.18", "7.0", "7",
            ][..],
            &X86_64[..],
        ),
        (&["6.1-arm64", "7-arm64"], &ARM64),
    ] {
        let cells = coverage(unseen);
        let columns: Vec<_> = kernels.iter().map(|name| (*name, &cells[..])).collect();
        let table = table::of(&columns);
        assert!(document.contains(&format!("\n\n{table}\n")), "{table}");
        for name in kernels {
            assert_eq!(table::differences(&document, name, &cells), [""; 0]);
        }
    }
}

#[test]
fn a_kind_of_call_that_a_kernel_shows_better_or_worse_differs_from_kernels() {
    let document = document("KERNELS.md");
    let differences = |column: &str, change: fn(&mut Vec<Cell>)| {
        let mut cells = coverage(&ARM64);
        change(&mut cells);
        table::differences(&document, column, &cells)
    };
    let worse = differences("7-arm64", |cells| cells[0].1 = "counted".to_owned());
    assert_eq!(
        worse,
        ["`kill`, 64-bit is \"counted\", must be \"in full\""]
    );
    let better = differences("7-arm64", |cells| cells[3].1 = "in full".to_owned());
    assert_eq!(
        better,
        ["`kill`, 32-bit, refused by seccomp is \"in full\", must be \"not seen\""]
    );
    let fewer = differences("7-arm64", |cells| {
        cells.retain(|(kind, _)| !kind.ends_with("32-bit, refused by seccomp"));
    });
    let [count, way] = &fewer[..] else {
        panic!("{fewer:?}")
    };
    assert!(count.contains("Each of the 36 kinds"), "{count}");
    assert_eq!(way, "no call was made as \"32-bit, refused by seccomp\"");
    let more = differences("7-arm64", |cells| {
        cells.push(("`kill`, by a ghost".to_owned(), "in full".to_owned()));
    });
    assert_eq!(more.len(), 1, "{more:?}");
    let unknown = differences("8.0", |_| ());
    assert_eq!(unknown, ["KERNELS.md has no column 8.0"]);
}

#[test]
fn calls_that_a_kernel_shows_in_the_same_way_share_a_row() {
    let mut old = coverage(&[]);
    old[0].1 = "counted".to_owned();
    old[7].1 = "counted".to_owned();
    let new = coverage(&X86_64);
    let table = table::of(&[("5.10", &old), ("6.1", &new)]);
    assert_eq!(
        table,
        "\
| Call | How it is made | 5.10 | 6.1 |
|---|---|---|---|
| `kill`, `tkill` | 64-bit | counted | in full |
| all | 32-bit, refused by seccomp | in full | not seen |
"
    );
    let document = format!("{}\n\n{table}", table::rule(42));
    assert_eq!(table::differences(&document, "5.10", &old), [""; 0]);
    assert_eq!(table::differences(&document, "6.1", &new), [""; 0]);
    // Two that are seen better, and six that are seen worse.
    assert_eq!(table::differences(&document, "5.10", &new).len(), 8);
}
