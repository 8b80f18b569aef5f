/* What the workers of the mixture share. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WORKERS 5
#define THREADS 2
#define MEMBERS 3 /* of each worker's group of targets */
#define COUNTS 2000000 /* for as long as a test may take */

enum which { KILL, TKILL, TGKILL, QUEUE, TGQUEUE, PIDFD, WHICH };

/* So many calls of a process with one result. */
struct count {
	pid_t pid;
	uint8_t which;
	bool narrow;
	int16_t ret;
	uint32_t calls;
};

struct worker {
	pid_t pid;
	pid_t members[MEMBERS];
	pid_t zombie;
	pid_t threads[THREADS];
	int fds[MEMBERS]; /* of the members */
};

struct stage {
	struct worker workers[WORKERS];
	atomic_int ready, done;
	long end_ns;
	atomic_uint counts_used;
	struct count counts[COUNTS];
};
extern struct stage *stage;

/* What a thread, or a process that it forked, has of its own. */
struct caller {
	const struct worker *worker;
	uint64_t random;
	pid_t pid;
	struct info *info;
	uint32_t calls[WHICH][2][256]; /* by errno */
};

long now_ns(void);
uint64_t random_below(struct caller *caller, uint64_t limit);
/* Makes a call at random and counts it. */
void call_at_random(struct caller *caller);
/* Counts before the call, which succeeds, as its caller may not return. */
void kill_for_sure(struct caller *caller, pid_t target, int signal);
/* Adds what it has counted to all that is counted. */
void tell_counts(struct caller *caller);
