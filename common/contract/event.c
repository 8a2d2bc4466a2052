/*
 * Events ↔ octets: version, code of the kind, fields in the order written here. Reasons travel by
 * name: an index into reason.def would shift with every line added there.
 */
#include "common/contract/event.h"

#include <errno.h>

#include "common/contract/event_fields.h"

/* Each kind has a version of its own; all that ever were are read. */
enum { VERSION = 1, SESSION_VERSION = 2, LANE_VERSION = 2 };

static uint8_t version_of(enum mw_event_kind kind)
{
	return kind == MW_EVENT_SESSION ? SESSION_VERSION
	       : kind == MW_EVENT_LANE	? LANE_VERSION
					: VERSION;
}

/* Name and code on the wire; codes are never reused. */
static const struct {
	const char *name;
	uint8_t code;
} tls_hellos[] = {
	[MW_EVENT_TLS_NONE] = {"none", 1},
	[MW_EVENT_TLS_WHOLE] = {"whole", 2},
	[MW_EVENT_TLS_CUT] = {"cut", 3},
	[MW_EVENT_TLS_UNKEPT] = {"unkept", 4},
	[MW_EVENT_TLS_BAD] = {"bad", 5},
};

enum { TLS_HELLOS = sizeof(tls_hellos) / sizeof(tls_hellos[0]) };

const char *mw_event_tls_name(enum mw_event_tls tls)
{
	return (unsigned)tls < TLS_HELLOS ? tls_hellos[tls].name : "invalid";
}

static void write_tls(struct mw_writer *w, enum mw_event_tls tls)
{
	if ((unsigned)tls >= TLS_HELLOS)
		w->failed = true;
	else
		mw_write_u8(w, tls_hellos[tls].code);
}

static enum mw_event_tls read_tls(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < TLS_HELLOS; i++)
		if (tls_hellos[i].code == code)
			return (enum mw_event_tls)i;
	r->failed = true;
	return MW_EVENT_TLS_NONE;
}

/* Code on the wire of each kind; codes are never reused. */
static uint8_t kind_code(enum mw_event_kind kind)
{
	switch (kind) {
	case MW_EVENT_MESSAGE:
		return 1;
	case MW_EVENT_HAM:
		return 2;
	case MW_EVENT_SESSION:
		return 3;
	case MW_EVENT_LANE:
		return 4;
	case MW_EVENT_DIVERT:
		return 5;
	}
	return 0;
}

static enum mw_event_kind kind_of(uint8_t code)
{
	switch (code) {
	case 1:
		return MW_EVENT_MESSAGE;
	case 2:
		return MW_EVENT_HAM;
	case 3:
		return MW_EVENT_SESSION;
	case 4:
		return MW_EVENT_LANE;
	case 5:
		return MW_EVENT_DIVERT;
	default:
		return (enum mw_event_kind)0;
	}
}

static void write_ham(struct mw_writer *w, const struct mw_event_ham *h)
{
	mw_write_u64(w, h->time_us);
	mw_write_u32(w, h->customer_index);
	mw_write_u16(w, h->lane);
	mw_write_u32(w, h->ham);
}

static void read_ham(struct mw_reader *r, struct mw_event_ham *h)
{
	*h = (struct mw_event_ham){.time_us = mw_read_u64(r)};
	h->customer_index = mw_read_u32(r);
	h->lane = mw_read_u16(r);
	h->ham = mw_read_u32(r);
}

static void write_divert(struct mw_writer *w, const struct mw_event_divert *d)
{
	mw_write_u64(w, d->time_us);
	mw_write_u32(w, d->customer_index);
	mw_write_u16(w, d->lane);
	mw_write_u32(w, d->diverted);
	mw_write_u32(w, d->passed);
	mw_write_u32(w, d->put_off);
	mw_write_u32(w, d->refused);
}

static void read_divert(struct mw_reader *r, struct mw_event_divert *d)
{
	*d = (struct mw_event_divert){.time_us = mw_read_u64(r)};
	d->customer_index = mw_read_u32(r);
	d->lane = mw_read_u16(r);
	d->diverted = mw_read_u32(r);
	d->passed = mw_read_u32(r);
	d->put_off = mw_read_u32(r);
	d->refused = mw_read_u32(r);
}

