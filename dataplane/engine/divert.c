/*
 * The way through the gateway. A diverted connection is one like any other to the rest of the lane;
 * only what lies in front of its IP header is exchanged where its packets leave and enter, so that
 * its far side is the gateway's port. What is kept of it is the layer 2 header of the way back to
 * the client.
 *
 * The gateway itself is a host of the outside link whose cable runs through us: what else it sends
 * goes there as it is, and what is sent to its MAC, or asks for its addresses, goes to it.
 */
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "dataplane/proto/icmp.h"

#define ETHERTYPE_VLAN 0x8100
#define PROTO_ICMPV6   58

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static const struct mw_divert_settings *settings_of(const struct mw_lane *lane)
{
	return &lane->snapshot->settings.divert;
}

/* --- layer 2 --- */

/* In front of what goes to the gateway. Octets written, MW_LINK_HEADER_MAX at most. */
static uint32_t label_for_gateway(const struct mw_lane *lane, bool v6, uint8_t *out)
{
	return mw_link_write(out, lane->gateway.mac, lane->config.divert_mac,
		lane->snapshot != NULL ? settings_of(lane)->vlan : 0,
		v6 ? MW_LINK_IPV6 : MW_LINK_IPV4);
}

/* The packet gets another layer 2 header in place of its first `old_len` octets. False: there is no
 * room for it in front. */
static bool relabel(
	struct mw_packet *packet, uint32_t old_len, const uint8_t *label, uint32_t label_len)
{
	if (label_len > old_len && label_len - old_len > packet->headroom)
		return false;
	packet->data = packet->data + old_len - label_len;
	packet->len = packet->len - old_len + label_len;
	packet->wire_len = packet->wire_len - old_len + label_len;
	packet->headroom = packet->headroom + old_len - label_len;
	packet->relabelled = (uint8_t)label_len;
	memcpy(packet->data, label, label_len);
	return true;
}

static bool to_gateway(const struct mw_lane *lane, struct mw_packet *packet, uint32_t l3, bool v6)
{
	uint8_t label[MW_LINK_HEADER_MAX];

	return relabel(packet, l3, label, label_for_gateway(lane, v6, label));
}

static bool to_client(const struct mw_flow *flow, struct mw_packet *packet, uint32_t l3, bool v6)
{
	if (!relabel(packet, l3, flow->l2, flow->l2_len))
		return false;
	mw_layer2_fit(packet->data, flow->l2_len, v6);
	return true;
}

void mw_divert_transmit(struct mw_lane *lane, const uint8_t *frame, uint32_t len)
{
	struct mw_layer2 l2;
	bool v6 = mw_layer2_parse(frame, len, &l2) == MW_LAYER2_IPV6;
	uint32_t at = label_for_gateway(lane, v6, lane->labelled);

	memcpy(lane->labelled + at, frame + l2.l3, len - l2.l3);
	lane->sink.transmit(lane->sink.ctx, MW_PORT_DIVERT, lane->labelled, at + len - l2.l3);
}

/* --- whose frame is it? --- */

#define SOLICITATION  135 /* RFC 4861, 4.3 */
#define ADVERTISEMENT 136

/* What a frame says about addresses: an ARP message (RFC 826), or neighbour discovery. */
struct asks {
	const uint8_t *arp; /* one of the two, or none */
	const uint8_t *ipv6;
};

static struct asks asks_of(const uint8_t *p, uint32_t len)
{
	struct asks asks = {NULL, NULL};
	uint32_t at = 12;

	while (at + 4 <= len && be16(p + at) == ETHERTYPE_VLAN)
		at += 4;
	if (at + 2 + 28 <= len && be16(p + at) == MW_LINK_ARP)
		asks.arp = p + at + 2;
	else if (at + 2 + 40 + 24 <= len && be16(p + at) == MW_LINK_IPV6 &&
		 p[at + 2 + 6] == PROTO_ICMPV6)
		asks.ipv6 = p + at + 2;
	return asks;
}

/* Does a broadcast or multicast of the outside ask for one of the gateway's addresses? */
static bool asks_for_gateway(const struct mw_lane *lane, const uint8_t *p, uint32_t len)
{
	const struct mw_divert_settings *divert = settings_of(lane);
	struct asks asks = asks_of(p, len);

	if (asks.arp != NULL)
		return mw_ip_is_v4(&divert->gateway_v4) && be16(asks.arp + 6) == 1 &&
		       memcmp(asks.arp + 24, divert->gateway_v4.octet + 12, 4) == 0;
	return asks.ipv6 != NULL && asks.ipv6[40] == SOLICITATION &&
	       memcmp(asks.ipv6 + 48, divert->gateway_v6.octet, 16) == 0;
}

