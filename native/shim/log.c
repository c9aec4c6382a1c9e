#define _GNU_SOURCE
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "text.h"
#include "timestamp.h"

/* A longer line is logged in pieces of this many bytes, which all carry the first one's time. */
enum { PIECE = 16 << 10 };

struct line {
	char bytes[PIECE];
	size_t length;
	bool continues; /* a piece of this line has been logged */
	struct timespec begun; /* time of its first piece */
};

static struct line lines[2];
static const char *const stream_texts[] = { "\",\"stream\":\"stdout\",", "\",\"stream\":\"stderr\"," };

static int file = -1;
static const char *file_path;
static const char *attributes_text;
static uint64_t size_limit;
static unsigned file_limit;
static bool keeps_all; /* rotated files are the daemon's to remove; more than file_limit of them hold up the process */
static bool is_shared; /* the daemon compresses or removes rotated files */
static bool full;
static uint64_t size; /* of the file, with what is still in the buffer */

static char buffer[64 << 10];
static size_t buffered;
static size_t torn;     /* bytes of an unfinished entry already in the file */
static bool dropping;   /* the current entry cannot be written */

static int open_file(int flags)
{
	struct stat status;

	file = open(file_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flags, 0640);
	if (file < 0)
		return errno;
	size = fstat(file, &status) == 0 ? (uint64_t)status.st_size : 0;
	torn = 0;
	return 0;
}

int log_open(const char *path, uint64_t max_size, unsigned max_files, enum log_sharing sharing, const char *attributes)
{
	file_path = path;
	is_shared = sharing != LOG_ALONE;
	keeps_all = sharing == LOG_KEPT;
	size_limit = max_size;
	file_limit = max_files;
	attributes_text = attributes;
	return open_file(0);
}

/* The disk is full, or worse: leave no torn entry behind; what could not be written is lost. */
static void give_up_entry(void)
{
	struct stat status;

	dropping = true;
	if (fstat(file, &status) != 0)
		return;
	if (torn && (uint64_t)status.st_size >= torn && ftruncate(file, status.st_size - (off_t)torn) == 0)
		status.st_size -= (off_t)torn;
	torn = 0;
	size = (uint64_t)status.st_size;
}

static void flush(void)
{
	const char *at = buffer;

	while (buffered && file >= 0) {
		ssize_t written = write(file, at, buffered);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0) {
			give_up_entry();
			break;
		}
		/* Newlines within entries are escaped, so each real one ends an entry. */
		const char *end = memrchr(at, '\n', (size_t)written);
		torn = end ? (size_t)(at + written - end) - 1 : torn + (size_t)written;
		at += written;
		buffered -= (size_t)written;
	}
	buffered = 0;
}

static void add(const char *bytes, size_t length)
{
	while (length && !dropping) {
		size_t room = sizeof buffer - buffered;
		size_t share = length < room ? length : room;
		memcpy(buffer + buffered, bytes, share);
		buffered += share;
		size += share;
		bytes += share;
		length -= share;
		if (buffered == sizeof buffer)
			flush();
	}
}

static void add_string(const char *string)
{
	add(string, strlen(string));
}

/* Length of the UTF-8 sequence at `at`, or 0 when it is none by Unicode's rules (as Go decodes). */
static int sequence_length(const unsigned char *at, const unsigned char *end)
{
	unsigned char first = at[0], low = 0x80, high = 0xbf;
	int length;

	if (first >= 0xc2 && first <= 0xdf) {
		length = 2;
	} else if (first >= 0xe0 && first <= 0xef) {
		length = 3;
		if (first == 0xe0)
			low = 0xa0; /* overlong */
		else if (first == 0xed)
			high = 0x9f; /* surrogates */
	} else if (first >= 0xf0 && first <= 0xf4) {
		length = 4;
		if (first == 0xf0)
			low = 0x90;
		else if (first == 0xf4)
			high = 0x8f; /* beyond U+10FFFF */
	} else {
		return 0;
	}
	if (end - at < length || at[1] < low || at[1] > high)
		return 0;
	for (int i = 2; i < length; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	}
	return length;
}

static void add_ascii_escape(unsigned char byte)
{
	static const char hexadecimal[] = "0123456789abcdef";

	switch (byte) {
	case '"':
		add("\\\"", 2);
		return;
	case '\\':
		add("\\\\", 2);
		return;
	case '\n':
		add("\\n", 2);
		return;
	case '\r':
		add("\\r", 2);
		return;
	}
	char escape[] = { '\\', 'u', '0', '0', hexadecimal[byte >> 4], hexadecimal[byte & 15] };
	add(escape, sizeof escape);
}

static bool is_plain(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != '<' && byte != '>' && byte != '&';
}

static void add_escaped(const char *bytes, size_t length)
{
	const unsigned char *at = (const unsigned char *)bytes, *end = at + length, *run = at;

	while (at < end) {
		if (is_plain(*at)) {
			at++;
			continue;
		}
		int sequence = *at < 0x80 ? 1 : sequence_length(at, end);
		/* U+2028 and U+2029 end lines in JavaScript: Docker escapes them. */
		bool separator = sequence == 3 && at[0] == 0xe2 && at[1] == 0x80 && (at[2] & 0xfe) == 0xa8;
		if (sequence > 1 && !separator) {
			at += sequence;
			continue;
		}
		add((const char *)run, (size_t)(at - run));
		if (sequence == 0)
			add_string("\\ufffd");
		else if (separator)
			add_string(at[2] == 0xa8 ? "\\u2028" : "\\u2029");
		else
			add_ascii_escape(*at);
		at += sequence ? sequence : 1;
		run = at;
	}
	add((const char *)run, (size_t)(at - run));
}

