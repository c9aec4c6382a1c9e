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

/* With `keep` rotated files stay for the daemon to remove. The strings are kept. Returns 0 or an errno. */
int log_open(const char *path, uint64_t max_size, unsigned max_files, bool keep, const char *attributes);
/* Whether as many files are kept as may be: output is better left where it is. */
bool log_full(void);
/* Takes one batch of output and writes the lines that are complete now. Without effect when not open. */
void log_add(enum log_stream stream, const char *bytes, size_t length);
/* Writes last lines that lack their newline, and closes. */
void log_close(void);

#endif
