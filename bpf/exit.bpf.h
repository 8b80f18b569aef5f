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

/* Sends a call, and first what the poller does not know of its sender. */
static __always_inline void send_call(void *ctx, struct call *call, struct slot *slot,
				      enum hook hook)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	__u64 size = sizeof(*call);

	read_current(&call->sender);
	announce_image(ctx, task, &call->sender, slot ? &slot->image : 0, hook);
	announce_cgroup(ctx, task, call->sender.cgroup_key, slot ? &slot->sender_cgroup : 0, hook);
	if (!(call->flags & CALL_HAS_RECIPIENT))
		size = __builtin_offsetof(struct call, recipient);
	send_record(ctx, &call->header, size);
}

/* Is its target wanted, as far as that is known? */
static __always_inline int wants_finished(const struct filters *f, struct call *call,
					  const struct slot *slot)
{
	if (!asks_for_target(f) || (slot && slot->target_matched))
		return 1;
	if (f->fatal_only || call->recipient_count)
		return 0;
	if (call->flags & CALL_HAS_RECIPIENT)
		return wants_target(f, &call->recipient);
	call->flags |= CALL_UNDECIDED;
	return 1;
}

/* Completes a call that returned, and sends it if it is wanted. */
static __always_inline void finish_call(void *ctx, struct call *call, struct slot *slot, __s32 ret,
					enum hook hook)
{
	const struct filters *f = slot ? slot_filters(slot) : current_filters();

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
	if (wants_finished(f, call, slot))
		send_call(ctx, call, slot, hook);
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

static __always_inline int probe_exit(void *ctx, int syscall, __s32 ret)
{
	struct counters *c;
	struct slot *slot;
	enum slot_state state;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = current_slot();
	if (!slot || (int)slot->call.syscall != syscall || slot->state == SLOT_TOLD) {
		exit_without_entry(ctx, ret, HOOK_EXIT);
		return 0;
	}
	state = slot->state;
	slot->state = SLOT_IDLE;
	c = attach_mode == ATTACH_KPROBE ? cpu_counters() : 0;
	if (c && state == SLOT_DONE)
		c->exits_seen_twice++;
	else if (c)
		c->kprobe_missed++;
	if (state == SLOT_WANTED)
		finish_call(ctx, &slot->call, slot, ret, HOOK_EXIT);
	return 0;
}

/* Of a system call in whichever ABI. */
static __always_inline int probe_raw_exit(void *ctx, __u32 nr, __s32 ret)
{
	int syscall;

	if (!may_be_sender(nr))
		return 0;
	syscall = sender_of(nr, current_abi(nr));
	return syscall == NO_SENDER ? 0 : probe_exit(ctx, syscall, ret);
}

/* Of the function behind a system call. */
static __always_inline int probe_function_exit(void *ctx, __s32 ret)
{
	struct counters *c;
	struct slot *slot;
	enum slot_state state;
	int native;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = current_slot();
	state = slot ? slot->state : SLOT_IDLE;
	if (!slot || (state != SLOT_WANTED && state != SLOT_UNWANTED)) {
		exit_without_entry(ctx, ret, HOOK_KPROBE);
		return 0;
	}
	native = slot->call.abi == ABI_NATIVE;
	if (native && attach_mode != ATTACH_KPROBE)
		return 0;
	slot->state = native ? SLOT_DONE : SLOT_IDLE;
	c = native ? cpu_counters() : 0;
	if (c)
		c->kprobe_exits++;
	if (state == SLOT_WANTED)
		finish_call(ctx, &slot->call, slot, ret, HOOK_KPROBE);
	return 0;
}

#endif
