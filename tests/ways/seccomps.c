/* Calls that are not let in. */
#define _GNU_SOURCE
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ways.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif

/* Whoever calls getppid from now on is treated so. */
static void filter(unsigned action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "PR_SET_SECCOMP");
}

static void play_alone(void (*part)(void))
{
	start(VICTIM, NOBODY, part);
	watch_end();
}

static void call_for_process(void)
{
	filter(SECCOMP_RET_KILL_PROCESS);
	syscall(SYS_getppid);
}

static void call_for_thread(void)
{
	filter(SECCOMP_RET_KILL_THREAD);
	syscall(SYS_getppid);
}

static void call_for_trap(void)
{
	filter(SECCOMP_RET_TRAP);
	syscall(SYS_getppid);
}

static void sc_process(void)
{
	play_alone(call_for_process);
}

static void sc_thread(void)
{
	play_alone(call_for_thread);
}

static void sc_trap(void)
{
	play_alone(call_for_trap);
}

static void *end_alone(void *nothing)
{
	stage->parties[VICTIM].tid = syscall(SYS_gettid);
	call_for_thread();
	return nothing;
}

static void lose_thread(void)
{
	pthread_t thread;

	must(-pthread_create(&thread, NULL, end_alone, NULL), "pthread_create");
	pthread_join(thread, NULL);
	here();
}

static void sc_thread_of(void)
{
	start(VICTIM, NOBODY, lose_thread);
	meet(VICTIM);
	watch_life();
}

static void call_in_strict_mode(void)
{
	must(prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT), "PR_SET_SECCOMP");
	syscall(SYS_getppid);
}

static void sc_strict(void)
{
	play_alone(call_in_strict_mode);
}

/* The kernel hands all calls back, while that is set. */
static void call_for_itself(void)
{
	static volatile char handed_back;

	if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, 0, 0, &handed_back)) {
		stage->word = 1;
		return;
	}
	handed_back = 1;
	syscall(SYS_getppid);
}

static void dispatch(void)
{
	play_alone(call_for_itself);
	if (stage->word)
		skip("this kernel hands no calls back");
}

const struct way seccomps[] = {
	{ "sc_process", SIGSYS, KILLED, sc_process },
	{ "sc_thread", SIGSYS, KILLED, sc_thread },
	{ "sc_trap", SIGSYS, KILLED, sc_trap },
	{ "sc_thread_of", SIGSYS, LIVES, sc_thread_of },
	{ "sc_strict", SIGKILL, KILLED, sc_strict },
	{ "dispatch", SIGSYS, KILLED, dispatch },
	{},
};
