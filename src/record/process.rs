//! The two sides of a call, and what they are to each other.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::Serialize;

use super::{Told, is_false};
use crate::{
    clock::Timestamp,
    event::{Disposition, Outcome, Process, Recipient, Scope, Source},
    identity::{Names, Qos, Runtime},
    text::text,
};

/// Most bytes of text in fields that a process or a user can make long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// All arguments of a process together.
    args: usize,
    /// A path: of an executable, of a cgroup.
    path: usize,
    /// Any other name.
    name: usize,
}

impl Limits {
    /// From what nearly every line fits into down to what every line does:
    /// JSON may need six bytes for one.
    pub const STEPS: [Self; 4] = [
        Self {
            args: 1024,
            path: 1024,
            name: 256,
        },
        Self {
            args: 512,
            path: 400,
            name: 128,
        },
        Self {
            args: 128,
            path: 160,
            name: 64,
        },
        Self {
            args: 0,
            path: 40,
            name: 32,
        },
    ];
}

/// Cuts a text where it still decodes by the rule of [`crate::text`].
fn cut(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    // Not inside of `\xNN`.
    if let Some(start) = text[..end].rfind('\\')
        && end - start < 4
        && text[start..].starts_with("\\x")
    {
        end = start;
    }
    &text[..end]
}

/// Cuts a path at its start, likewise: the end tells more, and of a path that
/// is too long for the kernel side the end is what there is.
fn cut_start(path: &str, limit: usize) -> &str {
    let mut start = path.len().saturating_sub(limit);
    while !path.is_char_boundary(start) {
        start += 1;
    }
    for before in 1..4 {
        let escape = (start.checked_sub(before)).and_then(|at| path.get(at..));
        if escape.is_some_and(|escape| escape.starts_with("\\x")) {
            start += 4 - before;
            break;
        }
    }
    path.get(start..).unwrap_or_default()
}

/// Who a process is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "process")]
pub struct Party<'a> {
    /// The thread's name, at most 15 bytes. Of a target that is meant as a process,
    /// the name of its main thread.
    pub comm: Cow<'a, str>,
    /// The executable's path in its mount namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe: Option<&'a str>,
    /// The executable's file was deleted.
    #[serde(skip_serializing_if = "is_false")]
    pub exe_deleted: bool,
    /// Its arguments from the command's name on, as the process presents them. They
    /// may hold secrets: `--args` says how much is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub args: Option<Vec<&'a str>>,
    /// `proc` if `exe` and `args` were read from `/proc` some time after the call,
    /// and not by the kernel in it.
    #[schemars(extend("const" = Source::Proc.name()))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exe_source: Option<&'static str>,
    /// The controlling terminal's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<&'a str>,
    /// Real user id.
    pub uid: u32,
    /// The name that `/etc/passwd` has for `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<&'a str>,
    /// Effective user id.
    pub euid: u32,
    /// The name that `/etc/passwd` has for `euid`. There if it is not `uid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effective_user: Option<&'a str>,
    /// Real group id.
    pub gid: u32,
    /// Effective group id. There if it is not `gid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub egid: Option<u32>,
    /// The user id that logged in, whoever it became since (`sudo`, `su`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loginuid: Option<u32>,
    /// The name that `/etc/passwd` has for `loginuid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_user: Option<&'a str>,
    /// The number of that login's audit session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<u32>,
    /// Process id of the parent.
    pub ppid: u32,
    /// The name of the parent's main thread, at most 15 bytes.
    pub parent_comm: Cow<'a, str>,
    /// When the process started: UTC, in RFC 3339, to the nanosecond. With `pid` it
    /// names a process for good.
    pub start_time: Timestamp,
    /// Process id in its own pid namespace. There if that is not the initial one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ns_pid: Option<u32>,
    /// Inode number of that pid namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid_ns: Option<u32>,
    /// The cgroup's path from the root of its hierarchy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cgroup: Option<&'a str>,
    /// The unit of the system's systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<&'a str>,
    /// The unit of a user's own systemd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_unit: Option<&'a str>,
    /// The container's id, or its name where the runtime gives names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<&'a str>,
    /// What runs the container. `cri`: Kubernetes, by a runtime that the cgroup's
    /// path does not name.
    #[schemars(extend("enum" = Runtime::ALL.map(Runtime::as_str)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_runtime: Option<&'static str>,
    /// The Kubernetes pod's uid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_uid: Option<&'a str>,
    /// The pod's quality of service class.
    #[schemars(extend("enum" = Qos::ALL.map(Qos::as_str)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_qos: Option<&'static str>,
}

