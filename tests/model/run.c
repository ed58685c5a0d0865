/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs sequences: opens the two sockets, hands each operation to the process it is for. */
#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct sequence *sequence;

/* faults.c, where it is preloaded: the calls of the shim from now on fail by this seed. */
static void (*faults_begin)(unsigned seed);

/* ---- several processes ---------------------------------------------------------------------- */

enum { ORDER_OPERATION, ORDER_REST, ORDER_EXIT };

struct order {
	uint8_t what, index;
};

/* One process acts at a time: it is sent an order, and answers when it is done. */
static int orders[PROCESSES][2], answers[PROCESSES][2];

static void act(struct order order);

static __attribute__((noreturn)) void serve(unsigned process)
{
	self = process;
	alarm(300); /* should all be killed but this one */
	for (;;) {
		struct order order;
		if (read(orders[self][0], &order, sizeof order) != sizeof order ||
		    order.what == ORDER_EXIT)
			_exit(0);
		act(order);
		MUST(write(answers[self][1], "", 1));
	}
}

static void delegate(unsigned process, struct order order)
{
	char byte;
	if (process == self) {
		act(order);
		return;
	}
	MUST(write(orders[process][1], &order, sizeof order));
	MUST(read(answers[process][0], &byte, 1));
}

static void perform_fork(void)
{
	unsigned process = 0;
	while (process < PROCESSES && world->alive[process])
		process++;
	if (process == PROCESSES) {
		tell(" -");
		return;
	}
	memcpy(world->fd[process], world->fd[self], sizeof world->fd[self]);
	long pid = CALL(fork());
	if (pid == 0 && faults_begin)
		faults_begin(0);
	if (pid == 0)
		serve(process);
	if (pid < 0)
		broken("fork");
	world->pid[process] = (pid_t)pid;
	world->alive[process] = true;
	tell(call_errno == ENOTUNIQ ? " done" : " done, errno became %s",
	     strerrorname_np(call_errno));
}

/* Whoever is its parent: SIGCHLD is ignored, so what is awaited is that it is no more. */
static void await_end(unsigned process)
{
	struct pollfd p = {.events = POLLIN};
	p.fd = (int)syscall(SYS_pidfd_open, world->pid[process], 0);
	while (p.fd >= 0 && poll(&p, 1, -1) != 1)
		;
	if (p.fd >= 0)
		close(p.fd);
	world->alive[process] = false;
	for (unsigned end = 0; end < 2; end++)
		for (unsigned i = 0; i < NAMES; i++)
			if (world->fd[process][end][i] >= 0)
				lose_name(process, end, i);
}

/* A process that is killed cannot say goodbye; so only one that leaves both ends to others. */
static void perform_exit(const struct op *op)
{
	unsigned process = op->process;
	struct order order = {ORDER_EXIT, 0};
	bool leaves[2];
	for (unsigned end = 0; end < 2; end++) {
		unsigned own = 0;
		for (unsigned i = 0; i < NAMES; i++)
			own += world->fd[process][end][i] >= 0;
		leaves[end] = own && names_of(end) == own;
	}
	bool kills = !strcmp(op_how(op), "kill"), last = leaves[0] || leaves[1];
	if (process == 0 || !world->alive[process] ||
	    (last && (kills || !(op->flags & FLAG_last)))) {
		tell(" -");
		return;
	}
	if (kills)
		kill(world->pid[process], SIGKILL);
	else
		MUST(write(orders[process][1], &order, sizeof order));
	await_end(process);
	tell(" done");
}

/* ---- one operation -------------------------------------------------------------------------- */

