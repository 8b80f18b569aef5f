/*
 * Processes that end, in all the ways in which a signal can have to do with that.
 * `exits NAME COMM [WORD]...` runs one of its programs under the name COMM, and prints
 * what really happened, as lines of JSON. It begins with a line on its input. Nothing is
 * left when it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"

void die(const char *what)
{
	perror(what);
	thaw();
	_exit(99);
}

long must(long result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

void pause_for(int milliseconds)
{
	poll(NULL, 0, milliseconds);
}

void wait_for_ever(void)
{
	for (;;)
		pause();
}

void handle(int signal, void (*handler)(int))
{
	must(sigaction(signal, &(struct sigaction){ .sa_handler = handler }, NULL), "sigaction");
}

char state_of(pid_t pid, pid_t tid)
{
	char path[64], text[128] = "", *end;
	int file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	file = must(open(path, O_RDONLY | O_CLOEXEC), path);
	must(read(file, text, sizeof(text) - 1), path);
	close(file);
	end = strrchr(text, ')');
	return end ? end[2] : '?';
}

atomic_int *shared;

atomic_int *share(void)
{
	atomic_int *word = mmap(NULL, sizeof(*word), PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (word == MAP_FAILED)
		die("mmap");
	return word;
}

/* Where a child says that it is ready. */
static int ready_fd = READY;

void ready(void)
{
	must(write(ready_fd, "", 1), "ready");
	close(ready_fd);
}

int ready_end(void)
{
	return ready_fd;
}

/* Its parent's end is that of a child, too. In another pid namespace it has none. */
static void follow(pid_t parent)
{
	pid_t now;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	now = getppid();
	if (now && now != parent)
		_exit(99);
}

pid_t start(void (*play)(void))
{
	pid_t parent = getpid(), pid;
	int ends[2];
	char byte;

	must(pipe2(ends, O_CLOEXEC), "pipe2");
	pid = must(fork(), "fork");
	if (pid == 0) {
		follow(parent);
		close(ends[0]);
		ready_fd = ends[1];
		if (play) {
			play();
			_exit(99);
		}
		ready();
		wait_for_ever();
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		die("a victim");
	close(ends[0]);
	return pid;
}

/* One of the calls that can. */
static void call(pid_t pid, int signal)
{
	int fd;

	switch (pid < 0 ? 0 : below(3)) {
	case 0:
		must(kill(pid, signal), "kill");
		break;
	case 1:
		must(sigqueue(pid, signal, (union sigval){ .sival_int = 1 }), "sigqueue");
		break;
	default:
		fd = must(syscall(SYS_pidfd_open, pid, 0), "pidfd_open");
		must(syscall(SYS_pidfd_send_signal, fd, signal, NULL, 0), "pidfd_send_signal");
		close(fd);
	}
}

struct sent give(pid_t pid, int signal)
{
	struct sent sent = { signal, getpid() };
	int status;

	if (below(4)) {
		call(pid, signal);
		return sent;
	}
	sent.sender = must(fork(), "fork");
	if (sent.sender == 0) {
		call(pid, signal);
		_exit(0);
	}
	if (waitpid(sent.sender, &status, 0) != sent.sender || status)
		die("a sender");
	return sent;
}

/* As wait(2)'s words are in lines; NULL: a play went another way than it was to. */
static const char *end_of(const struct truth *truth, const siginfo_t *end)
{
	if (truth->code && (end->si_code != truth->code || end->si_status != truth->status))
		return NULL;
	switch (end->si_code) {
	case CLD_EXITED:
		return "exited";
	case CLD_KILLED:
		return "killed";
	case CLD_DUMPED:
		return "dumped";
	default:
		return NULL;
	}
}

void tell(const struct truth *truth)
{
	char line[512], earlier[128] = "";
	const char *end;
	siginfo_t info;
	int length;

	/* With WNOWAIT, kernels before 5.16 tell another status. */
	while (waitid(P_PID, truth->pid, &info, WEXITED | __WALL))
		if (errno != EINTR)
			die("waitid");
	end = end_of(truth, &info);
	if (!end) {
		fprintf(stderr, "%s: si_code %d, si_status %d\n", truth->kind, info.si_code,
			info.si_status);
		_exit(99);
	}
	for (int i = 0, at = 0; i < EARLIER && truth->earlier[i].signal; i++)
		at += sprintf(earlier + at, "%s[%d,%d]", i ? "," : "", truth->earlier[i].signal,
			      truth->earlier[i].sender);
	length = snprintf(line, sizeof(line),
			  "{\"kind\":\"%s\",\"pid\":%d,\"end\":\"%s\",\"status\":%d,"
			  "\"origin\":\"%s\",\"signal\":%d,\"sender\":%d,\"unmade\":%s,"
			  "\"earlier\":[%s],\"after_us\":%ld,\"threads\":%d}\n",
			  truth->kind, truth->pid, end, info.si_status,
			  truth->origin ? truth->origin : "call", truth->cause.signal,
			  truth->cause.sender, truth->unmade ? "true" : "false", earlier,
			  truth->after_us, truth->threads ? truth->threads : 1);
	/* In one piece, beside those of others. */
	if (write(1, line, length) != length)
		die("write");
}

static const struct {
	const char *name;
	void (*run)(char **words);
} PROGRAMS[] = {
	{ "scripted", scripted },
	{ "crowd", crowd },
	{ "plain", plain },
	{ "threads", many_threads },
};

int main(int argc, char **argv)
{
	char byte;

	if (argc > 2)
		prctl(PR_SET_NAME, argv[2]);
	/* What a victim has executed. */
	if (argc == 3 && !strcmp(argv[1], "wait")) {
		ready();
		wait_for_ever();
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (size_t i = 0; argc > 2 && i < sizeof(PROGRAMS) / sizeof(*PROGRAMS); i++)
		if (!strcmp(argv[1], PROGRAMS[i].name)) {
			if (read(0, &byte, 1) != 1)
				return 1;
			shared = share();
			PROGRAMS[i].run(argv + 3);
			return 0;
		}
	fputs("Usage: exits NAME COMM [WORD]...\n", stderr);
	return 2;
}
