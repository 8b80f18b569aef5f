/*
 * A periodic timer that sends the same signal as the calls: it interrupts the sender
 * inside of them.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "evasions.h"

#define MEMBERS 3
#define BATCH 50

static timer_t timer;
static atomic_long ticks;

static void count_tick(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	/* It may be one of a call's. */
	ticks += info->si_code == SI_TIMER;
}

/* Its signals come where the calls are made. */
static void make_timer(void)
{
	struct sigaction action = { .sa_sigaction = count_tick,
				    .sa_flags = SA_SIGINFO | SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(sched_getcpu(), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus) || sigaction(SIGTERM, &action, NULL) ||
	    timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("timer");
}

/* Not while it forks: that begins anew with each signal. */
static void set_timer(long period)
{
	struct itimerspec every = { { 0, period }, { 0, period } };

	if (timer_settime(timer, 0, &every, NULL))
		die("timer_settime");
}

static void repeat(long calls, long target, long period)
{
	struct sched_param first = { .sched_priority = 1 }, usual = {};

	make_timer();
	/* Nobody else runs here when it is due, if that can be had: a kernel may hide who
	 * serves its machine, and what comes while that runs.
	 */
	sched_setscheduler(0, SCHED_FIFO, &first);
	set_timer(period);
	for (long i = 0; i < calls; i++)
		if (call(SYS_kill, target, SIGTERM, 0, 0))
			die("kill");
	/* At least one has come. */
	while (!ticks)
		;
	set_timer(0);
	sched_setscheduler(0, SCHED_OTHER, &usual);
}

static void print_end(void)
{
	printf("{\"pid\":%d,\"ticks\":%ld}\n", getpid(), (long)ticks);
}

void timer_single(char **words)
{
	pid_t target = start(ignore_all);

	printf("{\"to\":%d}\n", target);
	repeat(atol(words[1]), target, atol(words[0]));
	print_end();
	put_away(target);
}

/* The sender is one of the group. */
void timer_group(char **words)
{
	pid_t members[MEMBERS];

	if (setpgid(0, 0))
		die("setpgid");
	printf("{\"to\":%d,\"members\":[%d", -getpid(), getpid());
	for (int i = 0; i < MEMBERS; i++) {
		members[i] = start(ignore_all);
		printf(",%d", members[i]);
	}
	puts("]}");
	repeat(atol(words[1]), -getpid(), atol(words[0]));
	print_end();
	for (int i = 0; i < MEMBERS; i++)
		put_away(members[i]);
}

/* Each call ends a process. Between two there is one that ends nobody. */
void timer_fatal(char **words)
{
	long period = atol(words[0]);
	pid_t ignorer = start(ignore_all);

	make_timer();
	for (long left = atol(words[1]); left > 0; left -= BATCH) {
		pid_t victims[BATCH];

		for (int i = 0; i < BATCH; i++)
			victims[i] = start(NULL);
		set_timer(period);
		for (int i = 0; i < BATCH; i++)
			if (call(SYS_kill, victims[i], SIGTERM, 0, 0) ||
			    call(SYS_kill, ignorer, SIGTERM, 0, 0))
				die("kill");
		set_timer(0);
		for (int i = 0; i < BATCH; i++) {
			if (death_of(victims[i]) != SIGTERM)
				die("a victim's end");
			printf("{\"to\":%d}\n", victims[i]);
		}
	}
	print_end();
	put_away(ignorer);
}
