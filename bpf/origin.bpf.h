/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * What made a signal: one of the six calls, or the kernel, and then why.
 *
 * Constraints. signal_generate runs once for each process that a signal is made for,
 * in the context of whatever runs on that CPU. That thread may be the sender, but for
 * a timer or a packet it is any thread that was interrupted, perhaps in a call of its
 * own. The hook gets the number, the siginfo, the target, whether the whole process is
 * meant, and the result. Instead of a siginfo it may get 1, which is the kernel's
 * alone, or 0, which the kernel uses now and then, and kill() from 7.3 on. A sender may
 * put almost anything into its siginfo, so what a siginfo says is believed only where
 * no call can have sent it.
 *
 * Operation. Two facts about the current thread decide most: the system call that it
 * is in, from its saved registers, and whether the hook runs on its own kernel stack.
 * On another stack, an interrupt made the signal, and the thread has no part in it. A
 * signal is a call's if the thread is in that call, the call sends this number, and
 * the siginfo lies on the thread's stack, where each of the calls builds it.
 */
#ifndef SIGTRAIL_ORIGIN_BPF_H
#define SIGTRAIL_ORIGIN_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "arranger.bpf.h"
#include "call.bpf.h"
#include "event.h"
#include "process.bpf.h"
#include "verifier.bpf.h"

/* Instead of a siginfo. */
#define INFO_NONE 0
#define INFO_KERNEL 1

#define SI_USER 0
#define SI_TIMER (-2)
#define SI_MESGQ (-3)
#define SI_ASYNCIO (-4)
#define SI_SIGIO (-5)
#define SI_TKILL (-6)
#define SI_KERNEL 0x80
#define BUS_ADRALN 1
#define CLD_DUMPED 3
#define TRAP_PERF 6
#define SYS_USER_DISPATCH 2

#define SCHED_DEADLINE 6
#define RLIM_INFINITY (~0UL)

/* Flags of a thread that works for io_uring or vhost. */
#define PF_IO_WORKER 0x10
#define PF_USER_WORKER 0x4000

/* A signal, as signal_generate gives it. */
struct signal {
	__s32 sig;
	struct kernel_siginfo *info;
	struct task_struct *task;
	int group;
	int result;
};

/* What the current thread is doing while a signal is made. */
struct context {
	enum activity activity;
	int in_interrupt;
	int kernel_thread;
	/* These are 0 in an interrupt, which has nothing to do with them. */
	int self; /* it belongs to the target's process */
	int exiting;
	int dead; /* past the end: its parent is being told */
};

/* Some verifiers take the argument for a pointer, which is no number to them; some for
 * a number already.
 */
static __always_inline __u64 info_address(const struct signal *s)
{
	__u64 address;

	bpf_probe_read_kernel(&address, sizeof(address), &s->info);
	return address;
}

/* Only where the signal has_info(). */
static __always_inline __s32 signal_code(const struct signal *s)
{
	struct kernel_siginfo *info = s->info;

	if (bpf_ksym_exists(bpf_rdonly_cast))
		return bpf_core_cast(info, struct kernel_siginfo)->si_code;
	return BPF_CORE_READ(info, si_code);
}

static __always_inline int has_info(const struct signal *s)
{
	return (__u64)s->info > INFO_KERNEL;
}

/* Whether an address lies on the current thread's own kernel stack. */
static __always_inline int is_on_own_stack(__u64 address)
{
	return address - (__u64)CURRENT(stack) < STACK_SIZE;
}

/* Whether the hook runs in an interrupt. Its context lies on the stack in use. */
static __always_inline int is_in_interrupt(void *ctx)
{
	return !is_on_own_stack(address_of(ctx));
}

static __always_inline void read_context(struct context *c, const struct signal *s,
					 int in_interrupt)
{
	__u32 flags = CURRENT(flags);

	c->activity = ACTIVITY_NONE;
	c->in_interrupt = in_interrupt;
	c->kernel_thread = (flags & PF_KTHREAD) != 0;
	c->self = 0;
	c->exiting = 0;
	c->dead = 0;
	if (in_interrupt)
		return;
	c->self = current_pid_tgid() >> 32 == (__u32)s->task->tgid;
	c->exiting = (flags & PF_EXITING) != 0;
	c->dead = c->exiting && CURRENT(exit_state) != 0;
	/* A kernel thread's registers are zero, and 0 is a system call. */
	if (c->kernel_thread)
		return;
	c->activity = flags & (PF_IO_WORKER | PF_USER_WORKER) ? ACTIVITY_WRITE : current_activity();
}

