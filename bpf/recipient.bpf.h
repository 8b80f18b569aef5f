/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whom a signal reached, and what the kernel did with it. */
#ifndef SIGTRAIL_RECIPIENT_BPF_H
#define SIGTRAIL_RECIPIENT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "process.bpf.h"
#include "verifier.bpf.h"

#define SIGNAL_GROUP_EXIT 0x4

/* QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ and SYS dump core. The kernel
 * decides on that when the signal is taken, so here it has to be predicted.
 */
#define CORE_DUMPS                                                                                 \
	(1ULL << 2 | 1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 10 |      \
	 1ULL << 23 | 1ULL << 24 | 1ULL << 30)

static __always_inline enum disposition read_disposition(struct task_struct *task, __s32 sig)
{
	__u64 offset = bpf_core_field_offset(struct sighand_struct, action) +
		       (sig - 1) * bpf_core_type_size(struct k_sigaction) +
		       bpf_core_field_offset(struct k_sigaction, sa.sa_handler);
	__u64 handler = 0;

	bpf_probe_read_kernel(&handler, sizeof(handler), (void *)task->sighand + offset);
	return handler > 1 ? DISPOSITION_HANDLER : handler;
}

/* Reads who the recipient is, and its number in the sender's pid namespace. */
static __always_inline void read_recipient(struct recipient *r, struct task_struct *task, int group,
					   const int typed)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	__u32 level = current_ns_level();
	struct task_struct *leader;
	struct pid *own, *pid;

	read_process(&r->process, task, typed);
	leader = READ(typed, task, group_leader);
	read_comm(r->process.comm, group ? leader : task, typed);
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

/* Reads what the kernel did with the signal. `task` is typed. */
static __always_inline void read_outcome(struct recipient *r, struct task_struct *task, __s32 sig,
					 int result)
{
	__u64 bit = 1ULL << (sig - 1);

	r->outcome = result;
	r->disposition = read_disposition(task, sig);
	r->blocked = (task->blocked.sig[0] & bit) != 0;
	r->fatal = 0;
	if (result != OUTCOME_DELIVERED)
		return;
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		r->fatal = 1;
	else if (CORE_DUMPS & bit)
		r->fatal = r->disposition == DISPOSITION_DEFAULT && !r->blocked;
}

/* For a target that was looked up: the kernel generated no signal. */
static __always_inline void clear_outcome(struct recipient *r)
{
	r->outcome = OUTCOME_NONE;
	r->disposition = 0;
	r->blocked = 0;
	r->fatal = 0;
}

#endif
