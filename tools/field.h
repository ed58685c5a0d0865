/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to say of one connection: a table of names and values. */
#ifndef SLEEVE_TOOLS_FIELD_H
#define SLEEVE_TOOLS_FIELD_H

#include "tools/attest.h"

#include <stddef.h>
#include <stdint.h>

/* One connection to be shown.  `attested` is UNKNOWN until somebody asks the kernel. */
struct row {
	struct registry_entry *entry;
	struct attestation attested;
};

enum value_kind { VALUE_NONE, VALUE_TEXT, VALUE_NUMBER, VALUE_TRUTH };

struct value {
	enum value_kind kind;
	char text[1024]; /* raw: escape before printing */
	int64_t number;  /* or 0 and 1 of VALUE_TRUTH */
};

/* The names are those of the JSON objects, an interface (sleeve(1)).  They stand in the order
 * as JSON and `sleeve show` print it. */
enum field {
	FIELD_ID,
	FIELD_PID,
	FIELD_PROGRAM,
	FIELD_SIDE,
	FIELD_LOCAL,
	FIELD_REMOTE,
	FIELD_RULE,
	FIELD_MODE,
	FIELD_VERDICT,
	FIELD_REASON,
	FIELD_ENGINE,
	FIELD_TLS,
	FIELD_CIPHER,
	FIELD_GROUP,
	FIELD_RESUMED,
	FIELD_PEER,
	FIELD_PEER_EXPIRES,
	FIELD_OPENED,
	FIELD_ESTABLISHED,
	FIELD_CLOSED,
	FIELD_BYTES_IN,
	FIELD_BYTES_OUT,
	FIELD_STATE,
	FIELD_WIRE_IN,
	FIELD_WIRE_OUT,
	FIELD_BYPASS,
	FIELD_ATTESTED,
	FIELD_UID,
	FIELD_SERVICE,
	FIELD_FD,
	FIELD_FILE,
	FIELD_COUNT
};

const char *field_name(enum field field);
void field_get(const struct row *row, enum field field, struct value *value);

#endif
