//! Wanted texts out of JSON that holds others, too.
//!
//! What is not wanted is skipped byte by byte: of values, serde_json copies only
//! those that a type here asks for, and of what they are in, the keys. A value of
//! another type than is expected is nothing, and does not spoil the rest.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::names::ContainerNames;
use crate::text::push_text_within;

/// Longest name kept. A pod's has at most 253 bytes, an image's may have more. A
/// line has less, and then says so.
const LONGEST: usize = 512;

/// A name as the lines have it; none if it is empty.
pub(super) fn name(bytes: &[u8]) -> Option<Box<str>> {
    let mut out = String::new();
    push_text_within(&mut out, bytes, LONGEST);
    (!out.is_empty()).then(|| out.into())
}

/// A text, or nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) Option<Box<str>>);

/// The first text of a list, or nothing.
#[derive(Debug, Default)]
pub(super) struct First(pub(super) Option<Box<str>>);

/// Labels or annotations: those that name something.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// What they say of a container of any kind.
    pub(super) plain: ContainerNames,
    /// What they say of a pod. An image can have any label, so this is worth
    /// something only of a container that is known to be a pod's.
    pub(super) pod: ContainerNames,
}

/// What a label is about.
#[derive(Clone, Copy)]
enum About {
    Name,
    Project,
    Service,
    Pod,
    PodNamespace,
    PodContainer,
    PodImage,
}

const KEYS: [(&str, About); 13] = [
    ("nerdctl/name", About::Name),
    ("com.docker.compose.project", About::Project),
    ("com.docker.stack.namespace", About::Project),
    ("com.docker.compose.service", About::Service),
    ("com.docker.swarm.service.name", About::Service),
    ("io.kubernetes.cri.sandbox-name", About::Pod),
    ("io.kubernetes.pod.name", About::Pod),
    ("io.kubernetes.cri.sandbox-namespace", About::PodNamespace),
    ("io.kubernetes.pod.namespace", About::PodNamespace),
    ("io.kubernetes.cri.container-name", About::PodContainer),
    ("io.kubernetes.container.name", About::PodContainer),
    ("io.kubernetes.cri.image-name", About::PodImage),
    ("io.kubernetes.cri-o.ImageName", About::PodImage),
];

/// What runtimes call the container that holds a pod's namespaces.
const SANDBOX: &str = "POD";

impl Labels {
    fn put(&mut self, about: About, Text(value): Text) {
        let to = match about {
            About::Name => &mut self.plain.container_name,
            About::Project => &mut self.plain.compose_project,
            About::Service => &mut self.plain.compose_service,
            About::Pod => &mut self.pod.pod,
            About::PodNamespace => &mut self.pod.pod_namespace,
            About::PodContainer => &mut self.pod.pod_container,
            About::PodImage => &mut self.pod.image,
        };
        if to.is_none() {
            *to = value;
        }
    }
}

/// A pod's container of this name; the sandbox has none.
pub(super) fn pod_container(name: Option<Box<str>>) -> Option<Box<str>> {
    name.filter(|name| **name != *SANDBOX)
}

/// A key of a label: what it is about, if that is wanted. The key itself is not
/// kept.
struct Key(Option<About>);

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct KeyVisitor;

        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_str<E: Error>(self, key: &str) -> Result<Key, E> {
                let known = KEYS.iter().find(|(known, _)| *known == key);
                Ok(Key(known.map(|&(_, about)| about)))
            }
        }

        from.deserialize_identifier(KeyVisitor)
    }
}

/// A visitor that takes what the type's own functions say, and makes nothing of
/// every other kind of value.
macro_rules! or_nothing {
    ($type:ident, $($own:item)*) => {
        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                struct OrNothing;

                impl<'de> Visitor<'de> for OrNothing {
                    type Value = $type;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("anything")
                    }

                    or_nothing!(@scalar $type,
                        visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64);

                    fn visit_unit<E: Error>(self) -> Result<$type, E> {
                        Ok($type::default())
                    }

                    $($own)*
                }

                from.deserialize_any(OrNothing)
            }
        }
    };
    (@scalar $type:ident, $($visit:ident $kind:ty),*) => {$(
        fn $visit<E: Error>(self, _: $kind) -> Result<$type, E> {
            Ok($type::default())
        }
    )*};
}

fn skip_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<(), A::Error> {
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(())
}

fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

or_nothing! { Text,
    fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
        Ok(Text(name(text.as_bytes())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Text, A::Error> {
        skip_list(list).map(|()| Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Text, A::Error> {
        skip_map(map).map(|()| Text(None))
    }
}

or_nothing! { First,
    fn visit_str<E: Error>(self, _: &str) -> Result<First, E> {
        Ok(First(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First, A::Error> {
        let first = list.next_element::<Text>()?;
        skip_list(list)?;
        Ok(First(first.and_then(|Text(first)| first)))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<First, A::Error> {
        skip_map(map).map(|()| First(None))
    }
}

or_nothing! { Labels,
    fn visit_str<E: Error>(self, _: &str) -> Result<Labels, E> {
        Ok(Labels::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Labels, A::Error> {
        skip_list(list).map(|()| Labels::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
        let mut labels = Labels::default();
        while let Some(Key(about)) = map.next_key()? {
            match about {
                Some(about) => labels.put(about, map.next_value()?),
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        labels.pod.pod_container = pod_container(labels.pod.pod_container.take());
        Ok(labels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(json: &str) -> Labels {
        serde_json::from_reader(json.as_bytes()).unwrap()
    }

    #[test]
    fn labels_of_other_kinds_are_skipped_and_values_of_other_types_are_nothing() {
        let found = labels(
            r#"{"a":"b","com.docker.compose.project":{"x":[1]},"com.docker.compose.service":"db",
                "io.kubernetes.pod.name":17,"io.kubernetes.container.name":"POD"}"#,
        );
        let db = ContainerNames {
            compose_service: Some("db".into()),
            ..ContainerNames::default()
        };
        assert_eq!(found.plain, db);
        assert!(found.pod.is_empty());
        for other in ["null", "7", "\"x\"", "[{}]", "true", "-1.5"] {
            assert!(labels(other).plain.is_empty(), "{other}");
        }
    }

    #[test]
    fn a_name_is_short_text() {
        let text = |json: &str| serde_json::from_reader::<_, Text>(json.as_bytes());
        assert_eq!(
            text(r#""a\n\u202e\\x41""#).unwrap().0.unwrap(),
            "a\n\u{202e}\\x5cx41".into()
        );
        let long = format!("\"{}\"", "é".repeat(500_000));
        assert_eq!(text(&long).unwrap().0.unwrap().len(), LONGEST);
        assert_eq!(text("\"\"").unwrap(), Text(None));
        assert!(text("\"\\ud800\"").is_err());
        assert!(serde_json::from_reader::<_, Text>(&b"\"\xff\""[..]).is_err());
        assert!(text(&"[".repeat(1 << 20)).is_err());
    }
}
