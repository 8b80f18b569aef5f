/*
 * Targets of which it is not plain whether a signal ends them: the leader says one thing
 * and another thread another.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evasions.h"

/* What a play does about the signal, and its other thread. */
static int sig;
static volatile pid_t *other;

static bool is_in(pid_t tid, const char *set, int signal)
{
	char path[64], text[4096] = "", *found;
	unsigned long long mask;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/status", tid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0 || !(found = strstr(text, set)))
		die(path);
	close(fd);
	mask = strtoull(found + strlen(set) + 1, NULL, 16);
	return mask >> (signal - 1) & 1;
}

/* As /proc has it. */
static char state_of(pid_t pid)
{
	char path[64], text[512] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		die(path);
	close(fd);
	return strrchr(text, ')')[2];
}

static void mask_signal(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	if (pthread_sigmask(how, &set, NULL))
		die("pthread_sigmask");
}

static void wait_for_signal(void)
{
	sigset_t set;
	int got;

	sigemptyset(&set);
	sigaddset(&set, sig);
	sigwait(&set, &got);
	wait_for_ever();
}

static void *unblocking_thread(void *data)
{
	(void)data;
	mask_signal(SIG_UNBLOCK);
	*other = syscall(SYS_gettid);
	ready();
	wait_for_ever();
	return NULL;
}

static void *blocking_thread(void *data)
{
	(void)data;
	mask_signal(SIG_BLOCK);
	*other = syscall(SYS_gettid);
	ready();
	wait_for_ever();
	return NULL;
}

static void *waiting_thread(void *data)
{
	(void)data;
	*other = syscall(SYS_gettid);
	ready();
	wait_for_signal();
	return NULL;
}

static void begin(void *(*thread)(void *))
{
	pthread_t made;

	if (pthread_create(&made, NULL, thread, NULL))
		die("pthread_create");
}

static void leader_blocks(void)
{
	mask_signal(SIG_BLOCK);
	begin(unblocking_thread);
	wait_for_ever();
}

static void thread_blocks(void)
{
	begin(blocking_thread);
	wait_for_ever();
}

static void all_block(void)
{
	mask_signal(SIG_BLOCK);
	begin(blocking_thread);
	wait_for_ever();
}

static void leader_waits(void)
{
	mask_signal(SIG_BLOCK);
	*other = syscall(SYS_gettid);
	ready();
	wait_for_signal();
}

static void thread_waits(void)
{
	mask_signal(SIG_BLOCK);
	begin(waiting_thread);
	wait_for_ever();
}

static void leader_exits(void)
{
	begin(unblocking_thread);
	pthread_exit(NULL);
}

/* Sends the signal, and says what came of it. */
static void strike_by(const char *name, long number, pid_t target, pid_t tid, int signal, bool dies)
{
	siginfo_t end = { 0 };
	long ret;

	if (number == SYS_tgkill)
		ret = call(number, target, tid, signal, 0);
	else
		ret = call(number, target, signal, 0, 0);
	printf("{\"name\":\"%s\",\"to\":%d,\"signal\":%d,\"fatal\":%s}\n", name, target, signal,
	       dies ? "true" : "false");
	if (ret)
		die(name);
	if (dies && death_of(target) != signal)
		die(name);
	if (dies)
		return;
	if (waitid(P_PID, target, &end, WEXITED | WNOHANG | WNOWAIT))
		die("waitid");
	/* A tracer is told of stops, too. */
	if (end.si_pid && end.si_code != CLD_TRAPPED)
		die(name);
}

static void strike(const char *name, pid_t target, bool dies)
{
	strike_by(name, SYS_kill, target, 0, sig, dies);
}

/* Of those in sigwait, the kernel keeps the mask elsewhere. */
static pid_t start_waiting(void (*play)(void))
{
	pid_t target = start(play);

	WAIT_UNTIL(!is_in(*other, "SigBlk", sig));
	return target;
}

static void meet(const char *name, void (*play)(void), bool dies)
{
	pid_t target = start(play);

	/* Who makes a thread blocks all signals meanwhile. */
	WAIT_UNTIL(play != thread_blocks || !is_in(target, "SigBlk", sig));
	strike(name, target, dies);
	if (dies)
		return;
	if (!is_in(target, "ShdPnd", sig))
		die(name);
	put_away(target);
}

static void meet_one(void)
{
	pid_t target;

	meet("leader_blocks", leader_blocks, true);
	meet("thread_blocks", thread_blocks, true);
	meet("all_block", all_block, false);
	target = start(leader_blocks);
	strike_by("to_leader", SYS_tgkill, target, target, sig, false);
	strike_by("to_thread", SYS_tgkill, target, *other, sig, true);
	target = start_waiting(leader_waits);
	strike("leader_waits", target, false);
	put_away(target);
	target = start_waiting(thread_waits);
	strike("thread_waits", target, false);
	put_away(target);
	target = start(leader_exits);
	WAIT_UNTIL(state_of(target) == 'Z');
	strike("leader_exits", target, true);
}

static void stop(pid_t target)
{
	int status;

	strike_by("stop", SYS_kill, target, 0, SIGSTOP, false);
	if (waitpid(target, &status, WUNTRACED) != target || !WIFSTOPPED(status))
		die("stop");
}

static void meet_stopped(void)
{
	pid_t target = start(NULL);

	stop(target);
	strike("stopped", target, false);
	strike_by("killed", SYS_kill, target, 0, SIGKILL, true);
	target = start(NULL);
	stop(target);
	strike_by("continued", SYS_kill, target, 0, SIGCONT, false);
	/* It has gone on, and sleeps again. */
	WAIT_UNTIL(state_of(target) == 'S');
	strike_by("running", SYS_kill, target, 0, SIGCONT, false);
	strike("awake", target, true);
}

static void meet_traced(void)
{
	pid_t target = start(NULL);
	int status;

	if (ptrace(PTRACE_SEIZE, target, 0, 0))
		die("ptrace");
	strike_by("traced", SYS_kill, target, 0, sig, false);
	if (waitpid(target, &status, 0) != target || !WIFSTOPPED(status) || WSTOPSIG(status) != sig)
		die("traced");
	strike_by("killed", SYS_kill, target, 0, SIGKILL, true);
}

void waits(char **words)
{
	static const int SIGNALS[] = { SIGQUIT, SIGABRT, SIGSYS, SIGTERM, SIGUSR1 };

	(void)words;
	other = mmap(NULL, sizeof(*other), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (other == MAP_FAILED)
		die("mmap");
	for (size_t i = 0; i < sizeof(SIGNALS) / sizeof(*SIGNALS); i++) {
		sig = SIGNALS[i];
		meet_one();
		meet_stopped();
		meet_traced();
	}
}
