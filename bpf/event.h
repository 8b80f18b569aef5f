/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire records: the only contract between the kernel side and Rust, which
 * gets these types from the skeleton (BTF). Kernel terms: tgid is the process,
 * tid the thread. No implicit holes, no bool, no char.
 */
#ifndef SIGTRAIL_EVENT_H
#define SIGTRAIL_EVENT_H

#include "vmlinux.h"

#define COMM_LEN 16
/* CPUs beyond this are not traced and the poller refuses to start. */
#define MAX_CPUS 1024
/* Longest component of a path, with its NUL. */
#define NAME_LEN 256
/* Bytes of an executable's path, of its arguments and of a cgroup's path, above
 * which they are cut. Powers of two, for the verifier's sake.
 */
#define EXE_LEN 1024
#define ARGS_LEN 1024
#define CGROUP_LEN 1024
#define TTY_LEN 16

enum record_kind {
	RECORD_CALL = 1,
	/* A call to a group sends one for each process that was signalled,
	 * before its own.
	 */
	RECORD_RECIPIENT = 2,
	/* What is the same for all calls of a process between two execs. */
	RECORD_IMAGE = 3,
	/* A cgroup's path, before the first record that names its key. */
	RECORD_CGROUP = 4,
	/* The poller's own call came through: a header, and nothing else. */
	RECORD_CANARY = 5,
	/* A call as the witness knows it, whose own record may follow, or may
	 * not: exits can be skipped.
	 */
	RECORD_WITNESS = 6,
};

struct header {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 cpu_seq; /* +1 for each record tried on this CPU, from 1 */
	__u32 cpu;
	enum record_kind kind;
};

enum process_flag {
	PROCESS_EXITING = 1 << 0,
	PROCESS_ZOMBIE = 1 << 1,
	PROCESS_KERNEL_THREAD = 1 << 2,
};

/* A process, read from its task_struct. */
struct process {
	__u64 start_ns; /* CLOCK_BOOTTIME, of the thread group's leader */
	__u64 cgroup_key; /* unique to a cgroup while the machine runs */
	__u32 tgid;
	__u32 tid;
	__u32 exec_id; /* +1 for each exec */
	__u32 uid; /* real */
	__u32 gid; /* real */
	__u32 euid;
	__u32 egid;
	__u32 loginuid; /* -1: not set */
	__u32 session; /* audit session; -1: not set */
	__u32 ppid; /* the parent's tgid */
	__u32 ns_pid; /* tgid in the process's own pid namespace */
	__u32 pid_ns; /* that namespace's inode */
	__u32 ns_level; /* its depth; 0 is the initial one */
	enum process_flag flags;
	__u8 comm[COMM_LEN];
	__u8 parent_comm[COMM_LEN];
};

_Static_assert(sizeof(struct process) == 104, "wire record changed");

/* What signal_generate says. */
enum outcome {
	OUTCOME_DELIVERED = 0,
	OUTCOME_IGNORED = 1,
	OUTCOME_ALREADY_PENDING = 2,
	OUTCOME_OVERFLOW = 3,
	OUTCOME_LOST_INFO = 4,
	/* The kernel was not asked: the target of a call that failed, or of
	 * signal 0, looked up by its number.
	 */
	OUTCOME_NONE = 255,
};

enum disposition {
	DISPOSITION_DEFAULT = 0,
	DISPOSITION_IGNORE = 1,
	DISPOSITION_HANDLER = 2,
};

/* A process that a call reached. */
struct recipient {
	struct process process;
	__u32 sender_ns_pid; /* tgid in the sender's pid namespace; 0: none there */
	enum outcome outcome;
	enum disposition disposition;
	__u8 blocked;
	__u8 fatal; /* the kernel has decided, or will decide, that it dies */
	__u8 pad[2];
};

_Static_assert(sizeof(struct recipient) == 120, "wire record changed");

enum syscall_kind {
	SYSCALL_KILL = 0,
	SYSCALL_TKILL = 1,
	SYSCALL_TGKILL = 2,
	SYSCALL_RT_SIGQUEUEINFO = 3,
	SYSCALL_RT_TGSIGQUEUEINFO = 4,
	SYSCALL_PIDFD_SEND_SIGNAL = 5,
	SYSCALL_KINDS = 6,
};

/* The numbers and layouts by which a call was made. */
enum call_abi {
	ABI_NATIVE = 0,
	ABI_I386 = 1,
	ABI_X32 = 2,
	ABI_ARM = 3,
};

enum call_flag {
	/* No entry was seen (seccomp refused it, or the state map had evicted
	 * it): arguments are from the saved registers, time is the exit's.
	 */
	CALL_ENTRY_MISSING = 1 << 0,
	/* `recipient` is filled, and sent. */
	CALL_HAS_RECIPIENT = 1 << 1,
	/* A filter asks for the target, which the kernel side does not know. */
	CALL_UNDECIDED = 1 << 2,
	/* The sender gave a siginfo: the si_ fields are filled. */
	CALL_HAS_INFO = 1 << 3,
	/* pidfd_send_signal to the thread, or the process group, behind it. */
	CALL_TO_THREAD = 1 << 4,
	CALL_TO_GROUP = 1 << 5,
	/* Only the signal was seen: no probe sees the call's exit. */
	CALL_WITNESS_ONLY = 1 << 6,
};

