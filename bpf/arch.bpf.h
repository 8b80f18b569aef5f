/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which call a thread is in: from its system call number, ABI and registers. */
#ifndef SIGTRAIL_ARCH_BPF_H
#define SIGTRAIL_ARCH_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "verifier.bpf.h"

/* A call as it was made. Registers have 64 bits; of a number, the kernel uses the
 * low 32.
 */
struct args {
	int syscall; /* enum syscall_kind or NO_SYSCALL */
	enum call_abi abi;
	unsigned long arg[4];
};

/* None of the six system calls that send a signal. */
#define NO_SYSCALL (-1)

/* Other system calls during which the kernel makes signals. */
enum activity {
	/* It is in none: it runs in user mode, or is a kernel thread. */
	ACTIVITY_NONE = 0,
	ACTIVITY_OTHER = 1,
	ACTIVITY_EXEC = 2,
	ACTIVITY_PTRACE = 3,
	ACTIVITY_REBOOT = 4,
	/* ioctl and vhangup: they may ask a terminal for a signal. */
	ACTIVITY_IOCTL = 5,
	/* Whatever may write to a file. */
	ACTIVITY_WRITE = 6,
};

#define CURRENT(field)                                                                             \
	(current_is_typed() ? typed_current()->field : BPF_CORE_READ(current_task(), field))

#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 0x2
#define X32_SYSCALL_BIT 0x40000000
#define USER_CS 0x33
#define USER32_CS 0x23

static __always_inline enum call_abi current_abi(__u32 nr)
{
	if (CURRENT(thread_info.status) & TS_COMPAT)
		return ABI_I386;
	return nr & X32_SYSCALL_BIT ? ABI_X32 : ABI_NATIVE;
}

static __always_inline int syscall_of(__u32 nr, enum call_abi abi)
{
	int i386 = abi == ABI_I386, x32 = abi == ABI_X32;

	switch (x32 ? nr & ~X32_SYSCALL_BIT : nr) {
	case 62:
		return i386 ? NO_SYSCALL : SYSCALL_KILL;
	case 200:
		return i386 ? NO_SYSCALL : SYSCALL_TKILL;
	case 234:
		return i386 ? NO_SYSCALL : SYSCALL_TGKILL;
	case 129:
		return i386 || x32 ? NO_SYSCALL : SYSCALL_RT_SIGQUEUEINFO;
	case 297:
		return i386 || x32 ? NO_SYSCALL : SYSCALL_RT_TGSIGQUEUEINFO;
	case 524:
		return x32 ? SYSCALL_RT_SIGQUEUEINFO : NO_SYSCALL;
	case 536:
		return x32 ? SYSCALL_RT_TGSIGQUEUEINFO : NO_SYSCALL;
	case 37:
		return i386 ? SYSCALL_KILL : NO_SYSCALL;
	case 238:
		return i386 ? SYSCALL_TKILL : NO_SYSCALL;
	case 270:
		return i386 ? SYSCALL_TGKILL : NO_SYSCALL;
	case 178:
		return i386 ? SYSCALL_RT_SIGQUEUEINFO : NO_SYSCALL;
	case 335:
		return i386 ? SYSCALL_RT_TGSIGQUEUEINFO : NO_SYSCALL;
	case 424:
		return SYSCALL_PIDFD_SEND_SIGNAL;
	}
	return NO_SYSCALL;
}

static __always_inline enum activity native_activity(__u32 nr)
{
	switch (nr) {
	case 59: /* execve */
	case 322: /* execveat */
		return ACTIVITY_EXEC;
	case 101:
		return ACTIVITY_PTRACE;
	case 169:
		return ACTIVITY_REBOOT;
	case 16:
	case 153: /* vhangup */
		return ACTIVITY_IOCTL;
	case 1: /* write */
	case 18: /* pwrite64 */
	case 20: /* writev */
	case 40: /* sendfile */
	case 275: /* splice */
	case 296: /* pwritev */
	case 328: /* pwritev2 */
	case 426: /* io_uring_enter */
		return ACTIVITY_WRITE;
	}
	return ACTIVITY_OTHER;
}

