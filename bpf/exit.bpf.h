/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a call ends: its result, and its way to the poller. */
#ifndef SIGTRAIL_EXIT_BPF_H
#define SIGTRAIL_EXIT_BPF_H

/* Can an exit without an entry still tell its arguments? (5.15 and later) */
static __always_inline int can_read_saved_args(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
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

/* Seccomp refuses a call before its entry is traced, and slots can run out. */
static __always_inline void exit_without_entry(void *ctx, __s32 ret, enum hook hook)
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
	/* The exit tracepoint tells those that do not get to the kprobes. */
	if (a.syscall == NO_SENDER || (hook == HOOK_KPROBE && a.abi == ABI_NATIVE))
		return;
	call = scratch(hook, SCRATCH_CALL);
	canary = is_canary(a.syscall, a.arg[0], args_sig(&a));
	if (!call || (!canary && !wants_call(current_filters(), a.syscall, args_sig(&a))))
		return;
	start_call(call, &a);
	call->flags |= CALL_ENTRY_MISSING;
	if (canary)
		call->header.kind = RECORD_CANARY;
	finish_call(ctx, call, 0, ret, hook);
}

#endif
