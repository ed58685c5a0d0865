/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into the registry, for the subcommands that show it. */
#include "tools/look.h"

#include "tools/text.h"

#include <stdio.h>
#include <stdlib.h>

static void print_troubles(const struct registry_view *view)
{
	char text[1024];

	for (size_t n = 0; n < view->trouble_count; n++)
		fprintf(stderr, "sleeve: %s\n", text_escape(text, sizeof text, view->troubles[n]));
}

bool look(struct look *look, const char *rundir, bool all)
{
	const char *environment = getenv("SLEEVE_RUNDIR");

	if (!rundir && environment && *environment)
		rundir = environment;
	*look = (struct look){.view = registry_read(rundir, getenv("XDG_RUNTIME_DIR"))};
	if (look->view)
		look->rows = calloc(look->view->entry_count + 1, sizeof *look->rows);
	if (!look->rows) {
		fputs("sleeve: out of memory\n", stderr);
		look_clear(look);
		return false;
	}
	print_troubles(look->view);
	for (size_t n = 0; n < look->view->entry_count; n++) {
		struct registry_entry *entry = &look->view->entries[n];
		if (!all && !entry->live && entry->slot.verdict != REGISTRY_REFUSED) {
			look->closed++;
			continue;
		}
		look->rows[look->count].entry = entry;
		look->rows[look->count++].attested = attest(entry);
	}
	return true;
}

void look_clear(struct look *look)
{
	registry_view_free(look->view);
	free(look->rows);
	*look = (struct look){0};
}
