/*
 * Standard input and output of the process: pipes, or a terminal whose master end the runtime sends.
 * Output goes to the log and to the clients; input comes from clients, at the pace the process reads.
 */
#ifndef SHIM_STREAMS_H
#define SHIM_STREAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "options.h"

/* Path of the socket for the runtime's `--console-socket`, relative to the run directory. */
#define CONSOLE_SOCKET "tty"

enum input_state {
	INPUT_BLOCKED, /* the terminal is not there yet, or the process must read first */
	INPUT_READY,
	INPUT_CLOSED, /* the process takes no input, or no more */
};

/* Returns 0 or an errno. */
int streams_open(const struct options *options);
/* In the runtime's process: makes these its descriptors 0, 1 and 2. */
void streams_become(void);
/* In the shim, once the runtime's process is forked. */
void streams_forked(void);
/* What was written to standard error so far: of a runtime that failed, its complaint. */
size_t streams_read_error(char *to, size_t capacity);
/* The process runs: begin to read. False when there should be a terminal and it never came. */
bool streams_started(pid_t process);
/* Whether the process is known to have become its program. */
bool streams_executed(void);
/* Before an ended process is waited for. Of one that never became its program the last words are the runtime's: they are translated. */
void streams_process_ended(bool executed);
/* Reads no output while held: the process has to wait once its pipes are full. */
void streams_hold(bool hold);
/* Whether both outputs came to their ends. */
bool streams_ended(void);
void streams_close_outputs(void);

/*
 * Moves what a client's socket holds to the process; to be called when ready. False when the client closed
 * its side. `clients_input_changed` is called whenever the state is another one.
 */
bool streams_input(int socket);
enum input_state streams_input_state(void);
void streams_close_input(void);
void streams_resize(unsigned short rows, unsigned short columns);

#endif