static __always_inline enum activity compat_activity(__u32 nr)
{
	switch (nr) {
	case 11: /* execve */
	case 358: /* execveat */
		return ACTIVITY_EXEC;
	case 26:
		return ACTIVITY_PTRACE;
	case 88:
		return ACTIVITY_REBOOT;
	case 54:
	case 111: /* vhangup */
		return ACTIVITY_IOCTL;
	case 4: /* write */
	case 146: /* writev */
	case 181: /* pwrite64 */
	case 187: /* sendfile */
	case 239: /* sendfile64 */
	case 313: /* splice */
	case 334: /* pwritev */
	case 379: /* pwritev2 */
	case 426: /* io_uring_enter */
		return ACTIVITY_WRITE;
	}
	return ACTIVITY_OTHER;
}

/* Those of x32 that have a number of their own. */
static __always_inline enum activity x32_activity(__u32 nr)
{
	switch (nr) {
	case 520: /* execve */
	case 545: /* execveat */
		return ACTIVITY_EXEC;
	case 521:
		return ACTIVITY_PTRACE;
	case 514:
		return ACTIVITY_IOCTL;
	case 516: /* writev */
	case 535: /* pwritev */
	case 547: /* pwritev2 */
		return ACTIVITY_WRITE;
	}
	return native_activity(nr);
}

static __always_inline enum activity activity_of(__u32 nr, enum call_abi abi)
{
	if (abi == ABI_I386)
		return compat_activity(nr);
	return abi == ABI_X32 ? x32_activity(nr & ~X32_SYSCALL_BIT) : native_activity(nr);
}

/* Whether the number is that of one of the six calls in any ABI. */
static __always_inline int may_send_signal(__u32 nr)
{
	switch (nr & ~X32_SYSCALL_BIT) {
	case 37:
	case 62:
	case 129:
	case 178:
	case 200:
	case 234:
	case 238:
	case 270:
	case 297:
	case 335:
	case 424:
	case 524:
	case 536:
		return 1;
	}
	return 0;
}

/* One of the first three arguments of the function that a kprobe is on. */
static __always_inline unsigned long function_arg(const struct pt_regs *ctx, const int n)
{
	return n == 0 ? ctx->di : n == 1 ? ctx->si : ctx->dx;
}

static __always_inline long returned(const struct pt_regs *ctx)
{
	return ctx->ax;
}

static __always_inline __u32 saved_nr(const struct pt_regs *regs, const int typed)
{
	return READ(typed, regs, orig_ax);
}

/* The register that holds the result once there is one. */
static __always_inline __s32 saved_result(const struct pt_regs *regs, const int typed)
{
	return READ(typed, regs, ax);
}

/* Whether that register holds the first argument after seccomp restored them all. */
static __always_inline int restores_argument(void)
{
	return 0;
}

static __always_inline void read_saved_args(struct args *a, const struct pt_regs *regs,
					    const int typed)
{
	if (a->abi == ABI_I386) {
		a->arg[0] = (__u32)READ(typed, regs, bx);
		a->arg[1] = (__u32)READ(typed, regs, cx);
		a->arg[2] = (__u32)READ(typed, regs, dx);
		a->arg[3] = (__u32)READ(typed, regs, si);
	} else {
		a->arg[0] = READ(typed, regs, di);
		a->arg[1] = READ(typed, regs, si);
		a->arg[2] = READ(typed, regs, dx);
		a->arg[3] = READ(typed, regs, r10);
	}
}

static __always_inline int are_from_user(const struct pt_regs *regs)
{
	__u32 cs = BPF_CORE_READ(regs, cs);

	return cs == USER_CS || cs == USER32_CS;
}

