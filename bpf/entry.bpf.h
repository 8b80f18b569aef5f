/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How a call begins. */
#ifndef SIGTRAIL_ENTRY_BPF_H
#define SIGTRAIL_ENTRY_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>

#include "arch.bpf.h"
#include "call.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "slot.bpf.h"

/* Begins the call in the thread's slot, if it is wanted. */
static __always_inline int probe_entry(const struct args *a)
{
	const struct filters *f = current_filters();
	struct slot *slot;
	int canary, wanted;

	if (trace_state != TRACE_ON)
		return 0;
	canary = is_canary(a->syscall, a->arg[0], args_sig(a));
	wanted = canary || wants_call(f, a->syscall, args_sig(a));
	/* With kprobes, an exit without a slot means that the call never reached its
	 * function. So a call that is not wanted needs a slot, too.
	 */
	if (!wanted && attach_mode != ATTACH_KPROBE)
		return 0;
	slot = take_slot();
	if (!slot)
		return 0;
	fill_slot(slot, a, f, wanted ? SLOT_WANTED : SLOT_UNWANTED);
	if (canary)
		slot->call.header.kind = RECORD_CANARY;
	return 0;
}

/* The entry of any system call, in any ABI. */
static __always_inline int probe_raw_entry(const struct trace_event_raw_sys_enter *ctx)
{
	struct args a;

	if (!may_send_signal(ctx->id))
		return 0;
	a.abi = current_abi(ctx->id);
	a.syscall = syscall_of(ctx->id, a.abi);
	if (a.syscall == NO_SYSCALL)
		return 0;
	for (int i = 0; i < 4; i++) {
		/* Read as memory: the compiler would add to the context's address. */
		__u64 arg = BPF_CORE_READ(ctx, args[i]);

		a.arg[i] = a.abi == ABI_NATIVE ? arg : (__u32)arg;
	}
	return probe_entry(&a);
}

/* The entry of the function behind a call. `regs` are the caller's registers. */
static __always_inline int probe_function_entry(const struct pt_regs *regs)
{
	struct args a;
	__u32 nr = saved_nr(regs, 0);

	a.abi = current_abi(nr);
	a.syscall = syscall_of(nr, a.abi);
	if (a.syscall == NO_SYSCALL || (a.abi == ABI_NATIVE && !kprobes_see_native()))
		return 0;
	read_saved_args(&a, regs, 0);
	return probe_entry(&a);
}

#endif
