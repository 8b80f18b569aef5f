/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What feeds the poller's table of processes: what runs in a process from its exec
 * on, whose child it is, and that it has ended.
 *
 * Constraints. Whoever sends a signal may be gone before anybody reads /proc, and so
 * may whom it ends. Their arguments are in memory at the exec, and only the process
 * itself can read them. A call must not pay for names.
 *
 * Operation. Each exec sends all that it changes, in the context of the process. Each
 * fork sends who descends from whom: until its own exec, a child runs what its parent
 * ran. These records have rings of their own, so that a flood of processes takes no
 * room from signals. What is lost there, the poller finds in /proc if it is still
 * there.
 */
#ifndef SIGTRAIL_LIFECYCLE_BPF_H
#define SIGTRAIL_LIFECYCLE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "cgroup.bpf.h"
#include "event.h"
#include "image.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} lifecycle SEC(".maps");

/* Completes a record's header and sends it. */
static __always_inline void send_lifecycle(void *ctx, struct header *header, enum record_kind kind,
					   __u64 size)
{
	struct counters *c = cpu_counters();
	long err;

	if (!c)
		return;
	header->time_ns = bpf_ktime_get_ns();
	header->kind = kind;
	header->cpu = bpf_get_smp_processor_id();
	header->cpu_seq = ++c->lifecycle_seq;
	err = bpf_perf_event_output(ctx, &lifecycle, BPF_F_CURRENT_CPU, header, size);
	if (err == -ENOENT || err == -EOPNOTSUPP)
		c->lifecycle_absent++;
}

static __always_inline int follows_processes(void)
{
	return trace_state == TRACE_ON || trace_state == TRACE_PROCESSES;
}

/* `task` is typed. */
static __always_inline void read_descent(struct descent *d, struct task_struct *task)
{
	d->start_ns = task->group_leader->start_boottime;
	d->parent_start_ns = task->real_parent->group_leader->start_boottime;
	d->cgroup_key = task_cgroup_key(task, 1);
	d->tgid = task->tgid;
	d->ppid = task->real_parent->tgid;
	d->exec_id = task->self_exec_id;
	d->pad = 0;
	read_comm(d->comm, task, 1);
}

/* The current process has executed a program. */
static __always_inline int probe_exec(void *ctx, struct task_struct *task)
{
	struct exec_record *record = scratch(HOOK_EXEC, SCRATCH_CALL);
	__u64 len;

	if (!follows_processes() || !record)
		return 0;
	read_descent(&record->process, task);
	send_cgroup_once(ctx, task, record->process.cgroup_key, 0, HOOK_EXEC);
	read_image(record, task);
	len = record->exe_len + record->args_len;
	send_lifecycle(ctx, &record->header, RECORD_EXEC,
		       __builtin_offsetof(struct exec_record, data) +
			       below(sizeof(record->data), len));
	return 0;
}

/* The current process has a child, which does not run yet. */
static __always_inline int probe_fork(void *ctx, struct task_struct *child)
{
	struct fork_record *record = scratch(HOOK_FORK, SCRATCH_CALL);

	if (!follows_processes() || !record || child->pid != child->tgid ||
	    child->flags & PF_KTHREAD)
		return 0;
	read_descent(&record->process, child);
	send_lifecycle(ctx, &record->header, RECORD_FORK, sizeof(*record));
	return 0;
}

struct unsent {
	__u32 count;
	__u32 pad;
	struct ends_record record;
};

/* Ends of which nobody waits to hear. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct unsent);
} unsent_ends SEC(".maps");

/* Keeps the end of a process until there are enough for a record: the ring costs more than
 * all the rest.
 */
static __always_inline void keep_end(void *ctx, struct task_struct *task)
{
	const __u32 key = 0;
	struct unsent *unsent = bpf_map_lookup_elem(&unsent_ends, &key);
	struct ended *ended;

	if (!unsent)
		return;
	ended = &unsent->record.ended[unsent->count & (ENDS - 1)];
	ended->start_ns = task->group_leader->start_boottime;
	ended->tgid = task->tgid;
	unsent->count++;
	if (unsent->count & (ENDS - 1))
		return;
	send_lifecycle(ctx, &unsent->record.header, RECORD_ENDS, sizeof(unsent->record));
}

/* A process has ended. If it was asked to, that is told at once. */
static __always_inline void send_end(void *ctx, struct task_struct *task, __u32 status)
{
	struct end_record *record;

	if (!asked[task->tgid & (ASKED - 1)]) {
		keep_end(ctx, task);
		return;
	}
	record = scratch(HOOK_END, SCRATCH_CALL);
	if (!record)
		return;
	record->start_ns = task->group_leader->start_boottime;
	record->tgid = task->tgid;
	record->status = status;
	send_lifecycle(ctx, &record->header, RECORD_END, sizeof(*record));
}

#endif
