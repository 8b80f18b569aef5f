/* perf events, BPF programs, pidfds that are closed, and message queues. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <mqueue.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ways.h"

#ifndef CLONE_AUTOREAP
#define CLONE_AUTOREAP (1ULL << 34)
#define CLONE_NNP (1ULL << 35)
#define CLONE_PIDFD_AUTOKILL (1ULL << 36)
#endif
#define PERIOD_NS 1000000

/* Of a process, or of a processor; of user mode only, as nobody may. */
static int open_clock(pid_t pid, int processor, bool trap)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attributes),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.wakeup_events = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.disabled = !trap,
		.sigtrap = trap,
		.remove_on_exec = trap,
	};

	return syscall(SYS_perf_event_open, &attributes, pid, processor, -1, 0);
}

/* Whoever may open them: Debian leaves that to root. */
static uid_t measurer(void)
{
	FILE *file = fopen("/proc/sys/kernel/perf_event_paranoid", "re");
	int paranoid = 0;

	if (!file)
		skip("this kernel has no perf events");
	if (fscanf(file, "%d", &paranoid) != 1)
		die("perf_event_paranoid");
	fclose(file);
	return paranoid > 2 ? 0 : NOBODY;
}

static void spin_on(void)
{
	say();
	spin();
}

static void have_signals_sent(int event)
{
	must(fcntl(event, F_SETOWN, stage->parties[VICTIM].pid), "F_SETOWN");
	must(fcntl(event, F_SETSIG, SIGTERM), "F_SETSIG");
	must(fcntl(event, F_SETFL, O_ASYNC), "O_ASYNC");
	must(ioctl(event, PERF_EVENT_IOC_ENABLE, 0), "PERF_EVENT_IOC_ENABLE");
}

static void measure_itself(void)
{
	have_signals_sent(must(open_clock(0, -1, false), "perf_event_open"));
	spin();
}

/* The clock of the arranger's own time is what sets it off. */
static void sig_perf(void)
{
	uid_t uid = measurer();

	start_victim();
	start(ARRANGER, uid, measure_itself);
	watch_end();
}

/* Whoever runs there is none of those who take part. */
static void measure_processor(void)
{
	have_signals_sent(must(open_clock(-1, stage->processor, false), "perf_event_open"));
	here();
}

static void be_measured(void)
{
	say();
	share_processor();
}

static void sig_perf_cpu(void)
{
	measurer();
	stage->processor = must(sched_getcpu(), "sched_getcpu");
	start_victim();
	start(HELPER, NOBODY, be_measured);
	meet(HELPER);
	start(ARRANGER, 0, measure_processor);
	watch_end();
}

static void trap_victim(void)
{
	int event = open_clock(stage->parties[VICTIM].pid, -1, true);

	if (event < 0)
		stage->word = errno;
	here();
}

static void perf_trap(void)
{
	uid_t uid = measurer();

	start(VICTIM, NOBODY, spin_on);
	meet(VICTIM);
	start(ARRANGER, uid, trap_victim);
	meet(ARRANGER);
	/* What it does not know, it refuses. */
	if (stage->word == EINVAL || stage->word == E2BIG)
		skip("no event of this kernel traps");
	if (stage->word)
		die(strerror(stage->word));
	watch_end();
}

/* r1 = SIGTERM; send_signal(r1); return 0 */
static int load_sender(void)
{
	static const struct bpf_insn CODE[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = SIGTERM },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_send_signal },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attributes = {
		.prog_type = BPF_PROG_TYPE_PERF_EVENT,
		.insns = (uintptr_t)CODE,
		.insn_cnt = sizeof(CODE) / sizeof(*CODE),
		.license = (uintptr_t) "GPL",
	};

	return must(syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)), "bpf");
}

static void have_program_send(void)
{
	int event = must(open_clock(stage->parties[VICTIM].pid, -1, false), "perf_event_open");
	struct rlimit any = { RLIM_INFINITY, RLIM_INFINITY };

	/* Before 5.11 programs count as locked memory, those of a tracer's, too. Later
	 * it does not matter that root may be refused that.
	 */
	setrlimit(RLIMIT_MEMLOCK, &any);
	must(ioctl(event, PERF_EVENT_IOC_SET_BPF, load_sender()), "PERF_EVENT_IOC_SET_BPF");
	must(ioctl(event, PERF_EVENT_IOC_ENABLE, 0), "PERF_EVENT_IOC_ENABLE");
	here();
}

