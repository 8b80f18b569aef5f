//! The list of containers in containers/storage, which podman and CRI-O share:
//! `<graph root>/<driver>-containers/containers.json`, and beside it
//! `volatile-containers.json`.

use std::{fmt, io::Read};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::{
    conmon,
    names::ContainerNames,
    pick::{First, Text},
};

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    id: Text,
    #[serde(default)]
    names: First,
    #[serde(default)]
    metadata: Metadata,
}

/// JSON in a text, for the one that made the container.
#[derive(Default)]
struct Metadata(Made);

#[derive(Default, Deserialize)]
struct Made {
    #[serde(rename = "image-name", default)]
    image: Text,
    #[serde(default)]
    name: Text,
}

impl<'de> Deserialize<'de> for Metadata {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct MetadataVisitor;

        impl Visitor<'_> for MetadataVisitor {
            type Value = Metadata;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON in a text")
            }

            fn visit_str<E: Error>(self, json: &str) -> Result<Metadata, E> {
                // Whoever uses the store may put anything there.
                Ok(Metadata(serde_json::from_str(json).unwrap_or_default()))
            }
        }

        from.deserialize_str(MetadataVisitor)
    }
}

/// Finds an entry by its id, and keeps no other.
struct Wanted<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Option<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Option<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of containers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(entry) = list.next_element::<Entry>()? {
            if entry.id.0.as_deref() == Some(self.0) {
                found = Some(entry);
            }
        }
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// The names of the container with this id, if it is in the list. `of_cri` is
/// whether a CRI runtime made it: then its name has the pod's in it.
pub(super) fn names(file: impl Read, id: &str, of_cri: bool) -> Option<ContainerNames> {
    let mut json = serde_json::Deserializer::from_reader(file);
    let Entry {
        names: First(first),
        metadata: Metadata(made),
        ..
    } = Wanted(id).deserialize(&mut json).ok()??;
    let name = made.name.0.or(first)?;
    let mut names = if of_cri {
        conmon::pod_names(&name)
    } else {
        ContainerNames {
            container_name: Some(name),
            ..ContainerNames::default()
        }
    };
    names.image = made.image.0;
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODMAN: &str = include_str!("../../../tests/golden/runtimes/podman.json");
    const CRIO: &str = include_str!("../../../tests/golden/runtimes/crio-storage.json");
    const ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";
    const OTHER_ID: &str = "0b87e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc06622";

    #[test]
    fn podmans_containers_have_a_name_and_an_image() {
        let of = |id| names(PODMAN.as_bytes(), id, false);
        let web = of(ID).unwrap();
        assert_eq!(web.container_name.as_deref(), Some("web-1"));
        assert_eq!(web.image.as_deref(), Some("registry.example/shop/web:1.2"));
        assert_eq!(
            of(OTHER_ID).unwrap().container_name.as_deref(),
            Some("other")
        );
        assert_eq!(of(&ID[..12]), None);
    }

    #[test]
    fn cri_os_containers_have_the_names_of_their_pod() {
        let web = names(CRIO.as_bytes(), ID, true).unwrap();
        let said = [
            &web.pod_namespace,
            &web.pod,
            &web.pod_container,
            &web.container_name,
        ];
        let said = said.map(|name| name.as_deref().unwrap_or("-"));
        assert_eq!(said, ["shop", "web-7c9f-x2x", "front-end", "-"]);
        let sandbox = names(CRIO.as_bytes(), OTHER_ID, true).unwrap();
        assert_eq!(
            (sandbox.pod.as_deref(), sandbox.pod_container),
            (Some("web-7c9f-x2x"), None)
        );
    }

    #[test]
    fn a_list_of_something_else_names_nobody() {
        let entry = |rest: &str| format!(r#"[{{"id":"{ID}"{rest}}}]"#);
        let named = names(
            entry(r#","names":["a","b"],"metadata":"none""#).as_bytes(),
            ID,
            false,
        );
        assert_eq!(named.unwrap().container_name.as_deref(), Some("a"));
        for list in [
            "{}".to_owned(),
            r#"{"id":{}}"#.to_owned(),
            "null".to_owned(),
            "[1]".to_owned(),
            entry(""),
            entry(r#","names":{},"metadata":"[]""#),
            entry(r#","names":[[["a"]]]"#),
            PODMAN[..PODMAN.len() - 3].to_owned(),
        ] {
            assert_eq!(names(list.as_bytes(), ID, false), None, "{list}");
        }
    }
}
