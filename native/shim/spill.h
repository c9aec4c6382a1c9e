/*
 * Bytes a client has not taken yet, beyond what its socket's buffer holds: an unlinked file that is
 * made at the first need, gives back its consumed part as it goes, and is emptied when it is drained.
 */
#ifndef SHIM_SPILL_H
#define SHIM_SPILL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

struct spill {
	int fd; /* -1: none yet */
	uint64_t start, end, released;
};

enum spill_result { SPILL_EMPTY, SPILL_LEFT, SPILL_BROKEN };

/* Where files are made; the string is kept. */
void spill_open(const char *directory);
bool spill_holds(const struct spill *spill);
uint64_t spill_size(const struct spill *spill);
/* Appends what follows the first `skip` bytes of the pieces. False when the disk does not take it. */
bool spill_append(struct spill *spill, const struct iovec *pieces, int count, size_t skip);
/* Sends as much as the socket takes now, within one turn's share. */
enum spill_result spill_send(struct spill *spill, int socket);
void spill_close(struct spill *spill);

#endif
