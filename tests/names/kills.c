/* All that runs in the container: asks every tenth of a second whether process 1
 * is there, and handles SIGUSR1. */
#include <signal.h>
#include <time.h>

static void handle(int signal)
{
	(void)signal;
}

int main(void)
{
	const struct timespec pause = { .tv_nsec = 100000000 };

	signal(SIGUSR1, handle);
	for (;;) {
		kill(1, 0);
		nanosleep(&pause, 0);
	}
}
