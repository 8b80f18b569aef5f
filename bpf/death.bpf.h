/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Calls that end with their thread. */
#ifndef SIGTRAIL_DEATH_BPF_H
#define SIGTRAIL_DEATH_BPF_H

#include "vmlinux.h"

#include "arch.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "maps.bpf.h"

#define PF_SIGNALED 0x400

/*
 * A thread that ends by SIGSYS. Where seccomp kills, the kernel may end it at
 * once, and no exit is traced; nor is that of a 32-bit caller. Then the call
 * stands in the saved registers, without a result.
 */
static __always_inline void death_by_sigsys(void *ctx, struct task_struct *task)
{
	const int by_signal = task->flags & PF_SIGNALED;
	struct args a;

	read_current_args(&a);
	if (a.syscall == NO_SENDER)
		return;
	/* By a signal: on its way back, which the exit probes see. */
	if (by_signal && (a.abi == ABI_NATIVE || attach_mode == ATTACH_RAW))
		return;
	if (!by_signal || is_rolled_back(&a, current_result()))
		tell_unseen(ctx, &a, -ENOSYS, HOOK_DEATH);
}

static __always_inline int probe_death(void *ctx, struct task_struct *task)
{
	if (trace_state == TRACE_ON && (task->exit_code & 0x7f) == SIGSYS)
		death_by_sigsys(ctx, task);
	return 0;
}

#endif
