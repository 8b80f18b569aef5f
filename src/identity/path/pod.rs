//! Kubernetes pods in a cgroup's path.

use super::{components::is_hex, unit::slice_name};

/// A Kubernetes pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// The pod's uid as `kubectl` prints it: with dashes, or 32 plain digits
    /// for a static pod.
    pub uid: Box<str>,
    /// Its quality of service.
    pub qos: Qos,
}

/// A pod's class of quality of service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qos {
    /// All that it may use is reserved. The cgroups of the other two classes
    /// have a parent of the class's name, and these do not.
    Guaranteed,
    /// Some is reserved.
    Burstable,
    /// Nothing is reserved.
    BestEffort,
}

impl Qos {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Guaranteed, Self::Burstable, Self::BestEffort];

    /// Its name in the output, as Kubernetes spells it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The pod whose cgroup has this name, below these three, nearest first.
pub(super) fn pod_of(name: &str, above: &[&str; 3]) -> Option<Pod> {
    if let Some(uid) = name.strip_prefix("pod") {
        let qos = match above {
            ["kubepods", ..] => Qos::Guaranteed,
            ["burstable", "kubepods", _] => Qos::Burstable,
            ["besteffort", "kubepods", _] => Qos::BestEffort,
            _ => return None,
        };
        return pod_uid(uid, '-').map(|uid| Pod { uid, qos });
    }
    // In a slice's name a dash is a level, so the uid has underscores.
    let slice = RuncName::parse(name).map_or(name, |parts| parts.slice);
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
    // A kubelet with a cgroup root of its own puts its name first:
    // kubelet-kubepods-….
    if levels != "kubepods" && !levels.ends_with("-kubepods") {
        return None;
    }
    pod_uid(uid, '_').map(|uid| Pod { uid, qos })
}

/// Reads a uid whose groups are separated by `separator`, or a static pod's
/// hash.
fn pod_uid(text: &str, separator: char) -> Option<Box<str>> {
    let mut groups = text.split(separator);
    let grouped = [8, 4, 4, 4, 12]
        .into_iter()
        .all(|digits| groups.next().is_some_and(|group| is_hex(group, digits)))
        && groups.next().is_none();
    if grouped {
        Some(text.replace(separator, "-").into())
    } else {
        is_hex(text, 32).then(|| text.into())
    }
}

/// A name of the form `SLICE:PREFIX:ID`. To runc on the systemd driver this
/// means a scope, but on the cgroupfs driver runtimes make a cgroup of exactly
/// this name.
pub(super) struct RuncName<'a> {
    pub(super) slice: &'a str,
    pub(super) prefix: &'a str,
    pub(super) id: &'a str,
}

impl<'a> RuncName<'a> {
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        let (slice, rest) = name.split_once(':')?;
        let (prefix, id) = rest.split_once(':')?;
        slice_name(slice).map(|slice| Self { slice, prefix, id })
    }
}
