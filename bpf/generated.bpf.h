/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A signal that no call sent -> its record, if it is wanted. */
#ifndef SIGTRAIL_GENERATED_BPF_H
#define SIGTRAIL_GENERATED_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arranger.bpf.h"
#include "cgroup.bpf.h"
#include "event.h"
#include "filter.bpf.h"
#include "maps.bpf.h"
#include "origin.bpf.h"
#include "process.bpf.h"
#include "recipient.bpf.h"

#define IS_ONE_OF(signals, sig) (((signals) >> ((sig)-1)) & 1)

/* INT, QUIT, TSTP and WINCH, which a terminal sends on behalf of its other end. */
#define FROM_TERMINAL (1ULL << 1 | 1ULL << 2 | 1ULL << 19 | 1ULL << 27)

/*
 * Whether the signal may be one that ends or stops a process, or crosses from one user
 * to another. All signals of the machine come here, and nearly all are the ends of
 * children, so the cheapest questions come first.
 */
static __always_inline int may_be_deadly(const struct filters *f, const struct signal *s,
					 enum hook hook)
{
	enum disposition disposition;

	if (s->sig == SIGCHLD || (s->result != OUTCOME_DELIVERED && s->result != OUTCOME_LOST_INFO))
		return 0;
	if (IS_ONE_OF(STOPS, s->sig))
		return 1;
	disposition = read_disposition(s->task, s->sig);
	if (may_end(s->sig) && disposition == DISPOSITION_DEFAULT)
		return 1;
	if (IS_ONE_OF(f->asking, s->sig) && disposition != DISPOSITION_IGNORE)
		return 1;
	if (is_interrupt_hook(hook))
		return 0;
	if (CURRENT(flags) & PF_KTHREAD)
		return IS_ONE_OF(FROM_TERMINAL, s->sig);
	return s->task->real_cred->uid.val != (__u32)bpf_get_current_uid_gid();
}

/* Whether one user signals another. Root opens terminals for others. */
static __always_inline int crosses_users(const struct generated *g)
{
	__u32 uid = g->recipient.process.uid;

	if (g->flags & GENERATED_HAS_TTY_UID && g->tty_uid && g->tty_uid != uid)
		return 1;
	return g->role != ROLE_NONE && g->role != ROLE_SELF && g->sender.uid != uid;
}

static __always_inline int is_deadly(const struct filters *f, const struct generated *g)
{
	enum recipient_flag flags = g->recipient.flags;

	if (flags & RECIPIENT_FATAL || crosses_users(g))
		return 1;
	/*
	 * Somebody asks the process to end. If it does, that is to have its cause. It may
	 * block the signal and wait for it. What it sends itself, as by a timer, asks
	 * nothing.
	 */
	if (IS_ONE_OF(f->asking, g->sig) && g->role != ROLE_SELF &&
	    g->recipient.disposition != DISPOSITION_IGNORE)
		return 1;
	if (flags & RECIPIENT_BLOCKED)
		return 0;
	if (flags & RECIPIENT_UNDECIDED)
		return 1;
	return IS_ONE_OF(STOPS, g->sig) && g->recipient.disposition == DISPOSITION_DEFAULT;
}

/* Who opened the other end of a pseudoterminal. */
static __always_inline void read_tty_owner(struct generated *g, struct tty_struct *tty)
{
	struct tty_struct *other = BPF_CORE_READ(tty, link);
	struct list_head *node = BPF_CORE_READ(other, tty_files.next);
	__u64 head = (__u64)other + bpf_core_field_offset(struct tty_struct, tty_files);
	struct tty_file_private *opened;

	if (!other || !node || (__u64)node == head)
		return;
	opened = (void *)node - bpf_core_field_offset(struct tty_file_private, list);
	g->tty_uid = BPF_CORE_READ(opened, file, f_cred, uid.val);
	g->flags |= GENERATED_HAS_TTY_UID;
}

static __always_inline void read_tty(struct generated *g, struct task_struct *task)
{
	struct task_struct *current = current_task();
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	/* A terminal that hangs up has left its session's leader already. */
	if (!tty && is_same_session(task, 1))
		tty = BPF_CORE_READ(current, signal, tty);
	if (!tty)
		return;
	bpf_probe_read_kernel_str(g->tty, sizeof(g->tty), tty->name);
	read_tty_owner(g, tty);
}

static __always_inline void read_limit(struct generated *g, struct task_struct *task)
{
	__u32 limit = RLIMIT_FSIZE;

	if (g->sig != SIGXFSZ) {
		int cpu = BPF_CORE_READ(task, signal, rlim[RLIMIT_CPU].rlim_cur) != RLIM_INFINITY;
		int real_time = BPF_CORE_READ(task, signal, rlim[RLIMIT_RTTIME].rlim_cur) !=
				RLIM_INFINITY;

		/* With both, there is no telling. */
		if (cpu == real_time)
			return;
		limit = cpu ? RLIMIT_CPU : RLIMIT_RTTIME;
	}
	g->limit = limit;
	if (limit == RLIMIT_CPU) {
		g->limit_soft = BPF_CORE_READ(task, signal, rlim[RLIMIT_CPU].rlim_cur);
		g->limit_hard = BPF_CORE_READ(task, signal, rlim[RLIMIT_CPU].rlim_max);
	} else if (limit == RLIMIT_RTTIME) {
		g->limit_soft = BPF_CORE_READ(task, signal, rlim[RLIMIT_RTTIME].rlim_cur);
		g->limit_hard = BPF_CORE_READ(task, signal, rlim[RLIMIT_RTTIME].rlim_max);
	} else {
		g->limit_soft = BPF_CORE_READ(task, signal, rlim[RLIMIT_FSIZE].rlim_cur);
		g->limit_hard = BPF_CORE_READ(task, signal, rlim[RLIMIT_FSIZE].rlim_max);
	}
	g->flags |= GENERATED_HAS_LIMIT;
}