static void perform(const struct op *op)
{
	static void (*const table[])(const struct op *) = {
		[VERB_write] = perform_write, [VERB_read] = perform_read,
		[VERB_bulk] = perform_bulk,   [VERB_ask] = perform_ask,
		[VERB_watch] = perform_watch, [VERB_wait] = perform_wait,
		[VERB_name] = perform_name,   [VERB_close] = perform_close,
		[VERB_shut] = perform_shut,   [VERB_option] = perform_option,
	};
	if (world->spoiled && op->verb != VERB_close && op->verb != VERB_fork) {
		tell(" -");
		return;
	}
	if (faults_begin)
		faults_begin(op->faults);
	if (op->verb == VERB_fork)
		perform_fork();
	else
		table[op->verb](op);
	if (faults_begin)
		faults_begin(0);
}

static void act(struct order order)
{
	if (order.what == ORDER_OPERATION)
		perform(&sequence->op[order.index]);
	else
		rest(order.index);
}

static bool holds(unsigned process, unsigned end)
{
	for (unsigned i = 0; world->alive[process] && i < NAMES; i++)
		if (world->fd[process][end][i] >= 0)
			return true;
	return false;
}

/* Both directions come to rest: in the process that will act, and where that lacks the sender,
 * in one that has it. */
static void all_rest(unsigned process)
{
	for (unsigned end = 0; end < 2; end++) {
		struct order order = {ORDER_REST, (uint8_t)end};
		unsigned sender = 0;
		while (sender < PROCESSES && !holds(sender, !end))
			sender++;
		if (!holds(process, !end) && sender < PROCESSES)
			delegate(sender, order);
		if (holds(process, 0) || holds(process, 1))
			delegate(process, order);
	}
}

static bool wants_rest(const struct op *op)
{
	return op->verb != VERB_write && op->verb != VERB_fork &&
	       (op->verb != VERB_name || op->how >= 5);
}

static void run_op(unsigned index)
{
	struct op op = sequence->op[index];
	char text[128];
	unsigned signals = world->signals;
	op_print(&op, text, sizeof text);
	tell("%s =", text);
	if (!world->alive[op.process])
		op.process = 0;
	if (wants_rest(&op) && !world->spoiled)
		all_rest(op.process);
	if (op.verb == VERB_exit)
		perform_exit(&op);
	else
		delegate(op.process, (struct order){ORDER_OPERATION, (uint8_t)index});
	tell("%s\n", signals == world->signals ? "" : " SIGPIPE");
}

/* ---- one sequence --------------------------------------------------------------------------- */

static int listener = -1;

/* Small segments that nobody reads cost the kernel many times their size; all shall arrive. */
static void wide_window(int fd)
{
	int size = 200000;
	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size));
}

