/* Faults: what the processor, or the kernel on the way back to a program, finds. */
#define _GNU_SOURCE
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <stdio.h>
#include <unistd.h>

#include "ways.h"

#define PAGE 65536 /* of whatever architecture */

static volatile char *map(int protection)
{
	void *area = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (area == MAP_FAILED)
		die("mmap");
	return area;
}

/* A victim that comes to its end by itself. */
static void alone(void (*part)(void))
{
	start(VICTIM, victims_uid(), part);
	watch_end();
}

static void touch_unmapped(void)
{
	volatile char *area = map(PROT_READ);

	munmap((void *)area, PAGE);
	*area = 1;
}

static void segv(void)
{
	alone(touch_unmapped);
}

static void write_read_only(void)
{
	*map(PROT_READ) = 1;
}

static void segv_ro(void)
{
	alone(write_read_only);
}

static void grow_stack(void)
{
	volatile char *at = __builtin_frame_address(0);

	for (;; at -= 1024)
		*at = 1;
}

static void use_up_stack(void)
{
	struct rlimit limit = { 1 << 20, 1 << 20 };

	must(setrlimit(RLIMIT_STACK, &limit), "setrlimit");
	grow_stack();
}

static void overflow(void)
{
	alone(use_up_stack);
}

static void halt(void)
{
#ifdef __x86_64__
	__asm__ volatile("hlt");
#endif
}

static void read_far(void)
{
	volatile char *far = (char *)(uintptr_t)0x8000000000001000;

	(void)*far;
}

static void step_on_trap(void)
{
#ifdef __x86_64__
	__asm__ volatile("int3");
#elif defined(__aarch64__)
	__asm__ volatile("brk #0");
#endif
}

static void divide(void)
{
	volatile int zero = 0, one = 1;

	one = one / zero;
}

static void run_nonsense(void)
{
#ifdef __x86_64__
	__asm__ volatile("ud2");
#elif defined(__aarch64__)
	__asm__ volatile(".inst 0");
#endif
}

static void read_unaligned(void)
{
#ifdef __x86_64__
	static uint64_t words[2];

	__asm__ volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl 1(%0), %%eax;"
			 "pushfq; andl $~0x40000, (%%rsp); popfq"
			 :
			 : "r"(words)
			 : "rax", "memory");
#endif
}

static void return_without_frame(void)
{
#ifdef __x86_64__
	__asm__ volatile("mov $16, %%rsp; mov %0, %%eax; syscall" : : "i"(SYS_rt_sigreturn));
#elif defined(__aarch64__)
	__asm__ volatile("mov x8, %0; mov x0, #16; mov sp, x0; svc #0" : : "i"(SYS_rt_sigreturn));
#endif
}

static void segv_gp(void)
{
#ifndef __x86_64__
	skip("needs x86-64");
#endif
	alone(halt);
}

static void noncanon(void)
{
#ifndef __x86_64__
	skip("needs x86-64");
#endif
	alone(read_far);
}

static void trap_int3(void)
{
	alone(step_on_trap);
}

static void fpe(void)
{
#ifndef __x86_64__
	skip("needs x86-64");
#endif
	alone(divide);
}

static void ill(void)
{
	alone(run_nonsense);
}

static void align(void)
{
#ifndef __x86_64__
	skip("needs x86-64");
#endif
	alone(read_unaligned);
	if (stage->end.si_code == CLD_EXITED)
		skip("this processor checks no alignment");
}

static void bad_frame(void)
{
	alone(return_without_frame);
}

static void do_nothing(int signal)
{
	(void)signal;
}

/* Its handler has no stack to run on. */
static void handle_without_stack(void)
{
	struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_ONSTACK };
	stack_t nowhere = { .ss_sp = (void *)map(PROT_NONE), .ss_size = PAGE };
	int ends[2];

	must(sigaltstack(&nowhere, NULL), "sigaltstack");
	must(sigaction(SIGPIPE, &action, NULL), "sigaction");
	must(pipe(ends), "pipe");
	close(ends[0]);
	must(write(ends[1], "!", 1), "write");
}

static void altstack(void)
{
	alone(handle_without_stack);
}

/* Its restartable sequence is in the kernel's half of the addresses, which the
 * kernel finds when the victim's turn comes again. */
