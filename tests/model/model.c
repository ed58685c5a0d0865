/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Runs random sequences bare and sleeved and compares; shrinks those that differ. */
#include "world.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/*
 *	model SEED COUNT        that many sequences, from this seed on
 *	model FILE              the sequence in a file (- is standard input), and its trace
 *	model --worker          what runs them: one without, one with Sleeve
 *
 * MODEL_PRELOAD is what the sleeved worker is started with.  With MODEL_FAULTS there is only that
 * one, and it judges by itself.  tests/model/run sets all this up.
 */

enum { BATCH = 10 };

struct worker {
	const char *name;
	bool sleeved;
	pid_t pid;
	int to, from, memory;
	struct world *world;
};

enum kind { ANSWERED, HUNG, DIED };

struct outcome {
	enum kind kind;
	struct answer answer;
};

static struct worker workers[2] = {{.name = "bare"}, {.name = "sleeved", .sleeved = true}};
static struct worker *first = workers;
static int patience = 20000; /* milliseconds a sequence may take */
static bool faults;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

/* ---- workers ---------------------------------------------------------------------------------- */

static void worker_start(struct worker *w)
{
	int to[2], from[2];
	char memory[16];
	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		die("pipe");
	if (!w->world) {
		w->memory = memfd_create("world", 0);
		if (w->memory < 0 || ftruncate(w->memory, sizeof *w->world))
			die("memfd_create");
		w->world = mmap(NULL, sizeof *w->world, PROT_READ | PROT_WRITE, MAP_SHARED,
		                w->memory, 0);
		if (w->world == MAP_FAILED)
			die("mmap");
	}
	w->pid = fork();
	if (w->pid < 0)
		die("fork");
	if (w->pid == 0) {
		setpgid(0, 0); /* its children go when it does */
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		snprintf(memory, sizeof memory, "%d", w->memory);
		setenv("MODEL_WORLD", memory, 1);
		if (w->sleeved)
			setenv("LD_PRELOAD", getenv("MODEL_PRELOAD"), 1);
		execl("/proc/self/exe", "model", "--worker", NULL);
		die("execl");
	}
	close(to[0]);
	close(from[1]);
	w->to = to[1];
	w->from = from[0];
}

static void worker_stop(struct worker *w)
{
	close(w->to);
	close(w->from);
	kill(-w->pid, SIGKILL);
	kill(w->pid, SIGKILL);
	waitpid(w->pid, NULL, 0);
}

static void worker_send(struct worker *w, const struct sequence *s, unsigned count)
{
	static char text[MOST_TEXT];
	for (unsigned i = 0; i < count; i++) {
		sequence_print(&s[i], text, sizeof text - 1, ';');
		strcat(text, "\n");
		size_t length = strlen(text);
		if (write(w->to, text, length) != (ssize_t)length)
			return; /* it has died; the answers will tell */
	}
}

static struct outcome worker_answer(struct worker *w)
{
	struct outcome o = {.kind = HUNG};
	struct pollfd p = {.fd = w->from, .events = POLLIN};
	if (poll(&p, 1, patience) != 1)
		return o;
	o.kind = read(w->from, &o.answer, sizeof o.answer) == sizeof o.answer ? ANSWERED : DIED;
	return o;
}

static void worker_gather(struct worker *w, const struct sequence *s, unsigned count,
                          struct outcome *outcomes)
{
	for (unsigned i = 0; i < count; i++) {
		outcomes[i] = worker_answer(w);
		if (outcomes[i].kind == ANSWERED)
			continue;
		worker_stop(w);
		worker_start(w);
		worker_send(w, s + i + 1, count - i - 1);
	}
}

/* ---- comparing -------------------------------------------------------------------------------- */

static bool differs(const struct outcome *bare, const struct outcome *sleeved)
{
	if (sleeved->kind != ANSWERED || !sleeved->answer.fine)
		return true;
	if (faults)
		return false;
	return bare->kind != ANSWERED || !bare->answer.fine ||
	       bare->answer.sum != sleeved->answer.sum;
}

