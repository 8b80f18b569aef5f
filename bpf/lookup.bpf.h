/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whom the number in a call means. Programs may ask the kernel from 6.13 on; before,
 * the poller asks /proc. Kprobes may not ask at all, so they do by hand what the
 * kernel's find_vpid() does. What they read can change meanwhile, as with each
 * probed read. A number that is freed while it is looked up is nobody's.
 */
#ifndef SIGTRAIL_LOOKUP_BPF_H
#define SIGTRAIL_LOOKUP_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "call.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "process.bpf.h"
#include "recipient.bpf.h"
#include "slot.bpf.h"

/* The kernel keeps numbers in a tree (idr). Each node decides six bits. */
#define NODE_BITS 6
#define NODE_MASK 63
#define TREE_DEPTH 6

static __always_inline int is_tree_node(void *entry)
{
	return ((__u64)entry & 3) == 2 && (__u64)entry > 4096;
}

static __always_inline struct pid *find_pid(struct pid_namespace *ns, __u32 number)
{
	void *entry = BPF_CORE_READ(ns, idr.idr_rt.xa_head);
	__u32 index = number - BPF_CORE_READ(ns, idr.idr_base);
	__u32 shift = 32;

	for (int i = 0; i < TREE_DEPTH && is_tree_node(entry); i++) {
		struct xa_node *node = entry - 2;

		shift = BPF_CORE_READ(node, shift);
		if (shift > 5 * NODE_BITS || (!i && (__u64)index >> (shift + NODE_BITS)))
			return 0;
		bpf_probe_read_kernel(&entry, sizeof(entry),
				      (void *)node + bpf_core_field_offset(struct xa_node, slots) +
					      (index >> shift & NODE_MASK) * sizeof(entry));
	}
	/* A leaf above the last level belongs to its first number alone. */
	if (is_tree_node(entry) || (shift && index & ((1ULL << shift) - 1)))
		return 0;
	return entry;
}

/* The process that a struct pid belongs to, if it has not been reaped. */
static __always_inline struct task_struct *pid_task(struct pid *pid)
{
	struct hlist_node *link = BPF_CORE_READ(pid, tasks[0].first);

	return link ? (void *)link - bpf_core_field_offset(struct task_struct, pid_links) : 0;
}

/*
 * The same as a typed pointer, where the kernel takes one on trust: wherever it lets
 * programs ask for a process by its number.
 */
static __always_inline struct task_struct *typed_pid_task(__u64 address)
{
	struct pid *pid = bpf_core_cast((void *)address, struct pid);
	void *link = pid->tasks[0].first;

	if (!link)
		return 0;
	return bpf_core_cast(link - bpf_core_field_offset(struct task_struct, pid_links),
			     struct task_struct);
}

/* The struct pid of a number in the current process's namespace of this level. */
static __always_inline struct pid *current_find_pid(__s32 number, __u32 level)
{
	struct task_struct *task = current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);

	if (!bpf_core_field_exists(struct pid_namespace, idr))
		return 0;
	return find_pid(read_upid(pid, level).ns, number);
}

/* `level` is that of the number's namespace: the sender's own, or one above. */
static __always_inline struct task_struct *find_task(__s32 number, __u32 level)
{
	struct pid *pid = current_find_pid(number, level);

	return pid ? pid_task(pid) : 0;
}

/* To look a target up costs as much as all the rest of a call, and floods of signal
 * 0 ask for the same target. What was found is used again for this long.
 */
#define LOOKED_UP_NS 1000000

/* How a target is looked up. */
enum lookup {
	/* The process is meant, not the thread. */
	LOOKUP_PROCESS = 1 << 0,
	/* The number is the initial namespace's, not the sender's. */
	LOOKUP_PIDFD = 1 << 1,
};

