//! Turns a record into an event.

use super::{
    super::skel::types,
    bytes::{Malformed, path, read},
    layout::{CALL_HEAD, CGROUP_HEAD, GENERATED_HEAD},
    lifecycle, numbers,
    process::process,
};
use crate::event::{
    Arranger, Call, CallKey, CgroupPath, Comm, Event, Fate, Generated, GroupRecipient, Limit,
    OomFigures, OomVictim, Origin, Pidfd, Recipient, RecordNumber, Scope, SentInfo, Source,
    Syscall,
};

/// Decodes one record. `bytes` may be longer than the record, and need not be
/// aligned.
///
/// # Errors
/// [`Malformed`] for bytes that the BPF programs of this build cannot have
/// sent.
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
        types::record_kind::RECORD_SIGNAL => Event::Generated(generated(bytes)?),
        types::record_kind::RECORD_ARRANGER => Event::Arranger(arranger(bytes)?),
        types::record_kind::RECORD_OOM => Event::Oom(oom(bytes)?),
        types::record_kind::RECORD_EXEC => Event::Exec(lifecycle::exec(bytes)?),
        types::record_kind::RECORD_FORK => Event::Fork(lifecycle::fork(bytes)?),
        types::record_kind::RECORD_END => Event::End(lifecycle::end(bytes)?),
        types::record_kind::RECORD_ENDS => Event::Ends(lifecycle::ends(bytes)?),
        types::record_kind::RECORD_EXIT | types::record_kind::RECORD_EXIT_PERHAPS => {
            Event::Exit(lifecycle::exit(bytes)?)
        }
        types::record_kind::RECORD_CANARY => Event::Canary,
        types::record_kind::RECORD_CGROUP => Event::Cgroup(cgroup(bytes)?),
        types::record_kind(unknown) => return Err(Malformed::Kind(unknown)),
    };
    Ok((number, event))
}

fn call(bytes: &[u8]) -> Result<Call, Malformed> {
    let wire: types::call = read(bytes, CALL_HEAD)?;
    let has = |flag: types::call_flag| wire.flags.0 & flag.0 != 0;
    let syscall = numbers::syscall(wire.syscall).ok_or(Malformed::Syscall(wire.syscall.0))?;
    let abi = numbers::abi(wire.abi).ok_or(Malformed::Abi(wire.abi.0))?;
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
    let recipient = match has(types::call_flag::CALL_HAS_RECIPIENT) {
        true if bytes.len() < size_of::<types::call>() => return Err(Malformed::Short),
        true => Some(recipient(&wire.recipient)?),
        false => None,
    };
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
        spared_count: wire.spared_count,
        recipient,
        arranged_by: None,
    })
}

fn group_recipient(bytes: &[u8]) -> Result<GroupRecipient, Malformed> {
    let wire: types::recipient_record = read(bytes, size_of::<types::recipient_record>())?;
    Ok(GroupRecipient {
        call: CallKey {
            tid: wire.tid,
            time_ns: wire.call_time_ns,
        },
        recipient: recipient(&wire.recipient)?,
    })
}

fn generated(bytes: &[u8]) -> Result<Generated, Malformed> {
    let wire: types::generated = read(bytes, GENERATED_HEAD)?;
    let has = |flag: types::generated_flag| wire.flags.0 & flag.0 != 0;
    let origin = (numbers::origin(wire.origin))
        .filter(|&origin| origin != Origin::Call)
        .ok_or(Malformed::Origin(wire.origin.0))?;
    let sender = match wire.role {
        types::role::ROLE_NONE => None,
        _ if bytes.len() < size_of::<types::generated>() => return Err(Malformed::Short),
        role => {
            let role = numbers::role(role).ok_or(Malformed::Role(role.0))?;
            Some((role, process(&wire.sender)))
        }
    };
    let limited = |limit: u64| (limit != u64::MAX).then_some(limit);
    Ok(Generated {
        time_ns: wire.header.time_ns,
        origin,
        signal: wire.sig,
        code: has(types::generated_flag::GENERATED_HAS_CODE).then_some(wire.si_code),
        to_thread: has(types::generated_flag::GENERATED_TO_THREAD),
        address: has(types::generated_flag::GENERATED_HAS_ADDRESS).then_some(wire.address),
        limit: has(types::generated_flag::GENERATED_HAS_LIMIT).then(|| Limit {
            number: wire.limit,
            soft: limited(wire.limit_soft),
            hard: limited(wire.limit_hard),
        }),
        tty: Comm(wire.tty),
        tty_uid: has(types::generated_flag::GENERATED_HAS_TTY_UID).then_some(wire.tty_uid),
        tid: wire.tid,
        sender,
        recipient: recipient(&wire.recipient)?,
        oom: None,
        arranged_by: None,
    })
}

