/*
 * All at once and at random: processes with threads that call each other and nobody,
 * beside timers, forks and deaths. Each counts its own calls by their results.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "evasions.h"
#include "mixture.h"

/* The user of one worker, who may not signal the others. */
#define STRANGER 65534
/* A thread makes so many steps, and then pauses until so long after the last pause. */
#define STEPS 16
#define ROUND_NS 80000000

struct stage *stage;

static const char *const NAMES[WHICH] = {
	"kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal"
};

static void handle(int signal)
{
	(void)signal;
}

/* Those that libc keeps for itself are nobody's business. */
static bool is_ours(int signal)
{
	return signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33;
}

static void set_all(void (*handler)(int))
{
	for (int signal = 1; signal < NSIG; signal++)
		if (is_ours(signal))
			sigaction(signal,
				  &(struct sigaction){ .sa_handler = handler,
						       .sa_flags = SA_RESTART },
				  NULL);
}

static void play_handling(void)
{
	set_all(handle);
	ready();
	wait_for_ever();
}

/* What may be queued twice, is not: others on this machine have the same limit. */
static void play_blocking(void)
{
	sigset_t set;

	set_all(SIG_IGN);
	sigemptyset(&set);
	for (int signal = 1; signal < 32; signal++)
		sigaddset(&set, signal);
	sigprocmask(SIG_SETMASK, &set, NULL);
	ready();
	wait_for_ever();
}

static void play_dying(void)
{
	ready();
	_exit(0);
}

static void mask_all(int how)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(how, &all, NULL);
}

static pid_t fork_masked(void)
{
	pid_t pid;

	/* A signal has it begin anew. */
	mask_all(SIG_BLOCK);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static void fork_caller(struct caller *caller)
{
	uint64_t random = random_below(caller, 1ULL << 31) + 1;
	pid_t pid = fork_masked();

	if (pid == 0) {
		/* They are the parent's. */
		memset(caller->calls, 0, sizeof(caller->calls));
		caller->random = random;
		caller->pid = getpid();
		mask_all(SIG_UNBLOCK);
		for (int calls = random_below(caller, 4); calls > 0; calls--)
			call_at_random(caller);
		if (random_below(caller, 2))
			kill_for_sure(caller, caller->pid, SIGKILL);
		tell_counts(caller);
		_exit(0);
	}
	mask_all(SIG_UNBLOCK);
	death_of(pid);
}

static void fork_victim(struct caller *caller)
{
	static const int SIGNALS[] = { SIGTERM, SIGUSR1, SIGINT, SIGQUIT };
	pid_t pid = fork_masked();

	if (pid == 0) {
		set_all(SIG_DFL);
		mask_all(SIG_UNBLOCK);
		wait_for_ever();
	}
	mask_all(SIG_UNBLOCK);
	/* It may have these handled as its parent has, or be dead already. */
	for (int calls = random_below(caller, 3); calls > 0; calls--)
		kill_for_sure(caller, pid, SIGNALS[random_below(caller, 4)]);
	kill_for_sure(caller, pid, SIGKILL);
	death_of(pid);
}

/* Until the next pause. */
static void set_timer(struct caller *caller, timer_t timer)
{
	long period = 20000 + random_below(caller, 500000);
	struct itimerspec every = { { 0, period }, { 0, period } };

	timer_settime(timer, 0, &every, NULL);
}

static timer_t make_timer(struct caller *caller)
{
	static const int SIGNALS[] = { SIGTERM, SIGUSR1, SIGHUP, SIGWINCH, SIGINT };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL };
	timer_t timer;

	event.sigev_signo = SIGNALS[random_below(caller, 5)];
	if (timer_create(CLOCK_MONOTONIC, &event, &timer))
		die("timer_create");
	return timer;
}

static void step(struct caller *caller)
{
	switch (random_below(caller, 32)) {
	case 0:
		fork_caller(caller);
		break;
	case 1:
		fork_victim(caller);
		break;
	default:
		call_at_random(caller);
	}
}

