#include "options.h"

#include <stdlib.h>
#include <string.h>

static bool flag(const char *value)
{
	return strcmp(value, "yes") == 0;
}

static bool parse_stdin(struct options *options, const char *value)
{
	if (strcmp(value, "none") == 0)
		options->stdin_mode = STDIN_NONE;
	else if (strcmp(value, "open") == 0)
		options->stdin_mode = STDIN_OPEN;
	else if (strcmp(value, "once") == 0)
		options->stdin_mode = STDIN_ONCE;
	else
		return false;
	return true;
}

static const char *parse_one(struct options *options, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **target;
	} texts[] = {
		{ "--id", &options->identifier },
		{ "--run-directory", &options->run_directory },
		{ "--state-directory", &options->state_directory },
		{ "--exit-file", &options->exit_file },
		{ "--record", &options->record },
		{ "--runtime", &options->runtime },
		{ "--runtime-root", &options->runtime_root },
		{ "--bundle", &options->bundle },
		{ "--process", &options->process_file },
		{ "--program", &options->program },
		{ "--oom-score", &options->oom_score },
		{ "--log", &options->log_path },
		{ "--log-attributes", &options->log_attributes },
	};

	for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].target = value;
			return NULL;
		}
	}
	if (strcmp(name, "--crun") == 0) {
		options->crun = flag(value);
	} else if (strcmp(name, "--systemd") == 0) {
		options->systemd = flag(value);
	} else if (strcmp(name, "--held") == 0) {
		options->held = flag(value);
	} else if (strcmp(name, "--without-core") == 0) {
		options->without_core = flag(value);
	} else if (strcmp(name, "--terminal") == 0) {
		options->terminal = flag(value);
	} else if (strcmp(name, "--rows") == 0) {
		options->rows = (unsigned short)atoi(value);
	} else if (strcmp(name, "--columns") == 0) {
		options->columns = (unsigned short)atoi(value);
	} else if (strcmp(name, "--stdin") == 0) {
		if (!parse_stdin(options, value))
			return "--stdin must be none, open or once";
	} else if (strcmp(name, "--uid") == 0) {
		options->owned = true;
		options->uid = (unsigned)strtoul(value, NULL, 10);
	} else if (strcmp(name, "--gid") == 0) {
		options->gid = (unsigned)strtoul(value, NULL, 10);
	} else if (strcmp(name, "--join") == 0) {
		if (options->tasks_count == MAX_TASKS_FILES)
			return "too many --join options";
		options->tasks_files[options->tasks_count++] = value;
	} else if (strcmp(name, "--log-max-size") == 0) {
		options->log_max_size = strtoull(value, NULL, 10);
	} else if (strcmp(name, "--log-max-files") == 0) {
		options->log_max_files = (unsigned)atoi(value);
	} else if (strcmp(name, "--log-sharing") == 0) {
		options->log_sharing = strcmp(value, "kept") == 0 ? LOG_KEPT : LOG_SHARED;
	} else if (strcmp(name, "--attach") == 0) {
		if (options->attachment_count == MAX_ATTACHMENTS)
			return "too many --attach options";
		options->attachments[options->attachment_count++] = (unsigned char)atoi(value);
	} else if (strcmp(name, "--connection") == 0) {
		/* Of the attachment named last. */
		if (options->attachment_count == 0)
			return "--connection must follow --attach";
		options->connections[options->attachment_count - 1] = atoi(value);
		options->connection_count++;
	} else {
		return "unknown option";
	}
	return NULL;
}

const char *options_parse(struct options *options, char **arguments)
{
	for (char **at = arguments + 1; *at; at += 2) {
		if (!at[1])
			return "an option lacks its value";
		const char *problem = parse_one(options, at[0], at[1]);
		if (problem)
			return problem;
	}
	if (!options->identifier || !options->run_directory || !options->state_directory || !options->exit_file ||
	    !options->record || !options->runtime || !options->runtime_root || !options->bundle == !options->process_file)
		return "a required option is missing";
	return NULL;
}
