// SPDX-License-Identifier: Apache-2.0 OR MIT
/*
 * Makes one system call, or processes, as fast as it can and says what one cost.
 *
 *	flood CALL CPU WARM_UP_MS MS
 *
 * prints "calls timed_calls timed_ns"; calls counts the warm-up's too. Calls go
 * straight to the kernel and to the flooder itself, so nothing else is timed.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_MS 1000000ULL
/* Calls between two looks at the clock. */
#define STRIDE 64
/* In place of a system call's number. */
#define PROCESS (-1)

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ULL + now.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "flood: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void do_nothing(int sig)
{
	(void)sig;
}

/* A process that executes a program, which ends at once. */
static void make_process(void)
{
	pid_t child = fork();

	if (child == 0) {
		execl("/bin/true", "true", NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, NULL, 0) != child)
		die("fork");
}

/* Calls for so long and says how many it were; *took_ns is how long exactly. */
static unsigned long long flood(long nr, long arg0, long arg1, unsigned long long ns,
				unsigned long long *took_ns)
{
	unsigned long long calls = 0, start = now_ns(), end;

	do {
		for (int i = 0; i < STRIDE; i++)
			if (nr == PROCESS)
				make_process();
			else
				syscall(nr, arg0, arg1);
		calls += STRIDE;
		end = now_ns();
	} while (end - start < ns);
	*took_ns = end - start;
	return calls;
}

int main(int argc, char **argv)
{
	unsigned long long warm_up, timed, took_ns;
	long nr = SYS_kill, sig = 0;
	cpu_set_t cpus;

	if (argc != 5) {
		fputs("usage: flood getppid|process|exists|ignored|pending|handled CPU WARM_UP_MS "
		      "MS\n",
		      stderr);
		return 2;
	}
	if (!strcmp(argv[1], "getppid")) {
		nr = SYS_getppid;
	} else if (!strcmp(argv[1], "process")) {
		nr = PROCESS;
	} else if (!strcmp(argv[1], "ignored")) {
		sig = SIGWINCH;
		signal(sig, SIG_IGN);
	} else if (!strcmp(argv[1], "pending")) {
		sigset_t set;

		sig = SIGUSR1;
		sigemptyset(&set);
		sigaddset(&set, sig);
		sigprocmask(SIG_BLOCK, &set, NULL);
	} else if (!strcmp(argv[1], "handled")) {
		sig = SIGUSR1;
		signal(sig, do_nothing);
	} else if (strcmp(argv[1], "exists")) {
		errno = EINVAL;
		die(argv[1]);
	}
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[2]), &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		die("sched_setaffinity");

	warm_up = flood(nr, getpid(), sig, atoi(argv[3]) * NS_PER_MS, &took_ns);
	timed = flood(nr, getpid(), sig, atoi(argv[4]) * NS_PER_MS, &took_ns);
	printf("%llu %llu %llu\n", warm_up + timed, timed, took_ns);
	return 0;
}
