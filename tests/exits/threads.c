/*
 * Victims with threads, and those that have just become another program or are about to.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"

static void *sit(void *data)
{
	(void)data;
	wait_for_ever();
}

static void start_thread(void *(*play)(void *))
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, play, NULL))
		die("pthread_create");
}

static void *sit_known(void *data)
{
	*shared = syscall(SYS_gettid);
	return sit(data);
}

static void have_four(void)
{
	start_thread(sit);
	start_thread(sit);
	start_thread(sit_known);
	WAIT_UNTIL(*shared);
	ready();
	wait_for_ever();
}

static void one_of_four(const char *name)
{
	int signal = below(2) ? SIGTERM : SIGKILL;
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = signal, .threads = 4 };

	truth.pid = start(have_four);
	must(syscall(SYS_tgkill, truth.pid, *shared, signal), "tgkill");
	truth.cause = (struct sent){ signal, getpid() };
	tell(&truth);
}

static void *wait_for_leader(void *data)
{
	WAIT_UNTIL(state_of(getpid(), getpid()) == 'Z');
	ready();
	return sit(data);
}

static void lose_leader(void)
{
	start_thread(wait_for_leader);
	pthread_exit(NULL);
}

static void leader_gone(const char *name)
{
	/* The leader is a zombie, and counts. */
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGTERM, .threads = 2 };

	truth.pid = start(lose_leader);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

/* A vfork's child lives as long as this is open. */
static int hold[2];

static void vforks(void)
{
	char byte;

	close(hold[1]);
	if (vfork() == 0) {
		ready();
		if (read(hold[0], &byte, 1))
			_exit(99);
		_exit(0);
	}
	wait_for_ever();
}

static void vfork_parent(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGTERM };
	int status;

	must(pipe2(hold, O_CLOEXEC), "pipe2");
	truth.pid = start(vforks);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
	close(hold[1]);
	close(hold[0]);
	/* It is this process's by now. */
	if (waitpid(-1, &status, 0) < 0 || status)
		die("vfork's child");
}

static int ready_for_exec;

static void *execute(void *data)
{
	char comm[16];

	(void)data;
	prctl(PR_GET_NAME, comm);
	must(dup2(ready_for_exec, READY), "dup2");
	must(execl("/proc/self/exe", "exits", "wait", comm, NULL), "execl");
	return NULL;
}

static void exec_in_thread(void)
{
	ready_for_exec = ready_end();
	start_thread(sit);
	start_thread(execute);
	wait_for_ever();
}

/* The thread becomes the process, under the number of the leader that was. */
static void executes(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGTERM };

	truth.pid = start(exec_in_thread);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

const struct kind threads[] = {
	{ "one_of_four", one_of_four, 20 },
	{ "leader_gone", leader_gone, 20 },
	{ "vfork_parent", vfork_parent, 20 },
	{ "executes", executes, 20 },
	{},
};
