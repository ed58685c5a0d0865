/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT tls: known difference: a read waiting as another thread closes gets EBADF (sleeve(7)). */
/* NOT thread: what ThreadSanitizer reports, a close under a reader, is what this is about */
/* close in one thread while another waits in read: the read lives on, the number is free. */
#include "../tasks.h"

static struct pair p;
static char buffer[100];
static ssize_t got;

static void reads(void *argument)
{
	(void)argument;
	got = read(p.s, buffer, sizeof(buffer));
}

int main(void)
{
	struct task t;

	watchdog_start();
	p = pair_open(AF_INET);
	task_start(&t, reads, NULL);
	task_wait_asleep(&t);
	T(close(p.s));
	T(fcntl(p.s, F_GETFD));
	int zero = (int)MUST(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	say("the number is %s", zero == p.s ? "used again" : "NOT FREE");
	T(write(p.c, "late news", 9));
	task_join(&t);
	say("the waiting read gives %zd", got);
	say_sum("got", buffer, 9);
	T(read(p.c, buffer, sizeof(buffer)));
	T(read(zero, buffer, 10));
	say("zero: %d", buffer[0]);
	return 0;
}
