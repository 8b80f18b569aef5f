/*
 * Victims that differ in what they do with a signal.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <linux/seccomp.h>
#include <unistd.h>

#include "exits.h"

static void by_default(const char *name)
{
	static const int SIGNALS[] = { SIGTERM, SIGTERM, SIGHUP, SIGINT, SIGUSR1, SIGPIPE, 36 };
	int signal = SIGNALS[below(sizeof(SIGNALS) / sizeof(*SIGNALS))];
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = signal
	};

	truth.cause = give(truth.pid, signal);
	tell(&truth);
}

static void by_kill(const char *name)
{
	struct truth truth = {
		.kind = name, .pid = start(NULL), .code = CLD_KILLED, .status = SIGKILL
	};

	truth.cause = give(truth.pid, SIGKILL);
	tell(&truth);
}

void allow_core(bool allowed)
{
	struct rlimit limit;

	must(getrlimit(RLIMIT_CORE, &limit), "getrlimit");
	limit.rlim_cur = allowed ? limit.rlim_max : 0;
	must(setrlimit(RLIMIT_CORE, &limit), "setrlimit");
}

static void be_quit(void)
{
	allow_core(*shared);
	ready();
	wait_for_ever();
}

static void quit(const char *name)
{
	struct truth truth = { .kind = name };

	*shared = below(2);
	truth.pid = start(be_quit);
	truth.cause = give(truth.pid, SIGQUIT);
	tell(&truth);
}

static void call_abort(void)
{
	allow_core(*shared);
	ready();
	abort();
}

static void aborts(const char *name)
{
	struct truth truth = { .kind = name };

	*shared = below(2);
	truth.pid = start(call_abort);
	truth.cause = (struct sent){ SIGABRT, truth.pid };
	tell(&truth);
}

static void touch_nothing(void)
{
	allow_core(*shared);
	ready();
	*(volatile char *)NULL = 1;
}

static void faults(const char *name)
{
	struct truth truth = { .kind = name, .origin = "fault" };

	*shared = below(2);
	truth.pid = start(touch_nothing);
	truth.cause = (struct sent){ SIGSEGV, truth.pid };
	tell(&truth);
}

static void leave(int signal)
{
	_exit(128 + signal);
}

static void leave_when_asked(void)
{
	handle(SIGTERM, leave);
	handle(SIGUSR1, leave);
	ready();
	wait_for_ever();
}

static void exits_143(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED, .status = 143 };

	truth.pid = start(leave_when_asked);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

static volatile sig_atomic_t asked;

static void remember(int signal)
{
	asked = signal;
}

static void end_when_asked(void)
{
	sigset_t none, some;

	sigemptyset(&none);
	sigemptyset(&some);
	sigaddset(&some, SIGINT);
	sigprocmask(SIG_BLOCK, &some, NULL);
	handle(SIGINT, remember);
	ready();
	while (!asked)
		sigsuspend(&none);
	exit(0);
}

static void exits_0(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED };

	truth.pid = start(end_when_asked);
	truth.cause = give(truth.pid, SIGINT);
	tell(&truth);
}

/* As many servers do: nothing handles the signal, it is read. */
static void read_signal(void)
{
	struct signalfd_siginfo info;
	sigset_t some;
	int file;

	sigemptyset(&some);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, NULL);
	file = must(signalfd(-1, &some, SFD_CLOEXEC), "signalfd");
	ready();
	must(read(file, &info, sizeof(info)), "read");
	_exit(info.ssi_signo);
}

static void reads_signal(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED, .status = SIGTERM };

	truth.pid = start(read_signal);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

static volatile sig_atomic_t times;

static void leave_the_second_time(int signal)
{
	if (++times == 2)
		_exit(signal);
	*shared = 1;
}

static void leave_late(void)
{
	handle(SIGTERM, leave_the_second_time);
	ready();
	wait_for_ever();
}

/* The last one counts. */
static void asked_twice(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED, .status = SIGTERM };

	truth.pid = start(leave_late);
	truth.earlier[0] = give(truth.pid, SIGTERM);
	WAIT_UNTIL(*shared);
	truth.cause = give(truth.pid, SIGTERM);
	tell(&truth);
}

static void raise_again(int signal)
{
	handle(signal, SIG_DFL);
	raise(signal);
}

static void reraise(void)
{
	handle(SIGTERM, raise_again);
	ready();
	wait_for_ever();
}

static void raises_again(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGTERM };

	truth.pid = start(reraise);
	truth.earlier[0] = give(truth.pid, SIGTERM);
	truth.cause = (struct sent){ SIGTERM, truth.pid };
	tell(&truth);
}

static void ignore(void)
{
	handle(SIGTERM, SIG_IGN);
	ready();
	wait_for_ever();
}

static void ignored_then_kill(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGKILL };

	truth.pid = start(ignore);
	give(truth.pid, SIGTERM);
	truth.cause = give(truth.pid, SIGKILL);
	tell(&truth);
}

static void stay(void)
{
	handle(SIGTERM, remember);
	ready();
	wait_for_ever();
}

static void handled_then_kill(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGKILL };

	truth.pid = start(stay);
	truth.earlier[0] = give(truth.pid, SIGTERM);
	truth.cause = give(truth.pid, SIGKILL);
	tell(&truth);
}

/* The kernel ends it, and makes no signal. */
static void break_rules(void)
{
	ready();
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), "seccomp");
	getppid();
}

static void strict_seccomp(const char *name)
{
	struct truth truth = { .kind = name, .origin = "seccomp", .unmade = true };

	truth.pid = start(break_rules);
	truth.cause.signal = truth.status = SIGKILL;
	truth.code = CLD_KILLED;
	tell(&truth);
}

static void end_at_once(void)
{
	ready();
	_exit(0);
}

static void end_later(void)
{
	handle(SIGTERM, SIG_IGN);
	ready();
	WAIT_UNTIL(*shared);
	_exit(143);
}

/* Nothing asked for these ends. */
static void no_line(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED };

	switch (below(3)) {
	case 0:
		truth.pid = start(end_at_once);
		break;
	case 1:
		/* It handles a signal that asks for nothing. */
		truth.pid = start(leave_when_asked);
		give(truth.pid, SIGUSR1);
		truth.status = 128 + SIGUSR1;
		break;
	default:
		truth.pid = start(end_later);
		give(truth.pid, SIGTERM);
		*shared = 1;
		truth.status = 143;
	}
	tell(&truth);
}

const struct kind handlers[] = {
	{ "by_default", by_default, 20 },
	{ "by_kill", by_kill, 20 },
	{ "quit", quit, 10 },
	{ "aborts", aborts, 10 },
	{ "faults", faults, 10 },
	{ "exits_143", exits_143, 20 },
	{ "exits_0", exits_0, 20 },
	{ "reads_signal", reads_signal, 20 },
	{ "asked_twice", asked_twice, 20 },
	{ "raises_again", raises_again, 20 },
	{ "ignored_then_kill", ignored_then_kill, 20 },
	{ "handled_then_kill", handled_then_kill, 20 },
	{ "strict_seccomp", strict_seccomp, 10 },
	{ "no_line", no_line, 20 },
	{},
};
