#define _GNU_SOURCE
#include "hold.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

/* crun forks once to enter the namespaces and once more to enter that of pids: the last becomes the program. */
enum generation { RUNTIME, BETWEEN, PROCESS, GENERATIONS };

static pid_t traced[GENERATIONS]; /* 0: not yet, or no more */
static bool reached, released;

void hold_begin(pid_t runtime)
{
	long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC;

	if (ptrace(PTRACE_SEIZE, runtime, 0, options) == 0)
		traced[RUNTIME] = runtime;
}

static void let_go(enum generation generation)
{
	ptrace(PTRACE_DETACH, traced[generation], 0, 0);
	traced[generation] = 0;
}

static void handle_stop(enum generation generation, int status)
{
	int event = status >> 8, number = status & 0xff;
	unsigned long child = 0;

	if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
		ptrace(PTRACE_GETEVENTMSG, traced[generation], 0, &child);
		if (generation < PROCESS) {
			/* It is traced from its birth; its parent is needed no more. */
			traced[generation + 1] = (pid_t)child;
			let_go(generation);
		}
	} else if (event == PTRACE_EVENT_EXEC && generation == PROCESS) {
		reached = true;
		if (released)
			let_go(generation);
	} else if (event == PTRACE_EVENT_STOP && number != SIGTRAP) {
		ptrace(PTRACE_LISTEN, traced[generation], 0, 0); /* stopped by somebody, and stays so */
	} else {
		ptrace(PTRACE_CONT, traced[generation], 0, event ? 0 : number);
	}
}

/* Whether something was to be done. */
static bool follow(enum generation generation)
{
	siginfo_t change = { 0 };

	if (!traced[generation] || (generation == PROCESS && reached))
		return false;
	/* Ends of the others are those of children, and waited for by the main module; this one's parent is the runtime. */
	int ends = generation == BETWEEN ? WEXITED : 0;
	if (waitid(P_PID, (id_t)traced[generation], &change, WSTOPPED | ends | WNOHANG | __WALL) != 0) {
		traced[generation] = 0;
		return false;
	}
	if (!change.si_pid)
		return false;
	if (change.si_code == CLD_TRAPPED || change.si_code == CLD_STOPPED)
		handle_stop(generation, change.si_status);
	else
		traced[generation] = 0;
	return true;
}

void hold_follow(void)
{
	bool more;

	do {
		more = false;
		for (int generation = RUNTIME; generation < GENERATIONS; generation++)
			more |= follow((enum generation)generation);
	} while (more);
}

void hold_release(void)
{
	released = true;
	if (reached && traced[PROCESS])
		let_go(PROCESS);
}
