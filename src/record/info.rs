//! What the siginfo holds that came with a signal.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::context::is_false;
use crate::{
    event::{Call, Generated, Origin, Signal},
    names::{code_name, kernel_code_name},
};

const SIGCHLD: i32 = 17;
const SIGIO: i32 = 29;

/// What the siginfo holds that came with a signal.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "info")]
pub struct Info {
    /// `si_code` of the siginfo: why the signal was sent. Present for
    /// `rt_sigqueueinfo`, `rt_tgsigqueueinfo`, and `pidfd_send_signal` with a siginfo,
    /// where it is what the sender claims; and if `origin` is not `call` and the
    /// kernel filled in a siginfo.
    pub si_code: i32,
    /// The name of `si_code` (`SI_QUEUE`, `SEGV_MAPERR`), if it has one. It depends on
    /// the signal where `origin` is not `call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_code_name: Option<&'static str>,
    /// `sival_int` of the siginfo's value. Present with `si_pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_value: Option<i32>,
    /// `sival_ptr` of the siginfo's value, in hexadecimal. Present if `si_value`
    /// does not hold all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", regex(pattern = "^0x[0-9a-f]+$"))]
    pub si_ptr: Option<Address>,
    /// The sender's process id as the siginfo claims it, in the sender's pid
    /// namespace if it is honest. Present if `si_code` is one that comes with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_pid: Option<i32>,
    /// The sender's real user id as the siginfo claims it. Present with `si_pid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub si_uid: Option<u32>,
    /// The siginfo's claim is false: `si_pid` or `si_uid` is not the sender's, or
    /// `si_code` means that no process sent the signal.
    #[serde(skip_serializing_if = "is_false")]
    pub spoofed: bool,
}

/// An address, in hexadecimal.
#[derive(Debug, Clone, Copy)]
pub struct Address(u64);

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#x}", self.0))
    }
}

impl Info {
    /// What the siginfo of a signal holds.
    pub fn new(signal: &Signal) -> Option<Self> {
        match signal {
            Signal::Call(call) => Self::sent(call),
            Signal::Generated(signal) => signal.code.map(|code| Self {
                si_code: code,
                si_code_name: kernel_code_name(Self::signal_of(signal), code),
                si_value: None,
                si_ptr: None,
                si_pid: None,
                si_uid: None,
                spoofed: false,
            }),
        }
    }

    /// The signal that the kernel means such a code for. A child may end with another
    /// signal than SIGCHLD, and files may report with another than SIGIO.
    const fn signal_of(signal: &Generated) -> i32 {
        match signal.origin {
            Origin::Child => SIGCHLD,
            Origin::AsyncIo => SIGIO,
            _ => signal.signal,
        }
    }

    fn sent(call: &Call) -> Option<Self> {
        let info = call.info?;
        let named = info.names_sender();
        let int = info.value as i32;
        let is_int =
            [i64::from(int), i64::from(int.cast_unsigned())].contains(&info.value.cast_signed());
        Some(Self {
            si_code: info.code,
            si_code_name: code_name(info.code),
            si_value: named.then_some(int),
            si_ptr: (named && !is_int).then_some(Address(info.value)),
            si_pid: named.then_some(info.pid),
            si_uid: named.then_some(info.uid),
            spoofed: call.is_spoofed(),
        })
    }
}
