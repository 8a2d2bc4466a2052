/* Compiling rules beside the daemon: see rules_job.h. */
#include "controlplane/ctl/rules_job.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/rules/compile.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"

#define PATHS_MAX  64
#define LINE_BYTES 65536

struct mw_rules_job {
	char program[512], state_dir[256];
	pid_t pid;
	int fd;	       /* the child's standard output */
	bool testing;  /* the child is a replay, else the compiler */
	json_t *found; /* testing: the message line */
	uint64_t client;
	bool json, by_hand;
	char actor[MW_ACTOR_MAX];
	char paths[MW_AUDIT_DETAIL_MAX]; /* for people */
	char line[LINE_BYTES];
	size_t line_len;
	char state[MW_RULES_ERROR_MAX + 32];
	char failed[MW_RULES_ERROR_MAX];
	bool done;
	uint32_t fates[MW_RULE_FATE_COUNT];
	uint32_t compile_ms;
	uint64_t database_bytes;
};

extern char **environ;

struct mw_rules_job *mw_rules_job_new(const char *program, const char *state_dir)
{
	struct mw_rules_job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->fd = -1;
	snprintf(job->program, sizeof(job->program), "%s", program);
	snprintf(job->state_dir, sizeof(job->state_dir), "%s", state_dir);
	return job;
}

static int spawn_child(struct mw_rules_job *job, char *const *argv)
{
	posix_spawn_file_actions_t actions;
	int pipes[2], rc;

	if (pipe2(pipes, O_CLOEXEC) != 0)
		return -errno;
	fcntl(pipes[0], F_SETFL, O_NONBLOCK);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], 1);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	rc = posix_spawn(&job->pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (rc != 0) {
		close(pipes[0]);
		job->pid = 0;
		return -rc;
	}
	job->fd = pipes[0];
	job->line_len = 0;
	job->done = false;
	job->failed[0] = '\0';
	return 0;
}

static int spawn_compiler(struct mw_rules_job *job, const struct mw_rules_request *request)
{
	static char option[] = "--compile-rules";
	char out[512], cache[512], dir[512];
	char *argv[PATHS_MAX + 6];
	size_t n = 0;
	int rc;

	snprintf(dir, sizeof(dir), "%s/rules", job->state_dir);
	mkdir(dir, 0750);
	snprintf(out, sizeof(out), "%s/rules/next.mwr", job->state_dir);
	snprintf(cache, sizeof(cache), "%s/rules/cache", job->state_dir);
	argv[n++] = job->program;
	argv[n++] = option;
	argv[n++] = out;
	argv[n++] = cache;
	for (size_t i = 0; i < request->count; i++)
		argv[n++] = strdup(request->paths[i]);
	argv[n] = NULL;
	rc = spawn_child(job, argv);
	for (size_t i = 4; i < n; i++)
		free(argv[i]);
	return rc;
}

int mw_rules_job_test(struct mw_rules_job *job, const char *replay, const char *ruleset,
	const char *capture, uint64_t client, bool json, char *error, size_t error_size)
{
	static char option[] = "--ruleset";
	char program[512], rules[512], message[512];
	char *argv[] = {program, option, rules, message, NULL};
	int rc;

	snprintf(program, sizeof(program), "%s", replay);
	snprintf(rules, sizeof(rules), "%s", ruleset);
	snprintf(message, sizeof(message), "%s", capture);
	job->client = client;
	job->json = json;
	json_decref(job->found);
	job->found = NULL;
	rc = job->fd >= 0 ? -EBUSY : spawn_child(job, argv);
	if (rc != 0) {
		snprintf(error, error_size, "%s cannot be started: %s", replay, strerror(-rc));
		return rc;
	}
	job->testing = true;
	snprintf(job->state, sizeof(job->state), "a message is being tested");
	return 0;
}

int mw_rules_job_start(struct mw_rules_job *job, const struct mw_rules_request *request,
	char *error, size_t error_size)
{
	size_t used = 0;
	int rc;

	if (job->fd >= 0) {
		snprintf(error, error_size, "rules are being compiled already: %s", job->state);
		return -EBUSY;
	}
	if (request->count == 0 || request->count > PATHS_MAX) {
		snprintf(
			error, error_size, "from 1 to %d paths can be loaded at a time", PATHS_MAX);
		return -EINVAL;
	}
	job->client = request->client;
	job->json = request->json;
	job->by_hand = request->by_hand;
	job->testing = false;
	snprintf(job->actor, sizeof(job->actor), "%s", request->actor);
	job->paths[0] = '\0';
	for (size_t i = 0; i < request->count && used < sizeof(job->paths); i++) {
		int n = snprintf(job->paths + used, sizeof(job->paths) - used, "%s%s",
			i > 0 ? " " : "", request->paths[i]);

		used += n > 0 ? (size_t)n : 0;
	}
	rc = spawn_compiler(job, request);
	if (rc != 0)
		snprintf(error, error_size, "the compiler cannot be started: %s", strerror(-rc));
	else
		snprintf(job->state, sizeof(job->state), "compiling: beginning");
	return rc;
}

