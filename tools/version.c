/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve --version: what this sleeve is made of. */
#include "shim/tls/identity.h"
#include "tools/command.h"

#include <stdio.h>

int command_version(int argc, char **argv)
{
	if (argc > 1) {
		fprintf(stderr, "sleeve: --version takes no argument, not \"%s\"\n", argv[1]);
		return EXIT_MISUSE;
	}
	printf("sleeve %s\n", SLEEVE_VERSION);
	printf("%s\n", tls_library());
	printf("CPU instructions: %s\n", tls_instructions());
	printf("X25519MLKEM768: %s\n", tls_has_mlkem() ? "yes" : "no");
	return EXIT_FINE;
}
