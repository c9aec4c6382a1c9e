#define _GNU_SOURCE
#include "clients.h"

#include <errno.h>
#include <stdlib.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "loop.h"
#include "spill.h"
#include "streams.h"

enum {
	/* How far a client may be behind before the process has to wait for it. */
	LAG = 4 << 20,
	/* How long it may then take nothing before it counts as stalled, and is waited for no more. */
	PATIENCE_MILLISECONDS = 500,
};

struct client;

struct lead {
	struct source source;
	struct client *client;
};

struct client {
	struct source source;
	/* Of a connection that is served directly: the daemon's socket, which tells it the end. */
	struct lead lead;
	struct client *next;
	unsigned char roles;
	bool greeted;
	bool input_ended;  /* its side is closed */
	bool output_ended; /* it is gone, or was sent its end of file */
	bool removed;      /* freed by the next sweep: a handler further up may still hold it */
	/* A hello or frame that has not arrived as a whole. */
	unsigned char frame[FRAME_HEADER + 8];
	unsigned char frame_length;
	struct spill spill;
	/* Of its output: how much may be kept before the process has to wait, and what it had not taken when last looked at. */
	uint64_t allowance, untaken;
	int64_t patience_ends; /* 0: it is not waited for */
	bool stalled;
};

static struct client *clients;
static struct source listener = { .fd = -1 };
static const struct client_events *notify;
static enum stdin_mode stdin_mode;
static bool terminal;
static bool finishing;

static void client_ready(struct source *source, uint32_t events);

void clients_open(const struct options *options, const struct client_events *events)
{
	notify = events;
	stdin_mode = options->stdin_mode;
	terminal = options->terminal;
	spill_open(options->state_directory);
}

static bool feeds_process(const struct client *client)
{
	return (client->roles & ROLE_STDIN) && !finishing;
}

static void rewatch(struct client *client)
{
	bool reads = client->greeted && !(client->roles & ROLE_CONTROL) && feeds_process(client)
			     ? streams_input_state() == INPUT_READY
			     : true;
	uint32_t events = (!client->input_ended && reads ? EPOLLIN : 0) |
			  (!client->output_ended && spill_holds(&client->spill) ? EPOLLOUT : 0);

	/* A hang-up would be reported over and over although nothing can be done about it yet. */
	if (!events && client->output_ended)
		loop_ignore(&client->source);
	else
		loop_watch(&client->source, events);
}

static void remove_client(struct client *client)
{
	client->removed = client->input_ended = client->output_ended = true;
	loop_close(&client->source);
	loop_close(&client->lead.source);
	spill_close(&client->spill);
}

void clients_sweep(void)
{
	for (struct client **at = &clients; *at;) {
		struct client *client = *at;
		if (client->removed) {
			*at = client->next;
			free(client);
		} else {
			at = &client->next;
		}
	}
}

static bool is_done(const struct client *client)
{
	if (!client->output_ended)
		return false;
	/* What a client wrote before it went still has to reach the process. */
	return client->input_ended || (feeds_process(client) && streams_input_state() == INPUT_CLOSED);
}

/* After each change: removes the client, or watches it for what it waits for now. */
static void settle(struct client *client)
{
	if (client->removed)
		return;
	if (finishing && !client->output_ended && client->greeted && !(client->roles & ROLE_CONTROL) &&
	    !spill_holds(&client->spill)) {
		/*
		 * Not close: unread input would turn the client's end of file into a reset. Who is served
		 * directly is sent it by the daemon, which has things to see to before.
		 */
		shutdown(client->lead.source.fd >= 0 ? client->lead.source.fd : client->source.fd, SHUT_WR);
		client->output_ended = true;
	}
	if (is_done(client))
		remove_client(client);
	else
		rewatch(client);
}

static struct client *new_client(int fd)
{
	struct client *client = calloc(1, sizeof *client);

	if (!client) {
		close(fd);
		return NULL;
	}
	client->source.fd = fd;
	client->source.ready = client_ready;
	client->lead.source.fd = -1;
	client->spill.fd = -1;
	client->allowance = LAG;
	client->next = clients;
	clients = client;
	return client;
}

/* Nothing is said on it: what comes is its end, for the daemon has gone or given the client up. */
static void lead_ready(struct source *source, uint32_t events)
{
	char unwanted[16];

	if (!(events & (EPOLLHUP | EPOLLERR)) && recv(source->fd, unwanted, sizeof unwanted, MSG_DONTWAIT) != 0)
		return;
	remove_client(((struct lead *)source)->client);
}

/* From now on the client is the connection, and the socket it came by leads it. */
static void serve_directly(struct client *client, int connection)
{
	client->lead.client = client;
	client->lead.source.fd = client->source.fd;
	client->lead.source.ready = lead_ready;
	loop_ignore(&client->source);
	client->source.fd = connection;
	loop_watch(&client->lead.source, EPOLLIN);
}

