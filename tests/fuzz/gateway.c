/*
 * The keeper of the gateway: frames from its port, true, turned and of no meaning, answers to what
 * it said last, other settings, and time. Oracles: a call says few frames, each of them whole, with
 * right checksums, from our MAC in our VLAN; it keeps only what is for us, and only what it was
 * wanted to see; up implies known, known implies configured; once polled, nothing is due any more;
 * questions are bounded by time, whatever comes; and a gateway that answers is found in the end.
 */
#include "dataplane/gateway/gateway.h"
#include "tests/fuzz/packet.h"

const struct fuzz_target fuzz_target = {"gateway", 3000};

#define FRAME_MAX 400u

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 10}, all[6] = {255, 255, 255, 255, 255, 255};
static const uint8_t macs[4][6] = {
	{2, 0, 0, 0, 0, 0xff}, {2, 0, 0, 0, 0, 0x66}, {2, 0, 0, 0, 0, 10}, {1, 0, 0x5e, 0, 0, 1}};
static const uint8_t v4[4][4] = {{192, 0, 2, 1}, {192, 0, 2, 2}, {192, 0, 2, 9}, {0, 0, 0, 0}};
static const struct mw_ip v6[4] = {{{0x20, 1, 0xd, 0xb8, [15] = 1}},
	{{0x20, 1, 0xd, 0xb8, [15] = 2}}, {{0}}, {{255, 2, [15] = 1}}};

static struct {
	struct mw_gateway g;
	uint64_t now_ns;
	uint32_t in_call;
	uint64_t questions, begun_ns; /* since these settings */
	uint8_t last[MW_GATEWAY_FRAME_MAX];
	uint32_t last_len;
} w;

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* Not yet the complement; chained. */
static uint32_t pseudo(const uint8_t *ip, uint32_t len)
{
	bool six = ip[0] >> 4 == 6;

	if (!six && ip[9] == 1)
		return 0;
	return (uint16_t)~packet_checksum(
		(six ? ip[6] : ip[9]) + len, six ? ip + 8 : ip + 12, six ? 32 : 8);
}

static uint32_t head_of(const uint8_t *frame)
{
	return get16(frame + 12) == 0x8100 ? 18 : 14;
}

static void said_ip(const uint8_t *ip, uint32_t len)
{
	bool six = ip[0] >> 4 == 6;
	uint32_t head = six ? 40 : 20, total = six ? 40 + get16(ip + 4) : get16(ip + 2);

	demand(len >= head && total <= len && total > head, "its packets are whole");
	demand(six || packet_checksum(0, ip, 20) == 0, "and their headers good");
	demand(packet_checksum(pseudo(ip, total - head), ip + head, total - head) == 0,
		"and what is in them");
	w.questions += six && ip[6] == 58 && ip[40] == 135;
}

static void said(void *ctx, const uint8_t *frame, uint32_t len)
{
	uint32_t head = head_of(frame), type = get16(frame + head - 2);

	demand(++w.in_call <= MW_GATEWAY_FRAMES_MAX, "a call says few frames");
	demand(len >= 60 && len <= MW_GATEWAY_FRAME_MAX, "of a length that a link carries");
	demand(memcmp(frame + 6, our_mac, 6) == 0, "from our MAC");
	demand(head == (w.g.settings.vlan != 0 ? 18u : 14u) || head == 18, "in our VLAN");
	memcpy(w.last, frame, len);
	w.last_len = len;
	if (type == 0x0806)
		w.questions += get16(frame + head + 6) == 1 &&
			       memcmp(frame + head + 14, frame + head + 24, 4) != 0;
	else
		said_ip(frame + head, len - head);
}

