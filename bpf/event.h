/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The records on the wire: the only contract between the kernel side and Rust,
 * which gets these types from the skeleton (BTF). The terms are the kernel's: tgid
 * is the process, tid the thread. Structs have no implicit holes, no bool and no
 * char.
 */
#ifndef SIGTRAIL_EVENT_H
#define SIGTRAIL_EVENT_H

#include "vmlinux.h"

#define COMM_LEN 16
/* CPUs beyond this are not traced; a machine with more is refused at the start. */
#define MAX_CPUS 1024
/* Longest component of a path, with its NUL. */
#define NAME_LEN 256
/* An executable's path, its arguments and a cgroup's path are cut at these many
 * bytes. They are powers of two so that the verifier can follow a mask.
 */
#define EXE_LEN 1024
#define ARGS_LEN 1024
#define CGROUP_LEN 1024
#define TTY_LEN 16

enum record_kind {
	RECORD_CALL = 1,
	/* One process that a call to a group signalled. It is sent before the
	 * call's own record.
	 */
	RECORD_RECIPIENT = 2,
	/* What a process runs from an exec on. This and the next two come through rings
	 * of their own.
	 */
	RECORD_EXEC = 3,
	/* A cgroup's path, sent before the first record that names its key. */
	RECORD_CGROUP = 4,
	/* The poller's call to itself, which shows that calls are seen: a header alone. */
	RECORD_CANARY = 5,
	/* A call as the witness knows it. Its own record follows unless the
	 * kernel skips the exit probe.
	 */
	RECORD_WITNESS = 6,
	/* A signal that no call sent. */
	RECORD_SIGNAL = 7,
	/* The OOM killer marked a process as its victim. */
	RECORD_OOM = 8,
	/* Who arranged for a signal. It is sent before the signal's or its call's
	 * own record.
	 */
	RECORD_ARRANGER = 9,
	/* A process has a new child. */
	RECORD_FORK = 10,
	/* A process has ended that may have been asked to. */
	RECORD_END = 11,
	/* A signal has ended a process. It is also in a RECORD_END or RECORD_ENDS. */
	RECORD_EXIT = 12,
	/* The same, while a filter is about who sends: only the poller knows which exits are
	 * wanted then, so those that the rings refuse are in no books.
	 */
	RECORD_EXIT_PERHAPS = 13,
	/* Processes have ended that were not asked to. */
	RECORD_ENDS = 14,
};

struct header {
	__u64 time_ns; /* CLOCK_MONOTONIC */
	__u64 cpu_seq; /* +1 for each record that this CPU tried to send, from 1 */
	/* In an interrupt, MAX_CPUS is added to the CPU's number, and records are
	 * counted apart: an interrupt may come while another record gets its number.
	 */
	__u32 cpu;
	enum record_kind kind;
};

enum process_flag {
	PROCESS_EXITING = 1 << 0,
	PROCESS_ZOMBIE = 1 << 1,
	PROCESS_KERNEL_THREAD = 1 << 2,
	/* Of a recipient: it is in the session of the thread that ran then. */
	PROCESS_IN_SAME_SESSION = 1 << 3,
	/* The file that it runs has no name any more. */
	PROCESS_EXE_DELETED = 1 << 4,
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
	__u32 mnt_ns; /* its mount namespace's inode; 0: it has left it */
	__u32 tty; /* its controlling terminal: major << 20 | minor; 0: none */
	__u8 comm[COMM_LEN];
	__u8 parent_comm[COMM_LEN];
};

_Static_assert(sizeof(struct process) == 112, "wire record changed");

/* What the kernel did with a signal, as signal_generate gives it. */
enum outcome {
	OUTCOME_DELIVERED = 0,
	OUTCOME_IGNORED = 1,
	OUTCOME_ALREADY_PENDING = 2,
	OUTCOME_OVERFLOW = 3,
	OUTCOME_LOST_INFO = 4,
	/* SIGCONT woke a stopped process; the signal itself was dropped. Only we say so. */
	OUTCOME_CONTINUED = 5,
	/* No signal was generated: the call failed or sent signal 0, and its
	 * target was looked up by number.
	 */
	OUTCOME_NONE = 255,
};

enum disposition {
	DISPOSITION_DEFAULT = 0,
	DISPOSITION_IGNORE = 1,
	DISPOSITION_HANDLER = 2,
};

enum recipient_flag {
	/* It ends the process, at once or when it is taken. */
	RECIPIENT_FATAL = 1 << 0,
	/* Whether it ends the process is not decided yet. */
	RECIPIENT_UNDECIDED = 1 << 1,
	/* Every thread that could take the signal blocks it or waits for it in sigwait. */
	RECIPIENT_BLOCKED = 1 << 2,
	/* The process is stopped. */
	RECIPIENT_STOPPED = 1 << 3,
	/* A tracer decides what becomes of the signal. */
	RECIPIENT_TRACED = 1 << 4,
	/* The init of a pid namespace, which the signal's default action spares. */
	RECIPIENT_SPARED_INIT = 1 << 5,
};

