// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every call that sends a signal: the entry probe notes the call in its thread's
 * slot, the witness adds whom the kernel signals, and the exit probe completes
 * the call with who made it and sends it to the poller.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "call.bpf.h"
#include "death.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "slot.bpf.h"
#include "witness.bpf.h"

static __always_inline int probe_entry(const struct args *a)
{
	const struct filters *f = current_filters();
	struct slot *slot;
	int canary, wanted;

	if (trace_state != TRACE_ON)
		return 0;
	canary = is_canary(a->syscall, a->arg[0], args_sig(a));
	wanted = canary || wants_call(f, a->syscall, args_sig(a));
	/* With kprobes only a slot tells the exit "not wanted" from a call that
	 * did not get so far.
	 */
	if (!wanted && attach_mode != ATTACH_KPROBE)
		return 0;
	slot = take_slot();
	if (!slot)
		return 0;
	fill_slot(slot, a, f, wanted ? SLOT_WANTED : SLOT_UNWANTED);
	if (canary)
		slot->call.header.kind = RECORD_CANARY;
	return 0;
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

/* One place for each system call's entry: the tracepoint of one with two
 * arguments lets nobody read a third.
 */
SEC("tracepoint/syscalls/sys_enter_kill")
int kill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_KILL, ABI_NATIVE, { ctx->args[0], ctx->args[1] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_tkill")
int tkill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_TKILL, ABI_NATIVE, { ctx->args[0], ctx->args[1] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_tgkill")
int tgkill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_TGKILL,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_rt_sigqueueinfo")
int rt_sigqueueinfo_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_RT_SIGQUEUEINFO,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_rt_tgsigqueueinfo")
int rt_tgsigqueueinfo_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_RT_TGSIGQUEUEINFO,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_pidfd_send_signal")
int pidfd_send_signal_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_PIDFD_SEND_SIGNAL,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3] } };

	return probe_entry(&a);
}

/* Attached to all six. */
SEC("tracepoint")
int syscall_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, sender_of(ctx->nr, ABI_NATIVE), ctx->ret);
}

/* Calls in all ABIs, for the price of a look at each system call. */
SEC("tracepoint/raw_syscalls/sys_enter")
int raw_enter(struct raw_syscall_enter *ctx)
{
	struct args a;

	if (!may_be_sender(ctx->id))
		return 0;
	a.abi = current_abi(ctx->id);
	a.syscall = sender_of(ctx->id, a.abi);
	if (a.syscall == NO_SENDER)
		return 0;
	for (int i = 0; i < 4; i++)
		a.arg[i] = a.abi == ABI_NATIVE ? ctx->args[i] : (__u32)ctx->args[i];
	return probe_entry(&a);
}

SEC("tracepoint/raw_syscalls/sys_exit")
int raw_exit(struct raw_syscall_exit *ctx)
{
	int syscall;

	if (!may_be_sender(ctx->id))
		return 0;
	syscall = sender_of(ctx->id, current_abi(ctx->id));
	return syscall == NO_SENDER ? 0 : probe_exit(ctx, syscall, ctx->ret);
}

/*
 * Attached to the functions behind the system calls: those of 32-bit callers,
 * or all. Each has the caller's registers as its argument.
 */
SEC("kprobe")
int kprobe_enter(struct pt_regs *ctx)
{
	struct pt_regs *regs = first_arg(ctx);
	struct args a;
	__u32 nr = saved_nr(regs, 0);

	a.abi = current_abi(nr);
	a.syscall = sender_of(nr, a.abi);
	if (a.syscall == NO_SENDER || (a.abi == ABI_NATIVE && attach_mode != ATTACH_KPROBE))
		return 0;
	read_saved_args(&a, regs, 0);
	return probe_entry(&a);
}

SEC("kretprobe")
int kprobe_exit(struct pt_regs *ctx)
{
	struct counters *c;
	struct slot *slot;
	enum slot_state state;
	__s32 ret = returned(ctx);
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

/* (sig, siginfo, task, group, result) */
SEC("tp_btf/signal_generate")
int signal_witness(__u64 *ctx)
{
	struct kernel_siginfo *info = (void *)ctx[1];
	struct task_struct *task = (void *)ctx[2];
	__s32 sig = ctx[0];
	struct recipient_record *record;
	const struct filters *f;
	struct recipient *r;
	struct slot *slot;
	int follows;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = witnessed_slot(sig, info, task);
	if (!slot)
		return 0;
	if (info && slot->call.flags & CALL_HAS_INFO)
		correct_sent_info(&slot->call, info, task);
	/* One recipient rides in its call's record. */
	if (is_group_call(&slot->call)) {
		record = scratch(HOOK_WITNESS, SCRATCH_CALL);
		if (!record)
			return 0;
		record->header.time_ns = bpf_ktime_get_ns();
		record->header.kind = RECORD_RECIPIENT;
		record->call_time_ns = slot->call.header.time_ns;
		record->tid = bpf_get_current_pid_tgid();
		r = &record->recipient;
	} else {
		record = 0;
		r = &slot->call.recipient;
		slot->call.flags |= CALL_HAS_RECIPIENT;
		slot->looked_up = 0;
	}
	read_recipient(r, task, ctx[3], 1);
	read_outcome(r, task, sig, ctx[4]);
	if (!slot->call.recipient_count++)
		slot->first_tid = task->pid;
	if (r->fatal)
		announce_victim(ctx, task, &r->process);

	f = slot_filters(slot);
	if (f->sets & TARGET_SETS || f->fatal_only)
		slot->target_matched |= wants_target(f, r);
	else
		slot->target_matched = 1;
	announce_cgroup(ctx, task, r->process.cgroup_key, &slot->target_cgroup, HOOK_WITNESS);
	if (record && send_record(ctx, &record->header, sizeof(*record)))
		slot->call.recipients_refused++;

	follows = exits_probed >> slot->call.abi & 1 || !(slot->call.flags & CALL_ENTRY_MISSING);
	if (follows && !exits_skippable)
		return 0;
	if (!slot->witnessed && slot->target_matched)
		tell_witnessed(ctx, slot, follows);
	if (!follows)
		slot->state = is_group_call(&slot->call) ? SLOT_TOLD : SLOT_IDLE;
	return 0;
}

/* (task, ...) */
SEC("tp_btf/sched_process_exit")
int thread_death(__u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];

	if (trace_state == TRACE_ON && (task->exit_code & 0x7f) == SIGSYS)
		death_by_sigsys(ctx, task);
	return 0;
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
