/*
 * Victims whose signal waits: it is blocked, or they are stopped, traced or frozen.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "exits.h"

static bool is_pending(int signal)
{
	sigset_t pending;

	must(sigpending(&pending), "sigpending");
	return sigismember(&pending, signal);
}

static void block(int first, int second)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, first);
	sigaddset(&set, second);
	must(sigprocmask(SIG_BLOCK, &set, NULL), "sigprocmask");
}

static void unblock_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	must(sigprocmask(SIG_SETMASK, &none, NULL), "sigprocmask");
}

static void block_for_a_while(void)
{
	block(SIGTERM, SIGTERM);
	ready();
	WAIT_UNTIL(is_pending(SIGTERM));
	pause_for(500);
	unblock_all();
}

static void blocked(const char *name)
{
	struct truth truth = {
		.kind = name, .code = CLD_KILLED, .status = SIGTERM, .after_us = 500000
	};

	truth.pid = start(block_for_a_while);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

static void block_two(void)
{
	block(SIGTERM, SIGHUP);
	ready();
	WAIT_UNTIL(is_pending(SIGTERM) && is_pending(SIGHUP));
	unblock_all();
}

/* The lower number comes first, though it was sent last. */
static void two_blocked(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGHUP };

	truth.pid = start(block_two);
	truth.earlier[0] = give(truth.pid, SIGTERM);
	truth.cause = give(truth.pid, SIGHUP);
	tell(&truth);
}

/* Of those that queue, the first one comes first. */
static void block_queued(void)
{
	sigset_t queued;

	block(SIGRTMIN, SIGHUP);
	ready();
	WAIT_UNTIL(is_pending(SIGHUP));
	sigemptyset(&queued);
	sigaddset(&queued, SIGRTMIN);
	must(sigprocmask(SIG_UNBLOCK, &queued, NULL), "sigprocmask");
}

static void queued_twice(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGRTMIN };

	truth.pid = start(block_queued);
	truth.cause = give(truth.pid, SIGRTMIN);
	give(truth.pid, SIGRTMIN);
	give(truth.pid, SIGHUP);
	tell(&truth);
}

static void wait_for_stop(pid_t pid)
{
	siginfo_t info;

	must(waitid(P_PID, pid, &info, WSTOPPED | __WALL), "waitid");
}

static void stopped(const char *name)
{
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = SIGTERM
	};

	give(truth.pid, SIGSTOP);
	wait_for_stop(truth.pid);
	truth.cause = give(truth.pid, SIGTERM);
	give(truth.pid, SIGCONT);
	tell(&truth);
}

static void traced_kill(const char *name)
{
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = SIGKILL
	};

	must(ptrace(PTRACE_SEIZE, truth.pid, 0, 0), "PTRACE_SEIZE");
	must(ptrace(PTRACE_INTERRUPT, truth.pid, 0, 0), "PTRACE_INTERRUPT");
	wait_for_stop(truth.pid);
	truth.cause = give(truth.pid, SIGKILL);
	tell(&truth);
}

/* The tracer lets a signal through. */
static void traced_term(const char *name)
{
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = SIGTERM
	};

	must(ptrace(PTRACE_SEIZE, truth.pid, 0, 0), "PTRACE_SEIZE");
	truth.cause = give(truth.pid, SIGTERM);
	wait_for_stop(truth.pid);
	must(ptrace(PTRACE_CONT, truth.pid, 0, SIGTERM), "PTRACE_CONT");
	tell(&truth);
}