static void write_anomalies(struct mw_writer *w, uint64_t anomalies)
{
	mw_write_u8(w, (uint8_t)__builtin_popcountll(anomalies));
	for (unsigned i = 0; i < 64; i++)
		if ((anomalies >> i & 1) != 0)
			mw_wire_write_reason(w, mw_reason_anomaly(i));
}

static uint64_t read_anomalies(struct mw_reader *r)
{
	unsigned count = mw_read_u8(r);
	uint64_t bits = 0;

	if (count > 64)
		r->failed = true;
	for (unsigned i = 0; i < count && !r->failed; i++) {
		enum mw_reason reason = mw_wire_read_reason(r);
		unsigned bit = mw_reason_anomaly_bit(reason);

		if (reason == MW_REASON_COUNT)
			continue;
		if (bit >= 64)
			r->failed = true;
		else
			bits |= UINT64_C(1) << bit;
	}
	return bits;
}

static void write_session(struct mw_writer *w, const struct mw_event_session *s)
{
	mw_write_u64(w, s->start_us);
	mw_write_u64(w, s->end_us);
	mw_write_u32(w, s->customer_index);
	mw_write_u16(w, s->lane);
	mw_wire_write_ip(w, &s->client);
	mw_wire_write_ip(w, &s->server);
	mw_write_u16(w, s->client_port);
	mw_write_u16(w, s->server_port);
	mw_write_u32(w, s->messages);
	mw_wire_write_reason(w, s->reason);
	write_anomalies(w, s->anomalies);
	mw_write_u64(w, s->client_bytes);
	mw_write_u64(w, s->server_bytes);
	mw_wire_write_bool(w, s->quit);
	mw_write_u32(w, s->recipients_refused);
	mw_write_u32(w, s->recipients_unknown);
	mw_write_u32(w, s->recipients_policy);
	mw_write_u32(w, s->policy_refusals);
	write_tls(w, s->tls_hello);
	mw_write_u16(w, s->tls_version);
	mw_wire_write_text(w, s->tls_server_name, sizeof(s->tls_server_name), MW_WIRE_UTF8);
}

static void read_session(struct mw_reader *r, uint8_t version, struct mw_event_session *s)
{
	*s = (struct mw_event_session){.start_us = mw_read_u64(r)};
	s->end_us = mw_read_u64(r);
	s->customer_index = mw_read_u32(r);
	s->lane = mw_read_u16(r);
	mw_wire_read_ip(r, &s->client);
	mw_wire_read_ip(r, &s->server);
	s->client_port = mw_read_u16(r);
	s->server_port = mw_read_u16(r);
	s->messages = mw_read_u32(r);
	s->reason = mw_wire_read_reason(r);
	if (s->reason == MW_REASON_COUNT)
		s->reason = MW_REASON_NONE;
	s->anomalies = read_anomalies(r);
	s->client_bytes = mw_read_u64(r);
	s->server_bytes = mw_read_u64(r);
	s->quit = mw_wire_read_bool(r);
	s->recipients_refused = mw_read_u32(r);
	if (version < 2)
		return;
	s->recipients_unknown = mw_read_u32(r);
	s->recipients_policy = mw_read_u32(r);
	s->policy_refusals = mw_read_u32(r);
	s->tls_hello = read_tls(r);
	s->tls_version = mw_read_u16(r);
	mw_wire_read_text(r, s->tls_server_name, sizeof(s->tls_server_name), MW_WIRE_UTF8);
}

/* The gauges of a lane in the order they are written; all are 64 bits wide. */
enum { GAUGES = 13 };

static void gauges_of(struct mw_event_lane *l, uint64_t *at[GAUGES])
{
	uint64_t *const all[GAUGES] = {&l->rx_packets, &l->rx_bytes, &l->tx_packets, &l->tx_bytes,
		&l->flows, &l->flows_max, &l->messages, &l->held, &l->held_ns_max, &l->scan_ns,
		&l->scanned_bytes, &l->event_drops, &l->policy_generation};

	memcpy(at, all, sizeof(all));
}

