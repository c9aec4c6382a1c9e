/*
 * A process that never became its program: the runtime has reported the start and the kernel then refused to
 * execute the program (no format it knows, an interpreter that is missing). crun complains on the process's
 * standard error in its own form; Docker's clients know runc's words and exit code.
 */
#ifndef SHIM_UNEXECUTED_H
#define SHIM_UNEXECUTED_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "text.h"

enum { UNEXECUTED_EXIT_CODE = 255 };

/* Whether the process, alive or not yet waited for, has executed anything since it was forked. */
bool has_executed(pid_t pid);
/* Makes runc's line out of what crun said; `program` is the process's first argument. */
void unexecuted_words(struct text *line, const char *program, const char *said, size_t length);

#endif
