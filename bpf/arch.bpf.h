/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A system call's arguments from the registers saved at its entry. */
#ifndef SIGTRAIL_ARCH_BPF_H
#define SIGTRAIL_ARCH_BPF_H

struct saved_args {
	unsigned long arg[3];
};

static __always_inline struct saved_args read_saved_args(const struct pt_regs *regs)
{
	struct saved_args saved = {};

#if defined(__TARGET_ARCH_x86)
	saved.arg[0] = BPF_CORE_READ(regs, di);
	saved.arg[1] = BPF_CORE_READ(regs, si);
	saved.arg[2] = BPF_CORE_READ(regs, dx);
#elif defined(__TARGET_ARCH_arm64)
	/* regs[0] already holds the result. */
	saved.arg[0] = BPF_CORE_READ(regs, orig_x0);
	saved.arg[1] = BPF_CORE_READ(regs, regs[1]);
	saved.arg[2] = BPF_CORE_READ(regs, regs[2]);
#else
#error "this architecture's argument registers are not known here"
#endif
	return saved;
}

#endif
