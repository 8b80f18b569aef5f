/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Who a process is: read from its task_struct, while it is there. */
#ifndef SIGTRAIL_IDENTITY_BPF_H
#define SIGTRAIL_IDENTITY_BPF_H

#define PF_EXITING 0x4
#define PF_KTHREAD 0x200000

#define CGROUP_DEPTH 24
#define PATH_DEPTH 40

/* The number that `level` of the pid namespaces knows a process by. */
static __always_inline struct upid read_upid(struct pid *pid, __u32 level)
{
	struct upid upid = {};
	void *numbers = (void *)pid + bpf_core_field_offset(struct pid, numbers);
	void *place = numbers + level * bpf_core_type_size(struct upid);

	bpf_probe_read_kernel(&upid.nr, sizeof(upid.nr),
			      place + bpf_core_field_offset(struct upid, nr));
	bpf_probe_read_kernel(&upid.ns, sizeof(upid.ns),
			      place + bpf_core_field_offset(struct upid, ns));
	return upid;
}

static __always_inline void read_ns_pid(struct process *p, struct pid *pid)
{
	struct upid upid = read_upid(pid, p->ns_level);

	p->ns_pid = upid.nr;
	p->pid_ns = BPF_CORE_READ(upid.ns, ns.inum);
}

/* Where the default hierarchy has no cgroup below its root. */
static __always_inline struct cgroup *other_cgroup(struct task_struct *task, __u32 *hierarchy)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct cgroup_subsys_state *css = 0;
	struct cgroup *cgroup;

	*hierarchy = 0;
	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return BPF_CORE_READ(set, dfl_cgrp);
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) *
					      sizeof(css));
	cgroup = BPF_CORE_READ(css, cgroup);
	*hierarchy = BPF_CORE_READ(cgroup, root, hierarchy_id);
	return cgroup;
}

/* Ids are unique in a hierarchy only. The default one has number 0. */
static __always_inline __u64 other_cgroup_key(struct task_struct *task)
{
	__u32 hierarchy;
	struct cgroup *cgroup = other_cgroup(task, &hierarchy);

	return BPF_CORE_READ(cgroup, kn, id) ^ (__u64)hierarchy << 56;
}

static __always_inline struct cgroup *task_cgroup(struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);
	__u32 hierarchy;

	return BPF_CORE_READ(cgroup, level) > 0 ? cgroup : other_cgroup(task, &hierarchy);
}

#include "process.bpf.h"

static __always_inline __u64 current_start_time(void)
{
	if (current_is_typed())
		return thread_start_time(bpf_get_current_task_btf(), 1);
	return thread_start_time((void *)bpf_get_current_task(), 0);
}

static __always_inline __u32 current_ns_level(void)
{
	struct task_struct *task;

	if (current_is_typed())
		return bpf_get_current_task_btf()->thread_pid->level;
	task = (void *)bpf_get_current_task();
	return BPF_CORE_READ(task, thread_pid, level);
}

static __always_inline void read_current(struct process *p)
{
	if (current_is_typed())
		read_process(p, bpf_get_current_task_btf(), 1);
	else
		read_process(p, (void *)bpf_get_current_task(), 0);
	bpf_get_current_comm(p->comm, sizeof(p->comm));
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___parent *old = (void *)node;

	if (bpf_core_field_exists(old->parent))
		return BPF_CORE_READ(old, parent);
	return BPF_CORE_READ(node, __parent);
}

/*
 * Appends the names of a cgroup's path to its record, leaf first; returns the
 * end. Not inlined and not static, as read_exe: the verifier goes through the
 * loop once for a program, and not again on each path that leads to it, which
 * is more than kernels before 6.12 allow. Such a function takes numbers only.
 */
__noinline __u64 read_cgroup_path(__u64 kernfs_node, __u32 hook)
{
	struct cgroup_record *record = scratch(hook, SCRATCH_IDENTITY);
	struct kernfs_node *node = (struct kernfs_node *)kernfs_node;
	__u64 len = 0;

	if (!record)
		return 0;
	record->truncated = 1;
	for (int i = 0; i < CGROUP_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(node);
		long got;

		if (!parent) {
			record->truncated = 0;
			break;
		}
		if (len >= CGROUP_LEN)
			break;
		got = bpf_probe_read_kernel_str(record->path + below(CGROUP_LEN, len), NAME_LEN,
						BPF_CORE_READ(node, name));
		if (got <= 0)
			break;
		len += below(2 * NAME_LEN, got);
		node = parent;
	}
	return len;
}

/*
 * Tells the poller the path behind a key, if it was not told before. `last` is
 * the key that the thread has asked for last; 0: nobody keeps it.
 */
static __always_inline void announce_cgroup(void *ctx, struct task_struct *task, __u64 key,
					    __u64 *last, enum hook hook)
{
	struct cgroup_record *record;
	__u32 now = epoch, *known;
	__u64 len;

	if (last && *last == key)
		return;
	if (last)
		*last = key;
	known = bpf_map_lookup_elem(&cgroups, &key);
	if (known && *known == now)
		return;
	record = scratch(hook, SCRATCH_IDENTITY);
	if (!record)
		return;
	len = read_cgroup_path((__u64)BPF_CORE_READ(task_cgroup(task), kn), hook);
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = RECORD_CGROUP;
	record->cgroup_key = key;
	record->path_len = len;
	if (!send_record(ctx, &record->header,
			 __builtin_offsetof(struct cgroup_record, path) +
				 below(sizeof(record->path), len)))
		bpf_map_update_elem(&cgroups, &key, &now, BPF_ANY);
}

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

/* Fills in who calls, and tells the poller what it does not know of that. */
static __always_inline void read_sender(void *ctx, struct call *call, struct slot *slot,
					enum hook hook)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	read_current(&call->sender);
	announce_image(ctx, task, &call->sender, slot ? &slot->image : 0, hook);
	announce_cgroup(ctx, task, call->sender.cgroup_key, slot ? &slot->sender_cgroup : 0, hook);
}

#endif