void clients_add(int fd, int connection, unsigned char roles)
{
	struct client *client = new_client(fd);

	if (!client)
		return;
	client->roles = roles;
	client->greeted = true;
	if (connection)
		serve_directly(client, connection);
	rewatch(client);
}

static void accept_ready(struct source *source, uint32_t events)
{
	(void)events;
	int fd = accept4(source->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *client = fd < 0 ? NULL : new_client(fd);
	if (client)
		rewatch(client);
}

int clients_listen(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = CLIENT_SOCKET };

	unlink(CLIENT_SOCKET);
	listener.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener.fd < 0 || bind(listener.fd, (struct sockaddr *)&address, sizeof address) < 0 ||
	    listen(listener.fd, 128) < 0)
		return errno;
	listener.ready = accept_ready;
	loop_watch(&listener, EPOLLIN);
	return 0;
}

static void lose_output(struct client *client)
{
	client->output_ended = true;
	spill_close(&client->spill);
}

static void send_pieces(struct client *client, struct iovec *pieces, int count, size_t total)
{
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = (size_t)count };
	size_t sent = 0;

	if (!spill_holds(&client->spill)) {
		ssize_t result = sendmsg(client->source.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (result < 0 && errno != EAGAIN && errno != EINTR) {
			lose_output(client);
			return;
		}
		sent = result < 0 ? 0 : (size_t)result;
		if (sent == total)
			return;
	}
	/* With the disk full, too, a client that does not read cannot be served: cut it off rather than wait. */
	if (!spill_append(&client->spill, pieces, count, sent)) {
		shutdown(client->source.fd, SHUT_WR);
		lose_output(client);
	}
}

static void make_header(unsigned char *header, unsigned char type, size_t length)
{
	memset(header, 0, FRAME_HEADER);
	header[0] = type;
	for (int i = 0; i < 4; i++)
		header[7 - i] = (unsigned char)(length >> (8 * i));
}

void clients_output(unsigned char role, const char *bytes, size_t length)
{
	unsigned char header[FRAME_HEADER];
	struct iovec pieces[] = { { header, FRAME_HEADER }, { (char *)bytes, length } };
	make_header(header, role == ROLE_STDOUT ? 1 : 2, length);
	for (struct client *client = clients; client; client = client->next) {
		if (!(client->roles & role) || client->output_ended)
			continue;
		if (terminal)
			send_pieces(client, pieces + 1, 1, length);
		else
			send_pieces(client, pieces, 2, FRAME_HEADER + length);
		settle(client);
	}
}

void clients_tell(int control, enum frame_type type, const void *payload, size_t length)
{
	unsigned char header[FRAME_HEADER];
	struct iovec pieces[] = { { header, FRAME_HEADER }, { (void *)payload, length } };

	make_header(header, (unsigned char)type, length);
	for (struct client *client = clients; client; client = client->next) {
		if ((client->roles & ROLE_CONTROL) && !client->output_ended &&
		    (control < 0 || control == client->source.fd)) {
			send_pieces(client, pieces, 2, FRAME_HEADER + length);
			rewatch(client);
		}
	}
}

void clients_input_changed(void)
{
	for (struct client *client = clients; client; client = client->next) {
		if (client->roles & ROLE_STDIN)
			settle(client);
	}
}

/* A copy of what the other end of the client's socket has open under the number in its hello; -1: there is none. */
static int copy_connection(const struct client *client)
{
	const unsigned char *number = client->frame + 4;
	struct ucred other;
	socklen_t length = sizeof other;

	if (getsockopt(client->source.fd, SOL_SOCKET, SO_PEERCRED, &other, &length) != 0)
		return -1;
	int process = (int)syscall(SYS_pidfd_open, other.pid, 0);
	if (process < 0)
		return -1;
	int copy = (int)syscall(SYS_pidfd_getfd, process, number[0] << 24 | number[1] << 16 | number[2] << 8 | number[3], 0);
	close(process);
	return copy;
}