fn arranger(bytes: &[u8]) -> Result<Arranger, Malformed> {
    let wire: types::arranger_record = read(bytes, size_of::<types::arranger_record>())?;
    Ok(Arranger {
        signal: CallKey {
            tid: wire.tid,
            time_ns: wire.signal_time_ns,
        },
        process: process(&wire.process),
    })
}

fn oom(bytes: &[u8]) -> Result<OomVictim, Malformed> {
    let wire: types::oom_record = read(bytes, size_of::<types::oom_record>())?;
    Ok(OomVictim {
        time_ns: wire.header.time_ns,
        victim_tid: wire.victim_tid,
        tid: wire.tid,
        figures: (wire.has_figures != 0).then_some(OomFigures {
            total_vm: wire.total_vm,
            anon_rss: wire.anon_rss,
            file_rss: wire.file_rss,
            shmem_rss: wire.shmem_rss,
            pgtables: wire.pgtables,
            oom_score_adj: wire.oom_score_adj,
        }),
    })
}

fn recipient(wire: &types::recipient) -> Result<Recipient, Malformed> {
    Ok(Recipient {
        process: process(&wire.process),
        source: Source::Kernel,
        sender_ns_pid: (wire.sender_ns_pid != 0).then_some(wire.sender_ns_pid),
        fate: fate(wire)?,
    })
}

