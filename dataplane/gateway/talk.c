/*
 * What the keeper says and hears on the link: ARP and neighbour discovery in both directions, pings
 * answered, segments handed to the check.
 */
#include "dataplane/gateway/arp.h"
#include "dataplane/gateway/echo.h"
#include "dataplane/gateway/internal.h"
#include "dataplane/gateway/ndp.h"
#include "dataplane/proto/checksum.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* --- saying --- */

/* Sends what lies behind the header of g->frame, which is written by this. */
static void emit(struct mw_gateway *g, const uint8_t to[6], uint16_t type, const uint8_t *octets,
	uint32_t len)
{
	uint32_t head = mw_link_write(g->frame, to, g->config.mac, g->settings.vlan, type);

	memcpy(g->frame + head, octets, len);
	g->config.sink.transmit(g->config.sink.ctx, g->frame, mw_link_pad(g->frame, head + len));
}

/* `target_mac` NULL: not known. */
static void say_arp(struct mw_gateway *g, uint16_t operation, const uint8_t to[6],
	const uint8_t *target_mac, const struct mw_ip *target)
{
	struct mw_arp arp = {
		.operation = operation, .sender = g->settings.address_v4, .target = *target};
	uint8_t octets[MW_ARP_BYTES];

	memcpy(arp.sender_mac, g->config.mac, 6);
	if (target_mac)
		memcpy(arp.target_mac, target_mac, 6);
	emit(g, to, MW_LINK_ARP, octets, mw_arp_write(&arp, octets));
}

/* `to` NULL: the group's. */
static void say_ndp(struct mw_gateway *g, const uint8_t *to, struct mw_ndp *ndp)
{
	uint8_t octets[MW_NDP_BYTES], group[6];

	ndp->src = g->settings.address_v6;
	memcpy(ndp->mac, g->config.mac, 6);
	if (!to) {
		mw_ndp_group_mac(&ndp->dst, group);
		to = group;
	}
	emit(g, to, MW_LINK_IPV6, octets, mw_ndp_write(ndp, octets));
}

static void ask(struct mw_gateway *g, enum mw_gateway_family family, const uint8_t *to)
{
	if (family == MW_GATEWAY_V4) {
		say_arp(g, MW_ARP_REQUEST, to ? to : broadcast, NULL, &g->settings.gateway_v4);
	} else {
		struct mw_ndp ndp = {.target = g->settings.gateway_v6,
			.dst = to ? g->settings.gateway_v6
				  : mw_ndp_solicited_node(&g->settings.gateway_v6)};

		say_ndp(g, to, &ndp);
	}
}

void mw_gateway_ask(struct mw_gateway *g, enum mw_gateway_family family,
	const struct mw_neighbour_questions *questions)
{
	if (questions->all)
		ask(g, family, NULL);
	for (uint8_t i = 0; i < questions->count; i++)
		ask(g, family, questions->to[i]);
}

void mw_gateway_announce(struct mw_gateway *g, enum mw_gateway_family family)
{
	struct mw_ndp ndp = {.advertisement = true,
		.override = true,
		.dst = mw_ndp_all_nodes,
		.target = g->settings.address_v6};

	if (!mw_gateway_has(g, family))
		return;
	if (family == MW_GATEWAY_V4)
		say_arp(g, MW_ARP_REQUEST, broadcast, NULL, &g->settings.address_v4);
	else
		say_ndp(g, NULL, &ndp);
}

/* --- hearing --- */

/* Another host uses our address: said again whose it is, but not for ever (RFC 5227, 2.4). */
static void conflict(struct mw_gateway *g, uint64_t now_ns, enum mw_gateway_family family)
{
	g->conflicts++;
	if (now_ns < g->defended_ns)
		return;
	g->defended_ns = now_ns + MW_GATEWAY_DEFEND_EVERY_NS;
	mw_gateway_announce(g, family);
}

static void claim(
	struct mw_gateway *g, uint64_t now_ns, enum mw_gateway_family family, const uint8_t mac[6])
{
	struct mw_neighbour_questions questions = {.count = 0};

