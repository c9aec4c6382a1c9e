/*
 * dhow-shim: stays with one process of a container for as long as that lives. It holds the process's
 * standard input and output or its terminal, writes the log, serves attached clients, and reports the
 * exit. It outlives the daemon that started it; nothing a daemon or client does or fails to do holds
 * up the process.
 *
 * Life: STARTING (the runtime runs) -> RUNNING -> DRAINING (the process has ended, its output has not)
 * -> FINISHED (the exit is reported; slow clients get what is left).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clients.h"
#include "core_link.h"
#include "frames.h"
#include "hold.h"
#include "log.h"
#include "loop.h"
#include "namespaces.h"
#include "options.h"
#include "processes.h"
#include "records.h"
#include "runtime.h"
#include "streams.h"
#include "text.h"
#include "unexecuted.h"

enum {
	CONTROL_FD = 3,
	/* Descendants of an exec'd process may hold its output open; Docker waits as long for them. */
	DRAIN_MILLISECONDS = 2000,
	/* For clients that have everything to notice and close. */
	LINGER_MILLISECONDS = 10000,
	/* Between looks at whether a full log has room again. */
	LOG_FULL_MILLISECONDS = 200,
};

static struct options options;
static enum { STARTING, RUNNING, DRAINING, FINISHED } phase = STARTING;
static pid_t runtime_pid, process_pid;
static uint32_t exit_code, exit_signal; /* the signal that ended the process, or 0 */
static uint64_t start_time, exit_time; /* nanoseconds since 1970 */
static int64_t deadline = -1; /* monotonic milliseconds */
/* Lists the processes of the container; empty for an exec. */
static char cgroup_file[1024];
static struct source signals = { .fd = -1 };

static int64_t now_milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static uint64_t now_nanoseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void put_number(unsigned char *to, uint64_t number, int bytes)
{
	while (bytes--) {
		to[bytes] = (unsigned char)number;
		number >>= 8;
	}
}

static void leave_failed(uint32_t status, const char *reason)
{
	static char payload[16 << 10];
	struct text text = TEXT(payload);

	put_number((unsigned char *)payload, status, 4);
	text.at += 4;
	if (reason)
		text_add(&text, reason);
	else
		runtime_read_log(&text);
	if (text.at < text.limit)
		*text.at++ = '\0';
	if (!reason)
		text.at += streams_read_error(text.at, (size_t)(text.limit - text.at));
	records_clear(&options);
	clients_tell(-1, FRAME_FAILED, payload, (size_t)(text.at - payload));
	_exit(1);
}

static void leave_failed_by(const char *action, int number)
{
	char message[4400];
	struct text text = TEXT(message);

	text_add(&text, action);
	text_add(&text, ": ");
	text_add(&text, strerror(number));
	leave_failed(0, message);
}

/* Gives up a start: nothing of it must be left. */
static void abort_start(void)
{
	if (phase != STARTING)
		return;
	kill_descendants();
	if (options.bundle) {
		pid_t pid = runtime_delete(&options);
		while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		runtime_forget(&options);
	}
	records_clear(&options);
	_exit(1);
}

static void tell_started(int control)
{
	unsigned char payload[16];

	put_number(payload, (uint64_t)process_pid, 4);
	put_number(payload + 4, (uint64_t)getpid(), 4);
	put_number(payload + 8, start_time, 8);
	clients_tell(control, FRAME_STARTED, payload, sizeof payload);
}

static void tell_exited(int control)
{
	unsigned char payload[16];

	put_number(payload, exit_code, 4);
	put_number(payload + 4, exit_time, 8);
	put_number(payload + 12, exit_signal, 4);
	clients_tell(control, FRAME_EXITED, payload, sizeof payload);
}

static void control_joined(int control)
{
	if (phase != STARTING)
		tell_started(control);
	if (phase == FINISHED)
		tell_exited(control);
}

static void learn_cgroup(void)
{
	struct text text = TEXT(cgroup_file);

	if (!options.bundle)
		return;
	if (options.tasks_count)
		text_add(&text, options.tasks_files[0]);
	else
		find_cgroup(process_pid, options.identifier, &text);
}

static void runtime_ended(int status)
{
	runtime_pid = 0;
	hold_release();
	if (status != 0 || !(process_pid = runtime_read_pid())) {
		kill_descendants();
		leave_failed((uint32_t)status, NULL);
	}
	if (!streams_started(process_pid)) {
		kill_descendants();
		leave_failed(0, "the runtime did not hand over the terminal");
	}
	if (options.without_core)
		remove_core_link(process_pid);
	int gate = options.held ? runtime_open_gate(&options) : -1;
	if (options.held && gate < 0) {
		int problem = errno;
		kill_descendants();
		leave_failed_by("let the created process go", problem);
	}
	phase = RUNNING;
	start_time = now_nanoseconds();
	/* The daemon wakes while the process begins. */
	tell_started(-1);
	if (options.held)
		runtime_let_go(gate);
	records_write_process(&options, process_pid, start_time);
	learn_cgroup();
}

static void process_ended(int status, bool executed)
{
	/* One that was killed on its way has nothing to say. */
	bool refused = !executed && WIFEXITED(status);

	exit_time = now_nanoseconds();
	exit_signal = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : 0);
	exit_code = (uint32_t)(refused ? UNEXECUTED_EXIT_CODE : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
	streams_process_ended(!refused);
	phase = DRAINING;
	deadline = now_milliseconds() + DRAIN_MILLISECONDS;
	if (cgroup_file[0])
		kill_cgroup(cgroup_file);
}

