/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve sessions: the connections of all sleeved programs, as a table or as JSON. */
#include "tools/command.h"
#include "tools/look.h"
#include "tools/table.h"
#include "tools/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

struct options {
	bool json, watch, all;
	const char *rundir;
};

static const char usage[] =
	"usage: sleeve sessions [--json] [--watch] [--all] [--rundir DIR]\n"
	"  --json        an array of objects, one a connection; sleeve(1) has the fields\n"
	"  --watch       a table that is refreshed every second, until interrupted\n"
	"  --all         closed connections too, as long as they are remembered\n"
	"  --rundir DIR  where to look; else SLEEVE_RUNDIR, else every run directory\n";

/* The exit status where that is all, else -1. */
static int parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{"json", no_argument, NULL, 'j'}, {"watch", no_argument, NULL, 'w'},
		{"all", no_argument, NULL, 'a'},  {"rundir", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'}, {0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'j')
			options->json = true;
		else if (option == 'w')
			options->watch = true;
		else if (option == 'a')
			options->all = true;
		else if (option == 'r')
			options->rundir = optarg;
		else if (option == 'h')
			return fputs(usage, stdout), EXIT_FINE;
		else
			return fputs(usage, stderr), EXIT_MISUSE;
	}
	if (optind < argc)
		fprintf(stderr, "sleeve sessions: what is \"%s\"?\n", argv[optind]);
	if (options->json && options->watch)
		fputs("sleeve sessions: --watch shows a table; leave out --json\n", stderr);
	if (optind < argc || (options->json && options->watch))
		return fputs(usage, stderr), EXIT_MISUSE;
	return -1;
}

/* ---- JSON --------------------------------------------------------------------------------- */

static void print_value(const struct value *value)
{
	switch (value->kind) {
	case VALUE_NONE:
		fputs("null", stdout);
		break;
	case VALUE_TEXT:
		text_json(stdout, value->text);
		break;
	case VALUE_NUMBER:
		printf("%" PRId64, value->number);
		break;
	case VALUE_TRUTH:
		fputs(value->number ? "true" : "false", stdout);
	}
}

static void print_json(const struct look *look)
{
	struct value value;

	fputs("[", stdout);
	for (size_t n = 0; n < look->count; n++) {
		fputs(n ? ",\n {" : "\n {", stdout);
		for (int field = 0; field < FIELD_COUNT; field++) {
			field_get(&look->rows[n], field, &value);
			printf("%s\"%s\": ", field ? ", " : "", field_name(field));
			print_value(&value);
		}
		fputs("}", stdout);
	}
	fputs(look->count ? "\n]\n" : "]\n", stdout);
}

/* ---- the table ---------------------------------------------------------------------------- */

/* The room there is; a table that goes to a file is not cut unless COLUMNS says so. */
static void measure(size_t *width, size_t *height)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size = {0};

	*width = *height = 0;
	if (isatty(STDOUT_FILENO) && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size)) {
		*width = size.ws_col ? size.ws_col : 80;
		*height = size.ws_row;
	} else if (columns) {
		*width = strtoul(columns, NULL, 10);
	}
}

static bool print_table(FILE *out, const struct look *look, size_t height)
{
	size_t width, rows;

	measure(&width, &rows);
	if (!table_print(out, look->rows, look->count, width, height))
		return false;
	if (look->closed && !look->count && !height)
		fprintf(out, "(%zu closed; sleeve sessions --all shows them)\n", look->closed);
	return true;
}

/* One screen: composed aside, then written over the old one line by line, so nothing flickers. */
static bool print_screen(const struct look *look)
{
	char *text = NULL;
	size_t size = 0, width, height;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return false;
	measure(&width, &height);
	fprintf(out, "%s  %zu connections, %zu closed\n", text_time(time(NULL)), look->count,
	        look->closed);
	bool good = print_table(out, look, height > 2 ? height - 2 : 0);
	if (fclose(out) || !good) {
		free(text);
		return false;
	}
	bool terminal = isatty(STDOUT_FILENO);
	fputs(terminal ? "\033[H" : "", stdout);
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		printf("%.*s%s\n", (int)(end - line), line, terminal ? "\033[K" : "");
	fputs(terminal ? "\033[J" : "\n", stdout);
	free(text);
	return !fflush(stdout);
}

/* Waits a second; false when it is time to go. */
static bool wait_a_second(const sigset_t *signals)
{
	struct timespec second = {.tv_sec = 1};
	int signal = sigtimedwait(signals, NULL, &second);

	return signal != SIGINT && signal != SIGTERM && signal != SIGHUP;
}

static int watch(const struct options *options)
{
	sigset_t signals;
	struct look found;
	bool good = true, terminal = isatty(STDOUT_FILENO);

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGWINCH);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	fputs(terminal ? "\033[?1049h\033[?25l" : "", stdout); /* other screen, no cursor */
	do {
		if (!look(&found, options->rundir, options->all))
			break;
		good = print_screen(&found);
		look_clear(&found);
	} while (good && wait_a_second(&signals));
	fputs(terminal ? "\033[?25h\033[?1049l" : "", stdout);
	return good && !fflush(stdout) ? EXIT_FINE : EXIT_FINDINGS;
}

int command_sessions(int argc, char **argv)
{
	struct options options = {0};
	struct look found;
	int status = parse(argc, argv, &options);

	if (status >= 0)
		return status;
	if (options.watch)
		return watch(&options);
	if (!look(&found, options.rundir, options.all))
		return EXIT_FINDINGS;
	status = found.view->trouble_count ? EXIT_FINDINGS : EXIT_FINE;
	if (options.json)
		print_json(&found);
	else if (!print_table(stdout, &found, 0))
		status = EXIT_FINDINGS;
	look_clear(&found);
	return status;
}
