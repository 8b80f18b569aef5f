/*
 * What all files of the program share: its processes, how they wait for each
 * other, and the table of ways.
 *
 * Three processes take part besides the actors. The runner starts the director,
 * has a deadline for it and clears up. The director is root, plays one way and
 * says what came of it. The actors are its children, or theirs.
 */
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define NOBODY 65534

/* Who takes part. */
enum who {
	VICTIM, /* the signal's target */
	CULPRIT, /* whose doing it was, or who set it off */
	ARRANGER, /* who had it arranged before */
	HELPER, /* the victim's parent or companion, which no line should name */
	KEEPER, /* who has a pty's master, and nothing to do with what happens */
	PARTIES
};

struct party {
	pid_t pid; /* in the director's namespace; 0: nobody plays it */
	pid_t tid; /* if it is a thread that is signalled */
	uid_t uid;
};

/* What all processes of a way see. */
struct stage {
	char way[16];
	const char *step; /* what the director is at, for the message that it is stuck */
	struct party parties[PARTIES];
	siginfo_t end; /* the victim's, as its parent or tracer was told */
	int status; /* if that is to say another signal than the way's */
	atomic_bool over; /* those who spin end */
	int pty; /* its number; -1: there is none */
	int processor; /* for those who share one */
	long word; /* what a way needs, beside */
	char directory[64]; /* for files, if the way asked for one */
	char cgroups[2][128];
};
extern struct stage *stage;

/* How it ends for the victim. */
enum end {
	KILLED, /* by the signal */
	LIVES,
	STOPPED,
	EXITED,
};

struct way {
	const char *name; /* of at most 13 characters: "w-NAME" is the victim's comm */
	int signal;
	enum end end;
	void (*play)(void); /* the director's part */
};
/* Each ends with one without a name. */
extern const struct way faults[], pipes[], timers[], children[], terminals[], async[], limits[],
	cgroups[], spaces[], seccomps[], ptraces[], others[];

/* cast.c: the actors */

/* Whoever is at his wit's end says why and ends the way. */
void die(const char *what) __attribute__((noreturn));
/* For results that are negative if it went wrong. */
long must(long result, const char *what);
/* The kernel, or the machine, does not have it: says so, and ends the way well. */
void skip(const char *why) __attribute__((noreturn));
/* The uid that a cross-user way's victim has: root; else nobody. */
uid_t victims_uid(void);

/* By the director: forks an actor that plays its part and ends with 0. */
pid_t start(enum who who, uid_t uid, void (*part)(void));
/* By the director, before the first of the actors that pass it on: who is
 * started by another actor can talk to the director, too. */
void expect(enum who who);
/* By an actor: forks another one, which has been expected. */
pid_t fork_as(enum who who, uid_t uid, void (*part)(void));
/* By an actor that came about in another way, without a pid namespace. */
void enter(enum who who, uid_t uid);
void become(uid_t uid);

/* By an actor: says that it is there, and waits until it may go on. */
void here(void);
/* The two halves. */
void say(void);
void wait_for_cue(void);
/* By the director: waits until the actor is there; lets it go on; both. */
void meet(enum who who);
void cue(enum who who);
void cue_and_meet(enum who who);
/* By the director: starts the usual victim, which waits. */
void start_victim(void);
/* Ends one that cannot end by itself: it is stopped, or spins. */
void put_down(enum who who);

/* By the director: waits for the victim's end, or stop (as its parent). */
void watch_end(void);
/* The victim has not ended. */
void watch_life(void);
/* As the parent of that process, wherever that is. */
void wait_for_end(pid_t pid, int also);

/* The usual victim: does nothing. */
void wait_to_die(void);
/* Tells the director (as say) when the signal has come. */
void say_when(int signal);
/* Spins in user mode until the way is over. */
void spin(void);
/* On the stage's processor alone; and spins there: two such take turns. */
void stay_on_processor(void);
void share_processor(void);
/* As root: before all of a lower priority, and the usual processes. False if this
 * control group has no real-time share. */
bool run_in_real_time(int priority);

/* A directory for the way's files, which belongs to nobody. */
const char *directory(void);
/* A path in it, for as long as not eight more are asked for. */
const char *path_to(const char *name);
/* A name below it, of this program, so that who executes it has the victim's
 * comm; it ends as the actor of that name would (see main). */
const char *program_for(const char *comm);

/* A network of its own, with a loopback that is up; and a connection in it. */
void make_network(void);
void connect_pair(int pair[2]);

/* rings.c: io_uring by hand; the write is made by a worker of the kernel's. */
int ring_write(int fd, const char *data, unsigned length);
