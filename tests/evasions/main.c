/*
 * Programs that try to have their calls taken for something else, or to have no line at
 * all. `evasions NAME COMM [WORD]...` runs one of them under the name COMM, and prints
 * what it really did, as lines of JSON. Nothing is left when it ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "evasions.h"

/* Where 32-bit calls of a 64-bit program can reach it. */
#ifdef MAP_32BIT
#define MAP_LOW MAP_32BIT
#else
#define MAP_LOW 0
#endif

__thread bool narrow;

void die(const char *what)
{
	perror(what);
	_exit(99);
}

const char *name_of(long number)
{
	switch (number) {
	case SYS_kill:
		return "kill";
	case SYS_tkill:
		return "tkill";
	case SYS_tgkill:
		return "tgkill";
	case SYS_rt_sigqueueinfo:
		return "rt_sigqueueinfo";
	case SYS_rt_tgsigqueueinfo:
		return "rt_tgsigqueueinfo";
	default:
		return "pidfd_send_signal";
	}
}

#ifdef __x86_64__
/* Their numbers for 32-bit callers. */
static long number32_of(long number)
{
	switch (number) {
	case SYS_kill:
		return 37;
	case SYS_tkill:
		return 238;
	case SYS_tgkill:
		return 270;
	case SYS_rt_sigqueueinfo:
		return 178;
	case SYS_rt_tgsigqueueinfo:
		return 335;
	default:
		return 424;
	}
}

static long call32(long number, long first, long second, long third, long fourth)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number32_of(number)), "b"(first), "c"(second), "d"(third),
			   "S"(fourth)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}
#else
static long call32(long number, long first, long second, long third, long fourth)
{
	(void)first, (void)second, (void)third, (void)fourth;
	fprintf(stderr, "evasions: no 32-bit %s here\n", name_of(number));
	_exit(99);
}
#endif

long call(long number, long first, long second, long third, long fourth)
{
	long ret;

	if (narrow)
		return call32(number, first, second, third, fourth);
	ret = syscall(number, first, second, third, fourth);
	return ret < 0 ? -errno : ret;
}

struct info *make_info(void)
{
	struct info *info = mmap(NULL, sizeof(*info), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOW, -1, 0);

	if (info == MAP_FAILED)
		die("mmap");
	return info;
}

void fill_info(struct info *info, int signal, int code, int pid, int uid, int value)
{
	info->wide[0] = info->narrow[0] = signal;
	info->wide[2] = info->narrow[2] = code;
	info->wide[4] = info->narrow[3] = pid;
	info->wide[5] = info->narrow[4] = uid;
	info->wide[6] = info->narrow[5] = value;
}

long address_of(struct info *info)
{
	return narrow ? (uintptr_t)info->narrow : (uintptr_t)info->wide;
}

/* Where a child says that it is ready. */
static int ready_fd = -1;

void ready(void)
{
	if (write(ready_fd, "", 1) != 1)
		die("ready");
	close(ready_fd);
}

void wait_for_ever(void)
{
	for (;;)
		pause();
}

void ignore_all(void)
{
	for (int signal = 1; signal < NSIG; signal++)
		if (signal != SIGKILL && signal != SIGSTOP)
			sigaction(signal, &(struct sigaction){ .sa_handler = SIG_IGN }, NULL);
	ready();
	wait_for_ever();
}

static void do_nothing(void)
{
	ready();
	wait_for_ever();
}

pid_t start(void (*play)(void))
{
	pid_t parent = getpid(), pid;
	sigset_t none;
	int ends[2];
	char byte;

	if (pipe(ends))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(99);
		for (int signal = 1; signal < NSIG; signal++)
			if (signal != SIGKILL && signal != SIGSTOP)
				sigaction(signal, &(struct sigaction){ .sa_handler = SIG_DFL },
					  NULL);
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		close(ends[0]);
		ready_fd = ends[1];
		(play ? play : do_nothing)();
		_exit(99);
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) != 1)
		die("a child");
	close(ends[0]);
	return pid;
}

int death_of(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, __WALL) != pid)
		if (errno != EINTR)
			die("waitpid");
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

void put_away(pid_t pid)
{
	char name[16];
	int status;

	prctl(PR_GET_NAME, name);
	prctl(PR_SET_NAME, "evasions");
	if (kill(pid, SIGKILL))
		die("kill");
	prctl(PR_SET_NAME, name);
	/* A tracer is told of stops first. */
	do
		if (waitpid(pid, &status, __WALL) != pid)
			die("waitpid");
	while (WIFSTOPPED(status));
}

void pause_shortly(void)
{
	poll(NULL, 0, 1);
}

static const struct {
	const char *name;
	void (*run)(char **words);
} EVASIONS[] = {
	{ "timer_single", timer_single },
	{ "timer_group", timer_group },
	{ "timer_fatal", timer_fatal },
	{ "cold", cold },
	{ "flip", flip },
	{ "own_codes", own_codes },
	{ "groups", groups },
	{ "waits", waits },
	{ "reuse", reuse },
	{ "mixture", mixture },
};

int main(int argc, char **argv)
{
	struct rlimit no_core = { 0, 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setrlimit(RLIMIT_CORE, &no_core);
	for (size_t i = 0; argc > 2 && i < sizeof(EVASIONS) / sizeof(*EVASIONS); i++)
		if (!strcmp(argv[1], EVASIONS[i].name)) {
			prctl(PR_SET_NAME, argv[2]);
			/* With every word for 32-bit calls, that comes last. */
			narrow = !strcmp(argv[argc - 1], "narrow");
			EVASIONS[i].run(argv + 3);
			return fflush(stdout) ? 1 : 0;
		}
	fputs("Usage: evasions NAME COMM [WORD]...\n", stderr);
	return 2;
}
