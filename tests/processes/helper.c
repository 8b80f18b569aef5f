/* What the tests of the table of processes run, and end. It is linked statically. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* Where a victim says that it runs, if that is open. */
#define READY 100

static char *self;

static void check(int ok, const char *what)
{
	if (ok)
		return;
	perror(what);
	_exit(99);
}

static void leave(int signal)
{
	(void)signal;
	_exit(7);
}

/* A command on stdin: whoever started this one is ready. */
static void wait_for_start(void)
{
	char byte;

	check(read(0, &byte, 1) == 1, "start");
}

static pid_t spawn(char **args, posix_spawn_file_actions_t *actions)
{
	pid_t pid;

	errno = posix_spawn(&pid, args[0], actions, NULL, args, environ);
	check(!errno, "posix_spawn");
	return pid;
}

/* Waits until the victim runs itself: its exec goes on for a moment after its parent
 * does. */
static pid_t spawn_victim(int number)
{
	char text[16], byte;
	char *args[] = { self, "victim", text, NULL };
	posix_spawn_file_actions_t actions;
	int ready[2];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", number);
	check(!pipe2(ready, O_CLOEXEC), "pipe2");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, ready[1], READY);
	pid = spawn(args, &actions);
	posix_spawn_file_actions_destroy(&actions);
	close(ready[1]);
	check(read(ready[0], &byte, 1) == 1, "ready");
	close(ready[0]);
	return pid;
}

static void end(pid_t pid, int signal)
{
	check(!kill(pid, signal), "kill");
	check(waitpid(pid, NULL, 0) == pid, "waitpid");
}

/* Ends victims as fast as it can, and tells of each. */
static void kills(int count)
{
	for (int i = 0; i < count; i++) {
		pid_t pid = spawn_victim(i);

		end(pid, i % 2 ? SIGKILL : SIGTERM);
		printf("%d %d\n", pid, i);
	}
}

/* Short-lived processes as fast as can be, and every so often a victim. */
static void storm(int count, int every)
{
	char *args[] = { self, "true", NULL };

	for (int i = 1; i <= count; i++) {
		if (i % every == 0) {
			pid_t pid = spawn_victim(i);

			end(pid, i / every % 2 ? SIGKILL : SIGTERM);
			printf("%d %d\n", pid, i);
			continue;
		}
		if (i % 2) {
			pid_t pid = fork();

			check(pid >= 0, "fork");
			if (!pid)
				_exit(0);
		} else {
			spawn(args, NULL);
		}
		/* A few at once. */
		if (i % 8 == 0)
			while (waitpid(-1, NULL, WNOHANG) > 0)
				;
	}
	while (wait(NULL) > 0)
		;
}

/* A child with that number. */
static pid_t fork_as(pid_t number)
{
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (__u64)(unsigned long)&number,
		.set_tid_size = 1,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

/* Victims that all have one number: each other one executes nothing. */
static void reuse(int count)
{
	pid_t number = fork();

	if (!number)
		_exit(0);
	check(waitpid(number, NULL, 0) == number, "waitpid");
	for (int i = 0; i < count; i++) {
		int ready[2];
		char byte;
		pid_t pid;

		check(!pipe2(ready, O_CLOEXEC), "pipe2");
		pid = fork_as(number);
		check(pid >= 0, "clone3");
		if (!pid) {
			char text[16];
			char *args[] = { self, "victim", text, NULL };

			prctl(PR_SET_PDEATHSIG, SIGKILL);
			snprintf(text, sizeof(text), "%d", i);
			check(dup2(ready[1], READY) == READY, "dup2");
			if (i % 2)
				execv(self, args);
			check(write(READY, "r", 1) == 1, "ready");
			for (;;)
				pause();
		}
		close(ready[1]);
		check(read(ready[0], &byte, 1) == 1, "ready");
		close(ready[0]);
		end(pid, SIGKILL);
		printf("%d %d\n", pid, i);
	}
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/* Multiplies for so many seconds. All but the first end soon, so that there is always
 * room for more. */
static void bomb(double seconds)
{
	double until = now() + seconds;
	char *args[] = { self, "true", NULL };
	pid_t first = getpid();
	int forks = 0;

	signal(SIGCHLD, SIG_IGN);
	while (now() < until && (getpid() == first || forks < 8)) {
		pid_t pid = fork();

		if (pid < 0 && getpid() != first)
			_exit(0);
		if (pid < 0)
			continue;
		forks = pid ? forks + 1 : 0;
		if (!pid && getpid() % 4 == 0) {
			execv(self, args);
			_exit(1);
		}
	}
}

static void *execute(void *args)
{
	char **argv = args;

	execv(argv[0], argv);
	check(0, "execv");
	return NULL;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	const int count = argc > 2 ? atoi(argv[2]) : 0;

	self = argv[0];
	if (!strcmp(mode, "true"))
		return 0;
	if (!strcmp(mode, "victim")) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(READY, "r", 1) == 1)
			close(READY);
		for (;;)
			pause();
	}
	if (!strcmp(mode, "handler")) {
		signal(SIGTERM, leave);
		puts("ready");
		fflush(stdout);
		for (;;)
			pause();
	}
	/* Does not wait for its child. */
	if (!strcmp(mode, "spawn")) {
		spawn(argv + 2, NULL);
		return 0;
	}
	if (!strcmp(mode, "thread")) {
		pthread_t thread;

		check(!pthread_create(&thread, NULL, execute, argv + 2), "thread");
		for (;;)
			pause();
	}
	wait_for_start();
	if (!strcmp(mode, "kills"))
		kills(count);
	else if (!strcmp(mode, "storm"))
		storm(count, atoi(argv[3]));
	else if (!strcmp(mode, "reuse"))
		reuse(count);
	else if (!strcmp(mode, "bomb"))
		bomb(atof(argv[2]));
	else
		check(0, "mode");
	return 0;
}
