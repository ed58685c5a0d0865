/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Programs are judged by their files, and no file can harm the judge. */
#include "tools/elf.c" /* the tool's parts are in no library */
#include "tools/text.c"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

TestSuite(check_elf, .timeout = 60);

/* An anonymous file with these bytes. */
static int file_of(const void *bytes, size_t size)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);
	cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size);
	return fd;
}

/* This very test program: dynamic, of glibc. */
static unsigned char *own_bytes(size_t *size)
{
	int fd = open("/proc/self/exe", O_RDONLY);
	struct stat st;
	cr_assert(fd >= 0 && !fstat(fd, &st));
	unsigned char *bytes = malloc((size_t)st.st_size);
	cr_assert(bytes && read(fd, bytes, (size_t)st.st_size) == st.st_size);
	*size = (size_t)st.st_size;
	close(fd);
	return bytes;
}

Test(check_elf, a_dynamic_program_of_glibc)
{
	struct elf_facts facts;
	int fd = open("/proc/self/exe", O_RDONLY);
	elf_examine(fd, &facts);
	close(fd);
	cr_assert(facts.is_elf && facts.is_native && facts.is_program && !facts.is_go);
	cr_assert(facts.needs_any && facts.needs_libc);
	cr_assert(strstr(facts.interpreter, "ld"));
	cr_assert_null(facts.damage);
}

Test(check_elf, every_length_of_a_truncated_program)
{
	size_t size;
	unsigned char *bytes = own_bytes(&size);
	for (size_t cut = 0; cut < 4096; cut += 7) {
		struct elf_facts facts;
		int fd = file_of(bytes, cut);
		elf_examine(fd, &facts);
		cr_assert(memchr(facts.interpreter, 0, sizeof facts.interpreter));
		cr_assert(!facts.is_elf || !facts.is_native || cut > 1024 || facts.damage ||
		          *facts.interpreter);
		close(fd);
	}
	free(bytes);
}

Test(check_elf, a_program_with_bytes_overwritten)
{
	size_t size, part = 2048;
	unsigned char *bytes = own_bytes(&size), bad[2048];
	int fd = file_of(bytes, size);
	srand(3);
	for (int round = 0; round < 3000; round++) {
		struct elf_facts facts;
		memcpy(bad, bytes, part);
		for (int n = 0; n < 8; n++)
			bad[16 + (size_t)rand() % 800] = rand() % 2 ? 0xff : (unsigned char)rand();
		cr_assert_eq(pwrite(fd, bad, part, 0), (ssize_t)part);
		elf_examine(fd, &facts);
		cr_assert(facts.is_elf && memchr(facts.interpreter, 0, sizeof facts.interpreter));
	}
	close(fd);
	free(bytes);
}

Test(check_elf, another_machine_or_word_size)
{
	size_t size;
	unsigned char *bytes = own_bytes(&size);
	struct elf_facts facts;
	int other[] = {EI_CLASS, EI_DATA, 18 /* e_machine */};
	for (size_t n = 0; n < 3; n++) {
		unsigned char kept = bytes[other[n]];
		bytes[other[n]] ^= 3;
		int fd = file_of(bytes, size);
		elf_examine(fd, &facts);
		cr_assert(facts.is_elf && !facts.is_native, "byte %d", other[n]);
		close(fd);
		bytes[other[n]] = kept;
	}
	free(bytes);
}

/* ---- what is printed of such files, and of peers ------------------------------------------- */

Test(check_elf, text_is_escaped_for_a_terminal)
{
	static const struct {
		const char *raw, *escaped;
	} cases[] = {
		{"plain /usr/bin/x", "plain /usr/bin/x"},
		{"\033[31mred\a", "\\x1b[31mred\\x07"},
		{"a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f"},
		{"back\\slash", "back\\\\slash"},
		{"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
		{"\xc2\x9b"
	         "31m",
	         "\\x9b31m"}, /* CSI as one C1 character */
		{"\x9b"
	         "31m",
	         "\\x9b31m"}, /* and as one byte */
		{"\xe2\x80\xae"
	         "txt.exe",
	         "\\u{202e}txt.exe"},                /* turns the line around */
		{"\xc0\xaf", "\\xc0\\xaf"},          /* an overlong slash */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"}, /* a surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
		{"\xe2\x82", "\\xe2\\x82"}, /* cut off */
	};
	char out[200];
	for (size_t n = 0; n < sizeof cases / sizeof *cases; n++)
		cr_assert_str_eq(text_escape(out, sizeof out, cases[n].raw), cases[n].escaped);
	for (size_t size = 1; size < 12; size++) {
		cr_assert_lt(strlen(text_escape(out, size, "\xc3\xbc\xc3\xbc\033\033")), size);
		cr_assert(strlen(out) % 2 == 0 || size > 8, "half a character");
	}
}

Test(check_elf, text_in_json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	text_json(out, "a\"b\\c\n\033\x7f\xff\xe2\x80\xae\xc3\xbc");
	fclose(out);
	cr_assert_str_eq(text, "\"a\\\"b\\\\c\\u000a\\u001b\\u007f\\ufffd\\u202e\xc3\xbc\"");
	free(text);
}
