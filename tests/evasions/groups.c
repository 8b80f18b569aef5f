/* Calls to groups, one right after the other. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "evasions.h"

#define GROUPS 4
/* With one, two, three and five. */
static const int SIZES[GROUPS] = { 1, 2, 3, 5 };
#define MOST 5

static pid_t members[GROUPS][MOST];

static void make_group(int group)
{
	for (int i = 0; i < SIZES[group]; i++) {
		members[group][i] = start(ignore_all);
		if (setpgid(members[group][i], members[group][0]))
			die("setpgid");
	}
}

static void print_call(int group)
{
	printf("{\"to\":%d,\"members\":[", -members[group][0]);
	for (int i = 0; i < SIZES[group]; i++)
		printf("%s%d", i ? "," : "", members[group][i]);
	puts("]}");
}

/* Each group after each other, and after itself. */
void groups(char **words)
{
	long rounds = atol(words[0]);

	for (int group = 0; group < GROUPS; group++)
		make_group(group);
	for (long round = 0; round < rounds; round++) {
		for (int i = 0; i < GROUPS * GROUPS; i++)
			if (call(SYS_kill, -members[i / GROUPS][0], SIGTERM, 0, 0) ||
			    call(SYS_kill, -members[i % GROUPS][0], SIGTERM, 0, 0))
				die("kill");
		for (int i = 0; i < GROUPS * GROUPS; i++) {
			print_call(i / GROUPS);
			print_call(i % GROUPS);
		}
	}
	for (int group = 0; group < GROUPS; group++)
		for (int i = 0; i < SIZES[group]; i++)
			put_away(members[group][i]);
}
