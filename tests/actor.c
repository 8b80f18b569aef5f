/*
 * What the tests observe: a process that does as it is told on stdin, one
 * command a line, and answers each with a line of numbers, so that a test
 * knows what happened and when. It blocks every signal unless told otherwise.
 *
 * It and all of its children end with the test. A parent's death kills its
 * children, unless they are another user's: the kernel asks whether the parent
 * might have killed them. So whoever waits for ever waits for the end of the
 * actor's stdin, too, which only the test holds open.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 8

/* Where 32-bit calls of a 64-bit program can reach it. */
#ifdef MAP_32BIT
#define MAP_LOW MAP_32BIT
#else
#define MAP_LOW 0
#endif

static void die(const char *what)
{
	perror(what);
	exit(99);
}

/* All 64, those that libc keeps for itself included. */
static void mask_all(int how)
{
	uint64_t all = ~0ULL;

	if (syscall(SYS_rt_sigprocmask, how, &all, NULL, sizeof(all)))
		die("rt_sigprocmask");
}

static pid_t fork_mortal(void)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		die("fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(99);
		close(1);
	}
	return pid;
}

/* Until the test has let go of the actor. */
static void wait_for_the_end(void)
{
	/* What the test writes is for the actor. */
	struct pollfd input = { .fd = 0 };

	while (poll(&input, 1, -1) <= 0)
		;
	_exit(0);
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
#else
/* A 32-bit program has its own. */
static long number32_of(long number)
{
	return number;
}
#endif

/* By name, for 32-bit callers 32:NAME, or by number. */
static long number_of(const char *name)
{
	if (!strncmp(name, "32:", 3))
		return number32_of(number_of(name + 3));
	if (name[0] >= '0' && name[0] <= '9')
		return atol(name);
	if (!strcmp(name, "kill"))
		return SYS_kill;
	if (!strcmp(name, "tkill"))
		return SYS_tkill;
	if (!strcmp(name, "tgkill"))
		return SYS_tgkill;
	if (!strcmp(name, "rt_sigqueueinfo"))
		return SYS_rt_sigqueueinfo;
	if (!strcmp(name, "rt_tgsigqueueinfo"))
		return SYS_rt_tgsigqueueinfo;
	if (!strcmp(name, "pidfd_send_signal"))
		return SYS_pidfd_send_signal;
	fprintf(stderr, "no system call %s\n", name);
	exit(99);
}

/* What the word info stands for in a call: the siginfo that the command of that
 * name has filled in, where 32 bits can address it, as programs of either kind
 * have it.
 */
struct infos {
	int wide[32];
	int narrow[32];
};
static struct infos *infos;

static void make_infos(void)
{
	infos = mmap(NULL, sizeof(*infos), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOW, -1, 0);
	if (infos == MAP_FAILED)
		die("mmap");
}

static void fill_infos(int code, int pid, int uid, unsigned long value)
{
	infos->wide[2] = infos->narrow[2] = code;
	infos->wide[4] = infos->narrow[3] = pid;
	infos->wide[5] = infos->narrow[4] = uid;
	memcpy(&infos->wide[6], &value, sizeof(value));
	infos->narrow[5] = (int)value;
}

/* A register's 64 bits, in decimal (signed) or hexadecimal. */
static unsigned long value_of(const char *word)
{
	if (!word)
		return 0;
	return word[0] == '-' ? (unsigned long)strtol(word, NULL, 0) : strtoul(word, NULL, 0);
}

struct call {
	long number;
	unsigned long arg[4];
	long tid, ret;
	int narrow;
};

static struct call parse_call(char **word)
{
	struct call call = {
		.number = number_of(word[1]),
		.narrow = !strcmp(word[0], "call32"),
	};
	int *info = call.narrow ? infos->narrow : infos->wide;

	for (int i = 0; i < 4 && word[2 + i]; i++) {
		if (!strcmp(word[2 + i], "info"))
			call.arg[i] = (uintptr_t)info;
		else
			call.arg[i] = value_of(word[2 + i]);
	}
	/* Of all who take a siginfo, pidfd_send_signal looks at that. */
	infos->wide[0] = infos->narrow[0] = (int)call.arg[1];
	return call;
}

/* As this program is made to. */
static long call_natively(const struct call *call)
{
	long ret = syscall(call->number, call->arg[0], call->arg[1], call->arg[2], call->arg[3]);

	return ret < 0 ? -errno : ret;
}

#ifdef __x86_64__
/* As a 32-bit program does it. */
static long call32(const struct call *call)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(number32_of(call->number)), "b"(call->arg[0]), "c"(call->arg[1]),
			   "d"(call->arg[2]), "S"(call->arg[3])
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}
#elif !defined(__LP64__)
/* This is a 32-bit program. */
static long call32(const struct call *call)
{
	return call_natively(call);
}
#else
static long call32(const struct call *call)
{
	fprintf(stderr, "a 64-bit program makes no 32-bit calls here: %ld\n", call->number);
	exit(99);
}
#endif

