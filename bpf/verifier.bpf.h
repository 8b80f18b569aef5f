/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* How code is written so that the verifiers of old and new kernels accept it. */
#ifndef SIGTRAIL_VERIFIER_BPF_H
#define SIGTRAIL_VERIFIER_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * READ(typed, a, b, c) reads a->b->c. `typed` says whether the verifier knows the
 * type behind the pointer. If it does, each arrow is a load, which costs a
 * nanosecond or two; if not, each arrow is a helper call, which costs twenty.
 * `typed` is a constant wherever its function is inlined, so that only one of the
 * two is left in the program.
 */
#define READ(typed, ...) ((typed) ? ___arrow(__VA_ARGS__) : BPF_CORE_READ(__VA_ARGS__))

/* The verifier knows the type of the current task from 5.11 on. */
static __always_inline int current_is_typed(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/*
 * The same pointer, whose type the verifier takes on trust (from 6.2 on). To read
 * through it costs the program no more. The verifier then does not search the kernel's
 * types, at each step of each path, for whether what it leads to can be trusted: that
 * took three quarters of the time to load.
 */
static __always_inline struct task_struct *on_trust(struct task_struct *task)
{
	return bpf_ksym_exists(bpf_rdonly_cast) ? bpf_core_cast(task, struct task_struct) : task;
}

/*
 * What a helper without arguments returns, if that is always the same in one run of a
 * program. Unlike a call by the helper's name, the compiler may leave out a second one.
 * Where returns are slow (on AMD's Zen, to keep speculation safe), a call costs ten
 * nanoseconds.
 */
#define ANSWER_OF(type, helper)                                                                    \
	({                                                                                         \
		type answer;                                                                       \
		asm("call %[id]\n%[answer] = r0"                                                   \
		    : [answer] "=r"(answer)                                                        \
		    : [id] "i"(helper)                                                             \
		    : "r0", "r1", "r2", "r3", "r4", "r5");                                         \
		answer;                                                                            \
	})

static __always_inline __u64 current_pid_tgid(void)
{
	return ANSWER_OF(__u64, BPF_FUNC_get_current_pid_tgid);
}

static __always_inline struct task_struct *current_task(void)
{
	return ANSWER_OF(struct task_struct *, BPF_FUNC_get_current_task);
}

/* Only if current_is_typed(). */
static __always_inline struct task_struct *current_task_btf(void)
{
	return ANSWER_OF(struct task_struct *, BPF_FUNC_get_current_task_btf);
}

/* The current task, where the verifier knows its type. */
static __always_inline struct task_struct *typed_current(void)
{
	if (bpf_ksym_exists(bpf_rdonly_cast))
		return bpf_core_cast(current_task(), struct task_struct);
	return current_task_btf();
}

/*
 * Masks a value that is below `size`, a power of two. Verifiers before 6.12 lose
 * a bounds check when the compiler moves the value, so the mask repeats it.
 */
static __always_inline __u64 below(__u64 size, __u64 value)
{
	asm volatile("" : "+r"(value));
	return value & (size - 1);
}

#endif
