/* Tracers. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ways.h"

static pid_t victim(void)
{
	return stage->parties[VICTIM].pid;
}

/* The victim's next stop, or its end, as its tracer sees it. */
static void watch_as_tracer(void)
{
	wait_for_end(victim(), WSTOPPED);
}

static void attach(void)
{
	must(ptrace(PTRACE_ATTACH, victim(), 0, 0), "PTRACE_ATTACH");
	watch_as_tracer();
}

/* The tracer does its part, and has reaped before the parent can. */
static void trace(void (*part)(void))
{
	start_victim();
	start(CULPRIT, NOBODY, part);
	meet(CULPRIT);
}

static void attach_and_leave(void)
{
	attach();
	must(ptrace(PTRACE_DETACH, victim(), 0, 0), "PTRACE_DETACH");
	here();
}

static void pt_attach(void)
{
	trace(attach_and_leave);
	watch_life();
}

static void attach_and_kill(void)
{
	attach();
	must(ptrace(PTRACE_KILL, victim(), 0, 0), "PTRACE_KILL");
	watch_as_tracer();
	here();
}

static void pt_kill(void)
{
	trace(attach_and_kill);
	watch_end();
}

/* At the stop that ATTACH made, any signal can take the place of its own. */
static void go_on_with_signal(int request)
{
	attach();
	must(ptrace(request, victim(), 0, SIGTERM), "a request with a signal");
	if (request != PTRACE_DETACH)
		watch_as_tracer();
	here();
}

static void continue_with_signal(void)
{
	go_on_with_signal(PTRACE_CONT);
}

static void call_with_signal(void)
{
	go_on_with_signal(PTRACE_SYSCALL);
}

static void leave_with_signal(void)
{
	go_on_with_signal(PTRACE_DETACH);
}

static void pt_cont(void)
{
	trace(continue_with_signal);
	watch_end();
}

static void pt_syscall(void)
{
	trace(call_with_signal);
	watch_end();
}

static void pt_detach(void)
{
	trace(leave_with_signal);
	watch_end();
}

static void seize_and_end(void)
{
	must(ptrace(PTRACE_SEIZE, victim(), 0, PTRACE_O_EXITKILL), "PTRACE_SEIZE");
	here();
}

static void pt_exitkill(void)
{
	trace(seize_and_end);
	cue(CULPRIT);
	watch_end();
}

/* The program ends at once. */
static void execute_traced(void)
{
	must(ptrace(PTRACE_TRACEME, 0, 0, 0), "PTRACE_TRACEME");
	execl(path_to("w-pt_exec"), "ways", "end", NULL);
	die("execl");
}

static void have_executed(void)
{
	pid_t pid = fork_as(VICTIM, NOBODY, execute_traced);

	wait_for_end(pid, WSTOPPED);
	must(ptrace(PTRACE_CONT, pid, 0, 0), "PTRACE_CONT");
	wait_for_end(pid, 0);
	here();
}

static void pt_exec(void)
{
	program_for("w-pt_exec");
	expect(VICTIM);
	start(CULPRIT, NOBODY, have_executed);
	meet(CULPRIT);
}

/* Beyond the point where the old image is gone, the new one cannot be mapped:
 * it would be where the kernel is. */
static void execute_nonsense(void)
{
	execl(path_to("w-exec_fail"), "nonsense", NULL);
	die("execl");
}

static void exec_fail(void)
{
	struct {
		Elf64_Ehdr head;
		Elf64_Phdr segment;
	} image = {
		.head = {
			.e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
				     EV_CURRENT },
			.e_type = ET_EXEC,
#ifdef __x86_64__
			.e_machine = EM_X86_64,
#else
			.e_machine = EM_AARCH64,
#endif
			.e_version = EV_CURRENT,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.segment = {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_vaddr = 0xffff800000000000,
			.p_filesz = sizeof(image),
			.p_memsz = sizeof(image),
			.p_align = 4096,
		},
	};
	int file = must(open(path_to("w-exec_fail"), O_WRONLY | O_CREAT, 0755), "open");

	must(write(file, &image, sizeof(image)), "write");
	close(file);
	start(VICTIM, NOBODY, execute_nonsense);
	watch_end();
}

/* An instruction that makes a call. */
void enter_kernel(void);
#ifdef __x86_64__
__asm__("enter_kernel: syscall; ret");

static void set_call(struct user_regs_struct *registers, long number, long first, long second)
{
	/* Nothing is to be restarted. */
	registers->orig_rax = -1;
	registers->rax = number;
	registers->rdi = first;
	registers->rsi = second;
	registers->rip = (uintptr_t)enter_kernel;
}
#else
__asm__("enter_kernel: svc #0; ret");

static void set_call(struct user_regs_struct *registers, long number, long first, long second)
{
	registers->regs[8] = number;
	registers->regs[0] = first;
	registers->regs[1] = second;
	registers->pc = (uintptr_t)enter_kernel;
}
#endif

static void have_victim_call(void)
{
	struct user_regs_struct registers;
	struct iovec area = { &registers, sizeof(registers) };

	attach();
	must(ptrace(PTRACE_GETREGSET, victim(), NT_PRSTATUS, &area), "PTRACE_GETREGSET");
	set_call(&registers, SYS_kill, victim(), SIGTERM);
	must(ptrace(PTRACE_SETREGSET, victim(), NT_PRSTATUS, &area), "PTRACE_SETREGSET");
	must(ptrace(PTRACE_CONT, victim(), 0, 0), "PTRACE_CONT");
	/* It stops for the signal, and gets it. */
	watch_as_tracer();
	must(ptrace(PTRACE_CONT, victim(), 0, SIGTERM), "PTRACE_CONT");
	watch_as_tracer();
	here();
}

static void spin_on(void)
{
	say();
	spin();
}

static void ptregs(void)
{
	start(VICTIM, NOBODY, spin_on);
	meet(VICTIM);
	start(ARRANGER, NOBODY, have_victim_call);
	meet(ARRANGER);
	watch_end();
}

const struct way ptraces[] = {
	{ "pt_attach", SIGSTOP, LIVES, pt_attach },
	{ "pt_kill", SIGKILL, KILLED, pt_kill },
	{ "pt_cont", SIGTERM, KILLED, pt_cont },
	{ "pt_syscall", SIGTERM, KILLED, pt_syscall },
	{ "pt_detach", SIGTERM, KILLED, pt_detach },
	{ "pt_exitkill", SIGKILL, KILLED, pt_exitkill },
	{ "pt_exec", SIGTRAP, EXITED, pt_exec },
	{ "exec_fail", SIGSEGV, KILLED, exec_fail },
	{ "ptregs", SIGTERM, KILLED, ptregs },
	{},
};
