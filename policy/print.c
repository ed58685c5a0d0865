/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The words of the policy language. */
#include "policy/policy.h"

const char *policy_mode_name(enum policy_mode mode)
{
	switch (mode) {
	case POLICY_STRICT:
		return "strict";
	case POLICY_PERMISSIVE:
		return "permissive";
	case POLICY_PLAINTEXT:
		return "plaintext";
	case POLICY_DENY:
		return "deny";
	}
	return "unknown";
}

const char *policy_side_name(enum policy_side side)
{
	return side == POLICY_CONNECT ? "connect" : "accept";
}

const char *policy_profile_name(enum policy_profile profile)
{
	switch (profile) {
	case POLICY_MODERN:
		return "modern";
	case POLICY_INTERMEDIATE:
		return "intermediate";
	case POLICY_NIST:
		return "nist";
	}
	return "unknown";
}
