/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections as a table for people. */
#include "tools/table.h"

#include "tools/text.h"

#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CELL 512
#define GAP  2

typedef void cell_writer(const struct row *row, char cell[CELL]);

static void from_field(const struct row *row, enum field field, char cell[CELL])
{
	struct value value;

	field_get(row, field, &value);
	text_escape(cell, CELL, value.kind == VALUE_TEXT ? value.text : "-");
}

static void write_id(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_ID, cell);
}

static void write_user(const struct row *row, char cell[CELL])
{
	const struct passwd *user = getpwuid(row->entry->family->owner);

	if (user)
		text_escape(cell, CELL, user->pw_name);
	else
		snprintf(cell, CELL, "%u", (unsigned)row->entry->family->owner);
}

static void write_program(const struct row *row, char cell[CELL])
{
	const char *program = row->entry->family->header.program;
	const char *slash = strrchr(program, '/');

	text_escape(cell, CELL, slash ? slash + 1 : *program ? program : "-");
}

static void write_local(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_LOCAL, cell);
}

static void write_remote(const struct row *row, char cell[CELL])
{
	struct value remote;

	field_get(row, FIELD_REMOTE, &remote);
	snprintf(cell, CELL, "%s %.80s", row->entry->slot.side == REGISTRY_CONNECT ? "to" : "from",
	         remote.kind == VALUE_TEXT ? remote.text : "?");
}

static void write_verdict(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_VERDICT, cell);
}

/* Who the peer is, or why there is nobody; but first, that bytes went past the session. */
static void write_peer(const struct row *row, char cell[CELL])
{
	const struct registry_slot *slot = &row->entry->slot;

	if (row->attested.answer == ATTEST_NO)
		snprintf(cell, CELL, "BYPASS %+" PRId64 " in, %+" PRId64 " out", row->attested.in,
		         row->attested.out);
	else if (slot->bypass)
		snprintf(cell, CELL, "BYPASS %+" PRId64, slot->bypass);
	else if (slot->verdict == REGISTRY_TLS && *slot->peer)
		from_field(row, FIELD_PEER, cell);
	else
		from_field(row, FIELD_REASON, cell);
}

static void write_rule(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_RULE, cell);
}

static void write_group(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_GROUP, cell);
}

static void write_state(const struct row *row, char cell[CELL])
{
	from_field(row, FIELD_STATE, cell);
}

char *table_amount(char *text, size_t size, uint64_t number)
{
	static const char units[] = " kMGTPE";
	double scaled = (double)number;
	int unit = 0;

	for (; scaled >= 999.5; scaled /= 1000)
		unit++;
	if (!unit)
		snprintf(text, size, "%" PRIu64, number);
	else
		snprintf(text, size, scaled < 9.95 ? "%.1f%c" : "%.0f%c", scaled, units[unit]);
	return text;
}

static void write_bytes(const struct row *row, char cell[CELL])
{
	char in[16], out[16];

	table_amount(in, sizeof in, row->entry->slot.bytes_in);
	table_amount(out, sizeof out, row->entry->slot.bytes_out);
	snprintf(cell, CELL, "%s/%s", in, out);
}

static void write_age(const struct row *row, char cell[CELL])
{
	int64_t age = time(NULL) - row->entry->slot.opened / 1000000000;

	if (age < 0)
		snprintf(cell, CELL, "-");
	else if (age < 100)
		snprintf(cell, CELL, "%" PRId64 "s", age);
	else if (age < 100 * 60)
		snprintf(cell, CELL, "%" PRId64 "m", age / 60);
	else if (age < 100 * 3600)
		snprintf(cell, CELL, "%" PRId64 "h", age / 3600);
	else
		snprintf(cell, CELL, "%" PRId64 "d", age / 86400);
}

enum { ID, USER, PROGRAM, LOCAL, REMOTE, VERDICT, PEER, RULE, BYTES, GROUP, STATE, AGE, COLUMNS };

/* From left to right.  The one with the highest `rank` goes first where room is short, those up to
 * VITAL never; a column with a `least` width may be cut down to it. */
enum { VITAL = 3 };

static const struct column {
	const char *title;
	cell_writer *write;
	unsigned rank;
	size_t least; /* 0: its cells are never cut */
	bool right;
} columns[COLUMNS] = {
	[ID] = {"ID", write_id, 0, 0, false},
	[USER] = {"USER", write_user, 8, 0, false},
	[PROGRAM] = {"PROGRAM", write_program, 2, 8, false},
	[LOCAL] = {"LOCAL", write_local, 7, 0, false},
	[REMOTE] = {"REMOTE", write_remote, 3, 0, false},
	[VERDICT] = {"VERDICT", write_verdict, 1, 0, false},
	[PEER] = {"PEER OR REASON", write_peer, 4, 14, false},
	[RULE] = {"RULE", write_rule, 5, 8, false},
	[BYTES] = {"IN/OUT", write_bytes, 6, 0, true},
	[GROUP] = {"GROUP", write_group, 9, 0, false},
	[STATE] = {"STATE", write_state, 11, 0, false},
	[AGE] = {"AGE", write_age, 10, 0, true},
};