static void finish(void)
{
	streams_close_outputs();
	streams_close_input();
	log_close();
	if (options.bundle)
		runtime_forget(&options);
	records_write_exit(&options, &(struct run){ process_pid, exit_code, exit_signal, start_time, exit_time });
	phase = FINISHED;
	clients_finish();
	records_clear(&options);
	/* The daemon may start the container anew, or remove it, from here on: nothing may be touched any more. */
	tell_exited(-1);
	deadline = now_milliseconds() + LINGER_MILLISECONDS;
}

static bool is_stop(const siginfo_t *change)
{
	return change->si_code == CLD_TRAPPED || change->si_code == CLD_STOPPED;
}

static void reap(void)
{
	int status;
	pid_t pid;

	hold_follow();
	if (phase == STARTING) {
		siginfo_t end;
		/* Nothing else yet: the process may have ended already, but its pid is not known. Stops of what is traced are told unasked. */
		for (;;) {
			end = (siginfo_t){ 0 };
			if (waitid(P_PID, (id_t)runtime_pid, &end, WEXITED | WNOHANG | WNOWAIT) != 0 || end.si_pid != runtime_pid)
				return;
			if (!is_stop(&end))
				break;
			hold_follow();
		}
		waitpid(runtime_pid, &status, 0);
		runtime_ended(status);
	}
	for (;;) {
		siginfo_t next = { 0 };
		if (waitid(P_ALL, 0, &next, WEXITED | WNOHANG | WNOWAIT) != 0 || (pid = next.si_pid) == 0)
			return;
		if (is_stop(&next)) {
			hold_follow();
			continue;
		}
		bool ours = pid == process_pid && phase == RUNNING;
		/* What it was can be seen only until it is waited for. */
		bool executed = !ours || streams_executed() || has_executed(pid);
		if (waitpid(pid, &status, 0) == pid && ours)
			process_ended(status, executed);
	}
}

static void signal_ready(struct source *source, uint32_t events)
{
	struct signalfd_siginfo information;
	ssize_t ignored = read(source->fd, &information, sizeof information);

	(void)events;
	(void)ignored;
	reap();
}

/* Everything but death by SIGKILL is ignored; SIGCHLD is read from a descriptor. */
static void take_signals(void)
{
	sigset_t set;

	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	signals.ready = signal_ready;
	loop_watch(&signals, EPOLLIN);
}

/* Losing the shim would end the container, so it should be among the last to go. */
static void resist_memory_shortage(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Refused without CAP_SYS_RESOURCE; then it is as likely to be killed as others. */
	ssize_t ignored = write(fd, "-999", 4);
	(void)ignored;
	close(fd);
}

static void take_clients(void)
{
	static const struct client_events events = {
		.joined = control_joined,
		.resize = streams_resize,
		.abort = abort_start,
	};

	clients_open(&options, &events);
	fcntl(CONTROL_FD, F_SETFD, FD_CLOEXEC);
	clients_add(CONTROL_FD, 0, ROLE_CONTROL);
	for (int i = 0; i < options.attachment_count; i++) {
		fcntl(CONTROL_FD + 1 + i, F_SETFD, FD_CLOEXEC);
		if (options.connections[i])
			fcntl(options.connections[i], F_SETFD, FD_CLOEXEC);
		clients_add(CONTROL_FD + 1 + i, options.connections[i], options.attachments[i]);
	}
}

static void begin(void)
{
	int problem;

	if (chdir(options.run_directory) != 0)
		leave_failed_by(options.run_directory, errno);
	if (options.log_path &&
	    (problem = log_open(options.log_path, options.log_max_size, options.log_max_files, options.log_sharing, options.log_attributes)))
		leave_failed_by(options.log_path, problem);
	if ((problem = streams_open(&options)))
		leave_failed_by("make standard input and output", problem);
	runtime_pid = runtime_start(&options);
	if (runtime_pid < 0)
		leave_failed_by("fork", errno);
	/* What needs not be there before the runtime is done while it runs. */
	streams_forked();
	resist_memory_shortage();
	if ((problem = clients_listen())) {
		kill_descendants();
		leave_failed_by("listen for clients", problem);
	}
}

int main(int count, char **arguments)
{
	if (count == 3 && strcmp(arguments[1], "--hold-namespaces") == 0)
		return hold_namespaces(arguments[2]);
	const char *problem = options_parse(&options, arguments);

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	/* What the daemon itself was given by whoever started it must not be held open by its containers. */
	syscall(SYS_close_range, CONTROL_FD + 1 + options.attachment_count + options.connection_count, ~0U, 0);
	loop_open();
	take_signals();
	take_clients();
	if (problem)
		leave_failed(0, problem);
	begin();
	for (;;) {
		int64_t now = now_milliseconds(), until = -1;
		int64_t wait = deadline < 0 ? -1 : deadline - now;
		bool late = deadline >= 0 && wait <= 0;
		if (phase == DRAINING && (streams_ended() || late)) {
			finish();
			continue;
		}
		/* What is left in the pipes when the process has ended is little: it is read in any case. */
		bool hold = phase == RUNNING && clients_hold(now, &until);
		if (phase == RUNNING && log_full()) {
			if (!hold || now + LOG_FULL_MILLISECONDS < until)
				until = now + LOG_FULL_MILLISECONDS;
			hold = true;
		}
		streams_hold(hold);
		if (hold)
			wait = until - now;
		if (phase == FINISHED) {
			bool behind = clients_behind();
			if (!clients_left() || (late && !behind))
				return 0;
			if (behind) {
				/* However slow it is: it still gets everything. */
				deadline = now + LINGER_MILLISECONDS;
				wait = -1;
			}
		}
		loop_turn(late ? -1 : (int)wait);
		clients_sweep();
	}
}
