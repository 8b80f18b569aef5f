//! conmon, which watches over a container of podman or CRI-O and has its id and
//! its name among its arguments: `-c ID … -n NAME`.

use std::{ffi::OsStr, fs, path::Path};

use super::{
    files::{Files, MOST_ENTRIES},
    names::ContainerNames,
    pick::{name, pod_container},
};
use crate::identity::path;

/// The name that is given to a running conmon for the container with this id.
/// `owner` is the user that it must belong to, so that nobody names another's.
///
/// Looks at every process. What is known of processes anyway could answer it.
pub(super) fn find(files: &mut Files, id: &str, owner: u32) -> Option<Box<str>> {
    let entries = fs::read_dir("/proc").ok()?.take(MOST_ENTRIES);
    entries.flatten().find_map(|entry| {
        let process = entry.path();
        let is_pid = |name: &OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        (is_pid(&entry.file_name()) && is_conmon(&process, owner)).then_some(())?;
        let arguments = fs::File::open(process.join("cmdline")).ok()?;
        files.with_all(&arguments, |bytes| named(bytes, id))?
    })
}

/// Whether a process is called so, is a user's, and is in no container.
fn is_conmon(process: &Path, owner: u32) -> bool {
    let comm = fs::read(process.join("comm"));
    // conmon-rs serves many, and is not told their names.
    comm.is_ok_and(|comm| comm == b"conmon\n")
        && fs::read_to_string(process.join("status")).is_ok_and(|status| is_of(&status, owner))
        && fs::read(process.join("cgroup")).is_ok_and(|table| !is_contained(&table))
}

/// Whether all of a process's user ids are this one. Of a set-user-ID program,
/// whoever starts it chooses name and arguments.
fn is_of(status: &str, owner: u32) -> bool {
    let mut lines = status.lines();
    let ids = lines.find_map(|line| line.strip_prefix("Uid:"));
    ids.is_some_and(|ids| ids.split_whitespace().all(|id| id.parse() == Ok(owner)))
}

/// Whether some of a process's cgroups is a container's.
fn is_contained(table: &[u8]) -> bool {
    table.split(|&byte| byte == b'\n').any(|line| {
        let path = line.splitn(3, |&byte| byte == b':').nth(2);
        path.is_some_and(|path| {
            let names = path::parse(path);
            names.container.is_some() || names.pod.is_some()
        })
    })
}

/// The name among the arguments, if they are for the container with this id.
fn named(arguments: &[u8], id: &str) -> Option<Box<str>> {
    let after = |flags: [&[u8]; 2]| {
        let mut arguments = arguments.split(|&byte| byte == 0);
        arguments.find(|argument| flags.contains(argument))?;
        arguments.next()
    };
    (after([b"-c", b"--cid"])? == id.as_bytes()).then_some(())?;
    name(after([b"-n", b"--name"])?)
}

/// The names in the name that CRI-O gives a container:
/// `k8s_<container>_<pod>_<namespace>_<uid>_<attempt>`. The container that holds a
/// pod's namespaces is called POD.
pub(super) fn pod_names(of: &str) -> ContainerNames {
    let parts: Vec<_> = of.split('_').collect();
    let ["k8s", container, pod, namespace, _, _] = parts[..] else {
        return ContainerNames::default();
    };
    ContainerNames {
        pod: name(pod.as_bytes()),
        pod_namespace: name(namespace.as_bytes()),
        pod_container: pod_container(name(container.as_bytes())),
        ..ContainerNames::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "66221e7d988e193822a3e8368b61ad9aeabf6b5276df76daebb7ea33bccc0b87";

    #[test]
    fn the_name_is_the_one_beside_the_id() {
        let arguments = |id: &str| {
            let words = [
                "/usr/bin/conmon",
                "--api-version",
                "1",
                "-c",
                id,
                "-u",
                id,
                "-r",
            ];
            let more = [
                "/usr/bin/crun",
                "-b",
                "/run/x/userdata",
                "-n",
                "web-1",
                "--exit-dir",
            ];
            [words.join("\0"), more.join("\0")].join("\0")
        };
        assert_eq!(
            named(arguments(ID).as_bytes(), ID).as_deref(),
            Some("web-1")
        );
        assert_eq!(named(arguments(&ID.replace('6', "7")).as_bytes(), ID), None);
        for other in [
            "",
            "conmon\0-c",
            "conmon\0-n\0web",
            &format!("conmon\0-c\0{ID}\0-n"),
        ] {
            assert_eq!(named(other.as_bytes(), ID), None, "{other:?}");
        }
    }

    #[test]
    fn cri_os_name_has_the_names_of_the_pod_in_it() {
        let names = pod_names("k8s_front-end_web-7c9f_shop_1858680e-b044-4fd5-9dd4-f137e30e2180_0");
        assert_eq!(names.pod.as_deref(), Some("web-7c9f"));
        assert_eq!(names.pod_namespace.as_deref(), Some("shop"));
        assert_eq!(names.pod_container.as_deref(), Some("front-end"));
        let sandbox = pod_names("k8s_POD_web_shop_1858680e_0");
        assert_eq!(
            (sandbox.pod.as_deref(), sandbox.pod_container),
            (Some("web"), None)
        );
        for other in ["", "web", "k8s_a_b_c", "k8s_a_b_c_d_e_f", "x_a_b_c_d_e"] {
            assert!(pod_names(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_program_that_changes_its_user_is_nobodys() {
        let status = |ids: &str| format!("Name:\tconmon\nUid:\t{ids}\nGid:\t0\t0\t0\t0\n");
        assert!(is_of(&status("0\t0\t0\t0"), 0) && is_of(&status("9\t9\t9\t9"), 9));
        assert!(!is_of(&status("9\t0\t0\t0"), 0) && !is_of(&status("9\t0\t0\t0"), 9));
        assert!(!is_of("", 0));
    }

    #[test]
    fn a_process_in_a_container_is_seen_as_such() {
        let beside = format!("0::/machine.slice/libpod-conmon-{ID}.scope\n");
        assert!(!is_contained(beside.as_bytes()) && !is_contained(b"") && !is_contained(b"x\n"));
        let inside = format!("1:name=systemd:/\n0::/system.slice/docker-{ID}.scope/x\n");
        assert!(is_contained(inside.as_bytes()));
    }
}
