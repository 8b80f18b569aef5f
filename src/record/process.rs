//! What a record says of a process, whatever its part in a call.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    container::ContainerNames,
    context::{Machine, is_false},
    limits::{Cutter, first_args},
};
use crate::{
    clock::Timestamp,
    event::{self, Source},
    identity::{self, Names, Qos, Runtime},
    text::text,
};

/// A process.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "process")]
pub struct Process<'a> {
    /// The thread's name, at most 15 bytes. For a target that is meant as a process,
    /// the name of its main thread.
    pub comm: Cow<'a, str>,
    /// The executable's path, as the process's own mount namespace has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// The executable's file has no name any more: it was deleted or replaced, or never
    /// had one.
    #[serde(skip_serializing_if = "is_false")]
    pub exe_deleted: bool,
    /// The arguments, from the command's name on, as the process presents them. They
    /// may hold secrets; `--args` decides how much of them is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<&'a str>>,
    /// What the process has written over its arguments since, as many servers do.
    /// Read from `/proc`, at most a second before the line if the process still lived
    /// then, else earlier. Present if that could be read, and `--args` is `full`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<&'a str>,
    /// `proc` if `exe` and `args` were read from `/proc`, because the program was
    /// executed before sigtrail started, or the kernel's word of it was lost.
    #[schemars(extend("const" = Source::Proc.name()))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_source: Option<&'static str>,
    /// The controlling terminal's name, as the kernel has it: `pts3` is `/dev/pts/3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<&'a str>,
    /// Real user id.
    pub uid: u32,
    /// The name that `/etc/passwd` has for `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Effective user id.
    pub euid: u32,
    /// The name that `/etc/passwd` has for `euid`. Present if it is not `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_user: Option<&'a str>,
    /// Real group id.
    pub gid: u32,
    /// Effective group id. Present if it is not `gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egid: Option<u32>,
    /// The user id of the login, whatever the process has become since (`sudo`,
    /// `su`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// The name that `/etc/passwd` has for `loginuid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_user: Option<&'a str>,
    /// The audit session of the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// Process id of the parent.
    pub ppid: u32,
    /// The name of the parent's main thread, at most 15 bytes.
    pub parent_comm: Cow<'a, str>,
    /// When the process started: UTC, in RFC 3339, to the nanosecond. Together with
    /// `pid` it names a process for good.
    pub start_time: Timestamp,
    /// Process id in the process's own pid namespace. Present if that is not the
    /// initial one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_pid: Option<u32>,
    /// Inode number of that pid namespace. Present with `ns_pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid_ns: Option<u32>,
    /// Inode number of the process's mount namespace. Present if that is not the one
    /// of process 1: then `exe` is a path in a tree of the process's own, which may
    /// have any file under any name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mnt_ns: Option<u32>,
    /// The cgroup's path from the root of its hierarchy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<&'a str>,
    /// The unit of the system's systemd manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// The unit of a user's own systemd manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_unit: Option<&'a str>,
    /// The container's id, or its name if the runtime uses names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'a str>,
    /// The container's runtime. `cri` means Kubernetes with a runtime that the
    /// cgroup's path does not name.
    #[schemars(extend("enum" = Runtime::ALL.map(Runtime::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_runtime: Option<&'static str>,
    /// The Kubernetes pod's uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<&'a str>,
    /// The pod's quality of service class.
    #[schemars(extend("enum" = Qos::ALL.map(Qos::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_qos: Option<&'static str>,
    /// The names of its container.
    #[serde(flatten)]
    pub names: ContainerNames<'a>,
    /// Who started the process, and who started that: nearest first, 8 at most, up to
    /// the first process of its unit; process 1 is left out. Whoever forked a process
    /// counts, also if it has ended since. The first to go when a line gets long.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ancestors: Vec<Ancestor<'a>>,
}

/// A process from which another one descends.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ancestor")]
pub struct Ancestor<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// The name of its main thread when it was forked, or last executed a program.
    pub comm: Cow<'a, str>,
    /// The path of the executable that it runs, or ran last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// Its first arguments: 4 at most, and not more than 128 bytes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<&'a str>>,
}

impl<'a> Ancestor<'a> {
    fn new(ancestor: &'a identity::Ancestor, cutter: &mut Cutter) -> Self {
        let image = ancestor.image.as_deref();
        Self {
            pid: ancestor.pid,
            comm: text(ancestor.comm.bytes()),
            exe: (image.and_then(|image| image.exe.as_deref())).map(|exe| cutter.path(exe)),
            args: (image.and_then(|image| image.args.as_ref())).map(|args| first_args(args)),
        }
    }
}

/// The little that is said of a process that is neither sender nor target.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "arranged_by")]
pub struct Brief<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// The thread's name, at most 15 bytes.
    pub comm: Cow<'a, str>,
    /// The executable's path in its mount namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// Real user id.
    pub uid: u32,
    /// The name that `/etc/passwd` has for `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// When the process started: UTC, in RFC 3339, to the nanosecond.
    pub start_time: Timestamp,
}

