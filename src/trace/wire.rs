//! Bytes from the ring -> event. Pure and total: any input gives an event or
//! an error, never a panic.

use std::ptr;

use super::skel::types;
use crate::event::{
    Abi, Call, CallKey, CgroupPath, Comm, Disposition, Event, Fate, GroupRecipient, Image,
    ImageKey, Outcome, Pidfd, Process, Recipient, RecordNumber, Scope, SentInfo, Source, Syscall,
};

const CALL_HEAD: usize = size_of::<types::call>() - size_of::<types::recipient>();
const IMAGE_HEAD: usize = std::mem::offset_of!(types::image, data);
const CGROUP_HEAD: usize = std::mem::offset_of!(types::cgroup_record, path);

const _: () = {
    assert!(size_of::<types::process>() == 104);
    assert!(size_of::<types::recipient>() == 120);
    assert!(size_of::<types::call>() == 320);
    assert!(std::mem::offset_of!(types::call, recipient) == CALL_HEAD);
};

/// Why a record was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Fewer bytes than the record has.
    Short,
    /// A kind of record that event.h does not know.
    Kind(u32),
    /// A system call number that event.h does not know.
    Syscall(u32),
    /// An ABI that event.h does not know.
    Abi(u32),
}

/// Records of integers only, for which every bit pattern is valid.
trait Wire: Copy + Default {}
impl Wire for types::header {}
impl Wire for types::call {}
impl Wire for types::recipient_record {}
impl Wire for types::image {}
impl Wire for types::cgroup_record {}

/// Reads a record whose tail, from `needed` on, may not have been sent: what
/// is missing is zero.
fn read<T: Wire>(bytes: &[u8], needed: usize) -> Result<T, Malformed> {
    if bytes.len() < needed {
        return Err(Malformed::Short);
    }
    let mut record = T::default();
    let len = bytes.len().min(size_of::<T>());
    // SAFETY: `len` bytes are there to read and fit into `record`, which every
    // bit pattern suits; the copy asks for no alignment of `bytes`.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), (&raw mut record).cast::<u8>(), len) };
    Ok(record)
}

/// Decodes one sample. The kernel pads samples, so they may be longer than
/// the record, and it aligns them to 4 bytes only.
///
/// # Errors
/// [`Malformed`] for bytes that the BPF programs of this build cannot have sent.
pub fn decode(bytes: &[u8]) -> Result<(RecordNumber, Event), Malformed> {
    let header: types::header = read(bytes, size_of::<types::header>())?;
    let number = RecordNumber {
        cpu: header.cpu,
        seq: header.cpu_seq,
    };
    let event = match header.kind {
        types::record_kind::RECORD_CALL => Event::Call(call(bytes)?),
        types::record_kind::RECORD_WITNESS => Event::Witness(call(bytes)?),
        types::record_kind::RECORD_RECIPIENT => Event::Recipient(group_recipient(bytes)?),
        types::record_kind::RECORD_IMAGE => Event::Image(image(bytes)?),
        types::record_kind::RECORD_CANARY => Event::Canary,
        types::record_kind::RECORD_CGROUP => Event::Cgroup(cgroup(bytes)?),
        types::record_kind(unknown) => return Err(Malformed::Kind(unknown)),
    };
    Ok((number, event))
}

