#include "tests/lab/flips/frames.h"

#include <string.h>

#include "common/base/cursor.h"
#include "dataplane/proto/checksum.h"
#include "tests/lab/flips/figures.h"
#include "tests/lab/flips/random.h"

#define HEADERS	     42u /* Ethernet, IPv4, UDP */
#define LEAST	     (HEADERS + 8)
#define A_TURN	     1
#define UNDER_WAY    65536u
#define PHASES_MAX   8
#define PORT_DISCARD 9
#define NS_A_US	     1e3

struct direction {
	int from, to;
	struct mw_ip src, dst;
	uint8_t l2[14];
	uint64_t next, newest; /* numbers; the newest that has arrived, plus one */
	uint64_t sent_ns[UNDER_WAY];
	uint8_t phase[UNDER_WAY];
	bool arrived[UNDER_WAY];
};

static struct direction direction[WIRE_SIDES]; /* by the side that sends */
static struct frames_count count[PHASES_MAX];
static struct figures delay[PHASES_MAX];

void frames_open(const struct mw_ip *inside, const struct mw_ip *outside, uint32_t phases)
{
	const struct mw_ip *ip[WIRE_SIDES] = {inside, outside};

	if (phases > PHASES_MAX)
		abort();
	for (int side = 0; side < WIRE_SIDES; side++) {
		struct wire_filter filter = {true, ip[1 - side], NULL};
		int fd = wire_raw((enum wire_side)side, &filter);

		direction[side].from = direction[1 - side].to = fd;
		direction[side].src = *ip[side];
		direction[side].dst = *ip[1 - side];
		wire_header((enum wire_side)side, false, direction[side].l2);
	}
}

/* Its length. */
static uint32_t make(const struct direction *d, uint64_t number, uint8_t out[WIRE_FRAME_MAX])
{
	uint64_t random = random_of(number + 1);
	uint32_t len = LEAST + (uint32_t)(random % (WIRE_FRAME_MAX - LEAST + 1));
	struct mw_writer w = mw_writer_of(out, WIRE_FRAME_MAX);

	mw_write_octets(&w, d->l2, 14);
	mw_write_u32(&w, 0x45000000 | (len - 14));
	mw_write_u32(&w, (uint32_t)(number << 16)); /* identification; fragments are allowed */
	mw_write_u32(&w, 0x40110000);
	mw_write_octets(&w, d->src.octet + 12, 4);
	mw_write_octets(&w, d->dst.octet + 12, 4);
	mw_checksum_ipv4(out + 14);
	mw_write_u16(&w, PORT_DISCARD);
	mw_write_u16(&w, PORT_DISCARD);
	mw_write_u16(&w, (uint16_t)(len - 34));
	mw_write_u16(&w, 0); /* no checksum (RFC 768): all octets are compared */
	mw_write_u32(&w, (uint32_t)(number >> 32));
	mw_write_u32(&w, (uint32_t)number);
	random_fill(random, w.at, len - LEAST);
	return len;
}

void frames_send(uint32_t phase)
{
	uint8_t frame[WIRE_FRAME_MAX];

	for (int i = 0; i < A_TURN * WIRE_SIDES; i++) {
		struct direction *d = &direction[i % WIRE_SIDES];
		uint32_t len = make(d, d->next, frame), at = (uint32_t)(d->next % UNDER_WAY);

		d->phase[at] = (uint8_t)phase;
		d->arrived[at] = false;
		d->sent_ns[at] = wire_now_ns();
		d->next++;
		count[phase].sent++;
		wire_send(d->from, frame, len);
	}
}

static void take(struct direction *d, const uint8_t *frame, uint32_t len, uint64_t when_ns)
{
	uint8_t expected[WIRE_FRAME_MAX];
	uint64_t number = 0;
	uint32_t at;

	for (uint32_t i = 0; i < 8 && len >= LEAST; i++)
		number = number << 8 | frame[HEADERS + i];
	at = (uint32_t)(number % UNDER_WAY);
	/* A number that was never sent is an altered frame as well, and nobody knows which one. */
	if (number >= d->next || d->next - number > UNDER_WAY) {
		count[d->phase[(d->next - 1) % UNDER_WAY]].altered++;
		return;
	}
	if (len != make(d, number, expected) || memcmp(frame, expected, len) != 0) {
		count[d->phase[at]].altered++;
		return;
	}
	if (d->arrived[at] || number < d->newest)
		count[d->phase[at]].misplaced++;
	if (d->arrived[at])
		return;
	d->arrived[at] = true;
	d->newest = number + 1;
	count[d->phase[at]].arrived++;
	figures_add(&delay[d->phase[at]],
		when_ns > d->sent_ns[at] ? (double)(when_ns - d->sent_ns[at]) / NS_A_US : 0);
}

void frames_receive(void)
{
	uint8_t frame[2048];
	uint64_t when_ns;
	uint32_t len;

	for (int side = 0; side < WIRE_SIDES; side++)
		while ((len = wire_receive(direction[side].to, frame, &when_ns)) > 0)
			take(&direction[side], frame, len, when_ns);
}

void frames_counted(uint32_t phase, struct frames_count *out)
{
	*out = count[phase];
	out->p50_us = figures_at(&delay[phase], 0.5);
	out->p99_us = figures_at(&delay[phase], 0.99);
	out->max_us = figures_at(&delay[phase], 1);
}