/* ---- which columns, and how wide ---------------------------------------------------------- */

/* A long name is no reason to leave out other columns; it gets what they leave over. */
#define FAIR_WIDTH 40

static size_t smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Sets widths[] to what is printed: 0 for a column that is left out.  natural[] is what each would
 * like to have. */
static void fit(const size_t natural[COLUMNS], size_t widths[COLUMNS], size_t room)
{
	size_t used = 0;

	for (unsigned rank = 0; rank < COLUMNS; rank++) {
		size_t n = 0;
		while (columns[n].rank != rank)
			n++;
		size_t gap = used ? GAP : 0, left = room > used + gap ? room - used - gap : 0;
		size_t least =
			columns[n].least ? smaller(columns[n].least, natural[n]) : natural[n];
		size_t fair = columns[n].least ? smaller(natural[n], FAIR_WIDTH) : natural[n];
		if (!natural[n] || (room && least > left && rank > VITAL))
			continue;
		widths[n] = !room || fair <= left ? fair : left > least ? left : least;
		used += gap + widths[n];
	}
	for (size_t n = 0; n < COLUMNS; n++) {
		size_t left = room > used ? room - used : 0;
		size_t more = widths[n] ? natural[n] - widths[n] : 0;
		widths[n] += room ? smaller(more, left) : more;
		used += room ? smaller(more, left) : more;
	}
}

static bool several_users(const struct row *rows, size_t count)
{
	for (size_t n = 0; n < count; n++)
		if (rows[n].entry->family->owner != geteuid())
			return true;
	return false;
}

/* ---- printing ----------------------------------------------------------------------------- */

static void print_cell(FILE *out, size_t column, const char *cell, size_t width, bool last)
{
	size_t has = text_width(cell);

	if (columns[column].right)
		for (; has < width; has++)
			putc(' ', out);
	text_column(out, cell, last && has <= width ? 0 : width); /* no blanks at the end */
	if (!last)
		fprintf(out, "%*s", GAP, "");
}

static void print_line(FILE *out, const char *const cells[COLUMNS], const size_t widths[COLUMNS])
{
	size_t last = 0;

	for (size_t n = 0; n < COLUMNS; n++)
		if (widths[n])
			last = n;
	for (size_t n = 0; n <= last; n++)
		if (widths[n])
			print_cell(out, n, cells[n], widths[n], n == last);
	putc('\n', out);
}

static void cells_free(char **cells, size_t count)
{
	for (size_t n = 0; cells && n < count; n++)
		free(cells[n]);
	free(cells);
}

/* All cells, row by row, and the natural widths.  NULL when memory is out. */
static char **write_cells(const struct row *rows, size_t count, size_t natural[COLUMNS])
{
	char **cells = calloc(count * COLUMNS + 1, sizeof *cells), cell[CELL];
	bool users = several_users(rows, count);

	for (size_t n = 0; n < COLUMNS; n++)
		natural[n] = n == USER && !users ? 0 : strlen(columns[n].title);
	for (size_t n = 0; cells && n < count * COLUMNS; n++) {
		size_t column = n % COLUMNS;
		columns[column].write(&rows[n / COLUMNS], cell);
		cells[n] = strdup(cell);
		if (!cells[n]) {
			cells_free(cells, count * COLUMNS);
			return NULL;
		}
		size_t width = text_width(cell);
		if (natural[column] && width > natural[column])
			natural[column] = width;
	}
	return cells;
}

bool table_print(FILE *out, const struct row *rows, size_t count, size_t width, size_t height)
{
	size_t natural[COLUMNS], widths[COLUMNS] = {0}, shown = count;
	const char *titles[COLUMNS];

	if (!count) {
		fputs("No connections.\n", out);
		return true;
	}
	if (height && count + 1 > height)
		shown = height > 2 ? height - 2 : 1;
	char **cells = write_cells(rows, shown, natural);
	if (!cells)
		return false;
	fit(natural, widths, width);
	for (size_t n = 0; n < COLUMNS; n++)
		titles[n] = columns[n].title;
	print_line(out, titles, widths);
	for (size_t n = 0; n < shown; n++)
		print_line(out, (const char *const *)&cells[n * COLUMNS], widths);
	if (shown < count)
		fprintf(out, "... and %zu more\n", count - shown);
	cells_free(cells, shown * COLUMNS);
	return true;
}
