/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The kernel as a witness: did every byte on the wire go through the session? */
#ifndef SLEEVE_TOOLS_ATTEST_H
#define SLEEVE_TOOLS_ATTEST_H

#include "shim/registry/reader.h"

#include <stdint.h>

enum attest_answer { ATTEST_UNKNOWN, ATTEST_YES, ATTEST_NO };

struct attestation {
	enum attest_answer answer;
	const char *why;                /* of ATTEST_UNKNOWN; else "" */
	int64_t in, out;                /* of ATTEST_NO: the kernel's payload bytes minus ours */
	uint64_t kernel_in, kernel_out; /* taken from, handed to the kernel; when it was asked */
};

/*
 * Compares the session's wire bytes with what the kernel counted for the same socket (address
 * pair and cookie), over NETLINK_SOCK_DIAG, see sock_diag(7); any user may ask.  The kernel counts
 *
 *	out: bytes_sent - bytes_retrans + notsent_bytes, payload exactly
 *	in:  bytes_received - what is unread, a FIN that has been read counts as one byte
 *
 * Traffic goes on meanwhile: ours are read before and after (entry->slot is the fresher one when
 * this returns), and the kernel's must lie between.  A difference is only reported when the same
 * one was found several times; else the answer is unknown.
 */
struct attestation attest(struct registry_entry *entry);

#endif
