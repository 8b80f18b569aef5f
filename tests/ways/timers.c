/*
 * Timers, whose signals come while anybody runs. Here that is a bystander of the
 * way's own. A kernel may hide a process of its machine's from all that traces, and
 * then also hides the signals that are made while that runs.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "ways.h"

#define MS 1000000L /* ns */

static void (*victims_part)(void);

/* With PREEMPT_RT, timers are the work of threads, which nobody may keep out. */
static void go_first(int priority)
{
	if (access("/sys/kernel/realtime", F_OK))
		run_in_real_time(priority);
}

/* RT throttling would let others in after 950 ms. */
static void stand_by(void)
{
	stay_on_processor();
	poll(NULL, 0, stage->word);
	go_first(1);
	spin();
}

/* It goes before the bystander when it runs at all. */
static void be_victim(void)
{
	go_first(2);
	stay_on_processor();
	become(NOBODY);
	stage->parties[VICTIM].uid = NOBODY;
	victims_part();
}

/* The timer is due after so many milliseconds, or later. */
static void play_beside_bystander(void (*part)(void), long due_ms)
{
	stage->processor = must(sched_getcpu(), "sched_getcpu");
	stage->word = due_ms - due_ms / 10;
	victims_part = part;
	start(HELPER, 0, stand_by);
	start(VICTIM, 0, be_victim);
	watch_end();
}

static void set_alarm(void)
{
	alarm(1);
	wait_for_cue();
}

static void by_alarm(void)
{
	play_beside_bystander(set_alarm, 1000);
}

/* The process that asked for it has another image by then. */
static void set_alarm_and_execute(void)
{
	alarm(1);
	execl(path_to("w-alarm_exec"), "ways", "wait", NULL);
	die("execl");
}

static void by_alarm_before_exec(void)
{
	program_for("w-alarm_exec");
	play_beside_bystander(set_alarm_and_execute, 1000);
}

static void set_interval(int which)
{
	struct itimerval soon = { .it_value.tv_usec = 5000 };

	must(setitimer(which, &soon, NULL), "setitimer");
	spin();
}

static void set_real(void)
{
	set_interval(ITIMER_REAL);
}

static void set_virtual(void)
{
	set_interval(ITIMER_VIRTUAL);
}

static void set_profiling(void)
{
	set_interval(ITIMER_PROF);
}

static void by_real(void)
{
	play_beside_bystander(set_real, 0);
}

static void by_virtual(void)
{
	play_beside_bystander(set_virtual, 0);
}

static void by_profiling(void)
{
	play_beside_bystander(set_profiling, 0);
}

/* The way's signal, to the process or a thread. */
static void set_timer(clockid_t clock, int signal, pid_t thread)
{
	struct itimerspec soon = { .it_value.tv_nsec = 5 * MS };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	timer_t timer;

	if (thread) {
		event.sigev_notify = SIGEV_THREAD_ID;
		event._sigev_un._tid = thread;
	}
	must(timer_create(clock, &event, &timer), "timer_create");
	must(timer_settime(timer, 0, &soon, NULL), "timer_settime");
}

static void set_monotonic(void)
{
	set_timer(CLOCK_MONOTONIC, SIGTERM, 0);
	wait_for_cue();
}

static void set_deadly(void)
{
	set_timer(CLOCK_MONOTONIC, SIGKILL, 0);
	wait_for_cue();
}

static void set_cpu(void)
{
	set_timer(CLOCK_PROCESS_CPUTIME_ID, SIGUSR2, 0);
	spin();
}

static void set_boot(void)
{
	set_timer(CLOCK_BOOTTIME, SIGRTMIN + 3, 0);
	wait_for_cue();
}

static void *set_for_itself(void *nothing)
{
	stage->parties[VICTIM].tid = syscall(SYS_gettid);
	set_timer(CLOCK_MONOTONIC, SIGTERM, stage->parties[VICTIM].tid);
	wait_for_cue();
	return nothing;
}

static void set_for_thread(void)
{
	pthread_t thread;

	must(-pthread_create(&thread, NULL, set_for_itself, NULL), "pthread_create");
	pthread_join(thread, NULL);
}

static void by_monotonic(void)
{
	play_beside_bystander(set_monotonic, 0);
}

static void by_deadly(void)
{
	play_beside_bystander(set_deadly, 0);
}

static void by_cpu(void)
{
	play_beside_bystander(set_cpu, 0);
}

static void by_boot(void)
{
	play_beside_bystander(set_boot, 0);
}

static void by_thread(void)
{
	play_beside_bystander(set_for_thread, 0);
}

/* What libc calls SIGRTMIN is 34. */
const struct way timers[] = {
	{ "alarm", SIGALRM, KILLED, by_alarm },
	{ "alarm_exec", SIGALRM, KILLED, by_alarm_before_exec },
	{ "itimer_real", SIGALRM, KILLED, by_real },
	{ "itimer_virt", SIGVTALRM, KILLED, by_virtual },
	{ "itimer_prof", SIGPROF, KILLED, by_profiling },
	{ "ptimer_term", SIGTERM, KILLED, by_monotonic },
	{ "ptimer_kill", SIGKILL, KILLED, by_deadly },
	{ "ptimer_tid", SIGTERM, KILLED, by_thread },
	{ "ptimer_cpu", SIGUSR2, KILLED, by_cpu },
	{ "ptimer_boot", 37, KILLED, by_boot },
	{},
};
