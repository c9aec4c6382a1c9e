#define _GNU_SOURCE
#include "core_link.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "text.h"

#define CORE_FILE "/proc/kcore"

void remove_core_link(pid_t pid)
{
	/* An image decides what is where: nothing but a directory of the container's own root is entered. */
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
	char path[64], target[sizeof CORE_FILE];
	struct text text = TEXT(path);

	text_add(&text, "/proc/");
	text_add_number(&text, (uint64_t)pid);
	text_add(&text, "/root");
	int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	long devices = root < 0 ? -1 : syscall(SYS_openat2, root, "dev", &how, sizeof how);
	if (devices >= 0) {
		ssize_t length = readlinkat((int)devices, "core", target, sizeof target);
		if (length == sizeof CORE_FILE - 1 && memcmp(target, CORE_FILE, sizeof CORE_FILE - 1) == 0)
			unlinkat((int)devices, "core", 0);
		close((int)devices);
	}
	if (root >= 0)
		close(root);
}
