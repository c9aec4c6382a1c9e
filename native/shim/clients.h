/*
 * Attached clients and daemons. A client that reads slowly slows the process down to its pace, lest its
 * disk fill up; one that does not read at all has its output kept for it, and holds up nobody.
 */
#ifndef SHIM_CLIENTS_H
#define SHIM_CLIENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"
#include "options.h"

/* Name of the listening socket in the run directory. */
#define CLIENT_SOCKET "sock"

/* What clients cause elsewhere; given by the main module. */
struct client_events {
	void (*joined)(int control); /* a control client is there: tell it the state with `clients_tell` */
	void (*resize)(unsigned short rows, unsigned short columns);
	void (*abort)(void); /* asked for, or the daemon that launched us is gone */
};

void clients_open(const struct options *options, const struct client_events *events);
/* Takes over a connected socket whose role is known already; `connection`: the client's own, where that is served directly, or 0. */
void clients_add(int fd, int connection, unsigned char roles);
/* Makes the socket for later clients. Returns 0 or an errno. */
int clients_listen(void);

void clients_output(unsigned char role, const char *bytes, size_t length);
void clients_input_changed(void);

/* Sends a frame to one control client, or to all (-1). */
void clients_tell(int control, enum frame_type type, const void *payload, size_t length);

/*
 * Whether to read no output now, for the sake of clients that are far behind but reading; `until` becomes the
 * time (monotonic milliseconds) at which to ask again if nothing happens before.
 */
bool clients_hold(int64_t now, int64_t *until);

/* No output will come any more, nor new clients: each client gets what is left and then its end of file. */
void clients_finish(void);
/* Forgets clients that are gone; to be called between events. */
void clients_sweep(void);
/* Whether there are clients whose output is not yet all in their hands. */
bool clients_behind(void);
/* Whether any client but daemons is left. */
bool clients_left(void);

#endif
