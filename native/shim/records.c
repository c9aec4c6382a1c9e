#define _GNU_SOURCE
#include "records.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "clients.h"
#include "processes.h"
#include "runtime.h"
#include "streams.h"
#include "text.h"

#define PROCESS_FILE "process"
#define EXEC_PROCESS_FILE "process.json" /* the launcher's */

/* A disk that is full costs the record; the daemon that is there is told by its channel all the same. */
static int write_file(const char *path, const struct text *content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0)
		return -1;
	ssize_t length = content->at - content->start;
	ssize_t written = write(fd, content->start, (size_t)length);
	close(fd);
	return written == length ? 0 : -1;
}

void records_write_process(const struct options *options, pid_t pid, uint64_t start_time)
{
	char content[2048];
	struct text text = TEXT(content);

	text_add(&text, "{\"pid\":");
	text_add_number(&text, (uint64_t)pid);
	text_add(&text, ",\"startTime\":\"");
	text_add_number(&text, process_start_time(pid));
	text_add(&text, "\",\"startedAt\":\"");
	text_add_number(&text, start_time);
	text_add(&text, "\",\"launch\":");
	text_add(&text, options->record);
	text_add(&text, "}\n");
	write_file(PROCESS_FILE, &text);
}

static void exit_path(char *to, size_t capacity, const struct options *options, const char *suffix)
{
	struct text text = { to, to, to + capacity - 1 };

	text_add(&text, options->state_directory);
	text_add(&text, "/");
	text_add(&text, options->exit_file);
	text_add(&text, suffix);
}

void records_write_exit(const struct options *options, const struct run *run)
{
	char content[256], unfinished[4096], path[4096];
	struct text text = TEXT(content);

	text_add(&text, "{\"pid\":");
	text_add_number(&text, (uint64_t)run->pid);
	text_add(&text, ",\"shimPid\":");
	text_add_number(&text, (uint64_t)getpid());
	text_add(&text, ",\"exitCode\":");
	text_add_number(&text, run->exit_code);
	text_add(&text, ",\"signal\":");
	text_add_number(&text, run->signal);
	text_add(&text, ",\"startedAt\":\"");
	text_add_number(&text, run->start_time);
	text_add(&text, "\",\"finishedAt\":\"");
	text_add_number(&text, run->exit_time);
	text_add(&text, "\"}\n");
	exit_path(unfinished, sizeof unfinished, options, ".new");
	exit_path(path, sizeof path, options, "");
	if (write_file(unfinished, &text) == 0)
		rename(unfinished, path);
	else
		unlink(unfinished);
}

void records_clear(const struct options *options)
{
	unlink(PID_FILE);
	unlink(RUNTIME_LOG);
	unlink(CONSOLE_SOCKET);
	unlink(CLIENT_SOCKET);
	unlink(PROCESS_FILE);
	unlink(EXEC_PROCESS_FILE);
	rmdir(options->run_directory);
}
