/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* What runs in a process: executable, arguments and terminal, sent once an exec. */
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

/* An image that was sent: a process between two execs, and the epoch. */
struct image_id {
	__u64 start_ns;
	__u32 exec_id;
	__u32 epoch;
};

/* Images that were sent, by tgid. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 10240);
	__type(key, __u32);
	__type(value, struct image_id);
} images SEC(".maps");

/* Writes the names of a file's path into its record, leaf first. Returns their length. */
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
		/* In no mounted tree, such as a memfd. */
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

static __always_inline int is_known(const struct image_id *known, const struct image_id *id)
{
	return known && known->start_ns == id->start_ns && known->exec_id == id->exec_id &&
	       known->epoch == id->epoch;
}

/* Only the kernel side may look at process 1 whatever the poller's capabilities. */
static __always_inline void find_host_mnt_ns(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);

	if (!host_mnt_ns && pid)
		host_mnt_ns =
			BPF_CORE_READ(read_upid(pid, 0).ns, child_reaper, nsproxy, mnt_ns, ns.inum);
}

/* Fills in all but the arguments. */
static __always_inline void start_image(struct image *image, struct task_struct *task,
					struct mm_struct *mm, const struct process *p,
					enum hook hook)
{
	image->header.time_ns = bpf_ktime_get_ns();
	find_host_mnt_ns(task);
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

static __always_inline long send_image_record(void *ctx, struct image *image, enum hook hook)
{
	__u64 len = image->exe_len + image->args_len;

	return send_record(ctx, &image->header,
			   __builtin_offsetof(struct image, data) + below(sizeof(image->data), len),
			   hook);
}

/* The arguments of the current process, as far as they are asked for. */
static __always_inline void read_args_of(struct image *image, struct mm_struct *mm)
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

/*
 * Sends what runs in the current process, unless it was sent in this epoch. `last`
 * holds what this thread asked for last, which needs no look into the map; it may
 * be 0.
 */
static __always_inline void send_image_once(void *ctx, struct task_struct *task,
					    const struct process *p, struct image_id *last,
					    enum hook hook)
{
	struct image_id id = image_id_of(p);
	struct mm_struct *mm;
	struct image *image;
	__u32 tgid = p->tgid;

	if (last && is_known(last, &id))
		return;
	if (!is_known(bpf_map_lookup_elem(&images, &tgid), &id)) {
		image = scratch(hook, SCRATCH_IDENTITY);
		mm = BPF_CORE_READ(task, mm);
		if (!image || !mm)
			return;
		start_image(image, task, mm, p, hook);
		read_args_of(image, mm);
		if (send_image_record(ctx, image, hook))
			return;
		bpf_map_update_elem(&images, &tgid, &id, BPF_ANY);
	}
	if (last)
		*last = id;
}

/*
 * Sends what runs in a process that a signal ends, which may be gone before /proc
 * can be read. Its arguments are left out: only the process itself can read them.
 * `last` is as for send_image_once().
 */
static __always_inline void send_victim_image(void *ctx, struct task_struct *task,
					      const struct process *p, struct image_id *last,
					      enum hook hook)
{
	struct image_id id = image_id_of(p);
	struct mm_struct *mm;
	struct image *image;
	__u32 tgid = p->tgid;

	if (is_known(last, &id) || is_known(bpf_map_lookup_elem(&images, &tgid), &id))
		return;
	image = scratch(hook, SCRATCH_IDENTITY);
	mm = BPF_CORE_READ(task, mm);
	/* A leader that has exited has none, but its threads have. */
	if (!mm) {
		task = (void *)find_thread((__u64)BPF_CORE_READ(task, signal), 0);
		mm = BPF_CORE_READ(task, mm);
	}
	if (!image || !mm)
		return;
	start_image(image, task, mm, p, hook);
	image->flags |= IMAGE_ARGS_UNREADABLE;
	if (!send_image_record(ctx, image, hook) && last)
		*last = id;
}

#endif
