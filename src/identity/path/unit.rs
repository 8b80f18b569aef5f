//! The systemd unit in a cgroup's path, as `sd_pid_get_unit(3)` reads it.
//!
//! The slices in front are skipped; what comes next is the unit, and whatever a delegating unit
//! keeps below itself belongs to it. Below `user@UID.service` the user's own manager does the same
//! again: that is the user unit.

use super::components::{Components, components};

/// What systemd's part of a path names. All are plain ASCII by systemd's rules, so they can be
/// written as `systemctl` prints them (`dev-disk\x2d1.mount` included).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units<'a> {
    pub(super) slice: Option<&'a str>,
    pub(super) unit: Option<&'a str>,
    pub(super) user_unit: Option<&'a str>,
}

/// The unit types that have a cgroup and are no slice.
const WITH_CGROUP: [&str; 5] = ["service", "scope", "socket", "mount", "swap"];

/// systemd's `UNIT_NAME_MAX`, without its terminating zero.
const LONGEST: usize = 255;

pub(super) fn units(path: &[u8]) -> Units<'_> {
    let mut rest = components(path);
    let (slice, first) = skip_slices(&mut rest);
    let unit = first.and_then(unit_name);
    let user_unit = unit
        .filter(|unit| is_manager(unit))
        .and_then(|_| skip_slices(&mut rest).1)
        .and_then(unit_name);
    Units {
        slice,
        unit,
        user_unit,
    }
}

/// Takes the slices from the front: the innermost of them, and the component after them.
fn skip_slices<'a>(rest: &mut Components<'a>) -> (Option<&'a str>, Option<&'a str>) {
    let mut slice = None;
    for component in rest {
        match slice_name(component) {
            Some(name) => slice = Some(name),
            None => return (slice, Some(component)),
        }
    }
    (slice, None)
}

/// The name of the slice that a cgroup of this name stands for, if it is one.
pub(super) fn slice_name(component: &str) -> Option<&str> {
    let name = unescape(component);
    let (stem, kind) = split(name)?;
    (kind == "slice" && !stem.contains('@')).then_some(name)
}

/// The name of the unit that a cgroup of this name stands for, if it is one and no slice.
fn unit_name(component: &str) -> Option<&str> {
    let name = unescape(component);
    let (stem, kind) = split(name)?;
    // foo@bar.service is an instance; foo@.service is a template, which never runs.
    let nameable = stem
        .split_once('@')
        .is_none_or(|(prefix, instance)| !prefix.is_empty() && !instance.is_empty());
    (nameable && WITH_CGROUP.contains(&kind)).then_some(name)
}

/// Whether the unit is a service manager of its own: a user's, or a capsule's (systemd 256).
fn is_manager(unit: &str) -> bool {
    let Some((prefix, instance)) = unit
        .strip_suffix(".service")
        .and_then(|u| u.split_once('@'))
    else {
        return false;
    };
    match prefix {
        "user" => instance.bytes().all(|byte| byte.is_ascii_digit()),
        "capsule" => true,
        _ => false,
    }
}

/// systemd puts `_` before names that a kernel file could have (`memory.service`) and before those
/// that start with `_` themselves; `systemctl` and `journalctl` show them without.
fn unescape(component: &str) -> &str {
    component.strip_prefix('_').unwrap_or(component)
}

/// Stem and type of a name that is spelled as a unit's may be.
fn split(name: &str) -> Option<(&str, &str)> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let (stem, kind) = name.rsplit_once('.')?;
    (name.len() <= LONGEST && !stem.is_empty() && name.bytes().all(allowed)).then_some((stem, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, slice, unit, user unit; `-` for none.
    const REAL: &[(&str, &str, &str, &str)] = &[
        ("/", "-", "-", "-"),
        ("/init.scope", "-", "init.scope", "-"),
        (
            "/system.slice/nginx.service",
            "system.slice",
            "nginx.service",
            "-",
        ),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            "system-getty.slice",
            "getty@tty1.service",
            "-",
        ),
        (
            "/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@0-1.service",
            "system-systemd\\x2dcoredump.slice",
            "systemd-coredump@0-1.service",
            "-",
        ),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            "user-1000.slice",
            "session-3.scope",
            "-",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service",
            "user-1000.slice",
            "user@1000.service",
            "firefox.service",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            "user-1000.slice",
            "user@1000.service",
            "init.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome\\x2dsession.slice/\
             app-gnome-org.gnome.Terminal-4242.scope",
            "user-1000.slice",
            "user@1000.service",
            "app-gnome-org.gnome.Terminal-4242.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service",
            "user-1000.slice",
            "user@1000.service",
            "-",
        ),
        ("/user.slice/user-1000.slice", "user-1000.slice", "-", "-"),
        (
            "/system.slice/dev-hugepages.mount",
            "system.slice",
            "dev-hugepages.mount",
            "-",
        ),
        (
            "/system.slice/boot-efi\\x2d1.mount",
            "system.slice",
            "boot-efi\\x2d1.mount",
            "-",
        ),
        (
            "/system.slice/foo.service/sub/dir",
            "system.slice",
            "foo.service",
            "-",
        ),
        (
            "/system.slice/foo.service/bar.service",
            "system.slice",
            "foo.service",
            "-",
        ),
        (
            "/system.slice/_memory.service",
            "system.slice",
            "memory.service",
            "-",
        ),
        (
            "/system.slice/__odd.service",
            "system.slice",
            "_odd.service",
            "-",
        ),
        (
            "/capsule.slice/capsule@foo.service/app.slice/x.service",
            "capsule.slice",
            "capsule@foo.service",
            "x.service",
        ),
        (
            "/machine.slice/machine-web.scope/payload/system.slice/sshd.service",
            "machine.slice",
            "machine-web.scope",
            "-",
        ),
        ("/lxc.payload.web/system.slice/sshd.service", "-", "-", "-"),
    ];

    #[test]
    fn the_unit_is_the_one_that_systemctl_would_name() {
        for &(path, slice, unit, user_unit) in REAL {
            let found = units(path.as_bytes());
            assert_eq!(found.slice.unwrap_or("-"), slice, "{path}");
            assert_eq!(found.unit.unwrap_or("-"), unit, "{path}");
            assert_eq!(found.user_unit.unwrap_or("-"), user_unit, "{path}");
        }
    }

    #[test]
    fn a_name_that_systemd_would_not_give_is_no_unit() {
        let long = format!("/system.slice/{}.service", "a".repeat(248));
        for path in [
            "/system.slice/nginx",
            "/system.slice/.service",
            "/system.slice/_.service",
            "/system.slice/foo@.service",
            "/system.slice/@foo.service",
            "/system.slice/foo.timer",
            "/system.slice/fo o.service",
            "/system.slice/fo\no.service",
            "/system.slice/größe.service",
            "/system.slice/foo.service ",
            "/foo@bar.slice",
            "system.slice.service/..",
            &long,
        ] {
            let unit = units(path.as_bytes()).unit;
            assert!(
                unit.is_none() || unit == Some("system.slice.service"),
                "{path}: {unit:?}"
            );
        }
        assert_eq!(units(b"/system.slice/\xff.service").unit, None);
    }

    #[test]
    fn a_user_manager_has_a_number() {
        let faked = units(b"/system.slice/user@alice.service/app.slice/x.service");
        assert_eq!(
            (faked.unit, faked.user_unit),
            (Some("user@alice.service"), None)
        );
    }
}