/* What tells of calls in the machine's own ABI. */
enum attach_mode {
	ATTACH_TRACEPOINT = 0,
	/* Kprobes, with the exit tracepoint for what does not get so far. */
	ATTACH_KPROBE = 1,
	ATTACH_RAW = 2,
};

/* One call, sent when it returns. Its header's time is that of its entry. */
struct call {
	struct header header;
	enum syscall_kind syscall;
	enum call_flag flags;
	__s32 target; /* first argument: pid, tid, tgid or pidfd, as the sender gave it */
	__s32 target_tid; /* tgkill's second argument (rt_tgsigqueueinfo's), else 0 */
	__s32 sig;
	__s32 ret; /* 0 or -errno */
	__u32 recipient_count; /* processes that the kernel signalled */
	__u32 recipients_refused; /* their records that no ring took */
	enum call_abi abi;
	__u32 pidfd_flags; /* fourth argument of pidfd_send_signal, else 0 */
	__u32 pidfd_pid; /* what the pidfd stands for, in the initial namespace; 0: unknown */
	__s32 si_code;
	__u64 si_value;
	__s32 si_pid; /* who the sender says that it is, */
	__u32 si_uid;
	__u32 ns_uid; /* and its real user id, both as its own namespaces number them */
	__u32 pad;

	struct process sender;
	struct recipient recipient;
};
_Static_assert(sizeof(struct call) == 320, "wire record changed");

/* The call is the one of thread `tid` entered at `call_time_ns`. */
struct recipient_record {
	struct header header;
	__u64 call_time_ns;
	__u32 tid;
	__u32 pad;
	struct recipient recipient;
};

enum image_flag {
	IMAGE_EXE_DELETED = 1 << 0,
	IMAGE_EXE_TRUNCATED = 1 << 1,
	IMAGE_ARGS_TRUNCATED = 1 << 2,
	IMAGE_ARGS_UNREADABLE = 1 << 3,
};

struct image {
	struct header header;
	__u64 start_ns; /* with tgid and exec_id: struct process's */
	__u32 tgid;
	__u32 exec_id;
	enum image_flag flags;
	__u16 exe_len; /* bytes of `data`: names, leaf first, each with a NUL */
	__u16 args_len; /* bytes of `data` behind them, each argument with a NUL */
	__u8 tty[TTY_LEN];
	__u8 data[4 * EXE_LEN]; /* a power of two, for the verifier's sake */
};

struct cgroup_record {
	struct header header;
	__u64 cgroup_key;
	__u32 truncated;
	__u32 path_len; /* bytes of `path`: names, leaf first, each with a NUL */
	__u8 path[2 * CGROUP_LEN]; /* likewise */
};

/* What a CPU did, and each way in which something failed to arrive. */
struct counters {
	__u64 cpu_seq; /* records tried */
	__u64 ring_full; /* calls refused: no room (ENOSPC) */
	__u64 ring_absent; /* calls refused: this CPU has no ring (ENOENT, EOPNOTSUPP) */
	__u64 ring_error; /* calls refused: any other error */
	__u64 inflight_full; /* an entry found no slot; its exit reports the call */
	__u64 entry_missing; /* exits without entry whose arguments are gone */
	__u64 other_refused; /* records of other kinds, refused for any reason */
	/* With kprobes, of native calls: exits that the kretprobe saw, those of
	 * them that the tracepoint saw as well, and those that only it saw.
	 */
	__u64 kprobe_exits;
	__u64 exits_seen_twice;
	__u64 kprobe_missed;
	__u64 pad[6]; /* own cache lines */
};

_Static_assert(sizeof(struct counters) == 128, "two cache lines a CPU");

enum trace_state {
	TRACE_OFF = 0,
	TRACE_ON = 1,
	/* No new calls; those in flight are still completed. */
	TRACE_DRAIN = 2,
};

enum args_mode {
	ARGS_FULL = 0,
	ARGS_FIRST = 1,
	ARGS_NONE = 2,
};

enum filter_kind {
	FILTER_SENDER_PID = 0,
	FILTER_TARGET_PID = 1,
	FILTER_SENDER_UID = 2,
	FILTER_SENDER_COMM = 3,
	FILTER_TARGET_UID = 4,
	FILTER_TARGET_COMM = 5,
};

/* A member of a filter's set: a number in the first four bytes, or a comm. */
struct filter_key {
	__u32 bank;
	enum filter_kind kind;
	__u8 value[COMM_LEN];
};

/* Two banks, so that a new set of filters takes effect in one store. */
struct filters {
	__u64 signals; /* bit n-1: signal n, 1 to 64 */
	__u32 sets; /* bit enum filter_kind: only members of that set */
	__u8 signal_zero; /* pass signal 0 */
	__u8 signal_other; /* pass numbers outside 0..64 */
	__u8 syscalls; /* bit enum syscall_kind */
	__u8 failed_only;
	__u8 fatal_only; /* only calls that end a process */
	__u8 bank; /* whose sets go with it */
	__u8 pad[6];
};

#endif
