#define _GNU_SOURCE
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hold.h"
#include "streams.h"

#define UNIFIED "/sys/fs/cgroup/unified"

/* Paths in the run directory are short: a socket with such a path has to fit into an address. */
enum { MAX_ARGUMENTS = 24, RUN_PATH_SIZE = 256 };

static void fail_child(const char *action, const char *path)
{
	char message[4400];
	struct text text = TEXT(message);

	text_add(&text, action);
	text_add(&text, " ");
	text_add(&text, path);
	text_add(&text, ": ");
	text_add(&text, strerror(errno));
	ssize_t ignored = write(2, message, (size_t)(text.at - text.start));
	(void)ignored;
	_exit(125);
}

/*
 * This process has one thread, so it may enter by `tasks`, which spares the wait for an RCU grace period
 * that a write to `cgroup.procs` costs (kernel: cgroup_attach_lock).
 */
static void join_cgroups(const struct options *options)
{
	for (int i = 0; i < options->tasks_count; i++) {
		int fd = open(options->tasks_files[i], O_WRONLY | O_CLOEXEC);
		if (fd < 0 || write(fd, "0", 1) != 1)
			fail_child("join cgroup", options->tasks_files[i]);
		close(fd);
	}
}

/*
 * crun refuses to run where cgroup v1 is in use and the cgroup2 mount beside it has controllers: hide that
 * mount. Only this one mount is made private, so that what the runtime mounts propagates as ever.
 */
static void hide_unified(void)
{
	char controllers[2];
	int fd = open(UNIFIED "/cgroup.controllers", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	ssize_t length = read(fd, controllers, sizeof controllers);
	close(fd);
	if (length < (ssize_t)sizeof controllers)
		return;
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, UNIFIED, NULL, MS_PRIVATE, NULL) != 0 ||
	    mount("none", UNIFIED, "tmpfs", MS_RDONLY, "size=0,mode=755") != 0)
		fail_child("hide", UNIFIED);
}

/*
 * crun protects its own file from the container by running from a read-only mount of it, which it makes
 * and then executes itself anew (CVE-2019-5736). Giving it such a mount from the start, in the same way
 * reachable by nobody, spares the second start. Returns when the kernel cannot do it: crun then does.
 */
static void exec_protected(const struct options *options, char **arguments)
{
	struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };
	char *environment[64];
	int count = 0;
	long file = syscall(SYS_open_tree, AT_FDCWD, options->runtime, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (file < 0 || syscall(SYS_mount_setattr, file, "", AT_EMPTY_PATH, &read_only, sizeof read_only) != 0)
		return;
	while (count < 62 && environ[count]) {
		environment[count] = environ[count];
		count++;
	}
	environment[count++] = "_LIBCONTAINER_CLONED_BINARY=1";
	environment[count] = NULL;
	syscall(SYS_execveat, file, "", arguments, environment, AT_EMPTY_PATH);
}

/* The runtime sets the same again where it has no more right to than to go down to this. */
static void lower_oom_score(const struct options *options)
{
	const char *path = "/proc/self/oom_score_adj";
	int fd = options->oom_score ? open(path, O_WRONLY | O_CLOEXEC) : -1;

	if (!options->oom_score)
		return;
	if (fd < 0 || write(fd, options->oom_score, strlen(options->oom_score)) < 0)
		fail_child("write", path);
	close(fd);
}

static pid_t start(const struct options *options, char **arguments, bool as_process)
{
	sigset_t none;
	int gate[2] = { -1, -1 };
	/* runc sets the size itself before it lets the process go, and so does crun where it runs a container. */
	bool held = as_process && options->crun && !options->bundle && options->terminal && options->rows && options->columns;

	if (held && pipe2(gate, O_CLOEXEC) != 0)
		held = false;
	pid_t pid = fork();

	if (pid != 0) {
		if (held && pid > 0)
			hold_begin(pid);
		if (held) {
			close(gate[0]);
			close(gate[1]);
		}
		return pid;
	}
	if (held) {
		char opened;
		close(gate[1]);
		while (read(gate[0], &opened, 1) < 0 && errno == EINTR)
			;
	}
	if (as_process)
		streams_become();
	syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (as_process) {
		lower_oom_score(options);
		join_cgroups(options);
	}
	if (options->crun)
		hide_unified();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (options->crun)
		exec_protected(options, arguments);
	execve(options->runtime, arguments, environ);
	fail_child("run", options->runtime);
	return -1;
}

