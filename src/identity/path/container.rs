//! Containers and Kubernetes pods in a cgroup's path.
//!
//! One rule and one table of patterns. The rule: every name is matched against
//! the table, from the root down, and the innermost container and the innermost
//! pod are reported, independently of each other. So in kind or
//! docker-in-docker the workload's container is reported and not the node's.
//! Cgroups that a container makes below its own belong to it. A helper beside
//! the container (`libpod-conmon-…`, `crio-conmon-…`, `lxc.monitor.…`, nspawn's
//! `supervisor`) belongs to whatever is around both.
//!
//! Patterns match complete names, and an id must have exactly the length and
//! spelling that its runtime gives it.

use std::borrow::Cow;

use super::{
    components::{Components, components, is_hex},
    pod::{Pod, RuncName, pod_of},
    unit::slice_name,
};
use crate::text::decode;

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The runtime's full id. lxc and nspawn have none: the container's name.
    pub id: Box<str>,
    /// What runs it.
    pub runtime: Runtime,
}

/// What runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Runtime {
    /// Docker, rootless too.
    Docker,
    /// podman and everything else that uses libpod, rootless too.
    Podman,
    /// containerd: under Kubernetes, or with nerdctl.
    Containerd,
    /// CRI-O.
    Crio,
    /// Any runtime of a Kubernetes node on the cgroupfs driver: the path has
    /// the id, but does not name the runtime.
    Cri,
    /// Amazon ECS, whose agent has its own form of path.
    Ecs,
    /// LXC and its managers (LXD, Incus, Proxmox, libvirt's lxc driver).
    Lxc,
    /// systemd-nspawn.
    Nspawn,
}

impl Runtime {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Docker,
        Self::Podman,
        Self::Containerd,
        Self::Crio,
        Self::Cri,
        Self::Ecs,
        Self::Lxc,
        Self::Nspawn,
    ];

    /// Its name in the output.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::Crio => "crio",
            Self::Cri => "cri",
            Self::Ecs => "ecs",
            Self::Lxc => "lxc",
            Self::Nspawn => "nspawn",
        }
    }
}

/// One way to name a container's cgroup: `prefix`, an id, `suffix`, below a
/// certain parent.
struct Pattern {
    within: Within,
    prefix: &'static str,
    id: Id,
    suffix: &'static str,
    runtime: Runtime,
}

