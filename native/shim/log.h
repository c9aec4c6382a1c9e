/*
 * The log: Docker's json-file format, byte for byte, with its rules for long lines and rotation.
 * A full disk costs log entries, never the container's output: nothing here fails or waits once open.
 */
#ifndef SHIM_LOG_H
#define SHIM_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum log_stream { LOG_STDOUT, LOG_STDERR };

enum log_sharing {
	LOG_ALONE,
	LOG_SHARED, /* rotated files are compressed by the daemon */
	LOG_KEPT,   /* and are its to remove: more than there may be of them hold up the process */
};

/* The strings are kept. Returns 0 or an errno. */
int log_open(const char *path, uint64_t max_size, unsigned max_files, enum log_sharing sharing, const char *attributes);
/* Whether as many files are kept as may be: output is better left where it is. */
bool log_full(void);
/* Takes one batch of output and writes the lines that are complete now. Without effect when not open. */
void log_add(enum log_stream stream, const char *bytes, size_t length);
/* Writes last lines that lack their newline, and closes. */
void log_close(void);

#endif