static void *make_call(void *data)
{
	struct call *call = data;

	call->tid = syscall(SYS_gettid);
	call->ret = call->narrow ? call32(call) : call_natively(call);
	return NULL;
}

/* It may not survive: then the result is 0. */
static void call_from_thread(struct call *call)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, make_call, call) || pthread_join(thread, NULL))
		die("pthread");
}

static void *idle_thread(void *data)
{
	long tid = syscall(SYS_gettid);

	if (write(*(int *)data, &tid, sizeof(tid)) != sizeof(tid))
		die("write");
	for (;;)
		pause();
	return NULL;
}

static long start_idle_thread(void)
{
	pthread_t thread;
	int ends[2];
	long tid;

	if (pipe(ends) || pthread_create(&thread, NULL, idle_thread, &ends[1]))
		die("idle thread");
	if (read(ends[0], &tid, sizeof(tid)) != sizeof(tid))
		die("read");
	return tid;
}

static pid_t start_child(pid_t group)
{
	pid_t pid = fork_mortal();

	if (pid == 0) {
		setpgid(0, group);
		wait_for_the_end();
	}
	/* By both sides, so that it is done when either goes on. */
	setpgid(pid, group);
	return pid;
}

/* Who keeps the number of the last process that is gone. */
static pid_t keeper;

/* The number of a process that has ended. Nobody else can get it meanwhile: it
 * is still the number of a session, of which the keeper is a member.
 */
static long gone_pid(void)
{
	pid_t pid;
	int ends[2];

	if (pipe(ends) || prctl(PR_SET_CHILD_SUBREAPER, 1))
		die("gone");
	pid = fork_mortal();
	if (pid == 0) {
		setsid();
		keeper = fork();
		if (keeper == 0) {
			setpgid(0, 0);
			close(ends[0]);
			close(ends[1]);
			wait_for_the_end();
		}
		_exit(keeper < 0 || write(ends[1], &keeper, sizeof(keeper)) != sizeof(keeper));
	}
	close(ends[1]);
	if (read(ends[0], &keeper, sizeof(keeper)) != sizeof(keeper) ||
	    waitpid(pid, NULL, 0) != pid || prctl(PR_SET_CHILD_SUBREAPER, 0))
		die("gone");
	close(ends[0]);
	return pid;
}

/* Anybody may have that number from now on. */
static void give_number_away(void)
{
	if (keeper && (kill(keeper, SIGKILL) || waitpid(keeper, NULL, 0) != keeper))
		die("keeper");
	keeper = 0;
}

static long deny(long number, unsigned int action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) ? -errno : 0;
}

/* Calls to itself; 0 calls: without end. */
struct flood {
	unsigned long calls;
	int signal;
};

/* Where not 0, a flood pauses so long after each 64 calls. */
static long pause_us;

