//! The man pages and completions agree with what they tell of, and work.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use common::{options, stdout_of};
use serde_json::Value;
use tempfile::TempDir;

const PAGES: [&str; 3] = ["sigtrail.8", "sigtrail.toml.5", "sigtrail-events.7"];

/// Writes what `sigtrail generate` prints to a file of that name.
fn generate(room: &Path, what: &str, name: &str) -> PathBuf {
    let path = room.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, stdout_of(&["generate", what])).unwrap();
    path
}

/// A page as a reader sees it, each run of white space as one blank.
fn read(page: &str) -> String {
    let room = TempDir::new().unwrap();
    let path = generate(room.path(), page, page);
    let output = Command::new("man")
        .args(["--warnings=all", "-E", "UTF-8", "-l"])
        .arg(path)
        .env("MANWIDTH", "1000")
        .env("MAN_KEEP_FORMATTING", "")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .expect("man (of man-db) is needed");
    assert!(output.status.success(), "{page}: {output:?}");
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert_eq!(warnings, "", "{page}");
    let text = String::from_utf8(output.stdout).unwrap();
    let text: Vec<_> = text.split_whitespace().collect();
    format!(" {} ", text.join(" "))
}

/// What a shell's script prints.
fn shell(shell: &str, script: &str, arguments: &[&Path]) -> Vec<String> {
    let quiet: &[&str] = match shell {
        "bash" => &["--norc", "--noprofile", "-c"],
        "zsh" => &["-f", "-c"],
        _ => &["--no-config", "-c"],
    };
    let mut command = Command::new(shell);
    command.args(quiet).arg(script);
    if shell != "fish" {
        command.arg(shell);
    }
    let home = TempDir::new().unwrap();
    let output = command
        .args(arguments)
        .env("HOME", home.path())
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap_or_else(|why| panic!("{shell} is needed: {why}"));
    assert!(output.status.success(), "{shell}: {output:?}");
    assert!(output.stderr.is_empty(), "{shell}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_pages_name_and_section_are_in_their_heads() {
    for page in PAGES {
        let (name, section) = page.rsplit_once('.').unwrap();
        let text = read(page);
        let title = format!(" {}({section}) ", name.to_uppercase());
        assert!(text.starts_with(&title), "{page}: {text:.100}");
        assert!(text.contains(&format!(" NAME {name} - ")), "{page}");
        assert!(text.contains(" SEE ALSO "), "{page}");
        let version = format!(" sigtrail {} ", env!("CARGO_PKG_VERSION"));
        assert!(text.contains(&version), "{page}");
    }
}

#[test]
fn the_commands_page_has_each_option_and_what_help_says_of_it() {
    let help = stdout_of(&["--help"]);
    let schema_help = stdout_of(&["schema", "--help"]);
    let page = read("sigtrail.8");
    let known: BTreeSet<_> = options(&help)
        .union(&options(&schema_help))
        .copied()
        .collect();
    let told = options(&page);
    assert!(known.len() > 30, "{known:?}");
    assert_eq!(told, known);
    // Each line of the help is in the page, where no text of it is wrapped.
    let output = common::command(&["-h"])
        .env("COLUMNS", "1000")
        .output()
        .unwrap();
    let short = String::from_utf8(output.stdout).unwrap();
    for line in short.lines() {
        let about = line.trim().split("  ").last().unwrap().trim();
        let about = about.split(" [").next().unwrap();
        if line.trim().starts_with('-') && !about.starts_with("Print help") {
            assert!(page.contains(about), "{about}");
        }
    }
    for command in [
        "doctor",
        "check-config [FILE]",
        "schema [--markdown]",
        "generate WHAT",
    ] {
        assert!(page.contains(&format!(" sigtrail {command} ")), "{command}");
        let name = command.split(' ').next().unwrap();
        assert!(help.contains(&format!("\n  {name} ")), "{command}");
    }
    for word in [
        "EXIT STATUS 0 ",
        "EXAMPLES ",
        "SIGNALS ",
        "FILES ",
        "ENVIRONMENT ",
    ] {
        assert!(page.contains(&format!(" {word}")), "{word}");
    }
}

#[test]
fn the_files_page_has_each_key_and_its_default() {
    let default =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/sigtrail.toml")).unwrap();
    let page = read("sigtrail.toml.5");
    let mut count = 0;
    let mut rest = page.as_str();
    for line in default.lines().filter(|line| !line.starts_with('#')) {
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        count += 1;
        // In the order of the file.
        let start = rest.find(&format!(" {key} "));
        rest = &rest[start.unwrap_or_else(|| panic!("{key}"))..];
        let end = rest.find(" Default: ").unwrap();
        let shown = format!(" Default: {value}. ");
        assert!(
            rest[end..].starts_with(&shown),
            "{line}: {:.60}",
            &rest[end..]
        );
    }
    assert!(count > 20, "{count}");
    for comment in default.lines().filter_map(|line| line.strip_prefix("# ")) {
        let comment = comment.replace('`', "");
        let text = comment.split_whitespace().collect::<Vec<_>>().join(" ");
        let is_title = text.ends_with("every key with its default.");
        assert!(is_title || page.contains(&text), "{text}");
    }
}

#[test]
fn the_events_page_has_each_field_of_the_schema() {
    let schema: Value = serde_json::from_str(&stdout_of(&["schema"])).unwrap();
    let page = read("sigtrail-events.7");
    let mut count = 0;
    for part in schema["$defs"].as_object().unwrap().values() {
        let required = part["required"].as_array();
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            count += 1;
            let always = required.is_some_and(|all| all.iter().any(|one| one == name));
            let mark = if always { "*" } else { "" };
            let head = format!(" {name}{mark} (");
            // A target is not always known, so what a process always has is not there.
            let other = format!(" {name}* (");
            assert!(page.contains(&head) || page.contains(&other), "{head}");
            if let Some(text) = property["description"].as_str() {
                assert!(page.contains(&text.replace('`', "")), "{name}: {text}");
            }
            for value in property["enum"].as_array().into_iter().flatten() {
                assert!(page.contains(value.as_str().unwrap()), "{name}: {value}");
            }
        }
    }
    assert!(count > 60, "{count}");
}