/* A process that was signalled, or a call's target if it signalled none. */
struct recipient {
	struct process process;
	__u32 sender_ns_pid; /* tgid in the sender's pid namespace; 0: not in it */
	enum outcome outcome;
	enum disposition disposition;
	enum recipient_flag flags;
	__u32 threads; /* that it has, if a signal was sent */
	__u32 pad;
};

_Static_assert(sizeof(struct recipient) == 136, "wire record changed");

enum syscall_kind {
	SYSCALL_KILL = 0,
	SYSCALL_TKILL = 1,
	SYSCALL_TGKILL = 2,
	SYSCALL_RT_SIGQUEUEINFO = 3,
	SYSCALL_RT_TGSIGQUEUEINFO = 4,
	SYSCALL_PIDFD_SEND_SIGNAL = 5,
	SYSCALL_KINDS = 6,
};

/* Which system call numbers and layouts the caller used. */
enum call_abi {
	ABI_NATIVE = 0,
	ABI_I386 = 1,
	ABI_X32 = 2,
	ABI_ARM = 3,
};

enum call_flag {
	/* No entry was seen: seccomp refused the call, or the slot was evicted.
	 * Arguments are from the saved registers, the time is that of the exit.
	 */
	CALL_ENTRY_MISSING = 1 << 0,
	/* `recipient` is filled in and sent. Of a call to a group it is the leader. */
	CALL_HAS_RECIPIENT = 1 << 1,
	/* A filter needs the target, which the kernel side could not find. */
	CALL_UNDECIDED = 1 << 2,
	/* The sender passed a siginfo: the si_ fields are filled in. */
	CALL_HAS_INFO = 1 << 3,
	/* pidfd_send_signal to the thread, or to the process group, of the pidfd. */
	CALL_TO_THREAD = 1 << 4,
	CALL_TO_GROUP = 1 << 5,
	/* Only the signal was seen, not the call's exit. */
	CALL_WITNESS_ONLY = 1 << 6,
	/* The sender passed a siginfo, whether or not it could be read. */
	CALL_PASSED_INFO = 1 << 7,
};

/* Which programs see calls in the machine's own ABI. */
enum attach_mode {
	ATTACH_TRACEPOINT = 0,
	/* Kprobes, and the exit tracepoint for calls that never reach them. */
	ATTACH_KPROBE = 1,
	ATTACH_RAW = 2,
	/* No tracepoint of a system call: kprobes alone, or only the witness. */
	ATTACH_LIGHT = 3,
};

/* One call, sent when it returns. Its header's time is that of its entry. */
struct call {
	struct header header;
	enum syscall_kind syscall;
	enum call_flag flags;
	__s32 target; /* first argument, as given: pid, tid, tgid or pidfd */
	__s32 target_tid; /* second argument of tgkill and rt_tgsigqueueinfo, else 0 */
	__s32 sig;
	__s32 ret; /* 0 or -errno */
	__u32 recipient_count; /* processes that the kernel signalled */
	__u32 recipients_refused; /* of these, records that no ring took */
	enum call_abi abi;
	__u32 pidfd_flags; /* fourth argument of pidfd_send_signal, else 0 */
	__u32 pidfd_pid; /* whose pidfd it is, in the initial pid namespace; 0: unknown */
	__s32 si_code;
	__u64 si_value;
	__s32 si_pid; /* the sender's pid and uid, as it claims them in the siginfo */
	__u32 si_uid;
	__u32 ns_uid; /* its real uid, as its own user namespace numbers it */
	__u32 spared_count; /* members of the group that were not signalled */

	struct process sender;
	struct recipient recipient;
};
_Static_assert(sizeof(struct call) == 344, "wire record changed");

/* A recipient of the call that thread `tid` entered at `call_time_ns`. */
struct recipient_record {
	struct header header;
	__u64 call_time_ns;
	__u32 tid;
	__u32 pad;
	struct recipient recipient;
};