/* Only counters that are not zero are written. */
static void write_lane(struct mw_writer *w, const struct mw_event_lane *l)
{
	struct mw_event_lane copy = *l;
	uint64_t *gauge[GAUGES];
	uint16_t count = 0;

	for (unsigned i = 0; i < MW_REASON_COUNT; i++)
		count = (uint16_t)(count + (l->packets[i] != 0));
	gauges_of(&copy, gauge);
	mw_write_u64(w, l->time_us);
	mw_write_u16(w, l->lane);
	for (unsigned i = 0; i < GAUGES; i++)
		mw_write_u64(w, *gauge[i]);
	mw_write_u64(w, l->ruleset_generation);
	mw_write_u16(w, count);
	for (unsigned i = 0; i < MW_REASON_COUNT; i++) {
		if (l->packets[i] == 0)
			continue;
		mw_wire_write_reason(w, (enum mw_reason)i);
		mw_write_u64(w, l->packets[i]);
	}
	if ((unsigned)l->gateway > MW_EVENT_GATEWAY_UP)
		w->failed = true;
	mw_write_u8(w, (uint8_t)l->gateway);
	mw_write_u64(w, l->gateway_changes);
}

static void read_lane(struct mw_reader *r, uint8_t version, struct mw_event_lane *l)
{
	uint64_t *gauge[GAUGES];
	unsigned count;

	*l = (struct mw_event_lane){.time_us = mw_read_u64(r), .count = MW_REASON_COUNT};
	gauges_of(l, gauge);
	l->lane = mw_read_u16(r);
	for (unsigned i = 0; i < GAUGES; i++)
		*gauge[i] = mw_read_u64(r);
	l->ruleset_generation = mw_read_u64(r);
	count = mw_read_u16(r);
	for (unsigned i = 0; i < count && !r->failed; i++) {
		enum mw_reason reason = mw_wire_read_reason(r);
		uint64_t value = mw_read_u64(r);

		if (reason == MW_REASON_COUNT)
			continue;
		if (value == 0 || l->packets[reason] != 0)
			r->failed = true; /* never written so: not ours */
		l->packets[reason] = value;
	}
	if (version < 2)
		return;
	l->gateway = (enum mw_event_gateway)mw_read_u8(r);
	if ((unsigned)l->gateway > MW_EVENT_GATEWAY_UP) {
		l->gateway = MW_EVENT_GATEWAY_NONE;
		r->failed = true;
	}
	l->gateway_changes = mw_read_u64(r);
}

size_t mw_event_encode(const struct mw_event *event, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);
	uint8_t code = kind_code(event->kind);

	mw_write_u8(&w, version_of(event->kind));
	mw_write_u8(&w, code);
	switch (code) {
	case 1:
		mw_event_message_write(&w, &event->message);
		break;
	case 2:
		write_ham(&w, &event->ham);
		break;
	case 3:
		write_session(&w, &event->session);
		break;
	case 4:
		write_lane(&w, &event->lane);
		break;
	case 5:
		write_divert(&w, &event->divert);
		break;
	default:
		return 0;
	}
	return mw_writer_len(&w);
}

enum mw_event_kind mw_event_peek(struct mw_span in)
{
	enum mw_event_kind kind = in.len < 2 ? (enum mw_event_kind)0 : kind_of(in.data[1]);

	return kind == 0 || in.data[0] == 0 || in.data[0] > version_of(kind) ? (enum mw_event_kind)0
									     : kind;
}

uint64_t mw_event_peek_time_us(struct mw_span in)
{
	/* Behind version and kind comes the time; a session has its start before its end. */
	size_t at = mw_event_peek(in) == MW_EVENT_SESSION ? 10 : 2;
	struct mw_reader r;

	if ((int)mw_event_peek(in) == 0 || in.len < at)
		return 0;
	r = mw_reader_of(in.data + at, in.len - at);
	return mw_read_u64(&r);
}

int mw_event_decode(struct mw_span in, struct mw_event *out)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);
	uint8_t version;

	if (in.len < 2)
		return -EBADMSG;
	out->kind = mw_event_peek(in);
	version = mw_read_u8(&r);
	mw_read_u8(&r);
	switch ((unsigned)out->kind) {
	case MW_EVENT_MESSAGE:
		mw_event_message_read(&r, &out->message);
		break;
	case MW_EVENT_HAM:
		read_ham(&r, &out->ham);
		break;
	case MW_EVENT_SESSION:
		read_session(&r, version, &out->session);
		break;
	case MW_EVENT_LANE:
		read_lane(&r, version, &out->lane);
		break;
	case MW_EVENT_DIVERT:
		read_divert(&r, &out->divert);
		break;
	default:
		return -EPROTO;
	}
	return mw_reader_done(&r) ? 0 : -EBADMSG;
}
