/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams over a connection: every mode and kind of buffer, two of them over copies, errors, and
 * what happens to a stream that becomes another file. */
#include "../trace.h"

static char line[100];

static FILE *stream(int fd, const char *mode)
{
	FILE *f = fdopen(fd, mode);
	if (!f)
		trace_die("fdopen");
	return f;
}

static void say_line(const char *who, FILE *f)
{
	say("%s: %s", who, fgets(line, sizeof(line), f) ? line : feof(f) ? "end" : "error");
}

static void expect(int fd, const char *text)
{
	size_t size = strlen(text);
	T(read_exact(fd, line, size));
	say("%s", memcmp(line, text, size) ? "DIFFERENT" : "as sent");
}

static void by_mode(const char *mode, int buffering)
{
	struct pair p = pair_open(AF_INET);
	say("# %s, buffering %d", mode, buffering);
	FILE *f = stream(p.c, mode);
	T(setvbuf(f, NULL, buffering, buffering == _IONBF ? 0 : 64));
	T(fileno(f) == p.c);
	if (mode[0] == 'r') {
		MUST(write(p.s, "one\ntwo\nthree", 13));
		say_line("first", f);
		say_line("second", f);
		T(fgetc(f));
		T(ungetc('T', f));
		T(shutdown(p.s, SHUT_WR));
		say_line("third", f);
		say_line("then", f);
	}
	if (mode[0] == 'w' || mode[1] == '+') {
		T(fprintf(f, "%s, %d\n", "formatted", 1));
		T(fputs("a line\n", f) >= 0);
		T(putc('c', f));
		T(fwrite("block", 1, 5, f));
		T(fflush(f));
		expect(p.s, "formatted, 1\na line\ncblock");
		T(fputs("flushed by the end", f) >= 0);
	}
	T(fclose(f));
	if (mode[0] == 'w')
		expect(p.s, "flushed by the end");
	if (strcmp(mode, "r"))
		memset(line, 0, sizeof(line));
	close(p.s);
	close(p.l);
}

/* As who has read a book on sockets does it: one to read, one to write. */
static void two(void)
{
	struct pair p = pair_open(AF_INET);
	step("two streams");
	FILE *in = stream(p.c, "r"), *out = stream((int)MUST(dup(p.c)), "w");
	for (int i = 0; i < 3; i++) {
		T(fprintf(out, "question %d\n", i));
		T(fflush(out));
		T(read_exact(p.s, line, 11));
		T(dprintf(p.s, "answer %d\n", i));
		say_line("in", in);
	}
	T(fputs("last", out) >= 0);
	T(fflush(out));
	T(shutdown(fileno(out), SHUT_WR));
	T(fclose(out));
	T(read_exact(p.s, line, 4));
	T(read(p.s, line, 1));
	T(dprintf(p.s, "after the end\n"));
	say_line("in", in);
	T(close(p.s));
	say_line("in", in);
	T(fclose(in));
	close(p.l);
}

static void print(int fd, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	T(vdprintf(fd, format, arguments));
	va_end(arguments);
}

static void without_streams(void)
{
	static char large[100000];
	struct pair p = pair_open(AF_INET);
	step("dprintf");
	memset(large, 'x', sizeof(large) - 1);
	print(p.c, "%d %s %c\n", 1, "two", '3');
	T(dprintf(p.c, "%s", ""));
	T(dprintf(p.c, "%.2000s\n", large));
	T(read_exact(p.s, line, 8));
	say("%.7s", line);
	static char got[2001];
	T(read_exact(p.s, got, 2001));
	say_sum("large", got, 2001);
	pid_t child = fork_watched();
	if (child == 0)
		_exit(dprintf(p.c, "%s", large) != sizeof(large) - 1);
	T(close(p.c));
	T(read_exact(p.s, large, sizeof(large) - 1));
	say_sum("larger", large, sizeof(large) - 1);
	T(read(p.s, line, 1));
	say_wait("child", child);
	T(dprintf(p.c, "x"));
	close(p.s);
	close(p.l);
}

/* The peer is gone: a stream's error is a write's. */
static void errors(void)
{
	struct pair p = pair_open(AF_INET);
	struct linger now = {.l_onoff = 1};
	step("errors");
	signal(SIGPIPE, SIG_IGN);
	FILE *f = stream(p.c, "w");
	T(fputs("before", f) >= 0);
	T(fflush(f));
	T(read_exact(p.s, line, 6));
	MUST(setsockopt(p.s, SOL_SOCKET, SO_LINGER, &now, sizeof(now)));
	T(close(p.s));
	wait_for(p.c, POLLHUP);
	T(fputs("after", f) >= 0);
	say("fails: %d", fflush(f) == EOF); /* a carrier's socket says EPIPE at once */
	T(ferror(f) != 0);
	T(fputs("again", f) >= 0);
	T(fclose(f) == EOF);
	T(fcntl(p.c, F_GETFD));
	close(p.l);

	p = pair_open(AF_INET);
	step("mistakes");
	T(fdopen(p.c, "strange") != NULL);
	T(fdopen(-1, "r") != NULL);
	MUST(write(p.c, "goes on", 7));
	T(read_exact(p.s, line, 7));
	pair_close(&p);
	signal(SIGPIPE, SIG_DFL);
}

static void becomes_another(void)
{
	struct pair p = pair_open(AF_INET);
	step("freopen");
	FILE *f = stream(p.c, "r+");
	T(fputs("before", f) >= 0);
	f = freopen("other", "w+", f);
	if (!f)
		trace_die("freopen");
	T(read_exact(p.s, line, 6));
	T(read(p.s, line, 1));
	T(fputs("in a file\n", f) >= 0);
	rewind(f);
	say_line("file", f);
	T(fclose(f));
	close(p.s);

	/* And a file that becomes a connection. */
	step("dup2");
	p.c = connect_to(p.l);
	p.s = (int)MUST(accept(p.l, NULL, NULL));
	settle(p.c, p.s);
	f = fopen("other", "w+");
	T(dup2(p.c, fileno(f)) == fileno(f));
	close(p.c);
	p.c = dup(fileno(f));
	T(fclose(f));
	T(write(p.c, "by a copy", 9));
	expect(p.s, "by a copy");
	pair_close(&p);
}

/* What a program that has the connection as its standard streams starts with popen. */
static void through_programs(void)
{
	struct pair p = pair_open(AF_INET);
	step("popen");
	pid_t child = fork_watched();
	if (child == 0) {
		close(p.c);
		dup2(p.s, STDIN_FILENO);
		close(p.s);
		FILE *in = popen("cat", "r");
		bool good = in && fgets(line, sizeof(line), in) && !strcmp(line, "a line\n") &&
		            !fgets(line, sizeof(line), in) && pclose(in) == 0;
		_exit(!good);
	}
	T(close(p.s));
	T(write(p.c, "a line\n", 7));
	T(shutdown(p.c, SHUT_WR));
	say_wait("child", child);
	T(read(p.c, line, 1));
	close(p.c);
	close(p.l);
}

int main(void)
{
	static const int kinds[] = {_IOFBF, _IOLBF, _IONBF};
	watchdog_start();
	for (int i = 0; i < 3; i++) {
		by_mode("r", kinds[i]);
		by_mode("w", kinds[i]);
		by_mode("r+", kinds[i]);
	}
	two();
	without_streams();
	errors();
	becomes_another();
	through_programs();
	return 0;
}