/// What the cgroups above must be.
#[derive(Clone, Copy)]
enum Within {
    Anything,
    /// A cgroup of exactly this name.
    Named(&'static str),
    /// A pod's cgroup.
    Pod,
    /// `/ecs/TASK` or `/ecs/CLUSTER/TASK`.
    EcsTask,
    /// `machine.slice` or a slice below it.
    Machines,
}

/// How a runtime spells a container's id or name.
#[derive(Clone, Copy)]
enum Id {
    /// 64 lower-case hexadecimal digits.
    Hex,
    /// Fargate's 32 digits, a dash and a decimal number.
    Fargate,
    /// A name in LXC.
    Lxc,
    /// A name in systemd-machined, escaped for the unit, but not of one of
    /// libvirt's virtual machines.
    Machine,
    /// As [`Self::Machine`], of libvirt's lxc driver: `lxc-NUMBER-NAME`.
    LibvirtLxc,
}

const fn scope(prefix: &'static str, runtime: Runtime) -> Pattern {
    Pattern {
        within: Within::Anything,
        prefix,
        id: Id::Hex,
        suffix: ".scope",
        runtime,
    }
}

const fn bare(within: Within, prefix: &'static str, id: Id, runtime: Runtime) -> Pattern {
    Pattern {
        within,
        prefix,
        id,
        suffix: "",
        runtime,
    }
}

const fn machine(prefix: &'static str, id: Id, suffix: &'static str, runtime: Runtime) -> Pattern {
    Pattern {
        within: Within::Machines,
        prefix,
        id,
        suffix,
        runtime,
    }
}

/// The first that matches is taken.
static PATTERNS: &[Pattern] = &[
    // The systemd cgroup driver: a scope for each container, in any slice.
    scope("docker-", Runtime::Docker),
    scope("libpod-", Runtime::Podman),
    scope("cri-containerd-", Runtime::Containerd),
    scope("nerdctl-", Runtime::Containerd),
    scope("crio-", Runtime::Crio),
    // The cgroupfs driver; podman's `--cgroups=split`, which quadlet uses.
    bare(Within::Named("docker"), "", Id::Hex, Runtime::Docker),
    bare(Within::Anything, "libpod-", Id::Hex, Runtime::Podman),
    bare(
        Within::Anything,
        "libpod-payload-",
        Id::Hex,
        Runtime::Podman,
    ),
    bare(Within::Anything, "crio-", Id::Hex, Runtime::Crio),
    bare(Within::Pod, "", Id::Hex, Runtime::Cri),
    // containerd's namespaces: nerdctl's, and that of pods that name no parent.
    bare(Within::Named("default"), "", Id::Hex, Runtime::Containerd),
    bare(Within::Named("k8s.io"), "", Id::Hex, Runtime::Containerd),
    bare(Within::EcsTask, "", Id::Hex, Runtime::Ecs),
    bare(Within::EcsTask, "", Id::Fargate, Runtime::Ecs),
    // LXC up to 3, 3.1, and from 4 on.
    bare(Within::Named("lxc"), "", Id::Lxc, Runtime::Lxc),
    bare(Within::Named("lxc.payload"), "", Id::Lxc, Runtime::Lxc),
    bare(Within::Anything, "lxc.payload.", Id::Lxc, Runtime::Lxc),
    machine("machine-", Id::LibvirtLxc, ".scope", Runtime::Lxc),
    machine("machine-", Id::Machine, ".scope", Runtime::Nspawn),
    machine("systemd-nspawn@", Id::Machine, ".service", Runtime::Nspawn),
];

/// The prefixes in a [`RuncName`].
static RUNC_PREFIXES: [(&str, Runtime); 5] = [
    ("docker", Runtime::Docker),
    ("libpod", Runtime::Podman),
    ("cri-containerd", Runtime::Containerd),
    ("nerdctl", Runtime::Containerd),
    ("crio", Runtime::Crio),
];

/// Bounds the output. LXC and systemd allow less.
const LONGEST_NAME: usize = 128;

/// What a path says of containers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Containers {
    /// The innermost container.
    pub(super) container: Option<Container>,
    /// The innermost pod.
    pub(super) pod: Option<Pod>,
    /// One of the two is inside another container.
    pub(super) nested: bool,
}

/// Reads a path from the root down.
pub(super) fn containers(path: &[u8]) -> Containers {
    let mut found = Containers::default();
    let mut above = Above::default();
    let mut rest = components(path);
    while let Some(name) = rest.next() {
        let in_pod = pod_of(name, &above.names);
        let container = container_of(name, &above, &rest);
        above = Above {
            pod: in_pod.is_some(),
            names: [name, above.names[0], above.names[1]],
        };
        found.nested |= found.container.is_some() && (container.is_some() || in_pod.is_some());
        found.container = container.or(found.container);
        found.pod = in_pod.or(found.pod);
    }
    found
}

/// The three names above the current one, nearest first.
#[derive(Default)]
struct Above<'a> {
    /// The nearest is a pod's.
    pod: bool,
    names: [&'a str; 3],
}

/// The container whose cgroup has this name, between these others.
fn container_of(name: &str, above: &Above<'_>, below: &Components<'_>) -> Option<Container> {
    if let Some(RuncName { prefix, id, .. }) = RuncName::parse(name) {
        let (_, runtime) = *RUNC_PREFIXES.iter().find(|(known, _)| *known == prefix)?;
        return is_hex(id, 64).then(|| Container {
            id: id.into(),
            runtime,
        });
    }
    PATTERNS.iter().find_map(|pattern| {
        let id = name
            .strip_prefix(pattern.prefix)?
            .strip_suffix(pattern.suffix)?;
        if !above.fits(pattern.within) {
            return None;
        }
        let id = pattern.id.read(id)?;
        // nspawn's own process runs beside the payload.
        let is_supervisor = pattern.runtime == Runtime::Nspawn
            && below
                .clone()
                .next()
                .is_some_and(|name| name == "supervisor");
        (!is_supervisor).then(|| Container {
            id: id.into(),
            runtime: pattern.runtime,
        })
    })
}

