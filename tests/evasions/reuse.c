/* A process's number goes to another, and both are asked for within a moment. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "evasions.h"

#define NUMBER 50
#define MOMENT_NS 1000000
/* A busy machine takes longer for most. */
#define TRIES 100

struct child {
	char name[16];
	char host_pid[16]; /* in the initial namespace, which /proc is of */
	long before, after; /* times between which it began, in ns since 1970 */
};

static long now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

static void write_to(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

/* Runs it to its end; it is yet to be waited for. */
static pid_t make(struct child *child)
{
	pid_t number = NUMBER, pid;
	struct clone_args args = {
		.flags = CLONE_VFORK,
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&number,
		.set_tid_size = 1,
	};

	child->before = now(CLOCK_REALTIME);
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		die("clone3");
	if (pid == 0) {
		child->after = now(CLOCK_REALTIME);
		prctl(PR_SET_NAME, child->name);
		if (readlink("/proc/self", child->host_pid, sizeof(child->host_pid) - 1) < 0)
			_exit(1);
		_exit(0);
	}
	return pid;
}

static void print(const struct child *child)
{
	printf("{\"pid\":%s,\"comm\":\"%s\",\"after\":%ld,\"before\":%ld}\n", child->host_pid,
	       child->name, child->before, child->after);
}

/* Gives the time between the two calls. */
static long ask_for_both(struct child *children)
{
	long first = 0, last = 0;

	for (int i = 0; i < 2; i++) {
		pid_t pid;

		memset(&children[i], 0, sizeof(children[i]));
		strcpy(children[i].name, i ? "second" : "first");
		pid = make(&children[i]);
		last = now(CLOCK_MONOTONIC);
		first = first ? first : last;
		if (call(SYS_kill, NUMBER, 0, 0, 0))
			die("kill");
		if (death_of(pid))
			die("a child's end");
	}
	return last - first;
}

static void ask(long pairs)
{
	struct child *children =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	long quick = 0;

	if (children == MAP_FAILED)
		die("mmap");
	for (long i = 0; quick < pairs && i < TRIES * pairs; i++) {
		quick += ask_for_both(children) < MOMENT_NS;
		print(&children[0]);
		print(&children[1]);
	}
	printf("{\"quick\":%ld}\n", quick);
	fflush(stdout);
}

/* In namespaces of its own, as anybody may do it. */
void reuse(char **words)
{
	pid_t pid;

	if (unshare(CLONE_NEWUSER | CLONE_NEWPID))
		die("unshare");
	write_to("/proc/self/setgroups", "deny");
	write_to("/proc/self/uid_map", "0 0 1");
	write_to("/proc/self/gid_map", "0 0 1");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ask(atol(words[0]));
		_exit(0);
	}
	if (death_of(pid))
		die("the namespace");
}
