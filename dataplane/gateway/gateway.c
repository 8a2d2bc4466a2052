#include "dataplane/gateway/internal.h"

#define HOPS	   64
#define PORT_FIRST 49152u /* RFC 6335, 6: the dynamic ports */
#define PORTS	   16384u

void mw_gateway_init(struct mw_gateway *g, const struct mw_gateway_config *config)
{
	memset(g, 0, sizeof(*g));
	g->config = *config;
	mw_check_init(&g->check);
	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++)
		mw_neighbour_none(&g->neighbour[f]);
	mw_health_reset(&g->health);
	g->next_check_ns = g->due_ns = UINT64_MAX;
}

/* Do they speak of the same two hosts? What else they say is followed without beginning anew. */
static bool same_hosts(const struct mw_divert_settings *a, const struct mw_divert_settings *b)
{
	return mw_ip_eq(&a->gateway_v4, &b->gateway_v4) &&
	       mw_ip_eq(&a->gateway_v6, &b->gateway_v6) &&
	       mw_ip_eq(&a->address_v4, &b->address_v4) &&
	       mw_ip_eq(&a->address_v6, &b->address_v6) && mw_mac_eq(a->mac, b->mac) &&
	       a->vlan == b->vlan && a->check_port == b->check_port;
}

/* splitmix64's finish: numbers nobody guesses without the key (RFC 9293, 3.4.1). */
static uint64_t scatter(uint64_t key, uint64_t n)
{
	uint64_t z = key + n * 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static void begin(struct mw_gateway *g, uint64_t now_ns)
{
	static const uint8_t asked_for[6];

	mw_health_reset(&g->health);
	g->next_check_ns = UINT64_MAX;
	g->first_port = scatter(g->config.key, now_ns) % PORTS; /* another one each run */
	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++) {
		struct mw_neighbour *n = &g->neighbour[f];

		if (!g->configured || !mw_gateway_has(g, (enum mw_gateway_family)f))
			mw_neighbour_none(n);
		else if (!mw_mac_eq(g->settings.mac, asked_for))
			mw_neighbour_fix(n, g->settings.mac);
		else
			mw_neighbour_init(n, now_ns);
	}
	g->announcements = g->configured ? MW_GATEWAY_ANNOUNCE_NUM : 0;
	g->announce_ns = now_ns;
	g->defended_ns = 0;
}

void mw_gateway_set(
	struct mw_gateway *g, uint64_t now_ns, const struct mw_divert_settings *settings)
{
	bool same = same_hosts(&g->settings, settings);
	uint64_t next = now_ns + settings->check_every_ms * MW_NS_PER_MS;

	if (!same)
		mw_check_abandon(&g->check, &g->config.sink);
	g->settings = *settings;
	g->configured = mw_divert_configured(settings);
	if (!same)
		begin(g, now_ns);
	else if (g->next_check_ns != UINT64_MAX && g->next_check_ns > next)
		g->next_check_ns = next;
	mw_gateway_settle(g, now_ns);
}

static const struct mw_neighbour *known(const struct mw_gateway *g)
{
	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++) {
		if (g->neighbour[f].known)
			return &g->neighbour[f];
	}
	return NULL;
}

/* Of those that are asked. */
static bool all_silent(const struct mw_gateway *g)
{
	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++) {
		if (mw_gateway_has(g, (enum mw_gateway_family)f) && !g->neighbour[f].silent)
			return false;
	}
	return true;
}

static uint64_t earliest(const struct mw_gateway *g)
{
	uint64_t due = mw_check_due(&g->check);

	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++) {
		uint64_t n = mw_neighbour_due(&g->neighbour[f]);

		due = n < due ? n : due;
	}
	due = g->next_check_ns < due ? g->next_check_ns : due;
	return g->announcements > 0 && g->announce_ns < due ? g->announce_ns : due;
}

void mw_gateway_settle(struct mw_gateway *g, uint64_t now_ns)
{
	if (!g->configured) {
		g->due_ns = UINT64_MAX;
		return;
	}
	if (!known(g)) {
		mw_check_abandon(&g->check, &g->config.sink);
		g->next_check_ns = UINT64_MAX;
		if (g->health.up || all_silent(g))
			mw_health_lost(&g->health, MW_GATEWAY_NO_NEIGHBOUR);
	} else if (g->settings.check_port == 0) {
		if (!g->health.up)
			mw_health_good(&g->health, 1);
	} else if (g->next_check_ns == UINT64_MAX) {
		g->next_check_ns = now_ns;
	}
	g->due_ns = earliest(g);
}