	mw_neighbour_claim(&g->neighbour[family], now_ns, mac, &questions);
	mw_gateway_ask(g, family, &questions);
}

static bool is_own(const struct mw_gateway *g, const uint8_t mac[6])
{
	return mw_mac_eq(mac, g->config.mac);
}

/* Only what we and everybody are told can be ours to keep; from the rest one may learn. */
static bool reaches_us(const struct mw_gateway *g, const struct mw_link_frame *f)
{
	return is_own(g, f->to) || mw_mac_is_group(f->to);
}

/* RFC 826, "Packet Reception", with what RFC 5227 adds. */
static bool hear_arp(struct mw_gateway *g, uint64_t now_ns, const struct mw_link_frame *f)
{
	const struct mw_divert_settings *s = &g->settings;
	bool to_us = is_own(g, f->to);
	struct mw_arp arp;

	if (!mw_gateway_has(g, MW_GATEWAY_V4) || !mw_arp_read(f->octets, f->len, &arp) ||
		is_own(g, arp.sender_mac))
		return to_us;
	if (mw_ip_eq(&arp.sender, &s->address_v4)) {
		conflict(g, now_ns, MW_GATEWAY_V4);
		return reaches_us(g, f);
	}
	if (mw_ip_eq(&arp.sender, &s->gateway_v4)) {
		if (arp.operation == MW_ARP_REPLY && to_us && mw_ip_eq(&arp.target, &s->address_v4))
			mw_neighbour_answer(&g->neighbour[MW_GATEWAY_V4], now_ns, arp.sender_mac);
		else
			claim(g, now_ns, MW_GATEWAY_V4, arp.sender_mac);
	}
	if (!mw_ip_eq(&arp.target, &s->address_v4) || !reaches_us(g, f))
		return to_us;
	if (arp.operation == MW_ARP_REQUEST)
		say_arp(g, MW_ARP_REPLY, arp.sender_mac, arp.sender_mac, &arp.sender);
	return true;
}

/* RFC 4861, 7.2.4: to whom asked; to all when he has no address yet. */
static void advertise(struct mw_gateway *g, const struct mw_ndp *asked, const uint8_t from[6])
{
	bool nameless = mw_ip_is_none(&asked->src);
	struct mw_ndp ndp = {.advertisement = true,
		.solicited = !nameless,
		.override = true,
		.dst = nameless ? mw_ndp_all_nodes : asked->src,
		.target = g->settings.address_v6};

	say_ndp(g, nameless ? NULL : asked->has_mac ? asked->mac : from, &ndp);
}

/* RFC 4861, 7.2.5. */
static void hear_advertisement(
	struct mw_gateway *g, uint64_t now_ns, const struct mw_ndp *ndp, const uint8_t from[6])
{
	struct mw_neighbour *n = &g->neighbour[MW_GATEWAY_V6];
	/* An answer to a question that named its MAC may leave the MAC out (4.4). */
	const uint8_t *mac = ndp->has_mac			   ? ndp->mac
			     : n->known && mw_mac_eq(from, n->mac) ? from
								   : NULL;

	if (!mac || is_own(g, mac))
		return;
	if (ndp->solicited && mw_ip_eq(&ndp->dst, &g->settings.address_v6))
		mw_neighbour_answer(n, now_ns, mac);
	else if (ndp->override)
		claim(g, now_ns, MW_GATEWAY_V6, mac);
}

/* True: it is about an address of ours, and we are told. */
static bool hear_ndp(struct mw_gateway *g, uint64_t now_ns, const struct mw_datagram *d,
	const struct mw_link_frame *f)
{
	const struct mw_divert_settings *s = &g->settings;
	struct mw_ndp ndp;
	bool about_us;

	if (!mw_gateway_has(g, MW_GATEWAY_V6) || !mw_ndp_read(d, &ndp) ||
		(ndp.has_mac && is_own(g, ndp.mac)))
		return false;
	about_us = mw_ip_eq(&ndp.target, &s->address_v6);
	if (ndp.advertisement) {
		if (about_us)
			conflict(g, now_ns, MW_GATEWAY_V6);
		else if (mw_ip_eq(&ndp.target, &s->gateway_v6))
			hear_advertisement(g, now_ns, &ndp, f->from);
		return about_us && reaches_us(g, f);
	}
	if (mw_ip_eq(&ndp.src, &s->gateway_v6) && ndp.has_mac)
		claim(g, now_ns, MW_GATEWAY_V6, ndp.mac);
	about_us &= reaches_us(g, f);
	if (about_us)
		advertise(g, &ndp, f->from);
	return about_us;
}