static void in_run_directory(char *to, size_t capacity, const struct options *options, const char *name)
{
	struct text text = { to, to, to + capacity - 1 };

	text_add(&text, options->run_directory);
	text_add(&text, "/");
	text_add(&text, name);
}

static int add_global(const char **arguments, const struct options *options)
{
	int count = 0;

	arguments[count++] = options->runtime;
	arguments[count++] = "--root";
	arguments[count++] = options->runtime_root;
	if (options->systemd)
		arguments[count++] = "--systemd-cgroup";
	else if (options->crun)
		arguments[count++] = options->tasks_count ? "--cgroup-manager=disabled" : "--cgroup-manager=cgroupfs";
	return count;
}

pid_t runtime_start(const struct options *options)
{
	const char *arguments[MAX_ARGUMENTS];
	char pid_file[RUN_PATH_SIZE], log[RUN_PATH_SIZE], console[RUN_PATH_SIZE];
	int count = add_global(arguments, options);

	in_run_directory(pid_file, sizeof pid_file, options, PID_FILE);
	in_run_directory(log, sizeof log, options, RUNTIME_LOG);
	in_run_directory(console, sizeof console, options, CONSOLE_SOCKET);
	arguments[count++] = "--log";
	arguments[count++] = log;
	arguments[count++] = "--log-format=json";
	arguments[count++] = options->held ? "create" : options->bundle ? "run" : "exec";
	if (!options->held)
		arguments[count++] = "--detach";
	arguments[count++] = options->bundle ? "--bundle" : "--process";
	arguments[count++] = options->bundle ? options->bundle : options->process_file;
	arguments[count++] = "--pid-file";
	arguments[count++] = pid_file;
	if (options->terminal) {
		arguments[count++] = "--console-socket";
		arguments[count++] = console;
	}
	arguments[count++] = options->identifier;
	arguments[count] = NULL;
	return start(options, (char **)arguments, true);
}

pid_t runtime_delete(const struct options *options)
{
	const char *arguments[MAX_ARGUMENTS];
	int count = add_global(arguments, options);

	arguments[count++] = "delete";
	arguments[count++] = "--force";
	arguments[count++] = options->identifier;
	arguments[count] = NULL;
	return start(options, (char **)arguments, false);
}

pid_t runtime_read_pid(void)
{
	char digits[16] = "";
	int fd = open(PID_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	ssize_t length = read(fd, digits, sizeof digits - 1);
	close(fd);
	return length > 0 ? (pid_t)atol(digits) : 0;
}

int runtime_open_gate(const struct options *options)
{
	char path[4096];
	struct text text = TEXT(path);

	text_add(&text, options->runtime_root);
	text_add(&text, "/");
	text_add(&text, options->identifier);
	text_add(&text, "/exec.fifo");
	/* For reading as well: there is somebody at the other end, even if the process was killed meanwhile. */
	int gate = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	/* As long as the file is there the runtime takes the container for one that was not started. */
	if (gate >= 0)
		unlink(path);
	return gate;
}

void runtime_let_go(int gate)
{
	/* One byte always fits into an empty pipe. */
	ssize_t ignored = write(gate, "", 1);

	(void)ignored;
	close(gate);
}

void runtime_read_log(struct text *text)
{
	int fd = open(RUNTIME_LOG, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	ssize_t length = read(fd, text->at, (size_t)(text->limit - text->at));
	close(fd);
	if (length > 0)
		text->at += length;
	*text->at = '\0';
}

static void remove_tree(int parent, const char *name)
{
	if (unlinkat(parent, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *directory = fd < 0 ? NULL : fdopendir(fd);
	if (directory) {
		for (struct dirent *entry; (entry = readdir(directory));) {
			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				remove_tree(fd, entry->d_name);
		}
		closedir(directory);
	}
	unlinkat(parent, name, AT_REMOVEDIR);
}

void runtime_forget(const struct options *options)
{
	char path[4096];
	struct text text = TEXT(path);

	text_add(&text, options->runtime_root);
	text_add(&text, "/");
	text_add(&text, options->identifier);
	remove_tree(AT_FDCWD, path);
}
