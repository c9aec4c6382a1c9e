/* Runs the OCI runtime, and clears away what it leaves. */
#ifndef SHIM_RUNTIME_H
#define SHIM_RUNTIME_H

#include <sys/types.h>

#include "options.h"
#include "text.h"

/* Names in the run directory. */
#define PID_FILE "pid"
#define RUNTIME_LOG "log"

/* Starts `create`, `run` or `exec`; its descriptors 0 to 2 are those of the process. Returns its pid, or -1. */
pid_t runtime_start(const struct options *options);
/* Starts `delete --force`, for what a start that is given up may have left. Returns its pid, or -1. */
pid_t runtime_delete(const struct options *options);
/* The pid of the process, once the runtime succeeded; 0 when there is none. */
pid_t runtime_read_pid(void);
/*
 * What the runtime's `start` would do to a container it has created, in two steps: the first answers a descriptor, or
 * -1 with errno set; the second lets the process go.
 */
int runtime_open_gate(const struct options *options);
void runtime_let_go(int gate);
/* Adds the runtime's own log. */
void runtime_read_log(struct text *text);
/*
 * Removes the runtime's record of a container that has ended: all that `delete` would do beside removing
 * the cgroups, which hold what the daemon still wants to know.
 */
void runtime_forget(const struct options *options);

#endif