static void hear_tcp(struct mw_gateway *g, uint64_t now_ns, const uint8_t *data, uint32_t len)
{
	struct mw_frame tcp;

	if (mw_frame_parse(data, len, len, &tcp) == MW_FRAME_TCP &&
		tcp.payload_have == tcp.payload_len && mw_checksum_tcp_good(data, &tcp))
		mw_gateway_found(g, now_ns,
			mw_check_segment(&g->check, now_ns, data, &tcp, &g->config.sink));
}

static bool is_our_address(const struct mw_divert_settings *s, const struct mw_ip *ip)
{
	return !mw_ip_is_none(ip) && (mw_ip_eq(ip, &s->address_v4) || mw_ip_eq(ip, &s->address_v6));
}

static bool hear_ip(struct mw_gateway *g, uint64_t now_ns, const struct mw_link_frame *f,
	const uint8_t *data, uint32_t len)
{
	struct mw_datagram d;
	uint8_t answer[MW_GATEWAY_FRAME_MAX - MW_LINK_HEADER_MAX];
	bool about_us, to_us = is_own(g, f->to);
	uint32_t n;

	if (!mw_datagram_read(f->octets, f->len, f->type == MW_LINK_IPV6, &d))
		return false;
	about_us = is_our_address(&g->settings, &d.dst);
	if (about_us && !reaches_us(g, f))
		return false; /* passing by on its way to somebody else's MAC */
	if (mw_ndp_is(&d))
		return hear_ndp(g, now_ns, &d, f) || about_us;
	if (!about_us || !to_us || d.fragment || !mw_datagram_intact(f->octets, d.v6))
		return about_us;
	if (d.protocol == MW_DATAGRAM_TCP) {
		hear_tcp(g, now_ns, data, len);
	} else {
		n = mw_echo_answer(&d, answer, sizeof(answer));
		if (n > 0)
			emit(g, f->from, f->type, answer, n);
	}
	return true;
}

bool mw_gateway_packet(struct mw_gateway *g, uint64_t now_ns, const uint8_t *data, uint32_t len)
{
	struct mw_link_frame f;
	bool ours;

	/* Most of what comes there is the gateway's own traffic: not looked at any further. */
	if (!mw_gateway_wants(&g->settings, g->config.mac, data, len) ||
		!mw_link_read(data, len, g->settings.vlan, &f) || !mw_mac_is_station(f.from) ||
		is_own(g, f.from))
		return false;
	switch (f.type) {
	case MW_LINK_ARP:
		ours = hear_arp(g, now_ns, &f);
		break;
	case MW_LINK_IPV4:
	case MW_LINK_IPV6:
		ours = hear_ip(g, now_ns, &f, data, len);
		break;
	default:
		return is_own(g, f.to);
	}
	mw_gateway_settle(g, now_ns);
	return ours;
}

bool mw_gateway_wants(const struct mw_divert_settings *settings, const uint8_t mac[6],
	const uint8_t *data, uint32_t len)
{
	struct mw_link_frame f;
	struct mw_datagram d;

	if (!mw_divert_configured(settings) || !mw_link_read(data, len, settings->vlan, &f))
		return false;
	if (f.type != MW_LINK_IPV4 && f.type != MW_LINK_IPV6)
		return f.type == MW_LINK_ARP || mw_mac_eq(f.to, mac);
	return mw_datagram_read(f.octets, f.len, f.type == MW_LINK_IPV6, &d) &&
	       (mw_ndp_is(&d) || is_our_address(settings, &d.dst));
}
