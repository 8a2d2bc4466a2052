#include "dataplane/agent/agent.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"

enum { THREADS = 3 };

struct mw_agent {
	struct mw_env policy_env, events_env;
	struct mw_policy policy;
	struct mw_events events;
	struct mw_publish *publish;
	struct mw_export *export;
	uint16_t lanes;
	struct mw_event_ring *ring[MW_PUBLISH_LANES_MAX];
	pthread_t thread[THREADS];
	int threads;
};

static int make_rings(struct mw_agent *agent, uint16_t lanes, size_t size)
{
	if (lanes == 0 || lanes > MW_PUBLISH_LANES_MAX)
		return -EINVAL;
	for (uint16_t i = 0; i < lanes; i++) {
		void *memory = aligned_alloc(64, (mw_event_ring_bytes(size) + 63) & ~(size_t)63);

		if (memory == NULL)
			return -ENOMEM;
		agent->ring[i] = mw_event_ring_init(memory, size);
		if (agent->ring[i] == NULL) {
			free(memory);
			return -EINVAL;
		}
		agent->lanes++;
	}
	return 0;
}

static int open_stores(struct mw_agent *agent, const struct mw_agent_config *config, char *error,
	size_t error_size)
{
	uint64_t map = config->events_map_bytes == 0 ? UINT64_C(1) << 30 : config->events_map_bytes;
	int err = mw_env_open(&agent->policy_env, config->state_dir, MW_POLICY_ENV, MW_ENV_READER,
		0, 0, error, error_size);

	if (err != 0)
		return err;
	err = mw_policy_open(&agent->policy, &agent->policy_env);
	if (err != 0) {
		snprintf(error, error_size, "%s has no tables yet: its writer has not run",
			agent->policy_env.path);
		return err;
	}
	/* NOMETASYNC: integrity as with a full sync; a power cut may undo the last transaction,
	 * which the epoch of the sequence numbers makes visible. */
	err = mw_env_open(&agent->events_env, config->state_dir, MW_EVENTS_ENV, MW_ENV_WRITER, map,
		MDB_NOMETASYNC, error, error_size);
	if (err != 0)
		return err;
	err = mw_events_open(&agent->events, &agent->events_env);
	if (err != 0)
		snprintf(error, error_size, "cannot use %s: %s", agent->events_env.path,
			strerror(-err));
	return err;
}

static int load(struct mw_agent *agent, const struct mw_agent_config *config, char *error,
	size_t error_size)
{
	struct mw_export_config export_config = {.rings = agent->ring,
		.ring_count = config->publish.lanes,
		.interval_ms = config->export_interval_ms};
	const struct mw_publish_stats *stats;
	int err = open_stores(agent, config, error, error_size);

	if (err != 0)
		return err;
	err = make_rings(agent, config->publish.lanes,
		config->ring_bytes == 0 ? 4u << 20 : config->ring_bytes);
	if (err == 0)
		err = mw_publish_new(&agent->publish, &agent->policy, &config->publish);
	if (err != 0) {
		snprintf(error, error_size, "%u lanes, rings of %zu octets: %s",
			config->publish.lanes, config->ring_bytes, strerror(-err));
		return err;
	}
	err = mw_publish_load_first(agent->publish, error, error_size);
	if (err != 0)
		return err;
	stats = mw_publish_stats(agent->publish);
	export_config.cursor = &stats->events_cursor;
	err = mw_events_begin_after(&agent->events, atomic_load(&stats->events_cursor));
	if (err == 0)
		err = mw_export_new(&agent->export, &agent->events, &export_config);
	if (err != 0)
		snprintf(error, error_size, "cannot begin to export events: %s", strerror(-err));
	return err;
}

static void release(struct mw_agent *agent)
{
	if (agent->export != NULL)
		mw_export_free(agent->export);
	if (agent->publish != NULL)
		mw_publish_free(agent->publish);
	for (uint16_t i = 0; i < agent->lanes; i++)
		free(agent->ring[i]);
	mw_env_close(&agent->events_env);
	mw_env_close(&agent->policy_env);
	free(agent);
}

int mw_agent_load_first(
	struct mw_agent **out, const struct mw_agent_config *config, char *error, size_t error_size)
{
	struct mw_agent *agent = calloc(1, sizeof(*agent));
	int err;

	if (agent == NULL) {
		snprintf(error, error_size, "no memory for the agent");
		return -ENOMEM;
	}
	err = load(agent, config, error, error_size);
	if (err != 0) {
		release(agent);
		return err;
	}
	*out = agent;
	return 0;
}

static void stop_threads(struct mw_agent *agent)
{
	mw_publish_stop(agent->publish);
	mw_export_stop(agent->export);
	while (agent->threads > 0)
		pthread_join(agent->thread[--agent->threads], NULL);
}

int mw_agent_start(struct mw_agent *agent)
{
	const struct {
		void *(*entry)(void *);
		void *arg;
		const char *name;
	} todo[THREADS] = {
		{mw_publish_thread, agent->publish, "mw-publish"},
		{mw_publish_tables_thread, agent->publish, "mw-tables"},
		{mw_export_thread, agent->export, "mw-export"},
	};
	sigset_t all;
	sigset_t old;
	int err = 0;

	/* Signals are the main thread's business. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < THREADS && err == 0; i++) {
		err = pthread_create(&agent->thread[i], NULL, todo[i].entry, todo[i].arg);
		if (err == 0) {
			pthread_setname_np(agent->thread[i], todo[i].name);
			agent->threads++;
		}
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (err != 0)
		stop_threads(agent);
	return -err;
}

void mw_agent_stop(struct mw_agent *agent)
{
	int err;

	stop_threads(agent);
	err = mw_events_close(&agent->events);
	if (err != 0)
		mw_log(MW_LOG_WARNING, "events were not closed cleanly: %s", strerror(-err));
	release(agent);
}

struct mw_publish *mw_agent_publish(struct mw_agent *agent)
{
	return agent->publish;
}

struct mw_event_ring *mw_agent_ring(struct mw_agent *agent, uint16_t lane)
{
	return lane < agent->lanes ? agent->ring[lane] : NULL;
}

const struct mw_export_stats *mw_agent_export_stats(const struct mw_agent *agent)
{
	return mw_export_stats(agent->export);
}
