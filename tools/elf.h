/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ELF program is, read from its file without running it. */
#ifndef SLEEVE_TOOLS_ELF_H
#define SLEEVE_TOOLS_ELF_H

#include <stdbool.h>

struct elf_facts {
	bool is_elf;
	bool is_native;        /* of the class, byte order and machine of this very tool */
	bool is_program;       /* ET_EXEC or ET_DYN */
	bool is_go;            /* made by Go's own linker */
	bool needs_any;        /* has a DT_NEEDED */
	bool needs_libc;       /* libc.so.6 among them */
	char interpreter[256]; /* PT_INTERP, the dynamic loader; "" when linked statically */
	const char *damage;    /* what is wrong with the file, or NULL */
};

/*
 * elf(5).  Reads by pread(2), bounds every offset, believes nothing.  Of a file that is not native
 * only the first three facts are filled.
 */
void elf_examine(int fd, struct elf_facts *facts);

#endif
