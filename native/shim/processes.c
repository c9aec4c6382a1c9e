#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Reads a file of /proc as a string; false when there is none. */
static bool read_of_process(pid_t pid, const char *name, char *to, size_t capacity)
{
	char path[64];
	struct text text = TEXT(path);

	text_add(&text, "/proc/");
	text_add_number(&text, (uint64_t)pid);
	text_add(&text, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t length = read(fd, to, capacity - 1);
	close(fd);
	if (length <= 0)
		return false;
	to[length] = '\0';
	return true;
}

/* Kills the processes listed in a file, one pid per word; returns how many there were. */
static int kill_listed(const char *path)
{
	char list[4096];
	int count = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	/* A list longer than this is finished by the caller's next round. */
	ssize_t length = read(fd, list, sizeof list - 1);
	close(fd);
	if (length <= 0)
		return 0;
	list[length] = '\0';
	if (length == sizeof list - 1) {
		while (length && list[length - 1] >= '0' && list[length - 1] <= '9')
			list[--length] = '\0'; /* a number that is cut off names another process */
	}
	for (char *at = list, *end; *at; at = end) {
		long pid = strtol(at, &end, 10);
		if (end == at)
			break;
		if (pid > 0) {
			kill((pid_t)pid, SIGKILL);
			count++;
		}
		while (*end == ' ' || *end == '\n')
			end++;
	}
	return count;
}

void kill_descendants(void)
{
	char path[64];
	struct text text = TEXT(path);

	text_add(&text, "/proc/self/task/");
	text_add_number(&text, (uint64_t)getpid());
	text_add(&text, "/children");
	do
		kill_listed(path);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR);
}

void kill_cgroup(const char *file)
{
	const struct timespec pause = { 0, 1000000 };

	/* Only a container that shares its pid namespace leaves anything; it may fork while being killed. */
	for (int round = 0; round < 1000 && kill_listed(file); round++)
		nanosleep(&pause, NULL);
}

bool find_cgroup(pid_t pid, const char *identifier, struct text *path)
{
	char lines[4096];

	if (!read_of_process(pid, "/cgroup", lines, sizeof lines))
		return false;
	/* A line is `number:controllers:/path`; version 2 has the number 0 and no controllers. */
	const char *line = strstr(lines, ":pids:/");
	const char *mount = "/sys/fs/cgroup/pids";
	if (line) {
		line += strlen(":pids:");
	} else if (strncmp(lines, "0::/", 4) == 0) {
		line = lines + 3;
		mount = "/sys/fs/cgroup";
	} else {
		return false;
	}
	size_t length = strcspn(line, "\n");
	const char *own = strstr(line, identifier);
	if (!own || own > line + length)
		return false;
	text_add(path, mount);
	text_add_bytes(path, line, length);
	text_add(path, "/cgroup.procs");
	return true;
}

char *process_fields(pid_t pid, char *line, size_t capacity)
{
	if (!read_of_process(pid, "/stat", line, capacity))
		return NULL;
	/* The name in parentheses may hold anything. */
	char *end = strrchr(line, ')');
	return end && end[1] == ' ' ? end + 2 : NULL;
}

uint64_t process_start_time(pid_t pid)
{
	char line[1024];
	char *at = process_fields(pid, line, sizeof line);

	for (int field = 3; at && field < 22; field++) {
		at = strchr(at, ' ');
		if (at)
			at++;
	}
	return at ? strtoull(at, NULL, 10) : 0;
}
