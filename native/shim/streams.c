#define _GNU_SOURCE
#include "streams.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clients.h"
#include "hold.h"
#include "log.h"
#include "loop.h"
#include "unexecuted.h"

/* Bytes the process can write before it must wait for the shim, and the size of one batch. */
enum { PIPE_SIZE = 256 << 10, BATCH = 64 << 10, BATCHES_PER_TURN = 4 };

struct output {
	struct source source;
	enum log_stream stream;
	bool ended;
};

static void output_ready(struct source *source, uint32_t events);
static void tell_refusal(void);
static void input_ready(struct source *source, uint32_t events);

static struct output outputs[] = {
	{ .source = { .fd = -1, .ready = output_ready }, .stream = LOG_STDOUT },
	{ .source = { .fd = -1, .ready = output_ready }, .stream = LOG_STDERR },
};
static struct source input = { .fd = -1, .ready = input_ready };
static enum input_state input_state = INPUT_CLOSED;

/*
 * What comes before the process is known to have become its program may be the runtime's complaint that the
 * kernel would not execute it, and is kept until that is known.
 */
static enum { UNPROVEN, EXECUTED, REFUSED } execution = UNPROVEN;
static pid_t process_pid;
static const char *program;
static char early[4096];
static size_t early_length;
static struct output *early_output;

static bool terminal;
static bool held;
static unsigned short first_rows, first_columns;
/* The listening socket, then the runtime's connection to it. */
static struct source console = { .fd = -1 };

/* The runtime's descriptors 0, 1, 2. */
static int given[3] = { -1, -1, -1 };

static void set_input_state(enum input_state state)
{
	if (input_state == state)
		return;
	input_state = state;
	clients_input_changed();
}

/* Takes the terminal's master end. */
static void receive_console(struct source *source, uint32_t events)
{
	char bytes[256];
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} ancillary;
	struct iovec piece = { bytes, sizeof bytes };
	struct msghdr message = {
		.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &ancillary, .msg_controllen = sizeof ancillary
	};
	int master;

	(void)events;
	ssize_t length = recvmsg(source->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	struct cmsghdr *header = length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
		memcpy(&master, CMSG_DATA(header), sizeof master);
		fcntl(master, F_SETFL, fcntl(master, F_GETFL) | O_NONBLOCK);
		outputs[0].source.fd = master;
		/* A descriptor of its own, so that reading and writing are watched independently. */
		input.fd = fcntl(master, F_DUPFD_CLOEXEC, 0);
		if (first_rows && first_columns)
			streams_resize(first_rows, first_columns);
		hold_release();
	}
	loop_close(source);
}

static void accept_console(struct source *source, uint32_t events)
{
	(void)events;
	int connection = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (connection < 0)
		return;
	loop_close(source);
	source->fd = connection;
	source->ready = receive_console;
	loop_watch(source, EPOLLIN);
}

static int open_console(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CONSOLE_SOCKET };

	console.ready = accept_console;
	console.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (console.fd < 0 || bind(console.fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(console.fd, 1) < 0)
		return errno;
	return 0;
}

static int open_pipe(int *ours, int *theirs, bool output)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return errno;
	*ours = ends[!output];
	*theirs = ends[output];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
	if (output)
		fcntl(*ours, F_SETPIPE_SZ, PIPE_SIZE); /* refused when the user's share is used up: then it is smaller */
	return 0;
}

/* In a user namespace the process could not open its own standard streams anew otherwise. */
static int give_away(const struct options *options)
{
	struct stat status;

	for (int i = 0; options->owned && i < 3; i++) {
		if (fstat(given[i], &status) == 0 && S_ISFIFO(status.st_mode) &&
		    fchown(given[i], options->uid, options->gid) < 0)
			return errno;
	}
	return 0;
}

