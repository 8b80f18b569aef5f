/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What is read from a task_struct for each call. Included twice: GET(a, b, c)
 * is a->b->c where the verifier knows the type behind the pointer, which costs
 * a nanosecond or two, and else a helper call for each arrow, which costs
 * twenty. GET_COMM(to, task) copies a name, likewise. NAMED(f) gives each set
 * of functions its own names.
 */

static __always_inline __u64 NAMED(thread_start_time)(struct task_struct *task)
{
	return GET(task, start_time);
}

/*
 * The cgroup of the default hierarchy; where that has none (cgroup v1), the
 * memory controller's.
 */
static __always_inline __u64 NAMED(task_cgroup_key)(struct task_struct *task)
{
	if (GET(task, cgroups, dfl_cgrp, level) > 0)
		return GET(task, cgroups, dfl_cgrp, kn, id);
	return other_cgroup_key(task);
}

/* Fills in all but comm, which means another thread for each side. */
static __always_inline void NAMED(read_process)(struct process *p, struct task_struct *task)
{
	__u32 flags = GET(task, flags);

	p->start_ns = GET(task, group_leader, start_boottime);
	p->cgroup_key = NAMED(task_cgroup_key)(task);
	p->tgid = GET(task, tgid);
	p->tid = GET(task, pid);
	p->exec_id = GET(task, self_exec_id);
	p->uid = GET(task, real_cred, uid.val);
	p->gid = GET(task, real_cred, gid.val);
	p->euid = GET(task, real_cred, euid.val);
	p->egid = GET(task, real_cred, egid.val);
	p->loginuid = -1;
	if (bpf_core_field_exists(task->loginuid))
		p->loginuid = GET(task, loginuid.val);
	p->session = -1;
	if (bpf_core_field_exists(task->sessionid))
		p->session = GET(task, sessionid);
	p->ppid = GET(task, real_parent, tgid);
	GET_COMM(p->parent_comm, GET(task, real_parent, group_leader));
	p->flags = (flags & PF_EXITING ? PROCESS_EXITING : 0) |
		   (flags & PF_KTHREAD ? PROCESS_KERNEL_THREAD : 0) |
		   (GET(task, exit_state) ? PROCESS_ZOMBIE : 0);
	p->ns_pid = p->tgid;
	p->pid_ns = 0;
	/* 0, too, for a dead leader, which has no pid any more. */
	p->ns_level = GET(task, group_leader, thread_pid, level);
	if (p->ns_level)
		read_ns_pid(p, GET(task, group_leader, thread_pid));
}

#undef GET
#undef GET_COMM
#undef NAMED
