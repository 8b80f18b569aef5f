/* Writers to whom nobody listens. */
#define _GNU_SOURCE
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ways.h"

/* The culprit has the first alone, the victim writes to the second. */
static int ends[2];

static void close_other_end(void)
{
	close(ends[1]);
	here();
	close(ends[0]);
	here();
}

static void write_on(void)
{
	close(ends[0]);
	here();
	must(write(ends[1], "!", 1), "write");
}

static void without_reader(void)
{
	start(CULPRIT, NOBODY, close_other_end);
	start(VICTIM, victims_uid(), write_on);
	close(ends[0]);
	close(ends[1]);
	meet(CULPRIT);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
	cue(VICTIM);
	watch_end();
}

static void to_pipe(void)
{
	must(pipe(ends), "pipe");
	without_reader();
}

static void to_socket(void)
{
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "socketpair");
	without_reader();
}

/* It has not read what was sent, so the connection is reset. */
static void close_connection(void)
{
	close(ends[1]);
	here();
	close(ends[0]);
	here();
}

/* The first is told of the reset by an error. */
static void send_on(void)
{
	struct pollfd reset = { .fd = ends[1] };

	close(ends[0]);
	must(write(ends[1], "!", 1), "write");
	here();
	must(poll(&reset, 1, -1), "poll");
	for (;;)
		if (write(ends[1], "!", 1) < 0)
			continue;
}

static void to_connection(void)
{
	make_network();
	connect_pair(ends);
	start(CULPRIT, NOBODY, close_connection);
	start(VICTIM, NOBODY, send_on);
	close(ends[0]);
	close(ends[1]);
	meet(CULPRIT);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
	cue(VICTIM);
	watch_end();
}

const struct way pipes[] = {
	{ "pipe", SIGPIPE, KILLED, to_pipe },	       { "x_pipe", SIGPIPE, KILLED, to_pipe },
	{ "sockpipe", SIGPIPE, KILLED, to_socket },    { "x_sockpipe", SIGPIPE, KILLED, to_socket },
	{ "tcppipe", SIGPIPE, KILLED, to_connection }, {},
};
