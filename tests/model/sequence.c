/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sequences of operations as data: made from a seed, printed, read back. */
#include "sequence.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name, *ways;
} verbs[] = {
#define X(name, ways) {#name, ways},
	VERBS(X)
#undef X
};

static const char *const flags[] = {
#define X(name) #name,
	FLAGS(X)
#undef X
};

/* ---- words ---------------------------------------------------------------------------------- */

static unsigned count_words(const char *words)
{
	unsigned count = 1;
	for (; *words; words++)
		count += *words == ' ';
	return count;
}

static const char *find_word(const char *words, unsigned index, size_t *length)
{
	while (index--)
		words = strchr(words, ' ') + 1;
	*length = strcspn(words, " ");
	return words;
}

static int index_of(const char *words, const char *wanted)
{
	for (unsigned i = 0, count = count_words(words); i < count; i++) {
		size_t length;
		const char *word = find_word(words, i, &length);
		if (strlen(wanted) == length && !memcmp(word, wanted, length))
			return (int)i;
	}
	return -1;
}

const char *op_how(const struct op *op)
{
	static char text[32];
	size_t length;
	const char *word = find_word(verbs[op->verb].ways, op->how, &length);
	memcpy(text, word, length);
	text[length] = '\0';
	return text;
}

/* ---- as text -------------------------------------------------------------------------------- */

int op_print(const struct op *op, char *text, size_t size)
{
	int n = snprintf(text, size, "%u%c%u %s %s %u", op->process, "ab"[op->end], op->name,
	                 verbs[op->verb].name, op_how(op), op->size);
	if (op->cut)
		n += snprintf(text + n, size - (size_t)n, " cut=%u", op->cut);
	for (unsigned i = 0; i < FLAG_BITS; i++)
		if (op->flags & 1 << i)
			n += snprintf(text + n, size - (size_t)n, " %s", flags[i]);
	if (op->faults)
		n += snprintf(text + n, size - (size_t)n, " !%u", op->faults);
	return n;
}

void sequence_print(const struct sequence *s, char *text, size_t size, char part)
{
	size_t n = 0;
	text[0] = '\0';
	for (unsigned i = 0; i < s->count && n + 100 < size; i++) {
		n += (size_t)op_print(&s->op[i], text + n, size - n);
		text[n++] = part;
		text[n] = '\0';
	}
}

static bool parse_word(struct op *op, const char *word)
{
	if (sscanf(word, "cut=%u", &op->cut) == 1 || sscanf(word, "!%u", &op->faults) == 1)
		return true;
	for (unsigned i = 0; i < FLAG_BITS; i++)
		if (!strcmp(word, flags[i])) {
			op->flags |= (uint16_t)(1 << i);
			return true;
		}
	return false;
}

