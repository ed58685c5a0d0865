/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve show: everything known of one connection. */
#include "tools/command.h"
#include "tools/look.h"
#include "tools/text.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char usage[] = "usage: sleeve show [--rundir DIR] ID\n"
			    "  ID is what `sleeve sessions` lists first, such as 4711-3.\n";

static void print_value(const struct row *row, enum field field)
{
	struct value value;
	char text[4 * sizeof value.text];

	field_get(row, field, &value);
	if (value.kind == VALUE_NONE)
		return; /* nothing is known of it */
	printf("%-13s ", field_name(field));
	if (value.kind == VALUE_NUMBER)
		printf("%" PRId64 "\n", value.number);
	else if (value.kind == VALUE_TRUTH)
		printf("%s\n", value.number ? "yes" : "no");
	else
		printf("%s\n", text_escape(text, sizeof text, value.text));
}

static void print_attested(const struct row *row)
{
	const struct attestation *attested = &row->attested;

	printf("%-13s ", field_name(FIELD_ATTESTED));
	if (attested->answer == ATTEST_YES)
		printf("yes (the kernel counts the same bytes on the wire)\n");
	else if (attested->answer == ATTEST_UNKNOWN)
		printf("unknown (%s)\n", attested->why);
	else
		printf("no (the kernel counts %+" PRId64 " bytes in and %+" PRId64
		       " bytes out: something read or wrote past the session)\n",
		       attested->in, attested->out);
}

static void print_row(const struct row *row)
{
	for (int field = 0; field < FIELD_COUNT; field++) {
		if (field == FIELD_ATTESTED)
			print_attested(row);
		else
			print_value(row, field);
	}
	if (row->entry->torn)
		puts("note          its writer died or never rests: some values may be stale");
	if (!row->entry->live)
		puts("note          the connection is over");
}

/* How often each outcome was reached in the same family. */
static void print_counters(const struct registry_family *family)
{
	char rule[4 * sizeof family->counters->rule];

	if (family->counter_count)
		printf("\nOutcomes in this program so far:\n"
		       "     times  verdict    reason                 rule\n");
	for (size_t n = 0; n < family->counter_count; n++) {
		const struct registry_counter *row = &family->counters[n];
		printf("%10" PRIu64 "  %-9s  %-21s  %s\n", row->count,
		       registry_verdict_name(row->verdict), registry_reason_name(row->reason),
		       *row->rule ? text_escape(rule, sizeof rule, row->rule) : "-");
	}
}

int command_show(int argc, char **argv)
{
	static const struct option known[] = {
		{"rundir", required_argument, NULL, 'r'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	const char *rundir = NULL;
	struct look found;
	int option, shown = 0;

	while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
		if (option == 'h')
			return fputs(usage, stdout), EXIT_FINE;
		if (option != 'r')
			return fputs(usage, stderr), EXIT_MISUSE;
		rundir = optarg;
	}
	if (optind + 1 != argc)
		return fputs(usage, stderr), EXIT_MISUSE;
	if (!look(&found, rundir, true))
		return EXIT_FINDINGS;
	for (size_t n = 0; n < found.count; n++) {
		const struct row *row = &found.rows[n];
		if (strcmp(row->entry->slot.id, argv[optind]) != 0)
			continue;
		if (shown++)
			putchar('\n');
		print_row(row);
		print_counters(row->entry->family);
	}
	if (!shown)
		fprintf(stderr,
		        "sleeve show: no connection %s; sleeve sessions --all has those known\n",
		        argv[optind]);
	look_clear(&found);
	return shown ? EXIT_FINE : EXIT_FINDINGS;
}
