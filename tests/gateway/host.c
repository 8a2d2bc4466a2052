/* See host.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/gateway/host.h"

const uint8_t host_our_mac[6] = {0x02, 0, 0, 0, 0, 0x0a};
const uint8_t host_mac[6] = {0x02, 0, 0, 0, 0, 0xff};
const uint8_t host_other_mac[6] = {0x02, 0, 0, 0, 0, 0x66};

/* --- octets --- */

static uint32_t get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
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

/* RFC 1071 by the letter. */
static uint32_t slow_sum(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of TCP or ICMPv6 behind an IP header; ICMP of IPv4 has no pseudo header. */
static uint32_t l4_sum(const uint8_t *ip, const uint8_t *l4, uint32_t len)
{
	bool v6 = ip[0] >> 4 == 6;
	uint8_t protocol = v6 ? ip[6] : ip[9];
	uint32_t sum =
		protocol == 1 ? 0 : slow_sum(protocol + len, v6 ? ip + 8 : ip + 12, v6 ? 32 : 8);

	return slow_sum(sum, l4, len);
}

static struct mw_ip ip_of(const char *text)
{
	struct mw_ip ip;

	assert_int_equal(mw_ip_parse(text, &ip), 0);
	return ip;
}

static uint32_t link(
	uint8_t *out, uint16_t vlan, const uint8_t *to, const uint8_t *from, uint32_t type)
{
	uint32_t at = 12;

	memcpy(out, to, 6);
	memcpy(out + 6, from, 6);
	if (vlan != 0) {
		put16(out + 12, 0x8100);
		put16(out + 14, vlan);
		at = 16;
	}
	put16(out + at, type);
	return at + 2;
}

/* The IP header in front of `len` octets that the caller writes behind it. */
static uint32_t internet(
	uint8_t *ip, const char *src, const char *dst, uint8_t protocol, uint8_t hops, uint32_t len)
{
	struct mw_ip from = ip_of(src), to = ip_of(dst);

	if (!mw_ip_is_v4(&from)) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = protocol;
		ip[7] = hops;
		memcpy(ip + 8, from.octet, 16);
		memcpy(ip + 24, to.octet, 16);
		return 40;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	ip[8] = hops;
	ip[9] = protocol;
	memcpy(ip + 12, from.octet + 12, 4);
	memcpy(ip + 16, to.octet + 12, 4);
	put16(ip + 10, ~slow_sum(0, ip, 20) & 0xffff);
	return 20;
}

static void close_l4(const uint8_t *ip, uint8_t *l4, uint32_t len, uint32_t at)
{
	put16(l4 + at, 0);
	put16(l4 + at, ~l4_sum(ip, l4, len) & 0xffff);
}

void host_close_icmp6(uint8_t *frame)
{
	close_l4(frame + 14, frame + 54, get16(frame + 18), 2);
}

uint32_t host_arp(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	uint16_t operation, const char *sender, const uint8_t target_mac[6], const char *target)
{
	struct mw_ip a = ip_of(sender), b = ip_of(target);
	uint8_t *p = out + link(out, vlan, to, from, 0x0806);

	put32(p, 0x00010800);
	put16(p + 4, 0x0604);
	put16(p + 6, operation);
	memcpy(p + 8, from, 6);
	memcpy(p + 14, a.octet + 12, 4);
	memcpy(p + 18, target_mac, 6);
	memcpy(p + 24, b.octet + 12, 4);
	memset(p + 28, 0, 18); /* a wire pads */
	return (uint32_t)(p - out) + 46;
}

static uint32_t neighbour(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, const char *target, const uint8_t *mac, uint8_t type,
	uint8_t flags)
{
	uint8_t *ip = out + link(out, vlan, to, from, 0x86dd), *p;
	struct mw_ip about = ip_of(target);
	uint32_t len = mac ? 32 : 24;

	p = ip + internet(ip, src, dst, 58, 255, len);
	memset(p, 0, len);
	p[0] = type;
	p[4] = flags;
	memcpy(p + 8, about.octet, 16);
	if (mac) {
		p[24] = type == 135 ? 1 : 2;
		p[25] = 1;
		memcpy(p + 26, mac, 6);
	}
	close_l4(ip, p, len, 2);
	return (uint32_t)(p - out) + len;
}

uint32_t host_na(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, const char *target, const uint8_t *mac, uint8_t flags)
{
	return neighbour(out, vlan, to, from, src, dst, target, mac, 136, flags);
}

uint32_t host_ns(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, const char *target, const uint8_t *mac)
{
	return neighbour(out, vlan, to, from, src, dst, target, mac, 135, 0);
}

uint32_t host_ping(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, uint32_t len)
{
	struct mw_ip ip_src = ip_of(src);
	bool v6 = !mw_ip_is_v4(&ip_src);
	uint8_t *ip = out + link(out, vlan, to, from, v6 ? 0x86dd : 0x0800);
	uint8_t *p = ip + internet(ip, src, dst, v6 ? 58 : 1, 64, len);

	for (uint32_t i = 0; i < len; i++)
		p[i] = (uint8_t)(i * 7);
	p[0] = v6 ? 128 : 8;
	p[1] = 0;
	close_l4(ip, p, len, 2);
	return (uint32_t)(p - out) + len;
}

uint32_t host_tcp(uint8_t *out, uint16_t vlan, const uint8_t to[6], const uint8_t from[6],
	const char *src, const char *dst, uint16_t sport, uint16_t dport, uint32_t seq,
	uint32_t ack, uint8_t flags, const char *text)
{
	struct mw_ip ip_src = ip_of(src);
	uint32_t text_len = (uint32_t)strlen(text);
	uint8_t *ip = out + link(out, vlan, to, from, mw_ip_is_v4(&ip_src) ? 0x0800 : 0x86dd);
	uint8_t *p = ip + internet(ip, src, dst, 6, 64, 20 + text_len);

	memset(p, 0, 20);
	put16(p, sport);
	put16(p + 2, dport);
	put32(p + 4, seq);
	put32(p + 8, ack);
	p[12] = 0x50;
	p[13] = flags;
	put16(p + 14, 60000);
	memcpy(p + 20, text, text_len);
	close_l4(ip, p, 20 + text_len, 16);
	return (uint32_t)(p - out) + 20 + text_len;
}

/* --- the host --- */

/* The next frame to the keeper; the caller writes it and sets its length. */
static struct host_frame *to_keeper(struct host *h)
{
	assert_true(h->to_count < 64);
	return &h->to[h->to_count++];
}

static void tcp_out(struct host *h, bool v6, uint8_t flags, const char *text)
{
	struct host_frame *f = to_keeper(h);

	f->len = host_tcp(f->octets, h->settings.vlan, host_our_mac, h->mac,
		v6 ? "2001:db8::2" : "192.0.2.2", v6 ? "2001:db8::1" : "192.0.2.1", 25, h->port,
		h->seq, h->ack, flags, text);
	h->seq += (uint32_t)strlen(text) + ((flags & 3) != 0);
}

static void greet(struct host *h, bool v6)
{
	static const char lines[] = "220-one\r\n220-two\r\n220 three\r\n";
	char octet[2] = "";

	switch (h->smtp) {
	case HOST_GREETS:
	case HOST_STUBBORN:
		tcp_out(h, v6, 0x18, "220 gateway.example ESMTP\r\n");
		break;
	case HOST_LINES:
		for (const char *p = lines; *p; p++) {
			octet[0] = *p;
			tcp_out(h, v6, 0x18, octet);
		}
		break;
	case HOST_TEASES:
		tcp_out(h, v6, 0x18, "220-gateway.example\r\n");
		break;
	case HOST_BUSY:
		tcp_out(h, v6, 0x18, "421 too busy\r\n");
		break;
	case HOST_HANGS_UP:
		tcp_out(h, v6, 0x11, "");
		h->fin_sent = true;
		break;
	default:
		break;
	}
}

static void hear_tcp(struct host *h, const uint8_t *tcp, uint32_t len, bool v6)
{
	uint32_t head = (uint32_t)(tcp[12] >> 4) * 4, text = len - head;
	uint8_t flags = tcp[13];

	if ((flags & 4) != 0) { /* also to strangers, of any port */
		h->resets++;
		h->open &= get16(tcp) != h->port;
		return;
	}
	assert_true(get16(tcp) >= 49152);
	assert_int_equal(get16(tcp + 2), 25);
	if ((flags & 2) != 0) { /* SYN */
		assert_int_equal(flags, 2);
		assert_int_equal(get16(tcp + 20), 0x0204); /* MSS */
		if (h->syns < 64)
			h->ports[h->syns] = (uint16_t)get16(tcp);
		h->syns++;
		h->port = (uint16_t)get16(tcp);
		h->isn += 64000;
		h->seq = h->isn;
		h->ack = get32(tcp + 4) + 1;
		h->open = h->fin_sent = h->fin_seen = h->said_quit = false;
		if (h->smtp == HOST_REFUSES) {
			h->seq = 0;
			tcp_out(h, v6, 0x14, "");
		} else if (h->smtp != HOST_DEAF) {
			tcp_out(h, v6, 0x12, "");
		}
		return;
	}
	h->acks++;
	assert_true((flags & 0x10) != 0);
	if (get16(tcp) != h->port)
		return;
	assert_int_equal(get32(tcp + 4), h->ack); /* nothing is said twice, nothing is left out */
	h->ack += text + ((flags & 1) != 0);
	if (!h->open) {
		h->open = true;
		greet(h, v6);
	}
	if (text > 0) {
		assert_int_equal(text, 6);
		assert_memory_equal(tcp + head, "QUIT\r\n", 6);
		h->quits++;
		h->said_quit = true;
		if (h->smtp != HOST_STUBBORN) {
			tcp_out(h, v6, 0x18, "221 bye\r\n");
			tcp_out(h, v6, 0x11, "");
			h->fin_sent = true;
		}
	}
	if ((flags & 1) != 0) {
		h->fins++;
		h->fin_seen = true;
		if (h->smtp == HOST_TEASES && !h->fin_sent) {
			tcp_out(h, v6, 0x11, "");
			h->fin_sent = true;
		} else {
			tcp_out(h, v6, 0x10, "");
		}
	}
	if (h->fin_sent && h->fin_seen && get32(tcp + 8) == h->seq) {
		h->closed++;
		h->fin_sent = false; /* once */
	}
}

static void hear_arp(struct host *h, const uint8_t *frame, const uint8_t *p)
{
	const struct mw_divert_settings *s = &h->settings;
	bool all = (frame[0] & 1) != 0;

	assert_int_equal(get32(p), 0x00010800);
	assert_int_equal(get16(p + 4), 0x0604);
	assert_memory_equal(p + 8, host_our_mac, 6);
	assert_memory_equal(p + 14, s->address_v4.octet + 12, 4);
	if (get16(p + 6) == 2) {
		h->answered[0]++;
		return;
	}
	assert_int_equal(get16(p + 6), 1);
	if (memcmp(p + 24, s->address_v4.octet + 12, 4) == 0) {
		assert_true(all);
		h->announced[0]++;
		return;
	}
	assert_memory_equal(p + 24, s->gateway_v4.octet + 12, 4);
	if (all)
		h->asked_all[0]++;
	else
		h->asked_one[0]++;
	if (h->arp && (all || memcmp(frame, h->mac, 6) == 0)) {
		struct host_frame *f = to_keeper(h);

		f->len = host_arp(f->octets, s->vlan, host_our_mac, h->mac, 2, "192.0.2.2",
			host_our_mac, "192.0.2.1");
	}
}

static void hear_ndp(struct host *h, const uint8_t *frame, const uint8_t *ip, const uint8_t *p)
{
	static const uint8_t group[6] = {0x33, 0x33, 0xff, 0, 0, 2};
	const struct mw_divert_settings *s = &h->settings;
	bool all = (frame[0] & 1) != 0;

	assert_int_equal(ip[7], 255);
	assert_int_equal(get16(ip + 4), 32);
	assert_memory_equal(ip + 8, s->address_v6.octet, 16);
	assert_int_equal(get16(p + 24), p[0] == 135 ? 0x0101 : 0x0201);
	assert_memory_equal(p + 26, host_our_mac, 6);
	if (p[0] == 136) {
		assert_memory_equal(p + 8, s->address_v6.octet, 16);
		assert_true((p[4] & 0x20) != 0); /* override */
		if ((p[4] & 0x40) != 0)
			h->answered[1]++;
		else
			h->announced[1]++;
		return;
	}
	assert_memory_equal(p + 8, s->gateway_v6.octet, 16);
	if (all) {
		assert_memory_equal(frame, group, 6);
		assert_memory_equal(ip + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\1\xff\0\0\2", 16);
		h->asked_all[1]++;
	} else {
		assert_memory_equal(ip + 24, s->gateway_v6.octet, 16);
		h->asked_one[1]++;
	}
	if (h->ndp && (all || memcmp(frame, h->mac, 6) == 0)) {
		struct host_frame *f = to_keeper(h);

		f->len = host_na(f->octets, s->vlan, host_our_mac, h->mac, "2001:db8::2",
			"2001:db8::1", "2001:db8::2", h->bare_na && !all ? NULL : h->mac, 0x60);
	}
}

static void hear_ip(struct host *h, const uint8_t *frame, const uint8_t *ip, uint32_t len)
{
	bool v6 = ip[0] >> 4 == 6;
	uint32_t head = v6 ? 40 : 20, total = v6 ? 40 + get16(ip + 4) : get16(ip + 2);
	uint8_t protocol = v6 ? ip[6] : ip[9];

	assert_true(total <= len);
	if (!v6)
		assert_int_equal(slow_sum(0, ip, 20), 0xffff);
	assert_int_equal(l4_sum(ip, ip + head, total - head), 0xffff);
	if (protocol == 6) {
		hear_tcp(h, ip + head, total - head, v6);
	} else if (v6 && (ip[40] == 135 || ip[40] == 136)) {
		hear_ndp(h, frame, ip, ip + 40);
	} else {
		assert_int_equal(ip[head], v6 ? 129 : 0);
		h->pongs++;
	}
}

static void hear(void *ctx, const uint8_t *frame, uint32_t len)
{
	struct host *h = ctx;
	uint32_t at = 12;

	assert_true(len >= 60 && len <= MW_GATEWAY_FRAME_MAX);
	assert_true(++h->in_call <= MW_GATEWAY_FRAMES_MAX);
	assert_memory_equal(frame + 6, host_our_mac, 6);
	h->frames++;
	memcpy(h->last, frame, len);
	h->last_len = len;
	if (h->settings.vlan != 0) {
		assert_int_equal(get16(frame + 12), 0x8100);
		assert_int_equal(get16(frame + 14), h->settings.vlan);
		at = 16;
	}
	if (h->drop > 0) {
		h->drop--;
		return;
	}
	if (get16(frame + at) == 0x0806) {
		hear_arp(h, frame, frame + at + 2);
		return;
	}
	assert_int_equal(get16(frame + at), frame[at + 2] >> 4 == 6 ? 0x86dd : 0x0800);
	hear_ip(h, frame, frame + at + 2, len - at - 2);
}

void host_begin(struct host *h)
{
	struct mw_gateway_config config = {
		.key = 0x0123456789abcdefull, .sink = {.ctx = h, .transmit = hear}};

	memset(h, 0, sizeof(*h));
	memcpy(config.mac, host_our_mac, 6);
	memcpy(h->mac, host_mac, 6);
	h->now_ns = HOST_START;
	h->arp = h->ndp = true;
	h->settings = (struct mw_divert_settings){
		.gateway_v4 = ip_of("192.0.2.2"),
		.address_v4 = ip_of("192.0.2.1"),
		.gateway_v6 = ip_of("2001:db8::2"),
		.address_v6 = ip_of("2001:db8::1"),
		.check_port = 25,
		.check_every_ms = 1000,
		.check_timeout_ms = 300,
		.fall = 3,
		.rise = 2,
	};
	mw_gateway_init(&h->g, &config);
}

void host_set(struct host *h)
{
	h->in_call = 0;
	mw_gateway_set(&h->g, h->now_ns, &h->settings);
}

bool host_give(struct host *h, const uint8_t *frame, uint32_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);
	bool ours, wanted;

	assert_non_null(exact);
	memcpy(exact, frame, len);
	h->in_call = 0;
	wanted = mw_gateway_wants(&h->g.settings, host_our_mac, exact, len);
	ours = mw_gateway_packet(&h->g, h->now_ns, exact, len);
	assert_memory_equal(exact, frame, len); /* it is looked at, not touched */
	if (ours)
		assert_true(wanted);
	free(exact);
	return ours;
}

/* What answers make the keeper say may be answered again. */
static void deliver(struct host *h)
{
	for (uint32_t i = 0; i < h->to_count; i++)
		assert_true(host_give(h, h->to[i].octets, h->to[i].len));
	h->to_count = 0;
}

void host_run(struct host *h, uint64_t ms)
{
	for (uint64_t i = 0; i < ms; i++) {
		h->in_call = 0;
		mw_gateway_poll(&h->g, h->now_ns);
		deliver(h);
		h->now_ns += MW_NS_PER_MS;
	}
}