int streams_open(const struct options *options)
{
	int problem = 0;

	terminal = options->terminal;
	program = options->program ? options->program : "";
	/* Other runtimes execute themselves anew, and complain in runc's words. */
	if (!options->crun)
		execution = EXECUTED;
	first_rows = options->rows;
	first_columns = options->columns;
	if (terminal || options->stdin_mode == STDIN_NONE) {
		given[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
		problem = given[0] < 0 ? errno : 0;
	} else {
		problem = open_pipe(&input.fd, &given[0], false);
		set_input_state(INPUT_READY);
	}
	if (problem)
		return problem;
	if (terminal) {
		/* The process gets the terminal; the pipe only hears the runtime. */
		outputs[0].ended = true;
		given[1] = fcntl(given[0], F_DUPFD_CLOEXEC, 0);
		set_input_state(options->stdin_mode == STDIN_NONE ? INPUT_CLOSED : INPUT_BLOCKED);
		problem = open_console();
	} else {
		problem = open_pipe(&outputs[0].source.fd, &given[1], true);
	}
	if (!problem)
		problem = open_pipe(&outputs[1].source.fd, &given[2], true);
	return problem ? problem : give_away(options);
}

void streams_become(void)
{
	for (int i = 0; i < 3; i++)
		dup2(given[i], i);
}

void streams_forked(void)
{
	for (int i = 0; i < 3; i++)
		close(given[i]);
	if (terminal) {
		loop_watch(&console, EPOLLIN);
	} else if (input.fd >= 0) {
		loop_watch(&input, 0); /* tells when nobody can read it any more */
	}
}

size_t streams_read_error(char *to, size_t capacity)
{
	ssize_t length = read(outputs[1].source.fd, to, capacity);

	return length > 0 ? (size_t)length : 0;
}

bool streams_started(pid_t process)
{
	process_pid = process;
	if (terminal) {
		/* The runtime has ended, so what it sent is there even if its event is not handled yet. */
		while (console.fd >= 0 && outputs[0].source.fd < 0) {
			int before = console.fd;
			console.ready(&console, EPOLLIN);
			if (console.fd == before)
				break;
		}
		if (outputs[0].source.fd < 0)
			return false;
		loop_close(&outputs[1].source);
		outputs[0].ended = false;
		outputs[1].ended = true;
		loop_watch(&input, 0);
		if (input_state == INPUT_BLOCKED)
			set_input_state(INPUT_READY);
	}
	loop_watch(&outputs[0].source, EPOLLIN);
	loop_watch(&outputs[1].source, EPOLLIN); /* without effect with a terminal */
	return true;
}

void streams_hold(bool hold)
{
	if (hold == held)
		return;
	held = hold;
	for (int i = 0; i < 2; i++) {
		if (outputs[i].ended)
			continue;
		if (hold)
			loop_ignore(&outputs[i].source);
		else
			loop_watch(&outputs[i].source, EPOLLIN);
	}
}

bool streams_ended(void)
{
	return outputs[0].ended && outputs[1].ended;
}

static void end_output(struct output *output)
{
	output->ended = true;
	/* A terminal's master stays open: its size can still be set, and closing it would hang up the process. */
	if (terminal)
		loop_ignore(&output->source);
	else
		loop_close(&output->source);
}

void streams_close_outputs(void)
{
	if (execution == REFUSED)
		tell_refusal();
	for (int i = 0; i < 2; i++) {
		outputs[i].ended = true;
		loop_close(&outputs[i].source);
	}
}

static void deliver(const struct output *output, const char *bytes, size_t length)
{
	clients_output(output->stream == LOG_STDOUT ? ROLE_STDOUT : ROLE_STDERR, bytes, length);
	log_add(output->stream, bytes, length);
}

static void deliver_early(void)
{
	if (early_length)
		deliver(early_output, early, early_length);
	early_length = 0;
}

static void tell_refusal(void)
{
	char line[5000];
	struct text text = TEXT(line);

	if (!early_length)
		return;
	unexecuted_words(&text, program, early, early_length);
	if (terminal && text.at > text.start) {
		text.at--; /* a terminal makes two characters of the line's end */
		text_add(&text, "\r\n");
	}
	deliver(early_output, line, (size_t)(text.at - line));
	early_length = 0;
}

bool streams_executed(void)
{
	return execution == EXECUTED;
}

void streams_process_ended(bool executed)
{
	execution = executed ? EXECUTED : REFUSED;
	if (executed)
		deliver_early();
}

/* Whether the bytes were kept. */
static bool keep_early(struct output *output, const char *bytes, size_t length)
{
	if (execution == UNPROVEN && has_executed(process_pid))
		execution = EXECUTED;
	if (execution == EXECUTED || early_length + length > sizeof early || (early_length && early_output != output)) {
		deliver_early();
		return false;
	}
	memcpy(early + early_length, bytes, length);
	early_length += length;
	early_output = output;
	return true;
}

static void output_ready(struct source *source, uint32_t events)
{
	static char batch[BATCH];
	struct output *output = (struct output *)source;

	(void)events;
	for (int i = 0; i < BATCHES_PER_TURN; i++) {
		ssize_t length = read(source->fd, batch, sizeof batch);
		if (length > 0) {
			if (execution == EXECUTED || !keep_early(output, batch, (size_t)length))
				deliver(output, batch, (size_t)length);
			if ((size_t)length < sizeof batch)
				return;
		} else if (length < 0 && (errno == EAGAIN || errno == EINTR)) {
			return;
		} else {
			/* 0 for a pipe, EIO for a terminal: nobody holds the other end. */
			end_output(output);
			return;
		}
	}
}

static void input_ready(struct source *source, uint32_t events)
{
	if (events & (EPOLLERR | EPOLLHUP)) {
		if (terminal)
			loop_ignore(source);
		else
			streams_close_input();
		return;
	}
	loop_watch(source, 0);
	set_input_state(INPUT_READY);
}

enum input_state streams_input_state(void)
{
	return input_state;
}

void streams_close_input(void)
{
	/* A terminal is not hung up because a client has nothing more to type. */
	if (terminal)
		return;
	loop_close(&input);
	set_input_state(INPUT_CLOSED);
}

static void block_input(void)
{
	loop_watch(&input, EPOLLOUT);
	set_input_state(INPUT_BLOCKED);
}

/* A terminal cannot be spliced to: look at the bytes, and take from the socket what the terminal took. */
static bool input_to_terminal(int socket)
{
	char bytes[4096];
	ssize_t length = recv(socket, bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);

	if (length < 0)
		return errno == EAGAIN || errno == EINTR;
	if (length == 0)
		return false;
	ssize_t written = write(input.fd, bytes, (size_t)length);
	if (written < 0 && errno != EAGAIN && errno != EINTR)
		set_input_state(INPUT_CLOSED);
	if (written > 0)
		recv(socket, bytes, (size_t)written, MSG_DONTWAIT);
	if (written < length && input_state == INPUT_READY)
		block_input();
	return true;
}

bool streams_input(int socket)
{
	if (terminal)
		return input_to_terminal(socket);
	ssize_t moved = splice(socket, NULL, input.fd, NULL, BATCH, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
	if (moved >= 0)
		return moved > 0;
	if (errno == EPIPE)
		streams_close_input();
	else if (errno == EAGAIN)
		block_input();
	else
		return errno == EINTR; /* otherwise the client's connection was reset */
	return true;
}

void streams_resize(unsigned short rows, unsigned short columns)
{
	struct winsize size = { .ws_row = rows, .ws_col = columns };

	if (terminal && outputs[0].source.fd >= 0)
		ioctl(outputs[0].source.fd, TIOCSWINSZ, &size);
}