static __always_inline void read_address(struct generated *g, struct kernel_siginfo *info)
{
	__u64 offset = bpf_core_field_offset(struct kernel_siginfo, _sifields);

	/* SI_KERNEL comes without, and x86 has none for a wrong alignment. */
	if (g->si_code == SI_KERNEL || (g->sig != SIGSEGV && g->sig != SIGBUS))
		return;
	if (g->sig == SIGBUS && g->si_code == BUS_ADRALN)
		return;
	if (!bpf_probe_read_kernel(&g->address, sizeof(g->address), (void *)info + offset))
		g->flags |= GENERATED_HAS_ADDRESS;
}

/* What only signals of some origins have. */
static __always_inline void read_details(struct generated *g, const struct signal *s)
{
	switch (g->origin) {
	case ORIGIN_FAULT:
		read_address(g, s->info);
		break;
	case ORIGIN_TTY:
	case ORIGIN_HANGUP:
	case ORIGIN_ORPHANED_GROUP:
		read_tty(g, s->task);
		break;
	case ORIGIN_RLIMIT:
		read_limit(g, s->task);
		break;
	default:
		break;
	}
}

/* Who arranged for a signal of this origin. */
static __always_inline const struct arranger *find_arranger(const struct generated *g,
							    struct task_struct *task)
{
	const struct process *p = &g->recipient.process;

	switch (g->origin) {
	case ORIGIN_ASYNC_IO:
		return owner_arranger(task, p);
	case ORIGIN_RLIMIT:
		return arranger_of(ARRANGED_LIMIT, p->tgid, p->start_ns);
	case ORIGIN_PERF:
		return arranger_of(ARRANGED_PERF, p->tgid, p->start_ns);
	default:
		return 0;
	}
}

/*
 * Fills in who is behind the signal: whoever arranged for it, the current process, the
 * target, or nobody.
 */
static __always_inline void read_behind(struct generated *g, const struct signal *s,
					const struct context *c)
{
	const struct arranger *a = find_arranger(g, s->task);

	if (a) {
		g->role = ROLE_ARRANGER;
		g->sender = a->process;
		return;
	}
	if (g->role == ROLE_NONE)
		return;
	if (g->role == ROLE_SELF && !c->self)
		g->sender = g->recipient.process;
	else
		read_current(&g->sender);
}

static __always_inline void send_cgroups(void *ctx, const struct generated *g,
					 const struct signal *s, enum hook hook)
{
	const struct recipient *r = &g->recipient;
	struct task_struct *current = current_task();

	if (g->role != ROLE_NONE && g->sender.tid == (__u32)current_pid_tgid()) {
		send_cgroup_once(ctx, current, g->sender.cgroup_key, 0, hook);
	}
	send_cgroup_once(ctx, s->task, r->process.cgroup_key, 0, hook);
}

/* Fills in the record. Returns whether it is wanted. */
static __always_inline int fill_generated(struct generated *g, const struct signal *s,
					  const struct context *c, const struct filters *f)
{
	g->header.time_ns = bpf_ktime_get_ns();
	g->header.kind = RECORD_SIGNAL;
	g->origin = origin_of(s, c);
	g->role = role_of(g->origin, c);
	g->sig = s->sig;
	g->tid = current_pid_tgid();
	g->flags = s->group ? 0 : GENERATED_TO_THREAD;
	__builtin_memset(g->tty, 0, sizeof(g->tty));
	if (has_info(s)) {
		g->si_code = signal_code(s);
		g->flags |= GENERATED_HAS_CODE;
	}
	read_recipient(&g->recipient, s->task, s->group, 1);
	read_outcome(&g->recipient, s->task, s->sig, s->group, s->result);
	read_details(g, s);
	read_behind(g, s, c);
	return (f->kernel_signals == KERNEL_SIGNALS_ALL || is_deadly(f, g)) &&
	       wants_target(f, &g->recipient) &&
	       wants_other_sender(f, g->role == ROLE_NONE ? 0 : &g->sender);
}

/* A signal that no call sent. */
static __always_inline void witness_kernel(void *ctx, const struct signal *s, enum hook hook)
{
	const struct filters *f = current_filters();
	struct context c;
	struct generated *g;
	__u64 size = sizeof(*g);

	if (trace_state != TRACE_ON || f->kernel_signals == KERNEL_SIGNALS_NONE)
		return;
	if (f->kernel_signals == KERNEL_SIGNALS_DEADLY && !may_be_deadly(f, s, hook))
		return;
	if (!wants_all_calls(f) || !wants_signal(f, s->sig))
		return;
	g = scratch(hook, SCRATCH_CALL);
	read_context(&c, s, is_interrupt_hook(hook));
	if (!g || !fill_generated(g, s, &c, f))
		return;
	if (g->origin == ORIGIN_FAULT && g->sig == SIGSEGV) {
		const struct process *p = &g->recipient.process;
		const struct arranger *a = arranger_of(ARRANGED_STACK_LIMIT, p->tgid, p->start_ns);

		if (a)
			send_arranger(ctx, a, g->header.time_ns, g->tid, hook);
	}
	find_host_mnt_ns();
	send_cgroups(ctx, g, s, hook);
	if (g->role == ROLE_NONE)
		size = __builtin_offsetof(struct generated, sender);
	send_record(ctx, &g->header, size, hook);
}

#endif