/* Would it tell the gateway that one of our addresses on its link is somebody else's? We are on
 * that link, nobody behind another port is: the check would be answered to him, and fail. */
static bool speaks_for_us(const struct mw_lane *lane, const uint8_t *p, uint32_t len)
{
	const struct mw_divert_settings *divert = settings_of(lane);
	struct asks asks = asks_of(p, len);

	if (asks.arp != NULL)
		return mw_ip_is_v4(&divert->address_v4) &&
		       memcmp(asks.arp + 14, divert->address_v4.octet + 12, 4) == 0;
	if (asks.ipv6 == NULL || mw_ip_is_none(&divert->address_v6))
		return false;
	if (asks.ipv6[40] != SOLICITATION && asks.ipv6[40] != ADVERTISEMENT)
		return false;
	return memcmp(asks.ipv6 + (asks.ipv6[40] == SOLICITATION ? 8 : 48),
		       divert->address_v6.octet, 16) == 0;
}

static uint8_t to_its_port(const struct mw_lane *lane, const uint8_t *p, uint32_t len)
{
	return speaks_for_us(lane, p, len) ? MW_PORT_COUNT : MW_PORT_DIVERT;
}

uint8_t mw_divert_across(
	const struct mw_lane *lane, uint8_t port_in, const uint8_t *p, uint32_t len)
{
	if (len < 14 || !lane->gateway.configured || lane->snapshot == NULL)
		return port_in == MW_PORT_DIVERT   ? MW_PORT_COUNT
		       : port_in == MW_PORT_INSIDE ? MW_PORT_OUTSIDE
						   : MW_PORT_INSIDE;
	if (port_in == MW_PORT_DIVERT)
		return memcmp(p, lane->config.divert_mac, 6) == 0 ? MW_PORT_COUNT : MW_PORT_OUTSIDE;
	if (lane->gateway.known && memcmp(p, lane->gateway.mac, 6) == 0)
		return to_its_port(lane, p, len);
	if (port_in == MW_PORT_INSIDE)
		return MW_PORT_OUTSIDE;
	return (p[0] & 1) != 0 && asks_for_gateway(lane, p, len) ? to_its_port(lane, p, len)
								 : MW_PORT_INSIDE;
}

/* Does a frame of the divert port, of these tags, come from the link that the gateway is on?
 * Another VLAN on that cable is another link. */
bool mw_divert_on_link(const struct mw_lane *lane, uint16_t vlan_outer, uint16_t vlan_inner)
{
	return lane->snapshot == NULL || (vlan_outer == settings_of(lane)->vlan && vlan_inner == 0);
}

/* --- connections --- */

bool mw_divert_is_gateway(const struct mw_lane *lane, const struct mw_ip *ip)
{
	return mw_ip_eq(ip, &settings_of(lane)->gateway_v4) ||
	       mw_ip_eq(ip, &settings_of(lane)->gateway_v6);
}

bool mw_divert_ready(const struct mw_lane *lane)
{
	return lane->gateway.up && lane->config.divert_mtu > 0;
}

struct mw_flow_key mw_divert_key(const struct mw_flow_key *key)
{
	struct mw_flow_key bare = *key;

	bare.vlan_outer = bare.vlan_inner = 0; /* the gateway's answer has none of the client's */
	return bare;
}

struct mw_flow *mw_divert_find(const struct mw_lane *lane, const struct mw_flow_key *key,
	uint16_t vlan_outer, uint16_t vlan_inner)
{
	struct mw_flow_key bare = mw_divert_key(key);
	struct mw_flow *flow = mw_flow_find(&lane->flows, &bare);

	return flow != NULL && flow->diverted && flow->vlan_outer == vlan_outer &&
			       flow->vlan_inner == vlan_inner
		       ? flow
		       : NULL;
}

struct mw_flow *mw_divert_find_onward(const struct mw_lane *lane, const struct mw_flow_key *key)
{
	struct mw_flow_key bare = mw_divert_key(key);
	struct mw_flow *flow = mw_flow_find(&lane->flows, &bare);

	return flow != NULL && flow->of_gateway ? flow : NULL;
}

void mw_divert_count(struct mw_lane *lane, uint32_t customer, enum mw_reason reason)
{
	struct mw_use *use = mw_share_of(lane, customer);

	lane->counters.reason[reason]++;
	if (use == NULL)
		return;
	use->divert.diverted += reason == MW_REASON_DIVERT_BEGUN;
	use->divert.passed += reason == MW_REASON_DIVERT_PASSED;
	use->divert.put_off += reason == MW_REASON_DIVERT_PUT_OFF;
	use->divert.refused += reason == MW_REASON_DIVERT_REFUSED;
}

