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
	struct answer answer; /* only if ANSWERED */
	char trace[TRACE];    /* only if not */
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

/* ---- workers -------------------------------------------------------------------------------- */

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

static void worker_answer(struct worker *w, struct outcome *o)
{
	struct pollfd p = {.fd = w->from, .events = POLLIN};
	o->kind = HUNG;
	if (poll(&p, 1, patience) == 1)
		o->kind = read(w->from, &o->answer, sizeof o->answer) == sizeof o->answer
		                  ? ANSWERED : DIED;
	if (o->kind != ANSWERED)
		memcpy(o->trace, w->world->trace, TRACE);
}

static void worker_gather(struct worker *w, const struct sequence *s, unsigned count,
                          struct outcome *outcomes)
{
	for (unsigned i = 0; i < count; i++) {
		worker_answer(w, &outcomes[i]);
		if (outcomes[i].kind == ANSWERED)
			continue;
		worker_stop(w);
		worker_start(w);
		worker_send(w, s + i + 1, count - i - 1);
	}
}

/* ---- comparing ------------------------------------------------------------------------------ */

static bool differs(const struct outcome *bare, const struct outcome *sleeved)
{
	if (sleeved->kind != ANSWERED || !sleeved->answer.fine)
		return true;
	if (faults)
		return false;
	return bare->kind != ANSWERED || !bare->answer.fine ||
	       bare->answer.sum != sleeved->answer.sum;
}

/* Both at the same time. */
static void run(const struct sequence *s, unsigned count, struct outcome *bare,
                struct outcome *sleeved)
{
	for (struct worker *w = first; w < workers + 2; w++)
		worker_send(w, s, count);
	if (!faults)
		worker_gather(&workers[0], s, count, bare);
	worker_gather(&workers[1], s, count, sleeved);
}

static bool is_different(const struct sequence *s)
{
	struct outcome bare, sleeved;
	run(s, 1, &bare, &sleeved);
	return differs(&bare, &sleeved);
}

/* ---- shrinking ------------------------------------------------------------------------------ */

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

/* ---- showing -------------------------------------------------------------------------------- */

static const char *next_line(const char **trace, size_t *length)
{
	const char *line = *trace;
	*length = strcspn(line, "\n");
	*trace = line + *length + (line[*length] == '\n');
	return line;
}

/* What a worker said of a sequence, to keep. */
static char *story(const struct worker *w, const struct outcome *o)
{
	static const char *const ends[] = {"", "(still running; killed)\n", "(died)\n"};
	char *text;
	if (faults && w == workers)
		return strdup("");
	const char *trace = o->kind == ANSWERED ? w->world->kept[o->answer.kept] : o->trace;
	if (asprintf(&text, "%s%s", trace, ends[o->kind]) < 0)
		die("asprintf");
	return text;
}

/* Line by line; where the two say different things, both. */
static void show(const char *bare, const char *sleeved)
{
	while (*bare || *sleeved) {
		size_t m, n;
		const char *x = next_line(&bare, &m), *y = next_line(&sleeved, &n);
		if (faults || (m == n && !memcmp(x, y, m)))
			printf("  %.*s\n", (int)n, y);
		else
			printf("  bare:    %.*s\n  sleeved: %.*s\n", (int)m, x, (int)n, y);
	}
}

/* One sequence, and its traces. */
static bool run_shown(const struct sequence *s)
{
	struct outcome bare, sleeved;
	run(s, 1, &bare, &sleeved);
	char *stories[2] = {story(&workers[0], &bare), story(&workers[1], &sleeved)};
	show(stories[0], stories[1]);
	free(stories[0]);
	free(stories[1]);
	return differs(&bare, &sleeved);
}

/* Where it ended. */
static const char *last_line(const char *story)
{
	const char *end = story + strlen(story) - 1;
	while (end > story && end[-1] != '\n')
		end--;
	return end;
}

/* The stories are of its first run, for the case that it does not differ again. */
static void report(uint64_t seed, struct sequence *s, char **stories)
{
	static char text[MOST_TEXT];
	bool again = true;
	printf("DIFFERENT: seed %llu\n", (unsigned long long)seed);
	for (int i = 0; i < 2; i++)
		if (strlen(stories[i]) > 1 && stories[i][strlen(stories[i]) - 2] == ')')
			printf("  %s: %s", workers[i].name, last_line(stories[i]));
	fflush(stdout);
	for (int i = 0; i < 3 && again; i++)
		again = is_different(s);
	if (again) {
		int before = patience;
		patience = patience < 3000 ? patience : 3000;
		shrink(s);
		patience = before;
		sequence_print(s, text, sizeof text, '\n');
		printf("the shortest found, to be run by tests/model/run FILE:\n%s", text);
		printf("its trace:\n");
		run_shown(s);
	} else {
		printf("run again, it does not differ; the first time it was:\n");
		show(stories[0], stories[1]);
	}
	fflush(stdout);
}

/* ---- many, or one --------------------------------------------------------------------------- */

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
	static struct outcome bare[BATCH], sleeved[BATCH];
	unsigned long done = 0, differences = 0;
	const char *failures = getenv("FAILURES");
	unsigned long most = failures ? strtoul(failures, NULL, 0) : 5;
	double begun = now();
	while (done < count && differences < most) {
		unsigned size = count - done < BATCH ? (unsigned)(count - done) : BATCH;
		pause_if_asked();
		for (unsigned i = 0; i < size; i++)
			sequence_make(&batch[i], seed + done + i, faults);
		run(batch, size, bare, sleeved);
		char *stories[BATCH][2] = {{NULL}};
		for (unsigned i = 0; i < size; i++) {
			if (!differs(&bare[i], &sleeved[i]))
				continue;
			stories[i][0] = story(&workers[0], &bare[i]);
			stories[i][1] = story(&workers[1], &sleeved[i]);
			differences++;
		}
		for (unsigned i = 0; i < size; i++) {
			if (stories[i][0])
				report(seed + done + i, &batch[i], stories[i]);
			free(stories[i][0]);
			free(stories[i][1]);
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
	bool different = run_shown(&s);
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
