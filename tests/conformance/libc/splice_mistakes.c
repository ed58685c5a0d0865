/* SPDX-License-Identifier: GPL-3.0-or-later */
/* splice and sendfile between ends that do not go together: the errno, and nothing is moved. */
#include "../trace.h"

#include <sys/sendfile.h>

static struct pair p;
static int ends[2], file;

static void not_a_pipe(void)
{
	step("no pipe");
	T(splice(p.s, NULL, file, NULL, 5, 0));
	T(splice(file, NULL, p.s, NULL, 5, 0));
	T(splice(p.s, NULL, p.c, NULL, 5, 0));
	T(splice(p.s, NULL, p.s, NULL, 5, 0));
	T(splice(p.s, NULL, -1, NULL, 5, 0));
	T(splice(-1, NULL, p.s, NULL, 5, 0));

	step("the pipe's other end");
	T(splice(p.s, NULL, ends[0], NULL, 5, 0));
	T(splice(ends[1], NULL, p.s, NULL, 5, 0));
}

static void arguments(void)
{
	off64_t offset = 0;

	step("offsets");
	T(splice(p.s, &offset, ends[1], NULL, 5, 0));
	T(splice(p.s, NULL, ends[1], &offset, 5, 0));
	T(splice(ends[0], &offset, p.s, NULL, 5, 0));
	T(splice(ends[0], NULL, p.s, &offset, 5, 0));

	step("nothing, and flags that do not exist");
	T(splice(p.s, NULL, ends[1], NULL, 0, 0));
	T(splice(ends[0], NULL, p.s, NULL, 0, 0));
	T(splice(p.s, NULL, ends[1], NULL, 5, 0x100));
	T(splice(ends[0], NULL, p.s, NULL, 5, 0x100));
}

static void by_sendfile(void)
{
	off_t offset = 0;
	int reading = (int)MUST(open("/dev/null", O_RDONLY));
	int writing = (int)MUST(open("/dev/null", O_WRONLY));

	step("sendfile from the socket");
	T(sendfile(file, p.s, NULL, 5));
	T(sendfile(writing, p.s, NULL, 5));
	T(sendfile(reading, p.s, NULL, 5));
	T(sendfile(p.c, p.s, NULL, 5));
	T(sendfile(ends[0], p.s, NULL, 5));
	T(sendfile(-1, p.s, NULL, 5));
	T(sendfile(file, p.s, &offset, 5));
	T(sendfile(ends[1], p.s, &offset, 5));
	T(sendfile(p.c, p.s, &offset, 5));

	step("sendfile from a pipe to the socket");
	T(sendfile(p.s, ends[0], NULL, 5));
	T(sendfile(p.s, ends[0], &offset, 5));
	say("offset %ld", (long)offset);
}

int main(void)
{
	char name[] = "/tmp/conformance.XXXXXX", in[16] = "";

	watchdog_start();
	p = pair_open(AF_INET);
	MUST(pipe(ends));
	file = (int)MUST(mkstemp(name));
	unlink(name);
	MUST(write(file, "file", 4));
	MUST(lseek(file, 0, SEEK_SET));
	MUST(write(ends[1], "pipe", 4));
	MUST(write(p.c, "socket", 6));
	wait_readable(p.s);
	not_a_pipe();
	arguments();
	by_sendfile();

	step("all is where it was");
	T(read(p.s, in, sizeof(in)));
	say("%s", in);
	memset(in, 0, sizeof(in));
	T(read(ends[0], in, sizeof(in)));
	say("%s", in);
	memset(in, 0, sizeof(in));
	T(read(file, in, sizeof(in)));
	say("%s", in);
	return 0;
}