/* Both at the same time; `different` is told for each. */
static void compare(const struct sequence *s, unsigned count, bool *different)
{
	struct outcome outcomes[2][BATCH];
	for (struct worker *w = first; w < workers + 2; w++)
		worker_send(w, s, count);
	for (struct worker *w = first; w < workers + 2; w++)
		worker_gather(w, s, count, outcomes[w - workers]);
	for (unsigned i = 0; i < count; i++)
		different[i] = differs(&outcomes[0][i], &outcomes[1][i]);
}

static bool is_different(const struct sequence *s)
{
	bool different;
	compare(s, 1, &different);
	return different;
}

/* ---- shrinking -------------------------------------------------------------------------------- */

/* Does it still differ without these? */
static bool try_without(struct sequence *s, unsigned at, unsigned count)
{
	struct sequence shorter = *s;
	memmove(shorter.op + at, shorter.op + at + count,
	        (s->count - at - count) * sizeof *s->op);
	shorter.count -= count;
	if (!is_different(&shorter))
		return false;
	*s = shorter;
	return true;
}

static bool try_with(struct sequence *s, unsigned at, struct op op)
{
	struct sequence simpler = *s;
	if (!memcmp(&simpler.op[at], &op, sizeof op))
		return false;
	simpler.op[at] = op;
	if (!is_different(&simpler))
		return false;
	*s = simpler;
	return true;
}

static void simplify(struct sequence *s, unsigned i)
{
	struct op op;
#define TRY(change) (op = s->op[i], change, try_with(s, i, op))
	TRY(op.faults = 0);
	TRY(op.cut = 0);
	TRY(op.name = 0);
	TRY(op.process = 0);
	for (unsigned bit = 0; bit < FLAG_BITS; bit++)
		TRY(op.flags &= (uint16_t)~(1 << bit));
	if (op.verb == VERB_read || op.verb == VERB_write) {
		TRY(op.how = 0);
		if (!TRY(op.size = 1))
			TRY(op.size = 100);
	}
#undef TRY
}

static void shrink(struct sequence *s)
{
	for (unsigned chunk = s->count / 2; chunk; chunk /= 2)
		for (unsigned at = 0; at + chunk <= s->count;)
			if (!try_without(s, at, chunk))
				at += chunk;
	for (unsigned i = 0; i < s->count; i++)
		simplify(s, i);
	for (unsigned at = s->count; at-- > 0;)
		try_without(s, at, 1);
}

/* ---- showing ---------------------------------------------------------------------------------- */

static const char *next_line(const char **trace, size_t *length)
{
	const char *line = *trace;
	*length = strcspn(line, "\n");
	*trace = line + *length + (line[*length] == '\n');
	return line;
}

static const char *const kinds[] = {"", "(still running; killed)", "(died)"};

/* Line by line; where the two say different things, both. */
static void show(const struct sequence *s)
{
	struct outcome o[2] = {{.kind = ANSWERED}};
	for (struct worker *w = first; w < workers + 2; w++) {
		w->world->length = 0;
		memset(w->world->trace, 0, TRACE);
		worker_send(w, s, 1);
		o[w - workers] = worker_answer(w);
		if (o[w - workers].kind != ANSWERED) {
			worker_stop(w);
			worker_start(w);
		}
	}
	const char *bare = faults ? "" : workers[0].world->trace, *tls = workers[1].world->trace;
	while (*bare || *tls) {
		size_t a, b;
		const char *x = next_line(&bare, &a), *y = next_line(&tls, &b);
		if (faults || (a == b && !memcmp(x, y, a)))
			printf("  %.*s\n", (int)b, y);
		else
			printf("  bare:    %.*s\n  sleeved: %.*s\n", (int)a, x, (int)b, y);
	}
	for (struct worker *w = first; w < workers + 2; w++)
		if (o[w - workers].kind != ANSWERED)
			printf("  %s %s\n", w->name, kinds[o[w - workers].kind]);
}

