/*
 * Siginfos that cannot be read where a call begins, or are others by the time that the
 * kernel copies them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "evasions.h"

#define VALUE 7

static struct info *info;

/* The three that take a siginfo. */
static const long QUEUING[] = { SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal };

static long queue(long number, pid_t target, int signal)
{
	long ret;
	int fd;

	if (number == SYS_rt_sigqueueinfo)
		return call(number, target, signal, address_of(info), 0);
	if (number == SYS_rt_tgsigqueueinfo)
		return call(number, target, target, signal, address_of(info));
	fd = syscall(SYS_pidfd_open, target, 0);
	if (fd < 0)
		die("pidfd_open");
	ret = call(number, fd, signal, address_of(info), 0);
	close(fd);
	return ret;
}

/* Leaves the page to the next who reads it: there is none in the tables. */
static void chill(int fd, const struct info *content)
{
	if (pwrite(fd, content, sizeof(*content), 0) != sizeof(*content) ||
	    madvise(info, sizeof(*info), MADV_DONTNEED))
		die("cold page");
}

/* All of the codes, by each call, to who dies of it and who does not. */
void cold(char **words)
{
	static const int CODES[] = { -60, -1, -2, -3, -4, -5, -7, -100, INT_MIN };
	struct info *content = make_info();
	int fd = memfd_create("cold", 0);
	pid_t ignorer = start(ignore_all);

	(void)words;
	info = make_info();
	if (fd < 0 || ftruncate(fd, 4096) ||
	    mmap(info, 4096, PROT_READ, MAP_SHARED | MAP_FIXED, fd, 0) != info)
		die("cold");
	for (size_t i = 0; i < 12 * sizeof(CODES) / sizeof(*CODES); i++) {
		int code = CODES[i / 12], claimed = i % 2 ? getpid() : 1;
		long number = QUEUING[i % 3], ret;
		bool dies = i / 3 % 2;
		int signal = !dies || i / 6 % 2 ? SIGTERM : SIGKILL;
		pid_t target = dies ? start(NULL) : ignorer;

		fill_info(content, signal, code, claimed, 0, VALUE);
		chill(fd, content);
		ret = queue(number, target, signal);
		printf("{\"syscall\":\"%s\",\"to\":%d,\"signal\":%d,\"ret\":%ld,\"code\":%d,"
		       "\"pid\":%d,\"honest\":%s,\"fatal\":%s}\n",
		       name_of(number), target, signal, ret, code, claimed,
		       claimed == getpid() ? "true" : "false", dies ? "true" : "false");
		if (ret || (dies && death_of(target) != signal))
			die("a cold call");
	}
	put_away(ignorer);
}

static int codes[2];
static atomic_bool over;

static void *flip_code(void *data)
{
	(void)data;
	while (!over)
		for (int i = 0; i < 2; i++) {
			__atomic_store_n(&info->wide[2], codes[i], __ATOMIC_RELAXED);
			__atomic_store_n(&info->narrow[2], codes[i], __ATOMIC_RELAXED);
		}
	return NULL;
}

/* The code that came with a signal that is blocked. */
static int received_code(int signal)
{
	siginfo_t received;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	while (sigwaitinfo(&set, &received) != signal)
		if (errno != EINTR)
			die("sigwaitinfo");
	return received.si_code;
}

static void flip_one(size_t i)
{
	long number = QUEUING[i % 3], ret;
	bool dies = i % 2;
	int signal = dies ? SIGKILL : SIGRTMIN;
	pid_t target = dies ? start(NULL) : getpid();

	info->wide[0] = info->narrow[0] = signal;
	ret = queue(number, target, signal);
	printf("{\"syscall\":\"%s\",\"to\":%d,\"signal\":%d,\"ret\":%ld,\"fatal\":%s",
	       name_of(number), target, signal, ret,
	       ret  ? "false" :
	       dies ? "true" :
		      "null");
	/* Some codes are refused. */
	if (ret && ret != -EPERM)
		die("a flipped call");
	if (!dies && !ret)
		printf(",\"code\":%d", received_code(signal));
	puts("}");
	if (dies && ret)
		put_away(target);
	if (dies && !ret && death_of(target) != signal)
		die("a flipped call's victim");
}

/* A thread has the code change between two, all the time. Who gets the signal itself
 * knows which it was; whether it is fatal, is open while it waits.
 */
void flip(char **words)
{
	pthread_t thread;
	sigset_t set;

	codes[0] = atoi(words[0]);
	codes[1] = atoi(words[1]);
	info = make_info();
	fill_info(info, 0, codes[0], getpid(), 0, VALUE);
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigprocmask(SIG_BLOCK, &set, NULL) || pthread_create(&thread, NULL, flip_code, NULL))
		die("flip");
	for (long i = 0; i < atol(words[2]); i++)
		flip_one(i);
	over = true;
	pthread_join(thread, NULL);
}

/* Codes that only the kernel may use towards others. */
void own_codes(char **words)
{
	static const int CODES[] = { 1, 2, 5, 6, 0x80, 0x7f, 0, -6, 1000, INT_MAX };
	sigset_t set;

	(void)words;
	info = make_info();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		die("sigprocmask");
	for (size_t i = 0; i < 3 * sizeof(CODES) / sizeof(*CODES); i++) {
		int code = CODES[i / 3];
		long ret;

		fill_info(info, SIGRTMIN, code, getpid(), 0, VALUE);
		ret = queue(QUEUING[i % 3], getpid(), SIGRTMIN);
		/* libc changes some. */
		if (ret || (code >= 0 && received_code(SIGRTMIN) != code) ||
		    (code < 0 && received_code(SIGRTMIN) > 0))
			die("an own code");
		printf("{\"syscall\":\"%s\",\"to\":%d,\"signal\":%d,\"ret\":0,\"fatal\":null,"
		       "\"code\":%d}\n",
		       name_of(QUEUING[i % 3]), getpid(), SIGRTMIN, code);
	}
}