static void *flood_thread(void *data)
{
	const struct flood *flood = data;
	pid_t self = getpid();

	for (unsigned long i = 0; flood->calls == 0 || i < flood->calls; i++) {
		if (syscall(SYS_kill, self, flood->signal))
			die("kill");
		if (pause_us && i % 64 == 63)
			usleep(pause_us);
	}
	return NULL;
}

/* Where a flood's threads say that they are there, and wait for a byte each. */
static int ready[2], start[2];

static void *waiting_flood_thread(void *data)
{
	char byte;

	if (write(ready[1], "", 1) != 1 || read(start[0], &byte, 1) != 1)
		die("the start of a flood");
	return flood_thread(data);
}

static void flood_process(long threads, struct flood *flood)
{
	pthread_t thread[threads];

	for (long i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, waiting_flood_thread, flood))
			die("pthread_create");
	for (long i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	_exit(0);
}

static void wait_for_floods(long processes)
{
	int status;

	printf("0\n");
	fflush(stdout);
	for (long i = 0; i < processes; i++)
		if (wait(&status) < 0 || status)
			die("flood");
}

/* It begins when all of its threads are there and, if it is held, with the next
 * line of the input.
 */
static void flood(long processes, long threads, struct flood flood, int held)
{
	int byte;

	if (pipe(ready) || pipe(start))
		die("pipe");
	for (long i = 0; i < processes; i++) {
		if (fork_mortal())
			continue;
		close(ready[0]);
		close(start[1]);
		flood_process(threads, &flood);
	}
	close(ready[1]);
	for (long i = 0; i < processes * threads; i++)
		if (read(ready[0], &byte, 1) != 1)
			die("flood");
	if (held) {
		printf("0\n");
		fflush(stdout);
		do
			byte = getchar();
		while (byte != '\n' && byte != EOF);
	}
	for (long i = 0; i < processes * threads; i++)
		if (write(start[1], "", 1) != 1)
			die("flood");
	close(ready[0]);
	close(start[0]);
	close(start[1]);
	wait_for_floods(processes);
	printf("%lu\n", processes * threads * flood.calls);
}

/* A flood by processes that run on one CPU only while nobody else wants it,
 * beside one that always does: each is preempted wherever it can be.
 */
static void evade(long cpu, long processes, struct flood flood)
{
	struct sched_param none = { 0 };
	volatile int *over;
	cpu_set_t cpus;
	pid_t busy;

	over = mmap(NULL, sizeof(*over), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (over == MAP_FAILED)
		die("mmap");
	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	busy = fork_mortal();
	if (busy == 0) {
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			die("sched_setaffinity");
		while (!*over)
			;
		_exit(0);
	}
	for (long i = 0; i < processes; i++) {
		if (fork_mortal())
			continue;
		if (sched_setaffinity(0, sizeof(cpus), &cpus) ||
		    sched_setscheduler(0, SCHED_IDLE, &none))
			die("sched_setscheduler");
		flood_thread(&flood);
		_exit(0);
	}
	wait_for_floods(processes);
	*over = 1;
	if (waitpid(busy, NULL, 0) != busy)
		die("waitpid");
	printf("%lu\n", processes * flood.calls);
}

static long set_comm(const char *hex)
{
	char name[17] = "";

	for (int i = 0; i < 16 && hex[2 * i]; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1] };

		name[i] = (char)strtoul(digits, NULL, 16);
	}
	return prctl(PR_SET_NAME, name);
}

static long set_ids(long uid, long gid)
{
	if (syscall(SYS_setresgid, gid, gid, gid) || syscall(SYS_setresuid, uid, uid, uid))
		return -errno;
	return 0;
}

static void group(long members)
{
	pid_t leader = 0;

	for (long i = 0; i < members; i++) {
		pid_t pid = start_child(leader);

		leader = leader ? leader : pid;
		printf("%d ", pid);
	}
	printf("\n");
}

static void handle(int signal)
{
	(void)signal;
}

