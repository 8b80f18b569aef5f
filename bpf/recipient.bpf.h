/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whom a signal reached, and what the kernel did with it. */
#ifndef SIGTRAIL_RECIPIENT_BPF_H
#define SIGTRAIL_RECIPIENT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "filter.bpf.h"
#include "process.bpf.h"
#include "verifier.bpf.h"

/* Flags of a signal_struct: all threads are stopped; a stop or its end is still to
 * be reported; the init of a pid namespace.
 */
#define SIGNAL_STOP_STOPPED 0x1
#define SIGNAL_CLD_MASK 0x30
#define SIGNAL_UNKILLABLE 0x40

/* QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ and SYS dump core. The kernel
 * decides on that when the signal is taken, so here it has to be predicted.
 */
#define CORE_DUMPS                                                                                 \
	(1ULL << 2 | 1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 10 |      \
	 1ULL << 23 | 1ULL << 24 | 1ULL << 30)

/* STOP, TSTP, TTIN and TTOU stop the process. */
#define STOPS (1ULL << 18 | 1ULL << 19 | 1ULL << 20 | 1ULL << 21)
/* CHLD, CONT, URG and WINCH do nothing that lasts. */
#define SPARES (1ULL << 16 | 1ULL << 17 | 1ULL << 22 | 1ULL << 27)

static __always_inline enum disposition read_disposition(struct task_struct *task, __s32 sig)
{
	__u64 offset = bpf_core_field_offset(struct sighand_struct, action) +
		       (sig - 1) * bpf_core_type_size(struct k_sigaction);
	__u64 handler = 0;

	if (bpf_ksym_exists(bpf_rdonly_cast)) {
		__u64 action = address_of(task->sighand) + offset;

		handler = (__u64)bpf_core_cast((void *)action, struct k_sigaction)->sa.sa_handler;
	} else {
		offset += bpf_core_field_offset(struct k_sigaction, sa.sa_handler);
		bpf_probe_read_kernel(&handler, sizeof(handler), (void *)task->sighand + offset);
	}
	return handler > 1 ? DISPOSITION_HANDLER : handler;
}

/* Reads who the recipient is, and its number in the sender's pid namespace. */
static __always_inline void read_recipient(struct recipient *r, struct task_struct *task, int group,
					   const int typed)
{
	struct task_struct *sender = current_task();
	__u32 level = current_ns_level();
	struct task_struct *leader;
	struct pid *own, *pid;

	read_process(&r->process, task, typed);
	leader = READ(typed, task, group_leader);
	read_comm(r->process.comm, group ? leader : task, typed);
	if (is_same_session(task, typed))
		r->process.flags |= PROCESS_IN_SAME_SESSION;
	r->sender_ns_pid = r->process.tgid;
	/* To a sender in the initial namespace, every process has its global number. */
	if (!level)
		return;
	r->sender_ns_pid = 0;
	own = BPF_CORE_READ(sender, thread_pid);
	pid = READ(typed, leader, thread_pid);
	if (pid && level <= r->process.ns_level) {
		struct upid upid = read_upid(pid, level);

		if (upid.ns == read_upid(own, level).ns)
			r->sender_ns_pid = upid.nr;
	}
}

/* Whether the default action of the signal ends a process. */
static __always_inline int may_end(__s32 sig)
{
	return !(1ULL << (sig - 1) & (STOPS | SPARES));
}

/*
 * Whether something else decides what becomes of a signal that was queued: the thread
 * that is to take it blocks it, is traced, or is stopped. `task` is typed.
 */
static __always_inline enum recipient_flag read_waits(struct task_struct *task, __s32 sig,
						      int group)
{
	const __u64 bit = 1ULL << (sig - 1);
	enum recipient_flag flags = 0;
	unsigned int traced = task->ptrace;

	if ((task->blocked.sig[0] | task->real_blocked.sig[0]) & bit || task->flags & PF_EXITING) {
		struct task_struct *taker = 0;

		if (group && task->signal->nr_threads > 1)
			taker = (void *)find_thread((__u64)BPF_CORE_READ(task, signal), bit);
		traced = BPF_CORE_READ(taker, ptrace);
		if (!taker)
			flags |= RECIPIENT_BLOCKED;
	}
	if (traced)
		flags |= RECIPIENT_TRACED;
	if (task->signal->flags & SIGNAL_STOP_STOPPED)
		flags |= RECIPIENT_STOPPED;
	return flags;
}

/* What the signal will do to the process. `task` is typed. */
static __always_inline enum recipient_flag read_fate(const struct recipient *r,
						     struct task_struct *task, __s32 sig, int group)
{
	int is_new = r->outcome != OUTCOME_ALREADY_PENDING;
	int by_default = r->disposition == DISPOSITION_DEFAULT;
	enum recipient_flag flags;

	/* Up to 5.10 such a signal is queued all the same. */
	if (r->process.flags & PROCESS_EXITING)
		return 0;
	/* The kernel decides at once, but for core dumps and for what has to wait. */
	if (sig == SIGKILL || (is_new && task->signal->flags & SIGNAL_GROUP_EXIT))
		return RECIPIENT_FATAL;
	flags = read_waits(task, sig, group);
	if (!may_end(sig))
		return flags;
	if (by_default && task->signal->flags & SIGNAL_UNKILLABLE)
		return flags | RECIPIENT_SPARED_INIT;
	if (flags)
		return flags | RECIPIENT_UNDECIDED;
	if (!by_default)
		return 0;
	return is_new && CORE_DUMPS >> (sig - 1) & 1 ? RECIPIENT_FATAL : RECIPIENT_UNDECIDED;
}

/* Reads what the kernel did with the signal. `task` is typed. */
static __always_inline void read_outcome(struct recipient *r, struct task_struct *task, __s32 sig,
					 int group, int result)
{
	__u32 flags = task->signal->flags;

	r->outcome = result;
	r->disposition = read_disposition(task, sig);
	r->threads = task->signal->nr_threads;
	r->flags = 0;
	if (result != OUTCOME_IGNORED && result != OUTCOME_OVERFLOW) {
		note_asked(sig, r->process.tgid);
		r->flags = read_fate(r, task, sig, group);
		return;
	}
	if (sig == SIGCONT && flags & SIGNAL_CLD_MASK)
		r->outcome = OUTCOME_CONTINUED;
	if (flags & SIGNAL_UNKILLABLE && !(flags & SIGNAL_GROUP_EXIT) &&
	    r->disposition == DISPOSITION_DEFAULT && may_end(sig))
		r->flags = RECIPIENT_SPARED_INIT;
}

/* For a target that was looked up: the kernel generated no signal. */
static __always_inline void clear_outcome(struct recipient *r)
{
	r->outcome = OUTCOME_NONE;
	r->disposition = 0;
	r->flags = 0;
	r->threads = 0;
}

#endif
