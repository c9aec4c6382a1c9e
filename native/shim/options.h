/* The command line of the shim. Every option takes a value; the launcher is the only caller. */
#ifndef SHIM_OPTIONS_H
#define SHIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

enum { MAX_TASKS_FILES = 32, MAX_ATTACHMENTS = 64 };

enum stdin_mode {
	STDIN_NONE, /* /dev/null */
	STDIN_OPEN, /* stays open whatever clients do */
	STDIN_ONCE, /* closed when the first attached client closes its side */
};

struct options {
	const char *identifier;      /* the container's id, as the runtime knows it */
	const char *run_directory;   /* this launch's own, on a tmpfs */
	const char *state_directory; /* on disk */
	const char *exit_file;       /* name in the state directory */
	const char *record;          /* JSON for a daemon that has to clear up: kept in the run directory */
	const char *runtime;
	const char *runtime_root;
	bool crun;                /* whether the runtime understands crun's own options */
	const char *bundle;       /* a container to run, or NULL */
	bool systemd;             /* the runtime has systemd make the cgroup, a scope */
	bool held;                /* the runtime only creates the container: its process waits for the shim to let it go */
	bool without_core;        /* the container is to have no link /dev/core */
	const char *process_file; /* a process to start in a running container, or NULL */
	const char *program;      /* the process's first argument */
	bool terminal;
	unsigned short rows, columns; /* 0: the kernel's default */
	enum stdin_mode stdin_mode;
	bool owned; /* the pipes belong to this user and group, who may open them anew */
	unsigned uid, gid;
	const char *oom_score; /* for the runtime's process, which may not lower it in a user namespace; or NULL */
	const char *tasks_files[MAX_TASKS_FILES]; /* cgroup v1 `tasks` files to join; none: the runtime does it */
	int tasks_count;
	const char *log_path; /* NULL: no log */
	uint64_t log_max_size; /* 0: no limit */
	unsigned log_max_files;
	enum log_sharing log_sharing;
	const char *log_attributes; /* JSON text, or NULL */
	unsigned char attachments[MAX_ATTACHMENTS]; /* roles of the clients on file descriptors 4 and up */
	/* Descriptors of connections that are served directly, behind those of the attachments; 0: none. */
	int connections[MAX_ATTACHMENTS];
	int attachment_count, connection_count;
};

/* Returns NULL, or what is wrong. */
const char *options_parse(struct options *options, char **arguments);

#endif
