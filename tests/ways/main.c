/*
 * Ways in which a process is signalled, or ended, without any of the calls that
 * send signals. `ways list` prints their names. `ways run NAME` goes one of them
 * and prints a line of JSON: what really happened, by the word of the actors and
 * the wait status. Nothing is left when it ends.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ways.h"

/* For a way that does not come to its end, on a machine that may be busy. */
#define DEADLINE_MS 60000

struct stage *stage;

static const struct way *const THEMES[] = { faults, pipes,   timers, children, terminals, async,
					    limits, cgroups, spaces, seccomps, ptraces,	  others };
#define THEMES_COUNT (sizeof(THEMES) / sizeof(*THEMES))

static void list(void)
{
	for (size_t i = 0; i < THEMES_COUNT; i++)
		for (const struct way *way = THEMES[i]; way->name; way++)
			puts(way->name);
}

static const struct way *find(const char *name)
{
	for (size_t i = 0; i < THEMES_COUNT; i++)
		for (const struct way *way = THEMES[i]; way->name; way++)
			if (!strcmp(way->name, name))
				return way;
	fprintf(stderr, "ways: no way %s\n", name);
	exit(2);
}

/* When all has been said: lets the actors end, and ends the director. */
static __attribute__((noreturn)) void finish(void)
{
	siginfo_t end;

	fflush(stdout);
	stage->over = true;
	stage->step = "the end of the others";
	/* What the actors wait on. */
	close_range(3, ~0U, 0);
	while (waitid(P_ALL, 0, &end, WEXITED | __WALL) == 0 || errno == EINTR)
		;
	_exit(0);
}

void skip(const char *why)
{
	printf("{\"way\":\"%s\",\"skipped\":\"%s\"}\n", stage->way, why);
	finish();
}

static void print_party(const char *name, enum who who)
{
	const struct party *party = &stage->parties[who];

	if (!party->pid)
		return;
	printf(",\"%s\":{\"pid\":%d,", name, party->pid);
	if (party->tid)
		printf("\"tid\":%d,", party->tid);
	printf("\"uid\":%u}", party->uid);
}

/* What is said, and what the way's table has, must agree. */
static void print_truth(const struct way *way)
{
	static const char *const ENDS[] = { "killed", "lives", "stopped", "exited" };
	const siginfo_t *end = &stage->end;
	int expected = stage->status ? stage->status : way->signal;
	enum end was = LIVES;

	if (end->si_code == CLD_KILLED || end->si_code == CLD_DUMPED)
		was = KILLED;
	else if (end->si_code == CLD_STOPPED || end->si_code == CLD_TRAPPED)
		was = STOPPED;
	else if (end->si_code == CLD_EXITED)
		was = EXITED;
	if (was != way->end || ((was == KILLED || was == STOPPED) && end->si_status != expected)) {
		fprintf(stderr, "ways: %s: the victim %s (%d), and should have %s (%d)\n",
			way->name, ENDS[was], end->si_status, ENDS[way->end], expected);
		exit(99);
	}
	printf("{\"way\":\"%s\",\"signal_number\":%d,\"comm\":\"w-%s\"", way->name, way->signal,
	       way->name);
	print_party("victim", VICTIM);
	print_party("culprit", CULPRIT);
	print_party("arranger", ARRANGER);
	if (stage->pty >= 0)
		printf(",\"pty\":%d", stage->pty);
	printf(",\"end\":\"%s\"", ENDS[was]);
	if (was != LIVES)
		printf(",\"status\":%d", end->si_status);
	puts("}");
}

/* Plays a way, in a process of its own, whose children nobody else gets. */
static void direct(const struct way *way)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	way->play();
	print_truth(way);
	finish();
}

/* Whoever is left below this process; gives how many there were. */
static int kill_children(void)
{
	int count = 0;
	DIR *proc = opendir("/proc");

	for (struct dirent *entry; proc && (entry = readdir(proc));) {
		char path[300], text[256] = "", *state;
		int fd, parent;

		snprintf(path, sizeof(path), "/proc/%s/stat", entry->d_name);
		if (entry->d_name[0] < '0' || entry->d_name[0] > '9' ||
		    (fd = open(path, O_RDONLY)) < 0)
			continue;
		if (read(fd, text, sizeof(text) - 1) > 0 && (state = strrchr(text, ')')) &&
		    sscanf(state + 4, "%d", &parent) == 1 && parent == getpid()) {
			count += state[2] != 'Z';
			kill(atoi(entry->d_name), SIGKILL);
		}
		close(fd);
	}
	if (proc)
		closedir(proc);
	return count;
}

/* What was made in file systems. The dead may be in their cgroup for a moment. */
static void remove_files(void)
{
	for (int i = 1; i >= 0; i--)
		for (int tries = 0; stage->cgroups[i][0] && rmdir(stage->cgroups[i]); tries++) {
			if (tries == 5000 || errno != EBUSY) {
				perror(stage->cgroups[i]);
				break;
			}
			poll(NULL, 0, 2);
		}
	if (stage->directory[0]) {
		DIR *directory = opendir(stage->directory);

		for (struct dirent *entry; directory && (entry = readdir(directory));)
			unlinkat(dirfd(directory), entry->d_name, 0);
		if (directory)
			closedir(directory);
		if (rmdir(stage->directory))
			perror(stage->directory);
	}
}

static void reset(void)
{
	struct rlimit none = { 0, 0 };
	sigset_t empty;

	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &empty, NULL);
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* All actors read what is made here. */
	umask(022);
}

static int run(const struct way *way)
{
	int status = 0, left = 0;
	pid_t director;
	struct pollfd end = { .events = POLLIN };

	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (stage == MAP_FAILED)
		return 99;
	strcpy(stage->way, way->name);
	stage->pty = -1;
	reset();
	director = fork();
	if (director == 0)
		direct(way);
	end.fd = syscall(SYS_pidfd_open, director, 0);
	if (poll(&end, 1, DEADLINE_MS) != 1) {
		fprintf(stderr, "ways: %s: no end (the director: %s)\n", way->name, stage->step);
		kill(director, SIGKILL);
	}
	waitpid(director, &status, 0);
	/* Each has children, which come to be this one's. */
	do
		left += kill_children();
	while (waitpid(-1, NULL, __WALL) > 0);
	remove_files();
	if (status || left)
		fprintf(stderr, "ways: %s: the director's status is %#x, %d actors were left\n",
			way->name, status, left);
	return status || left ? 1 : 0;
}

int main(int argc, char **argv)
{
	/* What a victim has executed. */
	if (argc == 2 && !strcmp(argv[1], "wait")) {
		pause();
		return 0;
	}
	if (argc == 2 && !strcmp(argv[1], "end"))
		return 0;
	if (argc == 2 && !strcmp(argv[1], "list")) {
		list();
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "run"))
		return run(find(argv[2]));
	fputs("Usage: ways list | ways run NAME\n", stderr);
	return 2;
}
