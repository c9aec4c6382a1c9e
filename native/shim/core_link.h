/*
 * The link /dev/core. runc, and so Docker, makes it where the kernel has /proc/kcore; crun makes it always. Where
 * the kernel has none it is taken away.
 */
#ifndef SHIM_CORE_LINK_H
#define SHIM_CORE_LINK_H

#include <sys/types.h>

/* Removes it from the root of a process, if it is what crun made and can be removed. */
void remove_core_link(pid_t pid);

#endif
