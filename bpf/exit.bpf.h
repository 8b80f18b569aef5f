/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a call ends: its result, and its way to the poller. */
#ifndef SIGTRAIL_EXIT_BPF_H
#define SIGTRAIL_EXIT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "image.bpf.h"
#include "lookup.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"
#include "slot.bpf.h"

/* Fills in who calls, and tells the poller what it does not know of that. */
static __always_inline void read_sender(void *ctx, struct call *call, struct slot *slot,
					enum hook hook)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	read_current(&call->sender);
	announce_image(ctx, task, &call->sender, slot ? &slot->image : 0, hook);
	announce_cgroup(ctx, task, call->sender.cgroup_key, slot ? &slot->sender_cgroup : 0, hook);
}

/* Completes a call that returned, and sends it if its target is wanted. */
static __always_inline void finish_call(void *ctx, struct call *call, struct slot *slot, __s32 ret,
					enum hook hook)
{
	const struct filters *f = slot ? slot_filters(slot) : current_filters();
	__u64 size = sizeof(*call);

	if (call->header.kind == RECORD_CANARY) {
		send_record(ctx, &call->header, sizeof(call->header));
		return;
	}
	if (f->failed_only && ret >= 0)
		return;
	call->ret = ret;
	/* No pidfd, whatever the file looked like. */
	if (ret == -EBADF)
		call->pidfd_pid = 0;
	if (!call->recipient_count)
		look_up_target(ctx, call, slot, hook);
	if (f->fatal_only && !(slot && slot->target_matched))
		return;
	if (f->sets & TARGET_SETS && !(slot && slot->target_matched)) {
		if (call->recipient_count)
			return;
		if (!(call->flags & CALL_HAS_RECIPIENT))
			call->flags |= CALL_UNDECIDED;
		else if (!wants_target(f, &call->recipient))
			return;
	}
	read_sender(ctx, call, slot, hook);
	if (!(call->flags & CALL_HAS_RECIPIENT))
		size = __builtin_offsetof(struct call, recipient);
	send_record(ctx, &call->header, size);
}

/*
 * Has seccomp put the registers back, for whoever looks at the dead? Where the
 * result would be stands what no call returns then: its number, or on arm64 its
 * first argument. Unless that is a group's: but then the end is on its way.
 */
static __always_inline int is_rolled_back(const struct args *a, __s32 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return ret > 0 || (puts_back_argument() && ret == (__s32)a->arg[0] &&
			   BPF_CORE_READ(task, pending.signal.sig[0]) >> (SIGSYS - 1) & 1);
}

/* A call of which nothing was seen before its end: that of its registers. */
static __always_inline void tell_unseen(void *ctx, const struct args *a, __s32 ret, enum hook hook)
{
	struct call *call = scratch(hook, SCRATCH_CALL);
	int canary = is_canary(a->syscall, a->arg[0], args_sig(a));

	if (!call || (!canary && !wants_call(current_filters(), a->syscall, args_sig(a))))
		return;
	start_call(call, a);
	call->flags |= CALL_ENTRY_MISSING;
	if (canary)
		call->header.kind = RECORD_CANARY;
	finish_call(ctx, call, 0, ret, hook);
}

/* Seccomp refuses a call before its entry is traced, and slots can run out. */
static __always_inline void exit_without_entry(void *ctx, __s32 ret, enum hook hook)
{
	struct counters *c;
	struct args a;

	if (trace_state != TRACE_ON)
		return;
	read_current_args(&a);
	/* The exit tracepoint tells those that do not get to the kprobes. */
	if (hook == HOOK_KPROBE && a.abi == ABI_NATIVE)
		return;
	if (a.syscall == NO_SENDER) {
		c = hook == HOOK_EXIT ? cpu_counters() : 0;
		if (c)
			c->entry_missing++;
		return;
	}
	/* Then it was not let in. */
	tell_unseen(ctx, &a, is_rolled_back(&a, ret) ? -ENOSYS : ret, hook);
}

#endif
