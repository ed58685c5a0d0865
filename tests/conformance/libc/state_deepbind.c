/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A library that is to find libc before anything else (dlopen(3), RTLD_DEEPBIND) sends, receives,
 * connects, copies and closes: it does so like everybody. */
#include "../trace.h"

#include <dlfcn.h>

static const char source[] =
	"#include <sys/socket.h>\n"
	"#include <unistd.h>\n"
	"long deep_send(int fd, const void *p, long n) { return send(fd, p, n, 0); }\n"
	"long deep_recv(int fd, void *p, long n) { return recv(fd, p, n, MSG_WAITALL); }\n"
	"int deep_connect(int fd, const void *a, int n) { return connect(fd, a, n); }\n"
	"int deep_dup(int fd) { return dup(fd); }\n"
	"int deep_close(int fd) { return close(fd); }\n";

static struct {
	long (*send)(int fd, const void *from, long size);
	long (*recv)(int fd, void *to, long size);
	int (*connect)(int fd, const void *address, int length);
	int (*dup)(int fd), (*close)(int fd);
} deep;

static void build(void)
{
	int fd = (int)MUST(open("deep.c", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
	MUST(write_all(fd, source, sizeof(source) - 1));
	close(fd);
	if (system("${CC:-cc} -shared -fPIC -O1 -o now.so deep.c && cp now.so later.so")) {
		say("no compiler here builds a library");
		exit(77);
	}
}

static void load(const char *file, int mode)
{
	void *library = dlopen(file, mode);
	if (!library) {
		say("%s", dlerror());
		exit(1);
	}
	*(void **)&deep.send = dlsym(library, "deep_send");
	*(void **)&deep.recv = dlsym(library, "deep_recv");
	*(void **)&deep.connect = dlsym(library, "deep_connect");
	*(void **)&deep.dup = dlsym(library, "deep_dup");
	*(void **)&deep.close = dlsym(library, "deep_close");
}

static void talk(void)
{
	char text[8];
	struct pair p = {.l = listen_on(AF_INET, 8)};
	union address a = address_of(p.l);
	p.c = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	T(deep.connect(p.c, &a, (int)address_size(&a)));
	p.s = (int)MUST(accept(p.l, NULL, NULL));
	settle(p.c, p.s);
	T(deep.send(p.c, "by deep", 7));
	T(read_exact(p.s, text, 7));
	say("%.7s", text);
	T(write(p.s, "answer", 6));
	T(deep.recv(p.c, text, 6));
	say("%.6s", text);
	int copy = deep.dup(p.c);
	T(deep.close(p.c));
	T(write(copy, "copy", 4));
	T(read_exact(p.s, text, 4));
	T(deep.close(copy));
	T(read(p.s, text, 1));
	close(p.s);
	close(p.l);
}

int main(void)
{
	watchdog_start();
	build();
	step("bound now");
	load("./now.so", RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
	talk();
	step("bound when used");
	load("./later.so", RTLD_LAZY | RTLD_GLOBAL | RTLD_DEEPBIND);
	talk();
	return 0;
}
