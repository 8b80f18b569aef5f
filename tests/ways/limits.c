/* Limits of resources, a process's own and those that another sets it. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ways.h"

static void limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	must(setrlimit(resource, &limit), "setrlimit");
}

static void play_alone(uid_t uid, void (*part)(void))
{
	start(VICTIM, uid, part);
	watch_end();
}

static void spin_at_soft_limit(void)
{
	limit(RLIMIT_CPU, 0, RLIM_INFINITY);
	spin();
}

static void spin_at_hard_limit(void)
{
	limit(RLIMIT_CPU, 0, 0);
	spin();
}

static void rl_cpu_soft(void)
{
	play_alone(NOBODY, spin_at_soft_limit);
}

static void rl_cpu_hard(void)
{
	play_alone(NOBODY, spin_at_hard_limit);
}

/* What the victim's place in the machine does not allow. */
static void refused(void)
{
	if (errno != EPERM && errno != EBUSY)
		die("the scheduler");
	stage->word = 1;
}

/* The victim may do so as root only, and then is nobody. */
static void hurry(void)
{
	stage->word = !run_in_real_time(1);
	become(NOBODY);
	stage->parties[VICTIM].uid = NOBODY;
}

static void hurry_to_soft_limit(void)
{
	hurry();
	limit(RLIMIT_RTTIME, 1000, RLIM_INFINITY);
	if (!stage->word)
		spin();
}

static void hurry_to_hard_limit(void)
{
	hurry();
	limit(RLIMIT_RTTIME, 1000, 1000);
	if (!stage->word)
		spin();
}

static void rttime_soft(void)
{
	play_alone(0, hurry_to_soft_limit);
	if (stage->word)
		skip("this control group has no real-time share");
}

static void rttime_hard(void)
{
	play_alone(0, hurry_to_hard_limit);
	if (stage->word)
		skip("this control group has no real-time share");
}

static int file;

static void write_file(void)
{
	must(write(file, "!", 1), "write");
}

static void write_beyond_limit(void)
{
	limit(RLIMIT_FSIZE, 0, 0);
	write_file();
}

static void rl_fsize(void)
{
	file = must(memfd_create("ways", 0), "memfd_create");
	play_alone(NOBODY, write_beyond_limit);
}

/* As the kernel has it. */
struct attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

#define SCHED_DEADLINE_POLICY 6
#define TELL_OF_OVERRUN 4

static void overrun(void)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.policy = SCHED_DEADLINE_POLICY,
		.flags = TELL_OF_OVERRUN,
		.runtime = 2000000,
		.deadline = 100000000,
		.period = 100000000,
	};

	if (syscall(SYS_sched_setattr, 0, &attributes, 0))
		refused();
	become(NOBODY);
	stage->parties[VICTIM].uid = NOBODY;
	if (!stage->word)
		spin();
}

static void deadline(void)
{
	play_alone(0, overrun);
	if (stage->word)
		skip("this processor set admits no deadlines");
}

/* Another process of the same user's sets the limit. */
static void limit_victim(int resource, rlim_t value)
{
	struct rlimit limit = { value, value };

	must(prlimit(stage->parties[VICTIM].pid, resource, &limit, NULL), "prlimit");
	here();
}

static void limit_cpu(void)
{
	limit_victim(RLIMIT_CPU, 0);
}

static void limit_file(void)
{
	limit_victim(RLIMIT_FSIZE, 0);
}

static void limit_stack(void)
{
	limit_victim(RLIMIT_STACK, 64 << 10);
}

static void spin_on(void)
{
	say();
	spin();
}

static void write_on_cue(void)
{
	here();
	write_file();
}

static void fill_stack_on_cue(void)
{
	volatile char *at = __builtin_frame_address(0);

	here();
	for (;; at -= 1024)
		*at = 1;
}

static void limited(void (*victims_part)(void), void (*arrangers_part)(void))
{
	start(VICTIM, NOBODY, victims_part);
	meet(VICTIM);
	start(ARRANGER, NOBODY, arrangers_part);
	meet(ARRANGER);
}

static void pr_cpu(void)
{
	limited(spin_on, limit_cpu);
	watch_end();
}

static void pr_fsize(void)
{
	file = must(memfd_create("ways", 0), "memfd_create");
	limited(write_on_cue, limit_file);
	cue(VICTIM);
	watch_end();
}

static void pr_stack(void)
{
	limited(fill_stack_on_cue, limit_stack);
	cue(VICTIM);
	watch_end();
}

const struct way limits[] = {
	{ "rl_cpu_soft", SIGXCPU, KILLED, rl_cpu_soft },
	{ "rl_cpu_hard", SIGKILL, KILLED, rl_cpu_hard },
	{ "rttime_soft", SIGXCPU, KILLED, rttime_soft },
	{ "rttime_hard", SIGKILL, KILLED, rttime_hard },
	{ "rl_fsize", SIGXFSZ, KILLED, rl_fsize },
	{ "deadline", SIGXCPU, KILLED, deadline },
	{ "pr_cpu", SIGKILL, KILLED, pr_cpu },
	{ "pr_fsize", SIGXFSZ, KILLED, pr_fsize },
	{ "pr_stack", SIGSEGV, KILLED, pr_stack },
	{},
};
