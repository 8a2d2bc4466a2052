/*
 * Reads the snapshot like a lane does, under a number of its own, and lets go of it at once: a
 * reader that held it for a second would keep the agent from freeing old ones.
 */
#include "dataplane/io/watch.h"

#include <string.h>

#include "dataplane/io/say.h"

static void look(
	struct mw_io_watch *watch, struct mw_policy_settings *settings, uint32_t *customers)
{
	const struct mw_snapshot *snapshot;

	mw_publish_lane_online(watch->publish, watch->reader);
	snapshot = mw_publish_snapshot(watch->publish, watch->reader);
	*settings = snapshot->settings;
	*customers = snapshot->customer_count;
	mw_publish_lane_offline(watch->publish, watch->reader);
}

void mw_io_watch_begin(struct mw_io_watch *watch, struct mw_publish *publish, uint16_t reader)
{
	watch->publish = publish;
	watch->reader = reader;
	look(watch, &watch->settings, &watch->customers);
}

/* What lanes were built with, in contrast to what they read from each snapshot. */
static bool needs_restart(const struct mw_policy_settings *a, const struct mw_policy_settings *b)
{
	return a->smtp_port_count != b->smtp_port_count ||
	       memcmp(a->smtp_ports, b->smtp_ports, sizeof(a->smtp_ports)) != 0 ||
	       a->scan_budget_us != b->scan_budget_us || a->hold_max_ms != b->hold_max_ms;
}

static void watch_settings(struct mw_io_watch *watch, const struct mw_policy_settings *now)
{
	bool differs = needs_restart(&watch->settings, now);

	if (differs && !watch->told_settings)
		mw_io_say(
			"the settings of SMTP ports, scanning budget or longest hold were changed: "
			"restart the dataplane to follow them");
	watch->told_settings = differs;
}

static void watch_ports(struct mw_io_watch *watch)
{
	for (unsigned role = 0; role < MW_IO_ROLES; role++) {
		struct mw_device device;
		char error[512] = "";
		bool gone;

		if (!watch->device[role] ||
			mw_device_kind_of(watch->device[role]) != MW_DEVICE_KERNEL)
			continue;
		gone = mw_device_look(watch->device[role], &device, error, sizeof(error)) != 0;
		if (gone && !watch->told_port[role])
			mw_io_say("port %s does not forward: %s", mw_io_role_name(role), error);
		else if (!gone && watch->told_port[role])
			mw_io_say("port %s: interface %s is back; restart the dataplane if it was "
				  "made anew",
				mw_io_role_name(role), watch->device[role]);
		watch->told_port[role] = gone;
	}
}

bool mw_io_watch_turn(struct mw_io_watch *watch, uint64_t now_ns)
{
	struct mw_policy_settings now;
	uint32_t customers;

	look(watch, &now, &customers);
	watch_settings(watch, &now);
	watch_ports(watch);
	mw_io_watch_gateway(&watch->gateway, &watch->rig->shared, &now.divert,
		watch->device[MW_PORT_DIVERT] != NULL);
	return mw_io_watch_lanes(&watch->lanes, watch->rig, now_ns);
}