static void open_listener(void)
{
	struct sockaddr_in here = {.sin_family = AF_INET,
	                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	listener = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	wide_window(listener);
	MUST(bind(listener, (struct sockaddr *)&here, sizeof here));
	MUST(listen(listener, 8));
}

/* One byte each way, so that what the two ends have to settle first is settled. */
static void settle(const int *fd)
{
	bool sent[2] = {false, false}, got[2] = {false, false};
	for (int turn = 0; !got[0] || !got[1] || !sent[0] || !sent[1]; turn++) {
		struct pollfd p[2];
		for (int i = 0; i < 2; i++)
			p[i] = (struct pollfd){
				.fd = fd[i],
				.events = (short)((got[i] ? 0 : POLLIN) | (sent[i] ? 0 : POLLOUT))};
		if (MUST(poll(p, 2, 10000)) == 0)
			broken("the two do not come together");
		for (int i = 0; i < 2; i++) {
			char byte = 's';
			if (!sent[i])
				sent[i] = send(fd[i], &byte, 1, MSG_DONTWAIT) == 1;
			ssize_t n = got[i] ? 1 : recv(fd[i], &byte, 1, MSG_DONTWAIT);
			if (n == 0)
				broken("the end of the stream while settling");
			got[i] = n == 1;
		}
	}
}

static void open_pair(void)
{
	struct sockaddr_in there;
	socklen_t length = sizeof there;
	int fd[2], one = 1;
	MUST(getsockname(listener, (struct sockaddr *)&there, &length));
	fd[0] = (int)MUST(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	wide_window(fd[0]);
	MUST(connect(fd[0], (struct sockaddr *)&there, length));
	fd[1] = (int)MUST(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	settle(fd);
	for (int i = 0; i < 2; i++) {
		MUST(setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
		world->fd[0][i][0] = fd[i];
	}
}

static void open_sets(void)
{
	for (unsigned i = 0; i <= SETS; i++) {
		struct epoll_event event = {.events = EPOLLIN, .data.u64 = i};
		world->set[i] = (int)MUST(epoll_create1(EPOLL_CLOEXEC));
		for (unsigned inner = 0; i == SETS && inner < SETS; inner++) {
			event.data.u64 = inner;
			MUST(epoll_ctl(world->set[SETS], EPOLL_CTL_ADD, world->set[inner],
			               &event));
		}
	}
}

static void begin(void)
{
	memset(world->end, 0, sizeof world->end);
	memset(world->fd, -1, sizeof world->fd);
	memset(world->alive, 0, sizeof world->alive);
	world->end[0].lowat = world->end[1].lowat = 1;
	world->alive[0] = true;
	world->signals = 0;
	world->spoiled = false;
	strcpy(world->verdict, "ok");
	world->length = 0;
	world->trace[0] = '\0';
	open_pair();
	open_sets();
}

static void finish(void)
{
	struct order order = {ORDER_EXIT, 0};
	for (unsigned p = 1; p < PROCESSES; p++)
		if (world->alive[p]) {
			MUST(write(orders[p][1], &order, sizeof order));
			await_end(p);
		}
	for (unsigned end = 0; end < 2; end++)
		for (unsigned i = 0; i < NAMES; i++)
			if (world->fd[0][end][i] >= 0)
				close(world->fd[0][end][i]);
	for (unsigned i = 0; i <= SETS; i++)
		close(world->set[i]);
}

void run_sequence(const struct sequence *s)
{
	sequence = s;
	begin();
	for (unsigned i = 0; i < s->count; i++)
		run_op(i);
	finish();
}

/* ---- the worker ----------------------------------------------------------------------------- */

static void on_pipe(int number)
{
	(void)number;
	world->signals++;
}

static uint64_t trace_sum(void)
{
	uint64_t sum = 0xcbf29ce484222325u;
	for (size_t i = 0; i < world->length; i++)
		sum = (sum ^ (unsigned char)world->trace[i]) * 0x100000001b3u;
	return sum;
}

/* MODEL_WORLD is a descriptor of the memory shared with the driver. */
int worker_main(void)
{
	static char line[MOST_TEXT];
	static struct sequence s;
	static uint32_t turn;
	struct sigaction count = {.sa_handler = on_pipe, .sa_flags = SA_RESTART};
	const char *where, *shared = getenv("MODEL_WORLD");
	FILE *in = fdopen(dup(STDIN_FILENO), "r");
	world = mmap(NULL, sizeof *world, PROT_READ | PROT_WRITE, MAP_SHARED, atoi(shared), 0);
	if (world == MAP_FAILED || !in)
		return 3;
	world->faulty = getenv("MODEL_FAULTS") != NULL;
	faults_begin = (void (*)(unsigned))dlsym(RTLD_DEFAULT, "faults_begin");
	if (world->faulty && !faults_begin)
		return 3;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGPIPE, &count, NULL);
	signal(SIGCHLD, SIG_IGN);
	pattern_start();
	open_listener();
	for (unsigned p = 0; p < PROCESSES; p++) {
		MUST(pipe2(orders[p], O_CLOEXEC));
		MUST(pipe2(answers[p], O_CLOEXEC));
	}
	while (fgets(line, sizeof line, in)) {
		if (!sequence_parse(&s, line, &where))
			return 2;
		run_sequence(&s);
		struct answer answer = {trace_sum(), !strcmp(world->verdict, "ok"), turn++ % KEPT};
		memcpy(world->kept[answer.kept], world->trace, world->length + 1);
		MUST(write(STDOUT_FILENO, &answer, sizeof answer));
	}
	return 0;
}
