/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a signal adds to the call that sent it: whom it reached, and what the kernel
 * did with it.
 *
 * Constraints. The witness, at signal_generate, has missed nothing on any kernel
 * tried, while entries and exits of calls may be skipped, or not be probed. It gets a
 * signal, not a call: where it sees no entry and no exit, it must tell one call from
 * the next by what cannot happen within one. A call to one process signals once. A
 * call to a group signals each member once, in the order of the kernel's list.
 *
 * Operation. A signal that a call sent is added to the call in the thread's slot. If
 * that is another call, or none, the call begins here, with the arguments from the
 * saved registers. Where a call's exit is not probed, or may be skipped, the witness
 * sends the call.
 */
#ifndef SIGTRAIL_WITNESS_BPF_H
#define SIGTRAIL_WITNESS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "filter.bpf.h"
#include "generated.bpf.h"
#include "maps.bpf.h"
#include "origin.bpf.h"
#include "recipient.bpf.h"
#include "slot.bpf.h"

/* How far a list is searched. */
#define MOST_BETWEEN 64
/* How much later in the list a process may have started earlier. */
#define FORK_NS 10000000

/*
 * As comes_after(), in the list of a process group. One that is too far from the last
 * recipient counts as later.
 */
static __always_inline int comes_after_in_group(const struct slot *slot, struct task_struct *leader)
{
	const int pgid = 2;
	const __u64 link = bpf_core_field_offset(struct task_struct, pid_links[pgid]);
	const __u64 last = slot->last_leader + link;
	const __u64 head = (__u64)BPF_CORE_READ(leader, signal, pids[pgid]) +
			   bpf_core_field_offset(struct pid, tasks[pgid]);
	struct hlist_node *before = (void *)leader + link, *behind = before;

	for (int i = 0; i < MOST_BETWEEN; i++) {
		before = (void *)BPF_CORE_READ(before, pprev);
		if ((__u64)before == last)
			return 1;
		behind = BPF_CORE_READ(behind, next);
		if (!before || (__u64)before == head || (__u64)behind == last)
			return 0;
	}
	return 1;
}

/*
 * As comes_after(), in the list of all processes, oldest first. Those that were forked
 * at the same moment may be in any order.
 */
static __always_inline int comes_after_in_all(const struct slot *slot, struct task_struct *leader)
{
	const __u64 link = bpf_core_field_offset(struct task_struct, tasks);
	const __u64 start = BPF_CORE_READ(leader, start_boottime), last = slot->last_start_ns;
	struct task_struct *before = leader;

	if (start > last + FORK_NS)
		return 1;
	for (int i = 0; i < MOST_BETWEEN; i++) {
		before = (void *)BPF_CORE_READ(before, tasks.prev) - link;
		if ((__u64)before == slot->last_leader)
			return 1;
		/* The list's head started at 0. */
		if (BPF_CORE_READ(before, start_boottime) + FORK_NS < last)
			return 0;
	}
	return start > last;
}

/*
 * Whether a recipient comes after the last one of this call, as the kernel walks a
 * group. Otherwise it belongs to a later call: this one's exit and that one's entry
 * were not seen. The kernel holds the lists meanwhile.
 */
static __always_inline int comes_after(const struct slot *slot, struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	if (slot->last_leader == (__u64)leader)
		return 0;
	if (slot->call.syscall == SYSCALL_KILL && slot->call.target == -1)
		return comes_after_in_all(slot, leader);
	return comes_after_in_group(slot, leader);
}

/* Whether the slot holds the call in these registers, and the call may go on to reach
 * this target.
 */
static __always_inline int is_same_call(const struct slot *slot, const struct args *a,
					struct task_struct *task)
{
	const struct call *call = &slot->call;

	if ((int)call->syscall != a->syscall || call->abi != a->abi ||
	    call->target != (__s32)a->arg[0] || call->sig != args_sig(a) ||
	    (names_two(a->syscall) && call->target_tid != (__s32)a->arg[1]))
		return 0;
	if (!call->recipient_count)
		return 1;
	if (!is_group_call(call))
		return 0;
	/* The exit will tell. */
	if (slot->state == SLOT_WANTED && !exits_skippable)
		return 1;
	return comes_after(slot, task);
}

/* Begins a call at its signal: its entry was missed. */
static __always_inline struct slot *late_entry(const struct args *a)
{
	const struct filters *f = current_filters();
	struct slot *slot;

	if (trace_state != TRACE_ON || !wants_call(f, a->syscall, args_sig(a)))
		return 0;
	slot = take_slot();
	if (!slot)
		return 0;
	fill_slot(slot, a, f, SLOT_WANTED);
	slot->call.flags |= CALL_ENTRY_MISSING;
	return slot;
}

/* The slot of the call that sent a signal to this target; 0 if it is unwanted. */
static __always_inline struct slot *sending_slot(const struct args *a, struct task_struct *task)
{
	struct slot *slot = current_slot();

	if (slot && is_same_call(slot, a, task)) {
		if (slot->state == SLOT_UNWANTED)
			return 0;
		if (slot->state == SLOT_WANTED || slot->state == SLOT_SENT)
			return slot;
	}
	return late_entry(a);
}

