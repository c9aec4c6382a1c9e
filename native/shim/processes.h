/* Ends processes: those the shim is the parent of, and those left in a cgroup. */
#ifndef SHIM_PROCESSES_H
#define SHIM_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "text.h"

/* Kills and reaps every descendant; as the subreaper the shim inherits them all. Waits until it is done. */
void kill_descendants(void);
/* Kills what is left in the cgroup of this `tasks` or `cgroup.procs` file. */
void kill_cgroup(const char *file);
/*
 * Finds the file listing the processes of a process's cgroup, wherever the runtime made it. False when it is
 * not one of the container's own, named after it: then others' processes would be in it.
 */
bool find_cgroup(pid_t pid, const char *identifier, struct text *path);
/* Reads the status line of a process, alive or not yet waited for, and answers where its field 3 begins; NULL: there is none. */
char *process_fields(pid_t pid, char *line, size_t capacity);
/* When the process started, in clock ticks since boot: with its pid it names it uniquely. 0: there is none. */
uint64_t process_start_time(pid_t pid);

#endif
