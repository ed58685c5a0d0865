/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Globs: `*` within one segment, `**` across segments. */
#include "policy/glob.h"

#include <string.h>

/*
 * The pattern is run as a non-deterministic automaton: at[j] says that pattern[0..j) can match the
 * text so far.  Each character of the text visits each position once, so that no name a peer puts
 * into its certificate can make the matching slow.
 */
struct glob {
	const char *pattern;
	size_t length;
	char separator;
	bool at[GLOB_MAX + 1];
};

static bool is_star(const struct glob *g, size_t j)
{
	return j < g->length && g->pattern[j] == '*';
}

/* Both stars of `**` count as wide; two wide stars in a row mean the same as one. */
static bool is_wide(const struct glob *g, size_t j)
{
	return g->separator == '\0' || is_star(g, j + 1) || (j > 0 && is_star(g, j - 1));
}

/* A star between two separators stands for a whole segment, and a segment is not empty. */
static bool is_segment(const struct glob *g, size_t j)
{
	if (is_wide(g, j))
		return false;
	bool starts = j == 0 || g->pattern[j - 1] == g->separator;
	bool ends = j + 1 == g->length || g->pattern[j + 1] == g->separator;
	return starts && ends;
}

/* A star that may be empty is stepped over at once. */
static void skip_stars(struct glob *g)
{
	for (size_t j = 0; j < g->length; j++)
		if (g->at[j] && is_star(g, j) && !is_segment(g, j))
			g->at[j + 1] = true;
}

static void step(struct glob *g, char c)
{
	/* From the end backwards, so that at[j - 1] is still the state before this character. */
	for (size_t j = g->length + 1; j-- > 0;) {
		bool stays = g->at[j] && is_star(g, j) && (is_wide(g, j) || c != g->separator);
		bool comes = false;
		if (j > 0 && g->at[j - 1]) {
			if (!is_star(g, j - 1))
				comes = g->pattern[j - 1] == c;
			else if (is_segment(g, j - 1))
				comes = c != g->separator;
		}
		g->at[j] = stays || comes;
	}
	skip_stars(g);
}

bool glob_match(const char *pattern, const char *text, char separator)
{
	struct glob g;
	g.pattern = pattern;
	g.length = strlen(pattern);
	g.separator = separator;
	if (g.length > GLOB_MAX)
		return false;
	memset(g.at, 0, g.length + 1);
	g.at[0] = true;
	skip_stars(&g);
	for (; *text; text++)
		step(&g, *text);
	return g.at[g.length];
}

bool glob_is_literal(const char *pattern)
{
	return !strchr(pattern, '*');
}