/// None if no signal was sent.
fn fate(wire: &types::recipient) -> Result<Option<Fate>, Malformed> {
    let Some(outcome) = numbers::outcome(wire.outcome) else {
        return Ok(None);
    };
    let has = |flag: types::recipient_flag| wire.flags.0 & flag.0 != 0;
    Ok(Some(Fate {
        outcome,
        disposition: numbers::disposition(wire.disposition)
            .ok_or(Malformed::Disposition(wire.disposition.0))?,
        fatal: match has(types::recipient_flag::RECIPIENT_UNDECIDED) {
            true => None,
            false => Some(has(types::recipient_flag::RECIPIENT_FATAL)),
        },
        blocked: has(types::recipient_flag::RECIPIENT_BLOCKED),
        stopped: has(types::recipient_flag::RECIPIENT_STOPPED),
        traced: has(types::recipient_flag::RECIPIENT_TRACED),
        spared_init: has(types::recipient_flag::RECIPIENT_SPARED_INIT),
        threads: wire.threads,
    }))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use types::{
        call_abi, call_flag, disposition, exit_flag, generated_flag, image_flag, outcome,
        process_flag, recipient_flag, record_kind, syscall_kind,
    };

    use super::{
        super::layout::{EXEC_HEAD, Wire, bytes_of},
        *,
    };
    use crate::event::{
        Abi, Descent, Disposition, End, Ended, EndedBy, Exec, Exit, Image, Outcome, Process, Role,
    };

    const NUMBER: RecordNumber = RecordNumber { cpu: 1, seq: 8 };

    fn header(kind: record_kind) -> types::header {
        types::header {
            time_ns: 7,
            cpu_seq: NUMBER.seq,
            cpu: NUMBER.cpu,
            kind,
        }
    }

    fn call_flags(flags: &[call_flag]) -> call_flag {
        call_flag(flags.iter().fold(0, |bits, flag| bits | flag.0))
    }

    /// As many bytes of a record as the probes send, and then some text.
    fn sent<T: Wire>(record: &T, head: usize, text: &[u8]) -> Vec<u8> {
        let mut bytes = bytes_of(record)[..head].to_vec();
        bytes.extend_from_slice(text);
        bytes
    }

    fn padded(name: &[u8]) -> [u8; 16] {
        let mut padded = [0; 16];
        padded[..name.len()].copy_from_slice(name);
        padded
    }

    /// Each field has a value of its own, from `base` on.
    fn wire_process(base: u32) -> types::process {
        types::process {
            start_ns: base.into(),
            cgroup_key: u64::from(base) + 1,
            tgid: base + 2,
            tid: base + 3,
            exec_id: base + 4,
            uid: base + 5,
            gid: base + 6,
            euid: base + 7,
            egid: base + 8,
            loginuid: base + 9,
            session: base + 10,
            ppid: base + 11,
            ns_pid: base + 12,
            pid_ns: base + 13,
            ns_level: base + 14,
            mnt_ns: base + 15,
            tty: base + 16,
            flags: process_flag(
                process_flag::PROCESS_EXITING.0
                    | process_flag::PROCESS_KERNEL_THREAD.0
                    | process_flag::PROCESS_IN_SAME_SESSION.0
                    | process_flag::PROCESS_EXE_DELETED.0,
            ),
            comm: padded(b"comm\xff"),
            parent_comm: padded(b"parent"),
        }
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
            loginuid: Some(base + 9),
            session: Some(base + 10),
            ppid: base + 11,
            ns_pid: base + 12,
            pid_ns: base + 13,
            ns_level: base + 14,
            mnt_ns: base + 15,
            tty: base + 16,
            in_same_session: true,
            exe_deleted: true,
            exiting: true,
            zombie: false,
            kernel_thread: true,
            comm: Comm(padded(b"comm\xff")),
            parent_comm: Comm(padded(b"parent")),
        }
    }

    fn wire_recipient() -> types::recipient {
        types::recipient {
            process: wire_process(200),
            sender_ns_pid: 42,
            outcome: outcome::OUTCOME_ALREADY_PENDING,
            disposition: disposition::DISPOSITION_IGNORE,
            flags: recipient_flag::RECIPIENT_BLOCKED,
            threads: 3,
            pad: 0,
        }
    }

    fn expected_recipient() -> Recipient {
        Recipient {
            process: expected_process(200),
            source: Source::Kernel,
            sender_ns_pid: Some(42),
            fate: Some(Fate {
                outcome: Outcome::AlreadyPending,
                disposition: Disposition::Ignore,
                fatal: Some(false),
                blocked: true,
                stopped: false,
                traced: false,
                spared_init: false,
                threads: 3,
            }),
        }
    }

    fn wire_call() -> types::call {
        types::call {
            header: header(record_kind::RECORD_CALL),
            syscall: syscall_kind::SYSCALL_TGKILL,
            flags: call_flag(0),
            target: -14,
            target_tid: 15,
            sig: 16,
            ret: -3,
            recipient_count: 4,
            recipients_refused: 2,
            abi: call_abi::ABI_I386,
            pidfd_flags: 5,
            pidfd_pid: 17,
            si_code: -1,
            si_value: 18,
            si_pid: 19,
            si_uid: 20,
            ns_uid: 21,
            spared_count: 22,
            sender: wire_process(100),
            recipient: wire_recipient(),
        }
    }

    fn expected_call() -> Call {
        Call {
            time_ns: 7,
            syscall: Syscall::Tgkill,
            entry_missing: false,
            witness_only: false,
            undecided: false,
            sender: expected_process(100),
            abi: Abi::I386,
            arg: -14,
            arg_tid: 15,
            pidfd: None,
            info: None,
            signal: 16,
            ret: -3,
            recipient_count: 4,
            recipients_lost: 2,
            spared_count: 22,
            recipient: None,
            arranged_by: None,
        }
    }

    /// Without the recipient, as most calls are sent.
    fn call_bytes(call: &types::call) -> Vec<u8> {
        sent(call, CALL_HEAD, b"")
    }

    #[test]
    fn every_field_of_a_call_is_decoded() {
        let event = Event::Call(expected_call());
        assert_eq!(decode(&call_bytes(&wire_call())), Ok((NUMBER, event)));
    }

    #[test]
    fn each_flag_of_a_call_has_its_field() {
        let plain = expected_call();
        let cases = [
            (
                call_flag::CALL_ENTRY_MISSING,
                Call {
                    entry_missing: true,
                    ..plain
                },
            ),
            (
                call_flag::CALL_UNDECIDED,
                Call {
                    undecided: true,
                    ..plain
                },
            ),
            (
                call_flag::CALL_WITNESS_ONLY,
                Call {
                    witness_only: true,
                    ..plain
                },
            ),
            (
                call_flag::CALL_HAS_INFO,
                Call {
                    info: Some(SentInfo {
                        code: -1,
                        value: 18,
                        pid: 19,
                        uid: 20,
                        real_uid: 21,
                    }),
                    ..plain
                },
            ),
        ];
        for (flags, expected) in cases {
            let bytes = call_bytes(&types::call {
                flags,
                ..wire_call()
            });
            assert_eq!(decode(&bytes), Ok((NUMBER, Event::Call(expected))));
        }
    }

    #[test]
    fn a_pidfd_has_a_scope() {
        for (flags, scope) in [
            (call_flag(0), Scope::Process),
            (call_flag::CALL_TO_THREAD, Scope::Thread),
            (call_flag::CALL_TO_GROUP, Scope::ProcessGroup),
        ] {
            let bytes = call_bytes(&types::call {
                syscall: syscall_kind::SYSCALL_PIDFD_SEND_SIGNAL,
                flags,
                ..wire_call()
            });
            let expected = Call {
                syscall: Syscall::PidfdSendSignal,
                pidfd: Some(Pidfd {
                    flags: 5,
                    pid: Some(17),
                    scope,
                }),
                ..expected_call()
            };
            assert_eq!(decode(&bytes), Ok((NUMBER, Event::Call(expected))));
        }
    }

    #[test]
    fn an_id_that_is_not_set_is_absent() {
        let mut call = wire_call();
        call.sender.loginuid = u32::MAX;
        call.sender.session = u32::MAX;
        let mut expected = expected_call();
        expected.sender.loginuid = None;
        expected.sender.session = None;
        let event = Event::Call(expected);
        assert_eq!(decode(&call_bytes(&call)), Ok((NUMBER, event)));
    }

    #[test]
    fn a_witness_sends_a_call_whose_own_record_may_follow() {
        let bytes = call_bytes(&types::call {
            header: header(record_kind::RECORD_WITNESS),
            flags: call_flag::CALL_WITNESS_ONLY,
            ..wire_call()
        });
        let event = Event::Witness(Call {
            witness_only: true,
            ..expected_call()
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
    }

    #[test]
    fn a_recipient_is_part_of_its_call() {
        let call = types::call {
            flags: call_flags(&[call_flag::CALL_HAS_RECIPIENT, call_flag::CALL_ENTRY_MISSING]),
            ..wire_call()
        };
        let mut bytes = bytes_of(&call).to_vec();
        let event = Event::Call(Call {
            entry_missing: true,
            recipient: Some(expected_recipient()),
            ..expected_call()
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        bytes.pop();
        assert_eq!(decode(&bytes), Err(Malformed::Short));
    }

    #[test]
    fn a_recipient_of_a_group_names_its_call() {
        let record = types::recipient_record {
            header: header(record_kind::RECORD_RECIPIENT),
            call_time_ns: 9,
            tid: 10,
            pad: 0,
            recipient: wire_recipient(),
        };
        let event = Event::Recipient(GroupRecipient {
            call: CallKey {
                tid: 10,
                time_ns: 9,
            },
            recipient: expected_recipient(),
        });
        assert_eq!(decode(bytes_of(&record)), Ok((NUMBER, event)));
    }

    #[test]
    fn a_process_that_no_signal_was_sent_has_no_fate() {
        let wire = types::recipient {
            sender_ns_pid: 0,
            outcome: outcome::OUTCOME_NONE,
            ..wire_recipient()
        };
        let expected = Recipient {
            sender_ns_pid: None,
            fate: None,
            ..expected_recipient()
        };
        assert_eq!(recipient(&wire), Ok(expected));
    }

    #[test]
    fn each_flag_of_a_recipient_has_its_field() {
        let plain = Fate {
            fatal: Some(false),
            blocked: false,
            ..expected_recipient().fate.unwrap()
        };
        let cases = [
            (recipient_flag(0), plain),
            (
                recipient_flag::RECIPIENT_FATAL,
                Fate {
                    fatal: Some(true),
                    ..plain
                },
            ),
            (
                recipient_flag::RECIPIENT_UNDECIDED,
                Fate {
                    fatal: None,
                    ..plain
                },
            ),
            (
                recipient_flag::RECIPIENT_STOPPED,
                Fate {
                    stopped: true,
                    ..plain
                },
            ),
            (
                recipient_flag::RECIPIENT_TRACED,
                Fate {
                    traced: true,
                    ..plain
                },
            ),
            (
                recipient_flag::RECIPIENT_SPARED_INIT,
                Fate {
                    spared_init: true,
                    ..plain
                },
            ),
        ];
        for (flags, expected) in cases {
            let wire = types::recipient {
                flags,
                ..wire_recipient()
            };
            assert_eq!(fate(&wire), Ok(Some(expected)));
        }
    }

    fn wire_generated() -> types::generated {
        types::generated {
            header: header(record_kind::RECORD_SIGNAL),
            origin: types::origin::ORIGIN_RLIMIT,
            role: types::role::ROLE_SELF,
            sig: 24,
            si_code: 3,
            flags: generated_flag(0b1_1111),
            limit: 15,
            limit_soft: 30,
            limit_hard: u64::MAX,
            address: 31,
            tty_uid: 32,
            tid: 33,
            tty: padded(b"pts3"),
            recipient: wire_recipient(),
            sender: wire_process(100),
        }
    }

    fn expected_generated() -> Generated {
        Generated {
            time_ns: 7,
            origin: Origin::Rlimit,
            signal: 24,
            code: Some(3),
            to_thread: true,
            address: Some(31),
            limit: Some(Limit {
                number: 15,
                soft: Some(30),
                hard: None,
            }),
            tty: Comm(padded(b"pts3")),
            tty_uid: Some(32),
            tid: 33,
            sender: Some((Role::Itself, expected_process(100))),
            recipient: expected_recipient(),
            oom: None,
            arranged_by: None,
        }
    }

    #[test]
    fn every_field_of_a_signal_that_no_call_sent_is_decoded() {
        let event = Event::Generated(expected_generated());
        let wire = wire_generated();
        let bytes = bytes_of(&wire);
        assert_eq!(decode(bytes), Ok((NUMBER, event)));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(Malformed::Short));

        let bare = types::generated {
            role: types::role::ROLE_NONE,
            flags: generated_flag(0),
            ..wire_generated()
        };
        let event = Event::Generated(Generated {
            code: None,
            to_thread: false,
            address: None,
            limit: None,
            tty_uid: None,
            sender: None,
            ..expected_generated()
        });
        let bytes = sent(&bare, GENERATED_HEAD, b"");
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
    }

    #[test]
    fn an_arranger_names_its_signal() {
        let wire = types::arranger_record {
            header: header(record_kind::RECORD_ARRANGER),
            signal_time_ns: 9,
            tid: 10,
            pad: 0,
            process: wire_process(100),
        };
        let event = Event::Arranger(Arranger {
            signal: CallKey {
                tid: 10,
                time_ns: 9,
            },
            process: expected_process(100),
        });
        assert_eq!(decode(bytes_of(&wire)), Ok((NUMBER, event)));
    }

    #[test]
    fn an_oom_killers_mark_has_figures_where_the_kernel_gives_them() {
        let wire = types::oom_record {
            header: header(record_kind::RECORD_OOM),
            victim_tid: 1,
            tid: 2,
            total_vm: 3,
            anon_rss: 4,
            file_rss: 5,
            shmem_rss: 6,
            pgtables: 7,
            oom_score_adj: -8,
            has_figures: 1,
        };
        let expected = OomVictim {
            time_ns: 7,
            victim_tid: 1,
            tid: 2,
            figures: Some(OomFigures {
                total_vm: 3,
                anon_rss: 4,
                file_rss: 5,
                shmem_rss: 6,
                pgtables: 7,
                oom_score_adj: -8,
            }),
        };
        let event = Event::Oom(expected);
        assert_eq!(decode(bytes_of(&wire)), Ok((NUMBER, event)));
        let bare = types::oom_record {
            has_figures: 0,
            ..wire
        };
        let event = Event::Oom(OomVictim {
            figures: None,
            ..expected
        });
        assert_eq!(decode(bytes_of(&bare)), Ok((NUMBER, event)));
    }

    #[test]
    fn an_outcome_of_a_later_kernel_is_kept() {
        let wire = types::recipient {
            outcome: outcome(9),
            ..wire_recipient()
        };
        let fate = fate(&wire).unwrap().unwrap();
        assert_eq!(fate.outcome, Outcome::Unknown(9));
    }

    #[test]
    fn an_image_has_its_path_from_the_root_and_its_arguments() {
        let (names, args) = (b"kill\0bin\0usr\0", b"kill\0-9\0");
        let record = types::exec_record {
            header: header(record_kind::RECORD_EXEC),
            process: wire_descent(),
            arg_start: 9,
            flags: image_flag::IMAGE_ARGS_TRUNCATED,
            exe_len: names.len() as u16,
            // The last NUL was not read.
            args_len: args.len() as u16 - 1,
            ..types::exec_record::default()
        };
        let mut bytes = sent(&record, EXEC_HEAD, &[&names[..], args].concat());
        let event = Event::Exec(Exec {
            process: descent(),
            image: Image {
                exe: b"/usr/bin/kill".to_vec(),
                args: b"kill\0-9".to_vec(),
                arg_start: 9,
                truncated: true,
                args_unreadable: false,
            },
        });
        assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        bytes.truncate(bytes.len() - 2);
        assert_eq!(decode(&bytes), Err(Malformed::Short));
    }

    fn wire_descent() -> types::descent {
        types::descent {
            start_ns: 5,
            parent_start_ns: 4,
            cgroup_key: 3,
            tgid: 6,
            ppid: 2,
            exec_id: 7,
            pad: 0,
            comm: padded(b"kill"),
        }
    }

    fn descent() -> Descent {
        Descent {
            pid: 6,
            start_ns: 5,
            ppid: 2,
            parent_start_ns: 4,
            exec_id: 7,
            cgroup_key: 3,
            comm: Comm(padded(b"kill")),
        }
    }

    #[test]
    fn a_fork_and_an_end_name_their_process() {
        let fork = types::fork_record {
            header: header(record_kind::RECORD_FORK),
            process: wire_descent(),
        };
        let event = Event::Fork(descent());
        assert_eq!(decode(bytes_of(&fork)), Ok((NUMBER, event)));
        let end = types::end_record {
            header: header(record_kind::RECORD_END),
            start_ns: 5,
            tgid: 6,
            status: 0x300,
        };
        let event = Event::End(End {
            time_ns: 7,
            pid: 6,
            start_ns: 5,
            status: 0x300,
        });
        assert_eq!(decode(bytes_of(&end)), Ok((NUMBER, event)));
    }

    #[test]
    fn ends_of_many_are_one_record() {
        let mut wire = types::ends_record {
            header: header(record_kind::RECORD_ENDS),
            ..types::ends_record::default()
        };
        for (number, ended) in (1..).zip(&mut wire.ended) {
            (ended.tgid, ended.start_ns) = (number, number.into());
        }
        let ended = |pid: u32| Ended {
            pid,
            start_ns: pid.into(),
        };
        let event = Event::Ends((1..=32).map(ended).collect());
        assert_eq!(decode(bytes_of(&wire)), Ok((NUMBER, event)));
    }

    #[test]
    fn an_exit_has_its_process_and_why_it_ended() {
        for (flags, by) in [
            (exit_flag(0), None),
            (exit_flag::EXIT_BY_SECCOMP, Some(EndedBy::Seccomp)),
            (exit_flag::EXIT_BY_REBOOT, Some(EndedBy::Reboot)),
            (exit_flag::EXIT_TRACED, Some(EndedBy::Tracer)),
        ] {
            let exit = types::exit_record {
                header: header(record_kind::RECORD_EXIT),
                status: 0x8b,
                flags,
                process: wire_process(100),
            };
            let process = expected_process(100);
            let event = Event::Exit(Exit {
                end: End {
                    time_ns: 7,
                    pid: process.pid,
                    start_ns: process.start_ns,
                    status: 0x8b,
                },
                process: Some(process),
                by,
            });
            assert_eq!(decode(bytes_of(&exit)), Ok((NUMBER, event)));
        }
    }

    #[test]
    fn a_cgroup_has_its_path_from_the_root() {
        for (names, path) in [(&b"b\0a\0"[..], &b"/a/b"[..]), (b"", b"/")] {
            let record = types::cgroup_record {
                header: header(record_kind::RECORD_CGROUP),
                cgroup_key: 5,
                path_len: names.len() as u32,
                ..types::cgroup_record::default()
            };
            let event = Event::Cgroup(CgroupPath {
                key: 5,
                path: path.to_vec(),
            });
            let bytes = sent(&record, CGROUP_HEAD, names);
            assert_eq!(decode(&bytes), Ok((NUMBER, event)));
        }
    }

    #[test]
    fn a_canary_is_a_header() {
        let bytes = sent(
            &header(record_kind::RECORD_CANARY),
            size_of::<types::header>(),
            b"",
        );
        assert_eq!(decode(&bytes), Ok((NUMBER, Event::Canary)));
    }

    #[test]
    fn a_sample_may_be_longer_and_unaligned() {
        let mut bytes = vec![0];
        bytes.extend(call_bytes(&wire_call()));
        bytes.extend([0xaa; 4]);
        let event = Event::Call(expected_call());
        assert_eq!(decode(&bytes[1..]), Ok((NUMBER, event)));
    }

    #[test]
    fn what_the_probes_cannot_have_sent_is_refused() {
        assert_eq!(decode(&[]), Err(Malformed::Short));
        let short = &call_bytes(&wire_call())[..CALL_HEAD - 1];
        assert_eq!(decode(short), Err(Malformed::Short));
        let unknown = header(record_kind(99));
        assert_eq!(decode(bytes_of(&unknown)), Err(Malformed::Kind(99)));
        let unknown = types::call {
            syscall: syscall_kind::SYSCALL_KINDS,
            ..wire_call()
        };
        assert_eq!(decode(&call_bytes(&unknown)), Err(Malformed::Syscall(6)));
        let unknown = types::call {
            abi: call_abi(9),
            ..wire_call()
        };
        assert_eq!(decode(&call_bytes(&unknown)), Err(Malformed::Abi(9)));
        let unknown = types::recipient {
            disposition: disposition(9),
            ..wire_recipient()
        };
        assert_eq!(recipient(&unknown), Err(Malformed::Disposition(9)));
        for origin in [types::origin::ORIGIN_CALL, types::origin::ORIGINS] {
            let unknown = types::generated {
                origin,
                ..wire_generated()
            };
            let refusal = Malformed::Origin(origin.0);
            assert_eq!(decode(bytes_of(&unknown)), Err(refusal));
        }
        let unknown = types::generated {
            role: types::role::ROLES,
            ..wire_generated()
        };
        assert_eq!(decode(bytes_of(&unknown)), Err(Malformed::Role(7)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(kind in 0_u32..15, bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let header = header(record_kind(kind));
            let _ = decode(&sent(&header, size_of::<types::header>(), &bytes));
        }
    }
}
