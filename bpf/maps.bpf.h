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
/* The poller raises it when a cgroup was lost on the way to it. All are then sent
 * again.
 */
__u32 epoch;
/* The inode of process 1's mount namespace, once a record was sent. */
__u32 host_mnt_ns;
/* The poller's tgid, if it sends itself canaries, else 0. */
__u32 own_pid;
/* The signal of its canaries: 0, or where only the witness sees calls, a real one. */
__s32 canary_sig;

/* By the lower bits of its tgid, whether a process may have been sent a signal that asks
 * it to end. One too many costs time, and never a line.
 */
__u8 asked[ASKED];

/* A CPU writes to its own alone, and what interrupts it to those MAX_CPUS above. */
struct counters counters[2 * MAX_CPUS];

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* Whether kprobes see the calls in the machine's own ABI. */
static __always_inline int kprobes_see_native(void)
{
	return attach_mode == ATTACH_KPROBE || attach_mode == ATTACH_LIGHT;
}

/* A buffer for what the stack has no room for. Each kind of program has its own,
 * because programs interrupt each other.
 */
union scratch {
	struct call call;
	struct exec_record exec;
	struct fork_record fork;
	struct end_record end;
	struct exit_record exit;
	struct cgroup_record cgroup;
	struct recipient_record recipient;
	struct generated generated;
	struct oom_record oom;
	struct arranger arranger;
	struct arranger_record arranger_record;
};

enum hook {
	HOOK_EXIT = 0,
	HOOK_KPROBE = 1,
	HOOK_WITNESS = 2,
	HOOK_DEATH = 3,
	/* A signal that an interrupt makes. */
	HOOK_INTERRUPT = 4,
	HOOK_OOM = 5,
	HOOK_ARRANGER = 6,
	/* A signal that an interrupt makes while another's is looked at. */
	HOOK_NESTED = 7,
	/* Each of these may be preempted by another. */
	HOOK_EXEC = 8,
	HOOK_FORK = 9,
	HOOK_END = 10,
	HOOKS = 11,
};

static __always_inline int is_interrupt_hook(enum hook hook)
{
	return hook == HOOK_INTERRUPT || hook == HOOK_NESTED;
}

enum scratch_use {
	SCRATCH_CALL = 0, /* a call; for the witness, a recipient */
	SCRATCH_IDENTITY = 1, /* a cgroup, or who arranged for a signal */
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

static __always_inline struct counters *counters_of(__u32 cpu)
{
	return cpu < 2 * MAX_CPUS ? &counters[below(2 * MAX_CPUS, cpu)] : 0;
}

static __always_inline struct counters *cpu_counters(void)
{
	return counters_of(bpf_get_smp_processor_id());
}

static __always_inline void count_refused(struct counters *c, enum record_kind kind, long err)
{
	int is_full = err == -ENOSPC, is_absent = err == -ENOENT || err == -EOPNOTSUPP;

	switch (kind) {
	case RECORD_CALL:
		*(is_full ? &c->ring_full : is_absent ? &c->ring_absent : &c->ring_error) += 1;
		break;
	case RECORD_SIGNAL:
		*(is_full   ? &c->signals_full :
		  is_absent ? &c->signals_absent :
			      &c->signals_error) += 1;
		break;
	case RECORD_EXIT:
		*(is_full ? &c->exits_full : is_absent ? &c->exits_absent : &c->exits_error) += 1;
		break;
	default:
		c->other_refused++;
	}
}

/* Completes a record's header and sends it. Returns 0 if the ring took it. */
static __always_inline long send_record(void *ctx, struct header *header, __u64 size,
					enum hook hook)
{
	__u32 cpu = bpf_get_smp_processor_id() + (is_interrupt_hook(hook) ? MAX_CPUS : 0);
	struct counters *c = counters_of(cpu);
	long err;

	if (!c)
		return -ENOENT;
	header->cpu = cpu;
	header->cpu_seq = ++c->cpu_seq;
	err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, header, size);
	if (err)
		count_refused(c, header->kind, err);
	return err;
}

#endif
