/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Whose signal it is: whether it belongs to the call that the thread is in. */
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

/* What signal_generate tells of a signal. */
struct signal {
	__s32 sig;
	struct kernel_siginfo *info;
	struct task_struct *task;
	int group;
	int result;
};

static __always_inline __s32 signal_code(const struct signal *s)
{
	/* BPF_CORE_READ would look for struct signal in the kernel. */
	struct kernel_siginfo *info = s->info;

	return BPF_CORE_READ(info, si_code);
}

/* Can that be said of a signal that a process sent with this call? Timers, too,
 * come in any task's context.
 */
static __always_inline int is_code_of(const struct call *call, __s32 code)
{
	if (code == SI_USER || code == SI_TKILL)
		return 1;
	/* What the sender has claimed; it may claim another in between. */
	return call->syscall >= SYSCALL_RT_SIGQUEUEINFO &&
	       (code == SI_QUEUE || (call->flags & CALL_HAS_INFO && code == call->si_code));
}

/* Is this signal the one that the call in flight sends? Since 7.3 kill()
 * passes no siginfo (0).
 */
static __always_inline int is_sent_by(const struct call *call, const struct signal *s)
{
	if (s->sig != call->sig || s->sig < 1 || s->sig > 64)
		return 0;
	if (!s->info)
		return 1;
	if ((__u64)s->info == 1)
		return 0;
	return is_code_of(call, signal_code(s));
}

/*
 * A signal without a call in flight. Most are the kernel's own. If the thread
 * is in a call that sends this one, its entry was skipped, or nobody sees
 * entries of its ABI: then the call begins here.
 */
static __always_inline struct slot *late_entry(const struct signal *s)
{
	const struct filters *f = current_filters();
	struct slot *slot;
	struct args a;

	if (trace_state != TRACE_ON || (__u64)s->info == 1)
		return 0;
	/* In the order of what each costs. */
	if (!wants_sent(f, s->sig) || (s->info && signal_code(s) > 0))
		return 0;
	read_current_args(&a);
	if (a.syscall == NO_SENDER || args_sig(&a) != s->sig || !wants_syscall(f, a.syscall))
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

/* No group takes longer than that, if nobody sees its end. */
#define GROUP_NS 100000000

/* May this be one more of those whom the call reaches? One process is reached
 * once, and no group has a member twice: then the call's exit was missed, and
 * the entry of the next one, too.
 */
static __always_inline int reaches(const struct slot *slot, struct task_struct *task)
{
	if (!slot->call.recipient_count)
		return 1;
	if (!is_group_call(&slot->call) || slot->first_tid == (__u32)task->pid)
		return 0;
	return slot->state != SLOT_TOLD ||
	       bpf_ktime_get_ns() - slot->call.header.time_ns < GROUP_NS;
}

/* The slot of the call that sends this signal; 0: no call does. */
static __always_inline struct slot *witnessed_slot(const struct signal *s)
{
	struct slot *slot = current_slot();

	if (slot) {
		if (slot->state == SLOT_UNWANTED)
			return 0;
		if ((slot->state == SLOT_WANTED || slot->state == SLOT_TOLD) &&
		    reaches(slot, s->task))
			return is_sent_by(&slot->call, s) ? slot : 0;
	}
	return late_entry(s);
}

#endif
