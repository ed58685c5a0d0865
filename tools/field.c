/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What there is to say of one connection: a table of names and values. */
#include "tools/field.h"

#include "tools/text.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* What stands at a field's offset in the slot.  OTHER is not in the slot. */
enum shape { TEXT, WORD8, WORD16, U64, I64, U32, I32, TRUTH, NANOSECONDS, SECONDS, END, OTHER };

#define AT(member) offsetof(struct registry_slot, member)

static const struct {
	const char *name;
	enum shape shape;
	size_t offset;
	const char *(*word)(unsigned number); /* of WORD8 and WORD16 */
} fields[FIELD_COUNT] = {
	[FIELD_ID] = {"id", TEXT, AT(id), NULL},
	[FIELD_PID] = {"pid", U32, AT(pid), NULL},
	[FIELD_PROGRAM] = {"program", OTHER, 0, NULL},
	[FIELD_SIDE] = {"side", WORD8, AT(side), registry_side_name},
	[FIELD_LOCAL] = {"local", END, AT(local), NULL},
	[FIELD_REMOTE] = {"remote", END, AT(remote), NULL},
	[FIELD_RULE] = {"rule", TEXT, AT(rule), NULL},
	[FIELD_MODE] = {"mode", TEXT, AT(mode), NULL},
	[FIELD_VERDICT] = {"verdict", WORD8, AT(verdict), registry_verdict_name},
	[FIELD_REASON] = {"reason", WORD16, AT(reason), registry_reason_name},
	[FIELD_ENGINE] = {"engine", WORD8, AT(engine), registry_engine_name},
	[FIELD_TLS] = {"tls", TEXT, AT(tls), NULL},
	[FIELD_CIPHER] = {"cipher", TEXT, AT(cipher), NULL},
	[FIELD_GROUP] = {"group", TEXT, AT(group), NULL},
	[FIELD_RESUMED] = {"resumed", TRUTH, AT(resumed), NULL},
	[FIELD_PEER] = {"peer", TEXT, AT(peer), NULL},
	[FIELD_PEER_EXPIRES] = {"peer_expires", SECONDS, AT(peer_expires), NULL},
	[FIELD_OPENED] = {"opened", NANOSECONDS, AT(opened), NULL},
	[FIELD_ESTABLISHED] = {"established", NANOSECONDS, AT(established), NULL},
	[FIELD_CLOSED] = {"closed", NANOSECONDS, AT(closed), NULL},
	[FIELD_BYTES_IN] = {"bytes_in", U64, AT(bytes_in), NULL},
	[FIELD_BYTES_OUT] = {"bytes_out", U64, AT(bytes_out), NULL},
	[FIELD_STATE] = {"state", OTHER, 0, NULL},
	[FIELD_WIRE_IN] = {"wire_in", U64, AT(wire_in), NULL},
	[FIELD_WIRE_OUT] = {"wire_out", U64, AT(wire_out), NULL},
	[FIELD_BYPASS] = {"bypass", I64, AT(bypass), NULL},
	[FIELD_ATTESTED] = {"attested", OTHER, 0, NULL},
	[FIELD_UID] = {"uid", OTHER, 0, NULL},
	[FIELD_SERVICE] = {"service", OTHER, 0, NULL},
	[FIELD_FD] = {"fd", I32, AT(fd), NULL},
	[FIELD_FILE] = {"file", OTHER, 0, NULL},
};

const char *field_name(enum field field)
{
	return fields[field].name;
}

static void put_text(struct value *value, const char *text)
{
	value->kind = *text ? VALUE_TEXT : VALUE_NONE;
	snprintf(value->text, sizeof value->text, "%s", text);
}

static void put_number(struct value *value, int64_t number)
{
	value->kind = VALUE_NUMBER;
	value->number = number;
}

static void put_truth(struct value *value, bool truth)
{
	value->kind = VALUE_TRUTH;
	value->number = truth;
}

static void put_time(struct value *value, int64_t seconds)
{
	if (seconds)
		put_text(value, text_time(seconds));
}

static void put_end(struct value *value, const struct registry_end *end)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
	char address[INET6_ADDRSTRLEN];

	if (end->family != 4 && end->family != 6)
		return;
	value->kind = VALUE_TEXT;
	if (!memcmp(end->address, mapped, sizeof mapped)) {
		inet_ntop(AF_INET, end->address + sizeof mapped, address, sizeof address);
		snprintf(value->text, sizeof value->text, "%s:%u", address, end->port);
	} else {
		inet_ntop(AF_INET6, end->address, address, sizeof address);
		snprintf(value->text, sizeof value->text, "[%s]:%u", address, end->port);
	}
}

/* The slot of a process that was killed still says what it was last. */
static const char *state_of(const struct registry_entry *entry)
{
	if (entry->slot.live != REGISTRY_CLOSED)
		return entry->live ? entry->slot.state : "gone";
	return entry->slot.verdict == REGISTRY_REFUSED && *entry->slot.state ? entry->slot.state
	                                                                     : "closed";
}

static void get_other(const struct row *row, enum field field, struct value *value)
{
	const struct registry_family *family = row->entry->family;

	if (field == FIELD_PROGRAM)
		put_text(value, family->header.program);
	else if (field == FIELD_SERVICE)
		put_text(value, family->header.service);
	else if (field == FIELD_FILE)
		put_text(value, family->path);
	else if (field == FIELD_UID)
		put_number(value, family->owner);
	else if (field == FIELD_STATE)
		put_text(value, state_of(row->entry));
	else if (field == FIELD_ATTESTED && row->attested.answer != ATTEST_UNKNOWN)
		put_truth(value, row->attested.answer == ATTEST_YES);
}

void field_get(const struct row *row, enum field field, struct value *value)
{
	const void *at = (const char *)&row->entry->slot + fields[field].offset;

	*value = (struct value){.kind = VALUE_NONE};
	switch (fields[field].shape) {
	case TEXT:
		put_text(value, at);
		break;
	case WORD8:
		put_text(value, fields[field].word(*(const uint8_t *)at));
		break;
	case WORD16:
		put_text(value, fields[field].word(*(const uint16_t *)at));
		break;
	case U64: /* more than that is a lie */
		put_number(value, *(const int64_t *)at < 0 ? INT64_MAX : *(const int64_t *)at);
		break;
	case I64:
		put_number(value, *(const int64_t *)at);
		break;
	case U32:
		put_number(value, *(const uint32_t *)at);
		break;
	case I32:
		put_number(value, *(const int32_t *)at);
		break;
	case TRUTH:
		put_truth(value, *(const uint8_t *)at);
		break;
	case NANOSECONDS:
		put_time(value, *(const int64_t *)at / 1000000000);
		break;
	case SECONDS:
		put_time(value, *(const int64_t *)at);
		break;
	case END:
		put_end(value, at);
		break;
	case OTHER:
		get_other(row, field, value);
	}
}
