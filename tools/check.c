/* SPDX-License-Identifier: GPL-3.0-or-later */
/* sleeve check: will preloading work on this program?  Nothing of it is run. */
#include "tools/command.h"
#include "tools/elf.h"
#include "tools/text.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_SCRIPTS 5 /* as many interpreters in a row as the kernel follows */

static const char usage[] =
	"usage: sleeve check PROGRAM\n"
	"  Tells whether sleeve-run can put TLS over PROGRAM, a path or a name in PATH.\n";

struct finding {
	char path[PATH_MAX]; /* of the file at hand: the program or an interpreter of it */
	char chain[512];     /* "script of /bin/sh, ", "" for none */
	char reason[512];    /* why not; "" while there is no reason */
	char note[64];       /* behind a yes */
	const char *remedy;
};

__attribute__((format(printf, 3, 4))) static bool
refuse(struct finding *finding, const char *remedy, const char *format, ...)
{
	va_list arguments;

	finding->remedy = remedy;
	va_start(arguments, format);
	vsnprintf(finding->reason, sizeof finding->reason, format, arguments);
	va_end(arguments);
	return false;
}

/* ---- finding the file --------------------------------------------------------------------- */

/* As execvp(3) looks for it. */
static bool find(struct finding *finding, const char *name)
{
	const char *path = getenv("PATH");
	struct stat st;

	if (strchr(name, '/')) {
		snprintf(finding->path, sizeof finding->path, "%s", name);
		return true;
	}
	for (path = path ? path : "/bin:/usr/bin"; *name; path++) {
		size_t length = strcspn(path, ":");
		snprintf(finding->path, sizeof finding->path, "%.*s%s%s", (int)length, path,
		         length ? "/" : "", name);
		if (!access(finding->path, X_OK) && !stat(finding->path, &st) &&
		    S_ISREG(st.st_mode))
			return true;
		path += length;
		if (!*path)
			break;
	}
	snprintf(finding->path, sizeof finding->path, "%s", name);
	return refuse(finding, "give its path, or correct PATH",
	              "there is no such program in PATH");
}

