/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What a signal adds to the call that sent it: whom it reached, and what the kernel
 * did with it. The witness, at signal_generate, has missed nothing on any kernel
 * tried. Where a call's exit is not probed, or may be skipped, it sends the call.
 */
#ifndef SIGTRAIL_WITNESS_BPF_H
#define SIGTRAIL_WITNESS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "filter.bpf.h"
#include "image.bpf.h"
#include "maps.bpf.h"
#include "origin.bpf.h"
#include "recipient.bpf.h"
#include "slot.bpf.h"

/* Begins the record of one recipient of a group; 0 if there is no buffer. */
static __always_inline struct recipient_record *start_recipient(const struct call *call)
{
	struct recipient_record *record = scratch(HOOK_WITNESS, SCRATCH_CALL);

	if (!record)
		return 0;
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = RECORD_RECIPIENT;
	record->call_time_ns = call->header.time_ns;
	record->tid = bpf_get_current_pid_tgid();
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
	read_outcome(r, s->task, s->sig, s->result);
	if (!slot->call.recipient_count++)
		slot->first_tid = s->task->pid;
	if (r->fatal)
		send_victim_image(ctx, s->task, &r->process);
	match_target(slot, r);
	send_cgroup_once(ctx, s->task, r->process.cgroup_key, &slot->target_cgroup, HOOK_WITNESS);
	if (record && send_record(ctx, &record->header, sizeof(*record)))
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

/* A signal that the kernel generated. */
static __always_inline int witness_signal(void *ctx, const struct signal *s)
{
	struct slot *slot;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = sending_slot(s);
	if (!slot)
		return 0;
	if (s->info && slot->call.flags & CALL_HAS_INFO)
		correct_sent_info(&slot->call, s->info, s->task);
	if (add_recipient(ctx, slot, s))
		send_before_exit(ctx, slot);
	return 0;
}

#endif
