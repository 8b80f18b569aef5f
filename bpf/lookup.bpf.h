/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whom a number means, for programs that the kernel does not let ask: what its
 * find_vpid() does, by hand. What is read may change meanwhile, as with each
 * probed read; a number that is given back while it is looked up is nobody's.
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

/* The kernel's tree of numbers: each node decides six bits. */
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
	/* A leaf above the last level is that of its first number alone. */
	if (is_tree_node(entry) || (shift && index & ((1ULL << shift) - 1)))
		return 0;
	return entry;
}

/* `level`: of the namespace whose number it is, the sender's or one above. */
static __always_inline struct task_struct *find_task(__s32 number, __u32 level)
{
	struct task_struct *sender = (void *)bpf_get_current_task();
	struct pid *pid = BPF_CORE_READ(sender, thread_pid);
	struct hlist_node *link;

	if (!bpf_core_field_exists(struct pid_namespace, idr) ||
	    !bpf_core_field_exists(struct task_struct, pid_links))
		return 0;
	pid = find_pid(read_upid(pid, level).ns, number);
	if (!pid)
		return 0;
	link = BPF_CORE_READ(pid, tasks[0].first);
	return link ? (void *)link - bpf_core_field_offset(struct task_struct, pid_links) : 0;
}

/* Looking a target up costs as much as all the rest, and floods of signal 0
 * ask for the same one: what was found stands for this long.
 */
#define LOOKED_UP_NS 1000000

/* As what a target is looked up. */
enum lookup {
	LOOKUP_PROCESS = 1 << 0,
	/* By the initial namespace's number; else by the sender's. */
	LOOKUP_PIDFD = 1 << 1,
};

/* The number of the one target that a call names; 0: it names none. */
static __always_inline __s32 target_number(const struct call *call)
{
	if (call->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		return is_group_call(call) ? 0 : call->pidfd_pid;
	return names_two(call->syscall) ? call->target_tid : call->target;
}

static __always_inline int is_looked_up(const struct slot *slot, const struct call *call,
					__s32 number, int how)
{
	return !call->ret && slot->looked_up == number && slot->looked_up_how == how &&
	       call->header.time_ns - slot->looked_up_ns < LOOKED_UP_NS;
}

/*
 * A call that signalled nobody (it failed, or signal 0 only asked) names its
 * target by number alone: newer kernels can still be asked who that is.
 */
static __always_inline void look_up_target(void *ctx, struct call *call, struct slot *slot,
					   enum hook hook)
{
	/* The kernel does not let kprobes. */
	const int may_ask = hook != HOOK_KPROBE;
	struct recipient *r = &call->recipient;
	__s32 number = target_number(call);
	struct task_struct *task;
	int how = is_process_call(call) ? LOOKUP_PROCESS : 0;

	if (call->syscall == SYSCALL_PIDFD_SEND_SIGNAL)
		how |= LOOKUP_PIDFD;
	if (number <= 0 || (may_ask && !bpf_ksym_exists(bpf_task_from_vpid)))
		return;
	if (slot && is_looked_up(slot, call, number, how)) {
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
	read_recipient(r, task, how & LOOKUP_PROCESS, may_ask);
	clear_outcome(r);
	call->flags |= CALL_HAS_RECIPIENT;
	announce_cgroup(ctx, task, r->process.cgroup_key, slot ? &slot->target_cgroup : 0, hook);
	if (slot) {
		slot->looked_up = number;
		slot->looked_up_how = how;
		slot->looked_up_ns = call->header.time_ns;
	}
	if (may_ask)
		bpf_task_release(task);
}

#endif
