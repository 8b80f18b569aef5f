// SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause)
/*
 * Every call that sends a signal: the entry probe notes the call in its thread's
 * slot, the witness adds whom the kernel signals, and the exit probe completes
 * the call with who made it and sends it to the poller.
 */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "arch.bpf.h"
#include "death.bpf.h"
#include "entry.bpf.h"
#include "event.h"
#include "exit.bpf.h"
#include "witness.bpf.h"

/* One place for each system call's entry: the tracepoint of one with two
 * arguments lets nobody read a third.
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

/* Attached to all six. */
SEC("tracepoint")
int syscall_exit(struct syscall_trace_exit *ctx)
{
	return probe_exit(ctx, sender_of(ctx->nr, ABI_NATIVE), ctx->ret);
}

/* Calls in all ABIs, for the price of a look at each system call. */
SEC("tracepoint/raw_syscalls/sys_enter")
int raw_enter(struct raw_syscall_enter *ctx)
{
	return probe_raw_entry(ctx);
}

SEC("tracepoint/raw_syscalls/sys_exit")
int raw_exit(struct raw_syscall_exit *ctx)
{
	return probe_raw_exit(ctx, ctx->id, ctx->ret);
}

/*
 * Attached to the functions behind the system calls: those of 32-bit callers,
 * or all. Each has the caller's registers as its argument.
 */
SEC("kprobe")
int kprobe_enter(struct pt_regs *ctx)
{
	return probe_function_entry(first_arg(ctx));
}

SEC("kretprobe")
int kprobe_exit(struct pt_regs *ctx)
{
	return probe_function_exit(ctx, returned(ctx));
}

/* (sig, siginfo, task, group, result) */
SEC("tp_btf/signal_generate")
int signal_witness(__u64 *ctx)
{
	const struct signal s = {
		.sig = ctx[0],
		.info = (void *)ctx[1],
		.task = (void *)ctx[2],
		.group = ctx[3],
		.result = ctx[4],
	};

	return witness_signal(ctx, &s);
}

/* (task, ...) */
SEC("tp_btf/sched_process_exit")
int thread_death(__u64 *ctx)
{
	return probe_death(ctx, (void *)ctx[0]);
}

char LICENSE[] SEC("license") = "Dual BSD/GPL";