/* What made a signal. */
enum origin {
	ORIGIN_CALL = 0, /* one of the six system calls */
	ORIGIN_FAULT = 1,
	ORIGIN_TIMER = 2,
	ORIGIN_CHILD = 3,
	ORIGIN_PARENT_DEATH = 4,
	ORIGIN_TTY = 5,
	ORIGIN_HANGUP = 6,
	ORIGIN_ORPHANED_GROUP = 7,
	ORIGIN_ASYNC_IO = 8,
	ORIGIN_MQUEUE = 9,
	ORIGIN_RLIMIT = 10,
	ORIGIN_DEADLINE = 11,
	ORIGIN_OOM = 12, /* if a RECORD_OOM confirms it */
	ORIGIN_CGROUP_KILL = 13,
	ORIGIN_PID_NAMESPACE = 14,
	ORIGIN_REBOOT = 15,
	ORIGIN_SECCOMP = 16,
	ORIGIN_USER_DISPATCH = 17,
	ORIGIN_PTRACE = 18,
	ORIGIN_EXEC = 19,
	ORIGIN_PIPE = 20,
	ORIGIN_PERF = 21,
	ORIGIN_PIDFD_CLOSE = 22,
	ORIGIN_KERNEL = 23,
	ORIGINS = 24,
};

/* How the process in `sender` is behind a signal that no call sent. */
enum role {
	ROLE_NONE = 0, /* there is no sender */
	ROLE_SELF = 1,
	ROLE_TRIGGER = 2,
	ROLE_CALLER = 3,
	ROLE_WRITER = 4,
	ROLE_TRACER = 5,
	ROLE_ARRANGER = 6,
	ROLES = 7,
};

enum generated_flag {
	/* The signal is for one thread, not for its process. */
	GENERATED_TO_THREAD = 1 << 0,
	/* The kernel passed a siginfo: `si_code` is filled in. */
	GENERATED_HAS_CODE = 1 << 1,
	GENERATED_HAS_ADDRESS = 1 << 2,
	GENERATED_HAS_LIMIT = 1 << 3,
	GENERATED_HAS_TTY_UID = 1 << 4,
};

/* A signal that no call sent. */
struct generated {
	struct header header;
	enum origin origin;
	enum role role;
	__s32 sig;
	__s32 si_code;
	enum generated_flag flags;
	__u32 limit; /* RLIMIT_... */
	__u64 limit_soft; /* in the limit's own unit; -1: none */
	__u64 limit_hard;
	__u64 address; /* that a fault was about */
	__u32 tty_uid; /* real uid of who opened the terminal's other end */
	__u32 tid; /* of the thread that was current, to find an OOM killer's other victims */
	__u8 tty[TTY_LEN];
	struct recipient recipient;
	struct process sender; /* sent if `role` is not ROLE_NONE */
};

_Static_assert(sizeof(struct generated) == 344, "wire record changed");

/* The memory figures are in KiB, and there from 6.8 on. */
struct oom_record {
	struct header header;
	__u32 victim_tid; /* one of the victim's threads: the one that it signals */
	__u32 tid; /* the thread in which the OOM killer ran */
	__u64 total_vm;
	__u64 anon_rss;
	__u64 file_rss;
	__u64 shmem_rss;
	__u64 pgtables;
	__s32 oom_score_adj;
	__u32 has_figures;
};

_Static_assert(sizeof(struct oom_record) == 80, "wire record changed");

/* Who arranged for a signal to a process that started then. */
struct arranger {
	__u64 start_ns;
	struct process process;
};

/* Who arranged for the signal that thread `tid` made at `signal_time_ns`. */
struct arranger_record {
	struct header header;
	__u64 signal_time_ns;
	__u32 tid;
	__u32 pad;
	struct process process;
};

enum image_flag {
	IMAGE_EXE_TRUNCATED = 1 << 0,
	IMAGE_ARGS_TRUNCATED = 1 << 1,
	IMAGE_ARGS_UNREADABLE = 1 << 2,
};

/* A process, and its parent. All of this is as in struct process. */
struct descent {
	__u64 start_ns;
	__u64 parent_start_ns;
	__u64 cgroup_key;
	__u32 tgid;
	__u32 ppid;
	__u32 exec_id;
	__u32 pad;
	__u8 comm[COMM_LEN];
};

struct exec_record {
	struct header header;
	struct descent process;
	__u64 arg_start; /* where the arguments are in the process's memory */
	enum image_flag flags;
	__u16 exe_len; /* bytes in `data`: the path's names, leaf first, each with a NUL */
	__u16 args_len; /* bytes after these: arguments, each with a NUL */
	__u8 data[4 * EXE_LEN]; /* a power of two, so that a mask bounds an index */
};

struct fork_record {
	struct header header;
	struct descent process;
};

/* The end of a process. */
struct end_record {
	struct header header;
	__u64 start_ns;
	__u32 tgid;
	__u32 status; /* as wait(2) gives it */
};

/* Bytes in which processes are noted that are asked to end: a power of two. */
#define ASKED (1 << 18)

/* The ends of processes of which only the table of processes is to know. */
#define ENDS 32

struct ended {
	__u64 start_ns;
	__u32 tgid;
	__u32 pad;
};

