/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* State shared by the probes and the poller, and the way out for records. */
#ifndef SIGTRAIL_MAPS_BPF_H
#define SIGTRAIL_MAPS_BPF_H

#define ENOENT 2
#define EBADF 9
#define ENOSPC 28
#define ENOSYS 38
#define EOPNOTSUPP 95

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

/* A process between two execs. */
struct image_id {
	__u64 start_ns;
	__u32 exec_id;
	__u32 epoch;
};

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

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} events SEC(".maps");

/* Processes whose image the poller knows, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct image_id);
} images SEC(".maps");

/* Cgroups whose path the poller knows, by key; the value is the epoch. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

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
