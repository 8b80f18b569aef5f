/*
 * Files that announce themselves by a signal. The arranger has it sent to the
 * victim (fcntl F_SETOWN, F_SETSIG, O_ASYNC); whoever writes, opens or ends
 * afterwards sets it off, and does not know: that is the culprit here.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <asm/sockios.h>
#include <unistd.h>

#include "ways.h"

/* What is arranged for (0: by the usual signal), and whom it means. */
static int file, other_end, chosen;

static pid_t victim(void)
{
	return stage->parties[VICTIM].pid;
}

static void choose_signal(void)
{
	if (chosen)
		must(fcntl(file, F_SETSIG, chosen), "F_SETSIG");
}

static void switch_on(void)
{
	int flags = must(fcntl(file, F_GETFL), "F_GETFL");

	must(fcntl(file, F_SETFL, flags | O_ASYNC), "O_ASYNC");
}

static void arrange(void)
{
	must(fcntl(file, F_SETOWN, victim()), "F_SETOWN");
	choose_signal();
	switch_on();
	here();
}

static void write_other_end(void)
{
	here();
	must(write(other_end, "!", 1), "write");
	here();
}

/* The file is there, and the victim, too. */
static void have_arranged(void (*arrangement)(void))
{
	start(ARRANGER, NOBODY, arrangement);
	meet(ARRANGER);
}

static void set_off(void (*part)(void))
{
	start(CULPRIT, NOBODY, part);
	meet(CULPRIT);
	cue_and_meet(CULPRIT);
}

static void make_pipe(void)
{
	int ends[2];

	must(pipe(ends), "pipe");
	file = ends[0];
	other_end = ends[1];
}

static void by_pipe(int signal, void (*arrangement)(void))
{
	chosen = signal;
	make_pipe();
	have_arranged(arrangement);
	set_off(write_other_end);
	watch_end();
}

static void sig_pipe(void)
{
	start_victim();
	by_pipe(SIGKILL, arrange);
}

static void sig_segv(void)
{
	start_victim();
	by_pipe(SIGSEGV, arrange);
}

static void sigio(void)
{
	start_victim();
	by_pipe(0, arrange);
}

static void make_sockets(void)
{
	int ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	file = ends[0];
	other_end = ends[1];
}

static void sig_unix(void)
{
	start_victim();
	chosen = SIGTERM;
	make_sockets();
	have_arranged(arrange);
	set_off(write_other_end);
	watch_end();
}

static void arrange_by_ioctl(void)
{
	pid_t owner = victim();

	must(ioctl(file, FIOSETOWN, &owner), "FIOSETOWN");
	choose_signal();
	switch_on();
	here();
}

static void fiosetown(void)
{
	start_victim();
	chosen = SIGUSR2;
	make_sockets();
	have_arranged(arrange_by_ioctl);
	set_off(write_other_end);
	watch_end();
}

static void arrange_for_group(void)
{
	must(fcntl(file, F_SETOWN, -victim()), "F_SETOWN");
	choose_signal();
	switch_on();
	here();
}

static void be_in_group(void)
{
	must(setpgid(0, 0), "setpgid");
	here();
}

static void sig_pgrp(void)
{
	start(VICTIM, NOBODY, be_in_group);
	meet(VICTIM);
	by_pipe(SIGUSR1, arrange_for_group);
}

static void arrange_for_thread(void)
{
	struct f_owner_ex owner = { F_OWNER_TID, stage->parties[VICTIM].tid };

	must(fcntl(file, F_SETOWN_EX, &owner), "F_SETOWN_EX");
	choose_signal();
	switch_on();
	here();
}

static void *wait_as_thread(void *nothing)
{
	stage->parties[VICTIM].tid = syscall(SYS_gettid);
	here();
	return nothing;
}

static void be_threads(void)
{
	pthread_t thread;

	must(-pthread_create(&thread, NULL, wait_as_thread, NULL), "pthread_create");
	pthread_join(thread, NULL);
}

static void sig_thread(void)
{
	start(VICTIM, NOBODY, be_threads);
	meet(VICTIM);
	by_pipe(SIGTERM, arrange_for_thread);
}

/* Whoever opens the file breaks the lease. */
static void arrange_lease(void)
{
	file = must(open(path_to("leased"), O_RDWR | O_CREAT, 0644), "open");
	must(fcntl(file, F_SETLEASE, F_WRLCK), "F_SETLEASE");
	must(fcntl(file, F_SETOWN, victim()), "F_SETOWN");
	choose_signal();
	here();
}