static void bpf_send(void)
{
	start(VICTIM, NOBODY, spin_on);
	meet(VICTIM);
	start(CULPRIT, 0, have_program_send);
	meet(CULPRIT);
	watch_end();
}

/* A child that goes with its pidfd, and leaves no wait status: it is seen by
 * another pidfd. */
static int clone_bound(int *other)
{
	struct clone_args args = {
		.flags = CLONE_PIDFD | CLONE_AUTOREAP | CLONE_NNP | CLONE_PIDFD_AUTOKILL,
	};
	int pidfd = -1;
	long pid;

	args.pidfd = (uintptr_t)&pidfd;
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		enter(VICTIM, NOBODY);
		wait_to_die();
	}
	if (pid < 0) {
		stage->word = errno;
		here();
	}
	*other = must(syscall(SYS_pidfd_open, pid, 0), "pidfd_open");
	return pidfd;
}

/* Waits for its end; the status is there for who has a pidfd. */
static void watch_pidfd(int pidfd)
{
	/* As <linux/pidfd.h> has it. */
	struct {
		uint64_t mask, cgroup;
		uint32_t ids[11];
		int32_t exit_code;
	} info = { .mask = 8 };
	fd_set wanted;

	FD_ZERO(&wanted);
	FD_SET(pidfd, &wanted);
	must(select(pidfd + 1, &wanted, NULL, NULL, NULL), "select");
	must(ioctl(pidfd, _IOC(_IOC_READ | _IOC_WRITE, 0xff, 11, sizeof(info)), &info), "PIDFD_GET_"
											"INFO");
	stage->end.si_code = CLD_KILLED;
	stage->end.si_status = info.exit_code & 0x7f;
}

static void close_pidfd(void)
{
	int other, pidfd = clone_bound(&other);

	here();
	close(pidfd);
	watch_pidfd(other);
	here();
}

static int kept;

static void end_with_pidfd(void)
{
	clone_bound(&kept);
	here();
}

/* Whether the victim is there. */
static void start_owner(void (*part)(void))
{
	expect(VICTIM);
	start(CULPRIT, NOBODY, part);
	meet(CULPRIT);
	if (stage->word == EINVAL || stage->word == E2BIG)
		skip("no pidfd of this kernel ends its process");
	if (stage->word)
		die(strerror(stage->word));
	meet(VICTIM);
}

static void autokill(void)
{
	start_owner(close_pidfd);
	cue_and_meet(CULPRIT);
}

static void autokill_exit(void)
{
	int pidfd;

	start_owner(end_with_pidfd);
	pidfd = must(syscall(SYS_pidfd_open, stage->parties[VICTIM].pid, 0), "pidfd_open");
	cue(CULPRIT);
	watch_pidfd(pidfd);
}

static mqd_t queue;

/* The victim itself asks for it. */
static void ask_for_messages(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGTERM };

	must(mq_notify(queue, &event), "mq_notify");
	here();
}

static void send_message(void)
{
	here();
	must(mq_send(queue, "!", 1, 0), "mq_send");
	here();
}

static void mq(void)
{
	struct mq_attr one = { .mq_maxmsg = 1, .mq_msgsize = 1 };
	char name[32];

	snprintf(name, sizeof(name), "/ways-%d", getpid());
	queue = must(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &one), "mq_open");
	must(mq_unlink(name), "mq_unlink");
	start(VICTIM, NOBODY, ask_for_messages);
	meet(VICTIM);
	start(CULPRIT, NOBODY, send_message);
	meet(CULPRIT);
	cue_and_meet(CULPRIT);
	watch_end();
}

const struct way others[] = {
	{ "sig_perf", SIGTERM, KILLED, sig_perf },
	{ "sig_perf_cpu", SIGTERM, KILLED, sig_perf_cpu },
	{ "perf_trap", SIGTRAP, KILLED, perf_trap },
	{ "bpf_send", SIGTERM, KILLED, bpf_send },
	{ "autokill", SIGKILL, KILLED, autokill },
	{ "autokill_exit", SIGKILL, KILLED, autokill_exit },
	{ "mq", SIGTERM, KILLED, mq },
	{},
};
