/*
 * Control groups: one whose memory is used up, and one that is killed. Both
 * hierarchies are known: version 1, where memory has one of its own, and
 * version 2.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ways.h"

#define MIB (1 << 20)

/* Where the hierarchy of version 2, or that of version 1 with memory, is
 * mounted; NULL: nowhere. */
static char *mount_of(bool memory)
{
	static char line[1024], path[512], type[32], options[512];
	FILE *mounts = fopen("/proc/self/mounts", "re");
	char *found = NULL;

	while (mounts && !found && fgets(line, sizeof(line), mounts))
		if (sscanf(line, "%*s %511s %31s %511s", path, type, options) == 3 &&
		    !strcmp(type, memory ? "cgroup" : "cgroup2") &&
		    (!memory || strstr(options, "memory")))
			found = path;
	if (mounts)
		fclose(mounts);
	return found;
}

/* Whether it is written: kernels differ in what they have. */
static bool put(const char *directory, const char *name, const char *text)
{
	char path[256];
	int file;
	bool done;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = open(path, O_WRONLY);
	done = file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text);
	if (file >= 0)
		close(file);
	return done;
}

/* By its name tests/leftovers knows the run. */
static char *make_group(const char *mount)
{
	const char *temporary = getenv("TMPDIR");
	char run[256];

	snprintf(run, sizeof(run), "%s", temporary ? temporary : "tests");
	snprintf(stage->cgroups[0], sizeof(stage->cgroups[0]), "%s/sigtrail-%s-ways-%d", mount,
		 basename(run), getpid());
	must(mkdir(stage->cgroups[0], 0755), stage->cgroups[0]);
	return stage->cgroups[0];
}

static void move_to(const char *group, enum who who)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", stage->parties[who].pid);
	if (!put(group, "cgroup.procs", pid))
		die("cgroup.procs");
}

/* Without swap, where there is any. Gives whether it is of version 2. */
static bool make_memory_group(const char *limit)
{
	char *mount = mount_of(true), *group;
	bool old = mount;

	if (!old && !(mount = mount_of(false)))
		skip("no control groups are mounted");
	if (!old && !put(mount, "cgroup.subtree_control", "+memory"))
		skip("no control group has a memory limit");
	group = make_group(mount);
	if (!put(group, old ? "memory.limit_in_bytes" : "memory.max", limit))
		die("the memory limit");
	put(group, old ? "memory.swappiness" : "memory.swap.max", "0");
	/* The test may have been started by who is not to be killed. */
	put("/proc/self", "oom_score_adj", "0");
	return !old;
}

static void eat(size_t size)
{
	volatile char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	for (size_t at = 0; at < size; at += 1024)
		memory[at] = 1;
}

static void eat_all(void)
{
	here();
	eat(256 * MIB);
	here();
}

static void eat_much(void)
{
	here();
	eat(40 * MIB);
	here();
}

static void eat_some(void)
{
	here();
	eat(30 * MIB);
	here();
}

static void oom(void)
{
	make_memory_group("33554432");
	start(VICTIM, NOBODY, eat_all);
	meet(VICTIM);
	move_to(stage->cgroups[0], VICTIM);
	cue(VICTIM);
	watch_end();
}

/* The larger one ends, not the one that asks for more. */
static void ask_for_more(void)
{
	start(VICTIM, victims_uid(), eat_much);
	meet(VICTIM);
	move_to(stage->cgroups[0], VICTIM);
	cue_and_meet(VICTIM);
	start(CULPRIT, NOBODY, eat_some);
	meet(CULPRIT);
	move_to(stage->cgroups[0], CULPRIT);
	cue(CULPRIT);
	watch_end();
}

static void oom_other(void)
{
	make_memory_group("67108864");
	ask_for_more();
}

/* All of the group go. */
static void oom_group(void)
{
	if (!make_memory_group("67108864") || !put(stage->cgroups[0], "memory.oom.group", "1"))
		skip("memory has no hierarchy of version 2 here");
	ask_for_more();
}

/* One that nobody may kill: it is delegated. */
static void make_delegated_group(void)
{
	char *mount = mount_of(false), path[256];

	if (!mount)
		skip("no hierarchy of version 2");
	make_group(mount);
	snprintf(path, sizeof(path), "%s/cgroup.kill", stage->cgroups[0]);
	if (chown(path, NOBODY, NOBODY))
		skip("this kernel has no cgroup.kill");
}

static int open_kill(void)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/cgroup.kill", stage->cgroups[0]);
	return must(open(path, O_WRONLY), path);
}

static void write_kill(void)
{
	must(write(open_kill(), "1", 1), "write");
	here();
}

static void send_kill(void)
{
	int from = must(memfd_create("ways", 0), "memfd_create");
	off_t start = 0;

	must(write(from, "1", 1), "write");
	must(sendfile(open_kill(), from, &start, 1), "sendfile");
	here();
}

static void splice_kill(void)
{
	int ends[2];

	must(pipe(ends), "pipe");
	must(write(ends[1], "1", 1), "write");
	must(splice(ends[0], NULL, open_kill(), NULL, 1, 0), "splice");
	here();
}

static void ring_kill(void)
{
	stage->word = ring_write(open_kill(), "1", 1);
	here();
}

static void kill_group(void (*part)(void))
{
	make_delegated_group();
	start(VICTIM, victims_uid(), wait_to_die);
	meet(VICTIM);
	move_to(stage->cgroups[0], VICTIM);
	start(CULPRIT, NOBODY, part);
	meet(CULPRIT);
	if (stage->word < 0)
		skip("no io_uring here");
	watch_end();
}

static void cgkill(void)
{
	kill_group(write_kill);
}

static void cgkill_send(void)
{
	kill_group(send_kill);
}

static void cgkill_splice(void)
{
	kill_group(splice_kill);
}

static void cgkill_ring(void)
{
	kill_group(ring_kill);
}

const struct way cgroups[] = {
	{ "oom", SIGKILL, KILLED, oom },
	{ "oom_other", SIGKILL, KILLED, oom_other },
	{ "x_oom", SIGKILL, KILLED, oom_other },
	{ "oom_group", SIGKILL, KILLED, oom_group },
	{ "cgkill", SIGKILL, KILLED, cgkill },
	{ "cgkill_send", SIGKILL, KILLED, cgkill_send },
	{ "cgkill_splice", SIGKILL, KILLED, cgkill_splice },
	{ "cgkill_ring", SIGKILL, KILLED, cgkill_ring },
	{ "x_cgkill", SIGKILL, KILLED, cgkill },
	{ "x_cgkill_ring", SIGKILL, KILLED, cgkill_ring },
	{},
};
