/*
 * The loop: wait for the socket, the relay, the metrics, a signal, the next timer; look at the
 * events every few milliseconds (their last transaction id costs nothing). Timers are compared with
 * UTC each time round, so a clock that jumps makes nothing fire twice.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/base/log.h"
#include "controlplane/daemon/daemon.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"

#define EVENTS_EVERY_MS	   20
#define EVENTS_RETRY_MS	   500
#define CURSOR_EVERY_MS	   200
#define MAILS_EVERY_MS	   200
#define READERS_EVERY_MS   10000
#define STUCK_SAY_EVERY_MS 10000
#define TIMERS_AT_ONCE	   256
#define INGEST_ROUNDS	   16 /* batches before the socket is looked at again */

/* Something cannot be stored now. It is tried again; the operator hears of it, not every 20 ms. */
static void stuck(struct mw_daemon *daemon, const char *what, int rc)
{
	uint64_t now = mw_daemon_now_ms();

	if (daemon->stuck_said_ms != 0 && now - daemon->stuck_said_ms < STUCK_SAY_EVERY_MS)
		return;
	daemon->stuck_said_ms = now;
	mw_log(MW_LOG_ERROR, "%s: %s; it is tried again, nothing is lost", what,
		rc == -ENOSPC ? "the store is full, raise store: ..._mib in the settings, or "
				"its disk is"
			      : strerror(-rc));
}

static void publish(struct mw_daemon *daemon)
{
	int rc = mw_apply_publish(&daemon->apply, mw_daemon_now_s());

	daemon->cursor_published_ms = mw_daemon_now_ms();
	if (rc != 0)
		stuck(daemon, "the policy cannot be published", rc);
}

/* The dataplane makes `events`; it may come later than we. */
static bool events_ready(struct mw_daemon *daemon)
{
	char error[512] = "";

	if (daemon->events_open)
		return true;
	if (mw_daemon_now_ms() < daemon->events_retry_ms)
		return false;
	daemon->events_retry_ms = mw_daemon_now_ms() + EVENTS_RETRY_MS;
	if (mw_env_open(&daemon->events_env, daemon->state_dir, MW_EVENTS_ENV, MW_ENV_READER, 0, 0,
		    error, sizeof(error)) != 0)
		return false;
	if (mw_events_open(&daemon->events, &daemon->events_env) != 0) {
		mw_env_close(&daemon->events_env);
		return false;
	}
	daemon->events_open = true;
	daemon->ctl.events = &daemon->events;
	mw_log(MW_LOG_NOTICE, "events of the dataplane found in %s", daemon->state_dir);
	return true;
}

/* True when there is more at once. */
static bool ingest(struct mw_daemon *daemon)
{
	uint64_t txn;
	int rc = 0;

	if (!events_ready(daemon))
		return false;
	txn = mw_env_last_txn(&daemon->events_env);
	if (txn == daemon->events_txn)
		return false;
	for (int i = 0; i < INGEST_ROUNDS; i++) {
		uint64_t before = mw_apply_changes(&daemon->apply);

		rc = mw_core_ingest(&daemon->core, &daemon->events, mw_daemon_now_s());
		if (rc < 0) {
			stuck(daemon, "events cannot be taken in", rc);
			return false;
		}
		if (mw_apply_changes(&daemon->apply) != before)
			publish(daemon); /* a verdict does not wait for the cursor's turn */
		if (rc < MW_CORE_BATCH_MAX) {
			daemon->events_txn = txn;
			return false;
		}
	}
	return true;
}

static void timers(struct mw_daemon *daemon)
{
	struct mw_cases_txn txn = mw_cases_read(&daemon->cases);
	uint64_t due = mw_timer_next_due(&txn), now_s = mw_daemon_now_s();
	int rc;

	mw_cases_abort(&txn);
	while (due <= now_s) {
		rc = mw_core_timers(&daemon->core, now_s, TIMERS_AT_ONCE);
		if (rc < 0)
			stuck(daemon, "timers cannot be served", rc);
		if (rc <= 0)
			return;
		publish(daemon);
		txn = mw_cases_read(&daemon->cases);
		due = mw_timer_next_due(&txn);
		mw_cases_abort(&txn);
	}
}

static void mails(struct mw_daemon *daemon)
{
	struct mw_cases_txn txn = mw_cases_read(&daemon->cases);
	uint64_t next = mw_outbox_next_try(&txn), now_s = mw_daemon_now_s();
	int rc;

	mw_cases_abort(&txn);
	rc = mw_apply_mail_results(&daemon->apply, daemon->mailer, now_s);
	if (rc < 0)
		stuck(daemon, "the relay's answers cannot be stored", rc);
	if (rc > 0)
		publish(daemon);
	if (next <= now_s && mw_daemon_now_ms() - daemon->mails_tried_ms >= MAILS_EVERY_MS) {
		daemon->mails_tried_ms = mw_daemon_now_ms();
		mw_apply_mails(&daemon->apply, daemon->mailer, now_s);
	}
}

static void upkeep(struct mw_daemon *daemon)
{
	uint64_t now = mw_daemon_now_ms();

	if (now - daemon->cursor_published_ms >= CURSOR_EVERY_MS)
		publish(daemon);
	if (now - daemon->readers_checked_ms < READERS_EVERY_MS)
		return;
	daemon->readers_checked_ms = now;
	mw_env_check_readers(&daemon->policy_env);
	mw_env_check_readers(&daemon->cases.env);
	if (daemon->events_open)
		mw_env_check_readers(&daemon->events_env);
}

static void signals(struct mw_daemon *daemon)
{
	struct signalfd_siginfo info;

	while (read(daemon->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo == SIGHUP)
			mw_daemon_reload(daemon);
		else
			daemon->stop = true;
	}
}

int mw_daemon_loop(struct mw_daemon *daemon)
{
	struct pollfd fds[MW_SERVER_CLIENTS_MAX + 8];
	bool more = false;

	while (!daemon->stop) {
		size_t at_server = 0, count = mw_server_poll(daemon->server, fds), at = count;
		int timeout = more ? 0 : EVENTS_EVERY_MS, metrics_ms = -1;

		fds[at++] = (struct pollfd){.fd = daemon->signal_fd, .events = POLLIN};
		fds[at++] = (struct pollfd){.fd = mw_mailer_fd(daemon->mailer), .events = POLLIN};
		fds[at++] =
			(struct pollfd){.fd = mw_rules_job_fd(daemon->ctl.rules), .events = POLLIN};
		if (daemon->metrics != NULL) {
			fds[at++] = (struct pollfd){
				.fd = mw_metrics_fd(daemon->metrics), .events = POLLIN};
			metrics_ms = mw_metrics_timeout_ms(daemon->metrics);
		}
		if (metrics_ms >= 0 && metrics_ms < timeout)
			timeout = metrics_ms;
		if (poll(fds, at, timeout) < 0 && errno != EINTR) {
			mw_log(MW_LOG_ERROR, "cannot wait: %s", strerror(errno));
			return 1;
		}
		signals(daemon);
		mw_server_run(daemon->server, fds + at_server, count, mw_daemon_now_ms(),
			mw_daemon_now_s());
		mw_rules_job_run(
			daemon->ctl.rules, &daemon->ctl, daemon->server, mw_daemon_now_s());
		timers(daemon);
		more = ingest(daemon);
		mails(daemon);
		if (daemon->metrics != NULL)
			mw_metrics_run(daemon->metrics);
		upkeep(daemon);
	}
	return 0;
}