fn call(bytes: &[u8]) -> Result<Call, Malformed> {
    let wire: types::call = read(bytes, CALL_HEAD)?;
    let has = |flag: types::call_flag| wire.flags.0 & flag.0 != 0;
    let recipient = has(types::call_flag::CALL_HAS_RECIPIENT);
    if recipient && bytes.len() < size_of::<types::call>() {
        return Err(Malformed::Short);
    }
    let syscall = match wire.syscall {
        types::syscall_kind::SYSCALL_KILL => Syscall::Kill,
        types::syscall_kind::SYSCALL_TKILL => Syscall::Tkill,
        types::syscall_kind::SYSCALL_TGKILL => Syscall::Tgkill,
        types::syscall_kind::SYSCALL_RT_SIGQUEUEINFO => Syscall::RtSigqueueinfo,
        types::syscall_kind::SYSCALL_RT_TGSIGQUEUEINFO => Syscall::RtTgsigqueueinfo,
        types::syscall_kind::SYSCALL_PIDFD_SEND_SIGNAL => Syscall::PidfdSendSignal,
        types::syscall_kind(unknown) => return Err(Malformed::Syscall(unknown)),
    };
    let abi = match wire.abi {
        types::call_abi::ABI_NATIVE => Abi::Native,
        types::call_abi::ABI_I386 => Abi::I386,
        types::call_abi::ABI_X32 => Abi::X32,
        types::call_abi::ABI_ARM => Abi::Arm,
        types::call_abi(unknown) => return Err(Malformed::Abi(unknown)),
    };
    let pidfd = (syscall == Syscall::PidfdSendSignal).then(|| Pidfd {
        flags: wire.pidfd_flags,
        pid: (wire.pidfd_pid != 0).then_some(wire.pidfd_pid),
        scope: if has(types::call_flag::CALL_TO_GROUP) {
            Scope::ProcessGroup
        } else if has(types::call_flag::CALL_TO_THREAD) {
            Scope::Thread
        } else {
            Scope::Process
        },
    });
    let info = has(types::call_flag::CALL_HAS_INFO).then_some(SentInfo {
        code: wire.si_code,
        value: wire.si_value,
        pid: wire.si_pid,
        uid: wire.si_uid,
        real_uid: wire.ns_uid,
    });
    Ok(Call {
        time_ns: wire.header.time_ns,
        syscall,
        entry_missing: has(types::call_flag::CALL_ENTRY_MISSING),
        witness_only: has(types::call_flag::CALL_WITNESS_ONLY),
        undecided: has(types::call_flag::CALL_UNDECIDED),
        sender: process(&wire.sender),
        abi,
        arg: wire.target,
        arg_tid: wire.target_tid,
        pidfd,
        info,
        signal: wire.sig,
        ret: wire.ret,
        recipient_count: wire.recipient_count,
        recipients_lost: wire.recipients_refused,
        recipient: recipient.then(|| self::recipient(&wire.recipient)),
    })
}

fn group_recipient(bytes: &[u8]) -> Result<GroupRecipient, Malformed> {
    let wire: types::recipient_record = read(bytes, size_of::<types::recipient_record>())?;
    Ok(GroupRecipient {
        call: CallKey {
            tid: wire.tid,
            time_ns: wire.call_time_ns,
        },
        recipient: recipient(&wire.recipient),
    })
}

fn process(wire: &types::process) -> Process {
    let has = |flag: types::process_flag| wire.flags.0 & flag.0 != 0;
    let set = |id: u32| (id != u32::MAX).then_some(id);
    Process {
        pid: wire.tgid,
        tid: wire.tid,
        start_ns: wire.start_ns,
        exec_id: wire.exec_id,
        cgroup_key: wire.cgroup_key,
        uid: wire.uid,
        gid: wire.gid,
        euid: wire.euid,
        egid: wire.egid,
        loginuid: set(wire.loginuid),
        session: set(wire.session),
        ppid: wire.ppid,
        ns_pid: wire.ns_pid,
        pid_ns: wire.pid_ns,
        ns_level: wire.ns_level,
        exiting: has(types::process_flag::PROCESS_EXITING),
        zombie: has(types::process_flag::PROCESS_ZOMBIE),
        kernel_thread: has(types::process_flag::PROCESS_KERNEL_THREAD),
        comm: Comm(wire.comm),
        parent_comm: Comm(wire.parent_comm),
    }
}

