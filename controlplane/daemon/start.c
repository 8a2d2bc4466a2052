/* Opening everything in order, each failure with a sentence that says what to do; and closing. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/log.h"
#include "controlplane/daemon/daemon.h"

#define STATE_PATH_MAX 200 /* so that a ruleset below it fits the policy record */

uint64_t mw_daemon_now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec;
}

uint64_t mw_daemon_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* This program's own path, for the compiler's child; and its neighbour, for `rules test`. */
static void find_programs(struct mw_daemon *daemon, const char *program)
{
	ssize_t n = readlink("/proc/self/exe", daemon->program, sizeof(daemon->program) - 1);
	const char *slash;

	if (n <= 0)
		snprintf(daemon->program, sizeof(daemon->program), "%s", program);
	else
		daemon->program[n] = '\0';
	slash = strrchr(daemon->program, '/');
	if (slash == NULL)
		return;
	/* Installed they are neighbours, in the build tree each lies in its folder. */
	snprintf(daemon->replay_program, sizeof(daemon->replay_program), "%.*s/mailweir-replay",
		(int)(slash - daemon->program), daemon->program);
	if (access(daemon->replay_program, X_OK) != 0)
		snprintf(daemon->replay_program, sizeof(daemon->replay_program),
			"%.*s/../../dataplane/replay/mailweir-replay",
			(int)(slash - daemon->program), daemon->program);
	if (access(daemon->replay_program, X_OK) != 0)
		daemon->replay_program[0] = '\0';
}

/* An import for a capture goes without a settings file: whoever has the capture has its content. */
static void look_at_everything(struct mw_settings *settings)
{
	mw_settings_default(settings);
	settings->inspection_default = MW_INSPECTION_CONTENT;
	for (uint8_t i = 0; i < settings->class_count; i++)
		settings->classes[i].inspection = MW_INSPECTION_CONTENT;
}

static int open_settings(struct mw_daemon *daemon, const struct mw_daemon_options *options)
{
	char error[MW_SETTINGS_ERROR_MAX] = "";
	char absolute[PATH_MAX];
	const char *state;

	if (options->settings_path == NULL) {
		look_at_everything(&daemon->settings);
	} else {
		snprintf(daemon->settings_path, sizeof(daemon->settings_path), "%s",
			options->settings_path);
		if (mw_settings_load(options->settings_path, &daemon->settings, error) != 0) {
			mw_log(MW_LOG_ERROR, "%s", error);
			return 2;
		}
	}
	state = options->state_dir != NULL ? options->state_dir : daemon->settings.state_dir;
	if (state[0] == '\0') {
		mw_log(MW_LOG_ERROR,
			"where is the state to be kept? Name it with --state DIR or as "
			"state_dir in the settings");
		return 2;
	}
	if (mkdir(state, 0750) != 0 && errno != EEXIST) {
		mw_log(MW_LOG_ERROR, "the state directory %s cannot be made: %s", state,
			strerror(errno));
		return 1;
	}
	/* Absolute: the dataplane, which stands elsewhere, reads paths below it from the policy. */
	if (realpath(state, absolute) == NULL) {
		mw_log(MW_LOG_ERROR, "the state directory %s: %s", state, strerror(errno));
		return 1;
	}
	if (strlen(absolute) > STATE_PATH_MAX) {
		mw_log(MW_LOG_ERROR, "the path of the state directory is longer than %d: %s",
			STATE_PATH_MAX, absolute);
		return 2;
	}
	snprintf(daemon->state_dir, sizeof(daemon->state_dir), "%.200s", absolute);
	if (options->socket_path != NULL)
		snprintf(daemon->socket_path, sizeof(daemon->socket_path), "%s",
			options->socket_path);
	else if (daemon->settings.socket_path[0] != '\0')
		snprintf(daemon->socket_path, sizeof(daemon->socket_path), "%s",
			daemon->settings.socket_path);
	else
		snprintf(daemon->socket_path, sizeof(daemon->socket_path), "%.230s/control.sock",
			daemon->state_dir);
	return 0;
}

static int open_stores(struct mw_daemon *daemon, const struct mw_daemon_options *options)
{
	uint64_t mib = 1024 * 1024;
	char error[512] = "";

	if (mw_cases_open(&daemon->cases, daemon->state_dir, daemon->settings.store.cases_mib * mib,
		    error, sizeof(error)) != 0) {
		mw_log(MW_LOG_ERROR, "%s", error);
		return 1;
	}
	daemon->cases_open = true;
	if (mw_env_open(&daemon->policy_env, daemon->state_dir, MW_POLICY_ENV, MW_ENV_WRITER,
		    daemon->settings.store.policy_mib * mib, 0, error, sizeof(error)) != 0) {
		mw_log(MW_LOG_ERROR, "%s", error);
		return 1;
	}
	daemon->policy_open = true;
	if (mw_policy_open(&daemon->policy, &daemon->policy_env) != 0) {
		mw_log(MW_LOG_ERROR, "the policy environment in %s cannot be read",
			daemon->state_dir);
		return 1;
	}
	mw_core_init(&daemon->core, &daemon->cases, &daemon->settings);
	if (mw_apply_start(&daemon->apply, &daemon->core, &daemon->policy, daemon->state_dir,
		    mw_daemon_now_s(), error, sizeof(error)) != 0) {
		mw_log(MW_LOG_ERROR, "%s", error);
		return 1;
	}
	if (options->settings_path != NULL &&
		mw_core_note_basis(&daemon->core, mw_daemon_now_s()) != 0)
		mw_log(MW_LOG_WARNING, "the basis of diverting could not be written to the audit");
	return 0;
}

