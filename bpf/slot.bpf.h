/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * A thread's slot: its entry in the state map, which holds a call between entry and
 * exit.
 *
 * Constraints. Every call passes here, so the price of a slot is much of the price of
 * tracing: to use one again costs two thirds of inserting and deleting one for each
 * call. Memory is bounded, whatever ends without an exit. A tid is used again by
 * other threads. An entry can be missed (seccomp, eviction, a skipped probe), and so
 * can an exit.
 *
 * Format. The map is keyed by tid and evicts what was least recently used. A slot
 * holds the call as it will be sent. The fields after `call` cache what the thread's
 * last calls have looked up. A slot is valid only if it is not idle and its start
 * time is the thread's. Its filters are those that were in force at the entry, so a
 * reload before the exit changes nothing for the call.
 *
 * Operation. A slot is inserted at a thread's first call and stays. From then on:
 *
 *   idle      -> wanted     at the entry, or at the signal if no entry was seen
 *             -> unwanted   at the entry, with kprobes and exit tracepoints
 *   wanted    -> idle       at the exit tracepoint, which sends the call
 *             -> completed  at the kretprobe of a native call, which sends the call
 *             -> idle       at a kretprobe that no exit tracepoint follows, likewise:
 *                           that of another ABI's call, or of any in the light mode
 *             -> sent       at the signal of a group, if no probe will see the exit
 *             -> idle       at the signal of one process, likewise
 *   unwanted  -> as wanted at the exits, but nothing is sent
 *   completed -> idle       at the exit tracepoint, which counts the exit
 *
 * A new entry takes the slot over in any state, because the last call is then over.
 */
#ifndef SIGTRAIL_SLOT_BPF_H
#define SIGTRAIL_SLOT_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "call.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"

enum slot_state {
	SLOT_IDLE = 0,
	SLOT_WANTED = 1,
	SLOT_UNWANTED = 2,
	/* The kretprobe sent the call; the exit tracepoint is still to come. */
	SLOT_COMPLETED = 3,
	/* The witness sent the call to a group, whose other recipients may follow. */
	SLOT_SENT = 4,
};

struct slot {
	__u64 start_time; /* the thread's, as the kernel keeps it */
	enum slot_state state;
	__u32 target_matched; /* one recipient is a wanted target */
	struct call call;
	/* The cgroups that were asked for last. */
	__u64 sender_cgroup;
	__u64 target_cgroup;
	/* The lookup that filled in call.recipient: when, of which number (0: of
	 * none), how (enum lookup), and the struct pid that it found.
	 */
	__u64 looked_up_ns;
	__u64 looked_up_pid;
	__s32 looked_up;
	__s32 looked_up_how;
	/* The leader of the call's last recipient, and when it started. */
	__u64 last_leader;
	__u64 last_start_ns;
	__u32 bank; /* of the filters that were in force at the entry */
	__u32 witnessed; /* the witness sent the call */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct slot);
} inflight SEC(".maps");

/* The filters that were in force at the call's entry. */
static __always_inline const struct filters *slot_filters(const struct slot *slot)
{
	return &filters[slot->bank & 1];
}

/* The slot of the call that the current thread is in; 0 if its entry was missed. */
static __always_inline struct slot *current_slot(void)
{
	__u32 tid = current_pid_tgid();
	struct slot *slot = bpf_map_lookup_elem(&inflight, &tid);

	if (!slot || slot->state == SLOT_IDLE || slot->start_time != current_start_time())
		return 0;
	return slot;
}

static const struct slot new_slot;

/* The current thread's slot, for a call that begins; 0 if the map has no room. */
static __always_inline struct slot *take_slot(void)
{
	__u32 tid = current_pid_tgid();
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

/* Begins a call in the slot. */
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