#[test]
fn bash_completes_options_commands_and_values() {
    let room = TempDir::new().unwrap();
    let file = generate(room.path(), "bash", "sigtrail");
    let complete = |words: &str| {
        let script = format!(
            r#"set -u; . "$1"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
               COMP_LINE="${{COMP_WORDS[*]}}" COMP_POINT=${{#COMP_LINE}}
               _sigtrail sigtrail "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"
               printf '%s\n' "${{COMPREPLY[@]}}""#
        );
        shell("bash", &script, &[&file])
    };
    assert_eq!(
        complete("sigtrail --rot"),
        ["--rotate-size", "--rotate-age"]
    );
    assert_eq!(complete("sigtrail do"), ["doctor"]);
    assert_eq!(complete("sigtrail schema --m"), ["--markdown"]);
    assert_eq!(complete("sigtrail --syscall t"), ["tkill", "tgkill"]);
}

#[test]
fn fish_completes_options_commands_and_values() {
    let room = TempDir::new().unwrap();
    let file = generate(room.path(), "fish", "sigtrail.fish");
    let complete = |line: &str| {
        let file = file.display();
        let script = format!("source {file}; complete -C '{line}' | string split -f 1 \\t | sort");
        shell("fish", &script, &[])
    };
    assert_eq!(
        complete("sigtrail --rot"),
        ["--rotate-age", "--rotate-size"]
    );
    assert_eq!(complete("sigtrail doc"), ["doctor"]);
    assert_eq!(complete("sigtrail schema --m"), ["--markdown"]);
    assert_eq!(complete("sigtrail --args=n"), ["--args=none"]);
}

#[test]
fn zsh_takes_its_completion_for_sigtrail() {
    let room = TempDir::new().unwrap();
    let file = generate(room.path(), "zsh", "functions/_sigtrail");
    let script = r#"fpath=($1 $fpath); autoload -Uz compinit; compinit -u -D
        print -- $_comps[sigtrail]; autoload +X _sigtrail && print ${#functions[_sigtrail]}"#;
    let said = shell("zsh", script, &[file.parent().unwrap()]);
    assert_eq!(said[0], "_sigtrail");
    let bytes: usize = said[1].parse().unwrap();
    assert!(bytes > 5000, "{said:?}");
    let text = fs::read_to_string(&file).unwrap();
    for option in options(&stdout_of(&["--help"])) {
        assert!(text.contains(option), "{option}");
    }
}