static void fill_metrics(void *ctx, struct mw_metrics_values *out)
{
	struct mw_daemon *daemon = ctx;

	mw_ctl_values(&daemon->ctl, mw_daemon_now_s(), &daemon->values);
	*out = daemon->values.metrics;
}

static int open_doors(struct mw_daemon *daemon)
{
	const struct mw_settings *s = &daemon->settings;
	char error[512] = "";
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	/* Before the mailer's thread is made, so that it inherits the mask. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	daemon->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	daemon->ctl.rules = mw_rules_job_new(daemon->program, daemon->state_dir);
	if (daemon->signal_fd < 0 || daemon->ctl.rules == NULL) {
		mw_log(MW_LOG_ERROR, "cannot start: %s", strerror(errno));
		return 1;
	}
	daemon->mailer = mw_mailer_start(&s->mail.relay, error, sizeof(error));
	if (daemon->mailer == NULL) {
		mw_log(MW_LOG_ERROR, "%s", error);
		return 1;
	}
	if (s->metrics.port != 0) {
		daemon->metrics = mw_metrics_start(s->metrics.address, s->metrics.port,
			fill_metrics, daemon, error, sizeof(error));
		if (daemon->metrics == NULL) {
			mw_log(MW_LOG_ERROR, "%s", error);
			return 1;
		}
	}
	daemon->server = mw_server_start(&daemon->ctl, daemon->socket_path, error, sizeof(error));
	if (daemon->server == NULL) {
		mw_log(MW_LOG_ERROR, "%s", error);
		return 1;
	}
	return 0;
}

/* The rules of the settings, unless a person has loaded others since. */
static void load_rules(struct mw_daemon *daemon)
{
	const char *paths[MW_SETTINGS_RULES_MAX];
	struct mw_rules_request request = {
		.paths = paths, .count = daemon->settings.rules_count, .actor = "settings"};
	struct mw_cases_txn txn = mw_cases_read(&daemon->cases);
	bool by_hand = mw_meta_get(&txn, "ruleset_by_hand") != 0;
	char error[1024];

	mw_cases_abort(&txn);
	if (daemon->settings.rules_count == 0)
		return;
	if (by_hand) {
		mw_log(MW_LOG_NOTICE, "the rules loaded with weirctl stay in force, those of the "
				      "settings do not");
		return;
	}
	for (uint8_t i = 0; i < daemon->settings.rules_count; i++)
		paths[i] = daemon->settings.rules[i];
	if (mw_rules_job_start(daemon->ctl.rules, &request, error, sizeof(error)) != 0)
		mw_log(MW_LOG_WARNING, "%s", error);
}

int mw_daemon_open(struct mw_daemon *daemon, const struct mw_daemon_options *options)
{
	int rc;

	daemon->signal_fd = -1;
	find_programs(daemon, options->program);
	daemon->ctl.core = &daemon->core;
	daemon->ctl.apply = &daemon->apply;
	daemon->ctl.version = MW_VERSION;
	daemon->ctl.replay_program = daemon->replay_program;
	daemon->ctl.started_s = mw_daemon_now_s();
	daemon->ctl.any_class = options->settings_path == NULL;
	rc = open_settings(daemon, options);
	return rc == 0 ? open_stores(daemon, options) : rc;
}

int mw_daemon_start(struct mw_daemon *daemon, const struct mw_daemon_options *options)
{
	int rc = mw_daemon_open(daemon, options);

	if (rc == 0)
		rc = open_doors(daemon);
	if (rc == 0)
		load_rules(daemon);
	return rc;
}

void mw_daemon_reload(struct mw_daemon *daemon)
{
	struct mw_settings *fresh = calloc(1, sizeof(*fresh));
	char error[MW_SETTINGS_ERROR_MAX] = "";

	if (fresh == NULL)
		return;
	if (mw_settings_load(daemon->settings_path, fresh, error) != 0) {
		mw_log(MW_LOG_ERROR, "%s; the old settings stay in force", error);
	} else {
		daemon->settings = *fresh;
		mw_mailer_set_relay(daemon->mailer, &daemon->settings.mail.relay);
		if (mw_core_note_basis(&daemon->core, mw_daemon_now_s()) != 0)
			mw_log(MW_LOG_WARNING,
				"the basis of diverting could not be written to the audit");
		/* Classes and words may have changed for everybody: compare all, as at the start.
		 */
		if (mw_apply_start(&daemon->apply, &daemon->core, &daemon->policy,
			    daemon->state_dir, mw_daemon_now_s(), error, sizeof(error)) != 0)
			mw_log(MW_LOG_ERROR, "%s", error);
		else
			mw_log(MW_LOG_NOTICE, "settings read again from %s", daemon->settings_path);
	}
	free(fresh);
}

void mw_daemon_stop(struct mw_daemon *daemon)
{
	mw_server_stop(daemon->server);
	mw_metrics_stop(daemon->metrics);
	mw_mailer_stop(daemon->mailer);
	mw_rules_job_free(daemon->ctl.rules);
	if (daemon->signal_fd >= 0)
		close(daemon->signal_fd);
	if (daemon->events_open)
		mw_env_close(&daemon->events_env);
	if (daemon->policy_open)
		mw_env_close(&daemon->policy_env);
	if (daemon->cases_open)
		mw_cases_close(&daemon->cases);
}
