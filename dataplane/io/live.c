/*
 * The order matters: the policy is loaded before a port comes up, so that no packet of a refused
 * customer slips through at start; lanes end before the agent, so that their last events are
 * written. On a failure everything made so far is taken down in reverse.
 */
#include "dataplane/io/live.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "dataplane/agent/agent.h"
#include "dataplane/io/eal.h"
#include "dataplane/io/key.h"
#include "dataplane/io/lanes.h"
#include "dataplane/io/pool.h"
#include "dataplane/io/rig.h"
#include "dataplane/io/rules.h"
#include "dataplane/io/say.h"
#include "dataplane/io/watch.h"

struct live {
	const struct mw_io_options *options;
	struct mw_io_plan plan;
	struct mw_clock clock;
	struct mw_io_rules_config rules;
	struct mw_agent *agent;
	struct mw_io_rig rig;
	struct mw_io_lanes lanes;
	struct mw_io_watch watch;
	bool eal, running;
	char error[1024];
};

/* A stop signal that came within `ms`, or 0. */
static int stop_signal(long ms)
{
	struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sig = sigtimedwait(&set, NULL, &ts);
	return sig > 0 ? sig : 0;
}

/* 0, 1 when a signal came while waiting, or negative errno. */
static int load_policy(struct live *live)
{
	struct mw_agent_config config = {.state_dir = live->options->state_dir};
	bool told = false;

	live->rules.lanes = live->plan.lanes;
	live->rules.messages = live->options->flows ? live->options->flows / 64 : 1024;
	if (live->rules.messages < 64)
		live->rules.messages = 64;
	config.publish.lanes = (uint16_t)(live->plan.lanes + 1); /* the last is the watch */
	config.publish.rules = mw_io_rules_ops(&live->rules);
	for (;;) {
		int rc = mw_agent_load_first(
			&live->agent, &config, live->error, sizeof(live->error));

		if (rc == 0) {
			live->rig.shared.publish = mw_agent_publish(live->agent);
			mw_io_watch_begin(&live->watch, live->rig.shared.publish, live->plan.lanes);
			return 0;
		}
		if (rc != -ENOENT)
			return rc;
		if (!told)
			mw_io_say("waiting for the control plane: %s has no policy yet",
				live->options->state_dir);
		told = true;
		if (stop_signal(200) != 0)
			return 1;
	}
}

static int open_ports(struct live *live)
{
	live->rig.shared.pool = mw_io_pool_make(&live->plan, live->error, sizeof(live->error));
	if (!live->rig.shared.pool)
		return -ENOMEM;
	for (uint8_t role = 0; role < MW_IO_ROLES; role++) {
		int rc;

		if (!live->options->device[role])
			continue;
		rc = mw_io_port_open(&live->rig.port[role], role, live->options, &live->plan,
			live->rig.shared.pool, stderr, live->error, sizeof(live->error));
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int make_lanes(struct live *live)
{
	uint64_t key = 0;
	int rc;

	rc = mw_io_key_load(live->options->state_dir, &key, live->error, sizeof(live->error));
	if (rc != 0)
		return rc;
	mw_clock_start(&live->clock);
	live->rig.shared.clock = &live->clock;
	rc = mw_io_rig_make(&live->rig, &live->plan, live->options->ring_entries, live->error,
		sizeof(live->error));
	if (rc != 0)
		return rc;
	mw_io_lanes_configure(
		&live->lanes, live->options, &live->watch.settings, live->watch.customers, key);
	rc = mw_io_lanes_make(&live->lanes, &live->rig, live->rig.port[MW_PORT_INSIDE].mtu,
		live->error, sizeof(live->error));
	for (uint16_t i = 0; rc == 0 && i < live->plan.lanes; i++)
		live->rig.worker[i]->events = mw_agent_ring(live->agent, i);
	return rc;
}

static int start(struct live *live)
{
	int rc;

	rc = mw_io_plan_make(live->options, &live->plan, live->error, sizeof(live->error));
	if (rc == 0)
		rc = mw_eal_start(live->options, &live->plan, live->error, sizeof(live->error));
	live->eal = rc == 0;
	if (rc == 0)
		rc = load_policy(live);
	if (rc == 0)
		rc = open_ports(live);
	if (rc == 0)
		rc = make_lanes(live);
	if (rc != 0)
		return rc;
	mw_io_say_budget(&live->plan, &live->rig, &live->lanes);
	rc = mw_agent_start(live->agent);
	if (rc != 0) {
		snprintf(live->error, sizeof(live->error), "cannot start the agent's threads: %s",
			strerror(-rc));
		return rc;
	}
	rc = mw_io_rig_launch(&live->rig);
	if (rc != 0) {
		snprintf(live->error, sizeof(live->error), "cannot start the lanes: %s",
			strerror(-rc));
		return rc;
	}
	live->running = true;
	live->watch.rig = &live->rig;
	return 0;
}

static void stop(struct live *live)
{
	if (live->running) {
		mw_io_rig_stop(&live->rig);
		mw_io_say_summary(&live->rig);
		if (live->watch.lanes.stalls > 0)
			mw_io_say("lanes stood still %" PRIu64 " times", live->watch.lanes.stalls);
	}
	if (live->agent)
		mw_agent_stop(live->agent);
	mw_io_rig_free(&live->rig);
	mw_io_lanes_free(&live->lanes);
	for (int role = 0; role < MW_IO_ROLES; role++)
		mw_io_port_close(&live->rig.port[role]);
	if (live->eal)
		mw_eal_stop();
}

int mw_io_live(const struct mw_io_options *options)
{
	static struct live live; /* large, and one is all there is */
	uint64_t waited_s = 0;
	int rc, sig = 0;

	live.options = options;
	memcpy(live.watch.device, options->device, sizeof(live.watch.device));
	rc = start(&live);
	if (rc != 0) {
		if (rc < 0)
			mw_io_say("%s", live.error);
		stop(&live);
		return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
	puts("ready");
	fflush(stdout);
	sd_notify(0, "READY=1");
	while ((sig = stop_signal(1000)) == 0) {
		if (options->seconds && ++waited_s >= options->seconds)
			break;
		if (mw_io_watch_turn(&live.watch, mw_clock_now(&live.clock)))
			sd_notify(0, "WATCHDOG=1"); /* else the service manager loses patience */
	}
	sd_notify(0, "STOPPING=1");
	mw_io_say("stopping: %s", sig ? strsignal(sig) : "the time asked for is over");
	stop(&live);
	return EXIT_SUCCESS;
}
