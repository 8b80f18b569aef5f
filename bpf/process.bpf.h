/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A task_struct -> a struct process, while the task exists. */
#ifndef SIGTRAIL_PROCESS_BPF_H
#define SIGTRAIL_PROCESS_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "cgroup.bpf.h"
#include "event.h"
#include "maps.bpf.h"
#include "verifier.bpf.h"

#define PF_EXITING 0x4
#define PF_KTHREAD 0x200000

#define SIGNAL_GROUP_EXIT 0x4

/* Most threads of a process that are looked at. */
#define MOST_THREADS 64

/* The login uid and session of a process that belongs to no login. */
#define NOT_SET ((__u32)-1)

/* A process's number in its pid namespace of this level, and that namespace. */
static __always_inline struct upid read_upid(struct pid *pid, __u32 level)
{
	struct upid upid = {};
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	void *address = numbers + level * bpf_core_type_size(struct upid);

	bpf_probe_read_kernel(&upid.nr, sizeof(upid.nr),
			      address + bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(&upid.ns, sizeof(upid.ns),
			      address + bpf_core_field_offset(struct upid, ns));
	return upid;
}

static __always_inline void read_ns_pid(struct process *p, struct pid *pid)
{
	struct upid upid = read_upid(pid, p->ns_level);

	p->ns_pid = upid.nr;
	p->pid_ns = BPF_CORE_READ(upid.ns, ns.inum);
}

/* Both names are aligned, so a name is copied as two words. */
_Static_assert(__builtin_offsetof(struct process, comm) % 8 == 0, "comm is not aligned");
_Static_assert(__builtin_offsetof(struct process, parent_comm) % 8 == 0, "nor its parent's");

static __always_inline void read_comm(__u8 *to, struct task_struct *task, const int typed)
{
	if (typed) {
		const __u64 *from = (const void *)task->comm;
		__u64 words[2] = { from[0], from[1] };

		__builtin_memcpy(__builtin_assume_aligned(to, 8), words, sizeof(words));
	} else {
		bpf_probe_read_kernel(to, COMM_LEN, task->comm);
	}
}

static __always_inline __u64 thread_start_time(struct task_struct *task, const int typed)
{
	return READ(typed, task, start_time);
}

/* Whether a process ends as well as this thread, and whether it has ended. */
static __always_inline enum process_flag end_of_process(struct task_struct *task, const int typed)
{
	if (READ(typed, task, signal, live.counter))
		return 0;
	return PROCESS_EXITING | (READ(typed, task, exit_state) ? PROCESS_ZOMBIE : 0);
}

/* The number of a process's controlling terminal; 0 if it has none. */
static __always_inline __u32 terminal_number(struct task_struct *task, const int typed)
{
	struct tty_struct *tty = READ(typed, task, signal, tty);

	if (!tty)
		return 0;
	return READ(typed, tty, driver, major) << 20 |
	       (READ(typed, tty, driver, minor_start) + READ(typed, tty, index));
}

/* Whether the file that a process runs has no name any more. */
static __always_inline int is_exe_deleted(struct task_struct *task, const int typed)
{
	struct mm_struct *mm = READ(typed, task, mm);
	struct file *file = mm ? READ(typed, mm, exe_file) : 0;

	return file && !READ(typed, file, f_inode, i_nlink);
}

/* Fills in all but comm: whose name is meant, the thread's or the process's, depends. */
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
	p->flags = flags & PF_KTHREAD ? PROCESS_KERNEL_THREAD : 0;
	if (flags & PF_EXITING)
		p->flags |= end_of_process(task, typed);
	else if (is_exe_deleted(task, typed))
		p->flags |= PROCESS_EXE_DELETED;
	p->mnt_ns = READ(typed, task, nsproxy, mnt_ns, ns.inum);
	p->tty = terminal_number(task, typed);
	p->ns_pid = p->tgid;
	p->pid_ns = 0;
	/* Also 0 for a dead leader, which has no struct pid any more. */
	p->ns_level = READ(typed, task, group_leader, thread_pid, level);
	if (p->ns_level)
		read_ns_pid(p, READ(typed, task, group_leader, thread_pid));
}

/* Only the kernel side may look at process 1 whatever the poller's capabilities. */
static __always_inline void find_host_mnt_ns(void)
{
	struct task_struct *task = current_task();
	struct pid *pid;

	if (host_mnt_ns)
		return;
	pid = BPF_CORE_READ(task, group_leader, thread_pid);
	if (pid)
		host_mnt_ns =
			BPF_CORE_READ(read_upid(pid, 0).ns, child_reaper, nsproxy, mnt_ns, ns.inum);
}

/*
 * Finds a thread of the process with this signal_struct that is not about to exit, and
 * that neither blocks these signals nor waits for them in sigwait. Returns its
 * task_struct, or 0. As read_exe, it takes and returns only numbers.
 */
__noinline __u64 find_thread(__u64 signal_struct, __u64 signals)
{
	struct signal_struct *signal = (void *)signal_struct;
	__u64 head = signal_struct + bpf_core_field_offset(struct signal_struct, thread_head);
	struct list_head *node = BPF_CORE_READ(signal, thread_head.next);

	for (int i = 0; i < MOST_THREADS && node && (__u64)node != head; i++) {
		struct task_struct *task =
			(void *)node - bpf_core_field_offset(struct task_struct, thread_node);
		__u64 kept = BPF_CORE_READ(task, blocked.sig[0]) |
			     BPF_CORE_READ(task, real_blocked.sig[0]);

		if (!(kept & signals) && !(BPF_CORE_READ(task, flags) & PF_EXITING))
			return (__u64)task;
		node = BPF_CORE_READ(node, next);
	}
	return 0;
}

/*
 * The address in a pointer of the kernel's. To the verifier a pointer is no number, but
 * what is left of one that was overwritten in part is. Such an address begins with ff.
 */
static __always_inline __u64 address_of(const void *pointer)
{
	volatile __u64 address = (__u64)pointer;

	((volatile __u8 *)&address)[7] = 0xff;
	return address;
}

static __always_inline __u64 current_start_time(void)
{
	if (current_is_typed())
		return thread_start_time(typed_current(), 1);
	return thread_start_time(current_task(), 0);
}

static __always_inline __u32 current_ns_level(void)
{
	struct task_struct *task;

	if (current_is_typed())
		return typed_current()->thread_pid->level;
	task = current_task();
	return BPF_CORE_READ(task, thread_pid, level);
}

/* Whether a process and the current one belong to one session. */
static __always_inline int is_same_session(struct task_struct *task, const int typed)
{
	const int sid = 3;
	struct task_struct *current = current_task();
	struct pid *own = current_is_typed() ? typed_current()->signal->pids[sid] :
					       BPF_CORE_READ(current, signal, pids[sid]);

	return READ(typed, task, signal, pids[sid]) == own;
}

static __always_inline void read_current(struct process *p)
{
	if (current_is_typed())
		read_process(p, typed_current(), 1);
	else
		read_process(p, current_task(), 0);
	bpf_get_current_comm(p->comm, sizeof(p->comm));
}

#endif
