/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The calls that wait, by their numbers: each says what its name says, and tells the time left. */
#include "../trace.h"

#include <sys/select.h>
#include <sys/syscall.h>

static const uint64_t kernel_mask;
static const struct timespec soon = {.tv_nsec = 20000000}; /* where nobody can write */
static int ep;
static struct epoll_event e;

static const struct timespec *any_time(int ms, struct timespec *t)
{
	*t = (struct timespec){ms / 1000, ms % 1000 * 1000000L};
	return t;
}

static long by_ppoll(int fd, const struct timespec *limit)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return syscall(SYS_ppoll, &p, 1L, limit, &kernel_mask, sizeof(kernel_mask));
}

static long by_pselect(int fd, const struct timespec *limit)
{
	const void *packed[2] = {&kernel_mask, (void *)sizeof(kernel_mask)};
	fd_set r;
	FD_ZERO(&r);
	FD_SET(fd, &r);
	return syscall(SYS_pselect6, (long)fd + 1, &r, NULL, NULL, limit, packed);
}

static long by_epoll(int fd, const struct timespec *limit)
{
	(void)fd;
	return syscall(SYS_epoll_pwait, (long)ep, &e, 1L,
	               limit->tv_sec * 1000 + limit->tv_nsec / 1000000, &kernel_mask,
	               sizeof(kernel_mask));
}

#ifdef SYS_epoll_pwait2
static long by_epoll_2(int fd, const struct timespec *limit)
{
	(void)fd;
	long ready = syscall(SYS_epoll_pwait2, (long)ep, &e, 1L, limit, NULL, 0L);
	return ready == -1 && errno == ENOSYS ? by_epoll(fd, limit) : ready; /* before Linux 5.11 */
}
#endif

#ifdef SYS_poll
static long by_poll(int fd, const struct timespec *limit)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	return syscall(SYS_poll, &p, 1L, limit->tv_sec * 1000 + limit->tv_nsec / 1000000);
}
#endif

#ifdef SYS_select
static long by_select(int fd, const struct timespec *limit)
{
	struct timeval v = {limit->tv_sec, limit->tv_nsec / 1000};
	fd_set r;
	FD_ZERO(&r);
	FD_SET(fd, &r);
	return syscall(SYS_select, (long)fd + 1, &r, NULL, NULL, &v);
}
#endif

#ifdef SYS_epoll_wait
static long by_epoll_wait(int fd, const struct timespec *limit)
{
	(void)fd;
	return syscall(SYS_epoll_wait, (long)ep, &e, 1L,
	               limit->tv_sec * 1000 + limit->tv_nsec / 1000000);
}
#endif

static const struct {
	const char *name;
	long (*wait)(int fd, const struct timespec *limit);
} calls[] = {
	{"ppoll", by_ppoll},
	{"pselect6", by_pselect},
	{"epoll_pwait", by_epoll},
#ifdef SYS_epoll_pwait2
	{"epoll_pwait2", by_epoll_2},
#else
	{"epoll_pwait2", by_epoll},
#endif
#ifdef SYS_poll
	{"poll", by_poll},
#else
	{"poll", by_ppoll},
#endif
#ifdef SYS_select
	{"select", by_select},
#else
	{"select", by_pselect},
#endif
#ifdef SYS_epoll_wait
	{"epoll_wait", by_epoll_wait},
#else
	{"epoll_wait", by_epoll},
#endif
};

/* Says a byte when it has heard one. */
static void answer(union address a)
{
	char byte;
	int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(c, &a.any, sizeof(a.in)));
	MUST(read(c, &byte, 1));
	MUST(write(c, &byte, 1));
	_exit(read(c, &byte, 1) != 0);
}

/* A peer that has not spoken makes nothing readable, whatever it sends for itself. */
static void both_answers(size_t i)
{
	struct epoll_event event = {.events = EPOLLIN};
	struct timespec t;
	char byte = 'x';
	step(calls[i].name);
	int l = listen_on(AF_INET, 1);
	pid_t child = fork_watched();
	if (child == 0)
		answer(address_of(l));
	int s = (int)MUST(accept(l, NULL, NULL));
	ep = (int)MUST(syscall(SYS_epoll_create1, EPOLL_CLOEXEC));
	if (!strncmp(calls[i].name, "epoll", 5))
		T(syscall(SYS_epoll_ctl, (long)ep, EPOLL_CTL_ADD, s, &event));
	T(calls[i].wait(s, &soon));
	T(calls[i].wait(s, &soon));
	T(write(s, &byte, 1));
	T(calls[i].wait(s, any_time(100000, &t)));
	T(recv(s, &byte, 1, MSG_DONTWAIT));
	T(calls[i].wait(s, &soon));
	close(ep);
	close(s);
	close(l);
	say_wait("child", child);
}

static void say_left(const char *how, const struct timespec *t, long most)
{
	say("%s: %s of it is left", how, !t->tv_sec && !t->tv_nsec ? "nothing"
	    : t->tv_sec < most ? "some" : "all");
}

static void time_left(size_t i)
{
	struct timespec t;
	char byte;
	step(calls[i].name);
	struct pair p = pair_open(AF_INET);
	T(calls[i].wait(p.s, any_time(10, &t)));
	say_left("in vain", &t, 0);
	T(write(p.c, "x", 1));
	T(calls[i].wait(p.s, any_time(50000, &t)));
	say_left("with success", &t, 50);
	T(read(p.s, &byte, 1));
	pair_close(&p);
}

static void wrong(void)
{
	static const struct timespec times[] = {{0, 1000000000}, {0, -1}, {-1, 0}};
	step("what the kernel does not take");
	struct pair p = pair_open(AF_INET);
	struct pollfd f = {.fd = p.s, .events = POLLIN};
	const void *packed[2] = {&kernel_mask, (void *)4};
	for (int i = 0; i < 3; i++) {
		T(by_ppoll(p.s, &times[i]));
		T(by_pselect(p.s, &times[i]));
	}
	T(syscall(SYS_ppoll, &f, 1L, &soon, &kernel_mask, 4L));
	T(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, &soon, packed));
	T(syscall(SYS_pselect6, 0L, NULL, NULL, NULL, &soon, NULL));
	T(syscall(SYS_ppoll, NULL, 0L, &soon, NULL, 4L));
	T(syscall(SYS_epoll_pwait, -1L, &e, 1L, 0L, &kernel_mask, 4L));
	T(syscall(SYS_epoll_pwait, -1L, &e, 1L, 0L, NULL, 4L));
	pair_close(&p);
}

int main(void)
{
	watchdog_start();
	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
		both_answers(i);
	step("the time that is left");
	time_left(0);
	time_left(1);
	wrong();
	return 0;
}
