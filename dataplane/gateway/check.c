#include "dataplane/gateway/check.h"

#include "common/base/time.h"

#define WINDOW	     4096
#define MSS_V4	     536 /* what every link carries (RFC 9293, 3.7.1): a greeting needs no more */
#define MSS_V6	     1220
#define SYN_AGAIN_NS MW_NS_PER_S
#define CLOSE_NS     (2 * MW_NS_PER_S) /* for QUIT, its answer and the last FIN */

static const char quit[] = "QUIT\r\n";

void mw_check_init(struct mw_check *c)
{
	memset(c, 0, sizeof(*c));
	c->deadline_ns = c->again_ns = UINT64_MAX;
}

static void put(struct mw_check *c, const struct mw_segment *segment, struct mw_span payload,
	const struct mw_gateway_sink *sink)
{
	uint32_t len = mw_segment_write(segment, payload, c->frame, sizeof(c->frame));

	if (len > 0)
		sink->transmit(sink->ctx, c->frame, mw_link_pad(c->frame, len));
}

static void say(struct mw_check *c, uint8_t flags, struct mw_span payload,
	const struct mw_gateway_sink *sink)
{
	c->head.flags = flags;
	put(c, &c->head, payload, sink);
	c->head.seq += (uint32_t)payload.len + ((flags & (MW_TCP_SYN | MW_TCP_FIN)) != 0);
}

static void acknowledge(struct mw_check *c, const struct mw_gateway_sink *sink)
{
	say(c, MW_TCP_ACK, mw_span_of(NULL, 0), sink);
}

static void rest(struct mw_check *c)
{
	c->state = MW_CHECK_IDLE;
	c->deadline_ns = c->again_ns = UINT64_MAX;
}

void mw_check_abandon(struct mw_check *c, const struct mw_gateway_sink *sink)
{
	/* To a SYN without answer there is no connection to reset yet. */
	if (c->state > MW_CHECK_SYN_SENT)
		say(c, MW_TCP_RST | MW_TCP_ACK, mw_span_of(NULL, 0), sink);
	rest(c);
}

void mw_check_start(struct mw_check *c, uint64_t now_ns, const struct mw_segment *head,
	uint32_t first_number, uint64_t timeout_ns, const struct mw_gateway_sink *sink)
{
	mw_check_abandon(c, sink);
	c->head = *head;
	c->head.seq = c->unacked = first_number;
	c->head.ack = 0;
	c->head.window = WINDOW;
	c->head.mss = head->v6 ? MSS_V6 : MSS_V4;
	c->state = MW_CHECK_SYN_SENT;
	c->deadline_ns = now_ns + timeout_ns;
	c->again_ns = now_ns + (timeout_ns / 2 < SYN_AGAIN_NS ? timeout_ns / 2 : SYN_AGAIN_NS);
	c->peer_closed = c->more = false;
	c->greeting = 0;
	c->column = 0;
	say(c, MW_TCP_SYN, mw_span_of(NULL, 0), sink);
}

/* Our side is done: FIN, and what is left is the peer's. */
static void finish(struct mw_check *c, uint64_t now_ns, const struct mw_gateway_sink *sink)
{
	say(c, MW_TCP_FIN | MW_TCP_ACK, mw_span_of(NULL, 0), sink);
	c->state = MW_CHECK_CLOSING;
	c->deadline_ns = now_ns + CLOSE_NS;
}

enum mw_gateway_why mw_check_poll(
	struct mw_check *c, uint64_t now_ns, const struct mw_gateway_sink *sink)
{
	enum mw_check_state was = c->state;

