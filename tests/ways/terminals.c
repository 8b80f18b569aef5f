/*
 * Terminals. One process has the master of a pty; the leader of a session has
 * the pty as its terminal, and the victim in a process group of its own, so that
 * this is not orphaned: then it would not stop.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "ways.h"

static int master, terminal;

static void open_master(void)
{
	int unlock = 0;

	master = must(open("/dev/ptmx", O_RDWR | O_NOCTTY), "/dev/ptmx");
	must(ioctl(master, TIOCSPTLCK, &unlock), "TIOCSPTLCK");
	must(ioctl(master, TIOCGPTN, &stage->pty), "TIOCGPTN");
}

/* In a session of its own, with the terminal. */
static void open_terminal(void)
{
	char path[32];

	must(setsid(), "setsid");
	snprintf(path, sizeof(path), "/dev/pts/%d", stage->pty);
	terminal = must(open(path, O_RDWR), path);
}

static void type(const char *keys)
{
	must(write(master, keys, strlen(keys)), "write");
}

static void hold_master(void)
{
	open_master();
	here();
}

static void type_c(void)
{
	hold_master();
	type("\003");
	here();
}

static void type_backslash(void)
{
	hold_master();
	type("\034");
	here();
}

static void type_z(void)
{
	hold_master();
	type("\032");
	here();
}

static void ask_for_signal(void)
{
	hold_master();
	must(ioctl(master, TIOCSIG, SIGINT), "TIOCSIG");
	here();
}

static void set_size(void)
{
	struct winsize size = { .ws_row = 7, .ws_col = 7 };

	hold_master();
	must(ioctl(master, TIOCSWINSZ, &size), "TIOCSWINSZ");
	here();
}

/* What the leader's child does: all are told before they start. */
static void (*victims_part)(void);
static bool in_background;

/* Makes the victim, and puts it where it belongs. */
static pid_t lead(uid_t uid)
{
	pid_t victim;

	open_terminal();
	victim = fork_as(VICTIM, uid, victims_part);
	must(setpgid(victim, victim), "setpgid");
	if (!in_background)
		must(tcsetpgrp(terminal, victim), "tcsetpgrp");
	return victim;
}

/* A leader that ended earlier would hang up the victim, too. */
static void say_when_reaped(pid_t victim)
{
	while (waitpid(victim, NULL, 0) < 0 && errno == EINTR)
		;
	say();
}

/* Waits for the victim, as its parent. */
static void lead_and_watch(void)
{
	pid_t victim = lead(victims_uid());

	here();
	wait_for_end(victim, WSTOPPED);
	say();
	say_when_reaped(victim);
}

/* Whoever has the master is the culprit; the leader looks on. */
static void press(void (*part)(void))
{
	victims_part = wait_to_die;
	start(CULPRIT, NOBODY, part);
	meet(CULPRIT);
	expect(VICTIM);
	start(HELPER, victims_uid(), lead_and_watch);
	meet(HELPER);
	meet(VICTIM);
	cue(HELPER);
	cue_and_meet(CULPRIT);
	meet(HELPER);
}

static void ctrl_c(void)
{
	press(type_c);
}

static void ctrl_bslash(void)
{
	press(type_backslash);
}

static void ctrl_z(void)
{
	press(type_z);
	put_down(VICTIM);
	meet(HELPER);
}

static void tiocsig(void)
{
	press(ask_for_signal);
}

/* Stays as long as the victim, which its end would hang up. */
static void lead_only(void)
{
	pid_t victim = lead(victims_uid());

	say();
	wait_for_end(victim, 0);
}

static void tell_of_size(void)
{
	say_when(SIGWINCH);
	here();
	wait_for_cue();
}

static void winsize(void)
{
	victims_part = tell_of_size;
	start(CULPRIT, NOBODY, set_size);
	meet(CULPRIT);
	expect(VICTIM);
	start(HELPER, victims_uid(), lead_only);
	meet(HELPER);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
	meet(VICTIM);
	watch_life();
}

/* The leader itself types; as root it may wherever that is switched off. */
static void lead_and_type(void)
{
	pid_t victim = lead(0);

	here();
	must(ioctl(terminal, TIOCSTI, "\003"), "TIOCSTI");
	wait_for_end(victim, 0);
	here();
}

static void tiocsti(void)
{
	victims_part = wait_to_die;
	start(KEEPER, 0, hold_master);
	meet(KEEPER);
	expect(VICTIM);
	start(CULPRIT, 0, lead_and_type);
	meet(CULPRIT);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
}

static void read_terminal(void)
{
	char key;

	here();
	must(read(terminal, &key, 1), "read");
}

static void write_terminal(void)
{
	struct termios settings;

	must(tcgetattr(terminal, &settings), "tcgetattr");
	if (!(settings.c_lflag & TOSTOP))
		die("no TOSTOP");
	here();
	must(write(terminal, "!", 1), "write");
}