/* The number of the one process or thread that a call is for; else not above 0. */
static __always_inline __s32 target_number(const struct call *call)
{
	if (call->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		return is_group_call(call) ? 0 : call->pidfd_pid;
	return names_two(call->syscall) ? call->target_tid : call->target;
}

/*
 * Whether the last lookup was for this number, and what it found still has it. A
 * number is freed with its struct pid. Should the same memory be a struct pid again,
 * it is another process's, which started at another time.
 */
static __always_inline int is_looked_up(const struct slot *slot, const struct call *call,
					__s32 number, int how, const int may_ask)
{
	const struct process *p = &call->recipient.process;
	struct task_struct *task;

	if (call->ret || slot->looked_up != number || slot->looked_up_how != how ||
	    call->header.time_ns - slot->looked_up_ns >= LOOKED_UP_NS)
		return 0;
	task = may_ask ? typed_pid_task(slot->looked_up_pid) :
			 pid_task((void *)slot->looked_up_pid);
	return task && (__u32)READ(may_ask, task, pid) == p->tid &&
	       READ(may_ask, task, group_leader, start_boottime) == p->start_ns &&
	       READ(may_ask, task, self_exec_id) == p->exec_id;
}

/*
 * Finds the target of a call that signalled nobody, because it failed or sent
 * signal 0. Such a call names its target by number alone.
 */
static __always_inline void look_up_target(void *ctx, struct call *call, struct slot *slot,
					   enum hook hook)
{
	/* The kernel lets no kprobe ask. */
	const int may_ask = hook != HOOK_KPROBE;
	struct recipient *r = &call->recipient;
	__s32 number = target_number(call);
	struct task_struct *task;
	int how = is_process_call(call) ? LOOKUP_PROCESS : 0;

	if (call->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		how |= LOOKUP_PIDFD;
	if (number <= 0 || (may_ask && !bpf_ksym_exists(bpf_task_from_vpid)))
		return;
	if (slot && is_looked_up(slot, call, number, how, may_ask)) {
		call->flags |= CALL_HAS_RECIPIENT;
		return;
	}
	if (!may_ask)
		task = find_task(number, how & LOOKUP_PIDFD ? 0 : current_ns_level());
	else if (how & LOOKUP_PIDFD)
		task = bpf_task_from_pid(number);
	else
		task = bpf_task_from_vpid(number);
	if (!task)
		return;
	read_recipient(r, may_ask ? on_trust(task) : task, how & LOOKUP_PROCESS, may_ask);
	clear_outcome(r);
	call->flags |= CALL_HAS_RECIPIENT;
	send_cgroup_once(ctx, task, r->process.cgroup_key, slot ? &slot->target_cgroup : 0, hook);
	if (slot) {
		slot->looked_up = number;
		slot->looked_up_how = how;
		slot->looked_up_ns = call->header.time_ns;
		slot->looked_up_pid = (__u64)READ(may_ask, task, thread_pid);
	}
	if (may_ask)
		bpf_task_release(task);
}

/* Most members of a group that are counted. */
#define MOST_MEMBERS 256

/*
 * Counts the members of a process group that were there at a time; 0 if there are too
 * many. As read_exe, it takes only numbers.
 */
__noinline __u64 count_members(__u64 group, __u64 time_ns)
{
	const int pgid = 2;
	struct pid *pid = (struct pid *)group;
	struct hlist_node *link = BPF_CORE_READ(pid, tasks[pgid].first);
	__u64 count = 0;

	for (int i = 0; i < MOST_MEMBERS; i++) {
		struct task_struct *task =
			(void *)link - bpf_core_field_offset(struct task_struct, pid_links[pgid]);

		if (!link)
			return count;
		count += BPF_CORE_READ(task, start_time) < time_ns;
		link = BPF_CORE_READ(link, next);
	}
	return 0;
}

/* The group that a call is for; 0 if it is for all processes, or is not known. */
static __always_inline struct pid *called_group(const struct call *call)
{
	const int pgid = 2;
	struct task_struct *sender = current_task();

	if (call->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		return current_find_pid(call->pidfd_pid, 0);
	if (!call->target)
		return BPF_CORE_READ(sender, signal, pids[pgid]);
	return call->target < -1 ? current_find_pid(-call->target, current_ns_level()) : 0;
}

/*
 * Finds out whom a call to a group spared, and then whom it meant: the leader. Members
 * that were signalled may be gone by now, so the count is the least that it can be.
 */
static __always_inline void look_up_group(void *ctx, struct call *call, struct slot *slot,
					  enum hook hook)
{
	struct pid *group = called_group(call);
	struct recipient *r = &call->recipient;
	struct task_struct *leader;
	__u64 members;

	if (!group || (!call->sig && !call->ret))
		return;
	members = count_members((__u64)group, call->header.time_ns);
	/* A call that seccomp refuses spares nobody. */
	if (call->sig > 0 && call->sig <= 64 && members > call->recipient_count &&
	    !(call->flags & CALL_ENTRY_MISSING))
		call->spared_count = members - call->recipient_count;
	if (!call->ret && !call->spared_count)
		return;
	leader = pid_task(group);
	if (!leader)
		return;
	read_recipient(r, leader, 1, 0);
	clear_outcome(r);
	call->flags |= CALL_HAS_RECIPIENT;
	send_cgroup_once(ctx, leader, r->process.cgroup_key, slot ? &slot->target_cgroup : 0, hook);
	if (slot)
		slot->looked_up = 0;
}

#endif
