/*
 * What the lane may not do: a frame of its own that does not fit what both ends know, a packet that
 * goes on with anything changed but what cutting it takes.
 */
#include "tests/engine/host.h"

#include "dataplane/proto/checksum.h"

void net_blame(struct net *net, const char *what)
{
	if (net->broken == NULL)
		net->broken = what;
}

/* How far the client may send by what it has been told, counted from its first octet. */
static uint32_t edge_told(const struct net *net, const struct mw_frame *f)
{
	const struct net_peer *server = &net->peer[NET_SERVER];

	return f->ack - net->peer[NET_CLIENT].isn - 1 + ((uint32_t)f->window << server->shift);
}

/* What the server itself tells the client: the lane, in its place, may not fall behind it. */
static void note_told(struct net *net, const struct mw_frame *f)
{
	if ((f->flags & MW_TCP_RST) != 0 || (f->flags & MW_TCP_ACK) == 0)
		return;
	if (f->has_ts && (!net->ts_seen || (int32_t)(f->tsval - net->ts_told) > 0))
		net->ts_told = f->tsval;
	net->ts_seen |= f->has_ts;
	if ((f->flags & MW_TCP_SYN) != 0)
		return;
	if (!net->edge_known || (int32_t)(edge_told(net, f) - net->edge) > 0)
		net->edge = edge_told(net, f);
	net->edge_known = true;
}

/* A frame of the lane's own. */
void net_judge_made(struct net *net, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;

	if (mw_frame_parse(frame, len, len, &f) != MW_FRAME_TCP ||
		!mw_checksum_tcp_good(frame, &f)) {
		net_blame(net, "a frame that is none");
		return;
	}
	if (header_ecn(frame, &f) != 0 || (f.flags & (MW_TCP_ECE | MW_TCP_CWR)) != 0)
		net_blame(net, "a packet of the lane's takes part in ECN");
	if (port != MW_PORT_INSIDE || (f.flags & (MW_TCP_RST | MW_TCP_SYN)) != 0)
		return;
	if ((f.flags & MW_TCP_ACK) == 0)
		net_blame(net, "no acknowledgement in a reply of the lane's");
	if (f.window == 0)
		net_blame(net, "the window is closed in a reply of the lane's");
	if (net->edge_known && (int32_t)(edge_told(net, &f) - net->edge) < 0)
		net_blame(net, "the window's right edge has moved back");
	if (net->ts_seen && (!f.has_ts || (int32_t)(f.tsval - net->ts_told) < 0))
		net_blame(net, "the server's timestamps have gone back");
}

/* A packet that goes on: of its headers nothing is the lane's to change, but what cutting it takes.
 */
void net_judge_forwarded(struct net *net, const uint8_t *frame, uint32_t len, bool of_server,
	const struct mw_packet *packet)
{
	const uint8_t cut = MW_TCP_FIN | MW_TCP_PSH | MW_TCP_URG;
	struct mw_frame a, b;

	if (mw_frame_parse(frame, len, len, &a) != MW_FRAME_TCP ||
		mw_frame_parse(packet->data, packet->len, packet->len, &b) != MW_FRAME_TCP ||
		!mw_checksum_tcp_good(packet->data, &b)) {
		net_blame(net, "a packet was spoilt");
		return;
	}
	if (of_server)
		note_told(net, &b);
	if ((a.flags & MW_TCP_RST) != 0) /* written anew, so that it is heard */
		return;
	if (header_ecn(frame, &a) != header_ecn(packet->data, &b))
		net_blame(net, "the ECN field was changed");
	if ((a.flags & (uint8_t)~cut) != (b.flags & (uint8_t)~cut) ||
		(b.flags & (uint8_t)~a.flags) != 0)
		net_blame(net, "flags were changed");
	if (a.ack != b.ack || a.window != b.window || a.payload != b.payload ||
		memcmp(frame + a.l4 + 20, packet->data + b.l4 + 20, a.payload - a.l4 - 20u) != 0)
		net_blame(net, "acknowledgement, window or options were changed");
	if (a.payload_len < b.payload_len ||
		((b.flags & MW_TCP_FIN) != 0 && a.seq + a.payload_len != b.seq + b.payload_len))
		net_blame(net, "a FIN has moved");
}
