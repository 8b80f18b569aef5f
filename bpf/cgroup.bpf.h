/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which cgroup a process is in, and the way to it. */
#ifndef SIGTRAIL_CGROUP_BPF_H
#define SIGTRAIL_CGROUP_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"
#include "verifier.bpf.h"

#define CGROUP_DEPTH 24

/* Cgroups whose path the poller knows, by key; the value is the epoch. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

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

/*
 * The cgroup of the default hierarchy; where that has none (cgroup v1), the
 * memory controller's.
 */
static __always_inline __u64 task_cgroup_key(struct task_struct *task, const int typed)
{
	if (READ(typed, task, cgroups, dfl_cgrp, level) > 0)
		return READ(typed, task, cgroups, dfl_cgrp, kn, id);
	return other_cgroup_key(task);
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

#endif
