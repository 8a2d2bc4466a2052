/*
 * Which lane a frame belongs to: both directions of a connection, its fragments and the errors
 * about it, to the same one.
 */
#include "dataplane/engine/quick.h"
#include "dataplane/flow/fragments.h"
#include "dataplane/flow/table.h"
#include "dataplane/proto/frame.h"
#include "dataplane/proto/icmp.h"

/* Of fragments that have no ports: where all of a packet's meet. */
static uint16_t collector(uint64_t key, const uint8_t *frame, uint32_t len, uint16_t lanes)
{
	struct mw_fragment g;

	if (!mw_fragment_parse(frame, len, &g))
		return MW_LANE_ANY;
	return (uint16_t)((mw_fragments_hash(key, &g) >> 32) % lanes);
}

struct end {
	struct mw_ip ip;
	uint16_t port;
};

static uint16_t of_connection(
	uint64_t key, const struct end *a, const struct end *b, uint16_t lanes)
{
	struct {
		struct mw_ip ip[2];
		uint16_t port[2];
	} both;
	int first = memcmp(&a->ip, &b->ip, sizeof(a->ip));

	if (first == 0)
		first = (int)a->port - (int)b->port;
	memset(&both, 0, sizeof(both));
	both.ip[first > 0] = a->ip;
	both.ip[first <= 0] = b->ip;
	both.port[first > 0] = a->port;
	both.port[first <= 0] = b->port;
	return (uint16_t)((mw_flow_hash(key, &both, sizeof(both)) >> 32) % lanes);
}

/* An error goes where the packets go that it is about. */
static uint16_t of_icmp(const struct mw_port_set *smtp_ports, uint64_t key, const uint8_t *frame,
	uint32_t len, uint16_t lanes)
{
	struct mw_icmp_error e;

	if (!mw_icmp_error_parse(frame, len, &e) ||
		(!mw_port_set_has(smtp_ports, e.sport) && !mw_port_set_has(smtp_ports, e.dport)))
		return MW_LANE_ANY;
	return of_connection(
		key, &(struct end){e.src, e.sport}, &(struct end){e.dst, e.dport}, lanes);
}

uint16_t mw_lane_owner(const struct mw_port_set *smtp_ports, uint64_t key, const uint8_t *frame,
	uint32_t len, uint16_t lanes)
{
	struct mw_frame f;

	if (mw_surely_not_smtp(smtp_ports, frame, len))
		return MW_LANE_ANY;
	switch (mw_frame_parse(frame, len, len, &f)) {
	case MW_FRAME_TCP:
		break;
	case MW_FRAME_FRAGMENT:
		return collector(key, frame, len, lanes);
	case MW_FRAME_OTHER:
		return of_icmp(smtp_ports, key, frame, len, lanes);
	default:
		return MW_LANE_ANY;
	}
	if (!mw_port_set_has(smtp_ports, f.sport) && !mw_port_set_has(smtp_ports, f.dport))
		return MW_LANE_ANY;
	return of_connection(
		key, &(struct end){f.src, f.sport}, &(struct end){f.dst, f.dport}, lanes);
}