struct ends_record {
	struct header header;
	struct ended ended[ENDS];
};

enum exit_flag {
	/* A filter of seccomp, or its strict mode, ended the process, and no signal did. */
	EXIT_BY_SECCOMP = 1 << 0,
	/* reboot(2) in its pid namespace ended it. */
	EXIT_BY_REBOOT = 1 << 1,
	/* A tracer can end its tracee as if by a signal that nobody has sent. */
	EXIT_TRACED = 1 << 2,
};

struct exit_record {
	struct header header;
	__u32 status;
	enum exit_flag flags;
	struct process process;
};

struct cgroup_record {
	struct header header;
	__u64 cgroup_key;
	__u32 truncated;
	__u32 path_len; /* bytes in `path`: names, leaf first, each with a NUL */
	__u8 path[2 * CGROUP_LEN]; /* a power of two, too */
};

/* What a CPU did, with one counter for each way to lose something. */
struct counters {
	__u64 cpu_seq; /* records that it tried to send */
	__u64 ring_full; /* calls refused: no room (ENOSPC) */
	__u64 ring_absent; /* calls refused: this CPU has no ring (ENOENT, EOPNOTSUPP) */
	__u64 ring_error; /* calls refused: any other error */
	__u64 inflight_full; /* entries that found no slot; their exits send the call */
	__u64 entry_missing; /* exits without an entry whose arguments are gone */
	__u64 other_refused; /* records of other kinds refused, for any reason */
	__u64 signals_full; /* signals that no call sent, as the three of calls */
	__u64 signals_absent;
	__u64 signals_error;
	/* Of native calls, with kprobes: exits that the kretprobe saw, exits
	 * that the tracepoint saw as well, and exits that it alone saw.
	 */
	__u64 kprobe_exits;
	__u64 exits_seen_twice;
	__u64 kprobe_missed;
	/* Signals that the witness took because signal_interrupt was skipped. */
	__u64 nested;
	__u64 interrupt_taken; /* signal_interrupt took the last signal of an interrupt */
	__u64 lifecycle_seq; /* records of execs, forks and ends that it tried to send */
	__u64 lifecycle_absent; /* of these, refused because this CPU has no ring */
	__u64 exits_full; /* exits, as the three of calls */
	__u64 exits_absent;
	__u64 exits_error;
	__u64 pad[4]; /* no two CPUs share a cache line */
};

_Static_assert(sizeof(struct counters) == 192, "three cache lines a CPU");

enum trace_state {
	TRACE_OFF = 0,
	/* Only what becomes of processes is traced yet. */
	TRACE_PROCESSES = 1,
	TRACE_ON = 2,
	/* New calls are left out; those in flight are completed. */
	TRACE_DRAIN = 3,
};

enum args_mode {
	ARGS_FULL = 0,
	ARGS_FIRST = 1,
	ARGS_NONE = 2,
};

/* Which of the signals that no call sent are recorded. */
enum kernel_signals {
	KERNEL_SIGNALS_NONE = 0,
	/* Those that end or stop a process, or cross from one user to another. */
	KERNEL_SIGNALS_DEADLY = 1,
	KERNEL_SIGNALS_ALL = 2,
};

/* Which ends of processes are recorded. */
enum exits {
	EXITS_NONE = 0,
	/* Those by a signal. */
	EXITS_KILLED = 1,
	/* Also those of processes that had been asked to end. The poller knows which. */
	EXITS_ALL = 2,
};

enum filter_kind {
	FILTER_SENDER_PID = 0,
	FILTER_TARGET_PID = 1,
	FILTER_SENDER_UID = 2,
	FILTER_SENDER_COMM = 3,
	FILTER_TARGET_UID = 4,
	FILTER_TARGET_COMM = 5,
};

/* A member of a filter's set. `value` is a comm, or a number in four bytes. */
struct filter_key {
	__u32 bank;
	enum filter_kind kind;
	__u8 value[COMM_LEN];
};

/* There are two banks, so that new filters come into force by one store. */
struct filters {
	__u64 signals; /* bit n - 1: pass signal n, 1 to 64 */
	__u64 asking; /* as `signals`: record those that a process handles or waits for, too */
	__u32 sets; /* bit enum filter_kind: pass only members of that set */
	__u8 signal_zero; /* pass signal 0 */
	__u8 signal_other; /* pass numbers outside of 0 to 64 */
	__u8 syscalls; /* bit enum syscall_kind: pass that call */
	__u8 failed_only; /* pass only calls that return an error */
	__u8 fatal_only; /* pass only calls that end a process */
	__u8 bank; /* the bank of its sets in the map */
	__u8 pad[2];
	enum kernel_signals kernel_signals;
	enum exits exits;
	__u32 pad2;
};

#endif
