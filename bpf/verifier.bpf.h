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
 * Masks a value that is below `size`, a power of two. Verifiers before 6.12 lose
 * a bounds check when the compiler moves the value, so the mask repeats it.
 */
static __always_inline __u64 below(__u64 size, __u64 value)
{
	asm volatile("" : "+r"(value));
	return value & (size - 1);
}

#endif
