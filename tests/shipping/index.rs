//! The index template of OpenSearch and Elasticsearch.

use common::stdout_of;
use serde_json::Value;

use crate::{CONFIG, documents::TYPES, settings::section, text};

#[test]
fn an_index_gets_the_type_of_each_field_from_the_template() {
    let template: Value =
        serde_json::from_str(&text(format!("{CONFIG}/opensearch/index-template.json"))).unwrap();
    let mappings = &template["template"]["mappings"];
    assert_eq!(mappings["date_detection"], false);
    let prefix = template["index_patterns"][0]
        .as_str()
        .unwrap()
        .trim_end_matches("-*");
    for output in ["opensearch", "elasticsearch"] {
        let output = section(&format!("outputs/{output}.conf"), "output");
        assert_eq!(output["logstash_prefix"], prefix);
    }
    let rules = mappings["dynamic_templates"].as_array().unwrap();
    let dynamic = |name: &str, kind: &str| {
        let found = rules
            .iter()
            .flat_map(|rule| rule.as_object().unwrap().values())
            .find(|rule| {
                let names = rule["match"].as_str();
                let names = names.map(|names| names.trim_matches(|c| "^()$".contains(c)));
                rule["match_mapping_type"] == kind
                    && names.is_none_or(|names| {
                        names
                            .split('|')
                            .any(|one| one.trim_start_matches("@?") == name)
                    })
            });
        found.unwrap()["mapping"]["type"].clone()
    };
    let schema: Value = serde_json::from_str(&stdout_of(&["schema"])).unwrap();
    let mut count = 0;
    for part in schema["$defs"].as_object().unwrap().values() {
        for (name, property) in part["properties"].as_object().into_iter().flatten() {
            let of = property.get("items").unwrap_or(property);
            let time = of["format"] == "date-time";
            let (json, expected) = match of["type"].as_str() {
                Some("string") if time => ("string", "date_nanos"),
                Some("string") => ("string", "keyword"),
                Some("integer") => ("long", "long"),
                Some("boolean") => ("boolean", "boolean"),
                // An object of numbers, or a link to a part.
                _ => continue,
            };
            count += 1;
            assert_eq!(dynamic(name, json), expected, "{name}");
            let explicit = &mappings["properties"][name]["type"];
            assert!(explicit.is_null() || explicit == expected, "{name}");
        }
    }
    assert!(count > 60, "{count}");
    // Documents of ECS come to the same indices.
    for (name, kind) in TYPES {
        let (json, expected) = match kind.trim_end_matches("[]") {
            "date" => ("string", "date_nanos"),
            "long" => ("long", "long"),
            _ => ("string", "keyword"),
        };
        // Where a line has a text of the same name, the template has the whole path.
        let path = format!("/properties/{}", name.replace('.', "/properties/"));
        let explicit = mappings.pointer(&format!("{path}/type"));
        let last = name.rsplit(['.', '@']).next().unwrap();
        let kind = explicit.cloned().unwrap_or_else(|| dynamic(last, json));
        assert_eq!(kind, expected, "{name}");
    }
}
