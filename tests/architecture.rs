//! The tree is as ARCHITECTURE.md draws it: rooms, the direction of imports, and
//! the size of files.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Most lines of a file in `src/`, without its unit tests.
const LINES_MAX: usize = 350;
/// Lines of a function above which it needs a reason.
const FUNCTION_MAX: usize = 50;

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(ROOT).join(path);
    fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// All files below a directory, relative to the project.
fn files_below(directory: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::from(directory)];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(Path::new(ROOT).join(&directory)).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The fenced block or the table that follows a heading.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let start = text.find(heading).unwrap_or_else(|| panic!("no {heading}"));
    let rest = &text[start + heading.len()..];
    &rest[..rest.find("\n## ").unwrap_or(rest.len())]
}

/// A source file as the compiler sees it without tests and comments.
fn code(path: &Path) -> String {
    let text = read(path);
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = text.lines().map(|line| match line.find("//") {
        Some(comment) if !line[..comment].contains('"') => &line[..comment],
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `src/trace/wire.rs` -> `trace::wire`, `src/trace/mod.rs` -> `trace`.
fn module(path: &Path) -> String {
    let path = path.strip_prefix("src").unwrap().with_extension("");
    let parts: Vec<_> = (path.iter())
        .map(|part| part.to_str().unwrap())
        .filter(|&part| part != "mod")
        .collect();
    parts.join("::")
}

/// The parts of a list in braces, at its own depth.
fn split_list(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// `a::{b, c::{d, self}}` -> `a::b`, `a::c::d`, `a::c`.
fn expand(tree: &str, prefix: &str, found: &mut Vec<String>) {
    let tree = tree.trim();
    if let Some((path, list)) = tree.split_once('{') {
        let list = list.trim_end().strip_suffix('}').unwrap();
        for part in split_list(list) {
            expand(part, &format!("{prefix}{}", path.trim()), found);
        }
    } else if !tree.is_empty() {
        let name = tree.split(" as ").next().unwrap();
        let path = format!("{prefix}{name}");
        found.push(path.strip_suffix("::self").unwrap_or(&path).to_owned());
    }
}

/// The modules whose names a file takes, as paths from the crate's root.
fn imports(path: &Path, modules: &BTreeSet<String>) -> BTreeSet<String> {
    let own = module(path);
    let mut paths = Vec::new();
    let code = code(path);
    for part in code.split("use ").skip(1) {
        let Some((tree, _)) = part.split_once(';') else {
            continue;
        };
        if ["crate::", "super::", "self::", "sigtrail::"]
            .iter()
            .any(|root| tree.starts_with(root))
        {
            expand(&tree.replace('\n', " "), "", &mut paths);
        }
    }
    // In expressions and attributes, too.
    for part in code.split("crate::").skip(1) {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_' && c != ':');
        paths.push(format!("crate::{}", &part[..end.unwrap_or(part.len())]));
    }
    let absolute = paths.iter().map(|path| {
        let mut base: Vec<&str> = own.split("::").filter(|part| !part.is_empty()).collect();
        let mut rest = path.as_str();
        if let Some(path) = rest.strip_prefix("crate::") {
            (base, rest) = (Vec::new(), path);
        } else if let Some(path) = rest.strip_prefix("self::") {
            rest = path;
        }
        while let Some(path) = rest.strip_prefix("super::") {
            base.pop();
            rest = path;
        }
        base.extend(rest.split("::"));
        base.join("::")
    });
    // The longest part of each path that is a module.
    absolute
        .filter_map(|path| {
            let mut path = path.as_str();
            while !modules.contains(path) {
                path = path.rsplit_once("::").map_or("", |(module, _)| module);
                if path.is_empty() {
                    return None;
                }
            }
            Some(path.to_owned())
        })
        .filter(|path| *path != own)
        .collect()
}

/// Each module with those that it imports.
fn graph() -> BTreeMap<String, BTreeSet<String>> {
    let files = files_below("src");
    let modules: BTreeSet<_> = files.iter().map(|path| module(path)).collect();
    (files.iter())
        .map(|path| (module(path), imports(path, &modules)))
        .collect()
}

fn room(module: &str) -> &str {
    module.split("::").next().unwrap()
}

#[test]
fn rooms_import_only_from_rooms_below_them() {
    let text = read("ARCHITECTURE.md");
    let block = section(&text, "## Imports").split("```").nth(1).unwrap();
    let tiers: Vec<BTreeSet<&str>> = (block.lines().skip(1))
        .map(|line| {
            line.split([' ', ','])
                .filter(|name| !name.is_empty())
                .collect()
        })
        .collect();
    let tier = |room: &str| {
        let found = tiers.iter().position(|tier| tier.contains(room));
        found.unwrap_or_else(|| panic!("{room} has no place under Imports in ARCHITECTURE.md"))
    };
    let mut bad = Vec::new();
    for (from, imported) in graph() {
        for to in imported {
            let (above, below) = (room(&from), room(&to));
            if above != below && tier(above) >= tier(below) {
                bad.push(format!("{from} imports {to}"));
            }
        }
    }
    assert!(bad.is_empty(), "{bad:#?}");
    // Nothing is listed that does not exist.
    let modules = graph();
    for room in tiers.iter().flatten() {
        assert!(modules.contains_key(*room), "{room}");
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    fn visit<'a>(
        at: &'a str,
        graph: &'a BTreeMap<String, BTreeSet<String>>,
        way: &mut Vec<&'a str>,
        done: &mut BTreeSet<&'a str>,
    ) {
        if let Some(start) = way.iter().position(|module| *module == at) {
            panic!("a circle: {} -> {at}", way[start..].join(" -> "));
        }
        if !done.insert(at) {
            return;
        }
        way.push(at);
        for next in graph.get(at).into_iter().flatten() {
            // Those that are done are free of circles, or on the way.
            if !done.contains(next.as_str()) || way.contains(&next.as_str()) {
                visit(next, graph, way, done);
            }
        }
        way.pop();
    }
    let graph = graph();
    let mut done = BTreeSet::new();
    for module in graph.keys() {
        visit(module, &graph, &mut Vec::new(), &mut done);
    }
}

#[test]
fn only_one_room_sees_libbpf_and_the_sink_sees_no_events() {
    let graph = graph();
    for path in files_below("src") {
        let sees = code(&path).contains("libbpf_");
        assert!(!sees || room(&module(&path)) == "trace", "{path:?}");
    }
    for (from, imported) in &graph {
        let rooms: BTreeSet<_> = imported.iter().map(|to| room(to)).collect();
        if room(from) == "sink" {
            assert!(!rooms.contains("event"), "{from}");
        }
    }
}

#[test]
fn no_source_file_is_long() {
    for path in files_below("src") {
        let text = read(&path);
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        let lines = lines.lines().count();
        assert!(lines <= LINES_MAX, "{path:?} has {lines} lines");
    }
}

/// The functions of a file with their lines. A function ends where its closing
/// brace stands below its first word, as rustfmt has it.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<_> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((before, after)) = line.trim_start().split_once("fn ") else {
            continue;
        };
        let is_qualifier = |word: &str| {
            word.starts_with("pub")
                || word.starts_with("\"C")
                || ["const", "unsafe", "extern", "async", "in", "super)"].contains(&word)
        };
        if line.ends_with(';') || !before.split_whitespace().all(is_qualifier) {
            continue;
        }
        let end = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[start..].iter().position(|line| **line == end) {
            let name = after.split(['(', '<']).next().unwrap();
            found.push((name.to_owned(), length + 1));
        }
    }
    found
}

#[test]
fn few_functions_are_long() {
    let mut long = Vec::new();
    let mut count = 0;
    for path in files_below("src") {
        let text = read(&path);
        let functions = functions(text.split("#[cfg(test)]\nmod tests").next().unwrap());
        count += functions.len();
        long.extend(
            functions
                .into_iter()
                .filter(|(_, lines)| *lines > FUNCTION_MAX),
        );
    }
    assert!(count > 500, "{count}");
    assert!(long.len() <= 5, "{long:?}");
}

/// The paths in the first column of the table of files.
fn listed(text: &str) -> Vec<&str> {
    (section(text, "## The files").lines())
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| {
            let first = line.split('|').nth(1).unwrap();
            first.split('`').skip(1).step_by(2)
        })
        .collect()
}

