// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every kill, tkill and tgkill: the entry probe notes the call in its thread's
 * slot, the exit probe completes it and sends it to the poller.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

#include "event.h"
#include "arch.bpf.h"
#include "filter.bpf.h"

#define ENOENT 2
#define ENOSPC 28
#define EOPNOTSUPP 95

/* Set by the poller. */
enum trace_state trace_state;
struct counters counters[MAX_CPUS];

/*
 * A thread's slot stays when its call is over, to be filled in place by the
 * next one: that costs two thirds of inserting and deleting. It counts only
 * while busy and while the thread's start time agrees, for a tid is reused.
 */
enum slot_state {
	SLOT_IDLE = 0,
	SLOT_WANTED = 1,
	SLOT_UNWANTED = 2,
};

struct slot {
	__u64 start_time;
	enum slot_state busy;
	__u32 pad;
	struct call call;
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

static const struct slot idle_slot;

static __always_inline struct counters *cpu_counters(__u32 cpu)
{
	return cpu < MAX_CPUS ? &counters[cpu] : 0;
}

static __always_inline __u64 thread_start_time(void)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	return BPF_CORE_READ(task, start_time);
}

static __always_inline void fill_call(struct call *call, enum syscall_kind syscall, __s32 target,
				      __s32 target_tid, __s32 sig)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	__u64 uid_gid = bpf_get_current_uid_gid();

	call->time_ns = bpf_ktime_get_ns();
	call->syscall = syscall;
	call->flags = 0;
	call->tgid = pid_tgid >> 32;
	call->tid = pid_tgid;
	call->uid = uid_gid;
	call->gid = uid_gid >> 32;
	call->target = target;
	call->target_tid = target_tid;
	call->sig = sig;
	bpf_get_current_comm(call->comm, sizeof(call->comm));
}

static __always_inline void send_call(void *ctx, struct call *call)
{
	__u32 cpu = bpf_get_smp_processor_id();
	struct counters *c = cpu_counters(cpu);
	long err;

	if (!c)
		return;
	call->cpu = cpu;
	call->cpu_seq = ++c->cpu_seq;
	err = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, call, sizeof(*call));
	if (!err)
		return;
	if (err == -ENOSPC)
		c->ring_full++;
	else if (err == -ENOENT || err == -EOPNOTSUPP)
		c->ring_absent++;
	else
		c->ring_error++;
}

/* Can an exit without an entry still tell its arguments? (5.15 and later) */
static __always_inline int can_read_saved_args(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

static __always_inline int probe_entry(enum syscall_kind syscall, __s32 target, __s32 target_tid, __s32 sig)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot;
	int wanted;

	if (trace_state != TRACE_ON)
		return 0;
	wanted = wants_call(current_filters(), syscall, target, sig);
	/* Without saved registers only a slot tells the exit "not wanted". */
	if (!wanted && can_read_saved_args())
		return 0;

	slot = bpf_map_lookup_elem(&inflight, &tid);
	if (!slot) {
		bpf_map_update_elem(&inflight, &tid, &idle_slot, BPF_ANY);
		slot = bpf_map_lookup_elem(&inflight, &tid);
	}
	if (!slot) {
		struct counters *c = cpu_counters(bpf_get_smp_processor_id());

		if (c)
			c->inflight_full++;
		return 0;
	}
	fill_call(&slot->call, syscall, target, target_tid, sig);
	slot->start_time = thread_start_time();
	slot->busy = wanted ? SLOT_WANTED : SLOT_UNWANTED;
	return 0;
}

/* Seccomp refuses a call before its entry is traced, and slots can run out. */
static __always_inline void exit_without_entry(void *ctx, enum syscall_kind syscall, __s32 ret)
{
	const struct filters *f = current_filters();
	struct saved_args saved;
	struct call call = {};
	__s32 sig;

	if (trace_state != TRACE_ON || (f->failed_only && ret >= 0))
		return;
	if (!can_read_saved_args()) {
		struct counters *c = cpu_counters(bpf_get_smp_processor_id());

		if (c)
			c->entry_missing++;
		return;
	}
	saved = read_saved_args((void *)bpf_task_pt_regs((void *)bpf_get_current_task_btf()));
	sig = syscall == SYSCALL_TGKILL ? saved.arg[2] : saved.arg[1];
	if (!wants_call(f, syscall, saved.arg[0], sig))
		return;
	fill_call(&call, syscall, saved.arg[0], syscall == SYSCALL_TGKILL ? saved.arg[1] : 0, sig);
	call.flags = CALL_ENTRY_MISSING;
	call.ret = ret;
	send_call(ctx, &call);
}

static __always_inline int probe_exit(void *ctx, enum syscall_kind syscall, __s32 ret)
{
	__u32 tid = bpf_get_current_pid_tgid();
	struct slot *slot;
	enum slot_state busy;

	if (trace_state == TRACE_OFF)
		return 0;
	slot = bpf_map_lookup_elem(&inflight, &tid);
	if (!slot || !slot->busy || slot->call.syscall != syscall ||
	    slot->start_time != thread_start_time()) {
		exit_without_entry(ctx, syscall, ret);
		return 0;
	}
	busy = slot->busy;
	slot->busy = SLOT_IDLE;
	if (busy == SLOT_UNWANTED || (current_filters()->failed_only && ret >= 0))
		return 0;
	slot->call.ret = ret;
	send_call(ctx, &slot->call);
	return 0;
}

/* Arguments are 64-bit registers, of which the kernel uses the low halves. */
SEC("tracepoint/syscalls/sys_enter_kill")
int kill_enter(struct syscall_trace_enter *ctx)
{
	return probe_entry(SYSCALL_KILL, ctx->args[0], 0, ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_kill")
int kill_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, SYSCALL_KILL, ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_tkill")
int tkill_enter(struct syscall_trace_enter *ctx)
{
	return probe_entry(SYSCALL_TKILL, ctx->args[0], 0, ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_exit_tkill")
int tkill_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, SYSCALL_TKILL, ctx->ret);
}

SEC("tracepoint/syscalls/sys_enter_tgkill")
int tgkill_enter(struct syscall_trace_enter *ctx)
{
	return probe_entry(SYSCALL_TGKILL, ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_exit_tgkill")
int tgkill_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, SYSCALL_TGKILL, ctx->ret);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