static void report(uint64_t seed, struct sequence *s)
{
	static char text[MOST_TEXT];
	printf("DIFFERENT: seed %llu%s\n", (unsigned long long)seed,
	       is_different(s) ? "" : ", but not when run again; its trace:");
	fflush(stdout);
	if (is_different(s) && is_different(s)) {
		int before = patience;
		patience = patience < 7000 ? patience : 7000;
		shrink(s);
		patience = before;
		sequence_print(s, text, sizeof text, '\n');
		printf("the shortest found, to be run by tests/model/run FILE:\n%s", text);
		printf("its trace:\n");
	}
	show(s);
	fflush(stdout);
}

/* ---- many, or one ----------------------------------------------------------------------------- */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void progress(unsigned long done, unsigned long count, unsigned long differences,
                     double begun)
{
	static double last;
	double time = now();
	if (time - last < 10 || time - begun < 10)
		return;
	last = time;
	printf("%lu of %lu, %lu differences, %.0f a second\n", done, count, differences,
	       (double)done / (time - begun));
	fflush(stdout);
}

/* Somebody else may need the machine to himself. */
static void pause_if_asked(void)
{
	const char *file = getenv("MODEL_PAUSE");
	while (file && access(file, F_OK) == 0)
		sleep(5);
}

static int run_many(uint64_t seed, unsigned long count)
{
	static struct sequence batch[BATCH];
	bool different[BATCH];
	unsigned long done = 0, differences = 0;
	const char *failures = getenv("FAILURES");
	unsigned long most = failures ? strtoul(failures, NULL, 0) : 5;
	double begun = now();
	while (done < count && differences < most) {
		unsigned size = count - done < BATCH ? (unsigned)(count - done) : BATCH;
		pause_if_asked();
		for (unsigned i = 0; i < size; i++)
			sequence_make(&batch[i], seed + done + i, faults);
		compare(batch, size, different);
		for (unsigned i = 0; i < size; i++)
			if (different[i]) {
				differences++;
				report(seed + done + i, &batch[i]);
			}
		done += size;
		progress(done, count, differences, begun);
	}
	printf("%lu sequences, %lu differences (%.0f a second)\n", done, differences,
	       (double)done / (now() - begun));
	return differences != 0;
}

static int run_one(const char *file)
{
	static char text[MOST_TEXT];
	static struct sequence s;
	const char *where = "";
	FILE *in = strcmp(file, "-") ? fopen(file, "r") : stdin;
	if (!in)
		die(file);
	text[fread(text, 1, sizeof text - 1, in)] = '\0';
	if (!sequence_parse(&s, text, &where)) {
		fprintf(stderr, "model: no operation: %s\n", where);
		return 2;
	}
	bool different = is_different(&s);
	show(&s);
	printf("%s\n", different ? "different" : "equal");
	return different;
}

int main(int count, char **arguments)
{
	const char *limit = getenv("MODEL_PATIENCE");
	if (count == 2 && !strcmp(arguments[1], "--worker"))
		return worker_main();
	if (count < 2 || count > 3 || !getenv("MODEL_PRELOAD")) {
		fprintf(stderr, "usage: tests/model/run [SEED COUNT | FILE]\n");
		return 2;
	}
	patience = limit ? 1000 * atoi(limit) : patience;
	faults = getenv("MODEL_FAULTS") != NULL;
	first = faults ? workers + 1 : workers;
	signal(SIGPIPE, SIG_IGN);
	for (struct worker *w = first; w < workers + 2; w++)
		worker_start(w);
	int result = count == 2 ? run_one(arguments[1])
	                        : run_many(strtoull(arguments[1], NULL, 0),
	                                   strtoul(arguments[2], NULL, 0));
	for (struct worker *w = first; w < workers + 2; w++)
		worker_stop(w);
	return result;
}