static bool parse_op(struct op *op, char *text)
{
	unsigned process, name;
	char end, verb[16], how[16], *rest;
	int at = 0;
	memset(op, 0, sizeof *op);
	if (sscanf(text, "%1u%c%1u %15s %15s %u%n", &process, &end, &name, verb, how, &op->size,
	           &at) < 6 ||
	    process >= PROCESSES || (end != 'a' && end != 'b') || name >= NAMES)
		return false;
	op->process = (uint8_t)process;
	op->end = end == 'b';
	op->name = (uint8_t)name;
	while (op->verb < VERB_COUNT && strcmp(verbs[op->verb].name, verb))
		op->verb++;
	int found = op->verb < VERB_COUNT ? index_of(verbs[op->verb].ways, how) : -1;
	if (found < 0)
		return false;
	op->how = (uint8_t)found;
	for (char *word = strtok_r(text + at, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		if (!parse_word(op, word))
			return false;
	return true;
}

bool sequence_parse(struct sequence *s, char *text, const char **where)
{
	char *rest;
	s->count = 0;
	for (char *one = strtok_r(text, ";\n", &rest); one; one = strtok_r(NULL, ";\n", &rest)) {
		*where = one;
		while (*one == ' ' || *one == '\t')
			one++;
		if (!*one || *one == '#')
			continue;
		if (s->count == MOST_OPS || !parse_op(&s->op[s->count], one))
			return false;
		s->count++;
	}
	return true;
}

/* ---- from a seed ---------------------------------------------------------------------------- */

static uint64_t state;

/* splitmix64 */
static unsigned pick(unsigned below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (unsigned)((z ^ z >> 31) >> 16) % below;
}

static unsigned pick_of(const unsigned *choices, unsigned count)
{
	return choices[pick(count)];
}

#define PICK(...) \
	({ \
		static const unsigned choices_[] = {__VA_ARGS__}; \
		pick_of(choices_, sizeof choices_ / sizeof *choices_); \
	})

/* How often each verb comes, early in a sequence and late: ends are for later. */
static const struct {
	uint8_t early, late;
} weights[] = {
	[VERB_write] = {66, 50}, [VERB_read] = {56, 50}, [VERB_bulk] = {2, 2},
	[VERB_ask] = {18, 24},   [VERB_watch] = {12, 8}, [VERB_wait] = {18, 18},
	[VERB_name] = {8, 6},    [VERB_close] = {6, 10}, [VERB_shut] = {0, 5},
	[VERB_option] = {14, 8}, [VERB_fork] = {1, 2},   [VERB_exit] = {1, 2},
};

static enum verb pick_verb(bool late)
{
	unsigned sum = 0, verb = 0;
	for (unsigned i = 0; i < VERB_COUNT; i++)
		sum += late ? weights[i].late : weights[i].early;
	for (unsigned at = pick(sum);; verb++) {
		unsigned weight = late ? weights[verb].late : weights[verb].early;
		if (at < weight)
			return (enum verb)verb;
		at -= weight;
	}
}

static unsigned pick_size(void)
{
	if (!pick(4))
		return pick(17000);
	return PICK(0, 1, 1, 2, 5, 15, 16, 100, 1000, 1448, 4000, 4096, 8192, 16383, 16384, 16385,
	            20000, 32768);
}

static uint16_t pick_flags(enum verb verb)
{
	unsigned chosen = 0;
	if (verb == VERB_read)
		chosen |= (pick(5) ? 0u : FLAG_peek) | (pick(8) ? 0u : FLAG_waitall) |
		          (pick(2) ? 0u : FLAG_dontwait) | (pick(16) ? 0u : FLAG_trunc);
	if (verb == VERB_write)
		chosen |= (pick(10) ? 0u : FLAG_more) | (pick(4) ? 0u : FLAG_dontwait) |
		          (pick(2) ? 0u : FLAG_nosignal);
	return (uint16_t)chosen;
}

static unsigned pick_argument(const struct op *op)
{
	switch (op->verb) {
	case VERB_write:
	case VERB_read:
		return pick_size();
	case VERB_bulk:
		return PICK(16385, 65536, 65536, 100000, 1 << 20);
	case VERB_option:
		return !strcmp(op_how(op), "lowat") ? PICK(1, 1, 2, 100, 2000) : pick(2);
	default:
		return 0;
	}
}

/* Half of the sequences stay in one process, most keep to few kinds of trouble at a time. */
void sequence_make(struct sequence *s, uint64_t seed, bool faults)
{
	state = seed * 0xd1342543de82ef95u + faults;
	unsigned count = 30 + pick(60);
	bool alone = pick(2), calm = pick(3), reader = pick(4) == 0;
	s->count = 0;
	while (s->count < count) {
		struct op *op = &s->op[s->count];
		bool late = s->count * 3 > count * 2;
		memset(op, 0, sizeof *op);
		op->verb = (uint8_t)pick_verb(late && !calm);
		if ((alone && (op->verb == VERB_fork || op->verb == VERB_exit)) ||
		    (reader && op->verb == VERB_watch))
			continue;
		op->process = (uint8_t)(alone ? 0 : pick(PROCESSES));
		op->end = (uint8_t)pick(2);
		op->name = (uint8_t)(pick(2) ? 0 : pick(NAMES));
		op->how = (uint8_t)pick(count_words(verbs[op->verb].ways));
		op->size = pick_argument(op);
		op->cut = pick(3) ? 0 : pick(1000);
		op->flags = pick_flags((enum verb)op->verb);
		if (s->count + 8 > count || (late && !pick(4)))
			op->flags |= FLAG_last;
		op->faults = faults && pick(2) ? 1 + pick(999999) : 0;
		s->count++;
	}
}
