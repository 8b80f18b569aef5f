/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who really got a signal, and what the kernel did with it. */
#ifndef SIGTRAIL_WITNESS_BPF_H
#define SIGTRAIL_WITNESS_BPF_H

#define SIGNAL_GROUP_EXIT 0x4
#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TKILL (-6)

/* QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS: dumping core is
 * decided when they are taken, so it has to be foretold here.
 */
#define CORE_DUMPS                                                                                 \
	(1ULL << 2 | 1ULL << 3 | 1ULL << 4 | 1ULL << 5 | 1ULL << 6 | 1ULL << 7 | 1ULL << 10 |      \
	 1ULL << 23 | 1ULL << 24 | 1ULL << 30)

static __always_inline enum disposition read_disposition(struct task_struct *task, __s32 sig)
{
	__u64 place = bpf_core_field_offset(struct sighand_struct, action) +
		      (sig - 1) * bpf_core_type_size(struct k_sigaction) +
		      bpf_core_field_offset(struct k_sigaction, sa.sa_handler);
	__u64 handler = 0;

	bpf_probe_read_kernel(&handler, sizeof(handler), (void *)task->sighand + place);
	return handler > 1 ? DISPOSITION_HANDLER : handler;
}

/* A process as the current one addresses it. `task` is typed. */
static __always_inline void read_recipient(struct recipient *r, struct task_struct *task, int group)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	__u32 level = current_ns_level();
	struct pid *own, *pid;

	read_process(&r->process, task, 1);
	read_comm(r->process.comm, group ? task->group_leader : task, 1);
	r->sender_ns_pid = r->process.tgid;
	/* In the initial namespace every process has its global number. */
	if (!level)
		return;
	r->sender_ns_pid = 0;
	own = BPF_CORE_READ(sender, thread_pid);
	pid = task->group_leader->thread_pid;
	if (pid && level <= r->process.ns_level) {
		struct upid upid = read_upid(pid, level);

		if (upid.ns == read_upid(own, level).ns)
			r->sender_ns_pid = upid.nr;
	}
}

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

/* Can that be said of a signal that a process sent with this call? Timers, too,
 * come in any task's context.
 */
static __always_inline int is_code_of(const struct call *call, __s32 code)
{
	if (code == SI_USER || code == SI_TKILL)
		return 1;
	/* What the sender has claimed; it may claim another in between. */
	return call->syscall >= SYSCALL_RT_SIGQUEUEINFO &&
	       (code == SI_QUEUE || (call->flags & CALL_HAS_INFO && code == call->si_code));
}

/* Is this signal the one that the call in flight sends? Since 7.3 kill()
 * passes no siginfo (0).
 */
static __always_inline int is_sent_by(const struct call *call, __s32 sig,
				      struct kernel_siginfo *info)
{
	if (sig != call->sig || sig < 1 || sig > 64)
		return 0;
	if (!info)
		return 1;
	if ((__u64)info == 1)
		return 0;
	return is_code_of(call, BPF_CORE_READ(info, si_code));
}

/*
 * A signal without a call in flight. Most are the kernel's own. If the thread
 * is in a call that sends this one, its entry was skipped, or nobody sees
 * entries of its ABI: then the call begins here.
 */
static __always_inline struct slot *late_entry(__s32 sig, struct kernel_siginfo *info)
{
	const struct filters *f = current_filters();
	struct slot *slot;
	struct args a;

	if (trace_state != TRACE_ON || (__u64)info == 1)
		return 0;
	/* In the order of what each costs. */
	if (!wants_sent(f, sig) || (info && BPF_CORE_READ(info, si_code) > 0))
		return 0;
	read_current_args(&a);
	if (a.syscall == NO_SENDER || args_sig(&a) != sig || !wants_syscall(f, a.syscall))
		return 0;
	slot = take_slot();
	if (!slot)
		return 0;
	fill_slot(slot, &a, f, SLOT_WANTED);
	slot->call.flags |= CALL_ENTRY_MISSING;
	if (!is_sent_by(&slot->call, sig, info)) {
		slot->state = SLOT_IDLE;
		return 0;
	}
	return slot;
}

/* No group takes longer than that, if nobody sees its end. */
#define GROUP_NS 100000000

/* May this be one more of those whom the call reaches? One process is reached
 * once, and no group has a member twice: then the call's exit was missed, and
 * the entry of the next one, too.
 */
static __always_inline int reaches(const struct slot *slot, struct task_struct *task)
{
	if (!slot->call.recipient_count)
		return 1;
	if (!is_group_call(&slot->call) || slot->first_tid == (__u32)task->pid)
		return 0;
	return slot->state != SLOT_TOLD ||
	       bpf_ktime_get_ns() - slot->call.header.time_ns < GROUP_NS;
}

/* The slot of the call that sends this signal; 0: no call does. */
static __always_inline struct slot *witnessed_slot(__s32 sig, struct kernel_siginfo *info,
						   struct task_struct *task)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot = bpf_map_lookup_elem(&inflight, &tid);

	if (slot && slot->start_time == current_start_time()) {
		if (slot->state == SLOT_UNWANTED)
			return 0;
		if ((slot->state == SLOT_WANTED || slot->state == SLOT_TOLD) && reaches(slot, task))
			return is_sent_by(&slot->call, sig, info) ? slot : 0;
	}
	return late_entry(sig, info);
}

/* Tells of the call at once: its exit will not, or may not. */
static __always_inline void tell_witnessed(void *ctx, struct slot *slot, int follows)
{
	struct call *call = &slot->call;
	__u64 size = sizeof(*call);
	__u32 flags = call->flags;
	const struct filters *f = slot_filters(slot);

	slot->witnessed = 1;
	/* A call that signals has not failed. */
	if (f->failed_only)
		return;
	read_sender(ctx, call, slot, HOOK_WITNESS);
	if (!(flags & CALL_HAS_RECIPIENT))
		size = __builtin_offsetof(struct call, recipient);
	call->ret = 0;
	call->flags |= CALL_WITNESS_ONLY;
	if (follows)
		call->header.kind = RECORD_WITNESS;
	send_record(ctx, &call->header, size);
	call->header.kind = RECORD_CALL;
	call->flags = flags;
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
	read_recipient(r, task, ctx[3]);
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

#endif