#elif defined(__TARGET_ARCH_arm64)

#define TIF_32BIT 22
#define PSR_MODE_MASK 0xf

static __always_inline enum call_abi current_abi(__u32 nr)
{
	(void)nr;
	return CURRENT(thread_info.flags) >> TIF_32BIT & 1 ? ABI_ARM : ABI_NATIVE;
}

static __always_inline int syscall_of(__u32 nr, enum call_abi abi)
{
	int arm = abi == ABI_ARM;

	switch (nr) {
	case 129:
		return arm ? NO_SYSCALL : SYSCALL_KILL;
	case 130:
		return arm ? NO_SYSCALL : SYSCALL_TKILL;
	case 131:
		return arm ? NO_SYSCALL : SYSCALL_TGKILL;
	case 138:
		return arm ? NO_SYSCALL : SYSCALL_RT_SIGQUEUEINFO;
	case 240:
		return arm ? NO_SYSCALL : SYSCALL_RT_TGSIGQUEUEINFO;
	case 37:
		return arm ? SYSCALL_KILL : NO_SYSCALL;
	case 238:
		return arm ? SYSCALL_TKILL : NO_SYSCALL;
	case 268:
		return arm ? SYSCALL_TGKILL : NO_SYSCALL;
	case 178:
		return arm ? SYSCALL_RT_SIGQUEUEINFO : NO_SYSCALL;
	case 363:
		return arm ? SYSCALL_RT_TGSIGQUEUEINFO : NO_SYSCALL;
	case 424:
		return SYSCALL_PIDFD_SEND_SIGNAL;
	}
	return NO_SYSCALL;
}

static __always_inline enum activity native_activity(__u32 nr)
{
	switch (nr) {
	case 221: /* execve */
	case 281: /* execveat */
		return ACTIVITY_EXEC;
	case 117:
		return ACTIVITY_PTRACE;
	case 142:
		return ACTIVITY_REBOOT;
	case 29:
	case 58: /* vhangup */
		return ACTIVITY_IOCTL;
	case 64: /* write */
	case 66: /* writev */
	case 68: /* pwrite64 */
	case 70: /* pwritev */
	case 71: /* sendfile */
	case 76: /* splice */
	case 287: /* pwritev2 */
	case 426: /* io_uring_enter */
		return ACTIVITY_WRITE;
	}
	return ACTIVITY_OTHER;
}

static __always_inline enum activity compat_activity(__u32 nr)
{
	switch (nr) {
	case 11: /* execve */
	case 387: /* execveat */
		return ACTIVITY_EXEC;
	case 26:
		return ACTIVITY_PTRACE;
	case 88:
		return ACTIVITY_REBOOT;
	case 54:
	case 111: /* vhangup */
		return ACTIVITY_IOCTL;
	case 4: /* write */
	case 146: /* writev */
	case 181: /* pwrite64 */
	case 187: /* sendfile */
	case 239: /* sendfile64 */
	case 340: /* splice */
	case 362: /* pwritev */
	case 393: /* pwritev2 */
	case 426: /* io_uring_enter */
		return ACTIVITY_WRITE;
	}
	return ACTIVITY_OTHER;
}

static __always_inline enum activity activity_of(__u32 nr, enum call_abi abi)
{
	return abi == ABI_ARM ? compat_activity(nr) : native_activity(nr);
}

/* Whether the number is that of one of the six calls in any ABI. */
static __always_inline int may_send_signal(__u32 nr)
{
	switch (nr) {
	case 37:
	case 129:
	case 130:
	case 131:
	case 138:
	case 178:
	case 238:
	case 240:
	case 268:
	case 363:
	case 424:
		return 1;
	}
	return 0;
}

/* One of the first three arguments of the function that a kprobe is on. */
static __always_inline unsigned long function_arg(const struct pt_regs *ctx, const int n)
{
	return ctx->regs[n];
}

