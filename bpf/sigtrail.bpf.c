// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every call that sends a signal: the entry probe notes the call in its thread's
 * slot, the witness adds whom the kernel signals, and the exit probe completes
 * the call with who made it and sends it to the poller.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "event.h"
#include "arch.bpf.h"
#include "maps.bpf.h"
#include "filter.bpf.h"
#include "identity.bpf.h"
#include "sender.bpf.h"
#include "witness.bpf.h"

static const struct slot new_slot;

/* Can an exit without an entry still tell its arguments? (5.15 and later) */
static __always_inline int can_read_saved_args(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

static __always_inline int probe_entry(const struct args *a)
{
	__u32 tid = bpf_get_current_pid_tgid();
	const struct filters *f = current_filters();
	struct slot *slot;
	int canary, wanted;

	if (trace_state != TRACE_ON)
		return 0;
	canary = is_canary(a->syscall, a->arg[0], args_sig(a));
	wanted = canary || wants_call(f, a->syscall, args_sig(a));
	/* Without saved registers only a slot tells the exit "not wanted". */
	if (!wanted && can_read_saved_args())
		return 0;

	slot = bpf_map_lookup_elem(&inflight, &tid);
	if (!slot) {
		bpf_map_update_elem(&inflight, &tid, &new_slot, BPF_ANY);
		slot = bpf_map_lookup_elem(&inflight, &tid);
	}
	if (!slot) {
		struct counters *c = cpu_counters();

		if (c)
			c->inflight_full++;
		return 0;
	}
	start_call(&slot->call, a);
	if (canary)
		slot->call.header.kind = RECORD_CANARY;
	slot->bank = f->bank;
	slot->start_time = current_start_time();
	slot->target_matched = 0;
	slot->state = wanted ? SLOT_WANTED : SLOT_UNWANTED;
	return 0;
}

/* Looking a target up costs as much as all the rest, and floods of signal 0
 * ask for the same one: what was found stands for this long.
 */
#define LOOKED_UP_NS 1000000

/*
 * A call that signalled nobody (it failed, or signal 0 only asked) names its
 * target by number alone: newer kernels can still be asked who that is.
 */
static __always_inline void look_up_target(void *ctx, struct call *call, struct slot *slot)
{
	struct recipient *r = &call->recipient;
	struct task_struct *task;
	int how, pidfd = call->syscall == SYSCALL_PIDFD_SEND_SIGNAL;
	int group = is_process_call(call);
	__s32 pid = names_two(call->syscall) ? call->target_tid : call->target;

	if (pidfd)
		pid = is_group_call(call) ? 0 : call->pidfd_pid;
	if (pid <= 0 || !bpf_ksym_exists(bpf_task_from_vpid))
		return;
	/* A pidfd's number is the initial namespace's, the others the sender's. */
	how = group | pidfd << 1;
	if (slot && !call->ret && slot->looked_up == pid && slot->looked_up_how == how &&
	    call->header.time_ns - slot->looked_up_ns < LOOKED_UP_NS) {
		call->flags |= CALL_HAS_RECIPIENT;
		return;
	}
	task = pidfd ? bpf_task_from_pid(pid) : bpf_task_from_vpid(pid);
	if (!task)
		return;
	read_recipient(r, task, group);
	r->outcome = OUTCOME_NONE;
	r->disposition = 0;
	r->blocked = 0;
	r->fatal = 0;
	call->flags |= CALL_HAS_RECIPIENT;
	if (!slot || slot->target_cgroup != r->process.cgroup_key) {
		announce_cgroup(ctx, task, r->process.cgroup_key, SCRATCH_IDENTITY);
		if (slot)
			slot->target_cgroup = r->process.cgroup_key;
	}
	if (slot) {
		slot->looked_up = pid;
		slot->looked_up_how = how;
		slot->looked_up_ns = call->header.time_ns;
	}
	bpf_task_release(task);
}

/* Completes a call that returned, and sends it if its target is wanted. */
static __always_inline void finish_call(void *ctx, struct call *call, struct slot *slot, __s32 ret)
{
	struct task_struct *task = (void *)bpf_get_current_task();
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
		look_up_target(ctx, call, slot);
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
	read_current(&call->sender);
	announce_image(ctx, task, slot, &call->sender);
	if (!slot || slot->sender_cgroup != call->sender.cgroup_key) {
		announce_cgroup(ctx, task, call->sender.cgroup_key, SCRATCH_IDENTITY);
		if (slot)
			slot->sender_cgroup = call->sender.cgroup_key;
	}
	if (!(call->flags & CALL_HAS_RECIPIENT))
		size = __builtin_offsetof(struct call, recipient);
	send_record(ctx, &call->header, size);
}

/* Seccomp refuses a call before its entry is traced, and slots can run out. */
static __always_inline void exit_without_entry(void *ctx, __s32 ret)
{
	struct call *call;
	struct args a;
	int canary;

	if (trace_state != TRACE_ON)
		return;
	if (!can_read_saved_args()) {
		struct counters *c = cpu_counters();

		if (c)
			c->entry_missing++;
		return;
	}
	read_current_args(&a);
	if (a.syscall == NO_SENDER)
		return;
	call = scratch(SCRATCH_CALL);
	canary = is_canary(a.syscall, a.arg[0], args_sig(&a));
	if (!call || (!canary && !wants_call(current_filters(), a.syscall, args_sig(&a))))
		return;
	start_call(call, &a);
	call->flags |= CALL_ENTRY_MISSING;
	if (canary)
		call->header.kind = RECORD_CANARY;
	finish_call(ctx, call, 0, ret);
}

static __always_inline int probe_exit(void *ctx, int syscall, __s32 ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot;
	enum slot_state state;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = bpf_map_lookup_elem(&inflight, &tid);
	if (!slot || slot->state == SLOT_IDLE || (int)slot->call.syscall != syscall ||
	    slot->start_time != current_start_time()) {
		exit_without_entry(ctx, ret);
		return 0;
	}
	state = slot->state;
	slot->state = SLOT_IDLE;
	if (state == SLOT_WANTED)
		finish_call(ctx, &slot->call, slot, ret);
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

char LICENSE[] SEC("license") = "Dual BSD/GPL";
