/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which names the program resolved, and to which addresses. */
#ifndef SLEEVE_BASE_NAMES_H
#define SLEEVE_BASE_NAMES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/*
 * The resolver's doors note every answer; a connect asks which name led to its address: those
 * this thread asked for first, then the process's, the latest first.  A bounded memory: the
 * oldest answers are forgotten.  Names are kept as the program wrote them, without a final dot.
 * Numeric hosts are no names.  Thread safe; a fork copies it.
 */
enum { NAMES_LENGTH = 254, NAMES_FOUND = 8 };

void names_note(const char *name, const struct sockaddr *address, socklen_t length);

/* Copies up to NAMES_FOUND names; returns how many. */
size_t names_find(const uint8_t address[16], char found[NAMES_FOUND][NAMES_LENGTH]);

/* Around fork. */
void names_lock(void);
void names_unlock(void);

#endif
