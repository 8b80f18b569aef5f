//! Kubernetes pods in a cgroup's path.

use std::borrow::Cow;

use super::{components::hex, unit::slice_name};

/// A Kubernetes pod, as the path of its cgroup names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod<'a> {
    /// The pod's uid as `kubectl` prints it, with dashes; 32 bare digits for a static pod.
    pub uid: Cow<'a, str>,
    /// Its quality of service.
    pub qos: Qos,
}

/// A pod's quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qos {
    /// All that it may use is reserved. Such pods stand outside of the other two classes.
    Guaranteed,
    /// Some is reserved.
    Burstable,
    /// Nothing is.
    BestEffort,
}

impl Qos {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Guaranteed, Self::Burstable, Self::BestEffort];

    /// The word for it in the output, as Kubernetes spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The pod that a cgroup stands for, given the three names above it, nearest first.
pub(super) fn pod_of<'a>(name: &'a str, above: &[&str; 3]) -> Option<Pod<'a>> {
    if let Some(uid) = name.strip_prefix("pod") {
        let qos = match above {
            ["kubepods", ..] => Qos::Guaranteed,
            ["burstable", "kubepods", _] => Qos::Burstable,
            ["besteffort", "kubepods", _] => Qos::BestEffort,
            _ => return None,
        };
        return pod_uid(uid, '-').map(|uid| Pod { uid, qos });
    }
    // In a slice's name the dashes stand for levels, so the uid has underscores instead.
    let slice = unsplit(name).map_or(name, |(slice, ..)| slice);
    let (class, uid) = slice_name(slice)?
        .strip_suffix(".slice")?
        .rsplit_once("-pod")?;
    let (levels, qos) = if let Some(levels) = class.strip_suffix("-burstable") {
        (levels, Qos::Burstable)
    } else if let Some(levels) = class.strip_suffix("-besteffort") {
        (levels, Qos::BestEffort)
    } else {
        (class, Qos::Guaranteed)
    };
    // A kubelet with a cgroup root of its own puts that in front: kubelet-kubepods-….
    if levels != "kubepods" && !levels.ends_with("-kubepods") {
        return None;
    }
    pod_uid(uid, '_').map(|uid| Pod { uid, qos })
}

/// A uid whose groups are parted by `separator`, with dashes; or the hash that a static pod has.
fn pod_uid(text: &str, separator: char) -> Option<Cow<'_, str>> {
    let mut groups = text.split(separator);
    let grouped = [8, 4, 4, 4, 12]
        .into_iter()
        .all(|digits| groups.next().is_some_and(|group| hex(group, digits)))
        && groups.next().is_none();
    match separator {
        _ if hex(text, 32) => Some(Cow::Borrowed(text)),
        '-' if grouped => Some(Cow::Borrowed(text)),
        _ if grouped => Some(Cow::Owned(text.replace(separator, "-"))),
        _ => None,
    }
}

/// The parts of `SLICE:PREFIX:ID`.
pub(super) fn unsplit(name: &str) -> Option<(&str, &str, &str)> {
    let (slice, rest) = name.split_once(':')?;
    let (prefix, id) = rest.split_once(':')?;
    slice_name(slice).map(|slice| (slice, prefix, id))
}