fn recipient(wire: &types::recipient) -> Recipient {
    let fate = (wire.outcome != types::outcome::OUTCOME_NONE).then_some(Fate {
        outcome: match wire.outcome {
            types::outcome::OUTCOME_DELIVERED => Outcome::Delivered,
            types::outcome::OUTCOME_IGNORED => Outcome::Ignored,
            types::outcome::OUTCOME_ALREADY_PENDING => Outcome::AlreadyPending,
            types::outcome::OUTCOME_OVERFLOW => Outcome::Overflow,
            types::outcome::OUTCOME_LOST_INFO => Outcome::LostInfo,
            types::outcome(unknown) => Outcome::Unknown(unknown),
        },
        disposition: match wire.disposition {
            types::disposition::DISPOSITION_DEFAULT => Disposition::Default,
            types::disposition::DISPOSITION_IGNORE => Disposition::Ignore,
            _ => Disposition::Handler,
        },
        blocked: wire.blocked != 0,
        fatal: wire.fatal != 0,
    });
    Recipient {
        process: process(&wire.process),
        source: Source::Kernel,
        sender_ns_pid: (wire.sender_ns_pid != 0).then_some(wire.sender_ns_pid),
        fate,
    }
}

fn image(bytes: &[u8]) -> Result<Image, Malformed> {
    let wire: types::image = read(bytes, IMAGE_HEAD)?;
    let exe_len = usize::from(wire.exe_len);
    let data = bytes.get(IMAGE_HEAD..).unwrap_or_default();
    let (exe, rest) = data.split_at_checked(exe_len).ok_or(Malformed::Short)?;
    let args = (rest.get(..usize::from(wire.args_len))).ok_or(Malformed::Short)?;
    let has = |flag: types::image_flag| wire.flags.0 & flag.0 != 0;
    let tty = wire.tty.split(|&byte| byte == 0).next();
    Ok(Image {
        key: ImageKey {
            pid: wire.tgid,
            exec_id: wire.exec_id,
            start_ns: wire.start_ns,
        },
        exe: path(exe),
        exe_deleted: has(types::image_flag::IMAGE_EXE_DELETED),
        args: args.to_vec(),
        truncated: has(types::image_flag::IMAGE_EXE_TRUNCATED)
            || has(types::image_flag::IMAGE_ARGS_TRUNCATED),
        args_unreadable: has(types::image_flag::IMAGE_ARGS_UNREADABLE),
        tty: tty.unwrap_or_default().to_vec(),
    })
}

fn cgroup(bytes: &[u8]) -> Result<CgroupPath, Malformed> {
    let wire: types::cgroup_record = read(bytes, CGROUP_HEAD)?;
    let names = (bytes.get(CGROUP_HEAD..))
        .and_then(|names| names.get(..wire.path_len as usize))
        .ok_or(Malformed::Short)?;
    Ok(CgroupPath {
        key: wire.cgroup_key,
        path: path(names),
    })
}

