/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A thread's slot: what is kept of its call from entry to exit. */
#ifndef SIGTRAIL_SLOT_BPF_H
#define SIGTRAIL_SLOT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "call.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "image.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"

enum slot_state {
	SLOT_IDLE = 0,
	SLOT_WANTED = 1,
	SLOT_UNWANTED = 2,
	/* The kretprobe has completed it; the exit tracepoint is to come. */
	SLOT_DONE = 3,
	/* The witness has told of it, and nobody else will. */
	SLOT_TOLD = 4,
};

/*
 * A thread's slot stays when its call is over, to be filled in place by the
 * next one: that costs two thirds of inserting and deleting. It counts only
 * while it is not idle and while the thread's start time agrees, for a tid is
 * reused. Behind the call is what the thread's last call needs not be asked
 * again.
 */
struct slot {
	__u64 start_time;
	enum slot_state state;
	/* A recipient in the target's set was seen. */
	__u32 target_matched;
	struct call call;
	/* The image and cgroups that the poller knows already. */
	struct image_id image;
	__u64 sender_cgroup;
	__u64 target_cgroup;
	/* The number that call.recipient was looked up by, when, and as what
	 * kind of number; 0: none.
	 */
	__u64 looked_up_ns;
	__s32 looked_up;
	__s32 looked_up_how;
	/* The filters that were in force at the entry: they hold to the exit. */
	__u32 bank;
	__u32 pad;
	/* The witness has sent what it knows; the first whom it saw. */
	__u32 witnessed;
	__u32 first_tid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct slot);
} inflight SEC(".maps");

/* Those that a call was entered under. */
static __always_inline const struct filters *slot_filters(const struct slot *slot)
{
	return &filters[slot->bank & 1];
}

/* The slot of the call that the current thread is in; 0: its entry was missed. */
static __always_inline struct slot *current_slot(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot = bpf_map_lookup_elem(&inflight, &tid);

	if (!slot || slot->state == SLOT_IDLE || slot->start_time != current_start_time())
		return 0;
	return slot;
}

static const struct slot new_slot;

/* The thread's slot, for a call that begins; 0 if there is none to be had. */
static __always_inline struct slot *take_slot(void)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot = bpf_map_lookup_elem(&inflight, &tid);
	struct counters *c;

	if (slot)
		return slot;
	bpf_map_update_elem(&inflight, &tid, &new_slot, BPF_ANY);
	slot = bpf_map_lookup_elem(&inflight, &tid);
	c = slot ? 0 : cpu_counters();
	if (c)
		c->inflight_full++;
	return slot;
}

static __always_inline void fill_slot(struct slot *slot, const struct args *a,
				      const struct filters *f, enum slot_state state)
{
	start_call(&slot->call, a);
	slot->bank = f->bank;
	slot->start_time = current_start_time();
	slot->target_matched = 0;
	slot->witnessed = 0;
	slot->state = state;
}

#endif
