/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fdopen over a connection: fprintf, fgets, fflush, fclose; and dprintf beside it. */
#include "../trace.h"

int main(void)
{
	char line[100];

	watchdog_start();
	struct pair p = pair_open(AF_INET);
	FILE *f = fdopen(p.c, "r+");
	if (!f)
		trace_die("fdopen");
	T(fprintf(f, "%s %d\n", "hello", 1));
	T(fflush(f));
	T(read_exact(p.s, line, 8));
	say_sum("s got", line, 8);
	T(dprintf(p.s, "first\nsecond %d\n", 2));
	say("%s", fgets(line, sizeof(line), f));
	say("%s", fgets(line, sizeof(line), f));
	T(fclose(f));
	T(read(p.s, line, sizeof(line)));
	return 0;
}
