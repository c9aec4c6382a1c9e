#include "loop.h"

#include <unistd.h>

static int epoll_fd = -1;

void loop_open(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
}

void loop_watch(struct source *source, uint32_t events)
{
	if (source->fd < 0 || (source->watched && source->events == events))
		return;
	struct epoll_event event = { .events = events, .data.ptr = source };
	epoll_ctl(epoll_fd, source->watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, source->fd, &event);
	source->watched = true;
	source->events = events;
}

void loop_ignore(struct source *source)
{
	if (!source->watched)
		return;
	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
	source->watched = false;
}

void loop_close(struct source *source)
{
	if (source->fd < 0)
		return;
	loop_ignore(source);
	close(source->fd);
	source->fd = -1;
}

void loop_turn(int milliseconds)
{
	struct epoll_event event;

	if (epoll_wait(epoll_fd, &event, 1, milliseconds) == 1) {
		struct source *source = event.data.ptr;
		source->ready(source, event.events);
	}
}
