/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which calls are wanted, decided as early as possible. */
#ifndef SIGTRAIL_FILTER_BPF_H
#define SIGTRAIL_FILTER_BPF_H

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "event.h"
#include "maps.bpf.h"

#define SENDER_SETS (1 << FILTER_SENDER_PID | 1 << FILTER_SENDER_UID | 1 << FILTER_SENDER_COMM)
#define TARGET_SETS (1 << FILTER_TARGET_PID | 1 << FILTER_TARGET_UID | 1 << FILTER_TARGET_COMM)

struct filters filters[2];
/* The bank in force. */
__u32 filter_bank;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct filter_key);
	__type(value, __u8);
} filter_sets SEC(".maps");

static __always_inline const struct filters *current_filters(void)
{
	return &filters[filter_bank & 1];
}

static __always_inline int in_set(struct filter_key *key, enum filter_kind kind)
{
	key->kind = kind;
	return bpf_map_lookup_elem(&filter_sets, key) != 0;
}

static __always_inline int number_in_set(const struct filters *f, enum filter_kind kind,
					 __u32 number)
{
	struct filter_key key = { .bank = f->bank };

	__builtin_memcpy(key.value, &number, sizeof(number));
	return in_set(&key, kind);
}

static __always_inline int wants_signal(const struct filters *f, __s32 sig)
{
	if (sig >= 1 && sig <= 64)
		return f->signals >> (sig - 1) & 1;
	return sig == 0 ? f->signal_zero : f->signal_other;
}

static __always_inline int wants_sender(const struct filters *f)
{
	if (f->sets & (1 << FILTER_SENDER_PID) &&
	    !number_in_set(f, FILTER_SENDER_PID, current_pid_tgid() >> 32))
		return 0;
	if (f->sets & (1 << FILTER_SENDER_UID) &&
	    !number_in_set(f, FILTER_SENDER_UID, bpf_get_current_uid_gid()))
		return 0;
	if (f->sets & (1 << FILTER_SENDER_COMM)) {
		struct filter_key key = { .bank = f->bank };

		bpf_get_current_comm(key.value, sizeof(key.value));
		if (!in_set(&key, FILTER_SENDER_COMM))
			return 0;
	}
	return 1;
}

/* Whether this signal is wanted from the current process, by any call. */
static __always_inline int wants_sent(const struct filters *f, __s32 sig)
{
	return wants_signal(f, sig) && (!f->sets || wants_sender(f));
}

static __always_inline int wants_syscall(const struct filters *f, enum syscall_kind syscall)
{
	return f->syscalls >> syscall & 1;
}

static __always_inline int wants_call(const struct filters *f, enum syscall_kind syscall, __s32 sig)
{
	return wants_syscall(f, syscall) && wants_sent(f, sig);
}

/*
 * Whether this is a signal that the poller sends itself, to see that calls are
 * recorded. No filter keeps it out, and it never becomes a line.
 */
static __always_inline int is_canary(enum syscall_kind syscall, __s32 target, __s32 sig)
{
	return sig == canary_sig && syscall == SYSCALL_KILL && target > 0 &&
	       (__u32)target == own_pid && current_pid_tgid() >> 32 == own_pid;
}

/* Whether a filter is about the target. */
static __always_inline int asks_for_target(const struct filters *f)
{
	return f->sets & TARGET_SETS || f->fatal_only;
}

/* What precedes the first zero byte of a word, and zeros. */
static __always_inline __u64 until_zero(__u64 word)
{
	__u64 zeros = (word - 0x0101010101010101) & ~word & 0x8080808080808080;

	return word & ((zeros & -zeros) - 1);
}

/* A name as filters have it. Before 5.17, a shorter name leaves the end of the one before
 * it behind its zero byte.
 */
static __always_inline void pad_comm(__u8 *to, const __u8 *comm)
{
	__u64 words[2];

	__builtin_memcpy(words, comm, sizeof(words));
	if (until_zero(words[0]) >> 56)
		words[1] = until_zero(words[1]);
	else
		words[1] = 0;
	words[0] = until_zero(words[0]);
	__builtin_memcpy(to, words, sizeof(words));
}

/* Whether a process is in the sets of these kinds that are in use. */
static __always_inline int is_wanted(const struct filters *f, const struct process *p,
				     enum filter_kind pid, enum filter_kind uid,
				     enum filter_kind comm)
{
	if (f->sets & (1 << pid) && !number_in_set(f, pid, p->tgid))
		return 0;
	if (f->sets & (1 << uid) && !number_in_set(f, uid, p->uid))
		return 0;
	if (f->sets & (1 << comm)) {
		struct filter_key key = { .bank = f->bank };

		pad_comm(key.value, p->comm);
		if (!in_set(&key, comm))
			return 0;
	}
	return 1;
}

/* Whether this is one of the targets that are wanted. */
static __always_inline int wants_target(const struct filters *f, const struct recipient *r)
{
	const struct process *p = &r->process;

	/* What may end a process counts as what does. */
	if (f->fatal_only && !(r->flags & (RECIPIENT_FATAL | RECIPIENT_UNDECIDED)))
		return 0;
	return is_wanted(f, p, FILTER_TARGET_PID, FILTER_TARGET_UID, FILTER_TARGET_COMM);
}

/* Notes that a process is sent this signal: if that asks it to end, its end counts. */
static __always_inline void note_asked(__s32 sig, __u32 tgid)
{
	if (current_filters()->asking >> (sig - 1) & 1)
		asked[tgid & (ASKED - 1)] = 1;
}

/* Whether all calls are wanted, whatever becomes of them: then what is no call may be
 * wanted as well.
 */
static __always_inline int wants_all_calls(const struct filters *f)
{
	return f->syscalls == (1 << SYSCALL_KINDS) - 1 && !f->failed_only;
}

/* Whether the end of a process is wanted only if a signal that is wanted led to it. */
static __always_inline int asks_for_cause(const struct filters *f)
{
	return f->sets & SENDER_SETS || !wants_all_calls(f);
}

/* Whether this is one of the senders that are wanted of a signal that no call sent;
 * 0 stands for nobody.
 */
static __always_inline int wants_other_sender(const struct filters *f, const struct process *p)
{
	if (!(f->sets & SENDER_SETS))
		return 1;
	return p && is_wanted(f, p, FILTER_SENDER_PID, FILTER_SENDER_UID, FILTER_SENDER_COMM);
}

#endif