static void greet(struct client *client)
{
	unsigned char answer = FRAME_HELLO;
	int connection = client->frame[0] == FRAME_HELLO && client->frame[2] == 1 ? copy_connection(client) : -1;

	client->greeted = true;
	if (connection >= 0) {
		answer = FRAME_TAKEN;
		serve_directly(client, connection);
	}
	client->roles = client->frame[1];
	client->frame_length = 0;
	if (client->frame[0] != FRAME_HELLO || send(connection >= 0 ? client->lead.source.fd : client->source.fd, &answer, 1, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
		client->input_ended = true;
		lose_output(client);
	} else if (client->roles & ROLE_CONTROL) {
		notify->joined(client->source.fd);
	}
}

static void handle_frame(struct client *client)
{
	const unsigned char *payload = client->frame + FRAME_HEADER;

	if (client->frame[0] == FRAME_RESIZE)
		notify->resize((unsigned short)(payload[0] << 8 | payload[1]),
			       (unsigned short)(payload[2] << 8 | payload[3]));
	else if (client->frame[0] == FRAME_ABORT)
		notify->abort();
	client->frame_length = 0;
}

/* Bytes still lacking of the hello or frame under way; 0 when it is whole. */
static size_t frame_lack(const struct client *client)
{
	size_t whole = FRAME_HEADER;

	if (client->frame_length < FRAME_HEADER)
		return FRAME_HEADER - client->frame_length;
	if (client->greeted) {
		size_t payload = client->frame[7];
		whole += payload < sizeof client->frame - FRAME_HEADER ? payload : sizeof client->frame - FRAME_HEADER;
	}
	return whole - client->frame_length;
}

static void read_frames(struct client *client)
{
	ssize_t length = recv(client->source.fd, client->frame + client->frame_length, frame_lack(client), MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		client->input_ended = true;
		lose_output(client);
		if (client->source.fd == 3)
			notify->abort();
		return;
	}
	client->frame_length = (unsigned char)(client->frame_length + length);
	if (frame_lack(client))
		return;
	if (client->greeted)
		handle_frame(client);
	else
		greet(client);
}

static void read_input(struct client *client)
{
	char unwanted[4096];

	if (feeds_process(client) && stdin_mode != STDIN_NONE) {
		if (streams_input_state() != INPUT_READY || streams_input(client->source.fd))
			return;
		client->input_ended = true;
		if (stdin_mode == STDIN_ONCE)
			streams_close_input();
		return;
	}
	ssize_t length = recv(client->source.fd, unwanted, sizeof unwanted, MSG_DONTWAIT);
	if (length == 0 || (length < 0 && errno != EAGAIN && errno != EINTR))
		client->input_ended = true;
}

static void send_spilled(struct client *client)
{
	uint64_t before = spill_size(&client->spill);

	if (spill_send(&client->spill, client->source.fd) == SPILL_BROKEN) {
		lose_output(client);
	} else if (client->stalled && spill_size(&client->spill) < before) {
		/* It reads again. It may stay as far behind as it is, but not fall back further. */
		client->stalled = false;
		client->allowance = spill_size(&client->spill) > LAG ? spill_size(&client->spill) : LAG;
	}
}

static void client_ready(struct source *source, uint32_t events)
{
	struct client *client = (struct client *)source;

	if (events & (EPOLLHUP | EPOLLERR))
		lose_output(client);
	else if (events & EPOLLOUT)
		send_spilled(client);
	if ((events & (EPOLLIN | EPOLLHUP)) && !client->input_ended) {
		if (!client->greeted || (client->roles & ROLE_CONTROL))
			read_frames(client);
		else
			read_input(client);
	}
	settle(client);
}

/* What the client has not read yet: in its file and in its socket. */
static uint64_t untaken_bytes(const struct client *client)
{
	int queued = 0;

	ioctl(client->source.fd, SIOCOUTQ, &queued);
	return spill_size(&client->spill) + (uint64_t)queued;
}

static bool is_waited_for(struct client *client, int64_t now)
{
	if (client->removed || client->output_ended || (client->roles & ROLE_CONTROL))
		return false;
	uint64_t behind = spill_size(&client->spill);
	if (client->stalled || behind <= client->allowance) {
		client->patience_ends = 0;
		if (behind <= LAG)
			client->allowance = LAG;
		return false;
	}
	if (client->patience_ends > now)
		return true;
	/* While it is waited for nothing is added, so that any progress shows. */
	uint64_t untaken = untaken_bytes(client);
	client->stalled = client->patience_ends != 0 && untaken >= client->untaken;
	client->untaken = untaken;
	client->patience_ends = now + PATIENCE_MILLISECONDS;
	return !client->stalled;
}

bool clients_hold(int64_t now, int64_t *until)
{
	bool hold = false;

	for (struct client *client = clients; client; client = client->next) {
		if (!is_waited_for(client, now))
			continue;
		if (!hold || client->patience_ends < *until)
			*until = client->patience_ends;
		hold = true;
	}
	return hold;
}

void clients_finish(void)
{
	finishing = true;
	unlink(CLIENT_SOCKET);
	/* Those who connected in time are still served. */
	const struct client *newest;
	do {
		newest = clients;
		accept_ready(&listener, 0);
	} while (clients != newest);
	loop_close(&listener);
	for (struct client *client = clients; client; client = client->next) {
		settle(client);
	}
}

bool clients_behind(void)
{
	for (struct client *client = clients; client; client = client->next) {
		if (!client->removed && !(client->roles & ROLE_CONTROL) && spill_holds(&client->spill))
			return true;
	}
	return false;
}

bool clients_left(void)
{
	for (struct client *client = clients; client; client = client->next) {
		if (!client->removed && !(client->roles & ROLE_CONTROL))
			return true;
	}
	return false;
}
