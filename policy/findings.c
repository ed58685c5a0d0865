/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Findings: what is wrong with a policy, where, and what would be right. */
#include "policy/policy.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* A file of nothing but mistakes must not fill the memory of the host program. */
enum { FINDINGS_MAX = 1000, TEXT_MAX = 1024 };

/* One block holds text and file name, so that findings outlive the snapshot they speak of. */
static char *join(const char *text, const char *file, const char **copied_file)
{
	size_t text_size = strlen(text) + 1, file_size = strlen(file) + 1;
	char *block = malloc(text_size + file_size);
	if (!block)
		return NULL;
	memcpy(block, text, text_size);
	memcpy(block + text_size, file, file_size);
	*copied_file = block + text_size;
	return block;
}

/* Checks run in the order that suits them; people read a file from top to bottom. */
static void insert(struct policy_findings *f, struct policy_finding new)
{
	size_t at = f->count;
	while (at > 0 && f->list[at - 1].line > new.line &&
	       strcmp(f->list[at - 1].file, new.file) == 0)
		at--;
	memmove(f->list + at + 1, f->list + at, (f->count - at) * sizeof(*f->list));
	f->list[at] = new;
	f->count++;
}

void policy_find(struct policy_findings *f, enum policy_severity severity, const char *file,
                 int line, const char *format, ...)
{
	if (severity == POLICY_ERROR)
		f->errors++;
	if (f->count >= FINDINGS_MAX)
		return;
	char text[TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);

	struct policy_finding *list = realloc(f->list, (f->count + 1) * sizeof(*list));
	if (!list)
		return;
	f->list = list;
	struct policy_finding new = { .severity = severity, .line = line };
	new.text = join(text, file ? file : "policy", &new.file);
	if (new.text)
		insert(f, new);
}

void policy_findings_clear(struct policy_findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->list[i].text);
	free(f->list);
	*f = (struct policy_findings){ 0 };
}

void policy_findings_print(const struct policy_findings *f, FILE *out)
{
	for (size_t i = 0; i < f->count; i++) {
		const struct policy_finding *one = &f->list[i];
		const char *severity = one->severity == POLICY_ERROR ? "error" : "warning";
		if (one->line > 0)
			fprintf(out, "%s:%d: %s: %s\n", one->file, one->line, severity, one->text);
		else
			fprintf(out, "%s: %s: %s\n", one->file, severity, one->text);
	}
}
