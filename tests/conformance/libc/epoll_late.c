/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A wait that began before the first connection was there: who is silent wakes nobody. */
#include "../relay.h"
#include "../tasks.h"

static const char *const names[] = {"epoll_pwait", "epoll_wait", "epoll_pwait2"};
static int ep, how;

static int wait_one(struct epoll_event *e, int ms)
{
	struct timespec limit = {ms / 1000, ms % 1000 * 1000000};
	switch (how) {
	case 0:
		return epoll_pwait(ep, e, 1, ms, NULL);
	case 1:
		return epoll_wait(ep, e, 1, ms);
	default:
		return epoll_pwait2(ep, e, 1, ms < 0 ? NULL : &limit, NULL);
	}
}

/* Its sockets are blocking: what it is told of, it reads. */
static void serve(void *argument)
{
	struct epoll_event e;
	char buffer[16];
	ssize_t n;
	MUST(wait_one(&e, *(int *)argument));
	MUST(n = read(e.data.fd, buffer, sizeof(buffer)));
	say("worker: %.*s", (int)n, buffer);
	MUST(write(e.data.fd, buffer, (size_t)n));
}

static long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void run_out(void *argument)
{
	struct epoll_event e;
	long began = now_ms();
	(void)argument;
	T(wait_one(&e, 600));
	say("%s", now_ms() - began >= 599 ? "not early" : "EARLY");
}

static int accept_and_add(int l)
{
	struct epoll_event event = {.events = EPOLLIN};
	event.data.fd = (int)MUST(accept(l, NULL, NULL));
	MUST(epoll_ctl(ep, EPOLL_CTL_ADD, event.data.fd, &event));
	return event.data.fd;
}

/* A client that has nothing to say.  What comes all the same comes when it is in the set. */
struct silent {
	struct relay relay;
	pid_t pid;
	int s;
};

static struct silent silent_client(int l)
{
	struct silent i = {.relay = relay_start(RELAY_HOLD, l)};
	i.pid = fork_watched();
	if (i.pid == 0) {
		int c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
		MUST(connect(c, &i.relay.address.any, sizeof(i.relay.address.in)));
		pause();
	}
	i.s = accept_and_add(l);
	relay_tell(&i.relay, 'r');
	return i;
}

static void silent_end(const struct silent *i)
{
	kill(i->pid, SIGKILL);
	say_wait("silent", i->pid);
	relay_stop(&i->relay);
	close(i->s);
}

/* Ends before its elder, of whose relay it has a copy. */
static void wait_beside_silent(int l)
{
	struct task t;
	task_start(&t, run_out, NULL);
	task_wait_asleep(&t);
	struct silent second = silent_client(l);
	task_join(&t);
	silent_end(&second);
}

static pid_t speak(int l)
{
	char buffer[16];
	pid_t pid = fork_watched();
	if (pid)
		return pid;
	int c = connect_to(l);
	MUST(write(c, "hello", 5));
	T(read_exact(c, buffer, 5));
	exit(0);
}

int main(int argc, char **argv)
{
	struct task t;

	relay_main(argc, argv);
	watchdog_start();
	for (int turn = 0; turn < 6; turn++) {
		int limit = turn < 3 ? 9000 : -1;
		how = turn % 3;
		say("## %s %s", names[how], limit < 0 ? "for ever" : "with a limit");
		ep = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		task_start(&t, serve, &limit);
		task_wait_asleep(&t);
		int l = listen_on(AF_INET, 8);
		struct silent first = silent_client(l);
		pid_t speaker = speak(l);
		int s = accept_and_add(l);
		say_wait("speaker", speaker);
		task_join(&t);

		MUST(epoll_ctl(ep, EPOLL_CTL_DEL, first.s, NULL));
		MUST(epoll_ctl(ep, EPOLL_CTL_DEL, s, NULL));
		if (limit > 0)
			wait_beside_silent(l);
		silent_end(&first);
		close(s);
		close(l);
		close(ep);
	}
	return 0;
}