static void look(void)
{
	struct mw_gateway_status s = mw_gateway_status(&w.g);

	demand(!s.up || s.known, "up implies known");
	demand(!s.known || s.configured, "known implies configured");
	demand(!s.known || (s.mac[0] & 1) == 0, "what is known is a station");
	demand(s.configured == mw_divert_configured(&w.g.settings), "configured by the settings");
	demand(!s.configured || s.up == (mw_gateway_why(&w.g) == MW_GATEWAY_FINE),
		"what is down has a reason");
	demand(w.g.config.sink.transmit == said, "nothing was written behind its buffers");
	/* One a second and family, and three for each claim that is looked into. */
	demand(w.questions <= 8 * ((w.now_ns - w.begun_ns) / MW_NS_PER_S + 2),
		"questions are bounded by time");
}

static void poll(void)
{
	for (int i = 0; i < 4; i++) {
		w.in_call = 0;
		mw_gateway_poll(&w.g, w.now_ns);
	}
	demand(w.g.due_ns > w.now_ns, "once polled, nothing is due");
}

static void give(const uint8_t *octets, uint32_t len)
{
	uint8_t *data = fuzz_exact(octets, len);
	bool wanted = mw_gateway_wants(&w.g.settings, our_mac, data, len), ours;

	w.in_call = 0;
	ours = mw_gateway_packet(&w.g, w.now_ns, data, len);
	demand(!ours || wanted, "it keeps only what it wanted to see");
	demand(!ours || memcmp(data, our_mac, 6) == 0 || (data[0] & 1) != 0,
		"it keeps only what is for us or for all");
	free(data);
}

static uint32_t link_of(uint8_t *out, uint8_t how, uint32_t type)
{
	uint16_t vlan = (how & 0x80) != 0 ? 9 : w.g.settings.vlan;
	uint32_t at = 12;

	memcpy(out, how % 3 == 0 ? all : how % 3 == 1 ? our_mac : macs[1], 6);
	memcpy(out + 6, macs[how / 3 % 4], 6);
	if (vlan != 0) {
		put16(out + 12, 0x8100);
		put16(out + 14, vlan);
		at = 16;
	}
	put16(out + at, type);
	return at + 2;
}

static uint32_t arp(struct fuzz_input *in, uint8_t *out)
{
	uint8_t how = fuzz_u8(in), what = fuzz_u8(in);
	uint8_t *p = out + link_of(out, how, 0x0806);

	memcpy(p, "\0\1\x08\0\6\4\0", 7);
	p[7] = (uint8_t)(1 + what % 2);
	memcpy(p + 8, macs[what / 2 % 4], 6);
	memcpy(p + 14, v4[what / 8 % 4], 4);
	memcpy(p + 18, our_mac, 6);
	memcpy(p + 24, v4[what / 32 % 4], 4);
	return (uint32_t)(p - out) + 28;
}

static void close_ip(uint8_t *ip, uint32_t len, uint32_t at)
{
	uint32_t head = ip[0] >> 4 == 6 ? 40 : 20;

	if (head == 20) {
		put16(ip + 10, 0);
		put16(ip + 10, packet_checksum(0, ip, 20));
	}
	put16(ip + head + at, 0);
	put16(ip + head + at, packet_checksum(pseudo(ip, len), ip + head, len));
}

static uint8_t *internet(uint8_t *ip, bool six, uint8_t ends, uint8_t protocol, uint32_t len)
{
	memset(ip, 0, 40);
	if (six) {
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = protocol;
		ip[7] = 255;
		memcpy(ip + 8, v6[ends % 4].octet, 16);
		memcpy(ip + 24, v6[ends / 4 % 4].octet, 16);
		return ip + 40;
	}
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	ip[8] = 64;
	ip[9] = protocol;
	memcpy(ip + 12, v4[ends % 4], 4);
	memcpy(ip + 16, v4[ends / 4 % 4], 4);
	return ip + 20;
}