int mw_rules_job_fd(const struct mw_rules_job *job)
{
	return job->fd;
}

const char *mw_rules_job_state(const struct mw_rules_job *job)
{
	return job->state;
}

static void take_line(struct mw_rules_job *job, struct mw_server *server)
{
	const char *rest;

	job->line[job->line_len] = '\0';
	job->line_len = 0;
	if (job->testing) {
		json_t *line = json_loads(job->line, 0, NULL);
		const char *type = json_string_value(json_object_get(line, "type"));

		if (job->found == NULL && type != NULL && strcmp(type, "message") == 0)
			job->found = json_incref(line);
		json_decref(line);
		return;
	}
	if (strncmp(job->line, "progress ", 9) == 0) {
		snprintf(job->state, sizeof(job->state), "compiling: %.900s", job->line + 9);
		mw_server_progress(server, job->client, job->state);
	} else if (strncmp(job->line, "error ", 6) == 0) {
		snprintf(job->failed, sizeof(job->failed), "%.1000s", job->line + 6);
	} else if (strncmp(job->line, "done ", 5) == 0) {
		rest = job->line + 5;
		job->done = sscanf(rest,
				    "%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu64
				    " %" SCNu32,
				    &job->fates[MW_RULE_EXACT], &job->fates[MW_RULE_GATED],
				    &job->fates[MW_RULE_UNSUPPORTED], &job->fates[MW_RULE_UNUSED],
				    &job->database_bytes, &job->compile_ms) == 6;
	}
}

/* The compiled file takes the place of its generation, then the generation is made known. */
static void put_in_force(struct mw_rules_job *job, struct mw_ctl *ctl, uint64_t now_s)
{
	char next[512], path[512], old[512], object[64];
	struct mw_cases_txn txn = mw_cases_write(ctl->core->cases);
	uint64_t generation = mw_meta_get(&txn, "ruleset_generation") + 1;
	int rc;

	snprintf(next, sizeof(next), "%s/rules/next.mwr", job->state_dir);
	mw_apply_ruleset_path(ctl->apply, generation, path, sizeof(path));
	if (rename(next, path) != 0) {
		snprintf(job->failed, sizeof(job->failed), "%s cannot be moved to its place: %s",
			next, strerror(errno));
		mw_cases_abort(&txn);
		return;
	}
	mw_meta_set(&txn, "ruleset_generation", generation);
	mw_meta_set(&txn, "ruleset_rules",
		(uint64_t)job->fates[MW_RULE_EXACT] + job->fates[MW_RULE_GATED]);
	mw_meta_set(&txn, "ruleset_by_hand", job->by_hand ? 1 : 0);
	snprintf(object, sizeof(object), "generation %" PRIu64, generation);
	mw_audit_add(&txn, now_s, job->actor, "rules-load", object, job->paths);
	mw_change_add(&txn, MW_CHANGE_SETTINGS, 0, NULL);
	rc = mw_cases_commit(&txn);
	if (rc == 0)
		rc = mw_apply_publish(ctl->apply, now_s);
	if (rc != 0)
		snprintf(job->failed, sizeof(job->failed), "the store says: %s", strerror(-rc));
	/* The dataplane may still be loading the one before: that one stays. */
	if (rc == 0 && generation > 2) {
		mw_apply_ruleset_path(ctl->apply, generation - 2, old, sizeof(old));
		unlink(old);
	}
}

