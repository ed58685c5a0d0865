/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve: the table of subcommands. */
#include "tools/command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int command_help(int argc, char **argv);

static const struct {
	char *name; /* as argv[0] will be, hence not const */
	int (*run)(int argc, char **argv);
	const char *arguments, *summary;
} commands[] = {
	{"sessions", command_sessions, "[--json] [--watch] [--all]", "the connections (default)"},
	{"show", command_show, "ID", "everything known of one connection"},
	{"check", command_check, "PROGRAM", "can this program be sleeved?"},
	{"policy", command_policy, "check [FILE]", "every finding in a policy, with file:line"},
	{"policy", command_policy, "explain ...", "which rule wins, and why the others do not"},
	{"--version", command_version, "", "versions, CPU instructions in use, key exchange"},
	{"--help", command_help, "", "this"},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

static void print_usage(FILE *out)
{
	fputs("usage: sleeve [COMMAND [ARGUMENT...]]\n\n", out);
	for (int n = 0; n < COMMANDS; n++) {
		char call[64];
		snprintf(call, sizeof call, "sleeve %s %s", commands[n].name,
		         commands[n].arguments);
		fprintf(out, "  %-44s %s\n", call, commands[n].summary);
	}
	fputs("\nExit status: 0 fine, 1 findings, 2 misuse.  See sleeve(1).\n", out);
}

static int command_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	print_usage(stdout);
	return EXIT_FINE;
}

static int run(int argc, char **argv)
{
	char *sessions[] = {commands[0].name, NULL};

	if (argc < 2)
		return commands[0].run(1, sessions);
	for (int n = 0; n < COMMANDS; n++)
		if (!strcmp(argv[1], commands[n].name))
			return commands[n].run(argc - 1, argv + 1);
	if (!strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return command_help(argc, argv);
	if (!strcmp(argv[1], "-V") || !strcmp(argv[1], "version"))
		return command_version(argc - 1, argv + 1);
	fprintf(stderr, "sleeve: there is no command \"%s\"\n", argv[1]);
	print_usage(stderr);
	return EXIT_MISUSE;
}

int main(int argc, char **argv)
{
	int status = run(argc, argv);

	/* What was not written was not said: a full disk must not look like "no findings". */
	if (fflush(stdout) || ferror(stdout)) {
		if (errno != EPIPE)
			fprintf(stderr, "sleeve: standard output: %s\n", strerror(errno));
		return status ? status : EXIT_FINDINGS;
	}
	return status;
}
