/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What runs in a process: executable and arguments. */
#ifndef SIGTRAIL_IMAGE_BPF_H
#define SIGTRAIL_IMAGE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"
#include "process.bpf.h"
#include "verifier.bpf.h"

#define PATH_DEPTH 40

/* Writes the names of a file's path into its record, leaf first. Returns their length. */
__noinline __u64 read_exe(__u64 exe_file)
{
	struct exec_record *image = scratch(HOOK_EXEC, SCRATCH_CALL);
	struct file *file = (struct file *)exe_file;
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	__u64 len = 0;

	if (!image)
		return 0;
	for (int i = 0; i < PATH_DEPTH; i++) {
		struct dentry *parent;
		long got;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *above = BPF_CORE_READ(mount, mnt_parent);

			if (above == mount)
				return len;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = above;
			continue;
		}
		if (len >= EXE_LEN)
			break;
		got = bpf_probe_read_kernel_str(image->data + below(EXE_LEN, len), NAME_LEN,
						BPF_CORE_READ(dentry, d_name.name));
		if (got <= 0)
			break;
		len += below(2 * NAME_LEN, got);
		parent = BPF_CORE_READ(dentry, d_parent);
		/* In no mounted tree, such as a memfd. */
		if (parent == dentry)
			return len;
		dentry = parent;
	}
	image->flags |= IMAGE_EXE_TRUNCATED;
	return len;
}

/* The arguments of the current process, as far as they are asked for. */
static __always_inline void read_args_of(struct exec_record *image, struct mm_struct *mm)
{
	__u64 start = BPF_CORE_READ(mm, arg_start);
	__u64 want = BPF_CORE_READ(mm, arg_end) - start;
	void *args;
	long got = 0;

	if (want >= ARGS_LEN) {
		want = ARGS_LEN - 1;
		image->flags |= IMAGE_ARGS_TRUNCATED;
	}
	args = image->data + below(2 * EXE_LEN, image->exe_len);
	if (args_mode == ARGS_FIRST) {
		got = bpf_probe_read_user_str(args, ARGS_LEN - 1, (void *)start);
	} else if (args_mode == ARGS_FULL) {
		got = bpf_probe_read_user(args, below(ARGS_LEN, want), (void *)start);
		got = got ?: (long)want;
	}
	if (got < 0) {
		/* Paged out. */
		image->flags |= IMAGE_ARGS_UNREADABLE;
		got = 0;
	}
	image->args_len = got;
}

/* Fills in what the current process runs: all that the record has beyond its descent. */
static __always_inline void read_image(struct exec_record *image, struct task_struct *task)
{
	struct mm_struct *mm = BPF_CORE_READ(task, mm);

	image->flags = 0;
	image->args_len = 0;
	image->arg_start = BPF_CORE_READ(mm, arg_start);
	image->exe_len = read_exe((__u64)BPF_CORE_READ(mm, exe_file));
	read_args_of(image, mm);
}

#endif
