/* The actors: how they start, wait for each other and end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ways.h"

/* Of each party: the director's end of a socket, and the actor's. */
static struct {
	int director, actor;
} channels[PARTIES] = { [0 ... PARTIES - 1] = { -1, -1 } };
/* Of the process that this is. */
static int own = -1;

void die(const char *what)
{
	fprintf(stderr, "ways: %s: %s: %s (the director: %s)\n", stage->way, what, strerror(errno),
		stage->step ? stage->step : "at the start");
	_exit(99);
}

long must(long result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

uid_t victims_uid(void)
{
	return strncmp(stage->way, "x_", 2) ? NOBODY : 0;
}

void become(uid_t uid)
{
	if (uid == getuid())
		return;
	must(setgroups(0, NULL), "setgroups");
	must(setresgid(uid, uid, uid), "setresgid");
	must(setresuid(uid, uid, uid), "setresuid");
	/* Otherwise none of the same user's may trace it. */
	must(prctl(PR_SET_DUMPABLE, 1), "PR_SET_DUMPABLE");
}

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

void expect(enum who who)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	channels[who].director = pair[0];
	channels[who].actor = pair[1];
}

/* Its number only the parent knows, if it is in a pid namespace of its own. */
static void take_part(enum who who, uid_t uid)
{
	char comm[32];

	own = channels[who].actor;
	snprintf(comm, sizeof(comm), "%c-%s", "wcahk"[who], stage -> way);
	must(prctl(PR_SET_NAME, comm), "PR_SET_NAME");
	become(uid);
	stage->parties[who].uid = uid;
}

void enter(enum who who, uid_t uid)
{
	stage->parties[who].pid = getpid();
	take_part(who, uid);
}

pid_t start(enum who who, uid_t uid, void (*part)(void))
{
	pid_t director = getpid(), pid;

	if (channels[who].director < 0)
		expect(who);
	pid = must(fork(), "fork");
	if (pid == 0) {
		for (int i = 0; i < PARTIES; i++)
			close_end(&channels[i].director);
		take_part(who, uid);
		/* The director ends last, unless something goes wrong. */
		must(prctl(PR_SET_PDEATHSIG, SIGKILL), "PR_SET_PDEATHSIG");
		if (getppid() != director && getppid() != 0)
			_exit(99);
		part();
		_exit(0);
	}
	stage->parties[who].pid = pid;
	for (int i = 0; i < PARTIES; i++)
		close_end(&channels[i].actor);
	return pid;
}

pid_t fork_as(enum who who, uid_t uid, void (*part)(void))
{
	pid_t pid = must(fork(), "fork");

	if (pid == 0) {
		enter(who, uid);
		part();
		_exit(0);
	}
	return pid;
}

void say(void)
{
	if (send(own, "!", 1, MSG_NOSIGNAL) != 1)
		_exit(0);
}

void wait_for_cue(void)
{
	char byte;
	ssize_t got;

	do
		got = read(own, &byte, 1);
	while (got < 0 && errno == EINTR);
	/* The way is over. */
	if (got != 1)
		_exit(0);
}

void here(void)
{
	say();
	wait_for_cue();
}

static const char *const NAMES[] = { "victim", "culprit", "arranger", "helper", "keeper" };

void meet(enum who who)
{
	char byte;

	stage->step = NAMES[who];
	if (read(channels[who].director, &byte, 1) != 1)
		die("an actor has ended before its time");
}

void cue(enum who who)
{
	if (send(channels[who].director, "!", 1, MSG_NOSIGNAL) != 1)
		die("an actor has ended before its cue");
}

void cue_and_meet(enum who who)
{
	cue(who);
	meet(who);
}

void wait_to_die(void)
{
	here();
}

void start_victim(void)
{
	start(VICTIM, victims_uid(), wait_to_die);
	meet(VICTIM);
}

void put_down(enum who who)
{
	kill(stage->parties[who].pid, SIGKILL);
}

void wait_for_end(pid_t pid, int also)
{
	stage->end.si_pid = 0;
	while (waitid(P_PID, pid, &stage->end, WEXITED | __WALL | also) < 0)
		if (errno != EINTR)
			die("waitid");
}

void watch_end(void)
{
	stage->step = "the victim's end";
	wait_for_end(stage->parties[VICTIM].pid, WSTOPPED);
}

void watch_life(void)
{
	char path[64], text[256] = "";
	const char *state;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", stage->parties[VICTIM].pid);
	fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		die("the victim is gone");
	close(fd);
	state = strrchr(text, ')');
	if (!state || strchr("ZX", state[2]))
		die("the victim is dead");
	memset(&stage->end, 0, sizeof(stage->end));
}

static int own_in_handler;

static void tell(int signal)
{
	(void)signal;
	if (send(own_in_handler, "!", 1, MSG_NOSIGNAL) != 1)
		_exit(0);
}

void say_when(int signal)
{
	struct sigaction action = { .sa_handler = tell, .sa_flags = SA_RESTART };

	own_in_handler = own;
	must(sigaction(signal, &action, NULL), "sigaction");
}

void spin(void)
{
	while (!atomic_load_explicit(&stage->over, memory_order_relaxed))
		;
}

void stay_on_processor(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(stage->processor, &one);
	must(sched_setaffinity(0, sizeof(one), &one), "sched_setaffinity");
}

void share_processor(void)
{
	stay_on_processor();
	spin();
}

bool run_in_real_time(int priority)
{
	struct sched_param real_time = { .sched_priority = priority };

	if (!sched_setscheduler(0, SCHED_FIFO, &real_time))
		return true;
	if (errno != EPERM && errno != EBUSY)
		die("the scheduler");
	return false;
}

const char *directory(void)
{
	const char *temporary = getenv("TMPDIR");

	if (!stage->directory[0]) {
		int length = snprintf(stage->directory, sizeof(stage->directory), "%s/ways-XXXXXX",
				      temporary ? temporary : "/tmp");

		if (length >= (int)sizeof(stage->directory) || !mkdtemp(stage->directory))
			die("a directory in TMPDIR");
		must(chmod(stage->directory, 0755), "chmod");
		must(chown(stage->directory, NOBODY, NOBODY), "chown");
	}
	return stage->directory;
}

const char *path_to(const char *name)
{
	static char paths[8][128];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory(), name);
	return path;
}

const char *program_for(const char *comm)
{
	const char *path = path_to(comm);

	must(symlink("/proc/self/exe", path), "symlink");
	return path;
}

void make_network(void)
{
	struct ifreq loopback = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd;

	must(unshare(CLONE_NEWNET), "unshare");
	fd = must(socket(AF_INET, SOCK_DGRAM, 0), "socket");
	must(ioctl(fd, SIOCSIFFLAGS, &loopback), "SIOCSIFFLAGS");
	close(fd);
}

void connect_pair(int pair[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t length = sizeof(address);
	int server = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	must(bind(server, (struct sockaddr *)&address, length), "bind");
	must(listen(server, 1), "listen");
	must(getsockname(server, (struct sockaddr *)&address, &length), "getsockname");
	pair[0] = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	must(connect(pair[0], (struct sockaddr *)&address, length), "connect");
	pair[1] = must(accept(server, NULL, NULL), "accept");
	close(server);
}
