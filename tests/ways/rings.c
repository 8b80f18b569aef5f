/* io_uring without its library: one request, made by a worker. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ways.h"

static void *map_ring(int ring, size_t size, off_t what)
{
	void *area =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, what);

	if (area == MAP_FAILED)
		die("io_uring's memory");
	return area;
}

static _Atomic uint32_t *at(void *area, uint32_t offset)
{
	return (_Atomic uint32_t *)((char *)area + offset);
}

int ring_write(int fd, const char *data, unsigned length)
{
	struct io_uring_params params = { 0 };
	int ring = syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *request;
	struct io_uring_cqe *answer;
	void *queue, *answers;

	if (ring < 0)
		return -errno;
	queue = map_ring(ring, params.sq_off.array + params.sq_entries * sizeof(uint32_t),
			 IORING_OFF_SQ_RING);
	answers = map_ring(ring, params.cq_off.cqes + params.cq_entries * sizeof(*answer),
			   IORING_OFF_CQ_RING);
	request = map_ring(ring, params.sq_entries * sizeof(*request), IORING_OFF_SQES);
	*request = (struct io_uring_sqe){
		.opcode = IORING_OP_WRITE,
		.flags = IOSQE_ASYNC,
		.fd = fd,
		.addr = (uintptr_t)data,
		.len = length,
	};
	*at(queue, params.sq_off.array) = 0;
	*at(queue, params.sq_off.tail) = 1;
	while (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		if (errno != EINTR)
			die("io_uring_enter");
	while (*at(answers, params.cq_off.tail) == 0)
		;
	answer = (struct io_uring_cqe *)((char *)answers + params.cq_off.cqes);
	close(ring);
	return answer->res;
}