static uint32_t discovery(struct fuzz_input *in, uint8_t *out)
{
	uint8_t how = fuzz_u8(in), ends = fuzz_u8(in), what = fuzz_u8(in);
	uint8_t *ip = out + link_of(out, how, 0x86dd), *p;
	uint32_t len = (what & 1) != 0 ? 32 : 24;

	p = internet(ip, true, ends, 58, len);
	memset(p, 0, len);
	p[0] = (uint8_t)(135 + (what >> 1 & 1));
	p[4] = (uint8_t)(what & 0xe0);
	memcpy(p + 8, v6[what >> 2 & 3].octet, 16);
	if (len == 32) {
		p[24] = (uint8_t)(1 + (what >> 1 & 1));
		p[25] = 1;
		memcpy(p + 26, macs[ends >> 4 & 3], 6);
	}
	close_ip(ip, len, 2);
	return (uint32_t)(p - out) + len;
}

static uint32_t ping(struct fuzz_input *in, uint8_t *out)
{
	uint8_t how = fuzz_u8(in), ends = fuzz_u8(in), what = fuzz_u8(in);
	bool six = (what & 1) != 0;
	uint32_t len = 8 + what / 2;
	uint8_t *ip = out + link_of(out, how, six ? 0x86dd : 0x0800);
	uint8_t *p = internet(ip, six, ends, six ? 58 : 1, len);

	memset(p, what, len);
	p[0] = six ? 128 : 8;
	p[1] = 0;
	close_ip(ip, len, 2);
	return (uint32_t)(p - out) + len;
}

/* A segment of the check's connection, by its numbers or beside them, with text. */
static uint32_t segment(struct fuzz_input *in, uint8_t *out)
{
	static const char *const texts[] = {"", "220 x\r\n", "220-x\r\n", "2", "421 x\r\n",
		"221 x\r\n", "20 x\r\n", "220", "220-x\r\n220 y\r\n", "220-x\r\n500 y\r\n"};
	const struct mw_check *c = &w.g.check;
	uint8_t flags = fuzz_u8(in), what = fuzz_u8(in), by = fuzz_u8(in);
	const char *text = texts[(what & 0x7f) % 10];
	uint32_t len = 20 + (uint32_t)strlen(text);
	uint8_t *ip, *p;

	ip = out + link_of(out, 1, c->head.v6 ? 0x86dd : 0x0800);
	p = internet(ip, c->head.v6, 1, 6, len);
	memset(p, 0, 20);
	put16(p, 25);
	put16(p + 2, (what & 0x80) != 0 ? 7 : c->head.sport);
	put32(p + 4, c->head.ack + (uint32_t)(int32_t)(int8_t)(by & 0xf0) / 16);
	put32(p + 8, c->head.seq - ((by & 3) == 3));
	p[12] = 0x50;
	p[13] = flags;
	memcpy(p + 20, text, strlen(text));
	close_ip(ip, len, 16);
	return (uint32_t)(p - out) + len;
}

/* What an honest gateway says to the keeper's last frame; 0: nothing. */
static uint32_t answer(uint8_t *out)
{
	uint32_t head = head_of(w.last);
	const uint8_t *said_to = w.last + head;
	struct fuzz_input in;

	if (w.last_len == 0)
		return 0;
	if (get16(w.last + head - 2) == 0x0806) {
		static const uint8_t reply[] = {1, 1 + 8 * 1 + 32 * 0};

		in = (struct fuzz_input){reply, sizeof(reply)};
		return memcmp(said_to + 24, v4[1], 4) == 0 ? arp(&in, out) : 0;
	}
	if (said_to[0] >> 4 == 6 && said_to[6] == 58 && said_to[40] == 135) {
		static const uint8_t reply[] = {1, 1 + 4 * 0, 3 | 1 << 2 | 0x60};

		in = (struct fuzz_input){reply, sizeof(reply)};
		return discovery(&in, out);
	}
	if (w.g.check.state == MW_CHECK_IDLE)
		return 0;
	switch (w.g.check.state) {
	case MW_CHECK_SYN_SENT:
		in = (struct fuzz_input){(const uint8_t *)"\x12\0\0", 3};
		break;
	case MW_CHECK_GREETING:
		in = (struct fuzz_input){(const uint8_t *)"\x18\1\0", 3};
		break;
	default:
		in = (struct fuzz_input){(const uint8_t *)"\x11\5\0", 3};
		break;
	}
	return segment(&in, out);
}

