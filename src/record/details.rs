//! What only signals have that no call sent.

use schemars::JsonSchema;
use serde::Serialize;

use super::{context::Context, limits::Cutter};
use crate::{
    event::{self, Generated, OomFigures, Role, Signal},
    names::limit_name,
    text::text,
};

/// What is known of why the kernel sent a signal.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "details")]
pub struct Details<'a> {
    /// How the process in `sender` is behind a signal that no call sent. `self`: it is
    /// the target. `trigger`: its act or its end set the signal off, perhaps without
    /// its knowledge. `caller`: it asked for the signal by an ioctl or `vhangup`.
    /// `writer`: it wrote to the file that asks for the signal (`cgroup.kill`).
    /// `tracer`: it traces the target. `arranger`: it arranged beforehand for the
    /// signal to be sent. Present if `sender` is and `origin` is not `call`.
    #[schemars(extend("enum" = Role::ALL.map(Role::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_role: Option<&'static str>,
    /// Where the address lies that a fault was about: in the first 64 KiB (`near_null`),
    /// elsewhere in the part of a process (`user`), in the kernel's part
    /// (`kernel`), or in neither (`non_canonical`). Present if `origin` is `fault`, for
    /// a SIGSEGV or SIGBUS with an address.
    #[schemars(extend("enum" = AddressClass::ALL.map(AddressClass::name)))]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault_address: Option<&'static str>,
    /// The terminal that the signal came from, as the kernel names it: `pts3` is
    /// `/dev/pts/3`. Present if `origin` is `tty`, `hangup` or `orphaned_group`, and
    /// the target or its session still had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tty: Option<Box<str>>,
    /// The real user id of the process that opened the other end of that
    /// pseudoterminal (an SSH server does so as root). Whoever holds that end can type
    /// ^C. Present if `tty` is, it is a pseudoterminal, and its other end is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty_uid: Option<u32>,
    /// The name that `/etc/passwd` has for `tty_uid`, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty_user: Option<&'a str>,
    /// The limit that the target reached. Present if `origin` is `rlimit` and it is
    /// certain which limit it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// The victim's memory when the OOM killer chose it. Present if `origin` is
    /// `oom`, from Linux 6.8 on, for the process that was chosen; those that share its
    /// memory and are ended with it have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom: Option<Oom>,
}

/// A resource limit of a process.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "limit")]
pub struct Limit {
    /// The limit's name, as in getrlimit(2): `RLIMIT_CPU`, `RLIMIT_FSIZE` or
    /// `RLIMIT_RTTIME`.
    pub name: &'static str,
    /// The soft limit: seconds for `RLIMIT_CPU`, bytes for `RLIMIT_FSIZE`,
    /// microseconds for `RLIMIT_RTTIME`; 2^53 stands for more. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub soft: Option<u64>,
    /// The hard limit, in the same unit. Absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard: Option<u64>,
}

/// The memory of a victim, as the kernel's log has it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "oom")]
pub struct Oom {
    /// All of its address space, in KiB.
    pub total_vm_kib: u64,
    /// Anonymous memory in use, in KiB.
    pub anon_rss_kib: u64,
    /// Memory of files in use, in KiB.
    pub file_rss_kib: u64,
    /// Shared memory in use, in KiB.
    pub shmem_rss_kib: u64,
    /// Its page tables, in KiB.
    pub pgtables_kib: u64,
    /// How much the OOM killer was told to spare (below 0) or to prefer it (above 0),
    /// as in `/proc/PID/oom_score_adj`: -1000 to 1000.
    pub oom_score_adj: i32,
}

/// Where an address lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressClass {
    Null,
    User,
    Kernel,
    NonCanonical,
}

impl AddressClass {
    const ALL: [Self; 4] = [Self::Null, Self::User, Self::Kernel, Self::NonCanonical];

    const fn name(self) -> &'static str {
        match self {
            Self::Null => "near_null",
            Self::User => "user",
            Self::Kernel => "kernel",
            Self::NonCanonical => "non_canonical",
        }
    }

    /// Five levels of page tables reach 56 bits, more than any process has today.
    const fn of(address: u64) -> Self {
        match address {
            0..=0xffff => Self::Null,
            0x1_0000..=0x00ff_ffff_ffff_ffff => Self::User,
            0xff00_0000_0000_0000.. => Self::Kernel,
            _ => Self::NonCanonical,
        }
    }
}

impl From<OomFigures> for Oom {
    fn from(figures: OomFigures) -> Self {
        Self {
            total_vm_kib: figures.total_vm,
            anon_rss_kib: figures.anon_rss,
            file_rss_kib: figures.file_rss,
            shmem_rss_kib: figures.shmem_rss,
            pgtables_kib: figures.pgtables,
            oom_score_adj: figures.oom_score_adj,
        }
    }
}

impl Limit {
    fn new(limit: event::Limit) -> Option<Self> {
        Some(Self {
            name: limit_name(limit.number)?,
            soft: limit.soft.map(shown),
            hard: limit.hard.map(shown),
        })
    }
}

/// Numbers above 2^53 lose digits in many readers. No limit means so much.
fn shown(limit: u64) -> u64 {
    limit.min(1 << 53)
}

impl<'a> Details<'a> {
    /// Why a signal was sent, as far as it is known.
    pub fn new(context: Context<'a>) -> Self {
        match context.signal {
            Signal::Call(_) => Self::default(),
            Signal::Generated(signal) => Self::of(signal, context),
        }
    }

    fn of(signal: &Generated, context: Context<'a>) -> Self {
        let user = signal
            .tty_uid
            .and_then(|uid| context.machine.users.user(uid));
        Self {
            sender_role: signal.sender.map(|(role, _)| role.name()),
            fault_address: signal
                .address
                .map(|address| AddressClass::of(address).name()),
            tty: (!signal.tty.bytes().is_empty()).then(|| text(signal.tty.bytes()).into()),
            tty_uid: signal.tty_uid,
            tty_user: user.map(|user| Cutter::shortest().name(user)),
            limit: signal.limit.and_then(Limit::new),
            oom: signal.oom.map(Oom::from),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_has_a_class() {
        for (address, class) in [
            (0, AddressClass::Null),
            (0xffff, AddressClass::Null),
            (0x1_0000, AddressClass::User),
            (0x7fff_ffff_f000, AddressClass::User),
            (0x0100_0000_0000_0000, AddressClass::NonCanonical),
            (0xffff_8000_0000_0000, AddressClass::Kernel),
            (u64::MAX, AddressClass::Kernel),
        ] {
            assert_eq!(AddressClass::of(address), class, "{address:#x}");
        }
    }
}
