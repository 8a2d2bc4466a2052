/*
 * The control plane as a process: one thread that waits, and the parts it wakes. Reads the clock,
 * which nobody below does. Owns the three environments' ends: writer of `cases` and `policy`,
 * reader of `events`.
 */
#ifndef MW_CONTROLPLANE_DAEMON_DAEMON_H
#define MW_CONTROLPLANE_DAEMON_DAEMON_H

#include "controlplane/apply/apply.h"
#include "controlplane/ctl/rules_job.h"
#include "controlplane/ctl/server.h"
#include "controlplane/ctl/values.h"
#include "controlplane/input/settings.h"
#include "controlplane/metrics/metrics.h"
#include "controlplane/notify/mailer.h"

struct mw_daemon_options {
	const char *state_dir;	   /* NULL: of the settings */
	const char *settings_path; /* NULL: every default; only an import goes without */
	const char *socket_path;   /* NULL: of the settings, else STATE/control.sock */
	const char *program;	   /* argv[0], for the compiler's child */
	const char *import_path;   /* NULL: run; else take this file in and end */
};

struct mw_daemon {
	char state_dir[256], socket_path[256], program[512], replay_program[512];
	char settings_path[MW_SETTINGS_PATH_MAX];
	struct mw_settings settings;
	struct mw_cases cases;
	struct mw_env policy_env, events_env;
	struct mw_policy policy;
	struct mw_events events;
	bool cases_open, policy_open, events_open;
	struct mw_core core;
	struct mw_apply apply;
	struct mw_ctl ctl;
	struct mw_ctl_values values;
	struct mw_server *server;
	struct mw_metrics *metrics;
	struct mw_mailer *mailer;
	int signal_fd;
	uint64_t events_txn;	  /* of `events` as of the last look */
	uint64_t events_retry_ms; /* not opened yet: when to look again */
	uint64_t cursor_published_ms;
	uint64_t readers_checked_ms;
	uint64_t mails_tried_ms;
	uint64_t stuck_said_ms; /* when the last "cannot go on" was logged */
	bool stop;
};

/* Settings and stores only. 0, or the exit code of the process after a sentence on stderr. */
int mw_daemon_open(struct mw_daemon *daemon, const struct mw_daemon_options *options);
/* Takes options->import_path in. The exit code. */
int mw_daemon_import(struct mw_daemon *daemon, const struct mw_daemon_options *options);
/* Opens everything. 0, or the exit code of the process after a sentence on stderr. */
int mw_daemon_start(struct mw_daemon *daemon, const struct mw_daemon_options *options);
/* Runs until SIGTERM or SIGINT. The exit code. */
int mw_daemon_loop(struct mw_daemon *daemon);
void mw_daemon_stop(struct mw_daemon *daemon);
/* SIGHUP: reads the settings again; a bad file leaves the old ones in force. */
void mw_daemon_reload(struct mw_daemon *daemon);

uint64_t mw_daemon_now_s(void);	 /* UTC */
uint64_t mw_daemon_now_ms(void); /* monotonic */

#endif
