// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * The programs: each unpacks its hook's arguments and calls in. The entry of a call
 * begins it in its thread's slot (entry.bpf.h), the witness adds whom the kernel
 * signals (witness.bpf.h), and the exit completes the call with its result and its
 * sender, and sends it to the poller (exit.bpf.h).
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "arranger.bpf.h"
#include "death.bpf.h"
#include "entry.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "lifecycle.bpf.h"
#include "oom.bpf.h"
#include "witness.bpf.h"

/* Each call has an entry program of its own: at the tracepoint of a call with two
 * arguments, the kernel refuses a program that reads a third.
 */
SEC("tracepoint/syscalls/sys_enter_kill")
int kill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_KILL, ABI_NATIVE, { ctx->args[0], ctx->args[1] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_tkill")
int tkill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_TKILL, ABI_NATIVE, { ctx->args[0], ctx->args[1] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_tgkill")
int tgkill_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_TGKILL,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_rt_sigqueueinfo")
int rt_sigqueueinfo_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_RT_SIGQUEUEINFO,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_rt_tgsigqueueinfo")
int rt_tgsigqueueinfo_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_RT_TGSIGQUEUEINFO,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3] } };

	return probe_entry(&a);
}

SEC("tracepoint/syscalls/sys_enter_pidfd_send_signal")
int pidfd_send_signal_enter(struct syscall_trace_enter *ctx)
{
	struct args a = { SYSCALL_PIDFD_SEND_SIGNAL,
			  ABI_NATIVE,
			  { ctx->args[0], ctx->args[1], ctx->args[2], ctx->args[3] } };

	return probe_entry(&a);
}

/* Attached to the exit tracepoints of all six calls. */
SEC("tracepoint")
int syscall_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, syscall_of(ctx->nr, ABI_NATIVE), ctx->ret);
}

/* Calls in all ABIs, at the price of a look at each system call of the machine. */
SEC("tracepoint/raw_syscalls/sys_enter")
int raw_enter(struct trace_event_raw_sys_enter *ctx)
{
	return probe_raw_entry(ctx);
}

SEC("tracepoint/raw_syscalls/sys_exit")
int raw_exit(struct trace_event_raw_sys_exit *ctx)
{
	return probe_raw_exit(ctx, ctx->id, ctx->ret);
}

/*
 * Attached to the functions behind the calls: those for 32-bit callers, or all. Each
 * function has the caller's registers as its argument.
 */
SEC("kprobe")
int kprobe_enter(struct pt_regs *ctx)
{
	return probe_function_entry((void *)function_arg(ctx, 0));
}

SEC("kretprobe")
int kprobe_exit(struct pt_regs *ctx)
{
	return probe_function_exit(ctx, returned(ctx));
}

/* (sig, siginfo, task, group, result) */
static __always_inline struct signal signal_of(const __u64 *ctx)
{
	struct signal s = {
		.sig = ctx[0],
		.info = (void *)ctx[1],
		.task = on_trust((void *)ctx[2]),
		.group = ctx[3],
		.result = ctx[4],
	};

	return s;
}

SEC("tp_btf/signal_generate")
int signal_witness(__u64 *ctx)
{
	const struct signal s = signal_of(ctx);

	return witness_signal(ctx, &s);
}

/* A program of its own: it may interrupt the other, and no program interrupts itself. */
SEC("tp_btf/signal_generate")
int signal_interrupt(__u64 *ctx)
{
	const struct signal s = signal_of(ctx);

	return witness_interrupt(ctx, &s);
}

SEC("tracepoint/oom/mark_victim")
int oom_victim(struct trace_event_raw_mark_victim *ctx)
{
	return probe_oom(ctx);
}

/* Who arranges for signals: where there are no kprobes, at the system calls. */
SEC("tracepoint/syscalls/sys_enter_fcntl")
int fcntl_arranged(struct syscall_trace_enter *ctx)
{
	return probe_fcntl(ctx, ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_ioctl")
int ioctl_arranged(struct syscall_trace_enter *ctx)
{
	return probe_ioctl(ctx, ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_prlimit64")
int prlimit_arranged(struct syscall_trace_enter *ctx)
{
	return probe_prlimit(ctx, ctx->args[0], ctx->args[1], ctx->args[2]);
}

SEC("tracepoint/syscalls/sys_enter_ptrace")
int ptrace_arranged(struct syscall_trace_enter *ctx)
{
	return probe_ptrace(ctx, ctx->args[0], ctx->args[1]);
}

SEC("tracepoint/syscalls/sys_enter_perf_event_open")
int perf_arranged(struct syscall_trace_enter *ctx)
{
	return probe_perf_open(ctx, ctx->args[0], ctx->args[1]);
}

/* (file, pid, type, force) */
SEC("kprobe/__f_setown")
int kprobe_owner(struct pt_regs *ctx)
{
	arrange_owner(ctx, (void *)function_arg(ctx, 1), function_arg(ctx, 2));
	return 0;
}

/* (task, resource, new limit) */
SEC("kprobe/security_task_setrlimit")
int kprobe_limit(struct pt_regs *ctx)
{
	return probe_limit(ctx, (void *)function_arg(ctx, 0), function_arg(ctx, 1));
}

/* These two have the caller's registers as their argument. */
SEC("kprobe")
int kprobe_ptrace(struct pt_regs *ctx)
{
	struct args a;

	read_function_args(&a, ctx);
	return probe_ptrace(ctx, a.arg[0], a.arg[1]);
}

SEC("kprobe")
int kprobe_perf(struct pt_regs *ctx)
{
	struct args a;

	read_function_args(&a, ctx);
	return probe_perf_open(ctx, a.arg[0], a.arg[1]);
}

/* (task, old pid, ...) */
SEC("tp_btf/sched_process_exec")
int process_exec(__u64 *ctx)
{
	return probe_exec(ctx, on_trust((void *)ctx[0]));
}

/* (parent, child) */
SEC("tp_btf/sched_process_fork")
int process_fork(__u64 *ctx)
{
	return probe_fork(ctx, on_trust((void *)ctx[1]));
}

/*
 * The same, where the kernel can preempt a program on a tracepoint, and then skips it for
 * others on its CPU: exit_files(task), which each thread that ends calls for itself.
 */
SEC("kprobe/exit_files")
int kprobe_death(struct pt_regs *ctx)
{
	struct task_struct *task = typed_current();

	/* A fork that fails calls it for the child. */
	if (function_arg(ctx, 0) == (__u64)task)
		probe_death(ctx, task, HOOK_KPROBE);
	return 0;
}

/* (task, ...) */
SEC("tp_btf/sched_process_exit")
int thread_death(__u64 *ctx)
{
	return probe_death(ctx, on_trust((void *)ctx[0]), HOOK_DEATH);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
