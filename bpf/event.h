/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The wire records: the only contract between the kernel side and Rust, which
 * gets these types from the skeleton (BTF). Kernel terms: tgid is the process,
 * tid the thread. No implicit holes, no bool, no char.
 */
#ifndef SIGTRAIL_EVENT_H
#define SIGTRAIL_EVENT_H

#define COMM_LEN 16
/* CPUs beyond this are not traced and the poller refuses to start. */
#define MAX_CPUS 1024

enum syscall_kind {
	SYSCALL_KILL = 0,
	SYSCALL_TKILL = 1,
	SYSCALL_TGKILL = 2,
};

enum call_flag {
	/* No entry was seen (seccomp refused it, or the state map had evicted
	 * it): arguments are from the saved registers, time is the exit's.
	 */
	CALL_ENTRY_MISSING = 1 << 0,
};

/* One call, sent when it returns. */
struct call {
	__u64 time_ns; /* CLOCK_MONOTONIC, when the call was entered */
	__u64 cpu_seq; /* +1 for each record tried on this CPU, from 1 */
	__u32 cpu;
	enum syscall_kind syscall;
	enum call_flag flags;
	__u32 tgid;
	__u32 tid;
	__u32 uid; /* real */
	__u32 gid; /* real */
	__s32 target; /* first argument: pid, tid or tgid, as the sender gave it */
	__s32 target_tid; /* tgkill's second argument, else 0 */
	__s32 sig;
	__s32 ret; /* 0 or -errno */
	__u32 pad;
	__u8 comm[COMM_LEN];
};

_Static_assert(sizeof(struct call) == 80, "wire record changed");

/* What a CPU did, and each way in which something failed to arrive. */
struct counters {
	__u64 cpu_seq; /* records tried */
	__u64 ring_full; /* refused: no room (ENOSPC) */
	__u64 ring_absent; /* refused: this CPU has no ring (ENOENT, EOPNOTSUPP) */
	__u64 ring_error; /* refused: any other error */
	__u64 inflight_full; /* an entry found no slot; its exit reports the call */
	__u64 entry_missing; /* exits without entry whose arguments are gone */
	__u64 pad[10]; /* own cache lines */
};

_Static_assert(sizeof(struct counters) == 128, "two cache lines a CPU");

enum trace_state {
	TRACE_OFF = 0,
	TRACE_ON = 1,
	/* No new calls; those in flight are still completed. */
	TRACE_DRAIN = 2,
};

enum filter_kind {
	FILTER_SENDER_PID = 0,
	FILTER_TARGET_PID = 1,
	FILTER_SENDER_UID = 2,
	FILTER_SENDER_COMM = 3,
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
};

#endif
