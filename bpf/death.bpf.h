/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a thread ends and the call that it was in; how a process ends. */
#ifndef SIGTRAIL_DEATH_BPF_H
#define SIGTRAIL_DEATH_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "filter.bpf.h"
#include "lifecycle.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"

#define PF_SIGNALED 0x400

/*
 * Sends the call for which seccomp killed the thread. The kernel may end the thread
 * at once, and then traces no exit; nor does it trace that of a 32-bit caller, or any
 * in the light mode. The call is in the saved registers, and has no result.
 */
static __always_inline void death_by_sigsys(void *ctx, struct task_struct *task, enum hook hook)
{
	const int by_signal = task->flags & PF_SIGNALED;
	struct args a;

	read_current_args(&a);
	if (a.syscall == NO_SYSCALL)
		return;
	/* A thread that a signal ended was on its way back, where exit tracepoints saw it. */
	if (by_signal && attach_mode != ATTACH_LIGHT &&
	    (a.abi == ABI_NATIVE || attach_mode == ATTACH_RAW))
		return;
	if (!by_signal || are_registers_restored(&a, current_result()))
		finish_unseen(ctx, &a, -ENOSYS, hook);
}

/*
 * The signal that wait(2) gives for the init of a pid namespace in which reboot(2) was
 * called; 0 for all others.
 */
static __always_inline __u32 reboot_signal(struct task_struct *leader)
{
	struct pid *pid = leader->thread_pid;
	__u32 level = pid->level;
	struct pid_namespace *ns;

	if (!level)
		return 0;
	ns = read_upid(pid, level).ns;
	if (BPF_CORE_READ(ns, child_reaper, tgid) != leader->tgid)
		return 0;
	return BPF_CORE_READ(ns, reboot);
}

/* What wait(2) gives for a process whose last thread this is. */
static __always_inline __u32 wait_status(struct task_struct *task)
{
	if (task->signal->flags & SIGNAL_GROUP_EXIT)
		return task->signal->group_exit_code;
	return task->group_leader->exit_code;
}

/* Seccomp ends a process without a signal in its strict mode, and up to 5.10 always. */
static __always_inline int is_by_seccomp(struct task_struct *task, __u32 sig)
{
	return !(task->flags & PF_SIGNALED) &&
	       (sig == SIGSYS || (sig == SIGKILL && task->seccomp.mode & 1));
}

/* Sends the end of a process that a signal ended, if it is wanted. */
static __always_inline void send_exit(void *ctx, struct task_struct *task, __u32 status,
				      enum hook hook)
{
	struct exit_record *record = scratch(hook, SCRATCH_CALL);
	const struct filters *f = current_filters();
	__u32 reboot;

	if (!record)
		return;
	reboot = reboot_signal(task->group_leader);
	record->status = reboot ? reboot : status;
	record->flags = reboot ? EXIT_BY_REBOOT : task->ptrace ? EXIT_TRACED : 0;
	if (is_by_seccomp(task, status & 0x7f))
		record->flags = EXIT_BY_SECCOMP;
	read_process(&record->process, task, 1);
	read_comm(record->process.comm, task->group_leader, 1);
	if (!wants_signal(f, record->status & 0x7f) ||
	    !is_wanted(f, &record->process, FILTER_TARGET_PID, FILTER_TARGET_UID,
		       FILTER_TARGET_COMM))
		return;
	find_host_mnt_ns();
	send_cgroup_once(ctx, task, record->process.cgroup_key, 0, hook);
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = asks_for_cause(f) ? RECORD_EXIT_PERHAPS : RECORD_EXIT;
	send_record(ctx, &record->header, sizeof(*record), hook);
}

/* A thread ends; the process does with its last one. */
static __always_inline void probe_end(void *ctx, struct task_struct *task, enum hook hook)
{
	__u32 status;

	if (task->signal->live.counter)
		return;
	status = wait_status(task);
	if (status & 0x7f && trace_state == TRACE_ON && current_filters()->exits != EXITS_NONE)
		send_exit(ctx, task, status, hook);
	send_end(ctx, task, status);
}

/* The end of a thread. */
static __always_inline int probe_death(void *ctx, struct task_struct *task, enum hook hook)
{
	if (trace_state == TRACE_ON && (task->exit_code & 0x7f) == SIGSYS)
		death_by_sigsys(ctx, task, hook);
	if (follows_processes())
		probe_end(ctx, task, hook);
	return 0;
}

#endif
