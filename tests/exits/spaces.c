/*
 * Victims that end together: a group, and a pid namespace.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"

#define GROUP 50
/* Of a pid namespace, beside its process 1. */
#define MEMBERS 2

static void group(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED };
	pid_t members[GROUP];

	for (int i = 0; i < GROUP; i++) {
		members[i] = start(NULL);
		must(setpgid(members[i], members[0]), "setpgid");
	}
	truth.status = below(2) ? SIGTERM : SIGKILL;
	truth.cause = give(-members[0], truth.status);
	for (int i = 0; i < GROUP; i++) {
		truth.pid = members[i];
		tell(&truth);
	}
}

/* A namespace of so many children of this process, the first of which is its
 * process 1. */
static void make_space(pid_t *members, void (*init)(void))
{
	int own = must(open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), "the pid namespace");

	must(unshare(CLONE_NEWPID), "unshare");
	members[0] = start(init);
	for (int i = 1; i <= MEMBERS; i++)
		members[i] = start(NULL);
	must(setns(own, CLONE_NEWPID), "setns");
	close(own);
}

/* They end by their process 1, which waits for that. */
static void tell_members(const pid_t *members)
{
	struct truth truth = { .kind = "member", .origin = "pid_namespace", .code = CLD_KILLED };

	truth.status = SIGKILL;
	truth.cause = (struct sent){ SIGKILL, members[0] };
	for (int i = 1; i <= MEMBERS; i++) {
		truth.pid = members[i];
		tell(&truth);
	}
}

static void init_killed(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_KILLED, .status = SIGKILL };
	pid_t members[MEMBERS + 1];

	make_space(members, NULL);
	truth.pid = members[0];
	truth.cause = give(truth.pid, SIGKILL);
	tell_members(members);
	tell(&truth);
}

static void leave(int signal)
{
	(void)signal;
	_exit(0);
}

static void leave_when_asked(void)
{
	handle(SIGTERM, leave);
	ready();
	wait_for_ever();
}

static void init_asked(const char *name)
{
	struct truth truth = { .kind = name, .code = CLD_EXITED };
	pid_t members[MEMBERS + 1];

	make_space(members, leave_when_asked);
	truth.pid = members[0];
	truth.cause = give(truth.pid, SIGTERM);
	tell_members(members);
	tell(&truth);
}

static void restart(void)
{
	/* For its process 1 alone this is no matter of the machine's. */
	if (getpid() != 1 || getppid() != 0)
		die("not in a pid namespace");
	ready();
	WAIT_UNTIL(*shared);
	must(reboot(RB_AUTOBOOT), "reboot");
}

/* Whoever waits is told of a signal that nobody has made. */
static void init_reboots(const char *name)
{
	struct truth truth = {
		.kind = name, .origin = "reboot", .unmade = true, .code = CLD_KILLED
	};
	pid_t members[MEMBERS + 1];

	make_space(members, restart);
	*shared = 1;
	truth.pid = members[0];
	truth.cause.signal = truth.status = SIGHUP;
	tell_members(members);
	tell(&truth);
}

const struct kind spaces[] = {
	{ "group", group, 1 },
	{ "init_killed", init_killed, 10 },
	{ "init_asked", init_asked, 10 },
	{ "init_reboots", init_reboots, 5 },
	{},
};
