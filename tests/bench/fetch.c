/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP requests, each on a connection of its own: fetch PORT COUNT, by eight processes at once. */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROCESSES = 8 };

static void fetch(const struct sockaddr_in *to)
{
	static const char request[] = "GET / HTTP/1.1\r\n"
	                              "Host: localhost\r\nConnection: close\r\n\r\n";
	char answer[4096];
	size_t got = 0;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof(*to)))
		err(1, "connect");
	if (write(fd, request, sizeof(request) - 1) != (ssize_t)sizeof(request) - 1)
		err(1, "write");
	ssize_t n;
	while ((n = read(fd, answer + got, sizeof(answer) - 1 - got)) > 0)
		got += (size_t)n;
	if (n < 0)
		err(1, "read after %zu bytes", got);
	answer[got] = '\0';
	if (strncmp(answer, "HTTP/1.1 200", 12) != 0)
		errx(1, "answered: %.200s", answer);
	close(fd);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		errx(2, "usage: fetch PORT COUNT");
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < PROCESSES; i++) {
		pid_t pid = fork();
		if (pid < 0)
			err(1, "fork");
		if (pid > 0)
			continue;
		for (int n = atoi(argv[2]) / PROCESSES; n > 0; n--)
			fetch(&to);
		return 0;
	}
	int status, worst = 0;
	while (wait(&status) > 0)
		worst |= status;
	return worst != 0;
}