impl<'a> Party<'a> {
    /// What is known of a process, and whether some of it was cut.
    pub fn new(
        process: &'a Process,
        names: &'a Names,
        told: Told<'a>,
        limits: Limits,
    ) -> (Self, bool) {
        let image = names.image.as_deref();
        let cgroup = names.cgroup.as_deref();
        let mut was_cut = image.is_some_and(|image| image.truncated)
            || cgroup.is_some_and(|cgroup| cgroup.truncated);
        let paths = [
            image.and_then(|image| image.exe.as_deref()),
            cgroup.map(|cgroup| &*cgroup.path),
        ];
        was_cut |= (paths.iter().flatten()).any(|path| path.len() > limits.path);
        let [exe, cgroup_path] = paths.map(|path| path.map(|path| cut_start(path, limits.path)));
        let mut short = |text: &'a str, limit: usize| {
            let short = cut(text, limit);
            was_cut |= short.len() < text.len();
            short
        };
        let mut args = None;
        if let Some(all) = image.and_then(|image| image.args.as_ref()) {
            let mut left = limits.args;
            let mut kept = Vec::with_capacity(all.len());
            for arg in all {
                let arg = short(arg, left);
                if arg.is_empty() && left == 0 {
                    break;
                }
                // What its quotes and comma take counts as well.
                left = left.saturating_sub(arg.len() + 3);
                kept.push(arg);
            }
            args = Some((kept, all.len()));
        }
        let user = |uid| told.users.user(uid);
        let apart = process.ns_level > 0;
        let party = Self {
            comm: text(process.comm.bytes()),
            exe,
            exe_deleted: image.is_some_and(|image| image.exe_deleted),
            exe_source: (image.map(|image| image.source))
                .filter(|&source| source != Source::Kernel)
                .map(Source::name),
            tty: image
                .and_then(|image| image.tty.as_deref())
                .map(|tty| short(tty, limits.name)),
            uid: process.uid,
            user: user(process.uid).map(|user| short(user, limits.name)),
            euid: process.euid,
            effective_user: (process.euid != process.uid)
                .then(|| user(process.euid))
                .flatten()
                .map(|user| short(user, limits.name)),
            gid: process.gid,
            egid: (process.egid != process.gid).then_some(process.egid),
            loginuid: process.loginuid,
            login_user: (process.loginuid.and_then(user)).map(|user| short(user, limits.name)),
            session: process.session,
            ppid: process.ppid,
            parent_comm: text(process.parent_comm.bytes()),
            start_time: told.clock.start_time(process.start_ns),
            ns_pid: apart.then_some(process.ns_pid),
            pid_ns: apart.then_some(process.pid_ns),
            cgroup: cgroup_path,
            unit: cgroup
                .and_then(|cgroup| cgroup.unit.as_deref())
                .map(|unit| short(unit, limits.name)),
            user_unit: cgroup
                .and_then(|cgroup| cgroup.user_unit.as_deref())
                .map(|unit| short(unit, limits.name)),
            container: cgroup
                .and_then(|cgroup| cgroup.container.as_ref())
                .map(|(id, _)| short(id, limits.name)),
            container_runtime: cgroup
                .and_then(|cgroup| cgroup.container.as_ref())
                .map(|(_, runtime)| runtime.as_str()),
            pod_uid: cgroup
                .and_then(|cgroup| cgroup.pod.as_ref())
                .map(|(uid, _)| short(uid, limits.name)),
            pod_qos: cgroup
                .and_then(|cgroup| cgroup.pod.as_ref())
                .map(|(_, qos)| qos.as_str()),
            args: None,
        };
        let dropped = args.as_ref().is_some_and(|(kept, all)| kept.len() < *all);
        let args = args.map(|(kept, _)| kept);
        (Self { args, ..party }, was_cut || dropped)
    }
}

