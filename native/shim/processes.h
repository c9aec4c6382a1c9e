/* Ends processes: those the shim is the parent of, and those left in a cgroup. */
#ifndef SHIM_PROCESSES_H
#define SHIM_PROCESSES_H

#include <stdint.h>
#include <sys/types.h>

/* Kills and reaps every descendant; as the subreaper the shim inherits them all. Waits until it is done. */
void kill_descendants(void);
/* Kills what is left in the cgroup of this v1 `tasks` file. */
void kill_cgroup(const char *tasks_file);
/* When the process started, in clock ticks since boot: with its pid it names it uniquely. 0: there is none. */
uint64_t process_start_time(pid_t pid);

#endif
