/*
 * What all files of the program share.
 */
#pragma once

#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Most signals of one victim before the one that ends it. */
#define EARLIER 3
/* Where a victim that executes this program again says that it is ready. */
#define READY 100

void die(const char *what) __attribute__((noreturn));
/* For results that are negative if it went wrong. */
long must(long result, const char *what);

/* A number below that one, at random. */
unsigned int below(unsigned int most);

/* What a sender sent, and who that was. */
struct sent {
	int signal;
	pid_t sender; /* 0: nobody is to be named */
};

/* How a victim ends, by the word of whoever plays with it. How it really ended, wait
 * tells. */
struct truth {
	const char *kind;
	pid_t pid;
	const char *origin; /* of the cause; NULL: a call */
	struct sent cause; /* without a signal: no line is to tell of the end */
	bool unmade; /* the kernel makes no signal, so that it has no line */
	struct sent earlier[EARLIER];
	long after_us; /* at least so long after its cause */
	int threads; /* when that was sent; 0: one */
	int code, status; /* as waitid has them; 0: whatever they are */
};
/* Waits for the end, and writes a line of JSON with all that. */
void tell(const struct truth *truth);

/* A child of this process that plays until it is ready, which is waited for; without a
 * play it does nothing. */
pid_t start(void (*play)(void));
void ready(void);
/* Where that is said, for who says it as another program. */
int ready_end(void);
void wait_for_ever(void) __attribute__((noreturn));
void handle(int signal, void (*handler)(int));
/* Lets time pass until it is so. */
#define WAIT_UNTIL(condition)                                                                      \
	while (!(condition))                                                                       \
	pause_for(1)
void pause_for(int milliseconds);
/* The state of a process or thread as /proc has it. */
char state_of(pid_t pid, pid_t tid);

/* Whether a core is dumped then is for the kernel to say: it may not be able to. */
void allow_core(bool allowed);

/* Sends by a call at random, from here or from a child that ends; gives who sent. */
struct sent give(pid_t pid, int signal);

/* What a victim and who plays with it both see. */
extern atomic_int *shared;
/* A word that all children see. */
atomic_int *share(void);

/* A way to end. */
struct kind {
	const char *name;
	void (*play)(const char *name);
	int weight; /* how often, as against the others */
};
/* Each ends with one without a name. */
extern const struct kind handlers[], threads[], waits[], spaces[];

/* After everything, also after a failure. */
void thaw(void);
void remove_freezer(void);

/* The programs of the command line. */
void scripted(char **words);
void crowd(char **words);
void plain(char **words);
void many_threads(char **words);