/* A child in which a signal meets that: "default", "ignore", "handle" or
 * "block". It has no other signal blocked.
 */
static pid_t make_child(const char *how, int signal, long uid)
{
	pid_t parent = getpid(), pid;
	struct sigaction action = { .sa_handler = SIG_DFL };
	uint64_t mask = 0;
	int ends[2];
	char ready;

	if (pipe(ends))
		die("pipe");
	pid = fork_mortal();
	if (pid == 0) {
		setpgid(0, 0);
		if (uid && syscall(SYS_setresuid, uid, uid, uid))
			_exit(98);
		/* Another user's child has lost it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(97);
		if (!strcmp(how, "ignore"))
			action.sa_handler = SIG_IGN;
		if (!strcmp(how, "handle"))
			action.sa_handler = handle;
		if (!strcmp(how, "block"))
			mask = 1ULL << (signal - 1);
		if (action.sa_handler != SIG_DFL && sigaction(signal, &action, NULL))
			_exit(96);
		syscall(SYS_rt_sigprocmask, SIG_SETMASK, &mask, NULL, sizeof(mask));
		if (write(ends[1], "", 1) != 1)
			_exit(95);
		wait_for_the_end();
	}
	close(ends[1]);
	if (read(ends[0], &ready, 1) != 1)
		die("child");
	close(ends[0]);
	return pid;
}

static pid_t make_zombie(void)
{
	pid_t pid = fork_mortal();
	siginfo_t info;

	if (pid == 0)
		_exit(0);
	if (waitid(P_PID, pid, &info, WEXITED | WNOWAIT))
		die("waitid");
	return pid;
}

/* The same call so many times, without a pause. Says how many did not fail. */
static long call_often(long times, struct call *call)
{
	long made = 0;

	for (long i = 0; i < times; i++) {
		call->ret = call->narrow ? call32(call) : call_natively(call);
		made += call->ret == 0;
	}
	return made;
}

/* Threads that are in a call, and stay there until their siginfo can be read. */
static struct {
	struct uffdio_register page;
	int faults;
	long count;
	pthread_t *threads;
	struct call *calls;
} crowd;

/* So many threads make the call, with that siginfo. Returns when all are in it. */
static long gather(long count, const struct call *call)
{
	struct uffdio_api api = { .api = UFFD_API };
	const size_t size = sysconf(_SC_PAGESIZE);
	void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uffd_msg fault;

	crowd.faults = syscall(SYS_userfaultfd, O_CLOEXEC);
	crowd.page = (struct uffdio_register){ .range = { (uintptr_t)page, size },
					       .mode = UFFDIO_REGISTER_MODE_MISSING };
	if (page == MAP_FAILED || crowd.faults < 0 || ioctl(crowd.faults, UFFDIO_API, &api) ||
	    ioctl(crowd.faults, UFFDIO_REGISTER, &crowd.page))
		return -errno;
	crowd.count = count;
	crowd.threads = calloc(count, sizeof(*crowd.threads));
	crowd.calls = calloc(count, sizeof(*crowd.calls));
	for (long i = 0; i < count; i++) {
		crowd.calls[i] = *call;
		crowd.calls[i].arg[2] = (uintptr_t)page;
		if (pthread_create(&crowd.threads[i], NULL, make_call, &crowd.calls[i]))
			die("pthread_create");
	}
	for (long i = 0; i < count; i++)
		if (read(crowd.faults, &fault, sizeof(fault)) != sizeof(fault))
			die("userfaultfd");
	return 0;
}

/* Lets them go on. Says how many calls did not fail. */
static long disperse(void)
{
	struct uffdio_copy copy = {
		.dst = crowd.page.range.start,
		.src = (uintptr_t)infos,
		.len = crowd.page.range.len,
	};
	long made = 0;

	if (ioctl(crowd.faults, UFFDIO_COPY, &copy))
		die("UFFDIO_COPY");
	for (long i = 0; i < crowd.count; i++) {
		pthread_join(crowd.threads[i], NULL);
		made += crowd.calls[i].ret == 0;
	}
	return made;
}

/* A child with this very pid makes the call and ends. */
static long call_as(long pid, struct call *call)
{
	pid_t tids[1] = { pid };
	struct clone_args args = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)tids,
		.set_tid_size = 1,
	};
	long made = syscall(SYS_clone3, &args, sizeof(args));

	if (made < 0)
		return -errno;
	if (made == 0) {
		make_call(call);
		_exit(0);
	}
	return waitpid(made, NULL, 0) == made ? made : -errno;
}

