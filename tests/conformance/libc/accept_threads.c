/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One listener, four threads blocked in accept; shutdown of the listener wakes the idle ones. */
#include "../trace.h"

#include <pthread.h>

#define SERVERS 4
#define MANY    20

static void *serve(void *argument)
{
	int l = *(int *)argument;
	char text[8];
	for (;;) {
		int s = accept(l, NULL, NULL);
		if (s < 0)
			return (void *)(intptr_t)errno;
		ssize_t n = read(s, text, sizeof(text));
		write_all(s, text, (size_t)n);
		close(s);
	}
}

int main(void)
{
	pthread_t server[SERVERS];
	int good = 0;

	watchdog_start();
	int l = listen_on(AF_INET, 128);
	for (int i = 0; i < SERVERS; i++)
		pthread_create(&server[i], NULL, serve, &l);
	for (int i = 0; i < MANY; i++) {
		char text[8], got[8];
		int length = snprintf(text, sizeof(text), "q%d", i);
		int c = connect_to(l);
		MUST(write_all(c, text, (size_t)length));
		good += read_exact(c, got, (size_t)length) == length &&
		        !memcmp(text, got, (size_t)length) && read(c, got, 1) == 0;
		close(c);
	}
	say("%d of %d served", good, MANY);
	T(shutdown(l, SHUT_RDWR));
	for (int i = 0; i < SERVERS; i++) {
		void *result;
		pthread_join(server[i], &result);
		say("accept ends with %s", strerrorname_np((int)(intptr_t)result));
	}
	return 0;
}
