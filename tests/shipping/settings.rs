//! The settings for fluent-bit, in their two forms.

use std::collections::BTreeMap;

use yaml_rust2::{Yaml, YamlLoader};

use crate::{CONFIG, files, text};

/// A section of a classic file: its kind, and its keys and values.
type Section = (String, BTreeMap<String, String>);

/// One spelling for what means the same.
fn value(text: &str) -> String {
    match text.to_ascii_lowercase().as_str() {
        "on" | "true" => "true".to_owned(),
        "off" | "false" => "false".to_owned(),
        _ => text.to_owned(),
    }
}

fn classic(name: &str) -> (Vec<Section>, Vec<String>) {
    let (mut sections, mut includes): (Vec<Section>, _) = (Vec::new(), Vec::new());
    for line in text(format!("{CONFIG}/fluent-bit/{name}")).lines() {
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        if let Some(kind) = line.strip_prefix('[') {
            let kind = kind
                .strip_suffix(']')
                .unwrap_or_else(|| panic!("{name}: {line}"));
            sections.push((kind.to_ascii_lowercase(), BTreeMap::new()));
        } else if let Some(file) = line.strip_prefix("@INCLUDE ") {
            includes.push(file.to_owned());
        } else {
            let setting = line
                .strip_prefix("    ")
                .unwrap_or_else(|| panic!("{name}: {line}"));
            let (key, text) = setting.split_once(' ').unwrap();
            // A comment after a value would be a part of it.
            assert!(!text.contains('#'), "{name}: {line}");
            let (_, section) = sections.last_mut().unwrap();
            let before = section.insert(key.to_ascii_lowercase(), value(text.trim()));
            assert_eq!(before, None, "{name}: {line}");
        }
    }
    (sections, includes)
}

fn settings(of: &Yaml) -> BTreeMap<String, String> {
    let text = |one: &Yaml| match one {
        Yaml::String(text) | Yaml::Real(text) => value(text),
        Yaml::Integer(number) => number.to_string(),
        Yaml::Boolean(flag) => flag.to_string(),
        other => panic!("{other:?}"),
    };
    let hash = of.as_hash().unwrap();
    hash.iter()
        .map(|(key, value)| (text(key), text(value)))
        .collect()
}

fn yaml(name: &str) -> (Vec<Section>, Vec<String>) {
    let documents =
        YamlLoader::load_from_str(&text(format!("{CONFIG}/fluent-bit/{name}"))).unwrap();
    let [document] = &documents[..] else {
        panic!("{name}")
    };
    let mut sections = Vec::new();
    for (kind, list) in [
        ("parser", &document["parsers"]),
        ("input", &document["pipeline"]["inputs"]),
        ("filter", &document["pipeline"]["filters"]),
        ("output", &document["pipeline"]["outputs"]),
    ] {
        let list = list.as_vec().into_iter().flatten();
        sections.extend(list.map(|one| (kind.to_owned(), settings(one))));
    }
    if !document["service"].is_badvalue() {
        sections.insert(0, ("service".to_owned(), settings(&document["service"])));
    }
    let includes = document["includes"].as_vec().into_iter().flatten();
    let includes = includes
        .map(|file| file.as_str().unwrap().to_owned())
        .collect();
    (sections, includes)
}

#[test]
fn both_forms_of_the_fluent_bit_files_say_the_same() {
    let (parser, _) = classic("parsers.conf");
    let names = files("fluent-bit", ".conf").into_iter();
    let outputs = files("fluent-bit/outputs", ".conf").into_iter();
    let names = names.chain(outputs.map(|name| format!("outputs/{name}")));
    let mut count = 0;
    for name in names.filter(|name| name != "parsers.conf") {
        count += 1;
        let (mut old, old_includes) = classic(&name);
        let (new, new_includes) = yaml(&name.replace(".conf", ".yaml"));
        // A file of parsers is a section of the other form.
        if old
            .iter_mut()
            .any(|(_, of)| of.remove("parsers_file").is_some())
        {
            old.splice(1..1, parser.clone());
        }
        assert_eq!(old, new, "{name}");
        let rename = |file: &String| file.replace(".conf", ".yaml");
        assert_eq!(
            old_includes.iter().map(rename).collect::<Vec<_>>(),
            new_includes,
            "{name}"
        );
        for (kind, of) in &old {
            assert!(
                kind == "service" || of.contains_key("name"),
                "{name}: {kind}"
            );
        }
    }
    assert!(count >= 9, "{count}");
    let there = files("fluent-bit", ".yaml").len() + files("fluent-bit/outputs", ".yaml").len();
    assert_eq!(there, count, "a file has only one form");
}

/// The one section of a kind in a classic file.
pub fn section(name: &str, kind: &str) -> BTreeMap<String, String> {
    let (sections, _) = classic(name);
    let mut found = sections.into_iter().filter(|(this, _)| this == kind);
    let (_, section) = found.next().unwrap_or_else(|| panic!("{name}: no {kind}"));
    assert!(found.next().is_none(), "{name}: more than one {kind}");
    section
}
