#define _GNU_SOURCE
#include "spill.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"

enum { TURN = 4, RELEASE_STEP = 2 << 20 };

static const char *spill_directory;

void spill_open(const char *directory)
{
	spill_directory = directory;
}

bool spill_holds(const struct spill *spill)
{
	return spill->end > spill->start;
}

uint64_t spill_size(const struct spill *spill)
{
	return spill->end - spill->start;
}

static bool make_file(struct spill *spill)
{
	static unsigned serial;
	char path[4096];
	struct text text = TEXT(path);

	text_add(&text, spill_directory);
	text_add(&text, "/spill-");
	text_add_number(&text, (uint64_t)getpid());
	text_add(&text, "-");
	text_add_number(&text, serial++);
	spill->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (spill->fd < 0)
		return false;
	unlink(path);
	return true;
}

static bool write_whole(int fd, const char *bytes, size_t length, uint64_t offset)
{
	while (length) {
		ssize_t written = pwrite(fd, bytes, length, (off_t)offset);
		if (written <= 0) {
			if (written < 0 && errno == EINTR)
				continue;
			return false;
		}
		bytes += written;
		length -= (size_t)written;
		offset += (uint64_t)written;
	}
	return true;
}

bool spill_append(struct spill *spill, const struct iovec *pieces, int count, size_t skip)
{
	if (spill->fd < 0 && !make_file(spill))
		return false;
	for (int i = 0; i < count; i++) {
		size_t length = pieces[i].iov_len;
		if (skip >= length) {
			skip -= length;
			continue;
		}
		if (!write_whole(spill->fd, (const char *)pieces[i].iov_base + skip, length - skip, spill->end))
			return false;
		spill->end += length - skip;
		skip = 0;
	}
	return true;
}

/* A client that is always a little behind must not make the file grow for ever. */
static void release_consumed(struct spill *spill)
{
	if (spill->start == spill->end) {
		if (ftruncate(spill->fd, 0) == 0)
			spill->start = spill->end = spill->released = 0;
	} else if (spill->start - spill->released >= RELEASE_STEP) {
		uint64_t whole = spill->start / RELEASE_STEP * RELEASE_STEP;
		/* Where holes are not supported the file stays as long as it is. */
		fallocate(spill->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)spill->released,
			  (off_t)(whole - spill->released));
		spill->released = whole;
	}
}

enum spill_result spill_send(struct spill *spill, int socket)
{
	static char buffer[64 << 10];

	for (int i = 0; i < TURN && spill_holds(spill); i++) {
		/*
		 * Not sendfile: that would leave pages of the file in the socket's queue, which giving
		 * them back could change before the client has read them.
		 */
		ssize_t length = pread(spill->fd, buffer, sizeof buffer, (off_t)spill->start);
		if (length <= 0)
			return SPILL_BROKEN;
		ssize_t sent = send(socket, buffer, (size_t)length, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN || errno == EINTR ? SPILL_LEFT : SPILL_BROKEN;
		spill->start += (uint64_t)sent;
		release_consumed(spill);
		if (sent < length)
			break;
	}
	return spill_holds(spill) ? SPILL_LEFT : SPILL_EMPTY;
}

void spill_close(struct spill *spill)
{
	if (spill->fd >= 0)
		close(spill->fd);
	spill->fd = -1;
	spill->start = spill->end = 0;
}
