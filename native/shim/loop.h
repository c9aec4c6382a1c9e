/*
 * The event loop: one epoll, one event handled at a time, so that a handler may close any source
 * without another event for it being under way.
 */
#ifndef SHIM_LOOP_H
#define SHIM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

/* Embedded as the first member of whatever owns a file descriptor. */
struct source {
	int fd;
	bool watched;
	uint32_t events;
	void (*ready)(struct source *source, uint32_t events);
};

void loop_open(void);
/* Watches for these events from now on, instead of those before. Errors and hang-ups are always reported. */
void loop_watch(struct source *source, uint32_t events);
/* Reports nothing any more, not even hang-ups. */
void loop_ignore(struct source *source);
/* Ignores and closes; without effect when closed. */
void loop_close(struct source *source);
/* Handles one event; waits at most `milliseconds` (-1: for ever). */
void loop_turn(int milliseconds);

#endif
