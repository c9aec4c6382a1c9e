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

#include "text.h"

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

void kill_cgroup(const char *tasks_file)
{
	const struct timespec pause = { 0, 1000000 };

	/* Only a container that shares its pid namespace leaves anything; it may fork while being killed. */
	for (int round = 0; round < 1000 && kill_listed(tasks_file); round++)
		nanosleep(&pause, NULL);
}

uint64_t process_start_time(pid_t pid)
{
	char path[64], line[1024];
	struct text text = TEXT(path);

	text_add(&text, "/proc/");
	text_add_number(&text, (uint64_t)pid);
	text_add(&text, "/stat");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	ssize_t length = read(fd, line, sizeof line - 1);
	close(fd);
	if (length <= 0)
		return 0;
	line[length] = '\0';
	/* The name in parentheses may hold anything; what follows it is field 3. */
	char *at = strrchr(line, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}
