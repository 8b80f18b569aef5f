/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What all probes share: the poller's settings, counters, buffers and the ring. */
#ifndef SIGTRAIL_MAPS_BPF_H
#define SIGTRAIL_MAPS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "event.h"
#include "verifier.bpf.h"

/* The settings, which the poller writes. */
enum trace_state trace_state;
enum args_mode args_mode;
enum attach_mode attach_mode;
/* Bit enum call_abi: exits of calls in that ABI are probed. */
__u32 exits_probed;
/* The kernel may skip exit probes, so the witness sends each call that it sees. */
__u32 exits_skippable;
/* The poller raises it when an image or a cgroup was lost on the way to it. All
 * are then sent again.
 */
__u32 epoch;
/* The poller's tgid, if it sends itself canaries, else 0. */
__u32 own_pid;

/* A CPU writes to its own alone. */
struct counters counters[MAX_CPUS];

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* A buffer for what the stack has no room for. Each kind of program has its own,
 * because programs interrupt each other.
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
	SCRATCH_CALL = 0, /* a call; for the witness, a recipient */
	SCRATCH_IDENTITY = 1, /* an image or a cgroup */
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

/* Completes a record's header and sends it. Returns 0 if the ring took it. */
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
