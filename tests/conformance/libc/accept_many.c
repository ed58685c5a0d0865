/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fifty connections wait before the first accept; each then gets its own answer. */
#include "../trace.h"

#define MANY 50

int main(void)
{
	int c[MANY], s[MANY], wrong = 0;

	watchdog_start();
	int l = listen_on(AF_INET, 128);
	for (int i = 0; i < MANY; i++)
		c[i] = connect_to(l);
	set_nonblocking(l, true);
	int accepted = 0;
	while ((s[accepted] = accept(l, NULL, NULL)) >= 0)
		if (++accepted == MANY)
			break;
	say("accepted %d", accepted);
	T(accept(l, NULL, NULL));
	for (int i = 0; i < MANY; i++) {
		char text[8], got[8];
		settle(c[i], s[i]);
		int length = snprintf(text, sizeof(text), "n%d", i);
		MUST(write(c[i], text, (size_t)length));
		MUST(read_exact(s[i], got, (size_t)length));
		wrong += memcmp(text, got, (size_t)length) != 0;
	}
	say("%d wrong", wrong);
	for (int i = 0; i < MANY; i++)
		close(c[i]);
	for (int i = 0; i < MANY; i++)
		wrong += read(s[i], &(char){0}, 1) != 0;
	say("%d did not end", wrong);
	return 0;
}
