/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * How a call ends: its result is known, and it goes to the poller.
 *
 * Constraints. An exit may come without an entry: seccomp refuses a call before its
 * entry is traced, and slots run out. With kprobes, two programs look at the exit of
 * a native call, and one may miss it: the kretprobe does if the call never reached
 * its function, the tracepoint if the kernel skips it. In the light mode the kretprobe
 * is alone, and misses an exit where too many threads are in its function. Each call must be sent exactly
 * once, and each way to see less must be counted. A thread that seccomp kills may
 * have no exit at all: death.bpf.h sees to that.
 *
 * Operation. An exit that finds its system call in the thread's slot takes the call
 * from there. Where two programs see the exit, the kretprobe comes first: it sends
 * the call and leaves the slot completed, and the tracepoint only counts. An exit that
 * finds no such slot reads the call from the registers that were saved at the entry
 * into the kernel. Either way finish_call() adds what only the end knows: the result;
 * the target, if no signal showed it; whether that target is wanted; and last the
 * sender, which costs most.
 */
#ifndef SIGTRAIL_EXIT_BPF_H
#define SIGTRAIL_EXIT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "arranger.bpf.h"
#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "lookup.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"
#include "slot.bpf.h"

/* Fills in the sender and sends the call, after its sender's cgroup. */
static __always_inline void send_call(void *ctx, struct call *call, struct slot *slot,
				      enum hook hook)
{
	struct task_struct *task = current_task();
	__u64 size = sizeof(*call);

	read_current(&call->sender);
	find_host_mnt_ns();
	send_cgroup_once(ctx, task, call->sender.cgroup_key, slot ? &slot->sender_cgroup : 0, hook);
	send_writer(ctx, &call->sender, call->header.time_ns, hook);
	if (!(call->flags & CALL_HAS_RECIPIENT))
		size = __builtin_offsetof(struct call, recipient);
	send_record(ctx, &call->header, size, hook);
}

/* Whether the filters want the call's target. The poller decides what is unknown. */
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

/* Completes a call that returned and sends it, if it is wanted. */
static __always_inline void finish_call(void *ctx, struct call *call, struct slot *slot, __s32 ret,
					enum hook hook)
{
	const struct filters *f = slot ? slot_filters(slot) : current_filters();

	if (call->header.kind == RECORD_CANARY) {
		send_record(ctx, &call->header, sizeof(call->header), hook);
		return;
	}
	if (f->failed_only && ret >= 0)
		return;
	call->ret = ret;
	/* The descriptor was no pidfd, whatever its file looked like. */
	if (ret == -EBADF)
		call->pidfd_pid = 0;
	if (is_group_call(call))
		look_up_group(ctx, call, slot, hook);
	else if (!call->recipient_count)
		look_up_target(ctx, call, slot, hook);
	if (wants_finished(f, call, slot))
		send_call(ctx, call, slot, hook);
}

/*
 * Whether seccomp restored the registers, which it does when it kills. The result
 * register then holds what no call returns: the call's number, or on arm64 its first
 * argument. A group's argument is negative like an errno, so a pending SIGSYS must
 * confirm it.
 */
static __always_inline int are_registers_restored(const struct args *a, __s32 ret)
{
	struct task_struct *task = current_task();

	return ret > 0 || (restores_argument() && ret == (__s32)a->arg[0] &&
			   BPF_CORE_READ(task, pending.signal.sig[0]) >> (SIGSYS - 1) & 1);
}

/* Sends a call of which only the end was seen. Its arguments are from the registers. */
static __always_inline void finish_unseen(void *ctx, const struct args *a, __s32 ret,
					  enum hook hook)
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

/* An exit whose entry was missed. */
static __always_inline void exit_without_entry(void *ctx, __s32 ret, enum hook hook)
{
	struct counters *c;
	struct args a;

	if (trace_state != TRACE_ON)
		return;
	read_current_args(&a);
	/* The exit tracepoint sends native calls that never reached the kprobes. */
	if (hook == HOOK_KPROBE && a.abi == ABI_NATIVE && attach_mode != ATTACH_LIGHT)
		return;
	if (a.syscall == NO_SYSCALL) {
		c = hook == HOOK_EXIT ? cpu_counters() : 0;
		if (c)
			c->entry_missing++;
		return;
	}
	/* Restored registers mean that the call was not let in. */
	finish_unseen(ctx, &a, are_registers_restored(&a, ret) ? -ENOSYS : ret, hook);
}

/* The exit of one of the six calls, at its tracepoint. */
static __always_inline int probe_exit(void *ctx, int syscall, __s32 ret)
{
	struct counters *c;
	struct slot *slot;
	enum slot_state state;

	if (trace_state < TRACE_ON)
		return 0;
	slot = current_slot();
	if (!slot || (int)slot->call.syscall != syscall || slot->state == SLOT_SENT) {
		exit_without_entry(ctx, ret, HOOK_EXIT);
		return 0;
	}
	state = slot->state;
	slot->state = SLOT_IDLE;
	c = attach_mode == ATTACH_KPROBE ? cpu_counters() : 0;
	if (c && state == SLOT_COMPLETED)
		c->exits_seen_twice++;
	else if (c)
		c->kprobe_missed++;
	if (state == SLOT_WANTED)
		finish_call(ctx, &slot->call, slot, ret, HOOK_EXIT);
	return 0;
}

/* The exit of any system call, in any ABI. */
static __always_inline int probe_raw_exit(void *ctx, __u32 nr, __s32 ret)
{
	int syscall;

	if (!may_send_signal(nr))
		return 0;
	syscall = syscall_of(nr, current_abi(nr));
	return syscall == NO_SYSCALL ? 0 : probe_exit(ctx, syscall, ret);
}

/* The exit of the function behind a call. */
static __always_inline int probe_function_exit(void *ctx, __s32 ret)
{
	struct counters *c;
	struct slot *slot;
	enum slot_state state;
	int tracepoint_follows;

	if (trace_state < TRACE_ON)
		return 0;
	slot = current_slot();
	state = slot ? slot->state : SLOT_IDLE;
	if (!slot || (state != SLOT_WANTED && state != SLOT_UNWANTED)) {
		exit_without_entry(ctx, ret, HOOK_KPROBE);
		return 0;
	}
	tracepoint_follows = slot->call.abi == ABI_NATIVE && attach_mode != ATTACH_LIGHT;
	if (tracepoint_follows && attach_mode != ATTACH_KPROBE)
		return 0;
	slot->state = tracepoint_follows ? SLOT_COMPLETED : SLOT_IDLE;
	c = tracepoint_follows ? cpu_counters() : 0;
	if (c)
		c->kprobe_exits++;
	if (state == SLOT_WANTED)
		finish_call(ctx, &slot->call, slot, ret, HOOK_KPROBE);
	return 0;
}

#endif