static void answer(struct mw_rules_job *job, struct mw_ctl *ctl, struct mw_server *server)
{
	struct mw_reply reply = {.exit = MW_EXIT_DONE};
	struct mw_cases_txn txn = mw_cases_read(ctl->core->cases);
	uint64_t generation = mw_meta_get(&txn, "ruleset_generation");
	FILE *out = open_memstream(&reply.out, &reply.out_len);
	json_t *doc;

	mw_cases_abort(&txn);
	if (job->failed[0] != '\0') {
		reply.exit = MW_EXIT_REFUSED;
		snprintf(reply.error, sizeof(reply.error), "%.900s\nthe old rules stay in force",
			job->failed);
	} else if (out != NULL && job->json) {
		doc = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "generation",
			(json_int_t)generation, "exact", (json_int_t)job->fates[MW_RULE_EXACT],
			"gated", (json_int_t)job->fates[MW_RULE_GATED], "unsupported",
			(json_int_t)job->fates[MW_RULE_UNSUPPORTED], "unused",
			(json_int_t)job->fates[MW_RULE_UNUSED], "database_bytes",
			(json_int_t)job->database_bytes, "compile_ms", (json_int_t)job->compile_ms);
		json_dumpf(doc, out, JSON_INDENT(1));
		fputc('\n', out);
		json_decref(doc);
	} else if (out != NULL) {
		fprintf(out,
			"Rules of generation %" PRIu64 " are in force: %" PRIu32 " exact, %" PRIu32
			" confirmed after a filter, %" PRIu32 " cannot be expressed, %" PRIu32
			" have no effect. %" PRIu64 " octets of databases, compiled in %" PRIu32
			" ms.\n",
			generation, job->fates[MW_RULE_EXACT], job->fates[MW_RULE_GATED],
			job->fates[MW_RULE_UNSUPPORTED], job->fates[MW_RULE_UNUSED],
			job->database_bytes, job->compile_ms);
	}
	if (out != NULL)
		fclose(out);
	mw_server_reply(server, job->client, &reply);
}

/* What the replay found, with the addresses of its stage left out. */
static void answer_test(struct mw_rules_job *job, struct mw_server *server)
{
	static const char *const keys[] = {"class", "score", "matches", "size", "headers", "urls"};
	struct mw_reply reply = {.exit = MW_EXIT_DONE};
	FILE *out = open_memstream(&reply.out, &reply.out_len);
	json_t *doc = json_object(), *match;
	size_t index;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		json_t *value = json_object_get(job->found, keys[i]);

		json_object_set(doc, keys[i], value != NULL ? value : json_null());
	}
	if (job->found == NULL) {
		reply.exit = MW_EXIT_REFUSED;
		snprintf(reply.error, sizeof(reply.error),
			"the replay did not find a message in it%s%.300s",
			job->failed[0] != '\0' ? ": " : "", job->failed);
	} else if (out != NULL && job->json) {
		json_dumpf(doc, out, JSON_INDENT(1) | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
		fputc('\n', out);
	} else if (out != NULL) {
		fprintf(out, "%s, score %.1f\n", json_string_value(json_object_get(doc, "class")),
			json_number_value(json_object_get(doc, "score")));
		json_array_foreach(json_object_get(doc, "matches"), index, match)
		{
			fputs("  ", out);
			mw_text(out, json_string_value(json_object_get(match, "rule")), 40);
			fprintf(out, " %6.1f\n",
				json_number_value(json_object_get(match, "score")));
		}
	}
	if (out != NULL)
		fclose(out);
	json_decref(doc);
	json_decref(job->found);
	job->found = NULL;
	mw_server_reply(server, job->client, &reply);
}

static void finish(
	struct mw_rules_job *job, struct mw_ctl *ctl, struct mw_server *server, uint64_t now_s)
{
	int status = 0;

	close(job->fd);
	job->fd = -1;
	while (waitpid(job->pid, &status, 0) < 0 && errno == EINTR)
		;
	job->pid = 0;
	if (job->testing) {
		job->testing = false;
		job->state[0] = '\0';
		answer_test(job, server);
		return;
	}
	if (job->failed[0] == '\0' &&
		(!job->done || !WIFEXITED(status) || WEXITSTATUS(status) != 0))
		snprintf(job->failed, sizeof(job->failed),
			"the compiler ended without a word (%s %d)",
			WIFSIGNALED(status) ? "signal" : "exit",
			WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	if (job->failed[0] == '\0')
		put_in_force(job, ctl, now_s);
	if (job->failed[0] != '\0')
		snprintf(job->state, sizeof(job->state), "not loaded: %s", job->failed);
	else
		job->state[0] = '\0';
	answer(job, ctl, server);
}

void mw_rules_job_run(
	struct mw_rules_job *job, struct mw_ctl *ctl, struct mw_server *server, uint64_t now_s)
{
	char octets[4096];
	ssize_t n;

	if (job->fd < 0)
		return;
	while ((n = read(job->fd, octets, sizeof(octets))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (octets[i] == '\n')
				take_line(job, server);
			else if (job->line_len + 1 < sizeof(job->line))
				job->line[job->line_len++] = octets[i];
		}
	}
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		finish(job, ctl, server, now_s);
}

void mw_rules_job_free(struct mw_rules_job *job)
{
	if (job == NULL)
		return;
	if (job->fd >= 0) {
		close(job->fd);
		kill(job->pid, SIGKILL);
		waitpid(job->pid, NULL, 0);
	}
	json_decref(job->found);
	free(job);
}