/*
 * Whether the call that the current thread is in sent the signal. The call is then in
 * `a`. All signals of the machine come here, so the cheapest questions come first.
 */
static __always_inline int is_from_call(const struct signal *s, struct args *a)
{
	__s32 code;

	if ((__u64)s->info == INFO_KERNEL || CURRENT(flags) & (PF_EXITING | PF_KTHREAD))
		return 0;
	read_current_args(a);
	if (a->syscall == NO_SYSCALL || args_sig(a) != s->sig || s->sig < 1 || s->sig > 64)
		return 0;
	if (!has_info(s))
		return 1;
	/* Timers keep theirs elsewhere. */
	if (a->syscall >= SYSCALL_RT_SIGQUEUEINFO)
		return is_on_own_stack(info_address(s));
	/* Seccomp and the like may signal the caller during its call. */
	code = signal_code(s);
	return code == SI_USER || code == SI_TKILL;
}

/* The origin of a signal that came with a siginfo of the kernel's. */
static __always_inline enum origin origin_by_code(const struct signal *s, const struct context *c,
						  __s32 code)
{
	switch (code) {
	case SI_TIMER:
		return ORIGIN_TIMER;
	case SI_MESGQ:
		return ORIGIN_MQUEUE;
	case SI_ASYNCIO:
	case SI_SIGIO:
		return ORIGIN_ASYNC_IO;
	}
	if (code <= 0)
		return ORIGIN_KERNEL;
	if (s->sig == SIGCHLD)
		return ORIGIN_CHILD;
	if (code == SI_KERNEL)
		return c->activity == ACTIVITY_EXEC ? ORIGIN_EXEC : ORIGIN_FAULT;
	/* With a signal of its own choice (clone). */
	if (c->dead && !c->self && code <= CLD_DUMPED)
		return ORIGIN_CHILD;
	switch (s->sig) {
	case SIGSYS:
		return code == SYS_USER_DISPATCH ? ORIGIN_USER_DISPATCH : ORIGIN_SECCOMP;
	case SIGTRAP:
		return code == TRAP_PERF ? ORIGIN_PERF : ORIGIN_FAULT;
	case SIGSEGV:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
		return ORIGIN_FAULT;
	}
	/* A band (POLL_IN and so on). */
	return ORIGIN_ASYNC_IO;
}

/* Whether the current process is the init of its pid namespace. */
static __always_inline int is_namespace_init(void)
{
	struct task_struct *task = current_task();
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct pid_namespace *ns = read_upid(pid, BPF_CORE_READ(pid, level)).ns;

	return BPF_CORE_READ(ns, child_reaper, tgid) == BPF_CORE_READ(task, tgid);
}

static __always_inline int is_autoreaped(struct task_struct *task)
{
	struct signal_struct___autoreap *signal = (void *)BPF_CORE_READ(task, signal);

	if (!bpf_core_field_exists(signal->autoreap))
		return 0;
	return BPF_CORE_READ_BITFIELD_PROBED(signal, autoreap) != 0;
}

static __always_inline int has_hard_limit(struct task_struct *task, __u32 limit)
{
	return BPF_CORE_READ(task, signal, rlim[limit].rlim_max) != RLIM_INFINITY;
}

static __always_inline enum origin origin_of_kill(const struct signal *s, const struct context *c)
{
	/* The OOM killer runs in no interrupt; a BPF program may. */
	if (c->in_interrupt)
		return ORIGIN_KERNEL;
	/* What the call ends is its namespace's init alone, which ends the others as ever. */
	if (c->activity == ACTIVITY_REBOOT && !c->exiting)
		return ORIGIN_REBOOT;
	/* PTRACE_O_EXITKILL */
	if (c->exiting && !s->group)
		return ORIGIN_PTRACE;
	if (c->exiting && !c->self && is_namespace_init())
		return ORIGIN_PID_NAMESPACE;
	if (!c->self && is_autoreaped(s->task))
		return ORIGIN_PIDFD_CLOSE;
	if (c->self &&
	    (has_hard_limit(s->task, RLIMIT_CPU) || has_hard_limit(s->task, RLIMIT_RTTIME)))
		return ORIGIN_RLIMIT;
	return ORIGIN_OOM;
}

