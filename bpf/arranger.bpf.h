/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who arranged for a signal that comes later: the owner of a file that reports by
 * signals (F_SETOWN), a resource limit of another process, a perf event with sigtrap,
 * the registers of a tracee.
 *
 * Constraints. When the signal comes, the kernel no longer knows who arranged for it:
 * whoever runs then has set it off unknowingly. An arrangement may never take effect,
 * so what is remembered is bounded, and the oldest goes first. Anyone may name anyone
 * as a file's owner, so an arrangement counts only if its maker may signal the target.
 *
 * Operation. The arranger is remembered by target and kind, and its image and cgroup
 * are sent at once, because it may be gone by then. Where the kernel takes kprobes,
 * they are on functions that only those run who arrange something; elsewhere, on the
 * tracepoints of the system calls.
 */
#ifndef SIGTRAIL_ARRANGER_BPF_H
#define SIGTRAIL_ARRANGER_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "lookup.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"

#define F_SETOWN 8
#define F_SETOWN_EX 15
#define FIOSETOWN 0x8901
#define SIOCSPGRP 0x8902

#define PTRACE_POKETEXT 4
#define PTRACE_POKEDATA 5
#define PTRACE_POKEUSR 6
#define PTRACE_SETREGS 13
#define PTRACE_SETREGSET 0x4205

#define RLIMIT_CPU 0
#define RLIMIT_FSIZE 1
#define RLIMIT_STACK 3
#define RLIMIT_RTTIME 15

/* In the flags of struct perf_event_attr, and where these are. */
#define PERF_ATTR_SIGTRAP (1ULL << 37)
#define PERF_ATTR_FLAGS 40

enum arrangement {
	/* A file's owner, by what struct pid it is. The kernel's enum pid_type. */
	ARRANGED_OWNER_THREAD = 0,
	ARRANGED_OWNER_PROCESS = 1,
	ARRANGED_OWNER_GROUP = 2,
	ARRANGED_LIMIT = 3,
	/* Its effect is a fault. */
	ARRANGED_STACK_LIMIT = 4,
	ARRANGED_PERF = 5,
	ARRANGED_REGISTERS = 6,
};

struct arrangement_key {
	__u32 kind; /* enum arrangement */
	__u32 id; /* tid, tgid or pgid, in the initial pid namespace */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct arrangement_key);
	__type(value, struct arranger);
} arrangers SEC(".maps");

/* Registers were written since the start: else calls need not ask. */
__u32 registers_written;

/* Whether the current process may signal this one, by their users. */
static __always_inline int may_signal(struct task_struct *task)
{
	const struct task_struct *current = current_task();
	__u32 uid = BPF_CORE_READ(current, real_cred, uid.val);
	__u32 euid = BPF_CORE_READ(current, real_cred, euid.val);
	__u32 target = BPF_CORE_READ(task, real_cred, uid.val);

	return !euid || uid == target || euid == target;
}

static __always_inline void remember(void *ctx, enum arrangement kind, __u32 id,
				     struct task_struct *task)
{
	const struct arrangement_key key = { .kind = kind, .id = id };
	struct task_struct *current = current_task();
	struct arranger *a = scratch(HOOK_ARRANGER, SCRATCH_CALL);

	if (!a)
		return;
	a->start_ns = BPF_CORE_READ(task, group_leader, start_boottime);
	read_current(&a->process);
	send_cgroup_once(ctx, current, a->process.cgroup_key, 0, HOOK_ARRANGER);
	bpf_map_update_elem(&arrangers, &key, a, BPF_ANY);
}

static __always_inline int is_own(struct task_struct *task)
{
	return (__u32)BPF_CORE_READ(task, tgid) == current_pid_tgid() >> 32;
}

/* Remembers who arranged something for another process or one of its threads. */
static __always_inline void arrange(void *ctx, enum arrangement kind, struct task_struct *task)
{
	__u32 id;

	if (!task || is_own(task) || !may_signal(task))
		return;
	id = kind == ARRANGED_OWNER_THREAD ? BPF_CORE_READ(task, pid) : BPF_CORE_READ(task, tgid);
	remember(ctx, kind, id, task);
}

static __always_inline struct task_struct *first_member(struct pid *group)
{
	const int pgid = 2;
	struct hlist_node *link = BPF_CORE_READ(group, tasks[pgid].first);

	return link ? (void *)link - bpf_core_field_offset(struct task_struct, pid_links[pgid]) : 0;
}

/* A file gets an owner: of one of the first three kinds. */
static __always_inline void arrange_owner(void *ctx, struct pid *pid, __u32 type)
{
	struct task_struct *member;

	if (!pid)
		return;
	if (type != ARRANGED_OWNER_GROUP) {
		arrange(ctx, type ? ARRANGED_OWNER_PROCESS : ARRANGED_OWNER_THREAD, pid_task(pid));
		return;
	}
	member = first_member(pid);
	if (member && may_signal(member))
		remember(ctx, ARRANGED_OWNER_GROUP, read_upid(pid, 0).nr, member);
}

static __always_inline struct pid *own_find_pid(__s32 number)
{
	return current_find_pid(number, current_ns_level());
}