	if (now_ns >= c->deadline_ns) {
		if (was == MW_CHECK_REST)
			finish(c, now_ns, sink); /* greeted it has; its last line is its affair */
		else
			mw_check_abandon(c, sink);
		return was == MW_CHECK_SYN_SENT	  ? MW_GATEWAY_NO_SYN_ACK
		       : was == MW_CHECK_GREETING ? MW_GATEWAY_NO_GREETING
						  : MW_GATEWAY_NOT_YET;
	}
	if (now_ns >= c->again_ns) {
		c->again_ns = UINT64_MAX;
		c->head.seq--;
		say(c, MW_TCP_SYN, mw_span_of(NULL, 0), sink);
	}
	return MW_GATEWAY_NOT_YET;
}

enum line { LINE_GOES_ON, LINE_MORE, LINE_LAST, LINE_BAD };

/* One octet of the greeting (RFC 5321, 4.2): 220, then a blank or nothing in its last line, a
 * hyphen in the others. */
static enum line greeting_octet(struct mw_check *c, uint8_t octet)
{
	if (c->greeting++ >= MW_CHECK_GREETING_MAX)
		return LINE_BAD;
	if (c->column < 3)
		return octet == "220"[c->column++] ? LINE_GOES_ON : LINE_BAD;
	if (c->column == 3) {
		if (octet != '-' && octet != ' ' && octet != '\r' && octet != '\n')
			return LINE_BAD;
		c->more = octet == '-';
		c->column++;
	}
	if (octet != '\n')
		return LINE_GOES_ON;
	c->column = 0;
	return c->more ? LINE_MORE : LINE_LAST;
}

static enum mw_gateway_why read_greeting(struct mw_check *c, uint64_t now_ns, struct mw_span octets,
	const struct mw_gateway_sink *sink)
{
	enum mw_gateway_why result = MW_GATEWAY_NOT_YET;

	for (size_t i = 0; i < octets.len; i++) {
		enum line line = greeting_octet(c, octets.data[i]);

		if (line == LINE_GOES_ON)
			continue;
		if (line == LINE_BAD && c->state == MW_CHECK_GREETING) {
			mw_check_abandon(c, sink);
			return MW_GATEWAY_BAD_GREETING;
		}
		if (c->state == MW_CHECK_GREETING)
			result = MW_GATEWAY_FINE;
		c->state = MW_CHECK_REST;
		if (line == LINE_MORE)
			continue;
		if (line == LINE_BAD) {
			finish(c, now_ns, sink);
			return result;
		}
		say(c, MW_TCP_PSH | MW_TCP_ACK, mw_span_str(quit), sink);
		c->state = MW_CHECK_QUIT;
		c->deadline_ns = now_ns + CLOSE_NS;
		return result;
	}
	acknowledge(c, sink);
	return result;
}

/* What the peer has sent in order; `closed`: and it sends no more. */
static enum mw_gateway_why take(struct mw_check *c, uint64_t now_ns, struct mw_span octets,
	bool closed, const struct mw_gateway_sink *sink)
{
	enum mw_gateway_why result = MW_GATEWAY_NOT_YET;

	c->head.ack += (uint32_t)octets.len + closed;
	c->peer_closed |= closed;
	switch (c->state) {
	case MW_CHECK_GREETING:
	case MW_CHECK_REST:
		result = read_greeting(c, now_ns, octets, sink);
		if (!closed || c->state == MW_CHECK_IDLE || c->state == MW_CHECK_CLOSING)
			return result;
		if (c->state == MW_CHECK_GREETING)
			result = MW_GATEWAY_NO_GREETING;
		finish(c, now_ns, sink);
		return result;
	case MW_CHECK_QUIT:
		finish(c, now_ns, sink);
		return result;
	default:
		acknowledge(c, sink);
		return result;
	}
}

static enum mw_gateway_why syn_sent(struct mw_check *c, const struct mw_frame *f, bool acks_us)
{
	if ((f->flags & MW_TCP_RST) != 0) {
		if (!acks_us)
			return MW_GATEWAY_NOT_YET; /* RFC 9293, 3.10.7.3: anybody could say that */
		rest(c);
		return MW_GATEWAY_REFUSED;
	}
	if (acks_us && (f->flags & MW_TCP_SYN) != 0) {
		c->state = MW_CHECK_GREETING;
		c->again_ns = UINT64_MAX;
		c->unacked = f->ack;
		c->head.mss = 0;
		c->head.ack = f->seq + 1;
	}
	return MW_GATEWAY_NOT_YET;
}