struct mw_flow *mw_divert_successor(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *f)
{
	struct mw_flow old = *flow;
	struct mw_line_of line = {.customer = old.customer,
		.line = old.line,
		.counted = !old.silent,
		.content = old.reason != MW_REASON_BY_CLASS};

	mw_session_remove(lane, flow);
	flow = mw_session_open(lane, &old.link.key, f, &line);
	if (flow == NULL)
		return NULL;
	flow->diverted = true;
	flow->vlan_outer = old.vlan_outer;
	flow->vlan_inner = old.vlan_inner;
	flow->l2_len = old.l2_len;
	memcpy(flow->l2, old.l2, sizeof(old.l2));
	return flow;
}

/* What the way back needs is taken from each packet of the client: his router may change. */
static void keep_way_back(
	struct mw_flow *flow, const struct mw_packet *packet, const struct mw_frame *f)
{
	struct mw_segment s;

	if (!mw_segment_answer_l2(&s, packet->data, f))
		return;
	memcpy(flow->l2, s.l2, s.l2_len);
	flow->l2_len = s.l2_len;
}

/* RFC 9293, 3.7.1: neither end may send more than the narrower link on the way carries. */
static void clamp_mss(struct mw_lane *lane, struct mw_packet *packet, struct mw_frame *f)
{
	uint32_t headers = f->v6 ? 60 : 40, most = lane->config.divert_mtu;
	uint8_t *tcp = packet->data + f->l4, *end = packet->data + f->payload;

	if ((f->flags & MW_TCP_SYN) == 0 || most <= headers + 64 || f->mss <= most - headers)
		return;
	most -= headers;
	for (uint8_t *p = tcp + 20; end - p >= 4 && *p != 0;) {
		uint32_t sum;

		if (*p == 1 || p[1] < 2) {
			p++;
			continue;
		}
		if (p[0] != 2 || p[1] != 4) {
			p += p[1];
			continue;
		}
		/* RFC 1624, equation 3; an option may begin at an odd octet. */
		sum = (uint32_t)(uint16_t)~be16(tcp + 16);
		if ((p - tcp) % 2 == 0)
			sum += (uint32_t)(uint16_t)~be16(p + 2) + most;
		else
			sum += (uint32_t)(uint16_t) ~(p[3] << 8 | p[2]) +
			       ((most & 0xff) << 8 | most >> 8);
		put16(p + 2, most);
		put16(tcp + 16, mw_checksum_fold(sum));
		f->mss = (uint16_t)most;
		lane->counters.reason[MW_REASON_MSS_CLAMPED]++;
		return;
	}
}

void mw_divert_from_client(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet, struct mw_frame *f)
{
	f->vlan_outer = f->vlan_inner = 0; /* as in the connection's key */
	packet->port_out = MW_PORT_DIVERT;
	keep_way_back(flow, packet, f);
	clamp_mss(lane, packet, f);
}

void mw_divert_to_gateway(
	const struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f)
{
	if (!packet->forward || packet->port_out != MW_PORT_DIVERT)
		return;
	if (!to_gateway(lane, packet, f->l3, f->v6))
		mw_packet_drop(packet, MW_REASON_OVERSIZE);
	else if (packet->reason == MW_REASON_INSPECTED)
		packet->reason = MW_REASON_DIVERTED;
}

bool mw_divert_from_gateway(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet, struct mw_frame *f)
{
	int32_t moved = (int32_t)flow->l2_len - f->l3;

	if (flow->l2_len == 0 || !to_client(flow, packet, f->l3, f->v6)) {
		mw_packet_drop(packet, MW_REASON_OVERSIZE);
		return false;
	}
	f->l3 = (uint16_t)(f->l3 + moved);
	f->l4 = (uint16_t)(f->l4 + moved);
	f->payload = (uint16_t)(f->payload + moved);
	f->vlan_outer = f->vlan_inner = 0;
	packet->port_out = MW_PORT_INSIDE;
	clamp_mss(lane, packet, f);
	return true;
}

/* --- the gateway's own mail --- */

void mw_divert_from_server(
	const struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *f)
{
	packet->port_out = MW_PORT_DIVERT;
	mw_packet_forward(packet, MW_REASON_GATEWAY_OWN);
	if (!to_gateway(lane, packet, f->l3, f->v6))
		mw_packet_drop(packet, MW_REASON_OVERSIZE);
}

