/* SPDX-License-Identifier: GPL-3.0-or-later */
/* accept and accept4: flags land on the new socket only; addresses; errors of a wrong listener. */
#include "../trace.h"

static void say_flags(const char *who, int fd)
{
	say("%s: %s %s", who, fcntl(fd, F_GETFL) & O_NONBLOCK ? "non-blocking" : "blocking",
	    fcntl(fd, F_GETFD) & FD_CLOEXEC ? "cloexec" : "inherited");
}

int main(void)
{
	static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
	union address from;
	socklen_t length;

	watchdog_start();
	int l = listen_on(AF_INET, 8);
	for (int i = 0; i < 4; i++) {
		int c = connect_to(l);
		length = sizeof(from);
		int s = (int)MUST(accept4(l, &from.any, &length, flags[i]));
		say_flags("accepted", s);
		union address own;
		socklen_t own_length = sizeof(own);
		getsockname(c, &own.any, &own_length);
		say("address of %u bytes, %s", length,
		    from.in.sin_port == own.in.sin_port ? "the peer's" : "WRONG");
		close(c);
		close(s);
	}
	say_flags("listener", l);

	step("a short address buffer");
	int c = connect_to(l);
	length = 4;
	int s = (int)MUST(accept(l, &from.any, &length));
	say("length becomes %u", length);
	close(c);
	close(s);

	step("a listener that does not block");
	set_nonblocking(l, true);
	T(accept(l, NULL, NULL));
	T(accept4(l, NULL, NULL, SOCK_CLOEXEC));
	say_poll("l", l, POLLIN, 0);
	c = connect_to(l);
	say_poll("l", l, POLLIN, -1);
	s = (int)MUST(accept(l, NULL, NULL));
	say_flags("accepted", s);
	T(accept(l, NULL, NULL));

	step("mistakes");
	T(accept4(l, NULL, NULL, 0x40));
	T(accept(-1, NULL, NULL));
	T(accept(c, NULL, NULL));
	T(accept(STDIN_FILENO, NULL, NULL));
	T(accept(socket(AF_INET, SOCK_STREAM, 0), NULL, NULL));
	return 0;
}
