//! Bytes from the ring -> event. Pure and total: any input gives an event or
//! an error, never a panic.

use std::ptr;

use super::skel::types;
use crate::event::{Call, Process, Syscall};

const _: () = assert!(size_of::<types::call>() == 80);

/// Why a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the record has.
    Short,
    /// A system call number that event.h does not know.
    Syscall(u32),
}

/// Decodes one sample. The kernel pads samples, so they may be longer than
/// the record, and it aligns them to 4 bytes only.
///
/// # Errors
/// [`Malformed`] for bytes that the BPF program of this build cannot have sent.
pub fn decode(bytes: &[u8]) -> Result<Call, Malformed> {
    if bytes.len() < size_of::<types::call>() {
        return Err(Malformed::Short);
    }
    // SAFETY: the length was checked, every bit pattern is a valid `call` (it
    // has integers only), and an unaligned read asks for no alignment.
    let wire = unsafe { ptr::read_unaligned(bytes.as_ptr().cast::<types::call>()) };
    let syscall = match wire.syscall {
        types::syscall_kind::SYSCALL_KILL => Syscall::Kill,
        types::syscall_kind::SYSCALL_TKILL => Syscall::Tkill,
        types::syscall_kind::SYSCALL_TGKILL => Syscall::Tgkill,
        types::syscall_kind(unknown) => return Err(Malformed::Syscall(unknown)),
    };
    Ok(Call {
        time_ns: wire.time_ns,
        cpu: wire.cpu,
        cpu_seq: wire.cpu_seq,
        syscall,
        entry_missing: wire.flags.0 & types::call_flag::CALL_ENTRY_MISSING.0 != 0,
        sender: Process {
            pid: wire.tgid,
            tid: wire.tid,
            uid: wire.uid,
            gid: wire.gid,
            comm: wire.comm,
        },
        arg: wire.target,
        arg_tid: wire.target_tid,
        signal: wire.sig,
        ret: wire.ret,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sample() -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&7_u64.to_ne_bytes());
        bytes.extend_from_slice(&8_u64.to_ne_bytes());
        for word in [1_u32, 2, 1, 10, 11, 12, 13] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        for word in [-14_i32, 15, 16, -3, 0] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        bytes.extend_from_slice(b"comm\xff\0\0\0\0\0\0\0\0\0\0\0");
        bytes
    }

    fn expected() -> Call {
        Call {
            time_ns: 7,
            cpu_seq: 8,
            cpu: 1,
            syscall: Syscall::Tgkill,
            entry_missing: true,
            sender: Process {
                pid: 10,
                tid: 11,
                uid: 12,
                gid: 13,
                comm: *b"comm\xff\0\0\0\0\0\0\0\0\0\0\0",
            },
            arg: -14,
            arg_tid: 15,
            signal: 16,
            ret: -3,
        }
    }

    #[test]
    fn every_field_comes_from_its_place() {
        assert_eq!(decode(&sample()), Ok(expected()));
    }

    #[test]
    fn a_sample_may_be_longer_and_unaligned() {
        let mut bytes = vec![0];
        bytes.extend(sample());
        bytes.extend([0xaa; 4]);
        assert_eq!(decode(&bytes[1..]), Ok(expected()));
    }

    #[test]
    fn a_short_sample_is_refused() {
        assert_eq!(decode(&sample()[..79]), Err(Malformed::Short));
        assert_eq!(decode(&[]), Err(Malformed::Short));
    }

    #[test]
    fn an_unknown_syscall_is_refused() {
        let mut bytes = sample();
        bytes[20] = 9;
        assert_eq!(decode(&bytes), Err(Malformed::Syscall(9)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }
    }
}
