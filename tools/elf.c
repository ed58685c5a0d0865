/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What an ELF program is, read from its file without running it. */
#include "tools/elf.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* A file may claim any number of parts; no linker makes more of those looked at here. */
#define MAX_PARTS 4096

/* Of this machine's word size; others are not looked into. */
typedef ElfW(Ehdr) file_header;
typedef ElfW(Phdr) program_header;

static bool read_at(int fd, void *to, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, to, size, (off_t)offset) == (ssize_t)size;
}

/* A text of at most size - 1 bytes; false where the file ends before it or it is longer. */
static bool read_text(int fd, char *text, size_t size, uint64_t offset)
{
	ssize_t got = offset <= INT64_MAX ? pread(fd, text, size, (off_t)offset) : -1;

	return got > 0 && memchr(text, '\0', (size_t)got);
}

/* This tool and the library beside it are built alike, so its own header says what fits. */
static bool is_native(const unsigned char *ident, uint16_t machine)
{
	file_header own;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	bool known = fd >= 0 && read_at(fd, &own, sizeof own, 0);

	if (fd >= 0)
		close(fd);
	return known && ident[EI_CLASS] == own.e_ident[EI_CLASS] &&
	       ident[EI_DATA] == own.e_ident[EI_DATA] && machine == own.e_machine;
}

static bool segment(int fd, const file_header *elf, unsigned n, program_header *header)
{
	return n < elf->e_phnum && n < MAX_PARTS && elf->e_phentsize == sizeof *header &&
	       read_at(fd, header, sizeof *header, elf->e_phoff + (uint64_t)n * sizeof *header);
}

/* Where in the file the byte is that will stand at `address`; 0 nowhere. */
static uint64_t offset_of(int fd, const file_header *elf, uint64_t address)
{
	program_header header;

	for (unsigned n = 0; segment(fd, elf, n, &header); n++)
		if (header.p_type == PT_LOAD && address >= header.p_vaddr &&
		    address - header.p_vaddr < header.p_filesz)
			return header.p_offset + (address - header.p_vaddr);
	return 0;
}

static void examine_needed(int fd, const file_header *elf, const program_header *dynamic,
                           struct elf_facts *facts)
{
	ElfW(Dyn) entry;
	uint64_t names = 0;
	char name[64];

	for (int pass = 0; pass < 2; pass++) { /* the names come after what refers to them */
		for (unsigned n = 0; n < dynamic->p_filesz / sizeof entry && n < MAX_PARTS; n++) {
			if (!read_at(fd, &entry, sizeof entry,
			             dynamic->p_offset + n * sizeof entry) ||
			    entry.d_tag == DT_NULL)
				break;
			if (entry.d_tag == DT_STRTAB)
				names = offset_of(fd, elf, entry.d_un.d_ptr);
			if (!pass || entry.d_tag != DT_NEEDED)
				continue;
			facts->needs_any = true;
			if (names && read_text(fd, name, sizeof name, names + entry.d_un.d_val) &&
			    !strcmp(name, "libc.so.6"))
				facts->needs_libc = true;
		}
	}
}

/* Go's linker leaves a note named "Go", which strip(1) keeps. */
static bool has_go_note(int fd, const program_header *notes)
{
	ElfW(Nhdr) note;
	char name[4];
	uint64_t at = 0;

	for (int n = 0; n < 64 && at + sizeof note <= notes->p_filesz; n++) {
		if (!read_at(fd, &note, sizeof note, notes->p_offset + at))
			return false;
		if (note.n_namesz == sizeof name &&
		    read_at(fd, name, sizeof name, notes->p_offset + at + sizeof note) &&
		    !memcmp(name, "Go\0", sizeof name))
			return true;
		at += sizeof note + (((uint64_t)note.n_namesz + 3) & ~UINT64_C(3)) +
		      (((uint64_t)note.n_descsz + 3) & ~UINT64_C(3));
	}
	return false;
}

static bool has_go_section(int fd, const file_header *elf)
{
	ElfW(Shdr) header, names;
	char name[24];

	if (elf->e_shentsize != sizeof header ||
	    !read_at(fd, &names, sizeof names,
	             elf->e_shoff + (uint64_t)elf->e_shstrndx * sizeof names))
		return false;
	for (unsigned n = 0; n < elf->e_shnum && n < MAX_PARTS; n++) {
		if (!read_at(fd, &header, sizeof header,
		             elf->e_shoff + (uint64_t)n * sizeof header))
			return false;
		if (read_text(fd, name, sizeof name, names.sh_offset + header.sh_name) &&
		    (!strcmp(name, ".go.buildinfo") || !strcmp(name, ".note.go.buildid")))
			return true;
	}
	return false;
}

static void examine_segments(int fd, const file_header *elf, struct elf_facts *facts)
{
	program_header header;
	unsigned n = 0;

	for (; segment(fd, elf, n, &header); n++) {
		if (header.p_type == PT_INTERP &&
		    !read_text(fd, facts->interpreter, sizeof facts->interpreter,
		               header.p_offset)) {
			facts->interpreter[0] = '\0';
			facts->damage = "the name of its loader cannot be read";
		} else if (header.p_type == PT_DYNAMIC) {
			examine_needed(fd, elf, &header, facts);
		} else if (header.p_type == PT_NOTE && has_go_note(fd, &header)) {
			facts->is_go = true;
		}
	}
	if (!n || n < elf->e_phnum)
		facts->damage = "its program headers cannot be read";
}

void elf_examine(int fd, struct elf_facts *facts)
{
	/* The part of the header that is the same in both classes. */
	struct {
		unsigned char ident[EI_NIDENT];
		uint16_t type, machine;
	} start;
	file_header elf;

	memset(facts, 0, sizeof *facts);
	if (!read_at(fd, &start, sizeof start, 0) || memcmp(start.ident, ELFMAG, SELFMAG) != 0)
		return;
	facts->is_elf = true;
	facts->is_native = is_native(start.ident, start.machine);
	facts->is_program = start.type == ET_EXEC || start.type == ET_DYN;
	if (!facts->is_native)
		return;
	if (!read_at(fd, &elf, sizeof elf, 0)) {
		facts->damage = "it ends within its header";
		return;
	}
	examine_segments(fd, &elf, facts);
	facts->is_go = facts->is_go || has_go_section(fd, &elf);
}
