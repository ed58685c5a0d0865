/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NOT thread: ThreadSanitizer fails a check of its own where a thread outlives the first */
/* Every way to end by oneself, the last words of handlers included: they arrive, then the end. */
#include "../tasks.h"

#include <setjmp.h>

static struct pair p;
static sigjmp_buf out;

static void say_from(const char *word)
{
	MUST(write_all(p.c, word, strlen(word)));
}

static void handler(void)
{
	say_from(" handler");
}

static void inner_handler(void)
{
	handler();
	exit(3);
}

__attribute__((destructor)) static void destructor(void)
{
	if (p.c > 0)
		say_from(" destructor");
}

static void exits(void *unused)
{
	(void)unused;
	exit(0);
}

static void aborts(int signal)
{
	(void)signal;
	abort();
}

static void on_abort(int signal)
{
	(void)signal;
	handler();
}

static void escape(int signal)
{
	(void)signal;
	siglongjmp(out, 1);
}

static void abort_and_go_on(void)
{
	signal(SIGABRT, escape);
	if (sigsetjmp(out, 1) == 0)
		abort();
	say_from(" and more");
	signal(SIGABRT, SIG_IGN);
	abort();
}

/* As the last thread there is. */
static void outlives_main(void *main_thread)
{
	pthread_join(*(pthread_t *)main_thread, NULL);
	say_from(" last thread");
}

static void main_ends_first(void)
{
	static pthread_t main_thread;
	static struct task t;
	main_thread = pthread_self();
	task_start(&t, outlives_main, &main_thread);
	pthread_exit(NULL);
}

enum way {
	RETURN, EXIT, EXIT_IN_HANDLER, EXIT_IN_THREAD, LAST_THREAD, QUICK, IMMEDIATE, IMMEDIATE_ISO,
	ABORT, ABORT_IN_SIGNAL, ABORT_HANDLED, ABORT_ESCAPED, WAYS,
};

static int end_by(enum way way)
{
	struct task t;
	MUST(read(p.c, &(char){0}, 1)); /* the parent has let go */
	say_from("last words");
	switch (way) {
	case RETURN: atexit(handler); return 1;
	case EXIT: atexit(handler); exit(2);
	case EXIT_IN_HANDLER: atexit(inner_handler); exit(0);
	case EXIT_IN_THREAD: task_start(&t, exits, NULL); pause(); break;
	case LAST_THREAD: main_ends_first(); break;
	case QUICK: at_quick_exit(handler); quick_exit(4);
	case IMMEDIATE: atexit(handler); _exit(5);
	case IMMEDIATE_ISO: atexit(handler); _Exit(6);
	case ABORT: atexit(handler); abort();
	case ABORT_IN_SIGNAL: signal(SIGUSR1, aborts); raise(SIGUSR1); break;
	case ABORT_HANDLED: signal(SIGABRT, on_abort); abort();
	case ABORT_ESCAPED: abort_and_go_on(); break;
	case WAYS: break;
	}
	return 99;
}

int main(void)
{
	static const char *const names[] = {
		"return", "exit", "exit in a handler of exit", "exit in a thread",
		"the last thread", "quick_exit", "_exit", "_Exit", "abort",
		"abort in a signal handler", "abort, which is handled",
		"abort, which is not the end, and one that is",
	};
	char words[100] = "";

	watchdog_start();
	for (enum way way = 0; way < WAYS; way++) {
		step(names[way]);
		p = pair_open(AF_INET);
		pid_t child = fork_watched();
		if (child == 0) {
			close(p.s);
			return end_by(way);
		}
		close(p.c);
		p.c = 0;
		MUST(write(p.s, "", 1));
		ssize_t got = read_exact(p.s, words, sizeof(words) - 1);
		words[got > 0 ? got : 0] = '\0';
		say("%zd: %s", got, words);
		T(read(p.s, words, 1));
		say_wait("child", child);
		close(p.s);
		close(p.l);
	}
	return 0;
}
