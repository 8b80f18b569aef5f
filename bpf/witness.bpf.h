/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What a signal that the kernel makes says of the call that sends it. */
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

#endif