static void break_rseq(void)
{
	static struct rseq own __attribute__((aligned(32)));
	struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
	uint64_t kernels = ~0xfffULL;

	if (!__rseq_size) {
		area = &own;
		must(syscall(SYS_rseq, area, sizeof(*area), 0, RSEQ_SIG), "rseq");
	}
	memcpy((char *)area + offsetof(struct rseq, rseq_cs), &kernels, sizeof(kernels));
	share_processor();
}

static void rseq(void)
{
	stage->processor = must(sched_getcpu(), "sched_getcpu");
	start(HELPER, NOBODY, share_processor);
	alone(break_rseq);
}

/* The file is the culprit's own. */
static void read_mapped_file(void)
{
	int file = must(open(path_to("mapped"), O_RDONLY), "open");
	volatile char *area = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);

	(void)*area;
	here();
	(void)*area;
}

static void truncate_file(void)
{
	int file = must(open(path_to("mapped"), O_RDWR | O_CREAT, 0644), "open");

	must(ftruncate(file, 4096), "ftruncate");
	here();
	must(ftruncate(file, 0), "ftruncate");
	here();
}

static void truncation(void)
{
	directory();
	start(CULPRIT, NOBODY, truncate_file);
	meet(CULPRIT);
	start(VICTIM, victims_uid(), read_mapped_file);
	meet(VICTIM);
	cue_and_meet(CULPRIT);
	cue(VICTIM);
	watch_end();
}

/* Where another process writes. */
static volatile char something;
static volatile char *volatile pointer = &something;
static __attribute__((noinline, aligned(PAGE))) void code(void)
{
	__asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop");
}

static void follow_pointer(void)
{
	here();
	*pointer = 1;
}

static void write_pointer(void)
{
	char *nowhere = NULL;
	struct iovec from = { &nowhere, sizeof(nowhere) },
		     to = { (void *)&pointer, sizeof(pointer) };

	must(process_vm_writev(stage->parties[VICTIM].pid, &from, 1, &to, 1, 0), "process_vm_"
										 "writev");
	here();
}

static void vmwrite(void)
{
	start(VICTIM, NOBODY, follow_pointer);
	meet(VICTIM);
	start(CULPRIT, NOBODY, write_pointer);
	meet(CULPRIT);
	cue(VICTIM);
	watch_end();
}

static void run_code(void)
{
	here();
	code();
}

/* The two words are no instruction: 0f 0b 0f 0b on the one, 0 on the other. */
static void write_code(void)
{
#ifdef __x86_64__
	uint32_t nonsense[] = { 0x0b0f0b0f, 0x0b0f0b0f };
#else
	uint32_t nonsense[] = { 0, 0 };
#endif
	char path[32];
	int memory;

	snprintf(path, sizeof(path), "/proc/%d/mem", stage->parties[VICTIM].pid);
	memory = must(open(path, O_RDWR), path);
	stage->word = pwrite(memory, nonsense, sizeof(nonsense), (off_t)(uintptr_t)code);
	here();
}

static void memwrite(void)
{
	start(VICTIM, NOBODY, run_code);
	meet(VICTIM);
	start(CULPRIT, NOBODY, write_code);
	meet(CULPRIT);
	if (stage->word < 0)
		skip("this kernel lets nobody write code through /proc/PID/mem");
	cue(VICTIM);
	watch_end();
}

const struct way faults[] = {
	{ "segv", SIGSEGV, KILLED, segv },
	{ "segv_ro", SIGSEGV, KILLED, segv_ro },
	{ "overflow", SIGSEGV, KILLED, overflow },
	{ "segv_gp", SIGSEGV, KILLED, segv_gp },
	{ "noncanon", SIGSEGV, KILLED, noncanon },
	{ "trap_int3", SIGTRAP, KILLED, trap_int3 },
	{ "fpe", SIGFPE, KILLED, fpe },
	{ "ill", SIGILL, KILLED, ill },
	{ "align", SIGBUS, KILLED, align },
	{ "sigreturn", SIGSEGV, KILLED, bad_frame },
	{ "altstack", SIGSEGV, KILLED, altstack },
	{ "rseq", SIGSEGV, KILLED, rseq },
	{ "trunc", SIGBUS, KILLED, truncation },
	{ "x_trunc", SIGBUS, KILLED, truncation },
	{ "vmwrite", SIGSEGV, KILLED, vmwrite },
	{ "memwrite", SIGILL, KILLED, memwrite },
	{},
};
