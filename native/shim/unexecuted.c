#define _GNU_SOURCE
#include "unexecuted.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "processes.h"

/* Of a task's flags, include/linux/sched.h: forked but did not exec. */
#define PF_FORKNOEXEC 0x40

bool has_executed(pid_t pid)
{
	char line[1024];
	char *at = process_fields(pid, line, sizeof line);

	/* Field 9; `at` is where field 3 begins. */
	for (int field = 3; at && field < 9; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return !at || !(strtoul(at, NULL, 10) & PF_FORKNOEXEC);
}

void unexecuted_words(struct text *line, const char *program, const char *said, size_t length)
{
	const char *end = memchr(said, '\n', length);
	const char *quote, *path = NULL, *reason = NULL;

	if (end)
		length = (size_t)(end - said);
	/* `…exec container process `/path`: Reason","level":…` of a container, `exec: Reason` of an exec. */
	quote = memchr(said, '`', length);
	/* A path may hold anything but the quote that ends it. */
	const char *after = quote ? memchr(quote + 1, '`', length - (size_t)(quote + 1 - said)) : NULL;
	for (size_t i = after ? (size_t)(after - said) : 0; i + 2 < length; i++) {
		if (said[i] == ':' && said[i + 1] == ' ') {
			reason = said + i + 2;
			break;
		}
	}
	if (!reason) {
		text_add_bytes(line, said, length);
		text_add(line, "\n");
		return;
	}
	if (after)
		path = quote + 1;
	text_add(line, "exec ");
	if (path && !strchr(program, '/')) {
		text_add_bytes(line, path, (size_t)(after - path));
	} else {
		text_add(line, program);
	}
	text_add(line, ": ");
	for (; reason < said + length && *reason != '"' && *reason != '\033' && *reason != '\r'; reason++) {
		char letter = (char)tolower((unsigned char)*reason);
		text_add_bytes(line, &letter, 1);
	}
	text_add(line, "\n");
}
