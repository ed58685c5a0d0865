/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A copy made before the connection is there is another name of it all the same. */
#include "../tasks.h"

static void echo_once(void *argument)
{
	char text[64];
	int s = (int)MUST(accept4(*(int *)argument, NULL, NULL, SOCK_CLOEXEC));
	ssize_t n = read(s, text, sizeof(text));
	if (n > 0)
		write_all(s, text, (size_t)n);
	while (read(s, text, sizeof(text)) > 0)
		;
	close(s);
}

static int fresh_socket(void)
{
	return (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

static void converse(int writes, int reads)
{
	char text[8] = "";
	T(write(writes, "words", 5));
	T(read(reads, text, sizeof(text)));
	say("%s", text);
}

static void end(struct task *t, int a, int b, int l)
{
	char byte;
	T(shutdown(b, SHUT_WR));
	T(read(a, &byte, 1));
	task_join(t);
	close(a);
	close(b);
	close(l);
}

static void copied(const char *name, bool poll_first, int (*copy)(int fd))
{
	struct task t;
	step(name);
	int l = listen_on(AF_INET, 1), c = fresh_socket(), d = copy(c);
	union address a = address_of(l);
	task_start(&t, echo_once, &l);
	T(write(d, "early", 5));
	MUST(connect(c, &a.any, address_size(&a)));
	if (poll_first)
		say("writable: %d", (wait_for(d, POLLOUT) & POLLOUT) != 0);
	converse(d, c);
	end(&t, c, d, l);
}

static int by_dup(int fd)
{
	return (int)MUST(dup(fd));
}

static int by_dup2(int fd)
{
	return (int)MUST(dup2(fd, fd + 40));
}

static int by_fcntl(int fd)
{
	return (int)MUST(fcntl(fd, F_DUPFD_CLOEXEC, 50));
}

/* The one that connected is closed before the copy is used. */
static void closed_at_once(void)
{
	struct task t;
	step("the other name is closed");
	int l = listen_on(AF_INET, 1), c = fresh_socket(), d = by_dup(c);
	union address a = address_of(l);
	task_start(&t, echo_once, &l);
	MUST(connect(c, &a.any, address_size(&a)));
	close(c);
	converse(d, d);
	end(&t, d, by_dup(d), l);
}

/* A stream on the socket, or on a copy of it, before there is a connection. */
static void streamed(const char *name, bool on_copy)
{
	struct task t;
	char line[16] = "";
	step(name);
	int l = listen_on(AF_INET, 1), c = fresh_socket(), d = by_dup(c);
	union address a = address_of(l);
	FILE *out = fdopen(on_copy ? d : c, "w"), *in = fdopen(on_copy ? c : d, "r");
	task_start(&t, echo_once, &l);
	T(connect(c, &a.any, address_size(&a)));
	T(fprintf(out, "words\n"));
	T(fflush(out));
	T(fgets(line, sizeof(line), in) != NULL);
	say("%s", line);
	T(shutdown(fileno(out), SHUT_WR));
	T(fgetc(in));
	task_join(&t);
	fclose(in);
	fclose(out);
	close(l);
}

/* Standard input, from before there is a connection. */
static void on_standard_input(void)
{
	struct task t;
	char line[16] = "";
	step("standard input");
	int l = listen_on(AF_INET, 1), c = fresh_socket();
	union address a = address_of(l);
	MUST(dup2(c, STDIN_FILENO));
	task_start(&t, echo_once, &l);
	T(connect(c, &a.any, address_size(&a)));
	T(write(c, "words\n", 6));
	T(fgets(line, sizeof(line), stdin) != NULL);
	say("%s", line);
	close(c);
	T(shutdown(STDIN_FILENO, SHUT_WR));
	T(fgetc(stdin));
	task_join(&t);
	close(l);
}

/* Every way to send on a socket that is not connected. */
static void not_connected(void)
{
	union address to = loopback(AF_INET);
	int c = fresh_socket(), p[2], f = (int)MUST(open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
	struct iovec v = {"words", 5};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	struct mmsghdr mm = {.msg_hdr = m};
	char byte;
	step("not connected");
	T(write(c, "words", 5));
	T(write(c, "", 0));
	T(writev(c, &v, 1));
	T(pwritev2(c, &v, 1, -1, 0));
	T(send(c, "words", 5, MSG_DONTWAIT));
	T(send(c, "w", 1, MSG_OOB));
	T(sendto(c, "words", 5, 0, &to.any, sizeof(to.in)));
	T(sendmsg(c, &m, 0));
	T(sendmmsg(c, &mm, 1, 0));
	T(dprintf(c, "words"));
	T(sendfile(c, f, NULL, 10));
	MUST(pipe(p));
	MUST(write(p[1], "words", 5));
	T(splice(p[0], NULL, c, NULL, 5, 0));
	T(read(p[0], &byte, 1));
	T(read(c, &byte, 1));
	T(recv(c, &byte, 1, MSG_PEEK));
	T(shutdown(c, SHUT_WR));
	say_poll("c", c, POLLIN | POLLOUT, 0);
	close(c);
	close(f);
	close(p[0]);
	close(p[1]);
}

/* What came of an earlier connect does not matter to the next. */
static void after_a_failure(void)
{
	struct task t;
	char text[8] = "";
	step("after a connect that was refused");
	int gone = listen_on(AF_INET, 1), l = listen_on(AF_INET, 1);
	union address nobody = address_of(gone), a = address_of(l);
	close(gone);
	int c = fresh_socket(), d = by_dup(c);
	FILE *out = fdopen(d, "w");
	T(connect(c, &nobody.any, address_size(&nobody)));
	T(write(d, "early", 5));
	task_start(&t, echo_once, &l);
	T(connect(c, &a.any, address_size(&a)));
	T(fprintf(out, "words"));
	T(fflush(out));
	T(read(c, text, sizeof(text)));
	say("%s", text);
	T(shutdown(c, SHUT_WR));
	task_join(&t);
	fclose(out);
	close(c);
	close(l);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	watchdog_start();
	copied("dup", false, by_dup);
	copied("dup2", true, by_dup2);
	copied("F_DUPFD", false, by_fcntl);
	closed_at_once();
	streamed("a stream", false);
	streamed("a stream on the copy", true);
	on_standard_input();
	not_connected();
	after_a_failure();
	return 0;
}