/* Begins the record of one recipient of a group; 0 if there is no buffer. */
static __always_inline struct recipient_record *start_recipient(const struct call *call)
{
	struct recipient_record *record = scratch(HOOK_WITNESS, SCRATCH_CALL);

	if (!record)
		return 0;
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = RECORD_RECIPIENT;
	record->call_time_ns = call->header.time_ns;
	record->tid = current_pid_tgid();
	return record;
}

/* Notes whether a recipient is one of the targets that are wanted. */
static __always_inline void match_target(struct slot *slot, const struct recipient *r)
{
	const struct filters *f = slot_filters(slot);

	if (asks_for_target(f))
		slot->target_matched |= wants_target(f, r);
	else
		slot->target_matched = 1;
}

/* Adds to the call whom the signal reached. Returns 0 if there is no buffer. */
static __always_inline int add_recipient(void *ctx, struct slot *slot, const struct signal *s)
{
	struct recipient *r = &slot->call.recipient;
	struct recipient_record *record = 0;
	struct task_struct *task = s->task;

	if (is_group_call(&slot->call)) {
		record = start_recipient(&slot->call);
		if (!record)
			return 0;
		r = &record->recipient;
	} else {
		/* A single recipient is sent in its call's record. */
		slot->call.flags |= CALL_HAS_RECIPIENT;
		slot->looked_up = 0;
	}
	read_recipient(r, s->task, s->group, 1);
	read_outcome(r, s->task, s->sig, s->group, s->result);
	slot->call.recipient_count++;
	if (record) {
		slot->last_leader = (__u64)BPF_CORE_READ(task, group_leader);
		slot->last_start_ns = r->process.start_ns;
	}
	match_target(slot, r);
	send_cgroup_once(ctx, s->task, r->process.cgroup_key, &slot->target_cgroup, HOOK_WITNESS);
	if (record && send_record(ctx, &record->header, sizeof(*record), HOOK_WITNESS))
		slot->call.recipients_refused++;
	return 1;
}

/* Sends the call as the witness knows it: without a result of its own. */
static __always_inline void send_witnessed(void *ctx, struct slot *slot, int exit_follows)
{
	struct call *call = &slot->call;
	__u32 flags = call->flags;

	slot->witnessed = 1;
	/* A call that signalled somebody has not failed. */
	if (slot_filters(slot)->failed_only)
		return;
	call->ret = 0;
	call->flags |= CALL_WITNESS_ONLY;
	if (exit_follows)
		call->header.kind = RECORD_WITNESS;
	send_call(ctx, call, slot, HOOK_WITNESS);
	call->header.kind = RECORD_CALL;
	call->flags = flags;
}

/* Sends the call now, if its exit will not or may not be seen. */
static __always_inline void send_before_exit(void *ctx, struct slot *slot)
{
	const struct call *call = &slot->call;
	int exit_follows = exits_probed >> call->abi & 1 || !(call->flags & CALL_ENTRY_MISSING);

	if (exit_follows && !exits_skippable)
		return;
	if (!slot->witnessed && slot->target_matched)
		send_witnessed(ctx, slot, exit_follows);
	if (!exit_follows)
		slot->state = is_group_call(call) ? SLOT_SENT : SLOT_IDLE;
}

/* Sends the poller's own call back to it. */
static __always_inline void send_canary(void *ctx)
{
	struct header *header = scratch(HOOK_WITNESS, SCRATCH_CALL);

	if (!header)
		return;
	header->time_ns = bpf_ktime_get_ns();
	header->kind = RECORD_CANARY;
	send_record(ctx, header, sizeof(*header), HOOK_WITNESS);
}

/* A signal that the call in these registers sent. */
static __always_inline void witness_call(void *ctx, const struct signal *s, const struct args *a)
{
	struct slot *slot;

	if (is_canary(a->syscall, a->arg[0], s->sig)) {
		send_canary(ctx);
		return;
	}
	slot = sending_slot(a, s->task);
	if (!slot)
		return;
	if (has_info(s) && slot->call.flags & CALL_PASSED_INFO)
		correct_sent_info(&slot->call, s->info, s->task, args_info(a));
	if (add_recipient(ctx, slot, s))
		send_before_exit(ctx, slot);
}

/*
 * A signal, if an interrupt makes it. This program runs before the witness. The kernel
 * skips a program that interrupts itself; the witness then takes the signal.
 */
static __always_inline int witness_interrupt(void *ctx, const struct signal *s)
{
	struct counters *c;

	if (trace_state < TRACE_ON || !is_in_interrupt(ctx))
		return 0;
	c = cpu_counters();
	if (!c)
		return 0;
	witness_kernel(ctx, s, HOOK_INTERRUPT);
	c->interrupt_taken = 1;
	return 0;
}

/* A signal, if a thread makes it by what it does, or if the other program missed it. */
static __always_inline int witness_signal(void *ctx, const struct signal *s)
{
	struct counters *c = cpu_counters();
	enum hook hook = HOOK_WITNESS;
	struct args a;

	if (trace_state < TRACE_ON || !c)
		return 0;
	if (is_in_interrupt(ctx)) {
		if (c->interrupt_taken) {
			c->interrupt_taken = 0;
			return 0;
		}
		c->nested++;
		hook = HOOK_NESTED;
	}
	if (hook == HOOK_WITNESS && is_from_call(s, &a))
		witness_call(ctx, s, &a);
	else
		witness_kernel(ctx, s, hook);
	/* An interrupt may have come meanwhile, when this program was skipped. */
	c->interrupt_taken = 0;
	return 0;
}

#endif
