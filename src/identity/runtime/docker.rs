//! Docker's file of a container: `<data root>/containers/<id>/config.v2.json`.
//!
//! It also holds environment and arguments, which may be secrets.

use std::io::Read;

use serde::Deserialize;

use super::{
    names::ContainerNames,
    pick::{Labels, Text},
};

#[derive(Deserialize)]
struct File {
    #[serde(rename = "Name", default)]
    name: Text,
    #[serde(rename = "Config", default)]
    config: Config,
}

#[derive(Default, Deserialize)]
struct Config {
    #[serde(rename = "Image", default)]
    image: Text,
    #[serde(rename = "Labels", default)]
    labels: Labels,
}

/// The names in the file. `in_pod` is whether the container is known to be a
/// pod's: then the kubelet has given it labels.
pub(super) fn names(file: impl Read, in_pod: bool) -> Option<ContainerNames> {
    let File { name, config } = serde_json::from_reader(file).ok()?;
    let name = name
        .0
        .map(|name| name.strip_prefix('/').map_or(name.clone(), Box::from));
    let mut names = ContainerNames {
        container_name: name.filter(|name| !name.is_empty()),
        image: config.image.0,
        ..ContainerNames::default()
    };
    if in_pod {
        names.fill(config.labels.pod);
    }
    let labels = config.labels.plain;
    names.compose_project = labels.compose_project;
    names.compose_service = labels.compose_service;
    Some(names)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Docker 20.10 wrote it.
    const FILE: &str = include_str!("../../../tests/golden/runtimes/docker.json");

    #[test]
    fn a_containers_file_has_its_name_its_image_and_its_labels() {
        let web = names(FILE.as_bytes(), false).unwrap();
        let expected = ContainerNames {
            container_name: Some("web-1".into()),
            image: Some("shop/web:1.2".into()),
            compose_project: Some("shop".into()),
            compose_service: Some("web".into()),
            ..ContainerNames::default()
        };
        assert_eq!(web, expected);
        // Of a pod, and only of a pod, the kubelet's labels count.
        assert_eq!(
            names(FILE.as_bytes(), true).unwrap().pod.as_deref(),
            Some("liar")
        );
    }

    #[test]
    fn a_file_that_is_not_as_docker_writes_it_says_nothing_or_less() {
        for (file, name) in [
            ("{}", Some(None)),
            (
                r#"{"Name":7,"Config":{"Image":[],"Labels":null}}"#,
                Some(None),
            ),
            (r#"{"Name":"/","Config":{}}"#, Some(None)),
            (r#"{"Name":"plain"}"#, Some(Some("plain"))),
            (r#"{"Name":"/cut","Config":{"#, None),
            (r#"{"Name":"/a"} rest"#, None),
            ("[]]", None),
            ("", None),
            ("\u{0}", None),
        ] {
            let found = names(file.as_bytes(), false);
            let found = found.as_ref().map(|names| names.container_name.as_deref());
            assert_eq!(found, name, "{file}");
        }
        let deep = format!(
            "{{\"Name\":\"/a\",\"x\":{}{}}}",
            "[".repeat(9999),
            "]".repeat(9999)
        );
        assert!(names(deep.as_bytes(), false).is_some());
    }

    proptest! {
        #[test]
        fn whatever_is_in_the_file_nothing_panics_and_names_are_short(
            at in 0..FILE.len(), noise in prop::collection::vec(any::<u8>(), 0..20), cut in any::<bool>(),
        ) {
            let mut file = FILE.as_bytes().to_vec();
            let end = if cut { file.len() } else { (at + noise.len()).min(file.len()) };
            file.splice(at..end, noise);
            if let Some(found) = names(&*file, true) {
                let all = [found.container_name, found.image, found.pod, found.compose_project];
                prop_assert!(all.iter().flatten().all(|name| (1..=512).contains(&name.len())));
            }
        }
    }
}
