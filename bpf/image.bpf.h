/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What runs in a process: its executable, arguments and terminal. */
#ifndef SIGTRAIL_IMAGE_BPF_H
#define SIGTRAIL_IMAGE_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"
#include "verifier.bpf.h"

#define PATH_DEPTH 40

/* A process between two execs. */
struct image_id {
	__u64 start_ns;
	__u32 exec_id;
	__u32 epoch;
};

/* Processes whose image the poller knows, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct image_id);
} images SEC(".maps");

/* Appends the names of a file's path to its record, leaf first; returns the end. */
__noinline __u64 read_exe(__u64 exe_file, __u32 hook)
{
	struct image *image = scratch(hook, SCRATCH_IDENTITY);
	struct file *file = (struct file *)exe_file;
	struct vfsmount *vfs = BPF_CORE_READ(file, f_path.mnt);
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct mount *mount = (void *)vfs - bpf_core_field_offset(struct mount, mnt);
	__u64 len = 0;

	if (!image)
		return 0;
	if (!BPF_CORE_READ(dentry, d_inode, i_nlink))
		image->flags |= IMAGE_EXE_DELETED;
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
		/* Not in any mounted tree, as a memfd. */
		if (parent == dentry)
			return len;
		dentry = parent;
	}
	image->flags |= IMAGE_EXE_TRUNCATED;
	return len;
}

static __always_inline struct image_id image_id_of(const struct process *p)
{
	struct image_id id = { .start_ns = p->start_ns, .exec_id = p->exec_id, .epoch = epoch };

	return id;
}

static __always_inline int is_told(const struct image_id *known, const struct image_id *id)
{
	return known && known->start_ns == id->start_ns && known->exec_id == id->exec_id &&
	       known->epoch == id->epoch;
}

/* Fills in all but the arguments. */
static __always_inline void start_image(struct image *image, struct task_struct *task,
					struct mm_struct *mm, const struct process *p,
					enum hook hook)
{
	image->header.time_ns = bpf_ktime_get_ns();
	image->header.kind = RECORD_IMAGE;
	image->start_ns = p->start_ns;
	image->tgid = p->tgid;
	image->exec_id = p->exec_id;
	image->flags = 0;
	image->args_len = 0;
	image->tty[0] = 0;
	bpf_probe_read_kernel_str(image->tty, sizeof(image->tty),
				  BPF_CORE_READ(task, signal, tty, name));
	image->exe_len = read_exe((__u64)BPF_CORE_READ(mm, exe_file), hook);
}

static __always_inline long send_image(void *ctx, struct image *image)
{
	__u64 len = image->exe_len + image->args_len;

	return send_record(ctx, &image->header,
			   __builtin_offsetof(struct image, data) +
				   below(sizeof(image->data), len));
}

/*
 * Tells the poller what runs in the current process, if it was not told. `last`
 * is the one that the thread has asked for last; 0: nobody keeps it.
 */
static __always_inline void announce_image(void *ctx, struct task_struct *task,
					   const struct process *p, struct image_id *last,
					   enum hook hook)
{
	struct image_id id = image_id_of(p);
	__u64 start, want;
	void *args;
	struct mm_struct *mm;
	struct image *image;
	__u32 tgid = p->tgid;
	long got = 0;

	if (last && is_told(last, &id))
		return;
	if (is_told(bpf_map_lookup_elem(&images, &tgid), &id))
		goto told;

	image = scratch(hook, SCRATCH_IDENTITY);
	mm = BPF_CORE_READ(task, mm);
	if (!image || !mm)
		return;
	start_image(image, task, mm, p, hook);
	start = BPF_CORE_READ(mm, arg_start);
	want = BPF_CORE_READ(mm, arg_end) - start;
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
	if (send_image(ctx, image))
		return;
	bpf_map_update_elem(&images, &tgid, &id, BPF_ANY);
told:
	if (last)
		*last = id;
}

/*
 * Tells the poller what runs in a process that is about to end: it may be gone
 * before /proc can be read. Its arguments are in memory that only it can read.
 */
static __always_inline void announce_victim(void *ctx, struct task_struct *task,
					    const struct process *p)
{
	struct image_id id = image_id_of(p);
	struct mm_struct *mm;
	struct image *image;
	__u32 tgid = p->tgid;

	if (is_told(bpf_map_lookup_elem(&images, &tgid), &id))
		return;
	image = scratch(HOOK_WITNESS, SCRATCH_IDENTITY);
	mm = BPF_CORE_READ(task, mm);
	if (!image || !mm)
		return;
	start_image(image, task, mm, p, HOOK_WITNESS);
	image->flags |= IMAGE_ARGS_UNREADABLE;
	send_image(ctx, image);
}

#endif