void mw_divert_onward_seen(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *f, bool of_gateway)
{
	struct mw_half *half = of_gateway ? &flow->client : &flow->server;

	flow->last_ns = lane->now_ns;
	if (flow->state == MW_FLOW_CLOSED)
		return;
	if (!of_gateway) {
		mw_share_young_end(lane, flow);
		flow->state = MW_FLOW_OPEN;
	}
	if ((f->flags & MW_TCP_FIN) != 0)
		half->fin = half->fin_acked = true; /* from here on it need not last long */
	if ((f->flags & MW_TCP_RST) != 0 || (flow->client.fin && flow->server.fin))
		mw_session_close(lane, flow); /* its entry stays for the last packets */
}

/* In its own name it gets its answers by its MAC. In a customer's they would go to the customer:
 * such a connection is remembered. A gateway that also uses his port has the connection that was
 * diverted to it remembered already. */
void mw_divert_onward(
	struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f)
{
	static const struct mw_line_of nobody = {
		.customer = MW_NO_CUSTOMER_INDEX, .line = MW_NO_CUSTOMER_INDEX, .content = true};
	struct mw_flow_key key = {.client = f->src,
		.server = f->dst,
		.client_port = f->sport,
		.server_port = f->dport};
	struct mw_flow *flow;

	if (packet->port_out != MW_PORT_OUTSIDE || lane->snapshot == NULL ||
		!mw_port_set_has(lane->config.smtp_ports, f->dport))
		return;
	if (mw_divert_is_gateway(lane, &f->src))
		return;
	flow = mw_flow_find(&lane->flows, &key);
	if (flow != NULL && flow->of_gateway && flow->state == MW_FLOW_CLOSED &&
		(f->flags & MW_TCP_SYN) != 0) {
		mw_session_remove(lane, flow);
		flow = NULL;
	}
	if (flow == NULL && (f->flags & (MW_TCP_SYN | MW_TCP_ACK)) == MW_TCP_SYN) {
		flow = mw_session_open(lane, &key, f, &nobody);
		if (flow != NULL)
			flow->of_gateway = true;
	}
	if (flow != NULL && flow->of_gateway)
		mw_divert_onward_seen(lane, flow, f, true);
}

/* --- errors about them --- */

/* The connection of what an error quotes; NULL: none of the gateway's. From outside it is about
 * what the gateway sent in a customer's name: his own connection in his VLAN comes first. */
static const struct mw_flow *quoted(const struct mw_lane *lane, const struct mw_icmp_error *e,
	bool about_server, bool from_outside)
{
	struct mw_flow_key key;
	const struct mw_flow *flow;

	memset(&key, 0, sizeof(key));
	key.client = about_server ? e->dst : e->src;
	key.server = about_server ? e->src : e->dst;
	key.client_port = about_server ? e->dport : e->sport;
	key.server_port = about_server ? e->sport : e->dport;
	if (from_outside && e->vlan_outer != 0) {
		struct mw_flow_key tagged = key;

		tagged.vlan_outer = e->vlan_outer;
		tagged.vlan_inner = e->vlan_inner;
		if (mw_flow_find(&lane->flows, &tagged) != NULL)
			return NULL;
	}
	flow = mw_flow_find(&lane->flows, &key);
	if (flow == NULL || !(flow->diverted || (from_outside && flow->of_gateway)))
		return NULL;
	if (about_server &&
		(flow->vlan_outer != e->vlan_outer || flow->vlan_inner != e->vlan_inner))
		return NULL;
	return flow;
}

/* True: it is about a diverted connection, or about the gateway's own in a customer's name, and
 * decided. One of the customer's side is about what the gateway sent in the server's name; one of
 * the gateway's side is about what the customer sent. */
bool mw_divert_icmp(struct mw_lane *lane, struct mw_packet *packet)
{
	bool about_server = packet->port_in == MW_PORT_INSIDE;
	bool from_gateway = packet->port_in == MW_PORT_DIVERT;
	const struct mw_flow *flow;
	struct mw_icmp_error e;

	if (!lane->gateway.known || packet->joined ||
		!mw_icmp_error_parse(packet->data, packet->len, &e))
		return false;
	if (from_gateway && !mw_divert_on_link(lane, e.vlan_outer, e.vlan_inner))
		return false;
	flow = quoted(lane, &e, about_server, packet->port_in == MW_PORT_OUTSIDE);
	if (flow == NULL)
		return false;
	packet->port_out = from_gateway ? MW_PORT_INSIDE : MW_PORT_DIVERT;
	mw_packet_forward(packet, MW_REASON_ICMP_STEERED);
	if (from_gateway ? !to_client(flow, packet, e.l3, e.v6)
			 : !to_gateway(lane, packet, e.l3, e.v6))
		mw_packet_drop(packet, MW_REASON_OVERSIZE);
	return true;
}