/* The number of F_SETOWN and of the ioctls. */
static __always_inline void arrange_owner_number(void *ctx, __s32 number)
{
	if (number > 0)
		arrange_owner(ctx, own_find_pid(number), ARRANGED_OWNER_PROCESS);
	else if (number < 0)
		arrange_owner(ctx, own_find_pid(-number), ARRANGED_OWNER_GROUP);
}

static __always_inline int probe_fcntl(void *ctx, __u32 cmd, unsigned long arg)
{
	/* struct f_owner_ex */
	struct {
		__s32 type;
		__s32 pid;
	} owner;

	if (cmd == F_SETOWN)
		arrange_owner_number(ctx, arg);
	else if (cmd == F_SETOWN_EX && !bpf_probe_read_user(&owner, sizeof(owner), (void *)arg) &&
		 owner.pid > 0)
		arrange_owner(ctx, own_find_pid(owner.pid), owner.type);
	return 0;
}

static __always_inline int probe_ioctl(void *ctx, __u32 cmd, unsigned long arg)
{
	__s32 number;

	if ((cmd == FIOSETOWN || cmd == SIOCSPGRP) &&
	    !bpf_probe_read_user(&number, sizeof(number), (void *)arg))
		arrange_owner_number(ctx, number);
	return 0;
}

static __always_inline int probe_limit(void *ctx, struct task_struct *task, __u32 resource)
{
	if (resource == RLIMIT_STACK)
		arrange(ctx, ARRANGED_STACK_LIMIT, task);
	else if (resource == RLIMIT_CPU || resource == RLIMIT_FSIZE || resource == RLIMIT_RTTIME)
		arrange(ctx, ARRANGED_LIMIT, task);
	return 0;
}

static __always_inline int probe_prlimit(void *ctx, __s32 pid, __u32 resource,
					 unsigned long new_limit)
{
	if (pid <= 0 || !new_limit)
		return 0;
	return probe_limit(ctx, pid_task(own_find_pid(pid)), resource);
}

/* A tracer may write what its tracee does next into its registers or its code. */
static __always_inline int probe_ptrace(void *ctx, __u32 request, __s32 tid)
{
	struct task_struct *task;

	if (request != PTRACE_SETREGS && request != PTRACE_SETREGSET && request != PTRACE_POKEUSR &&
	    request != PTRACE_POKETEXT && request != PTRACE_POKEDATA)
		return 0;
	task = pid_task(own_find_pid(tid));
	if (!task || !BPF_CORE_READ(task, ptrace) ||
	    (__u32)BPF_CORE_READ(task, parent, tgid) != current_pid_tgid() >> 32)
		return 0;
	registers_written = 1;
	remember(ctx, ARRANGED_REGISTERS, BPF_CORE_READ(task, pid), task);
	return 0;
}

static __always_inline int probe_perf_open(void *ctx, unsigned long attr, __s32 pid)
{
	__u64 flags;

	if (pid > 0 &&
	    !bpf_probe_read_user(&flags, sizeof(flags), (void *)(attr + PERF_ATTR_FLAGS)) &&
	    flags & PERF_ATTR_SIGTRAP)
		arrange(ctx, ARRANGED_PERF, pid_task(own_find_pid(pid)));
	return 0;
}

/* Who arranged this for the target; 0 if nobody is known. */
static __always_inline const struct arranger *arranger_of(enum arrangement kind, __u32 id,
							  __u64 start_ns)
{
	const struct arrangement_key key = { .kind = kind, .id = id };
	const struct arranger *a = bpf_map_lookup_elem(&arrangers, &key);

	return a && (kind == ARRANGED_OWNER_GROUP || a->start_ns == start_ns) ? a : 0;
}

/* Who made the owner of some file of this target. */
static __always_inline const struct arranger *owner_arranger(struct task_struct *task,
							     const struct process *p)
{
	const int pgid = 2;
	const struct arranger *a = arranger_of(ARRANGED_OWNER_PROCESS, p->tgid, p->start_ns);
	struct pid *group;

	if (!a)
		a = arranger_of(ARRANGED_OWNER_THREAD, p->tid, p->start_ns);
	if (a)
		return a;
	group = BPF_CORE_READ(task, signal, pids[pgid]);
	return arranger_of(ARRANGED_OWNER_GROUP, read_upid(group, 0).nr, 0);
}

/* Sends who arranged for the signal that follows: of this time, made in this thread. */
static __always_inline void send_arranger(void *ctx, const struct arranger *a, __u64 time_ns,
					  __u32 tid, enum hook hook)
{
	struct arranger_record *record = scratch(hook, SCRATCH_IDENTITY);

	if (!record)
		return;
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = RECORD_ARRANGER;
	record->signal_time_ns = time_ns;
	record->tid = tid;
	record->process = a->process;
	send_record(ctx, &record->header, sizeof(*record), hook);
}

/* Sends whoever wrote the registers that the current thread makes its call with. */
static __always_inline void send_writer(void *ctx, const struct process *sender, __u64 time_ns,
					enum hook hook)
{
	const struct arrangement_key key = { .kind = ARRANGED_REGISTERS, .id = sender->tid };
	const struct arranger *a;

	if (!registers_written)
		return;
	a = arranger_of(ARRANGED_REGISTERS, sender->tid, sender->start_ns);
	if (!a)
		return;
	send_arranger(ctx, a, time_ns, sender->tid, hook);
	bpf_map_delete_elem(&arrangers, &key);
}

#endif