#[test]
fn the_table_of_files_agrees_with_the_tree() {
    let text = read("ARCHITECTURE.md");
    let listed = listed(&text);
    let unique: BTreeSet<_> = listed.iter().copied().collect();
    assert_eq!(unique.len(), listed.len(), "a path is listed twice");
    for path in &listed {
        let full = Path::new(ROOT).join(path);
        assert_eq!(full.is_dir(), path.ends_with('/'), "{path}");
        assert!(full.exists(), "{path}");
    }
    for directory in ["src", "bpf", "config", "packaging", "tests"] {
        for path in files_below(directory) {
            let path = path.to_str().unwrap();
            let known = (listed.iter())
                .any(|listed| path == *listed || listed.ends_with('/') && path.starts_with(listed));
            assert!(
                known,
                "{path} is missing in ARCHITECTURE.md's table of files"
            );
        }
    }
}

/// Fields of a process that were added like any other.
const FIELDS: [&str; 2] = ["egid", "loginuid"];

fn names(text: &str, word: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(is_name) && !text[at + word.len()..].starts_with(is_name)
    })
}

#[test]
fn a_field_of_a_process_is_written_in_six_places() {
    let text = read("ARCHITECTURE.md");
    let steps: BTreeSet<_> = (section(&text, "## Adding a field").lines())
        .filter(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .map(|line| line.split('`').nth(1).unwrap())
        .collect();
    assert!(steps.len() <= 6, "{steps:?}");
    let kernels_own = "bpf/vmlinux.h";
    for field in FIELDS {
        let mut found = BTreeSet::new();
        for path in files_below("src").iter().chain(&files_below("bpf")) {
            if names(&code(path), field) {
                found.insert(path.to_str().unwrap().to_owned());
            }
        }
        let unknown: Vec<_> = (found.iter())
            .filter(|path| !steps.contains(path.as_str()) && *path != kernels_own)
            .collect();
        assert!(unknown.is_empty(), "{field} is also in {unknown:?}");
    }
    let egid = |path: &&str| names(&code(Path::new(path)), "egid");
    assert!(steps.iter().all(egid), "{steps:?}");
}