impl Above<'_> {
    fn fits(&self, within: Within) -> bool {
        let [parent, second, third] = self.names;
        match within {
            Within::Anything => true,
            Within::Named(name) => parent == name,
            Within::Pod => self.pod,
            Within::EcsTask => {
                second == "ecs" && is_lxc_name(parent)
                    || third == "ecs" && is_lxc_name(parent) && is_lxc_name(second)
            }
            Within::Machines => {
                let slice = slice_name(parent);
                slice.is_some_and(|name| name == "machine.slice" || name.starts_with("machine-"))
            }
        }
    }
}

impl Id {
    /// Reads an id or a name, and spells it as the output does.
    fn read(self, text: &str) -> Option<Cow<'_, str>> {
        let fits = match self {
            Self::Hex => is_hex(text, 64),
            Self::Fargate => text.split_once('-').is_some_and(|(id, number)| {
                is_hex(id, 32) && (1..=20).contains(&number.len()) && is_decimal(number)
            }),
            // LXC has cgroups of its own in a parent called lxc. The payload's
            // has a pattern of its own.
            Self::Lxc => is_lxc_name(text) && !text.starts_with("lxc."),
            Self::Machine | Self::LibvirtLxc => {
                let name = unescape(text)?;
                let of_libvirt = |driver| {
                    let numbered = name
                        .strip_prefix(driver)
                        .and_then(|rest| rest.split_once('-'));
                    numbered.is_some_and(|(number, _)| is_decimal(number))
                };
                let wanted = match self {
                    Self::LibvirtLxc => of_libvirt("lxc-"),
                    _ => !["qemu-", "ch-", "xen-"].into_iter().any(of_libvirt),
                };
                return (wanted && is_lxc_name(&name)).then_some(name);
            }
        };
        fits.then_some(Cow::Borrowed(text))
    }
}

fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether this is a name of letters, digits, `.`, `-` and `_`, which LXC,
/// machined and ECS allow.
fn is_lxc_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(allowed)
}

