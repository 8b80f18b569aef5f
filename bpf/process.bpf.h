/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is read from a task_struct for each call. */
#ifndef SIGTRAIL_PROCESS_BPF_H
#define SIGTRAIL_PROCESS_BPF_H

/* The login user and session of a process that nobody logged in for. */
#define NOT_SET ((__u32)-1)

static __always_inline void read_comm(__u8 *to, struct task_struct *task, const int typed)
{
	if (typed) {
		const __u64 *from = (const void *)task->comm;
		__u64 words[2] = { from[0], from[1] };

		__builtin_memcpy(to, words, sizeof(words));
	} else {
		bpf_probe_read_kernel(to, COMM_LEN, task->comm);
	}
}

static __always_inline __u64 thread_start_time(struct task_struct *task, const int typed)
{
	return READ(typed, task, start_time);
}

/*
 * The cgroup of the default hierarchy; where that has none (cgroup v1), the
 * memory controller's.
 */
static __always_inline __u64 task_cgroup_key(struct task_struct *task, const int typed)
{
	if (READ(typed, task, cgroups, dfl_cgrp, level) > 0)
		return READ(typed, task, cgroups, dfl_cgrp, kn, id);
	return other_cgroup_key(task);
}

/* Fills in all but comm, which means another thread for each side. */
static __always_inline void read_process(struct process *p, struct task_struct *task,
					 const int typed)
{
	__u32 flags = READ(typed, task, flags);

	p->start_ns = READ(typed, task, group_leader, start_boottime);
	p->cgroup_key = task_cgroup_key(task, typed);
	p->tgid = READ(typed, task, tgid);
	p->tid = READ(typed, task, pid);
	p->exec_id = READ(typed, task, self_exec_id);
	p->uid = READ(typed, task, real_cred, uid.val);
	p->gid = READ(typed, task, real_cred, gid.val);
	p->euid = READ(typed, task, real_cred, euid.val);
	p->egid = READ(typed, task, real_cred, egid.val);
	p->loginuid = bpf_core_field_exists(task->loginuid) ? READ(typed, task, loginuid.val) :
							      NOT_SET;
	p->session = bpf_core_field_exists(task->sessionid) ? READ(typed, task, sessionid) :
							      NOT_SET;
	p->ppid = READ(typed, task, real_parent, tgid);
	read_comm(p->parent_comm, READ(typed, task, real_parent, group_leader), typed);
	p->flags = (flags & PF_EXITING ? PROCESS_EXITING : 0) |
		   (flags & PF_KTHREAD ? PROCESS_KERNEL_THREAD : 0) |
		   (READ(typed, task, exit_state) ? PROCESS_ZOMBIE : 0);
	p->ns_pid = p->tgid;
	p->pid_ns = 0;
	/* 0, too, for a dead leader, which has no pid any more. */
	p->ns_level = READ(typed, task, group_leader, thread_pid, level);
	if (p->ns_level)
		read_ns_pid(p, READ(typed, task, group_leader, thread_pid));
}

#endif