static void lead_from_foreground(void)
{
	struct termios settings;
	pid_t victim;

	in_background = true;
	open_terminal();
	must(tcgetattr(terminal, &settings), "tcgetattr");
	settings.c_lflag |= TOSTOP;
	must(tcsetattr(terminal, TCSANOW, &settings), "tcsetattr");
	victim = fork_as(VICTIM, NOBODY, victims_part);
	must(setpgid(victim, victim), "setpgid");
	here();
	wait_for_end(victim, WSTOPPED);
	say();
	say_when_reaped(victim);
}

static void in_the_background(void (*part)(void))
{
	victims_part = part;
	start(KEEPER, NOBODY, hold_master);
	meet(KEEPER);
	expect(VICTIM);
	start(HELPER, NOBODY, lead_from_foreground);
	meet(HELPER);
	meet(VICTIM);
	cue(HELPER);
	cue(VICTIM);
	meet(HELPER);
	put_down(VICTIM);
	meet(HELPER);
}

static void ttin(void)
{
	in_the_background(read_terminal);
}

static void ttou(void)
{
	in_the_background(write_terminal);
}

static void close_master(void)
{
	hold_master();
	close(master);
	here();
}

static void be_leader(void)
{
	open_terminal();
	here();
}

static void mclose(void)
{
	start(CULPRIT, NOBODY, close_master);
	meet(CULPRIT);
	start(VICTIM, victims_uid(), be_leader);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
	watch_end();
}

/* The leader, who has become nobody, whoever the victim is. */
static void lead_as_nobody(void)
{
	lead(victims_uid());
	become(NOBODY);
	stage->parties[CULPRIT].uid = NOBODY;
	must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
	here();
}

static void lead_and_give_up(void)
{
	lead_as_nobody();
	must(ioctl(terminal, TIOCNOTTY), "TIOCNOTTY");
	here();
}

static void under_leader(void (*part)(void))
{
	victims_part = wait_to_die;
	start(KEEPER, NOBODY, hold_master);
	meet(KEEPER);
	expect(VICTIM);
	start(CULPRIT, victims_uid(), part);
	meet(CULPRIT);
	meet(VICTIM);
	cue(CULPRIT);
}

static void leader_exit(void)
{
	under_leader(lead_as_nobody);
	wait_for_end(stage->parties[CULPRIT].pid, 0);
	watch_end();
}

/* The leader, its parent, ends when it has done that. */
static void tiocnotty(void)
{
	under_leader(lead_and_give_up);
	meet(CULPRIT);
	cue(CULPRIT);
	wait_for_end(stage->parties[CULPRIT].pid, 0);
	watch_end();
}

/* In a group of its own, which the leader's end does not concern. */
static void hang_up(void)
{
	must(setpgid(0, 0), "setpgid");
	here();
	must(vhangup(), "vhangup");
	here();
}

/* Its child stays root: only root may. */
static void lead_root(void)
{
	open_terminal();
	fork_as(CULPRIT, 0, hang_up);
	become(NOBODY);
	stage->parties[VICTIM].uid = NOBODY;
	must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
	here();
}

static void by_vhangup(void)
{
	start(KEEPER, NOBODY, hold_master);
	meet(KEEPER);
	expect(CULPRIT);
	start(VICTIM, 0, lead_root);
	meet(VICTIM);
	meet(CULPRIT);
	cue(CULPRIT);
	watch_end();
}

const struct way terminals[] = {
	{ "ctrl_c", SIGINT, KILLED, ctrl_c },
	{ "x_ctrl_c", SIGINT, KILLED, ctrl_c },
	{ "ctrl_bslash", SIGQUIT, KILLED, ctrl_bslash },
	{ "x_ctrl_bslash", SIGQUIT, KILLED, ctrl_bslash },
	{ "ctrl_z", SIGTSTP, STOPPED, ctrl_z },
	{ "x_ctrl_z", SIGTSTP, STOPPED, ctrl_z },
	{ "tiocsig", SIGINT, KILLED, tiocsig },
	{ "x_tiocsig", SIGINT, KILLED, tiocsig },
	{ "tiocsti", SIGINT, KILLED, tiocsti },
	{ "winsize", SIGWINCH, LIVES, winsize },
	{ "x_winsize", SIGWINCH, LIVES, winsize },
	{ "ttin", SIGTTIN, STOPPED, ttin },
	{ "ttou", SIGTTOU, STOPPED, ttou },
	{ "mclose", SIGHUP, KILLED, mclose },
	{ "x_mclose", SIGHUP, KILLED, mclose },
	{ "leader_exit", SIGHUP, KILLED, leader_exit },
	{ "x_leader", SIGHUP, KILLED, leader_exit },
	{ "tiocnotty", SIGHUP, KILLED, tiocnotty },
	{ "vhangup", SIGHUP, KILLED, by_vhangup },
	{},
};