/* So many processes, one after the other, each of which calls once. */
static long call_in_turn(long processes)
{
	for (long i = 0; i < processes; i++) {
		pid_t pid = fork_mortal();

		if (pid == 0) {
			syscall(SYS_kill, getpid(), 0);
			_exit(0);
		}
		if (waitpid(pid, NULL, 0) != pid)
			return -errno;
	}
	return processes;
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static long log_in(const char *uid)
{
	int fd = open("/proc/self/loginuid", O_WRONLY);
	long ret = fd < 0 || write(fd, uid, strlen(uid)) < 0 ? -errno : 0;

	close(fd);
	return ret;
}

/* Waits for a signal that is blocked; gives its si_code. */
static int code_of(int signal)
{
	struct timespec most = { .tv_sec = 59 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	if (sigtimedwait(&set, &info, &most) != signal)
		die("sigtimedwait");
	return info.si_code;
}

/* Signals that no process sends: of timers, a pipe and a child. */
static void have_signals(void)
{
	struct itimerval soon = { .it_value.tv_usec = 1000 };
	struct itimerspec soon_too = { .it_value.tv_nsec = 1000000 };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2 };
	int ends[2];
	timer_t timer;
	pid_t pid;

	if (setitimer(ITIMER_REAL, &soon, NULL))
		die("setitimer");
	printf("%d ", code_of(SIGALRM));
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &soon_too, NULL))
		die("timer");
	printf("%d ", code_of(SIGUSR2));
	if (pipe(ends) || close(ends[0]) || write(ends[1], "", 1) != -1)
		die("pipe");
	printf("%d ", code_of(SIGPIPE));
	pid = fork_mortal();
	if (pid == 0)
		_exit(0);
	printf("%d\n", code_of(SIGCHLD));
	waitpid(pid, NULL, 0);
}

