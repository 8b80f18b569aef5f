/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Whose signal is this: does it belong to a call that the current thread is in?
 *
 * Constraints. signal_generate runs once for each process that a signal is made for,
 * in the context of the thread that makes it. A sender makes it between the entry and
 * the exit of its call. But the kernel makes signals of its own in any thread's
 * context, from a timer's interrupt, say, and that thread may be in a call. The hook
 * gets the number, the siginfo, the target and the result, not the call. Instead of a
 * siginfo it may get 1, which is the kernel's alone, or 0, which kill() passes from
 * 7.3 on. A sender may put almost any code into its siginfo, and may change it until
 * the kernel copies it.
 *
 * Format. A struct signal in; out, the slot of the call that sent it, or 0.
 *
 * Operation. If the thread's slot holds a call that can still reach this target, the
 * signal is that call's if the call sends this number and can give this code. If the
 * slot holds no such call, the registers may: the entry was skipped, or no probe sees
 * entries of that ABI. If they hold a call that sends this signal, the call begins
 * here. Any other signal belongs to no call. The cheapest test comes first, because
 * all signals of the machine come here.
 */
#ifndef SIGTRAIL_ORIGIN_BPF_H
#define SIGTRAIL_ORIGIN_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "call.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "process.bpf.h"
#include "slot.bpf.h"

#define SI_USER 0
#define SI_QUEUE (-1)
#define SI_TKILL (-6)

/* A signal, as signal_generate gives it. */
struct signal {
	__s32 sig;
	struct kernel_siginfo *info;
	struct task_struct *task;
	int group;
	int result;
};

static __always_inline __s32 signal_code(const struct signal *s)
{
	/* BPF_CORE_READ(s->info, ...) would look for struct signal in the kernel. */
	struct kernel_siginfo *info = s->info;

	return BPF_CORE_READ(info, si_code);
}

/* Whether a signal that this call sent can have the code. Timers' signals come in
 * any thread's context, too, with codes of their own.
 */
static __always_inline int may_have_code(const struct call *call, __s32 code)
{
	if (code == SI_USER || code == SI_TKILL)
		return 1;
	/* The code that the sender gave; it may have changed it since. */
	return call->syscall >= SYSCALL_RT_SIGQUEUEINFO &&
	       (code == SI_QUEUE || (call->flags & CALL_HAS_INFO && code == call->si_code));
}

/* Whether this signal is the one that the call sends. */
static __always_inline int is_sent_by(const struct call *call, const struct signal *s)
{
	if (s->sig != call->sig || s->sig < 1 || s->sig > 64)
		return 0;
	/* kill() passes no siginfo from 7.3 on. */
	if (!s->info)
		return 1;
	if ((__u64)s->info == 1)
		return 0;
	return may_have_code(call, signal_code(s));
}

/* Begins a call at its signal, if the thread is in one whose entry was missed. */
static __always_inline struct slot *late_entry(const struct signal *s)
{
	const struct filters *f = current_filters();
	struct slot *slot;
	struct args a;

	if (trace_state != TRACE_ON || (__u64)s->info == 1)
		return 0;
	/* The cheapest question first. */
	if (!wants_sent(f, s->sig) || (s->info && signal_code(s) > 0))
		return 0;
	read_current_args(&a);
	if (a.syscall == NO_SYSCALL || args_sig(&a) != s->sig || !wants_syscall(f, a.syscall))
		return 0;
	slot = take_slot();
	if (!slot)
		return 0;
	fill_slot(slot, &a, f, SLOT_WANTED);
	slot->call.flags |= CALL_ENTRY_MISSING;
	if (!is_sent_by(&slot->call, s)) {
		slot->state = SLOT_IDLE;
		return 0;
	}
	return slot;
}

/* A call to a group whose end nobody sees is taken to be over after this long. */
#define GROUP_NS 100000000

/* Whether the call can still reach this target. A call reaches one process once, and
 * each member of a group once. Anything else is a later call, and both the exit of
 * this one and the entry of that one were missed.
 */
static __always_inline int may_reach(const struct slot *slot, struct task_struct *task)
{
	if (!slot->call.recipient_count)
		return 1;
	if (!is_group_call(&slot->call) || slot->first_tid == (__u32)task->pid)
		return 0;
	return slot->state != SLOT_SENT ||
	       bpf_ktime_get_ns() - slot->call.header.time_ns < GROUP_NS;
}

/* The slot of the call that sent this signal; 0 if no call did, or it is unwanted. */
static __always_inline struct slot *sending_slot(const struct signal *s)
{
	struct slot *slot = current_slot();

	if (slot) {
		if (slot->state == SLOT_UNWANTED)
			return 0;
		if ((slot->state == SLOT_WANTED || slot->state == SLOT_SENT) &&
		    may_reach(slot, s->task))
			return is_sent_by(&slot->call, s) ? slot : 0;
	}
	return late_entry(s);
}

#endif