static __always_inline long returned(const struct pt_regs *ctx)
{
	return ctx->regs[0];
}

static __always_inline __u32 saved_nr(const struct pt_regs *regs, const int typed)
{
	return READ(typed, regs, syscallno);
}

/* The register that holds the result once there is one. */
static __always_inline __s32 saved_result(const struct pt_regs *regs, const int typed)
{
	return READ(typed, regs, regs[0]);
}

/* Whether that register holds the first argument after seccomp restored them all. */
static __always_inline int restores_argument(void)
{
	return 1;
}

static __always_inline void read_saved_args(struct args *a, const struct pt_regs *regs,
					    const int typed)
{
	/* regs[0] is overwritten by the result. */
	a->arg[0] = READ(typed, regs, orig_x0);
	a->arg[1] = READ(typed, regs, regs[1]);
	a->arg[2] = READ(typed, regs, regs[2]);
	a->arg[3] = READ(typed, regs, regs[3]);
}

static __always_inline int are_from_user(const struct pt_regs *regs)
{
	return !(BPF_CORE_READ(regs, pstate) & PSR_MODE_MASK);
}

#else
#error "this architecture's system calls are not known here"
#endif

/* Of a kernel stack before 5.15, on both architectures. */
#define STACK_SIZE 16384

static __always_inline int has_typed_regs(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs);
}

/* The current thread's registers as saved at its entry into the kernel. */
static __always_inline struct pt_regs *typed_regs(void)
{
	return (void *)bpf_task_pt_regs((void *)current_task_btf());
}

/* The same before 5.15; 0 if they cannot be found. */
static __always_inline struct pt_regs *probed_regs(void)
{
	struct task_struct *task = current_task();
	struct pt_regs *regs =
		BPF_CORE_READ(task, stack) + STACK_SIZE - bpf_core_type_size(struct pt_regs);

	return are_from_user(regs) ? regs : 0;
}

/* The arguments of the system call behind a function that a kprobe is on. */
static __always_inline void read_function_args(struct args *a, const struct pt_regs *ctx)
{
	struct pt_regs *regs = (void *)function_arg(ctx, 0);

	a->abi = current_abi(saved_nr(regs, 0));
	read_saved_args(a, regs, 0);
}

/* The result register of the current thread's call, as it is now. */
static __always_inline __s32 current_result(void)
{
	struct pt_regs *regs;

	if (has_typed_regs())
		return saved_result(typed_regs(), 1);
	regs = probed_regs();
	return regs ? saved_result(regs, 0) : 0;
}

static __always_inline void read_args(struct args *a, const struct pt_regs *regs, const int typed)
{
	__u32 nr = saved_nr(regs, typed);

	a->abi = current_abi(nr);
	a->syscall = syscall_of(nr, a->abi);
	if (a->syscall != NO_SYSCALL)
		read_saved_args(a, regs, typed);
}

/* The call that the current thread is in. NO_SYSCALL if it is in none of the six. */
static __always_inline void read_current_args(struct args *a)
{
	struct pt_regs *regs;

	a->syscall = NO_SYSCALL;
	a->abi = ABI_NATIVE;
	if (has_typed_regs()) {
		read_args(a, typed_regs(), 1);
		return;
	}
	regs = probed_regs();
	if (regs)
		read_args(a, regs, 0);
}

/* What the current thread, which is in none of the six calls, is in. */
static __always_inline enum activity current_activity(void)
{
	struct pt_regs *regs;
	__s32 nr = -1;

	if (has_typed_regs()) {
		nr = saved_nr(typed_regs(), 1);
	} else {
		regs = probed_regs();
		if (regs)
			nr = saved_nr(regs, 0);
	}
	/* Negative in a fault and in an interrupt of user mode. */
	return nr < 0 ? ACTIVITY_NONE : activity_of(nr, current_abi(nr));
}

#endif