static void open_leased(void)
{
	here();
	if (open(path_to("leased"), O_RDONLY | O_NONBLOCK) >= 0)
		die("the lease was not in force");
	here();
}

static void sig_lease(void)
{
	directory();
	start_victim();
	chosen = SIGTERM;
	have_arranged(arrange_lease);
	set_off(open_leased);
	watch_end();
}

static void arrange_inotify(void)
{
	file = must(inotify_init(), "inotify_init");
	must(inotify_add_watch(file, directory(), IN_CREATE), "inotify_add_watch");
	arrange();
}

static void arrange_dnotify(void)
{
	file = must(open(directory(), O_RDONLY), "open");
	if (fcntl(file, F_NOTIFY, DN_CREATE | DN_MULTISHOT) < 0)
		stage->word = 1;
	else
		must(fcntl(file, F_SETOWN, victim()), "F_SETOWN");
	choose_signal();
	here();
}

static void create_file(void)
{
	here();
	must(open(path_to("created"), O_RDWR | O_CREAT, 0644), "open");
	here();
}

static void sig_inotify(void)
{
	directory();
	start_victim();
	chosen = SIGTERM;
	have_arranged(arrange_inotify);
	set_off(create_file);
	watch_end();
}

static void sig_dnotify(void)
{
	directory();
	start_victim();
	chosen = SIGKILL;
	have_arranged(arrange_dnotify);
	if (stage->word)
		skip("this kernel has no F_NOTIFY");
	set_off(create_file);
	watch_end();
}

/* It is the last that has the other end, and closes it by ending. */
static void end_with_it(void)
{
	here();
}

static void arrange_without_other_end(void)
{
	close(other_end);
	arrange();
}

static void sig_exit(void)
{
	start_victim();
	chosen = SIGTERM;
	make_pipe();
	have_arranged(arrange_without_other_end);
	start(CULPRIT, NOBODY, end_with_it);
	close(other_end);
	meet(CULPRIT);
	cue(CULPRIT);
	watch_end();
}

static void make_connection(void)
{
	int pair[2];

	make_network();
	connect_pair(pair);
	file = pair[1];
	other_end = pair[0];
}

static void sig_tcp(void)
{
	start_victim();
	chosen = SIGTERM;
	make_connection();
	have_arranged(arrange);
	set_off(write_other_end);
	watch_end();
}

static void tell_of_urgency(void)
{
	say_when(SIGURG);
	here();
	wait_for_cue();
}

/* Without O_ASYNC, so that the data itself says nothing. */
static void arrange_for_urgency(void)
{
	must(fcntl(file, F_SETOWN, victim()), "F_SETOWN");
	here();
}

static void send_urgently(void)
{
	here();
	must(send(other_end, "!", 1, MSG_OOB), "send");
	here();
}

static void sigurg(void)
{
	start(VICTIM, NOBODY, tell_of_urgency);
	meet(VICTIM);
	make_connection();
	have_arranged(arrange_for_urgency);
	set_off(send_urgently);
	meet(VICTIM);
	watch_life();
}

static void write_by_ring(void)
{
	int result;

	here();
	result = ring_write(other_end, "!", 1);
	stage->word = result;
	here();
}

static void sig_uring(void)
{
	start_victim();
	chosen = SIGTERM;
	make_pipe();
	have_arranged(arrange);
	set_off(write_by_ring);
	if (stage->word < 0)
		skip("no io_uring here");
	watch_end();
}

const struct way async[] = {
	{ "sig_pipe", SIGKILL, KILLED, sig_pipe },
	{ "sig_unix", SIGTERM, KILLED, sig_unix },
	{ "sig_lease", SIGTERM, KILLED, sig_lease },
	{ "sig_inotify", SIGTERM, KILLED, sig_inotify },
	{ "sig_dnotify", SIGKILL, KILLED, sig_dnotify },
	{ "sig_segv", SIGSEGV, KILLED, sig_segv },
	{ "sig_exit", SIGTERM, KILLED, sig_exit },
	{ "sig_tcp", SIGTERM, KILLED, sig_tcp },
	{ "sig_uring", SIGTERM, KILLED, sig_uring },
	{ "sigio", SIGIO, KILLED, sigio },
	{ "sigurg", SIGURG, LIVES, sigurg },
	{ "sig_pgrp", SIGUSR1, KILLED, sig_pgrp },
	{ "sig_thread", SIGTERM, KILLED, sig_thread },
	{ "fiosetown", SIGUSR2, KILLED, fiosetown },
	{},
};