/* The tracer makes of a signal another one, which nobody has sent. */
static void injected(const char *name)
{
	struct truth truth = { .kind = name, .origin = "ptrace", .unmade = true };

	truth.pid = start(NULL);
	truth.cause.signal = truth.status = SIGTERM;
	truth.code = CLD_KILLED;
	must(ptrace(PTRACE_SEIZE, truth.pid, 0, 0), "PTRACE_SEIZE");
	give(truth.pid, SIGUSR1);
	wait_for_stop(truth.pid);
	must(ptrace(PTRACE_CONT, truth.pid, 0, SIGTERM), "PTRACE_CONT");
	tell(&truth);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The sender may run only when nobody else wants to: where a kernel can be preempted, its
 * victim ends long before its call returns. */
static pid_t start_outrun(pid_t victim, int signal)
{
	static const struct sched_param none;
	pid_t sender = must(fork(), "fork");

	if (sender == 0) {
		must(sched_setscheduler(0, SCHED_IDLE, &none), "sched_setscheduler");
		must(kill(victim, signal), "kill");
		_exit(0);
	}
	return sender;
}

static void outrun(const char *name)
{
	static const struct sched_param none;
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGKILL };
	cpu_set_t usual, one;
	siginfo_t info;
	int status;
	long end;

	must(sched_getaffinity(0, sizeof(usual), &usual), "sched_getaffinity");
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
	truth.pid = start(NULL);
	truth.cause = (struct sent){ SIGKILL, start_outrun(truth.pid, SIGKILL) };
	must(waitid(P_PID, truth.pid, &info, WEXITED | WNOWAIT), "waitid");
	for (end = now_ms() + 20; now_ms() < end;)
		;
	/* A machine that is busy would never let it run. */
	must(sched_setscheduler(truth.cause.sender, SCHED_OTHER, &none), "sched_setscheduler");
	must(waitpid(truth.cause.sender, &status, 0), "waitpid");
	must(sched_setaffinity(0, sizeof(usual), &usual), "sched_setaffinity");
	tell(&truth);
}

/* A control group that stops for a while; the hierarchy of version 1, or that of
 * version 2 at most. */
static char freezer[256];
static bool is_old;

/* False if there is no such file. */
static bool put(const char *name, const char *text)
{
	char path[300];
	int file;

	snprintf(path, sizeof(path), "%s/%s", freezer, name);
	file = open(path, O_WRONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	must(write(file, text, strlen(text)), path);
	close(file);
	return true;
}

static bool is_frozen(void)
{
	char path[300], text[128] = "";
	int file;

	snprintf(path, sizeof(path), "%s/%s", freezer, is_old ? "freezer.state" : "cgroup.events");
	file = must(open(path, O_RDONLY | O_CLOEXEC), path);
	must(read(file, text, sizeof(text) - 1), path);
	close(file);
	return strstr(text, is_old ? "FROZEN" : "frozen 1");
}

static void freeze(void)
{
	if (!put("freezer.state", "FROZEN") && !put("cgroup.freeze", "1"))
		die("no freezer");
	WAIT_UNTIL(is_frozen());
}

void thaw(void)
{
	if (freezer[0] && !put("freezer.state", "THAWED"))
		put("cgroup.freeze", "0");
}

/* The dead may be in it for a moment. */
void remove_freezer(void)
{
	while (freezer[0] && rmdir(freezer)) {
		if (errno != EBUSY)
			die(freezer);
		pause_for(1);
	}
	freezer[0] = 0;
}

static bool find_freezer(char *path)
{
	char line[1024], type[32], options[512];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	bool found = false;

	while (mounts && !is_old && fgets(line, sizeof(line), mounts)) {
		char mount[512];

		if (sscanf(line, "%*s %511s %31s %511s", mount, type, options) != 3)
			continue;
		is_old = !strcmp(type, "cgroup") && strstr(options, "freezer");
		if (is_old || !strcmp(type, "cgroup2")) {
			strcpy(path, mount);
			found = true;
		}
	}
	if (mounts)
		fclose(mounts);
	return found;
}

/* By its name tests/leftovers knows the run. */
static bool make_freezer(void)
{
	const char *temporary = getenv("TMPDIR");
	char mount[512], run[256];

	if (freezer[0])
		return true;
	if (!find_freezer(mount))
		return false;
	snprintf(run, sizeof(run), "%s", temporary ? temporary : "tests");
	snprintf(freezer, sizeof(freezer), "%.100s/sigtrail-%.64s-exits-%d", mount, basename(run),
		 getpid());
	must(mkdir(freezer, 0755), freezer);
	return true;
}

static void frozen(const char *name)
{
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = SIGKILL
	};
	char pid[16];

	if (make_freezer()) {
		snprintf(pid, sizeof(pid), "%d", truth.pid);
		if (!put("cgroup.procs", pid))
			die("cgroup.procs");
		freeze();
	}
	truth.cause = give(truth.pid, SIGKILL);
	thaw();
	tell(&truth);
}

const struct kind waits[] = {
	{ "blocked", blocked, 20 },
	{ "two_blocked", two_blocked, 20 },
	{ "queued_twice", queued_twice, 10 },
	{ "stopped", stopped, 20 },
	{ "traced_kill", traced_kill, 20 },
	{ "traced_term", traced_term, 20 },
	{ "injected", injected, 10 },
	{ "frozen", frozen, 20 },
	{ "outrun", outrun, 10 },
	{},
};