static void name_of(char *to, size_t capacity, unsigned number, const char *suffix)
{
	struct text text = { to, to, to + capacity - 1 };

	text_add(&text, file_path);
	if (number) {
		text_add(&text, ".");
		text_add_number(&text, number);
	}
	text_add(&text, suffix);
}

static bool exists(unsigned number)
{
	char path[4096];

	name_of(path, sizeof path, number, "");
	if (access(path, F_OK) == 0)
		return true;
	name_of(path, sizeof path, number, ".gz");
	return access(path, F_OK) == 0;
}

/* Moves a rotated file, which the daemon may have compressed, to the next number. */
static void shift(unsigned number)
{
	char from[4096], to[4096], compressed[4096];

	name_of(from, sizeof from, number, "");
	name_of(to, sizeof to, number + 1, "");
	name_of(compressed, sizeof compressed, number + 1, ".gz");
	if (rename(from, to) == 0)
		unlink(compressed);
	if (number == 0)
		return;
	name_of(from, sizeof from, number, ".gz");
	if (rename(from, compressed) == 0)
		unlink(to);
}

/* The daemon compresses and removes rotated files under this lock. It is never waited for: the next entry tries again. */
static int take_lock(void)
{
	char path[4096];
	int lock;

	if (!is_shared)
		return -2;
	name_of(path, sizeof path, 0, ".lock");
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
		close(lock);
		return -1;
	}
	return lock >= 0 ? lock : -2; /* a disk without room for a lock: nobody else has one either */
}

static void rotate(void)
{
	char compressed[4096];
	unsigned last;
	int lock = take_lock();

	if (lock == -1)
		return;
	flush();
	if (keeps_all) {
		for (last = 1; exists(last); last++)
			;
		full = last >= file_limit;
	} else {
		last = file_limit - 1;
	}
	if (full && size < 2 * size_limit) {
		/* Held up from the next turn on; what is read already finds its place here. */
	} else if (file_limit < 2) {
		close(file);
		/* Readers may be in the midst of it, so it is replaced, not truncated. */
		unlink(file_path);
		open_file(O_TRUNC);
	} else {
		close(file);
		for (unsigned number = last; number > 0; number--)
			shift(number - 1);
		name_of(compressed, sizeof compressed, 1, ".gz");
		unlink(compressed);
		open_file(O_TRUNC);
	}
	if (lock >= 0)
		close(lock);
}

bool log_full(void)
{
	if (full)
		full = exists(file_limit - 1);
	return full;
}

static void add_entry(enum log_stream stream, const char *bytes, size_t length, bool newline, const struct timespec *moment)
{
	char stamp[TIMESTAMP_SIZE];

	if (file >= 0 && size_limit && size >= size_limit)
		rotate();
	dropping = file < 0;
	add("{\"log\":\"", 8);
	add_escaped(bytes, length);
	if (newline)
		add("\\n", 2);
	add(stream_texts[stream], strlen(stream_texts[stream]));
	if (attributes_text) {
		add("\"attrs\":", 8);
		add_string(attributes_text);
		add(",", 1);
	}
	add("\"time\":\"", 8);
	add(stamp, (size_t)timestamp_format(stamp, moment));
	add("\"}\n", 3);
}

static void end_line(enum log_stream stream, const char *bytes, size_t length)
{
	struct line *line = &lines[stream];

	if (!line->continues)
		clock_gettime(CLOCK_REALTIME, &line->begun);
	add_entry(stream, bytes, length, true, &line->begun);
	line->continues = false;
}

static void add_piece(enum log_stream stream, const char *bytes, size_t length)
{
	struct line *line = &lines[stream];

	if (!line->continues)
		clock_gettime(CLOCK_REALTIME, &line->begun);
	add_entry(stream, bytes, length, false, &line->begun);
	line->continues = true;
}

/* Takes the next bytes of one line, of which `length` remain in the batch; returns how many it took. */
static size_t take(enum log_stream stream, const char *bytes, size_t length)
{
	struct line *line = &lines[stream];
	size_t room = PIECE - line->length;
	size_t share = length < room ? length : room;
	const char *end = memchr(bytes, '\n', share);

	if (end)
		share = (size_t)(end - bytes);
	if (line->length == 0 && (end || share == PIECE)) {
		/* The common case: the line lies in the batch as a whole. */
		if (end)
			end_line(stream, bytes, share);
		else
			add_piece(stream, bytes, share);
		return end ? share + 1 : share;
	}
	memcpy(line->bytes + line->length, bytes, share);
	line->length += share;
	if (end)
		end_line(stream, line->bytes, line->length);
	else if (line->length == PIECE)
		add_piece(stream, line->bytes, line->length);
	else
		return share;
	line->length = 0;
	return end ? share + 1 : share;
}

void log_add(enum log_stream stream, const char *bytes, size_t length)
{
	if (!file_path)
		return;
	if (file < 0)
		open_file(0); /* a rotation found the disk full */
	while (length) {
		size_t taken = take(stream, bytes, length);
		bytes += taken;
		length -= taken;
	}
	flush();
}

void log_close(void)
{
	if (!file_path)
		return;
	for (int stream = LOG_STDOUT; stream <= LOG_STDERR; stream++) {
		if (lines[stream].length)
			add_piece((enum log_stream)stream, lines[stream].bytes, lines[stream].length);
	}
	flush();
	if (file >= 0)
		close(file);
	file = -1;
	file_path = NULL;
}
