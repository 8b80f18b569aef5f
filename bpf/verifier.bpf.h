/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What is written so that the verifiers of old and new kernels accept it. */
#ifndef SIGTRAIL_VERIFIER_BPF_H
#define SIGTRAIL_VERIFIER_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/*
 * READ(typed, a, b, c) is a->b->c. If `typed`, the verifier knows the type behind
 * the pointer, and each arrow is a load, which costs a nanosecond or two. If not,
 * each is a helper call, which costs twenty. `typed` is a constant wherever a
 * function with that parameter is inlined, so only one of both is compiled.
 */
#define READ(typed, ...) ((typed) ? ___arrow(__VA_ARGS__) : BPF_CORE_READ(__VA_ARGS__))

/* From 5.11 on the verifier knows the type of the current task. */
static __always_inline int current_is_typed(void)
{
	return bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf);
}

/*
 * A value that is below `size`, a power of two, told so that kernels before
 * 6.12 see it: theirs forget a comparison when the compiler moves a value.
 */
static __always_inline __u64 below(__u64 size, __u64 value)
{
	asm volatile("" : "+r"(value));
	return value & (size - 1);
}

#endif