static void obey(char **word)
{
	const char *command = word[0];
	struct call call;
	int status = 0;

	if (!strcmp(command, "call") || !strcmp(command, "call32")) {
		call = parse_call(word);
		make_call(&call);
		printf("%ld\n", call.ret);
	} else if (!strcmp(command, "burst")) {
		call = parse_call(word + 1);
		printf("%ld\n", call_often(value_of(word[1]), &call));
	} else if (!strcmp(command, "gather")) {
		call = parse_call(word + 1);
		printf("%ld\n", gather(value_of(word[1]), &call));
	} else if (!strcmp(command, "disperse")) {
		printf("%ld\n", disperse());
	} else if (!strcmp(command, "info")) {
		fill_infos(value_of(word[1]), value_of(word[2]), value_of(word[3]),
			   value_of(word[4]));
		printf("0\n");
	} else if (!strcmp(command, "have")) {
		have_signals();
	} else if (!strcmp(command, "pidfd")) {
		printf("%ld\n",
		       result(syscall(SYS_pidfd_open, value_of(word[1]), value_of(word[2]))));
	} else if (!strcmp(command, "open")) {
		printf("%ld\n", result(open(word[1], O_RDONLY)));
	} else if (!strcmp(command, "threadcall")) {
		call = parse_call(word);
		call_from_thread(&call);
		printf("%ld %ld\n", call.ret, call.tid);
	} else if (!strcmp(command, "comm")) {
		printf("%ld\n", set_comm(word[1] ? word[1] : ""));
	} else if (!strcmp(command, "ids")) {
		printf("%ld\n", set_ids(value_of(word[1]), value_of(word[2])));
	} else if (!strcmp(command, "unblock")) {
		mask_all(SIG_UNBLOCK);
		printf("0\n");
	} else if (!strcmp(command, "lead")) {
		printf("%d\n", setpgid(0, 0) ? -errno : getpgrp());
	} else if (!strcmp(command, "thread")) {
		printf("%ld\n", start_idle_thread());
	} else if (!strcmp(command, "child")) {
		printf("%d\n", start_child(0));
	} else if (!strcmp(command, "gone")) {
		printf("%ld\n", gone_pid());
	} else if (!strcmp(command, "group")) {
		group(value_of(word[1]));
	} else if (!strcmp(command, "deny")) {
		printf("%ld\n", deny(number_of(word[1]), SECCOMP_RET_ERRNO | value_of(word[2])));
	} else if (!strcmp(command, "forbid")) {
		printf("%ld\n", deny(number_of(word[1]),
				     word[2] ? SECCOMP_RET_KILL_THREAD : SECCOMP_RET_KILL_PROCESS));
	} else if (!strcmp(command, "flood") || !strcmp(command, "hold")) {
		flood(value_of(word[1]), value_of(word[2]),
		      (struct flood){ value_of(word[3]), (int)value_of(word[4]) },
		      command[0] == 'h');
	} else if (!strcmp(command, "pace")) {
		pause_us = value_of(word[1]);
		printf("0\n");
	} else if (!strcmp(command, "evade")) {
		evade(value_of(word[1]), value_of(word[2]),
		      (struct flood){ value_of(word[3]), (int)value_of(word[4]) });
	} else if (!strcmp(command, "make")) {
		printf("%d\n", make_child(word[1], value_of(word[2]), value_of(word[3])));
	} else if (!strcmp(command, "join")) {
		printf("%d\n", setpgid(value_of(word[1]), value_of(word[2])) ? -errno : 0);
	} else if (!strcmp(command, "zombie")) {
		printf("%d\n", make_zombie());
	} else if (!strcmp(command, "many")) {
		for (long i = value_of(word[1]); i > 0; i--)
			start_child(0);
		printf("0\n");
	} else if (!strcmp(command, "callas")) {
		call = parse_call(word + 1);
		give_number_away();
		printf("%ld\n", call_as(value_of(word[1]), &call));
	} else if (!strcmp(command, "turns")) {
		printf("%ld\n", call_in_turn(value_of(word[1])));
	} else if (!strcmp(command, "login")) {
		printf("%ld\n", log_in(word[1]));
	} else if (!strcmp(command, "realuid")) {
		printf("%d\n", setresuid(value_of(word[1]), -1, -1) ? -errno : 0);
	} else if (!strcmp(command, "exec")) {
		execl(word[1], word[2], word[3], NULL);
		die("exec");
	} else if (!strcmp(command, "reap")) {
		printf("%d\n", waitpid(value_of(word[1]), &status, 0) < 0 ? -errno : status);
	} else {
		fprintf(stderr, "no command %s\n", command);
		exit(99);
	}
}

int main(void)
{
	char host_pid[32] = "", *line = NULL;
	size_t size = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	mask_all(SIG_BLOCK);
	make_infos();
	/* /proc is the initial namespace's, and so is the number in it. */
	if (readlink("/proc/self", host_pid, sizeof(host_pid) - 1) < 0)
		die("/proc/self");
	printf("%s %d\n", host_pid, getpid());
	fflush(stdout);
	while (getline(&line, &size, stdin) > 0) {
		char *word[WORDS] = { strtok(line, " \n") };

		for (int i = 1; i < WORDS && word[i - 1]; i++)
			word[i] = strtok(NULL, " \n");
		if (word[0])
			obey(word);
		fflush(stdout);
	}
	return 0;
}
