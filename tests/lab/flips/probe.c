#include "tests/lab/flips/probe.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/proto/frame.h"
#include "dataplane/proto/segment.h"

#define PORTS	   1024u
#define FIRST_PORT 20000u
#define ISN_STEP   4096u

static struct {
	struct mw_segment segment[2]; /* IPv4, IPv6 */
	int customers, internet;
	uint64_t next, due_ns;
	struct probe ring[PROBE_RING];
} state;

static struct probe *slot(uint64_t number)
{
	return &state.ring[number % PROBE_RING];
}

uint64_t probe_next(void)
{
	return state.next;
}

const struct probe *probe_at(uint64_t number)
{
	return slot(number);
}

int probe_fd(void)
{
	return state.customers;
}

const char *probe_name(enum probe_answer answer)
{
	static const char *const names[PROBE_ANSWERS] = {
		"nobody", "the server", "the responder", "a RST"};

	return names[answer];
}

void probe_open(const struct probe_ends *ends)
{
	const struct wire_filter to_client = {false, &ends->client[0], &ends->client[1]};
	const struct wire_filter from_client = {true, &ends->client[0], &ends->client[1]};

	for (int v6 = 0; v6 < 2; v6++) {
		struct mw_segment *s = &state.segment[v6];

		*s = (struct mw_segment){.l2_len = 14,
			.v6 = v6 != 0,
			.ttl = 64,
			.src = ends->client[v6],
			.dst = ends->server[v6],
			.dport = ends->port,
			.window = 64240,
			.has_ts = true};
		wire_header(WIRE_CUSTOMERS, s->v6, s->l2);
	}
	state.customers = wire_raw(WIRE_CUSTOMERS, &to_client);
	state.internet = wire_raw(WIRE_INTERNET, &from_client);
}

/* The sequence number says which probe it is, the port and family follow from that. */
static struct mw_segment *segment_of(uint64_t number)
{
	struct mw_segment *s = &state.segment[number % 2];

	s->sport = (uint16_t)(FIRST_PORT + number / 2 % PORTS);
	s->seq = (uint32_t)(number * ISN_STEP);
	s->tsval = (uint32_t)number;
	return s;
}

static void put(const struct mw_segment *s)
{
	uint8_t frame[MW_SEGMENT_HEADERS_MAX];
	uint32_t size = mw_segment_write(s, mw_span_of(NULL, 0), frame, sizeof(frame));

	wire_send(state.customers, frame, size);
}

static void send_probe(uint64_t now_ns)
{
	struct mw_segment *s = segment_of(state.next);

	*slot(state.next) = (struct probe){.sent_ns = now_ns};
	s->flags = MW_TCP_SYN;
	s->mss = 1460;
	put(s);
	state.next++;
}

/* Which of the newest probes has this initial sequence number? They are all far enough apart. */
static bool number_of(uint32_t isn, uint64_t *number)
{
	uint64_t back = (uint32_t)state.next - isn / ISN_STEP;

	back &= UINT32_MAX / ISN_STEP;
	if (isn % ISN_STEP != 0 || back == 0 || back > state.next || back > PROBE_RING)
		return false;
	*number = state.next - back;
	return true;
}

static enum probe_answer answer_of(const struct mw_frame *f)
{
	if ((f->flags & MW_TCP_RST) != 0)
		return PROBE_RST;
	if ((f->flags & (MW_TCP_SYN | MW_TCP_ACK)) != (MW_TCP_SYN | MW_TCP_ACK))
		return PROBE_NOTHING;
	return f->has_ts ? PROBE_SERVER : PROBE_RESPONDER;
}

static void take_answer(const uint8_t *octets, uint32_t len, uint64_t when_ns)
{
	enum probe_answer answer;
	struct mw_segment *s;
	struct mw_frame f;
	uint64_t number;

	if (mw_frame_parse(octets, len, len, &f) != MW_FRAME_TCP || !number_of(f.ack - 1, &number))
		return;
	answer = answer_of(&f);
	if (answer == PROBE_NOTHING || slot(number)->answer != PROBE_NOTHING)
		return;
	slot(number)->answer = (uint8_t)answer;
	slot(number)->answered_ns = when_ns;
	if (answer == PROBE_RST)
		return;
	s = segment_of(number); /* whoever answered need not remember it */
	s->seq++;
	s->mss = 0;
	s->flags = MW_TCP_RST;
	put(s);
}

static void take_at_server(const uint8_t *octets, uint32_t len)
{
	struct mw_frame f;
	uint64_t number;

	if (mw_frame_parse(octets, len, len, &f) == MW_FRAME_TCP && (f.flags & MW_TCP_SYN) != 0 &&
		number_of(f.seq, &number))
		slot(number)->at_server = true;
}

void probe_turn(uint64_t now_ns)
{
	uint8_t frame[2048];
	uint64_t when_ns;
	uint32_t len;

	if (now_ns >= state.due_ns) {
		send_probe(now_ns);
		state.due_ns += PROBE_EVERY_NS;
		if (state.due_ns < now_ns) /* we were away: what was missed is not made up for */
			state.due_ns = now_ns + PROBE_EVERY_NS;
	}
	while ((len = wire_receive(state.customers, frame, &when_ns)) > 0)
		take_answer(frame, len, when_ns);
	while ((len = wire_receive(state.internet, frame, &when_ns)) > 0)
		take_at_server(frame, len);
}
