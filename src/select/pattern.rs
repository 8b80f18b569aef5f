//! Names with wildcards: `*` stands for any text, `?` for one character.

use std::{fmt, str::FromStr};

use crate::identity::Names;

/// Digits of a container's id that are enough to know it by.
const ENOUGH: usize = 6;

/// A name, perhaps with wildcards.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pattern(String);

impl Pattern {
    fn new(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("give a name, or a pattern with * and ?".to_owned());
        }
        // In no name of a unit, a container or a pod.
        if let Some(other) = text.chars().find(|c| "[]{}!,".contains(*c)) {
            return Err(format!(
                "{text:?} has a {other:?}, which no name has: * (any text) and ? (one character) \
                 are the only wildcards"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn fits(&self, name: &str) -> bool {
        glob(&self.0, name)
    }

    fn fits_some(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| self.fits(name))
    }
}

/// Whether a text fits a pattern. Takes at most as many steps as one has
/// characters, times those of the other: a `*` is only ever widened.
fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Behind the last `*`, and what it does not cover yet.
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let rest = text.clone();
        match (pattern.next(), text.next()) {
            (Some('*'), _) => {
                star = Some((pattern.clone(), rest.clone()));
                text = rest;
            }
            (None, None) => return true,
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            _ => {
                let Some((behind, mut uncovered)) = star else {
                    return false;
                };
                if uncovered.next().is_none() {
                    return false;
                }
                (pattern, text) = (behind.clone(), uncovered.clone());
                star = Some((behind, uncovered));
            }
        }
    }
}

/// A systemd unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitPattern(Pattern);

impl UnitPattern {
    /// As for systemctl, a name without a type is a service's.
    pub(super) fn fits(&self, names: &Names) -> bool {
        let Some(cgroup) = names.cgroup.as_deref() else {
            return false;
        };
        let of_service = !self.0.0.contains('.');
        let mut units = [&cgroup.unit, &cgroup.user_unit].into_iter().flatten();
        units.any(|unit| {
            let stem = unit.strip_suffix(".service").filter(|_| of_service);
            self.0.fits(unit) || self.0.fits_some(stem)
        })
    }
}

/// A container: its id, as much of it as docker asks for, or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPattern(Pattern);

impl ContainerPattern {
    pub(super) fn fits(&self, names: &Names) -> bool {
        let wanted = self.0.0.as_str();
        let container = names
            .cgroup
            .as_deref()
            .and_then(|cgroup| cgroup.container.as_ref());
        let has_id = container.is_some_and(|container| {
            let id = &*container.id;
            self.0.fits(id) || wanted.len() >= ENOUGH && id.len() == 64 && id.starts_with(wanted)
        });
        let known = names.container.as_deref();
        has_id
            || known.is_some_and(|known| {
                let called = [&known.container_name, &known.pod_container];
                called
                    .into_iter()
                    .any(|name| self.0.fits_some(name.as_deref()))
            })
    }
}

/// A Kubernetes pod: `name`, `namespace/name`, or its uid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodPattern {
    namespace: Option<Pattern>,
    pod: Pattern,
}

impl PodPattern {
    pub(super) fn fits(&self, names: &Names) -> bool {
        let pod = names
            .cgroup
            .as_deref()
            .and_then(|cgroup| cgroup.pod.as_ref());
        if self.namespace.is_none() && pod.is_some_and(|pod| *pod.uid == *self.pod.0) {
            return true;
        }
        let Some(known) = names.container.as_deref() else {
            return false;
        };
        let namespace = known.pod_namespace.as_deref();
        self.pod.fits_some(known.pod.as_deref())
            && (self.namespace.as_ref()).is_none_or(|wanted| wanted.fits_some(namespace))
    }
}

impl FromStr for UnitPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Pattern::new(text).map(Self)
    }
}

impl FromStr for ContainerPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Pattern::new(text).map(Self)
    }
}

impl FromStr for PodPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (namespace, pod) = match text.split_once('/') {
            Some((namespace, pod)) => (Some(namespace), pod),
            None => (None, text),
        };
        if pod.contains('/') || namespace == Some("") || namespace.is_some() && pod.is_empty() {
            return Err(format!("{text:?}: give a pod's name, or NAMESPACE/NAME"));
        }
        Ok(Self {
            namespace: namespace.map(Pattern::new).transpose()?,
            pod: Pattern::new(pod)?,
        })
    }
}

impl fmt::Display for UnitPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0)
    }
}

impl fmt::Display for ContainerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.0)
    }
}

impl fmt::Display for PodPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(namespace) = &self.namespace {
            write!(f, "{}/", namespace.0)?;
        }
        f.write_str(&self.pod.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_is_one_character() {
        for (pattern, text, fits) in [
            ("web", "web", true),
            ("web", "webs", false),
            ("web*", "web", true),
            ("*web", "a web", true),
            ("*a*b", "xaxbxb", true),
            ("*a*b", "xaxbx", false),
            ("w?b", "wéb", true),
            ("w?b", "wb", false),
            ("**", "", true),
            ("?*", "", false),
            ("", "", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
        // Not exponential.
        assert!(!glob(&"*a".repeat(100), &"a".repeat(99)));
        assert!(!glob(&format!("{}b", "*a".repeat(60)), &"a".repeat(5000)));
    }

    #[test]
    fn what_can_fit_nothing_is_refused_with_a_reason() {
        for (bad, why) in [
            ("", "give a name"),
            ("web[1-3]", "only wildcards"),
            ("!web", "'!'"),
        ] {
            let refusals = [
                bad.parse::<UnitPattern>().unwrap_err(),
                bad.parse::<ContainerPattern>().unwrap_err(),
                bad.parse::<PodPattern>().unwrap_err(),
            ];
            assert!(
                refusals.iter().all(|said| said.contains(why)),
                "{refusals:?}"
            );
        }
        for bad in ["/web", "shop/", "a/b/c", "/"] {
            let said = bad.parse::<PodPattern>().unwrap_err();
            assert!(said.contains("NAMESPACE/NAME"), "{said}");
        }
        for good in ["web-*", "shop/web-?", "*/*"] {
            assert_eq!(good.parse::<PodPattern>().unwrap().to_string(), good);
        }
    }

    proptest! {
        #[test]
        fn a_pattern_made_of_a_text_fits_it(text in "[ab]{0,12}", cut in 0_usize..12) {
            prop_assert!(glob(&text, &text));
            let cut = cut.min(text.len());
            let pattern = format!("{}*", &text[..cut]);
            prop_assert!(glob(&pattern, &text));
            let pattern = format!("*{}", &text[cut..]);
            prop_assert!(glob(&pattern, &text));
            prop_assert!(glob(&"?".repeat(text.len()), &text));
        }
    }
}
