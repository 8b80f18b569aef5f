/*
 * What all files of the program share.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

void die(const char *what);

/* Whether calls are made as a 32-bit program makes them. */
extern __thread bool narrow;

/* Makes one of the six; gives 0 or a negative errno. */
long call(long number, long first, long second, long third, long fourth);
const char *name_of(long number);

/* A siginfo as the caller's kind of program has it, where 32 bits address it. */
struct info {
	int wide[32];
	int narrow[32];
};
struct info *make_info(void);
void fill_info(struct info *info, int signal, int code, int pid, int uid, int value);
/* What a call is given. */
long address_of(struct info *info);

/* A child that ends with its parent and has no handlers. It plays until it is ready,
 * which the parent waits for; without a play it does nothing. */
pid_t start(void (*play)(void));
void ready(void);
/* For plays. */
void ignore_all(void);
void wait_for_ever(void);
/* How a child ended: the signal, or 0. */
int death_of(pid_t pid);
/* Ends it by a call that no test counts, as the caller has another name meanwhile. */
void put_away(pid_t pid);

/* Lets time pass until it is so. */
#define WAIT_UNTIL(condition)                                                                      \
	while (!(condition))                                                                       \
	pause_shortly()
void pause_shortly(void);

/* The evasions: each prints what it did, as lines of JSON. */
void timer_single(char **words);
void timer_group(char **words);
void timer_fatal(char **words);
void cold(char **words);
void flip(char **words);
void own_codes(char **words);
void groups(char **words);
void waits(char **words);
void reuse(char **words);
void mixture(char **words);
