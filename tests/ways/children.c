/* Children that end, stop and go on, and parents that end. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ways.h"

static void (*child_part)(void);

/* Says so when it is told of the child. */
static void be_parent(void)
{
	say_when(SIGCHLD);
	fork_as(CULPRIT, NOBODY, child_part);
	wait_for_cue();
}

/* The victim handles the signal, and lives. */
static void with_child(void (*part)(void))
{
	child_part = part;
	expect(CULPRIT);
	start(VICTIM, NOBODY, be_parent);
}

static void exit_by(void)
{
	with_child(here);
	meet(CULPRIT);
	cue(CULPRIT);
	meet(VICTIM);
	watch_life();
}

static void stop_itself(void)
{
	here();
	raise(SIGSTOP);
	wait_for_cue();
}

static void stop_by(void)
{
	with_child(stop_itself);
	meet(CULPRIT);
	cue(CULPRIT);
	meet(VICTIM);
	watch_life();
	put_down(CULPRIT);
}

static void continue_by(void)
{
	with_child(stop_itself);
	meet(CULPRIT);
	cue(CULPRIT);
	meet(VICTIM);
	kill(stage->parties[CULPRIT].pid, SIGCONT);
	meet(VICTIM);
	watch_life();
}

/* A child that has its parent sent another signal when it ends. */
static void clone_child(int signal)
{
	if (must(syscall(SYS_clone, signal, NULL, NULL, NULL, NULL), "clone") == 0) {
		enter(CULPRIT, NOBODY);
		here();
		_exit(0);
	}
	wait_for_cue();
}

static int exit_signal;

static void be_odd_parent(void)
{
	if (exit_signal == SIGUSR1)
		say_when(SIGUSR1);
	clone_child(exit_signal);
}

static void with_odd_child(int signal)
{
	exit_signal = signal;
	expect(CULPRIT);
	start(VICTIM, NOBODY, be_odd_parent);
	meet(CULPRIT);
	cue(CULPRIT);
}

static void exit_term(void)
{
	with_odd_child(SIGTERM);
	watch_end();
}

static void exit_kill(void)
{
	with_odd_child(SIGKILL);
	watch_end();
}

static void exit_segv(void)
{
	with_odd_child(SIGSEGV);
	watch_end();
}

static void exit_usr1(void)
{
	with_odd_child(SIGUSR1);
	meet(VICTIM);
	watch_life();
}

static void follow_parent(void)
{
	must(prctl(PR_SET_PDEATHSIG, SIGTERM), "PR_SET_PDEATHSIG");
	here();
}

static void have_follower(void)
{
	fork_as(VICTIM, NOBODY, follow_parent);
	here();
}

static void parent_ends(void)
{
	expect(VICTIM);
	start(CULPRIT, NOBODY, have_follower);
	meet(VICTIM);
	meet(CULPRIT);
	cue(CULPRIT);
	wait_for_end(stage->parties[CULPRIT].pid, 0);
	watch_end();
}

static pid_t follower;

static void *have_follower_and_end(void *nothing)
{
	stage->parties[CULPRIT].tid = syscall(SYS_gettid);
	follower = fork_as(VICTIM, NOBODY, follow_parent);
	here();
	return nothing;
}

/* The process lives on, and is the parent still. */
static void lose_thread(void)
{
	pthread_t thread;

	must(-pthread_create(&thread, NULL, have_follower_and_end, NULL), "pthread_create");
	pthread_join(thread, NULL);
	wait_for_end(follower, 0);
	here();
}

static void parents_thread_ends(void)
{
	expect(VICTIM);
	start(CULPRIT, NOBODY, lose_thread);
	meet(VICTIM);
	meet(CULPRIT);
	cue_and_meet(CULPRIT);
}

static void stop_for_now(void)
{
	raise(SIGSTOP);
	wait_for_cue();
}

/* Its own group has no member whose parent is elsewhere in the session, once
 * this one is gone. */
static void leave_stopped(void)
{
	pid_t victim;

	must(setsid(), "setsid");
	victim = fork_as(VICTIM, victims_uid(), stop_for_now);
	must(setpgid(victim, victim), "setpgid");
	wait_for_end(victim, WSTOPPED);
	become(NOBODY);
	stage->parties[CULPRIT].uid = NOBODY;
	must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
	here();
}

static void orphan(void)
{
	expect(VICTIM);
	start(CULPRIT, victims_uid(), leave_stopped);
	cue_and_meet(CULPRIT);
	wait_for_end(stage->parties[CULPRIT].pid, 0);
	stage->step = "the victim's end";
	wait_for_end(stage->parties[VICTIM].pid, 0);
}

const struct way children[] = {
	{ "chld_exit", SIGCHLD, LIVES, exit_by },
	{ "chld_stop", SIGCHLD, LIVES, stop_by },
	{ "chld_cont", SIGCHLD, LIVES, continue_by },
	{ "exit_term", SIGTERM, KILLED, exit_term },
	{ "exit_kill", SIGKILL, KILLED, exit_kill },
	{ "exit_segv", SIGSEGV, KILLED, exit_segv },
	{ "exit_usr1", SIGUSR1, LIVES, exit_usr1 },
	{ "pdeathsig", SIGTERM, KILLED, parent_ends },
	{ "pdeath_thread", SIGTERM, KILLED, parents_thread_ends },
	{ "orphan", SIGHUP, KILLED, orphan },
	{ "x_orphan", SIGHUP, KILLED, orphan },
	{},
};