/// The caller.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "sender")]
pub struct Sender<'a> {
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// Thread id, in the initial pid namespace.
    pub tid: u32,
    /// Who it is.
    #[serde(flatten)]
    pub party: Party<'a>,
}

impl<'a> Sender<'a> {
    /// The caller, and whether some text was cut.
    pub fn new(told: Told<'a>, limits: Limits) -> (Self, bool) {
        let process = &told.call.sender;
        let (party, cut) = Party::new(process, told.sender, told, limits);
        let sender = Self {
            pid: process.pid,
            tid: process.tid,
            party,
        };
        (sender, cut)
    }
}

/// What was asked for, and who that is.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "target")]
pub struct Target<'a> {
    /// Which kind of target the arguments mean.
    #[schemars(extend("enum" = Scope::ALL.map(Scope::name)))]
    pub scope: &'static str,
    /// The call's first argument, as given: in the sender's pid namespace, or a pidfd.
    pub arg: i32,
    /// The first argument of `tgkill` and `rt_tgsigqueueinfo`, as given: the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tgid: Option<i32>,
    /// The second argument of `tgkill` and `rt_tgsigqueueinfo`, as given: the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arg_tid: Option<i32>,
    /// The fourth argument of `pidfd_send_signal`, as given. There if it is not 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flags: Option<u32>,
    /// The process that it means, if it means one that is known.
    #[serde(flatten)]
    pub reached: Option<Reached<'a>>,
}

/// A process that a signal was for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "recipient")]
pub struct Reached<'a> {
    /// Who told what is known of the process: `kernel`, in the call, or `proc`, from
    /// `/proc` some time later.
    #[schemars(extend("enum" = Source::ALL.map(Source::name)))]
    pub source: &'static str,
    /// Process id, in the initial pid namespace.
    pub pid: u32,
    /// Thread id, in the initial pid namespace. There if a thread was meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tid: Option<u32>,
    /// Who it is.
    #[serde(flatten)]
    pub party: Party<'a>,
    /// What the kernel did with the signal: `delivered` (queued), `ignored` (dropped:
    /// the process ignores it, or is dead), `already_pending` (merged with one that
    /// waits), `overflow` (refused: too many wait), `lost_info` (queued without its
    /// details) or `unknown`. Left out if the kernel was not asked: the call
    /// failed, or sent signal 0.
    #[schemars(extend("enum" = Outcome::ALL.map(Outcome::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// What the process does with the signal. There if `outcome` is.
    #[schemars(extend("enum" = Disposition::ALL.map(Disposition::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disposition: Option<&'static str>,
    /// The process had blocked the signal.
    #[serde(skip_serializing_if = "is_false")]
    pub blocked: bool,
    /// Whether the signal ends the process. There if `outcome` is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fatal: Option<bool>,
    /// The process was on its way out already.
    #[serde(skip_serializing_if = "is_false")]
    pub exiting: bool,
    /// The process was dead already, and waited for its parent.
    #[serde(skip_serializing_if = "is_false")]
    pub zombie: bool,
    /// The process is a thread of the kernel.
    #[serde(skip_serializing_if = "is_false")]
    pub kernel_thread: bool,
}

