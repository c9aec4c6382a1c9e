/*
 * dhow-init: process 1 of a container that was started with --init. It runs the command as its child,
 * passes signals on to it, reaps every process that is left to it, and ends with the command's status.
 * When it ends, the kernel ends what is left in the container.
 *
 * Behaves as tini, which Docker has at this place: the child leads a process group of its own, in the
 * foreground of the terminal where there is one, so that keys reach it and not this process.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	EXIT_SIGNALLED = 128,
	EXIT_NOT_EXECUTABLE = 126,
	EXIT_NOT_FOUND = 127,
};

/* Their default action tells of an error of this process: they are left alone. */
static const int own_signals[] = { SIGFPE, SIGILL, SIGSEGV, SIGBUS, SIGABRT, SIGTRAP, SIGSYS, SIGTTIN, SIGTTOU };

static _Noreturn void die(const char *what, const char *name, int status)
{
	fprintf(stderr, "[FATAL tini (%d)] %s %s failed: %s\n", (int)getpid(), what, name, strerror(errno));
	exit(status);
}

/* What has no format that the kernel knows is a script for the shell, as with tini, by GNU's execvp(3). */
static void run_script(char **command)
{
	size_t count = 0;

	while (command[count] != NULL)
		count += 1;
	char **arguments = calloc(count + 2, sizeof(*arguments));
	if (arguments == NULL)
		return;
	arguments[0] = "/bin/sh";
	memcpy(arguments + 1, command, count * sizeof(*command));
	execv(arguments[0], arguments);
	free(arguments);
}

static _Noreturn void run_command(char **command, const sigset_t *given)
{
	/* A process without terminal, or whose terminal is another's, goes on without it. SIGTTOU is blocked here. */
	if (setpgid(0, 0) == 0)
		tcsetpgrp(STDIN_FILENO, getpgrp());
	signal(SIGTTIN, SIG_DFL);
	signal(SIGTTOU, SIG_DFL);
	sigprocmask(SIG_SETMASK, given, NULL);
	execvp(command[0], command);
	if (errno == ENOEXEC) {
		run_script(command);
		errno = ENOEXEC;
	}
	die("exec", command[0], errno == ENOENT ? EXIT_NOT_FOUND : errno == EACCES ? EXIT_NOT_EXECUTABLE : EXIT_FAILURE);
}

/* Reaps what has ended; the exit code once the command is among it, else -1. */
static int reap(pid_t command)
{
	int code = -1, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == command)
			code = WIFSIGNALED(status) ? EXIT_SIGNALLED + WTERMSIG(status) : WEXITSTATUS(status);
	}
	return code;
}

int main(int argc, char **argv)
{
	char **command = argv + 1;
	sigset_t taken, all, given;
	pid_t child;

	if (argc > 1 && strcmp(argv[1], "--") == 0)
		command += 1;
	if (*command == NULL) {
		fprintf(stderr, "usage: %s [--] command [argument...]\n", argv[0]);
		return EXIT_FAILURE;
	}

	sigfillset(&all);
	taken = all;
	for (size_t i = 0; i < sizeof(own_signals) / sizeof(*own_signals); i += 1)
		sigdelset(&taken, own_signals[i]);
	/* All of them until the child runs: none that comes early is lost. */
	sigprocmask(SIG_SETMASK, &all, &given);
	/* This process may write to the terminal although the child has it. */
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	/* Where it is not process 1 of a namespace, orphans come to it all the same. */
	if (getpid() != 1)
		prctl(PR_SET_CHILD_SUBREAPER, 1);

	child = fork();
	if (child < 0)
		die("fork", "for the command", EXIT_FAILURE);
	if (child == 0)
		run_command(command, &given);
	sigprocmask(SIG_SETMASK, &taken, NULL);

	for (;;) {
		int signal_number = sigwaitinfo(&taken, NULL);

		if (signal_number < 0)
			continue;
		if (signal_number != SIGCHLD) {
			/* It may have ended just now; its SIGCHLD follows. */
			kill(child, signal_number);
			continue;
		}
		int code = reap(child);
		if (code >= 0)
			return code;
	}
}
