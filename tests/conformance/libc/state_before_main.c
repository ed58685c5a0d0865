/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection made before main and before any library's constructor is one like any other. */
#include "../trace.h"

static struct pair p;

static void begin(int argc, char **argv, char **envp)
{
	(void)argc;
	(void)argv;
	(void)envp;
	watchdog_start();
	step("before everything");
	p.l = listen_on(AF_INET, 8);
	p.c = connect_to(p.l);
	T(write(p.c, "early", 5));
}

/* What is listed here runs first of all (the ELF specification, DT_PREINIT_ARRAY). */
__attribute__((section(".preinit_array"), used)) static void (*const first)(int, char **, char **) =
	begin;

int main(void)
{
	char buffer[8];

	step("in main");
	p.s = (int)MUST(accept(p.l, NULL, NULL));
	T(read_beside(p.s, p.c, buffer, 5));
	say_sum("got", buffer, 5);
	T(write(p.s, "late", 4));
	T(read_beside(p.c, p.s, buffer, 4));
	say_sum("got", buffer, 4);
	T(close(p.c));
	T(read(p.s, buffer, 1));
	return 0;
}
