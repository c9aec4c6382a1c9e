/*
 * Holds the process of an exec with a terminal at the moment it becomes its program, until its terminal has its
 * size: crun lets such a process go before it sets that. The runtime and what it forks are traced for it
 * (ptrace(2)), each no longer than needed. Where tracing is not permitted nothing is held.
 */
#ifndef SHIM_HOLD_H
#define SHIM_HOLD_H

#include <sys/types.h>

/* Begins to trace the runtime, which must not have forked yet. */
void hold_begin(pid_t runtime);
/* Follows what is traced; to be called after each SIGCHLD. */
void hold_follow(void);
/* Lets the process go, now or when it comes. */
void hold_release(void);

#endif