void mw_gateway_found(struct mw_gateway *g, uint64_t now_ns, enum mw_gateway_why found)
{
	if (found == MW_GATEWAY_NOT_YET)
		return;
	if (found == MW_GATEWAY_FINE) {
		mw_health_good(&g->health, g->settings.rise);
		return;
	}
	mw_health_bad(&g->health, g->settings.fall, found);
	/* Perhaps it is another machine by now. */
	if (found == MW_GATEWAY_NO_SYN_ACK)
		mw_neighbour_doubt(&g->neighbour[g->checked], now_ns);
}

static void start_check(struct mw_gateway *g, uint64_t now_ns)
{
	const struct mw_divert_settings *s = &g->settings;
	bool v6 = !g->neighbour[MW_GATEWAY_V4].known;
	/* One port after the other: none comes again before all others had their turn. */
	uint32_t port = (uint32_t)((g->first_port + g->checks) % PORTS);
	struct mw_segment head = {.v6 = v6,
		.ttl = HOPS,
		.src = v6 ? s->address_v6 : s->address_v4,
		.dst = v6 ? s->gateway_v6 : s->gateway_v4,
		.sport = (uint16_t)(PORT_FIRST + port),
		.dport = s->check_port};

	g->checked = v6 ? MW_GATEWAY_V6 : MW_GATEWAY_V4;
	g->checks++;
	head.l2_len = (uint8_t)mw_link_write(head.l2, g->neighbour[g->checked].mac, g->config.mac,
		s->vlan, v6 ? MW_LINK_IPV6 : MW_LINK_IPV4);
	mw_check_start(&g->check, now_ns, &head,
		(uint32_t)scatter(g->config.key ^ now_ns, g->checks),
		s->check_timeout_ms * MW_NS_PER_MS, &g->config.sink);
	g->next_check_ns += s->check_every_ms * MW_NS_PER_MS;
	if (g->next_check_ns <= now_ns)
		g->next_check_ns = now_ns + s->check_every_ms * MW_NS_PER_MS;
}

void mw_gateway_turn(struct mw_gateway *g, uint64_t now_ns)
{
	if (!g->configured)
		return;
	for (int f = 0; f < MW_GATEWAY_FAMILIES; f++) {
		struct mw_neighbour_questions questions = {.count = 0};

		mw_neighbour_poll(&g->neighbour[f], now_ns, &questions);
		mw_gateway_ask(g, (enum mw_gateway_family)f, &questions);
	}
	mw_gateway_found(g, now_ns, mw_check_poll(&g->check, now_ns, &g->config.sink));
	mw_gateway_settle(g, now_ns);
	if (now_ns >= g->next_check_ns)
		start_check(g, now_ns);
	if (g->announcements > 0 && now_ns >= g->announce_ns) {
		g->announcements--;
		g->announce_ns = now_ns + MW_GATEWAY_ANNOUNCE_EVERY_NS;
		for (int f = 0; f < MW_GATEWAY_FAMILIES; f++)
			mw_gateway_announce(g, (enum mw_gateway_family)f);
	}
	g->due_ns = earliest(g);
}

struct mw_gateway_status mw_gateway_status(const struct mw_gateway *g)
{
	const struct mw_neighbour *n = known(g);
	struct mw_gateway_status status = {.configured = g->configured, .known = n != NULL};

	if (n)
		memcpy(status.mac, n->mac, sizeof(status.mac));
	status.up = n && g->health.up;
	return status;
}

enum mw_gateway_why mw_gateway_why(const struct mw_gateway *g)
{
	return g->health.why;
}

uint64_t mw_gateway_changes(const struct mw_gateway *g)
{
	return g->health.changes;
}

uint32_t mw_gateway_conflicts(const struct mw_gateway *g)
{
	return g->conflicts + g->neighbour[MW_GATEWAY_V4].conflicts +
	       g->neighbour[MW_GATEWAY_V6].conflicts;
}