/// Undoes `systemd-escape`, which writes a dash as `\x2d`.
fn unescape(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('\\') {
        return Some(Cow::Borrowed(text));
    }
    String::from_utf8(decode(text)).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const A: &str = "e9f55c7a4cbd8e0fba6bf9a4a2cdb02e8fcf2d1b6a3a2ad3b3f4f0bdd0b0a9ff";
    const B: &str = "0ca2b3cd20e5f55a2bbe8d4aa3f811cf7963b40f0542ad147054b0fcb60fc400";
    const UID: &str = "1858680e-b044-4fd5-9dd4-f137e30e2180";
    const STATIC: &str = "1864dd0546310be9937c37cf88024cb8";

    /// Path, runtime, container, qos, pod; `-` for none. In the path, A and B
    /// are ids, `{u}` and `{_}` a pod's uid with dashes and underscores, `{s}`
    /// a static pod's.
    #[rustfmt::skip]
    const REAL: &[(&str, &str, &str, &str, &str)] = &[
        // Neither container nor pod.
        ("/", "-", "-", "-", "-"),
        ("/init.scope", "-", "-", "-", "-"),
        ("/system.slice/docker.service", "-", "-", "-", "-"),
        ("/user.slice/user-1000.slice/session-3.scope", "-", "-", "-", "-"),
        ("/kubepods.slice/kubepods-burstable.slice", "-", "-", "-", "-"),
        // Docker: cgroupfs driver, systemd driver, rootless, a parent of one's
        // own, ECS on v2.
        ("/docker/A", "docker", "A", "-", "-"),
        ("/docker/A/init", "docker", "A", "-", "-"),
        ("/system.slice/docker-A.scope", "docker", "A", "-", "-"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/docker-A.scope",
            "docker", "A", "-", "-"),
        ("/ci.slice/ci-jobs.slice/docker-A.scope", "docker", "A", "-", "-"),
        ("/ecstasks.slice/ecstasks-e95a40efbde84cbc8600660a109ec194.slice/docker-A.scope",
            "docker", "A", "-", "-"),
        ("system.slice:docker:A", "docker", "A", "-", "-"),
        // podman: root's, rootless, crun's own sub-cgroup, a pod, cgroupfs
        // driver, quadlet.
        ("/machine.slice/libpod-A.scope", "podman", "A", "-", "-"),
        ("/machine.slice/libpod-A.scope/container", "podman", "A", "-", "-"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-A.scope/container",
            "podman", "A", "-", "-"),
        ("/machine.slice/machine-libpod_pod_B.slice/libpod-A.scope", "podman", "A", "-", "-"),
        ("/libpod_parent/libpod-A", "podman", "A", "-", "-"),
        ("/libpod_parent/B/libpod-A", "podman", "A", "-", "-"),
        ("/system.slice/nginx.service/libpod-payload-A", "podman", "A", "-", "-"),
        ("/system.slice/nginx.service/runtime", "-", "-", "-", "-"),
        ("/user.slice/user-1001.slice/user@1001.service/app.slice/caddy.service/libpod-payload-A",
            "podman", "A", "-", "-"),
        ("/machine.slice/libpod-conmon-A.scope", "-", "-", "-", "-"),
        ("/libpod_parent/conmon", "-", "-", "-", "-"),
        // Kubernetes: cgroupfs driver.
        ("/kubepods/burstable/pod{u}/A", "cri", "A", "Burstable", "U"),
        ("/kubepods/besteffort/pod{u}/A", "cri", "A", "BestEffort", "U"),
        ("/kubepods/pod{u}/A", "cri", "A", "Guaranteed", "U"),
        ("/kubepods/burstable/pod{s}/A", "cri", "A", "Burstable", "S"),
        ("/kubepods/burstable/pod{u}/crio-A", "crio", "A", "Burstable", "U"),
        ("/kubepods/burstable/pod{u}", "-", "-", "Burstable", "U"),
        // Kubernetes: systemd driver.
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{_}.slice/\
          cri-containerd-A.scope", "containerd", "A", "Burstable", "U"),
        ("/kubepods.slice/kubepods-pod{_}.slice/cri-containerd-A.scope",
            "containerd", "A", "Guaranteed", "U"),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{_}.slice/\
          crio-A.scope", "crio", "A", "BestEffort", "U"),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{_}.slice/\
          crio-A.scope/container", "crio", "A", "BestEffort", "U"),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{_}.slice/\
          crio-conmon-A.scope", "-", "-", "BestEffort", "U"),
        ("/system.slice/crio-conmon-A.scope", "-", "-", "-", "-"),
        ("/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod{_}.slice/\
          docker-A.scope", "docker", "A", "BestEffort", "U"),
        ("/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{s}.slice/\
          crio-A.scope", "crio", "A", "Burstable", "S"),
        ("/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-besteffort.slice/\
          kubelet-kubepods-besteffort-pod{_}.slice/cri-containerd-A.scope",
            "containerd", "A", "BestEffort", "U"),
        // containerd without SystemdCgroup on a node with the systemd driver.
        ("/system.slice/containerd.service/kubepods-besteffort-pod{_}.slice:cri-containerd:A",
            "containerd", "A", "BestEffort", "U"),
        ("/kubepods-burstable-pod{_}.slice:cri-containerd:A", "containerd", "A", "Burstable", "U"),
        ("/system.slice/containerd.service/kubepods-pod{_}.slice:cri-containerd:A",
            "containerd", "A", "Guaranteed", "U"),
        // containerd outside of pods.
        ("/default/A", "containerd", "A", "-", "-"),
        ("/k8s.io/A", "containerd", "A", "-", "-"),
        ("/system.slice/nerdctl-A.scope", "containerd", "A", "-", "-"),
        ("/user.slice/user-1000.slice/user@1000.service/user.slice/nerdctl-A.scope",
            "containerd", "A", "-", "-"),
        ("/system.slice/system-getty.slice/cri-containerd-A.scope", "containerd", "A", "-", "-"),
        // ECS: an agent before and after clusters came into the path; Fargate.
        ("/ecs/48cb34f5-cd39-4d59-9bb9-89f3c1611afd/A", "ecs", "A", "-", "-"),
        ("/ecs/test-ecs-classic/5a0d5ceddf6c44c1928d367a815d890f/A", "ecs", "A", "-", "-"),
        ("/ecs/34dc0b5e626f2c5c4c5170e34b10e765/34dc0b5e626f2c5c4c5170e34b10e765-1234567890",
            "ecs", "34dc0b5e626f2c5c4c5170e34b10e765-1234567890", "-", "-"),
        ("/ecs/5a0d5ceddf6c44c1928d367a815d890f", "-", "-", "-", "-"),
        // LXC, LXD, Incus (project_name), Proxmox, waydroid.
        ("/lxc/web-1", "lxc", "web-1", "-", "-"),
        ("/lxc/100/ns/init.scope", "lxc", "100", "-", "-"),
        ("/lxc.payload/web", "lxc", "web", "-", "-"),
        ("/lxc.payload.waydroid", "lxc", "waydroid", "-", "-"),
        ("/lxc.payload.gha-fleet_worker/system.slice/runner.service",
            "lxc", "gha-fleet_worker", "-", "-"),
        ("/lxc.monitor.web", "-", "-", "-", "-"),
        ("/lxc.monitor/100", "-", "-", "-", "-"),
        ("/lxc.pivot", "-", "-", "-", "-"),
        ("/lxc/lxc.payload.web", "lxc", "web", "-", "-"),
        ("/lxc/lxc.monitor.web", "-", "-", "-", "-"),
        ("/machine.slice/machine-lxc\\x2d2114\\x2dweb.scope/libvirt", "lxc", "lxc-2114-web", "-", "-"),
        // nspawn: by hand, by its service, its supervisor; virtual machines are
        // no containers.
        ("/machine.slice/machine-web.scope", "nspawn", "web", "-", "-"),
        ("/machine.slice/machine-web\\x2d1.scope/payload/system.slice/sshd.service",
            "nspawn", "web-1", "-", "-"),
        ("/machine.slice/systemd-nspawn@web.service/payload/init.scope",
            "nspawn", "web", "-", "-"),
        ("/machine.slice/systemd-nspawn@web.service/supervisor", "-", "-", "-", "-"),
        ("/machine.slice/machine-web.scope/supervisor", "-", "-", "-", "-"),
        ("/machine.slice/machine-qemu\\x2d6\\x2dvm1.scope/libvirt/emulator", "-", "-", "-", "-"),
        ("/machine.slice/machine-qemu.scope", "nspawn", "qemu", "-", "-"),
        // One in the other: the innermost wins.
        ("/docker/A/docker/B", "docker", "B", "-", "-"),
        ("/docker/B/kubelet/kubepods/burstable/pod{u}/A", "cri", "A", "Burstable", "U"),
        ("/system.slice/docker-B.scope/kubelet.slice/kubelet-kubepods.slice/\
          kubelet-kubepods-pod{_}.slice/cri-containerd-A.scope",
            "containerd", "A", "Guaranteed", "U"),
        ("/kubepods/burstable/pod{u}/B/docker/A", "docker", "A", "Burstable", "U"),
        ("/docker/A/system.slice/crio-conmon-B.scope", "docker", "A", "-", "-"),
        ("/lxc.payload.ci/system.slice/docker-A.scope", "docker", "A", "-", "-"),
        ("/docker/A/lxc.monitor.x", "docker", "A", "-", "-"),
    ];

    fn filled(pattern: &str) -> String {
        // Ids are written last: they hold neither braces nor the letters A and
        // B.
        let path = pattern.replace('A', "{A}").replace('B', "{B}");
        let path = path
            .replace("{_}", &UID.replace('-', "_"))
            .replace("{u}", UID);
        path.replace("{s}", STATIC)
            .replace("{A}", A)
            .replace("{B}", B)
    }

    #[test]
    fn containers_and_pods_are_found_in_the_paths_of_every_runtime() {
        for &(pattern, runtime, id, qos, uid) in REAL {
            let path = filled(pattern);
            let Containers { container, pod, .. } = containers(path.as_bytes());
            let found = container.as_ref().map_or("-", |found| found.runtime.name());
            assert_eq!(found, runtime, "{path}");
            let found = container.as_ref().map_or("-", |found| &found.id);
            assert_eq!(found, filled(id), "{path}");
            let found = pod.as_ref().map_or("-", |found| found.qos.name());
            assert_eq!(found, qos, "{path}");
            let uid = if uid == "S" {
                STATIC
            } else if uid == "U" {
                UID
            } else {
                uid
            };
            assert_eq!(pod.as_ref().map_or("-", |found| &found.uid), uid, "{path}");
        }
    }

    #[test]
    fn a_near_miss_is_no_container() {
        for pattern in [
            "/docker/A0",
            "/docker/xA",
            "/docker/A.scope",
            "/docker-A.scope.d",
            "/xdocker-A.scope",
            "/docker-A",
            "/docker-a.scope",
            "/system.slice/docker-A.service",
            "/docker",
            "/Docker/A",
            "/A",
            "/foo/A",
            "/user.slice/A",
            "/libpod-conmon-A",
            "/libpod-.scope",
            "/foo.slice:runc:A",
            "/foo:docker:A",
            "/system.slice:docker:A:x",
            "/lxc/na me",
            "/lxc/größe",
            "/lxc/na\nme",
            "/lxc.payload.",
            "/system.slice/machine-web.scope",
            "/machine.slice/machine-.scope",
            "/machine.slice/machine-a\\x0ab.scope",
            "/machine.slice/machine-a\\xffb.scope",
            "/machine.slice/machine-a\\xzz.scope",
            "/ecs/A",
            "/ecs/ta sk/A",
            "/ecs/a/b/c/A",
        ] {
            let path = filled(pattern);
            assert_eq!(containers(path.as_bytes()).container, None, "{path}");
        }
        let upper = format!("/docker/{}", A.to_uppercase());
        assert_eq!(containers(upper.as_bytes()).container, None);
        let path = [b"/docker/\xff/".as_slice(), A.as_bytes()].concat();
        assert_eq!(containers(&path).container, None);
        let long = format!("/lxc/{}", "a".repeat(LONGEST_NAME + 1));
        assert_eq!(containers(long.as_bytes()).container, None);
    }

    #[test]
    fn a_near_miss_is_no_pod() {
        for pattern in [
            "/pod{u}/A",
            "/kubepods/other/pod{u}/A",
            "/burstable/pod{u}/A",
            "/kubepods/burstable/pod{_}/A",
            "/kubepods/burstable/pod{u}0/A",
            "/kubepods/burstable/pod{u}-0000/A",
            "/kubepods/burstable/pod/A",
            "/kubepods/burstable/podfoo/A",
            "/kubepods-burstable-pod{_}.slice.d/A",
            "/kubepods-burstable-pod{u}.slice/A",
            "/kubepods-guaranteed-pod{_}.slice/A",
            "/mykubepods-burstable-pod{_}.slice/A",
            "/kubepods-burstable-pod{_}.slice@x.slice/A",
        ] {
            let path = filled(pattern);
            assert_eq!(containers(path.as_bytes()), Containers::default(), "{path}");
        }
    }

    proptest! {
        #[test]
        fn only_a_name_of_the_right_shape_is_a_docker_container(name in "[0-9a-g]{63,65}") {
            let found = containers(format!("/docker/{name}").as_bytes()).container.is_some();
            prop_assert_eq!(found, name.len() == 64 && !name.contains('g'));
        }

        #[test]
        fn what_is_reported_is_bounded_and_printable(path in "(/(lxc|docker|machine\\.slice|lxc\\.payload\\.|machine-)?.{0,200}){0,4}") {
            if let Some(container) = containers(path.as_bytes()).container {
                prop_assert!(container.id.len() <= LONGEST_NAME);
                prop_assert!(container.id.bytes().all(|byte| byte.is_ascii_graphic()));
            }
        }
    }
}