static void settle(uint8_t how)
{
	struct mw_divert_settings s = {.vlan = (how & 1) != 0 ? 7 : 0,
		.check_port = (how & 2) != 0 ? 0 : 25,
		.check_every_ms = 200,
		.check_timeout_ms = 100,
		.fall = 2,
		.rise = 2};

	if ((how & 0x0c) != 0x04) {
		s.address_v4 = mw_ip_from_v4(v4[0]);
		s.gateway_v4 = mw_ip_from_v4(v4[1]);
	}
	if ((how & 0x0c) != 0x08) {
		s.address_v6 = v6[0];
		s.gateway_v6 = v6[1];
	}
	if ((how & 0x30) == 0x30)
		memcpy(s.mac, macs[0], 6);
	if ((how & 0xc0) == 0xc0)
		memset(&s, 0, sizeof(s));
	w.in_call = 0;
	mw_gateway_set(&w.g, w.now_ns, &s);
	w.begun_ns = w.now_ns;
	w.questions = 0;
}

/* However it was left: with the settings of the beginning and a gateway that answers, it is up. */
static void in_the_end(void)
{
	uint8_t out[FRAME_MAX];
	uint32_t len;

	settle(0xc0);
	settle(0);
	for (int i = 0; i < 100 && !mw_gateway_status(&w.g).up; i++) {
		w.last_len = 0;
		poll();
		for (int k = 0; k < 6; k++) {
			len = answer(out);
			w.last_len = 0;
			if (len > 0)
				give(out, len);
		}
		look();
		w.now_ns += 20 * MW_NS_PER_MS;
	}
	demand(mw_gateway_status(&w.g).up, "a gateway that answers is up");
	demand(memcmp(mw_gateway_status(&w.g).mac, macs[0], 6) == 0, "by its own MAC");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	struct mw_gateway_config config = {.key = 1, .sink = {.transmit = said}};
	static uint8_t out[FRAME_MAX];

	memset(&w, 0, sizeof(w));
	memcpy(config.mac, our_mac, 6);
	w.now_ns = 1700000000ull * MW_NS_PER_S;
	mw_gateway_init(&w.g, &config);
	settle(fuzz_u8(&in));
	while (in.left > 0) {
		uint8_t what = fuzz_u8(&in);
		uint32_t len = 0, turn;
		const uint8_t *from;
		size_t got;

		switch (what % 8) {
		case 0:
			w.now_ns += fuzz_u8(&in) * MW_NS_PER_MS;
			break;
		case 1:
			w.now_ns += fuzz_u16(&in) * MW_NS_PER_MS;
			break;
		case 2:
			len = arp(&in, out);
			break;
		case 3:
			len = discovery(&in, out);
			break;
		case 4:
			len = what < 128 ? ping(&in, out) : segment(&in, out);
			break;
		case 5:
			len = answer(out);
			break;
		case 6:
			from = fuzz_take(&in, fuzz_u8(&in), &got);
			memcpy(out, from, got);
			len = (uint32_t)got;
			break;
		default:
			settle(fuzz_u8(&in));
			break;
		}
		if (len > 0) {
			if ((what & 0x30) == 0x30) {
				turn = fuzz_u16(&in) % (8 * len);
				out[turn / 8] ^= (uint8_t)(1u << turn % 8);
			}
			give(out, len);
		}
		if ((what & 0x08) == 0)
			poll();
		look();
	}
	in_the_end();
	return 0;
}

/* Any octets are a program; half of them mostly answer, so that a connection stands. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	size_t n = fuzz_below(r, (uint32_t)size / 4 + 1);
	bool kind = fuzz_below(r, 2) == 0;

	for (size_t i = 0; i < n; i++) {
		out[i] = (uint8_t)fuzz_random(r);
		if (kind && fuzz_below(r, 3) == 0)
			out[i] = 5;
	}
	if (n > 0 && kind)
		out[0] &= 0x0d;
	return n;
}