/// What an exit's line repeats of a sender.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "culprit")]
pub struct Culprit<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// The thread's name, at most 15 bytes.
    pub comm: Cow<'a, str>,
    /// The executable's path, as the process's own mount namespace has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// Its first arguments: 4 at most, and not more than 128 bytes together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<&'a str>>,
    /// Real user id.
    pub uid: u32,
    /// The name that `/etc/passwd` has for `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// The user id of the login, whatever the process has become since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// The name that `/etc/passwd` has for `loginuid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_user: Option<&'a str>,
    /// The unit of the system's systemd manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// The container's id, or its name if the runtime uses names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'a str>,
    /// The names of its container.
    #[serde(flatten)]
    pub names: ContainerNames<'a>,
}

impl<'a> Brief<'a> {
    /// The little that is said of a process.
    pub fn new(
        process: &'a event::Process,
        names: &'a Names,
        machine: Machine<'a>,
        cutter: &mut Cutter,
    ) -> Self {
        let image = names.image.as_deref();
        let user = machine.users.user(process.uid);
        Self {
            pid: process.pid,
            comm: text(process.comm.bytes()),
            exe: (image.and_then(|image| image.exe.as_deref())).map(|exe| cutter.path(exe)),
            uid: process.uid,
            user: user.map(|user| cutter.name(user)),
            start_time: machine.clock.start_time(process.start_ns),
        }
    }
}

impl<'a> Process<'a> {
    /// What is known of a process.
    pub fn new(
        process: &'a event::Process,
        names: &'a Names,
        machine: Machine<'a>,
        cutter: &mut Cutter,
    ) -> Self {
        let image = names.image.as_deref();
        let cgroup = names.cgroup.as_deref();
        cutter.note(image.is_some_and(|image| image.truncated));
        cutter.note(cgroup.is_some_and(|cgroup| cgroup.truncated));
        let container = cgroup.and_then(|cgroup| cgroup.container.as_ref());
        let pod = cgroup.and_then(|cgroup| cgroup.pod.as_ref());
        let (uid, euid) = (process.uid, process.euid);
        let user = |uid| machine.users.user(uid);
        let in_namespace = process.ns_level > 0;
        Self {
            comm: text(process.comm.bytes()),
            exe: (image.and_then(|image| image.exe.as_deref())).map(|exe| cutter.path(exe)),
            exe_deleted: process.exe_deleted && image.is_some(),
            args: (image.and_then(|image| image.args.as_ref())).map(|args| cutter.args(args)),
            title: names.title.as_deref().map(|title| cutter.name(title)),
            exe_source: (image.map(|image| image.source))
                .filter(|&source| source != Source::Kernel)
                .map(Source::name),
            tty: names.tty.as_deref().map(|tty| cutter.name(tty)),
            uid,
            user: user(uid).map(|user| cutter.name(user)),
            euid,
            effective_user: ((euid != uid).then(|| user(euid)).flatten())
                .map(|user| cutter.name(user)),
            gid: process.gid,
            egid: (process.egid != process.gid).then_some(process.egid),
            loginuid: process.loginuid,
            login_user: (process.loginuid.and_then(user)).map(|user| cutter.name(user)),
            session: process.session,
            ppid: process.ppid,
            parent_comm: text(process.parent_comm.bytes()),
            start_time: machine.clock.start_time(process.start_ns),
            ns_pid: in_namespace.then_some(process.ns_pid),
            pid_ns: in_namespace.then_some(process.pid_ns),
            mnt_ns: Some(process.mnt_ns)
                .filter(|&ns| ns != 0 && machine.host_mnt_ns != 0 && ns != machine.host_mnt_ns),
            cgroup: cgroup.map(|cgroup| cutter.path(&cgroup.path)),
            unit: (cgroup.and_then(|cgroup| cgroup.unit.as_deref())).map(|unit| cutter.name(unit)),
            user_unit: (cgroup.and_then(|cgroup| cgroup.user_unit.as_deref()))
                .map(|unit| cutter.name(unit)),
            container: container.map(|container| cutter.name(&container.id)),
            container_runtime: container.map(|container| container.runtime.name()),
            pod_uid: pod.map(|pod| cutter.name(&pod.uid)),
            pod_qos: pod.map(|pod| pod.qos.name()),
            names: ContainerNames::new(names.container.as_deref(), cutter),
            ancestors: (cutter.ancestors(&names.ancestors[..names.near]).iter())
                .map(|ancestor| Ancestor::new(ancestor, cutter))
                .collect(),
        }
    }
}

impl<'a> Culprit<'a> {
    /// What an exit's line repeats of a process.
    pub(super) fn new(
        process: &'a event::Process,
        names: &'a Names,
        machine: Machine<'a>,
        cutter: &mut Cutter,
    ) -> Self {
        let image = names.image.as_deref();
        let cgroup = names.cgroup.as_deref();
        let user = |uid| machine.users.user(uid);
        let container = cgroup.and_then(|cgroup| cgroup.container.as_ref());
        Self {
            pid: process.pid,
            comm: text(process.comm.bytes()),
            exe: (image.and_then(|image| image.exe.as_deref())).map(|exe| cutter.path(exe)),
            args: (image.and_then(|image| image.args.as_ref())).map(|args| first_args(args)),
            uid: process.uid,
            user: user(process.uid).map(|user| cutter.name(user)),
            loginuid: process.loginuid,
            login_user: (process.loginuid.and_then(user)).map(|user| cutter.name(user)),
            unit: (cgroup.and_then(|cgroup| cgroup.unit.as_deref())).map(|unit| cutter.name(unit)),
            container: container.map(|container| cutter.name(&container.id)),
            names: ContainerNames::new(names.container.as_deref(), cutter),
        }
    }
}