static void reset_stranger(struct mw_check *c, const uint8_t *data, const struct mw_frame *f,
	const struct mw_gateway_sink *sink)
{
	struct mw_segment s;

	if (!mw_segment_reset(&s, data, f))
		return;
	s.ttl = 64;
	put(c, &s, mw_span_of(NULL, 0), sink);
}

static bool is_ours(const struct mw_check *c, const struct mw_frame *f)
{
	return c->state != MW_CHECK_IDLE && f->sport == c->head.dport &&
	       f->dport == c->head.sport && mw_ip_eq(&f->src, &c->head.dst) &&
	       mw_ip_eq(&f->dst, &c->head.src);
}

/* A reset counts at the very octet we expect (RFC 5961, 3.2). */
static enum mw_gateway_why was_reset(struct mw_check *c)
{
	enum mw_gateway_why result =
		c->state == MW_CHECK_GREETING ? MW_GATEWAY_NO_GREETING : MW_GATEWAY_NOT_YET;

	rest(c);
	return result;
}

enum mw_gateway_why mw_check_segment(struct mw_check *c, uint64_t now_ns, const uint8_t *data,
	const struct mw_frame *f, const struct mw_gateway_sink *sink)
{
	bool fin = (f->flags & MW_TCP_FIN) != 0;
	enum mw_gateway_why result;
	uint32_t before;

	if (!is_ours(c, f)) {
		reset_stranger(c, data, f, sink);
		return MW_GATEWAY_NOT_YET;
	}
	if (c->state == MW_CHECK_SYN_SENT) {
		bool acks_us = (f->flags & MW_TCP_ACK) != 0 && f->ack == c->head.seq;

		if (!acks_us && (f->flags & MW_TCP_ACK) != 0)
			reset_stranger(c, data, f, sink); /* of an older connection */
		result = syn_sent(c, f, acks_us);
		if (c->state != MW_CHECK_GREETING)
			return result;
		/* Octets that come with the SYN are sent again (RFC 9293, 3.10.7.3 allows it). */
		acknowledge(c, sink);
		return result;
	}
	before = c->head.ack - f->seq; /* octets of the segment that we have already */
	if ((f->flags & MW_TCP_RST) != 0)
		return before == 0 ? was_reset(c) : MW_GATEWAY_NOT_YET;
	if ((f->flags & MW_TCP_ACK) == 0)
		return MW_GATEWAY_NOT_YET;
	if ((f->flags & MW_TCP_SYN) != 0) {
		acknowledge(c, sink); /* a challenge: RFC 9293, 3.10.7.4 */
		return MW_GATEWAY_NOT_YET;
	}
	if (f->ack - c->unacked <= c->head.seq - c->unacked)
		c->unacked = f->ack;
	/* Nothing new, or a gap in front of it: said again what we have. */
	if (before > f->payload_len || (before > 0 && before == f->payload_len && !fin)) {
		acknowledge(c, sink);
		return MW_GATEWAY_NOT_YET;
	}
	result = MW_GATEWAY_NOT_YET;
	if (!c->peer_closed && (f->payload_len > before || fin))
		result = take(c, now_ns,
			mw_span_of(data + f->payload + before, f->payload_len - before), fin, sink);
	if (c->state == MW_CHECK_CLOSING && c->peer_closed && c->unacked == c->head.seq)
		rest(c);
	return result;
}

uint64_t mw_check_due(const struct mw_check *c)
{
	return c->again_ns < c->deadline_ns ? c->again_ns : c->deadline_ns;
}
