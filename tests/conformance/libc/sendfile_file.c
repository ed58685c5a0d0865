/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sendfile with an offset, without one, in parts, past the end; a file of 3 MiB arrives whole. */
#include "../trace.h"

#include <sys/sendfile.h>

#define SIZE (3 << 20)

int main(void)
{
	static unsigned char data[SIZE], in[SIZE];
	char name[] = "/tmp/conformance.XXXXXX";

	watchdog_start();
	int file = (int)MUST(mkstemp(name));
	unlink(name);
	fill(data, SIZE, 0);
	MUST(write(file, data, SIZE));
	struct pair p = pair_open(AF_INET);

	step("with an offset: the file's own stays");
	MUST(lseek(file, 7, SEEK_SET));
	off_t offset = 1000;
	T(sendfile(p.c, file, &offset, 5000));
	say("offset %ld, file at %ld", (long)offset, (long)lseek(file, 0, SEEK_CUR));
	T(read_exact(p.s, in, 5000));
	say("%s", memcmp(in, data + 1000, 5000) ? "DIFFERENT" : "equal");

	step("without an offset: the file's moves");
	T(sendfile(p.c, file, NULL, 5000));
	say("file at %ld", (long)lseek(file, 0, SEEK_CUR));
	T(read_exact(p.s, in, 5000));
	say("%s", memcmp(in, data + 7, 5000) ? "DIFFERENT" : "equal");

	step("near and past the end");
	offset = SIZE - 10;
	T(sendfile(p.c, file, &offset, 5000));
	say("offset %ld", (long)offset - SIZE);
	T(read_exact(p.s, in, 10));
	T(sendfile(p.c, file, &offset, 5000));
	T(sendfile(p.c, file, &offset, 0));

	step("mistakes");
	offset = -1;
	T(sendfile(p.c, file, &offset, 10));
	T(sendfile(p.c, p.s, NULL, 10));
	T(sendfile(-1, file, NULL, 10));
	T(sendfile(p.c, -1, NULL, 10));

	step("all of it, the reader takes its time");
	pair_nonblocking(&p);
	size_t got = 0;
	offset = 0;
	bool full = false;
	while (got < SIZE) {
		struct pollfd q[2] = {{.fd = p.s, .events = POLLIN},
		                      {.fd = offset < SIZE ? p.c : -1, .events = POLLOUT}};
		MUST(poll(q, 2, -1));
		if (q[1].revents) {
			ssize_t n = sendfile(p.c, file, &offset, (size_t)(SIZE - offset));
			if (n == -1 && errno != EAGAIN)
				trace_die("sendfile");
			full = full || n == -1;
		} else if (q[0].revents) {
			ssize_t n = read(p.s, in + got, SIZE - got);
			got += n > 0 ? (size_t)n : 0;
		}
	}
	say("offset %ld, %s", (long)offset, memcmp(in, data, SIZE) ? "DIFFERENT" : "equal");

	step("blocking, 2 MiB in one call");
	set_nonblocking(p.c, false);
	pid_t child = fork_watched();
	if (child == 0) {
		offset = 4096;
		_exit(sendfile(p.c, file, &offset, 2 << 20) == 2 << 20 ? 0 : 1);
	}
	T(read_exact(p.s, in, 2 << 20));
	say("%s", memcmp(in, data + 4096, 2 << 20) ? "DIFFERENT" : "equal");
	say_wait("sender", child);
	return 0;
}
