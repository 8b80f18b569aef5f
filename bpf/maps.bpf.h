/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* State shared by the probes and the poller, and the way out for records. */
#ifndef SIGTRAIL_MAPS_BPF_H
#define SIGTRAIL_MAPS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "event.h"
#include "verifier.bpf.h"

/* Set by the poller. */
enum trace_state trace_state;
enum args_mode args_mode;
enum attach_mode attach_mode;
/* Bit enum call_abi: the exits of these calls are probed. */
__u32 exits_probed;
/* Exit probes can be skipped: the witness tells of each call. */
__u32 exits_skippable;
/* Raised by the poller when it misses an image or a cgroup that was sent:
 * each is sent once more.
 */
__u32 epoch;
/* The poller; 0: it sends no canaries. */
__u32 own_pid;

/* Each CPU writes its own only. */
struct counters counters[MAX_CPUS];

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* Room for what the stack is too small for. One for each kind of program, as
 * they interrupt each other.
 */
union scratch {
	struct call call;
	struct image image;
	struct cgroup_record cgroup;
	struct recipient_record recipient;
};

enum hook {
	HOOK_EXIT = 0,
	HOOK_KPROBE = 1,
	HOOK_WITNESS = 2,
	HOOK_DEATH = 3,
	HOOKS = 4,
};

enum scratch_use {
	SCRATCH_CALL = 0, /* or the witness's recipient */
	SCRATCH_IDENTITY = 1,
	SCRATCH_USES = 2,
	SCRATCHES = HOOKS * SCRATCH_USES,
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCHES);
	__type(key, __u32);
	__type(value, union scratch);
} scratches SEC(".maps");

static __always_inline void *scratch(enum hook hook, enum scratch_use use)
{
	__u32 key = hook * SCRATCH_USES + use;

	return bpf_map_lookup_elem(&scratches, &key);
}

static __always_inline struct counters *cpu_counters(void)
{
	__u32 cpu = bpf_get_smp_processor_id();

	return cpu < MAX_CPUS ? &counters[below(MAX_CPUS, cpu)] : 0;
}

/* Sends a record with its header completed. Returns 0 if a ring took it. */
static __always_inline long send_record(void *ctx, struct header *header, __u64 size)
{
	struct counters *c = cpu_counters();
	long err;

	if (!c)
		return -ENOENT;
	header->cpu = bpf_get_smp_processor_id();
	header->cpu_seq = ++c->cpu_seq;
	err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, header, size);
	if (!err)
		return 0;
	if (header->kind != RECORD_CALL)
		c->other_refused++;
	else if (err == -ENOSPC)
		c->ring_full++;
	else if (err == -ENOENT || err == -EOPNOTSUPP)
		c->ring_absent++;
	else
		c->ring_error++;
	return err;
}

#endif
