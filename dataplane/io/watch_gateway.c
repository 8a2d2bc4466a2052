/*
 * The antivirus gateway as an operator has to know it: there or not, why not, and what becomes of
 * mail meanwhile.
 */
#include "dataplane/gateway/gateway.h"
#include "dataplane/io/say.h"
#include "dataplane/io/watch.h"

/* What becomes of new connections while it is down. */
static const char *meanwhile(enum mw_divert_fallback fallback)
{
	switch (fallback) {
	case MW_DIVERT_LATER:
		return "are put off (4xx)";
	case MW_DIVERT_REFUSE:
		return "are refused (5xx)";
	default:
		return "go to their servers";
	}
}

static const struct mw_ip *name_of(const struct mw_divert_settings *s)
{
	return mw_ip_is_v4(&s->gateway_v4) ? &s->gateway_v4 : &s->gateway_v6;
}

static enum mw_io_gateway_told look(const struct mw_io_watch_gateway *watch,
	const struct mw_gateway_status *status, uint32_t why,
	const struct mw_divert_settings *settings, bool port)
{
	if (!mw_divert_configured(settings))
		return port ? MW_IO_GATEWAY_UNNAMED : MW_IO_GATEWAY_NOTHING;
	if (!port)
		return MW_IO_GATEWAY_NO_PORT;
	if (status->up)
		return MW_IO_GATEWAY_IS_UP;
	/* Between two findings, or before the keeper has the settings: nothing to tell yet. */
	if (!status->configured || why == MW_GATEWAY_NOT_YET || why == MW_GATEWAY_FINE)
		return watch->told == MW_IO_GATEWAY_IS_DOWN ? MW_IO_GATEWAY_IS_DOWN
							    : MW_IO_GATEWAY_NOTHING;
	return MW_IO_GATEWAY_IS_DOWN;
}

static void tell(enum mw_io_gateway_told what, const struct mw_gateway_status *status, uint32_t why,
	const struct mw_divert_settings *settings)
{
	char name[MW_IP_TEXT_MAX];
	const uint8_t *mac = status->mac;

	mw_ip_format(name_of(settings), name);
	switch (what) {
	case MW_IO_GATEWAY_NO_PORT:
		mw_io_say("the settings name an antivirus gateway (%s), but there is no port to "
			  "it: start the dataplane with --divert; meanwhile new connections under "
			  "DIVERT %s",
			name, meanwhile(settings->fallback));
		break;
	case MW_IO_GATEWAY_UNNAMED:
		mw_io_say("port divert: the settings name no antivirus gateway; nothing is led to "
			  "this port, and nothing from it is passed on");
		break;
	case MW_IO_GATEWAY_IS_DOWN:
		mw_io_say("gateway %s is down: %s; new connections under DIVERT %s", name,
			mw_gateway_why_text((enum mw_gateway_why)why),
			meanwhile(settings->fallback));
		break;
	case MW_IO_GATEWAY_IS_UP:
		mw_io_say("gateway %s is up, at %02x:%02x:%02x:%02x:%02x:%02x", name, mac[0],
			mac[1], mac[2], mac[3], mac[4], mac[5]);
		break;
	default:
		break;
	}
}

/* Another state, another gateway, another machine as gateway; another reason not too often. */
static bool is_news(const struct mw_io_watch_gateway *watch, enum mw_io_gateway_told now,
	const struct mw_gateway_status *status, uint32_t why,
	const struct mw_divert_settings *settings)
{
	if (now != watch->told)
		return true;
	switch (now) {
	case MW_IO_GATEWAY_NO_PORT:
		return !mw_ip_eq(&watch->name, name_of(settings));
	case MW_IO_GATEWAY_IS_UP:
		return !mw_ip_eq(&watch->name, name_of(settings)) ||
		       memcmp(watch->mac, status->mac, sizeof(watch->mac)) != 0;
	case MW_IO_GATEWAY_IS_DOWN:
		return !mw_ip_eq(&watch->name, name_of(settings)) ||
		       (why != watch->why && why != MW_GATEWAY_NOT_YET && why != MW_GATEWAY_FINE &&
			       watch->quiet_s >= MW_IO_GATEWAY_TOLD_S);
	default:
		return false;
	}
}

void mw_io_watch_gateway(struct mw_io_watch_gateway *watch, const struct mw_io_shared *shared,
	const struct mw_divert_settings *settings, bool port)
{
	struct mw_gateway_status status = mw_gateway_status_unpack(
		atomic_load_explicit(&shared->gateway, memory_order_relaxed));
	uint32_t why = atomic_load_explicit(&shared->gateway_why, memory_order_relaxed);
	uint32_t conflicts = atomic_load_explicit(&shared->gateway_conflicts, memory_order_relaxed);
	enum mw_io_gateway_told now = look(watch, &status, why, settings, port);

	watch->quiet_s++;
	if (is_news(watch, now, &status, why, settings)) {
		tell(now, &status, why, settings);
		watch->told = now;
		watch->name = *name_of(settings);
		watch->why = why;
		memcpy(watch->mac, status.mac, sizeof(watch->mac));
		watch->quiet_s = 0;
	}
	if (conflicts != watch->conflicts && watch->quiet_s >= MW_IO_GATEWAY_TOLD_S) {
		mw_io_say("another host on the gateway's link uses the gateway's address or ours: "
			  "%u messages of it so far",
			conflicts);
		watch->conflicts = conflicts;
		watch->quiet_s = 0;
	}
}
