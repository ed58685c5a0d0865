/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A socket that one process makes and another connects is that one's: nobody writes in between. */
#include "../tasks.h"

/* Either it is one stream, or the other process is refused; what would be wrong is to mix them. */
static bool is_sound(int s, ssize_t put, int error)
{
	char text[8];
	ssize_t got = read(s, text, sizeof(text));
	if (put == 5)
		return got == 5 && memcmp(text, "words", 5) == 0;
	return put == -1 && error == EIO && got == 0;
}

static void connected_by_child(void)
{
	step("connected by a child, used by its parent");
	int l = listen_on(AF_INET, 1), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address a = address_of(l);
	pid_t pid = fork_watched();
	if (pid == 0) {
		MUST(connect(c, &a.any, address_size(&a)));
		_exit(0);
	}
	say_wait("child", pid);
	int s = (int)MUST(accept(l, NULL, NULL));
	ssize_t put = write(c, "words", 5);
	int error = errno;
	close(c);
	say("sound: %d", is_sound(s, put, error));
	close(s);
	close(l);
}

static void connected_by_parent(void)
{
	int go[2];
	char byte;
	step("connected by the parent, used by a child");
	int l = listen_on(AF_INET, 1), c = (int)MUST(socket(AF_INET, SOCK_STREAM, 0));
	union address a = address_of(l);
	MUST(pipe(go));
	pid_t pid = fork_watched();
	if (pid == 0) {
		MUST(read(go[0], &byte, 1));
		_exit(write(c, "words", 5) == 5 ? 0 : errno);
	}
	MUST(connect(c, &a.any, address_size(&a)));
	MUST(write(go[1], "g", 1));
	int status, s = (int)MUST(accept(l, NULL, NULL));
	MUST(waitpid(pid, &status, 0));
	status = WEXITSTATUS(status);
	close(c);
	say("sound: %d", is_sound(s, status ? -1 : 5, status));
	close(s);
	close(l);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	watchdog_start();
	connected_by_child();
	connected_by_parent();
	return 0;
}
