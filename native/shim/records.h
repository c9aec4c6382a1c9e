/* The files a daemon learns from when it was not there, or the shim is not any more. */
#ifndef SHIM_RECORDS_H
#define SHIM_RECORDS_H

#include <stdint.h>
#include <sys/types.h>

#include "options.h"

/*
 * In the run directory, while the process runs: should the shim itself be killed, the daemon knows by this
 * what to clear up, and whether a pid is still our process.
 */
void records_write_process(const struct options *options, pid_t pid, uint64_t start_time);

/* Times are nanoseconds since 1970. */
struct run {
	pid_t pid;
	uint32_t exit_code, signal;
	uint64_t start_time, exit_time;
};
/* In the state directory: how the process ended. Replaces an older one as a whole. */
void records_write_exit(const struct options *options, const struct run *run);
/* Removes the run directory with everything in it. */
void records_clear(const struct options *options);

#endif
