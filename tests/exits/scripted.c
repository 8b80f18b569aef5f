/*
 * Ends of all kinds, mixed at random. Some processes, the lanes, each play with one
 * victim after the other, and tell how each ended.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exits.h"

#define LANES 24

/* Plays begun. */
static atomic_int *turns_begun;
static uint64_t state;

/* SplitMix64. */
unsigned int below(unsigned int most)
{
	uint64_t word = state += 0x9e3779b97f4a7c15;

	word = (word ^ word >> 30) * 0xbf58476d1ce4e5b9;
	word = (word ^ word >> 27) * 0x94d049bb133111eb;
	return (word ^ word >> 31) % most;
}

static const struct kind *const THEMES[] = { handlers, threads, waits, spaces };
#define THEMES_COUNT (sizeof(THEMES) / sizeof(*THEMES))

/* The kind of that number; NULL: there are not so many. */
static const struct kind *kind_of(unsigned int number)
{
	for (size_t i = 0; i < THEMES_COUNT; i++)
		for (const struct kind *kind = THEMES[i]; kind->name; kind++)
			if (!number--)
				return kind;
	return NULL;
}

static const struct kind *kind_at_random(void)
{
	const struct kind *kind;
	int sum = 0, at;

	for (unsigned int i = 0; (kind = kind_of(i)); i++)
		sum += kind->weight;
	at = below(sum);
	for (unsigned int i = 0;; i++) {
		kind = kind_of(i);
		at -= kind->weight;
		if (at < 0)
			return kind;
	}
}

/* A directory of its own is where its cores are: one would overwrite another's. */
static void enter_directory(int number)
{
	char name[16];

	snprintf(name, sizeof(name), "lane-%d", number);
	must(mkdir(name, 0755), name);
	must(chdir(name), name);
}

static void play(int number, unsigned int turns)
{
	unsigned int turn;

	enter_directory(number);
	shared = share();
	allow_core(false);
	/* For the children of those that end before them. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	/* Each kind is there at least once. */
	while ((turn = (*turns_begun)++) < turns) {
		const struct kind *kind = kind_of(turn);

		if (!kind)
			kind = kind_at_random();
		*shared = 0;
		kind->play(kind->name);
	}
	remove_freezer();
	_exit(0);
}

/* Words: the seed, how many plays. */
void scripted(char **words)
{
	uint64_t seed = strtoull(words[0], NULL, 10);
	unsigned int turns = atoi(words[1]);
	int status;

	turns_begun = share();
	for (int i = 0; i < LANES; i++) {
		pid_t pid = must(fork(), "fork");

		state = seed + i;
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			play(i, turns);
		}
	}
	while (wait(&status) > 0)
		if (status)
			_exit(99);
}