static void pause_until(long time)
{
	struct timespec end = { time / 1000000000, time % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, NULL) == EINTR)
		;
}

static void round_of_calls(struct caller *caller)
{
	static const struct itimerspec never = { 0 };
	long begin = now_ns();
	timer_t timer = make_timer(caller);
	bool timed = random_below(caller, 2);

	for (int steps = 0; steps < STEPS; steps++) {
		/* Where nothing waits, or begins anew. */
		if (timed && steps == STEPS / 2)
			set_timer(caller, timer);
		if (timed && steps >= STEPS / 2)
			call_at_random(caller);
		else
			step(caller);
	}
	timer_settime(timer, 0, &never, NULL);
	timer_delete(timer);
	pause_until(begin + ROUND_NS);
}

static struct worker *this_worker;

static void *play_thread(void *data)
{
	pid_t *tid = data;
	struct caller *caller = calloc(1, sizeof(*caller));

	*tid = syscall(SYS_gettid);
	caller->worker = this_worker;
	caller->random = now_ns() ^ (uint64_t)*tid << 32;
	caller->pid = getpid();
	caller->info = make_info();
	stage->ready++;
	WAIT_UNTIL(stage->ready == WORKERS * THREADS);
	while (now_ns() < stage->end_ns)
		round_of_calls(caller);
	tell_counts(caller);
	/* Others may still call it. */
	stage->done++;
	WAIT_UNTIL(stage->done == WORKERS * THREADS);
	return NULL;
}

static void start_targets(struct worker *worker)
{
	static void (*const PLAYS[MEMBERS])(void) = { ignore_all, play_handling, play_blocking };

	for (int i = 0; i < MEMBERS; i++) {
		worker->members[i] = start(PLAYS[i]);
		worker->fds[i] = syscall(SYS_pidfd_open, worker->members[i], 0);
		if (worker->fds[i] < 0 || setpgid(worker->members[i], worker->members[0]))
			die("a target");
	}
	worker->zombie = start(play_dying);
	if (waitid(P_PID, worker->zombie, NULL, WEXITED | WNOWAIT))
		die("waitid");
}

static void play_worker(void)
{
	struct worker *worker = this_worker;
	pthread_t threads[THREADS];

	if (worker == stage->workers && setresuid(STRANGER, STRANGER, STRANGER))
		die("setresuid");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	worker->pid = getpid();
	if (setpgid(0, 0))
		die("setpgid");
	start_targets(worker);
	set_all(handle);
	ready();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, play_thread, &worker->threads[i]))
			die("pthread_create");
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < MEMBERS; i++)
		put_away(worker->members[i]);
	death_of(worker->zombie);
	_exit(0);
}

static void print_all(void)
{
	for (int i = 0; i < WORKERS; i++) {
		const struct worker *worker = &stage->workers[i];

		printf("{\"pid\":%d,\"members\":[%d,%d,%d],\"fds\":[%d,%d,%d]}\n", worker->pid,
		       worker->members[0], worker->members[1], worker->members[2], worker->fds[0],
		       worker->fds[1], worker->fds[2]);
	}
	for (unsigned int i = 0; i < stage->counts_used; i++) {
		const struct count *count = &stage->counts[i];

		printf("{\"pid\":%d,\"syscall\":\"%s\",\"narrow\":%s,\"ret\":%d,\"calls\":%u}\n",
		       count->pid, NAMES[count->which], count->narrow ? "true" : "false",
		       count->ret, count->calls);
	}
}

void mixture(char **words)
{
	pid_t workers[WORKERS];

	stage = mmap(NULL, sizeof(*stage), PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (stage == MAP_FAILED)
		die("mmap");
	stage->end_ns = now_ns() + atol(words[0]) * 1000000000;
	for (int i = 0; i < WORKERS; i++) {
		this_worker = &stage->workers[i];
		workers[i] = start(play_worker);
	}
	for (int i = 0; i < WORKERS; i++)
		if (death_of(workers[i]))
			die("a worker's end");
	print_all();
}
