/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CFLAGS: -rdynamic */
/* A program that is its own wolfSSL, and one that loads OpenSSL: nobody uses another's. */
#include "../tasks.h"

#include <dlfcn.h>

#define LIBRARY "libssl.so.3"

/*
 * What a program defines and exports is what every library finds under that name (dlopen(3)), so
 * whoever else calls one of these ends here.
 */
#define OWN(name) \
	__attribute__((visibility("default"))) void name(void); \
	void name(void) \
	{ \
		say("the program's own " #name " was called"); \
		abort(); \
	}
OWN(wolfSSL_Init)
OWN(wolfSSL_Cleanup)
OWN(wolfSSL_CTX_new)
OWN(wolfSSL_CTX_free)
OWN(wolfSSL_new)
OWN(wolfSSL_free)
OWN(wolfSSL_connect)
OWN(wolfSSL_accept)
OWN(wolfSSL_read)
OWN(wolfSSL_write)
OWN(wolfSSL_get_error)
OWN(wolfSSL_shutdown)
OWN(wolfSSL_SetAllocators)
OWN(wolfTLS_client_method)
OWN(wolfTLS_server_method)
OWN(wolfTLSv1_3_client_method)
OWN(wolfTLSv1_3_server_method)
OWN(wc_InitRng)
OWN(wc_RNG_GenerateBlock)
OWN(wc_FreeRng)
OWN(wc_AesGcmSetKey)
OWN(wc_AesGcmEncrypt)
OWN(wc_AesGcmDecrypt)
OWN(wolfSSL_Malloc)
OWN(wolfSSL_Free)
OWN(wolfSSL_Realloc)
OWN(config_init)
OWN(config_read_string)
OWN(config_destroy)

/* ---- OpenSSL, without its headers ------------------------------------------------------------ */

enum { SET_MAX_PROTO_VERSION = 124, TLS1_2 = 0x0303 };

static struct {
	void *(*method)(void);
	void *(*context)(void *method);
	long (*control)(void *context, int command, long number, void *pointer);
	int (*ciphers)(void *context, const char *list);
	void *(*create)(void *context);
	int (*set_fd)(void *ssl, int fd);
	int (*connect)(void *ssl), (*accept)(void *ssl), (*shutdown)(void *ssl);
	int (*read)(void *ssl, void *to, int size), (*write)(void *ssl, const void *from, int size);
	void (*destroy)(void *ssl);
} ssl;

static bool load(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);
	if (!library)
		return false;
	*(void **)&ssl.method = dlsym(library, "TLS_method");
	*(void **)&ssl.context = dlsym(library, "SSL_CTX_new");
	*(void **)&ssl.control = dlsym(library, "SSL_CTX_ctrl");
	*(void **)&ssl.ciphers = dlsym(library, "SSL_CTX_set_cipher_list");
	*(void **)&ssl.create = dlsym(library, "SSL_new");
	*(void **)&ssl.set_fd = dlsym(library, "SSL_set_fd");
	*(void **)&ssl.connect = dlsym(library, "SSL_connect");
	*(void **)&ssl.accept = dlsym(library, "SSL_accept");
	*(void **)&ssl.shutdown = dlsym(library, "SSL_shutdown");
	*(void **)&ssl.read = dlsym(library, "SSL_read");
	*(void **)&ssl.write = dlsym(library, "SSL_write");
	*(void **)&ssl.destroy = dlsym(library, "SSL_free");
	return ssl.destroy != NULL;
}

/* An end with a cipher that needs no certificate; what it protects is protected elsewhere. */
static void *begin(int fd)
{
	void *context = ssl.context(ssl.method());
	ssl.control(context, SET_MAX_PROTO_VERSION, TLS1_2, NULL);
	if (ssl.ciphers(context, "aNULL:@SECLEVEL=0") != 1)
		say("no such cipher");
	void *end = ssl.create(context);
	ssl.set_fd(end, fd);
	return end;
}

static struct pair p;
static int accepted;
static size_t echoed;

static void serve(void *argument)
{
	static char buffer[20000];
	void *end = begin(p.s);
	int n;
	(void)argument;
	accepted = ssl.accept(end);
	while ((n = ssl.read(end, buffer, sizeof(buffer))) > 0)
		echoed += (size_t)ssl.write(end, buffer, n);
	ssl.shutdown(end);
	ssl.destroy(end);
	close(p.s);
}

int main(void)
{
	static char out[100000], in[100000];
	struct task t;
	char byte;

	watchdog_start();
	signal(SIGPIPE, SIG_IGN);
	step("beside a program's own wolfSSL");
	p = pair_open(AF_INET);
	T(write(p.c, "one", 3));
	T(read_exact(p.s, in, 3));
	pair_close(&p);

	if (!load()) {
		say("there is no " LIBRARY " here");
		return 77;
	}
	step("through a program's own OpenSSL");
	/* Its first bytes are the connection's first. */
	p = pair_fresh(AF_INET);
	task_start(&t, serve, NULL);
	void *end = begin(p.c);
	say("connected %d", ssl.connect(end));
	fill(out, sizeof(out), 0);
	size_t got = 0;
	for (size_t sent = 0; sent < sizeof(out); sent += 10000) {
		ssl.write(end, out + sent, 10000);
		for (int n; got < sent + 10000; got += (size_t)n)
			if ((n = ssl.read(end, in + got, (int)(sizeof(in) - got))) <= 0)
				break;
	}
	say("%s", got == sizeof(in) && !memcmp(in, out, got) ? "equal" : "DIFFERENT");
	say("shut %d", ssl.shutdown(end) >= 0);
	task_join(&t);
	say("accepted %d, echoed %zu", accepted, echoed);
	ssl.destroy(end);
	T(read(p.c, &byte, 1) >= 0);
	return 0;
}