/* The origin of a signal that the kernel sent in its own name. */
static __always_inline enum origin origin_of_kernels(const struct signal *s,
						     const struct context *c)
{
	switch (s->sig) {
	case SIGALRM:
	case SIGVTALRM:
	case SIGPROF:
		return ORIGIN_TIMER;
	case SIGXCPU:
		return s->task->policy == SCHED_DEADLINE ? ORIGIN_DEADLINE : ORIGIN_RLIMIT;
	case SIGURG:
	case SIGIO:
		return ORIGIN_ASYNC_IO;
	case SIGSTOP:
		return c->activity == ACTIVITY_PTRACE ? ORIGIN_PTRACE : ORIGIN_KERNEL;
	case SIGINT:
	case SIGQUIT:
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
	case SIGWINCH:
		return ORIGIN_TTY;
	case SIGHUP:
	case SIGCONT:
		/* An exiting thread leaves its terminal before its namespaces, and its
		 * children after them.
		 */
		if (c->exiting && !CURRENT(nsproxy) && is_same_session(s->task, 1))
			return ORIGIN_ORPHANED_GROUP;
		return ORIGIN_HANGUP;
	case SIGKILL:
		return origin_of_kill(s, c);
	}
	return ORIGIN_KERNEL;
}

/* The origin of a signal without a sender's name. */
static __always_inline enum origin origin_of_nameless(const struct signal *s,
						      const struct context *c)
{
	if (s->sig == SIGPIPE && c->self)
		return ORIGIN_PIPE;
	if (s->sig == SIGXFSZ && c->self)
		return ORIGIN_RLIMIT;
	if (s->sig == SIGTRAP && c->self && c->activity == ACTIVITY_EXEC)
		return ORIGIN_PTRACE;
	if (c->exiting && s->group && s->sig == s->task->pdeath_signal)
		return ORIGIN_PARENT_DEATH;
	if (s->sig == SIGKILL && c->activity == ACTIVITY_PTRACE)
		return ORIGIN_PTRACE;
	if ((s->sig == SIGHUP || s->sig == SIGCONT) && s->group && c->activity == ACTIVITY_IOCTL)
		return ORIGIN_HANGUP;
	if (s->sig == SIGKILL && !s->group && c->activity == ACTIVITY_WRITE)
		return ORIGIN_CGROUP_KILL;
	return ORIGIN_KERNEL;
}

/* What made a signal that is no call's. */
static __always_inline enum origin origin_of(const struct signal *s, const struct context *c)
{
	if (has_info(s))
		return origin_by_code(s, c, signal_code(s));
	return (__u64)s->info == INFO_KERNEL ? origin_of_kernels(s, c) : origin_of_nameless(s, c);
}

/* How the current process, or the target, is behind a signal of this origin. */
static __always_inline enum role role_of(enum origin origin, const struct context *c)
{
	switch (origin) {
	case ORIGIN_TIMER:
	case ORIGIN_RLIMIT:
	case ORIGIN_DEADLINE:
		/* Whoever runs when it is due. */
		return ROLE_SELF;
	case ORIGIN_FAULT:
	case ORIGIN_REBOOT:
	case ORIGIN_SECCOMP:
	case ORIGIN_USER_DISPATCH:
	case ORIGIN_EXEC:
	case ORIGIN_PIPE:
	case ORIGIN_PERF:
		return c->self ? ROLE_SELF : ROLE_NONE;
	default:
		break;
	}
	if (c->in_interrupt || c->kernel_thread)
		return ROLE_NONE;
	switch (origin) {
	case ORIGIN_ASYNC_IO:
		/* An interrupt of user mode runs on the thread's own stack. */
		return c->activity == ACTIVITY_NONE && !c->exiting ? ROLE_NONE : ROLE_TRIGGER;
	case ORIGIN_TTY:
	case ORIGIN_HANGUP:
		if (c->activity == ACTIVITY_IOCTL)
			return ROLE_CALLER;
		return c->self ? ROLE_SELF : ROLE_TRIGGER;
	case ORIGIN_CGROUP_KILL:
		return ROLE_WRITER;
	case ORIGIN_PTRACE:
		return c->self ? ROLE_SELF : ROLE_TRACER;
	case ORIGIN_CALL:
	case ORIGIN_KERNEL:
		return ROLE_NONE;
	default:
		return ROLE_TRIGGER;
	}
}

#endif
