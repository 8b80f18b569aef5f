/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a thread ends, and the call that it was in. */
#ifndef SIGTRAIL_DEATH_BPF_H
#define SIGTRAIL_DEATH_BPF_H

#include "vmlinux.h"

#include "arch.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "lifecycle.bpf.h"
#include "maps.bpf.h"

#define PF_SIGNALED 0x400

/*
 * Sends the call for which seccomp killed the thread. The kernel may end the thread
 * at once, and then traces no exit; nor does it trace that of a 32-bit caller, or any
 * in the light mode. The call is in the saved registers, and has no result.
 */
static __always_inline void death_by_sigsys(void *ctx, struct task_struct *task)
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
		finish_unseen(ctx, &a, -ENOSYS, HOOK_DEATH);
}

/* The end of a thread. */
static __always_inline int probe_death(void *ctx, struct task_struct *task)
{
	if (trace_state == TRACE_ON && (task->exit_code & 0x7f) == SIGSYS)
		death_by_sigsys(ctx, task);
	if (follows_processes())
		send_end(ctx, task);
	return 0;
}

#endif