/// Names, leaf first, each with a NUL behind it -> a path.
fn path(names: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(names.len() + 1);
    let names = names.strip_suffix(&[0]).unwrap_or(names);
    if names.is_empty() {
        return b"/".to_vec();
    }
    for name in names.rsplit(|&byte| byte == 0) {
        path.push(b'/');
        path.extend_from_slice(name);
    }
    path
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(out: &mut Vec<u8>, words: &[u32]) {
        for word in words {
            out.extend_from_slice(&word.to_ne_bytes());
        }
    }

    fn header(kind: u32) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&7_u64.to_ne_bytes());
        bytes.extend_from_slice(&8_u64.to_ne_bytes());
        words(&mut bytes, &[1, kind]);
        bytes
    }

    fn process_bytes(out: &mut Vec<u8>, base: u32) {
        out.extend_from_slice(&u64::from(base).to_ne_bytes());
        out.extend_from_slice(&u64::from(base + 1).to_ne_bytes());
        let numbers: Vec<u32> = (base + 2..base + 9).collect();
        words(out, &numbers);
        words(out, &[u32::MAX, u32::MAX]);
        words(out, &[base + 11, base + 12, base + 13, base + 14, 0b101]);
        out.extend_from_slice(b"comm\xff\0\0\0\0\0\0\0\0\0\0\0");
        out.extend_from_slice(b"parent\0\0\0\0\0\0\0\0\0\0");
    }

    fn expected_process(base: u32) -> Process {
        Process {
            start_ns: base.into(),
            cgroup_key: u64::from(base) + 1,
            pid: base + 2,
            tid: base + 3,
            exec_id: base + 4,
            uid: base + 5,
            gid: base + 6,
            euid: base + 7,
            egid: base + 8,
            loginuid: None,
            session: None,
            ppid: base + 11,
            ns_pid: base + 12,
            pid_ns: base + 13,
            ns_level: base + 14,
            exiting: true,
            zombie: false,
            kernel_thread: true,
            comm: Comm(*b"comm\xff\0\0\0\0\0\0\0\0\0\0\0"),
            parent_comm: Comm(*b"parent\0\0\0\0\0\0\0\0\0\0"),
        }
    }

    fn call_bytes(flags: u32) -> Vec<u8> {
        let mut bytes = header(1);
        words(&mut bytes, &[2, flags]);
        for word in [-14_i32, 15, 16, -3] {
            bytes.extend_from_slice(&word.to_ne_bytes());
        }
        words(&mut bytes, &[3, 2, 1, 2, 17, u32::MAX]);
        bytes.extend_from_slice(&18_u64.to_ne_bytes());
        words(&mut bytes, &[19, 20, 21, 0]);
        process_bytes(&mut bytes, 100);
        bytes
    }

    fn recipient_bytes(out: &mut Vec<u8>) {
        process_bytes(out, 200);
        words(out, &[42, 2, 1]);
        out.extend_from_slice(&[1, 0, 0, 0]);
    }

    const fn expected_fate() -> Fate {
        Fate {
            outcome: Outcome::AlreadyPending,
            disposition: Disposition::Ignore,
            blocked: true,
            fatal: false,
        }
    }

    const NUMBER: RecordNumber = RecordNumber { cpu: 1, seq: 8 };

    fn expected_call() -> Call {
        Call {
            time_ns: 7,
            syscall: Syscall::Tgkill,
            entry_missing: true,
            witness_only: false,
            undecided: true,
            sender: expected_process(100),
            abi: Abi::I386,
            arg: -14,
            arg_tid: 15,
            pidfd: None,
            info: None,
            signal: 16,
            ret: -3,
            recipient_count: 3,
            recipients_lost: 2,
            recipient: None,
        }
    }

    #[test]
    fn every_field_of_a_call_comes_from_its_place() {
        let event = Event::Call(expected_call());
        assert_eq!(decode(&call_bytes(0b101)), Ok((NUMBER, event)));
    }

    #[test]
    fn a_siginfo_and_a_pidfd_are_there_if_they_were_given() {
        for (flags, scope) in [
            (0b1101, Scope::Process),
            (0b1_1101, Scope::Thread),
            (0b10_1101, Scope::ProcessGroup),
        ] {
            let mut bytes = call_bytes(flags);
            bytes[24] = 5;
            let event = Event::Call(Call {
                syscall: Syscall::PidfdSendSignal,
                pidfd: Some(Pidfd {
                    flags: 2,
                    pid: Some(17),
                    scope,
                }),
                info: Some(SentInfo {
                    code: -1,
                    value: 18,
                    pid: 19,
                    uid: 20,
                    real_uid: 21,
                }),
                ..expected_call()
            });
            assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        }
    }

    #[test]
    fn a_witness_tells_of_a_call_that_may_follow_or_not() {
        let call = Call {
            witness_only: true,
            ..expected_call()
        };
        let mut bytes = call_bytes(0b100_0101);
        assert_eq!(decode(&bytes), Ok((NUMBER, Event::Call(call))));
        bytes[20] = 6;
        assert_eq!(decode(&bytes), Ok((NUMBER, Event::Witness(call))));
    }

    #[test]
    fn a_recipient_rides_in_its_call() {
        let mut bytes = call_bytes(0b111);
        recipient_bytes(&mut bytes);
        let event = Event::Call(Call {
            recipient: Some(Recipient {
                process: expected_process(200),
                source: Source::Kernel,
                sender_ns_pid: Some(42),
                fate: Some(expected_fate()),
            }),
            ..expected_call()
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        bytes.pop();
        assert_eq!(decode(&bytes), Err(Malformed::Short));
    }

    #[test]
    fn a_recipient_of_a_group_names_its_call() {
        let mut bytes = header(2);
        bytes.extend_from_slice(&9_u64.to_ne_bytes());
        words(&mut bytes, &[10, 0]);
        recipient_bytes(&mut bytes);
        let event = Event::Recipient(GroupRecipient {
            call: CallKey {
                tid: 10,
                time_ns: 9,
            },
            recipient: Recipient {
                process: expected_process(200),
                source: Source::Kernel,
                sender_ns_pid: Some(42),
                fate: Some(expected_fate()),
            },
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
    }

    #[test]
    fn an_image_has_its_path_from_the_root_and_its_arguments() {
        let mut bytes = header(3);
        bytes.extend_from_slice(&5_u64.to_ne_bytes());
        words(&mut bytes, &[6, 7, 0b0101]);
        bytes.extend_from_slice(&13_u16.to_ne_bytes());
        bytes.extend_from_slice(&7_u16.to_ne_bytes());
        bytes.extend_from_slice(b"pts3\0junk\0\0\0\0\0\0\0");
        bytes.extend_from_slice(b"kill\0bin\0usr\0kill\0-9\0");
        let event = Event::Image(Image {
            key: ImageKey {
                pid: 6,
                exec_id: 7,
                start_ns: 5,
            },
            exe: b"/usr/bin/kill".to_vec(),
            exe_deleted: true,
            args: b"kill\0-9".to_vec(),
            truncated: true,
            args_unreadable: false,
            tty: b"pts3".to_vec(),
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        bytes.truncate(bytes.len() - 2);
        assert_eq!(decode(&bytes), Err(Malformed::Short));
    }

    #[test]
    fn a_cgroup_has_its_path_from_the_root() {
        for (names, path) in [(&b"b\0a\0"[..], &b"/a/b"[..]), (b"", b"/")] {
            let mut bytes = header(4);
            bytes.extend_from_slice(&5_u64.to_ne_bytes());
            words(&mut bytes, &[0, names.len() as u32]);
            bytes.extend_from_slice(names);
            let event = Event::Cgroup(CgroupPath {
                key: 5,
                path: path.to_vec(),
            });
            assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        }
    }

    #[test]
    fn a_sample_may_be_longer_and_unaligned() {
        let mut bytes = vec![0];
        bytes.extend(call_bytes(0b101));
        bytes.extend([0xaa; 4]);
        let event = Event::Call(expected_call());
        assert_eq!(decode(&bytes[1..]), Ok((NUMBER, event)));
    }

    #[test]
    fn what_the_probes_cannot_have_sent_is_refused() {
        assert_eq!(decode(&call_bytes(0)[..199]), Err(Malformed::Short));
        assert_eq!(decode(&[]), Err(Malformed::Short));
        assert_eq!(decode(&header(9)), Err(Malformed::Kind(9)));
        let mut bytes = call_bytes(0);
        bytes[24] = 9;
        assert_eq!(decode(&bytes), Err(Malformed::Syscall(9)));
        let mut bytes = call_bytes(0);
        bytes[56] = 9;
        assert_eq!(decode(&bytes), Err(Malformed::Abi(9)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0_u32..8, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut sample = header(kind);
            sample.extend(bytes);
            let _ = decode(&sample);
        }
    }
}
