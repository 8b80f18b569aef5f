/* Pid namespaces that end. */
#define _GNU_SOURCE
#include <sched.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "ways.h"

/* All children of the director's, from now on, are in a namespace whose process
 * 1 is the first of them. */
static void make_space(void)
{
	must(unshare(CLONE_NEWPID), "unshare");
}

/* Init first waits for all of its namespace to be reaped. */
static void ns_init(void)
{
	make_space();
	start(CULPRIT, NOBODY, here);
	meet(CULPRIT);
	start_victim();
	cue(CULPRIT);
	watch_end();
}

/* Nobody but a namespace's process 1 gets so far. */
static void reboot_as(int how)
{
	if (getpid() != 1 || getppid() != 0)
		die("not in a pid namespace");
	must(reboot(how), "reboot");
}

static void restart(void)
{
	reboot_as(RB_AUTOBOOT);
}

static void halt(void)
{
	reboot_as(RB_HALT_SYSTEM);
}

/* Whoever waits is told of the reboot, by another signal. */
static void ns_restart(void)
{
	make_space();
	stage->status = SIGHUP;
	start(VICTIM, 0, restart);
	watch_end();
}

static void ns_halt(void)
{
	make_space();
	stage->status = SIGINT;
	start(VICTIM, 0, halt);
	watch_end();
}

const struct way spaces[] = {
	{ "ns_init", SIGKILL, KILLED, ns_init },
	{ "ns_restart", SIGKILL, KILLED, ns_restart },
	{ "ns_halt", SIGKILL, KILLED, ns_halt },
	{},
};
