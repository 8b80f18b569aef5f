/* The mixture's calls: of each kind, right and wrong, each counted by its result. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "evasions.h"
#include "mixture.h"

/* Nobody has such a number. */
#define NOBODY 4194999

long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

uint64_t random_below(struct caller *caller, uint64_t limit)
{
	/* xorshift64* */
	caller->random ^= caller->random >> 12;
	caller->random ^= caller->random << 25;
	caller->random ^= caller->random >> 27;
	return (caller->random * 0x2545f4914f6cdd1dULL >> 33) % limit;
}

#define ONE_OF(caller, array) ((array)[random_below(caller, sizeof(array) / sizeof(*(array)))])

static void count(struct caller *caller, enum which which, long ret)
{
	caller->calls[which][narrow][-ret & 255]++;
}

/* None of them ends, or stops, who takes part. */
static int any_signal(struct caller *caller)
{
	static const int SIGNALS[] = { SIGHUP,	SIGINT,	 SIGQUIT, SIGABRT, SIGUSR1, SIGUSR2,
				       SIGTERM, SIGCHLD, SIGCONT, SIGURG,  SIGWINCH };
	static const int WRONG[] = { 65, -1, 1000, INT_MIN, INT_MAX };

	switch (random_below(caller, 8)) {
	case 0:
		return 0;
	case 1:
		return ONE_OF(caller, WRONG);
	case 2:
		return SIGRTMIN + random_below(caller, 30);
	default:
		return ONE_OF(caller, SIGNALS);
	}
}

/* Threads and processes that live until the end, or are nobody's. */
static pid_t any_process(struct caller *caller)
{
	const struct worker *other = &ONE_OF(caller, stage->workers);

	switch (random_below(caller, 8)) {
	case 0:
		return caller->pid;
	case 1:
		return NOBODY + random_below(caller, 1000);
	case 2:
		return other->pid;
	case 3:
		return other->zombie;
	default:
		return ONE_OF(caller, other->members);
	}
}

/* With groups, but never all processes. */
static pid_t any_target(struct caller *caller)
{
	switch (random_below(caller, 8)) {
	case 0:
		return 0;
	case 1:
		return -NOBODY;
	case 2:
		return INT_MIN;
	case 3:
		return -ONE_OF(caller, stage->workers).members[0];
	default:
		return any_process(caller);
	}
}

static long any_info(struct caller *caller, int signal)
{
	static const int CODES[] = { -60, -1, -1, -2, -3, -6, -100, 0, 5, 0x80, INT_MIN };

	if (random_below(caller, 16) == 0)
		return 8;
	fill_info(caller->info, signal, ONE_OF(caller, CODES),
		  random_below(caller, 2) ? caller->pid : 1, random_below(caller, 2), 7);
	return address_of(caller->info);
}

static long call_pidfd(struct caller *caller, int signal)
{
	int fd = random_below(caller, 8) ? ONE_OF(caller, caller->worker->fds) : 9999;
	long info = random_below(caller, 2) ? any_info(caller, signal) : 0;

	return call(SYS_pidfd_send_signal, fd, signal, info, random_below(caller, 8) ? 0 : 64);
}

static long call_which(struct caller *caller, enum which which, int signal)
{
	pid_t process = any_process(caller), thread = process;

	if (random_below(caller, 4) == 0) {
		process = ONE_OF(caller, stage->workers).pid;
		thread = ONE_OF(caller, ONE_OF(caller, stage->workers).threads);
	}
	switch (which) {
	case KILL:
		return call(SYS_kill, any_target(caller), signal, 0, 0);
	case TKILL:
		return call(SYS_tkill, random_below(caller, 16) ? thread : 0, signal, 0, 0);
	case TGKILL:
		return call(SYS_tgkill, process, thread, signal, 0);
	case QUEUE:
		return call(SYS_rt_sigqueueinfo, process, signal, any_info(caller, signal), 0);
	case TGQUEUE:
		return call(SYS_rt_tgsigqueueinfo, process, thread, signal,
			    any_info(caller, signal));
	default:
		return call_pidfd(caller, signal);
	}
}

void call_at_random(struct caller *caller)
{
	enum which which = random_below(caller, WHICH);
	int signal = any_signal(caller);
	long ret;

#ifdef __x86_64__
	narrow = random_below(caller, 8) == 0;
#endif
	ret = call_which(caller, which, signal);
	/* Where only the witness sees a call, it is what signals. */
	if (!narrow || (!ret && signal))
		count(caller, which, ret);
	narrow = false;
}

void kill_for_sure(struct caller *caller, pid_t target, int signal)
{
	count(caller, KILL, 0);
	if (target == caller->pid)
		tell_counts(caller);
	if (call(SYS_kill, target, signal, 0, 0))
		die("kill");
}

void tell_counts(struct caller *caller)
{
	for (int which = 0; which < WHICH; which++)
		for (int narrow = 0; narrow < 2; narrow++)
			for (int ret = 0; ret < 256; ret++) {
				uint32_t calls = caller->calls[which][narrow][ret];
				unsigned int at;

				if (!calls)
					continue;
				at = stage->counts_used++;
				if (at >= COUNTS)
					die("too many counts");
				stage->counts[at] =
					(struct count){ caller->pid, which, narrow, -ret, calls };
			}
	memset(caller->calls, 0, sizeof(caller->calls));
}
