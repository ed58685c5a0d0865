/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Looking into the registry, for the subcommands that show it. */
#ifndef SLEEVE_TOOLS_LOOK_H
#define SLEEVE_TOOLS_LOOK_H

#include "tools/field.h"

#include <stdbool.h>
#include <stddef.h>

struct look {
	struct registry_view *view;
	struct row *rows; /* those wanted */
	size_t count;
	size_t closed; /* how many were left out because they are over */
};

/*
 * Reads the registry of `rundir` (NULL: SLEEVE_RUNDIR of the environment, else all run
 * directories), prints what could not be read to standard error, picks the live and the refused
 * connections, or with `all` every one, and asks the kernel about the live sessions.
 * False when memory is out, which is said.
 */
bool look(struct look *look, const char *rundir, bool all);
void look_clear(struct look *look);

#endif