impl<'a> Reached<'a> {
    /// A process that a signal was for.
    pub fn new(recipient: &Recipient, party: Party<'a>, scope: Scope) -> Self {
        let process = &recipient.process;
        Self {
            source: recipient.source.name(),
            pid: process.pid,
            tid: (scope == Scope::Thread).then_some(process.tid),
            party,
            outcome: recipient.fate.map(|fate| fate.outcome.name()),
            disposition: recipient.fate.map(|fate| fate.disposition.name()),
            blocked: recipient.fate.is_some_and(|fate| fate.blocked),
            fatal: recipient.fate.map(|fate| fate.fatal),
            exiting: process.exiting,
            zombie: process.zombie,
            kernel_thread: process.kernel_thread,
        }
    }
}

impl<'a> Target<'a> {
    /// What was asked for, and whether some text was cut.
    pub fn new(told: Told<'a>, limits: Limits) -> (Self, bool) {
        let call = told.call;
        let mut was_cut = false;
        let reached = told.target.map(|(recipient, names)| {
            let (party, cut) = Party::new(&recipient.process, names, told, limits);
            was_cut = cut;
            Reached::new(recipient, party, call.scope())
        });
        let target = Self {
            scope: call.scope().name(),
            arg: call.arg,
            tgid: call.tgid(),
            arg_tid: call.second_arg(),
            flags: call.flags(),
            reached,
        };
        (target, was_cut)
    }
}

/// What sender and target are to each other.
#[derive(Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "relation")]
pub struct Relation {
    /// They are one process.
    #[serde(skip_serializing_if = "is_false")]
    pub same_process: bool,
    /// They have the same real user id.
    #[serde(skip_serializing_if = "is_false")]
    pub same_user: bool,
    /// They run in the same systemd system unit.
    #[serde(skip_serializing_if = "is_false")]
    pub same_unit: bool,
    /// They run in the same container.
    #[serde(skip_serializing_if = "is_false")]
    pub same_container: bool,
    /// The target is the sender's child.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_child: bool,
    /// The target is the sender's parent.
    #[serde(skip_serializing_if = "is_false")]
    pub target_is_parent: bool,
    /// The target is this sigtrail.
    #[serde(skip_serializing_if = "is_false")]
    pub to_sigtrail: bool,
}

impl Relation {
    pub(super) fn new(told: Told<'_>, target: &Process, names: &Names) -> Self {
        let sender = &told.call.sender;
        let both = (told.sender.cgroup.as_deref(), names.cgroup.as_deref());
        let (same_unit, same_container) = match both {
            (Some(one), Some(other)) => (
                one.unit.is_some() && one.unit == other.unit,
                one.container.is_some() && one.container == other.container,
            ),
            _ => (false, false),
        };
        Self {
            same_process: sender.pid == target.pid,
            same_user: sender.uid == target.uid,
            same_unit,
            same_container,
            target_is_child: target.ppid == sender.pid,
            target_is_parent: sender.ppid == target.pid,
            to_sigtrail: target.pid == told.own_pid,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{decode, push_text};

    #[test]
    fn a_cut_text_has_no_half_escapes() {
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 2), "ab");
        assert_eq!(cut(r"a\xff", 4), "a");
        assert_eq!(cut(r"a\xffb", 5), r"a\xff");
        assert_eq!(cut("aé", 2), "a");
        assert_eq!(cut(r"a\b", 2), r"a\");
        assert_eq!(cut_start("abc", 3), "abc");
        assert_eq!(cut_start("abc", 2), "bc");
        assert_eq!(cut_start(r"a\xffb", 4), "b");
        assert_eq!(cut_start(r"a\xffb", 5), r"\xffb");
        assert_eq!(cut_start("éa", 2), "a");
    }

    proptest! {
        #[test]
        fn a_cut_text_decodes_to_one_end_of_the_bytes(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\\'), Just(b'x'), any::<u8>()], 0..40),
            limit in 0_usize..60,
        ) {
            let mut text = String::new();
            push_text(&mut text, &bytes);
            prop_assert!(bytes.starts_with(&decode(cut(&text, limit))));
            prop_assert!(bytes.ends_with(&decode(cut_start(&text, limit))));
        }
    }
}