static int open_program(struct finding *finding, struct stat *st)
{
	int fd = open(finding->path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd < 0 && errno == EACCES)
		refuse(finding, "make it readable (chmod +r), or ask as root",
		       "it cannot be read, so nothing is known of it");
	else if (fd < 0)
		refuse(finding, "correct the path", "%s", strerror(errno));
	else if (fstat(fd, st) || !S_ISREG(st->st_mode))
		refuse(finding, "name a program", "it is not a regular file");
	else if (access(finding->path, X_OK))
		refuse(finding, "make it executable (chmod +x)", "it is not executable");
	if (fd >= 0 && *finding->reason) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---- what makes the loader ignore LD_PRELOAD (AT_SECURE in getauxval(3)) ------------------ */

static bool check_privileges(struct finding *finding, int fd, const struct stat *st)
{
	/* Who already is what the bits would make of him gains nothing, and keeps the preload. */
	if (st->st_mode & (S_ISUID | S_ISGID))
		snprintf(finding->note, sizeof finding->note,
		         "; set-id, so not when other users start it");
	if (st->st_mode & S_ISUID && st->st_uid != getuid())
		return refuse(
			finding,
			"take the bit away (chmod u-s) and let the service manager set the user",
			"it is set-user-id, so the loader ignores LD_PRELOAD");
	if ((st->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) && st->st_gid != getgid())
		return refuse(
			finding,
			"take the bit away (chmod g-s) and let the service manager set the group",
			"it is set-group-id, so the loader ignores LD_PRELOAD");
	if (getuid() && fgetxattr(fd, "security.capability", NULL, 0) > 0)
		return refuse(
			finding,
			"take them away (setcap -r) and give the service ambient capabilities",
			"it has file capabilities, so the loader ignores LD_PRELOAD");
	return true;
}

/* ---- scripts ------------------------------------------------------------------------------ */

/* Takes the next word off the line; NULL at its end. */
static char *next_word(char **line)
{
	char *word = *line + strspn(*line, " \t");
	size_t length = strcspn(word, " \t");

	*line = word + length + (word[length] != '\0');
	word[length] = '\0';
	return *word ? word : NULL;
}

/* `env` in a script's first line: env(1) looks for the interpreter in PATH. */
static const char *behind_env(struct finding *finding, char *arguments)
{
	char *word;

	while ((word = next_word(&arguments))) {
		bool clears = !strcmp(word, "-") || !strcmp(word, "-i") || !strcmp(word, "-u") ||
		              !strncmp(word, "--ignore", 8) || !strncmp(word, "--unset", 7);
		if (clears) {
			refuse(finding, "let the script keep its environment",
			       "its first line takes LD_PRELOAD out of the environment (env %s)",
			       word);
			return NULL;
		}
		if (*word != '-' && !strchr(word, '='))
			return word;
		if (!strncmp(word, "-S", 2) && word[2]) /* -Sperl is -S perl */
			return word + 2;
	}
	refuse(finding, "write #!/usr/bin/env INTERPRETER", "its first line names no interpreter");
	return NULL;
}

/* Sets finding->path to the interpreter of the script that starts with `line`. */
static bool follow_script(struct finding *finding, char *line)
{
	char *interpreter = next_word(&line), chain[sizeof finding->chain];

	if (!interpreter)
		return refuse(finding, "name one", "its first line names no interpreter");
	const char *slash = strrchr(interpreter, '/');
	const char *name = interpreter;
	if (slash && !strcmp(slash, "/env")) {
		name = behind_env(finding, line);
		if (!name)
			return false;
		if (!find(finding, name))
			return refuse(finding, "install it, or correct the script's first line",
			              "its interpreter %s is not in PATH", name);
	} else {
		snprintf(finding->path, sizeof finding->path, "%s", name);
	}
	snprintf(chain, sizeof chain, "%.200sscript of %.256s, ", finding->chain, finding->path);
	memcpy(finding->chain, chain, sizeof chain);
	return true;
}

/* Is fd a script?  Then `line` is what follows "#!".  A text without it is for /bin/sh, as
 * execvp(3) and the shells have it. */
static bool is_script(int fd, char *line, size_t size)
{
	ssize_t got = pread(fd, line, size - 1, 0);

	if (got <= 0)
		return false;
	line[got] = '\0';
	size_t length = strcspn(line, "\n");
	if (!strncmp(line, "#!", 2)) {
		line[length] = '\0';
		memmove(line, line + 2, strlen(line + 2) + 1);
		return true;
	}
	bool text = strlen(line) == (size_t)got;
	snprintf(line, size, "/bin/sh");
	return text;
}

/* ---- programs ----------------------------------------------------------------------------- */

static bool check_elf(struct finding *finding, const struct elf_facts *elf)
{
	const char *loader = strrchr(elf->interpreter, '/');

	loader = loader ? loader + 1 : elf->interpreter;
	if (!elf->is_native)
		return refuse(finding, "build sleeve for that machine too",
		              "it is built for another machine or word size than libsleeve.so");
	if (!elf->is_program || elf->damage)
		return refuse(finding, "name a program", "%s",
		              elf->damage ? elf->damage : "it is not a program but an object file");
	if (elf->is_go)
		return refuse(finding, "use Go's own crypto/tls in it",
		              "it is written in Go, whose programs bypass the C library");
	if (!*elf->interpreter)
		return refuse(finding, "link it dynamically",
		              "it is linked statically, so nothing can be preloaded");
	if (!strncmp(loader, "ld-musl", 7))
		return refuse(finding, "use a build of it for glibc",
		              "it uses the musl C library, and libsleeve.so is made for glibc");
	if (strncmp(loader, "ld-linux", 8) != 0 && strncmp(loader, "ld64.so", 7) != 0 &&
	    strncmp(loader, "ld.so", 5) != 0)
		return refuse(finding, "use a build of it for glibc",
		              "its loader %s is not that of glibc", elf->interpreter);
	if (!elf->needs_any)
		return refuse(finding, "there is none",
		              "it uses no C library that could be watched");
	return true;
}

/* Follows scripts to the ELF program that will run in the end, and judges that. */
static bool examine(struct finding *finding)
{
	for (int depth = 0; depth <= MAX_SCRIPTS; depth++) {
		char line[256];
		struct elf_facts elf;
		struct stat st;
		int fd = open_program(finding, &st);
		if (fd < 0)
			return false;
		elf_examine(fd, &elf);
		bool script = !elf.is_elf && is_script(fd, line, sizeof line);
		bool good = script || check_privileges(finding, fd, &st);
		close(fd);
		if (!good)
			return false;
		if (elf.is_elf)
			return check_elf(finding, &elf);
		if (!script)
			return refuse(finding, "name a program",
			              "it is neither an ELF program nor a script");
		if (!follow_script(finding, line))
			return false;
	}
	return refuse(finding, "shorten the chain", "its interpreters are scripts of scripts");
}

int command_check(int argc, char **argv)
{
	static const struct option known[] = {{"help", no_argument, NULL, 'h'}, {0}};
	static struct finding finding;
	char program[4 * PATH_MAX], path[4 * PATH_MAX], reason[sizeof finding.reason * 4];
	int option = getopt_long(argc, argv, "+", known, NULL);

	if (option == 'h')
		return fputs(usage, stdout), EXIT_FINE;
	if (option != -1 || optind + 1 != argc)
		return fputs(usage, stderr), EXIT_MISUSE;
	bool found = find(&finding, argv[optind]);
	text_escape(program, sizeof program, finding.path);
	if (found && examine(&finding)) {
		printf("%s: yes, it can be sleeved (%sdynamic, glibc%s)\n", program,
		       text_escape(path, sizeof path, finding.chain), finding.note);
		return EXIT_FINE;
	}
	printf("%s: no, it cannot be sleeved: ", program);
	if (*finding.chain && strcmp(program, finding.path) != 0)
		printf("it is a script of %s, and of that: ",
		       text_escape(path, sizeof path, finding.path));
	printf("%s\n  remedy: %s\n", text_escape(reason, sizeof reason, finding.reason),
	       finding.remedy);
	return EXIT_FINDINGS;
}
