//! The systemd unit in a cgroup's path, as `sd_pid_get_unit(3)` reads it.
//!
//! After the leading slices comes the unit. Cgroups that a delegating unit
//! makes below its own belong to it. Below `user@UID.service` a user's own
//! manager repeats this scheme, and what follows its slices is the user unit.

use super::components::{Components, components};

/// The units in a path, spelled as `systemctl` prints them
/// (`dev-disk\x2d1.mount`): systemd allows only ASCII in their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Units<'a> {
    pub(super) unit: Option<&'a str>,
    pub(super) user_unit: Option<&'a str>,
}

/// The types of units that have a cgroup, slices aside.
const WITH_CGROUP: [&str; 5] = ["service", "scope", "socket", "mount", "swap"];

/// systemd's `UNIT_NAME_MAX`, without the terminating zero.
const LONGEST: usize = 255;

pub(super) fn units(path: &[u8]) -> Units<'_> {
    let mut rest = components(path);
    let unit = skip_slices(&mut rest).and_then(unit_name);
    let user_unit = unit
        .filter(|unit| is_manager(unit))
        .and_then(|_| skip_slices(&mut rest))
        .and_then(unit_name);
    Units { unit, user_unit }
}

/// Takes the leading slices and the component after them, and returns the
/// latter.
fn skip_slices<'a>(rest: &mut Components<'a>) -> Option<&'a str> {
    rest.find(|component| slice_name(component).is_none())
}

/// The slice whose cgroup has this name, if it is a slice's.
pub(super) fn slice_name(component: &str) -> Option<&str> {
    let name = unescape(component);
    let (stem, kind) = split(name)?;
    (kind == "slice" && !stem.contains('@')).then_some(name)
}

/// The unit whose cgroup has this name, if it is a unit's and not a slice's.
fn unit_name(component: &str) -> Option<&str> {
    let name = unescape(component);
    let (stem, kind) = split(name)?;
    // foo@bar.service is an instance. foo@.service is a template, which never
    // runs.
    let can_run = stem
        .split_once('@')
        .is_none_or(|(prefix, instance)| !prefix.is_empty() && !instance.is_empty());
    (can_run && WITH_CGROUP.contains(&kind)).then_some(name)
}

/// Whether the unit is a service manager itself: a user's, or a capsule's
/// (systemd 256).
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

/// Removes the `_` that systemd puts before a cgroup's name if the name starts
/// with `_`, or could be one of the kernel's files there (`memory.service`).
/// `systemctl` and `journalctl` do not show it.
fn unescape(component: &str) -> &str {
    component.strip_prefix('_').unwrap_or(component)
}

/// Stem and type of a name, if it has only characters that a unit's may have.
fn split(name: &str) -> Option<(&str, &str)> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    let (stem, kind) = name.rsplit_once('.')?;
    (name.len() <= LONGEST && !stem.is_empty() && name.bytes().all(allowed)).then_some((stem, kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Path, unit, user unit; `-` for none.
    const REAL: &[(&str, &str, &str)] = &[
        ("/", "-", "-"),
        ("/init.scope", "init.scope", "-"),
        ("/system.slice/nginx.service", "nginx.service", "-"),
        (
            "/system.slice/system-getty.slice/getty@tty1.service",
            "getty@tty1.service",
            "-",
        ),
        (
            "/system.slice/system-systemd\\x2dcoredump.slice/systemd-coredump@0-1.service",
            "systemd-coredump@0-1.service",
            "-",
        ),
        (
            "/user.slice/user-1000.slice/session-3.scope",
            "session-3.scope",
            "-",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/firefox.service",
            "user@1000.service",
            "firefox.service",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/init.scope",
            "user@1000.service",
            "init.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome\\x2dsession.slice/\
             app-gnome-org.gnome.Terminal-4242.scope",
            "user@1000.service",
            "app-gnome-org.gnome.Terminal-4242.scope",
        ),
        (
            "/user.slice/user-1000.slice/user@1000.service",
            "user@1000.service",
            "-",
        ),
        ("/user.slice/user-1000.slice", "-", "-"),
        (
            "/system.slice/dev-hugepages.mount",
            "dev-hugepages.mount",
            "-",
        ),
        (
            "/system.slice/boot-efi\\x2d1.mount",
            "boot-efi\\x2d1.mount",
            "-",
        ),
        ("/system.slice/foo.service/sub/dir", "foo.service", "-"),
        ("/system.slice/foo.service/bar.service", "foo.service", "-"),
        ("/system.slice/_memory.service", "memory.service", "-"),
        ("/system.slice/__odd.service", "_odd.service", "-"),
        (
            "/capsule.slice/capsule@foo.service/app.slice/x.service",
            "capsule@foo.service",
            "x.service",
        ),
        (
            "/machine.slice/machine-web.scope/payload/system.slice/sshd.service",
            "machine-web.scope",
            "-",
        ),
        ("/lxc.payload.web/system.slice/sshd.service", "-", "-"),
    ];

    #[test]
    fn the_unit_is_the_one_that_systemctl_would_name() {
        for &(path, unit, user_unit) in REAL {
            let found = units(path.as_bytes());
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
