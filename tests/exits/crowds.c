/*
 * Ends of very many processes, or of very many threads.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exits.h"

/* Words: how many, which signal. A group is killed at once. */
void crowd(char **words)
{
	int count = atoi(words[0]), signal = atoi(words[1]);
	pid_t *members = calloc(count, sizeof(*members));
	struct truth truth = { .kind = "crowd", .code = CLD_KILLED, .status = signal };

	for (int i = 0; i < count; i++) {
		members[i] = start(NULL);
		must(setpgid(members[i], members[0]), "setpgid");
	}
	must(kill(-members[0], signal), "kill");
	truth.cause = (struct sent){ signal, getpid() };
	for (int i = 0; i < count; i++) {
		truth.pid = members[i];
		tell(&truth);
	}
	free(members);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Words: how many a second, how many. They just exit, a few at once. Prints how long
 * that took. */
void plain(char **words)
{
	int rate = atoi(words[0]), count = atoi(words[1]), status;
	long start_ms = now_ms();

	for (int i = 0; i < count; i++) {
		pid_t pid = must(fork(), "fork");

		if (pid == 0)
			_exit(i & 0xff);
		if (i % 8 == 0)
			while (waitpid(-1, &status, WNOHANG) > 0)
				;
		/* The rate is the subject; one that is behind does not wait. */
		while (i % 64 == 0 && now_ms() - start_ms < i * 1000L / rate)
			pause_for(1);
	}
	while (wait(&status) > 0)
		;
	printf("{\"ms\":%ld}\n", now_ms() - start_ms);
}

static void *sit(void *data)
{
	(void)data;
	wait_for_ever();
}

static int wanted_threads;

/* As many as there can be. */
static void have_threads(void)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16 << 10);
	for (int i = 1; i < wanted_threads; i++) {
		if (pthread_create(&thread, &attributes, sit, NULL))
			break;
		*shared = i + 1;
	}
	ready();
	wait_for_ever();
}

/* Words: how many. A process with so many is killed. Prints how many there were. */
void many_threads(char **words)
{
	struct truth truth = { .kind = "threads", .code = CLD_KILLED, .status = SIGKILL };

	wanted_threads = atoi(words[0]);
	truth.pid = start(have_threads);
	truth.threads = *shared;
	printf("{\"threads\":%d}\n", truth.threads);
	fflush(stdout);
	must(kill(truth.pid, SIGKILL), "kill");
	truth.cause = (struct sent){ SIGKILL, getpid() };
	tell(&truth);
}
