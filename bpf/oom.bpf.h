/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The OOM killer's victims: their SIGKILL alone does not say who sent it. */
#ifndef SIGTRAIL_OOM_BPF_H
#define SIGTRAIL_OOM_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"

static __always_inline int probe_oom(struct trace_event_raw_mark_victim *ctx)
{
	struct oom_record *record = scratch(HOOK_OOM, SCRATCH_CALL);

	if (trace_state < TRACE_ON || !record)
		return 0;
	record->header.time_ns = bpf_ktime_get_ns();
	record->header.kind = RECORD_OOM;
	record->victim_tid = ctx->pid;
	record->tid = current_pid_tgid();
	record->has_figures = 0;
	if (bpf_core_field_exists(ctx->total_vm)) {
		record->has_figures = 1;
		record->total_vm = ctx->total_vm;
		record->anon_rss = ctx->anon_rss;
		record->file_rss = ctx->file_rss;
		record->shmem_rss = ctx->shmem_rss;
		record->pgtables = ctx->pgtables;
		record->oom_score_adj = ctx->oom_score_adj;
	}
	send_record(ctx, &record->header, sizeof(*record), HOOK_OOM);
	return 0;
}

#endif
