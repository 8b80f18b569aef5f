/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The cgroup of a process: its key, and its path, which is sent once. */
#ifndef SIGTRAIL_CGROUP_BPF_H
#define SIGTRAIL_CGROUP_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"
#include "verifier.bpf.h"

#define CGROUP_DEPTH 24

/* Cgroups whose path was sent, by key. The value is the epoch that it was sent in. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 2048);
	__type(key, __u64);
	__type(value, __u32);
} cgroups SEC(".maps");

/* The memory controller's cgroup, which counts where the default hierarchy is not used. */
static __always_inline struct cgroup *memory_cgroup(struct task_struct *task, const int typed)
{
	const __u32 controller = bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id);
	struct css_set *set = READ(typed, task, cgroups);
	struct cgroup_subsys_state *css = 0;

	if (!bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		return READ(typed, set, dfl_cgrp);
	if (typed)
		return set->subsys[controller]->cgroup;
	bpf_probe_read_kernel(&css, sizeof(css),
			      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
				      controller * sizeof(css));
	return BPF_CORE_READ(css, cgroup);
}

static __always_inline struct cgroup *task_cgroup(struct task_struct *task)
{
	struct cgroup *cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp);

	return BPF_CORE_READ(cgroup, level) > 0 ? cgroup : memory_cgroup(task, 0);
}

/*
 * The key of the cgroup in the default hierarchy; where it is the root of that
 * (cgroup v1), the key of the memory controller's. Ids are unique within a hierarchy
 * only. The default hierarchy is number 0.
 */
static __always_inline __u64 task_cgroup_key(struct task_struct *task, const int typed)
{
	struct cgroup *cgroup = READ(typed, task, cgroups, dfl_cgrp);
	__u64 hierarchy = 0;

	if (!READ(typed, cgroup, level)) {
		cgroup = memory_cgroup(task, typed);
		hierarchy = READ(typed, cgroup, root, hierarchy_id);
	}
	return READ(typed, cgroup, kn, id) ^ hierarchy << 56;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___parent *old = (void *)node;

	if (bpf_core_field_exists(old->parent))
		return BPF_CORE_READ(old, parent);
	return BPF_CORE_READ(node, __parent);
}

/*
 * Writes the names of a cgroup's path into its record, leaf first. Returns their
 * length. This function and read_exe are neither inlined nor static: the verifier
 * then checks the loop once for a program. Otherwise it checks it again on each
 * path that leads there, which is more than kernels before 6.12 allow. Such a
 * function takes only numbers.
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
 * Sends a cgroup's path, unless it was sent in this epoch. `last` holds the key
 * that this thread asked for last, which needs no look into the map; it may be 0.
 */
static __always_inline void send_cgroup_once(void *ctx, struct task_struct *task, __u64 key,
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
				 below(sizeof(record->path), len),
			 hook))
		bpf_map_update_elem(&cgroups, &key, &now, BPF_ANY);
}

#endif
