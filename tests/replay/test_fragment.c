/*
 * Fragments in any order make the packet again, once; what overlaps, does not fit, is tiny, late or
 * too much makes none; what is no mail passes as it came. Against a slow model, with every frame
 * accounted for. Seeded.
 */
#include "dataplane/flow/fragments.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/flow/marks.h"

#define PACKETS	 64
#define PIECES	 512
#define SEED_ENV "MW_SEED"
#define START_NS (1000 * MW_NS_PER_S)

static uint64_t seed;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

struct frame {
	uint32_t len;
	uint8_t octets[1700];
};

/* What a fragment is made of; octet i of its packet is i * 7 + id + salt, ports in front. */
struct plan {
	bool v6, udp;
	uint16_t vlan, port;
	uint8_t source, salt, doff;
	uint16_t id;
	uint32_t offset, len;
	bool more;
};

static uint8_t octet_of(const struct plan *p, uint32_t i)
{
	if (i < 4)
		return (uint8_t)(i < 2 ? 0 : i == 2 ? p->port >> 8 : p->port);
	if (i == 12)
		return (uint8_t)((p->doff != 0 ? p->doff : 5) << 4);
	return (uint8_t)(i * 7 + p->id + p->salt);
}

static uint16_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2) {
		sum += (uint32_t)(p[i] << 8 | p[i + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum;
}

static struct frame make(const struct plan *p)
{
	struct frame f = {.len = 12};
	uint8_t *ip;

	memcpy(f.octets, "\x02\0\0\0\0\1\x02\0\0\0\0\2", 12);
	if (p->vlan != 0) {
		put16(f.octets + 12, 0x88a8);
		put16(f.octets + 14, p->vlan);
		f.len += 4;
	}
	put16(f.octets + f.len, p->v6 ? 0x86dd : 0x0800);
	ip = f.octets + (f.len += 2);
	if (p->v6) {
		ip[0] = 0x60;
		put16(ip + 4, 8 + p->len);
		ip[6] = 44;
		ip[8] = ip[24] = 0x20;
		ip[15] = p->source;
		ip[40] = p->udp ? 17 : 6;
		put16(ip + 42, p->offset | (p->more ? 1 : 0));
		put16(ip + 46, p->id);
		f.len += 48;
	} else {
		ip[0] = 0x45;
		put16(ip + 2, 20 + p->len);
		put16(ip + 4, p->id);
		put16(ip + 6, (p->more ? 0x2000u : 0) | p->offset / 8);
		ip[8] = 64;
		ip[9] = 6;
		ip[12] = ip[16] = 10;
		ip[15] = p->source;
		put16(ip + 10, slow_sum(ip, 20));
		f.len += 20;
	}
	for (uint32_t i = 0; i < p->len; i++)
		f.octets[f.len++] = octet_of(p, p->offset + i);
	if (f.len < 60 && !p->v6)
		f.len = 60; /* Ethernet's padding */
	return f;
}

/* Handles are frames of their exact length on the heap: a sanitizer sees one octet too far, and
 * what is not given back. */
struct kept {
	uint32_t serial, len;
	uint8_t octets[];
};

static struct mw_fragments *table;
static struct mw_fragments_result result;
static uint32_t given, back, passed; /* frames; given = back + kept at all times */
static uint32_t passed_serial;
static bool one_packet; /* this test has one at a time */
static enum mw_reason last_released;
static uint32_t released[MW_REASON_COUNT];

static void on_release(void *ctx, void *handle, enum mw_reason reason)
{
	struct kept *k = handle;

	(void)ctx;
	if (reason == MW_REASON_FRAGMENT) {
		if (one_packet)
			assert_true(k->serial > passed_serial); /* in order of arrival */
		passed_serial = k->serial;
		passed++;
	}
	last_released = reason;
	released[reason]++;
	back++;
	free(k);
}

static bool is_smtp(void *ctx, uint16_t sport, uint16_t dport)
{
	(void)ctx;
	return sport == 25 || dport == 25;
}

static void open_table(uint32_t packets, uint32_t pieces, uint32_t marks)
{
	struct mw_fragments_config config = {.key = 0x1234567890abcdefull,
		.packets = packets,
		.pieces = pieces,
		.marks = marks,
		.is_smtp = is_smtp,
		.release = on_release};
	size_t size = (mw_fragments_bytes(&config) + 63) & ~(size_t)63;
	void *memory = aligned_alloc(64, size);

	memset(memory, 0, size);
	table = mw_fragments_init(memory, &config);
	given = back = passed = passed_serial = 0;
	memset(released, 0, sizeof(released));
}

static void close_table(void)
{
	mw_fragments_finish(table);
	assert_int_equal(mw_fragments_kept(table), 0);
	assert_int_equal(given, back);
	free(table);
}

static enum mw_fragments_action add(uint64_t now, const struct frame *f)
{
	struct kept *k = malloc(sizeof(*k) + f->len);
	enum mw_fragments_action action;

	k->serial = ++given;
	k->len = f->len;
	memcpy(k->octets, f->octets, f->len);
	action = mw_fragments_add(table, now, 0, k->octets, k->len, k, &result);
	if (action == MW_FRAGMENTS_PASS || action == MW_FRAGMENTS_DROP)
		on_release(NULL, k, result.reason);
	assert_int_equal(action == MW_FRAGMENTS_PASS, result.reason == MW_REASON_FRAGMENT);
	if (action != MW_FRAGMENTS_WHOLE)
		assert_int_equal(given, back + mw_fragments_kept(table));
	return action;
}

static enum mw_fragments_action add_plan(uint64_t now, const struct plan *p)
{
	struct frame f = make(p);

	return add(now, &f);
}

/* Puts the whole together as a rim does, and gives the frames back. */
static uint32_t whole_of(uint8_t *whole, uint32_t *head)
{
	struct mw_fragment g;
	uint32_t total = 0;

	for (uint32_t i = 0; i < result.count; i++) {
		const struct kept *k = result.handle[i];

		assert_true(mw_fragment_parse(k->octets, k->len, &g));
		total = total < g.offset + g.len ? g.offset + g.len : total;
	}
	for (uint32_t i = 0; i < result.count; i++) {
		const struct kept *k = result.handle[i];

		mw_fragment_parse(k->octets, k->len, &g);
		if (g.offset == 0)
			*head = mw_fragment_head(k->octets, &g, total, whole);
	}
	for (uint32_t i = 0; i < result.count; i++) {
		const struct kept *k = result.handle[i];

		mw_fragment_parse(k->octets, k->len, &g);
		memcpy(whole + *head + g.offset, k->octets + g.data, g.len);
	}
	return *head + total;
}

static void give_back(void)
{
	for (uint32_t i = 0; i < result.count; i++) {
		back++;
		free(result.handle[i]);
	}
	assert_int_equal(given, back + mw_fragments_kept(table));
}

/* The receiver, slowly: octet by octet, from what is left of the fragments. */
static uint32_t receive(
	const struct kept *const *frames, const uint32_t *lens, uint32_t n, uint8_t *out)
{
	uint32_t total = 0, have = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct mw_frame whole;
		struct mw_fragment g;

		if (lens[i] == 0)
			continue;
		if (n == 1 || !mw_fragment_parse(frames[i]->octets, lens[i], &g)) {
			/* all that is left is one, and no fragment any more */
			assert_int_equal(
				mw_frame_parse(frames[i]->octets, lens[i], lens[i], &whole),
				MW_FRAME_TCP);
			memcpy(out, frames[i]->octets + whole.l4, lens[i] - whole.l4);
			return lens[i] - whole.l4;
		}
		if (!g.v6)
			assert_int_equal(slow_sum(frames[i]->octets + g.l3, g.head_len - g.l3), 0);
		memcpy(out + g.offset, frames[i]->octets + g.data, g.len);
		have += g.len;
		if (!g.more) {
			assert_int_equal(total, 0);
			total = g.offset + g.len;
		}
	}
	assert_int_equal(total, have);
	return total;
}

/* Cuts and alters the whole, puts it back, and asks the receiver. */
static void back_into_fragments(uint8_t *whole, uint32_t head, uint32_t total)
{
	static uint8_t got[MW_WHOLE_MAX];
	const struct kept *frames[MW_FRAGMENTS_PIECES];
	uint32_t lens[MW_FRAGMENTS_PIECES], left = below(3) == 0 ? total : 20 + below(total - 19);

	for (int i = 0; i < 3 && below(2) != 0; i++)
		whole[head + 20 + below(total - 20)] ^= 0x55;
	for (uint32_t i = 0; i < result.count; i++) {
		struct kept *k = result.handle[i], *old = malloc(sizeof(*old) + k->len);
		struct mw_fragment g;
		bool same;

		memcpy(old, k, sizeof(*old) + k->len);
		mw_fragment_parse(k->octets, k->len, &g);
		same = g.offset + g.len + (g.more ? 1u : 0) <= left &&
		       memcmp(whole + head + g.offset, k->octets + g.data, g.len) == 0;
		lens[i] = mw_fragment_put_back(k->octets, k->len, &g, whole + head, left);
		if (same) {
			assert_int_equal(lens[i], k->len);
			assert_memory_equal(old->octets, k->octets, k->len);
		}
		assert_int_equal(lens[i] == 0, g.offset >= left);
		assert_true(lens[i] <= k->len);
		frames[i] = k;
		free(old);
	}
	assert_int_equal(receive(frames, lens, result.count, got), left);
	assert_memory_equal(got, whole + head, left);
}

static void test_any_order(void **state)
{
	static uint8_t whole[MW_WHOLE_MAX];

	(void)state;
	open_table(PACKETS, PIECES, 1024);
	for (uint16_t round = 1; round < 3000; round++) {
		struct plan p = {.v6 = below(2) != 0,
			.vlan = (uint16_t)(below(2) * 100),
			.port = 25,
			.id = round};
		uint64_t now = START_NS + round * 200 * MW_NS_PER_S;
		struct frame f[MW_FRAGMENTS_PIECES];
		uint32_t n = 2 + below(MW_FRAGMENTS_PIECES - 1), at = 0, head = 0, len;
		enum mw_fragments_action action = MW_FRAGMENTS_KEEP;
		struct mw_frame parsed;

		for (uint32_t i = 0; i < n; i++) {
			p.offset = at;
			p.len = (i == 0 ? 24 + below(40) * 8 : (1 + below(60)) * 8) -
				(i + 1 == n ? below(8) : 0);
			p.more = i + 1 < n;
			f[i] = make(&p);
			at += p.len;
		}
		for (uint32_t i = n - 1; i > 0; i--) {
			uint32_t j = below(i + 1);
			struct frame swap = f[i];

			f[i] = f[j];
			f[j] = swap;
		}
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(action, MW_FRAGMENTS_KEEP);
			if (i > 0 && below(4) == 0) {
				assert_int_equal(add(now, &f[below(i)]), MW_FRAGMENTS_DROP);
				assert_int_equal(result.reason, MW_REASON_FRAGMENT_REPEAT);
			}
			action = add(now, &f[i]);
		}
		assert_int_equal(action, MW_FRAGMENTS_WHOLE);
		assert_int_equal(result.count, n);
		len = whole_of(whole, &head);
		assert_int_equal(len, head + at);
		assert_int_equal(
			mw_frame_parse(whole, head + at, head + at, &parsed), MW_FRAME_TCP);
		assert_int_equal(parsed.l4, head);
		assert_int_equal(parsed.vlan_outer, p.vlan);
		if (!p.v6)
			assert_int_equal(slow_sum(whole + parsed.l3, 20), 0);
		for (uint32_t i = 0; i < at; i++)
			assert_int_equal(whole[head + i], octet_of(&p, i));
		back_into_fragments(whole, head, at);
		give_back();
		/* One more of it, a moment later, is late, and begins nothing. */
		assert_int_equal(add(now + 1, &f[below(n)]), MW_FRAGMENTS_DROP);
		assert_int_equal(result.reason, MW_REASON_FRAGMENT_REUSED);
	}
	close_table();
}

/* Each row ends with the fragment that would complete the packet if those before were honest. */
static void test_strict(void **state)
{
	static const struct {
		uint32_t offset[3], len[3];
		bool more[3];
		enum mw_reason reason;
	} rows[] = {
		{{0, 24, 32}, {32, 16, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_OVERLAP},
		{{0, 0, 32}, {32, 24, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_OVERLAP}, /* a part again */
		{{32, 24, 0}, {16, 16, 24}, {0, 0, 1}, MW_REASON_FRAGMENT_BAD},	  /* two ends */
		{{0, 48, 32}, {32, 8, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_BAD}, /* behind the end */
		{{32, 48, 0}, {8, 8, 32}, {0, 1, 1}, MW_REASON_FRAGMENT_BAD},
		{{0, 32, 36}, {32, 4, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_BAD}, /* no multiple of 8 */
		{{0, 65528, 32}, {32, 64, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_BAD}, /* > 64 KiB */
		{{0, 16, 24}, {16, 8, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_TINY},
		{{0, 8, 24}, {8, 16, 8}, {1, 1, 0}, MW_REASON_FRAGMENT_TINY},
		{{8, 24, 0}, {16, 8, 8}, {1, 0, 1}, MW_REASON_FRAGMENT_TINY},
	};

	(void)state;
	for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
		size_t row = i / 2;
		bool dead = false;

		open_table(PACKETS, PIECES, 1024);
		for (int k = 0; k < 3; k++) {
			struct plan p = {.v6 = i % 2 != 0,
				.port = 25,
				.id = 7,
				.offset = rows[row].offset[k],
				.len = rows[row].len[k],
				.more = rows[row].more[k]};

			if (add_plan(START_NS, &p) == MW_FRAGMENTS_DROP) {
				dead = true;
				assert_int_equal(result.reason, rows[row].reason);
			} else {
				assert_false(dead); /* what is dead stays so */
				assert_true(result.count == 0);
			}
		}
		assert_true(dead);
		assert_int_equal(mw_fragments_kept(table), 0);
		close_table();
	}
}

/* Data offset beyond the first fragment is tiny as well; more pieces than are kept are too many. */
static void test_header_and_pieces(void **state)
{
	struct plan p = {.port = 25, .id = 9, .len = 32, .more = true, .doff = 15};

	(void)state;
	open_table(PACKETS, PIECES, 1024);
	assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_DROP);
	assert_int_equal(result.reason, MW_REASON_FRAGMENT_TINY);
	p = (struct plan){.port = 25, .id = 10, .len = 8, .more = true};
	for (uint32_t i = 1; i <= MW_FRAGMENTS_PIECES; i++) {
		p.offset = i * 8;
		assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_KEEP);
	}
	p.offset += 8;
	assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_DROP);
	assert_int_equal(result.reason, MW_REASON_FRAGMENT_BAD);
	assert_int_equal(mw_fragments_kept(table), 0);
	close_table();
}

/* What is no mail: held only until the ports are known, then out in the order it came, and what
 * follows at once. A tiny one that is no mail is nobody's business. */
static void test_pass(void **state)
{
	struct plan p = {.port = 80, .id = 1, .len = 8, .more = true};

	(void)state;
	one_packet = true;
	for (int v6 = 0; v6 < 2; v6++) {
		open_table(PACKETS, PIECES, 1024);
		p.v6 = v6 != 0;
		for (uint32_t i = 4; i > 0; i--) {
			p.offset = i * 8;
			assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_KEEP);
		}
		p.offset = 0;
		assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_PASS);
		assert_int_equal(passed, 5);
		p.offset = 40;
		p.more = false;
		assert_int_equal(add_plan(START_NS + MW_NS_PER_S, &p), MW_FRAGMENTS_PASS);
		assert_int_equal(passed, 6);
		p.more = true;
		/* Much later it is a stranger again. */
		assert_int_equal(
			add_plan(START_NS + 2 * MW_FRAGMENTS_LIFE_NS, &p), MW_FRAGMENTS_KEEP);
		close_table();
	}
	one_packet = false;
	/* Not TCP: at once, whichever comes first. */
	open_table(PACKETS, PIECES, 1024);
	p = (struct plan){.v6 = true, .udp = true, .id = 2, .offset = 8, .len = 8};
	assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_PASS);
	close_table();
}

/*
 * The way past an inspection that forgets: octets that are not read (of a packet with other ports,
 * another VLAN, another Next Header) lie at the server already, and a first fragment that is read
 * with other octets completes them there. Within the server's patience no such first one leaves.
 */
static void test_reuse(void **state)
{
	(void)state;
	for (int how = 0; how < 4; how++) {
		struct plan rest = {.id = 5, .offset = 32, .len = 8, .port = 80};
		struct plan first = {.id = 5, .len = 32, .more = true, .port = 80};
		uint64_t now = START_NS;

		open_table(PACKETS, PIECES, 1024);
		rest.v6 = first.v6 = how >= 2;
		rest.vlan = first.vlan = (uint16_t)(how == 1 ? 7 : 0);
		rest.udp = how == 3;
		if (how != 3)
			assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_PASS);
		assert_int_equal(add_plan(now, &rest), MW_FRAGMENTS_PASS);
		rest.udp = false;
		rest.vlan = first.vlan = 0;
		first.port = 25;
		now += 31 * MW_NS_PER_S;
		rest.salt = 1;
		assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_KEEP);
		assert_int_equal(add_plan(now, &rest), MW_FRAGMENTS_DROP);
		assert_int_equal(result.reason, MW_REASON_FRAGMENT_REUSED);
		assert_int_equal(mw_fragments_kept(table), 0);
		/* and mail read once does not let other octets follow under its name */
		now += 200 * MW_NS_PER_S;
		assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_KEEP);
		assert_int_equal(add_plan(now, &rest), MW_FRAGMENTS_WHOLE);
		give_back();
		rest.salt = 2;
		assert_int_equal(add_plan(now + 100 * MW_NS_PER_S, &rest), MW_FRAGMENTS_DROP);
		assert_int_equal(result.reason, MW_REASON_FRAGMENT_REUSED);
		/* two firsts: the one that is no mail does not free what waits */
		now += 400 * MW_NS_PER_S;
		assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_KEEP);
		first.port = 80;
		assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_DROP);
		assert_int_equal(result.reason, MW_REASON_FRAGMENT_OVERLAP);
		close_table();
	}
}

/* One place for all marks: the second that takes it speaks for the first as well. */
static void test_shared_mark(void **state)
{
	struct plan other = {.port = 80, .len = 32, .more = true};
	struct plan first = {.port = 25, .id = 100, .len = 32, .more = true};
	struct plan rest = {.id = 100, .offset = 32, .len = 8};
	uint64_t now = START_NS;

	(void)state;
	open_table(PACKETS, PIECES, 1);
	for (int n = 0; n < 3; n++) {
		for (int i = 0; i < n; i++) {
			other.id++;
			assert_int_equal(add_plan(now, &other), MW_FRAGMENTS_PASS);
		}
		now += MW_MARKS_LIFE_S / 2 * MW_NS_PER_S;
		assert_int_equal(add_plan(now, &first), MW_FRAGMENTS_KEEP);
		if (n < 2) { /* alone in its place, and not the same */
			assert_int_equal(add_plan(now, &rest), MW_FRAGMENTS_WHOLE);
			give_back();
		} else {
			assert_int_equal(add_plan(now, &rest), MW_FRAGMENTS_DROP);
			assert_int_equal(result.reason, MW_REASON_FRAGMENT_REUSED);
		}
		now += (MW_MARKS_LIFE_S + 1) * MW_NS_PER_S;
	}
	close_table();
}

static void test_expiry(void **state)
{
	struct plan p = {.port = 25, .len = 32, .more = true};

	(void)state;
	open_table(PACKETS, PIECES, 1024);
	for (uint16_t i = 0; i < 40; i++) {
		p.id = i;
		p.source = (uint8_t)i;
		assert_int_equal(add_plan(START_NS + i, &p), MW_FRAGMENTS_KEEP);
	}
	assert_false(mw_fragments_tick(table, START_NS + MW_FRAGMENTS_LIFE_NS));
	assert_int_equal(mw_fragments_kept(table), 40);
	assert_false(mw_fragments_tick(table, START_NS + MW_FRAGMENTS_LIFE_NS + 10));
	assert_int_equal(mw_fragments_kept(table), 30);
	assert_true(mw_fragments_tick(table, START_NS + 2 * MW_FRAGMENTS_LIFE_NS));
	while (mw_fragments_tick(table, START_NS + 2 * MW_FRAGMENTS_LIFE_NS))
		;
	assert_int_equal(mw_fragments_kept(table), 0);
	assert_int_equal(released[MW_REASON_FRAGMENT_EXPIRED], 40);
	/* without a tick: a late one does not complete it */
	p.id = 50;
	assert_int_equal(add_plan(START_NS, &p), MW_FRAGMENTS_KEEP);
	p.offset = 32;
	p.more = false;
	assert_int_equal(add_plan(START_NS + MW_FRAGMENTS_LIFE_NS + 1, &p), MW_FRAGMENTS_KEEP);
	close_table();
}

/* One source's flood costs itself; a flood from everywhere costs the oldest. */
static void test_flood(void **state)
{
	struct plan victim = {.port = 25, .id = 1, .source = 200, .len = 32, .more = true};
	struct plan p = {.port = 25, .len = 32, .more = true, .source = 1};

	(void)state;
	open_table(PACKETS, PIECES, 1024);
	assert_int_equal(add_plan(START_NS, &victim), MW_FRAGMENTS_KEEP);
	for (uint32_t i = 0; i < 10000; i++) {
		p.id = (uint16_t)i;
		p.offset = below(4) * 32;
		add_plan(START_NS + i, &p);
		assert_true(mw_fragments_kept(table) <= 1 + PIECES / MW_FRAGMENTS_SHARE);
	}
	assert_int_equal(mw_fragments_kept(table), 1 + PACKETS / MW_FRAGMENTS_SHARE);
	victim.offset = 32;
	victim.more = false;
	assert_int_equal(add_plan(START_NS + 10000, &victim), MW_FRAGMENTS_WHOLE);
	give_back();
	for (uint32_t i = 0; i < 10000; i++) { /* pieces: few packets of many frames */
		p.id = (uint16_t)(20000 + i / 60);
		p.offset = 32 + i % 60 * 32;
		add_plan(START_NS + i, &p);
		assert_true(mw_fragments_kept(table) <= PIECES / MW_FRAGMENTS_SHARE);
	}
	for (uint32_t i = 0; i < 10000; i++) {
		p.id = (uint16_t)(40000 + i / 40);
		p.offset = 32 + i % 40 * 32;
		p.source = (uint8_t)(i / 40);
		add_plan(START_NS + i, &p);
		assert_true(mw_fragments_kept(table) <= PIECES);
	}
	assert_true(released[MW_REASON_FRAGMENT_FLOOD] > 25000);
	close_table();
}

/* The slow model: a packet is what its octets are, one by one. */
struct model_packet {
	bool used, smtp, dead;
	uint64_t since;
	int octet[600];
	uint32_t total, frames;
	struct plan plan[MW_FRAGMENTS_PIECES];
};

static enum mw_fragments_action model(
	struct model_packet *m, uint64_t now, const struct plan *p, bool *overlaps)
{
	uint32_t end = p->offset + p->len, have = 0;
	bool bad = false, passes = p->offset == 0 && p->port != 25 && p->len >= 4;

	if (m->used && now - m->since > MW_FRAGMENTS_LIFE_NS)
		m->used = false;
	if (m->used && m->dead)
		return MW_FRAGMENTS_DROP;
	if (!m->used && passes)
		return MW_FRAGMENTS_PASS;
	if (!m->used) {
		memset(m, 0, sizeof(*m));
		m->used = true;
		m->since = now;
		memset(m->octet, 0xff, sizeof(m->octet));
	}
	if (passes && !m->smtp) {
		m->used = false;
		return MW_FRAGMENTS_PASS;
	}
	*overlaps = false;
	if (p->offset == 0 && p->len < 20) { /* ports or not: nobody sends so little */
		m->dead = true;
		return MW_FRAGMENTS_DROP;
	}
	for (uint32_t i = 0; i < m->frames; i++)
		if (memcmp(&m->plan[i], p, sizeof(*p)) == 0)
			return MW_FRAGMENTS_DROP; /* the same again */
	bad = (p->more && p->len % 8 != 0) || (m->total != 0 && end > m->total) ||
	      (m->total != 0 && !p->more && end != m->total);
	for (uint32_t i = 0; i < 600; i++) {
		*overlaps |= i >= p->offset && i < end && m->octet[i] >= 0;
		bad |= !p->more && i >= end && m->octet[i] >= 0;
	}
	if (bad || *overlaps) {
		m->dead = true;
		return MW_FRAGMENTS_DROP;
	}
	for (uint32_t i = p->offset; i < end; i++)
		m->octet[i] = octet_of(p, i);
	m->plan[m->frames++] = *p;
	m->smtp |= p->offset == 0;
	m->total = p->more ? m->total : end;
	while (have < 600 && m->octet[have] >= 0)
		have++;
	if (m->total == 0 || have < m->total)
		return MW_FRAGMENTS_KEEP;
	m->used = false;
	return MW_FRAGMENTS_WHOLE;
}

static void test_model(void **state)
{
	static struct model_packet packet[2][3][2];
	static uint8_t whole[MW_WHOLE_MAX];
	uint32_t seen[4] = {0};
	uint64_t now = START_NS;

	(void)state;
	open_table(PACKETS, PIECES, 0); /* identifications come again and again */
	for (uint32_t round = 0; round < 400000; round++) {
		struct plan p;
		struct model_packet *m;
		enum mw_fragments_action expect, got;
		uint32_t kind, len, head = 0;
		bool overlaps;

		memset(&p, 0, sizeof(p));
		p.v6 = below(2) != 0;
		p.id = (uint16_t)below(3);
		p.source = (uint8_t)below(2);
		p.port = below(6) == 0 ? 80 : 25;
		p.salt = (uint8_t)(below(60) == 0);
		p.doff = 5;
		kind = below(12); /* of an honest packet of four, mostly */
		p.offset = below(4) * 48;
		p.len = kind == 0 ? 1 + below(64) : kind == 1 ? 8 * (1 + below(8)) : 48;
		p.more = kind == 2 ? below(2) != 0 : p.offset < 144;
		if (kind == 3)
			p.offset = below(20) * 8;
		if (p.offset == 0 && !p.more)
			continue; /* that is no fragment */
		if (p.offset != 0)
			p.port = 25; /* it has none: the same octets are the same fragment */
		if (below(50) == 0)
			now += below(40) * MW_NS_PER_S;
		m = &packet[p.v6][p.id][p.source];
		expect = model(m, now, &p, &overlaps);
		got = add_plan(now, &p);
		if (got != expect)
			fail_msg("round %u: action %d, the model says %d (%s); at %u %u octets "
				 "%u, frames %u, total %u",
				round, got, expect, mw_reason_name(result.reason), p.offset, p.len,
				p.more, m->frames, m->total);
		seen[got]++;
		if (got != MW_FRAGMENTS_WHOLE)
			continue;
		assert_int_equal(result.count, m->frames);
		len = whole_of(whole, &head);
		assert_int_equal(len, head + m->total);
		for (uint32_t i = 0; i < m->total; i++)
			assert_int_equal(whole[head + i], m->octet[i]);
		give_back();
	}
	for (int i = 0; i < 4; i++)
		assert_true(seen[i] > 1000);
	close_table();
}

static void test_any_octets(void **state)
{
	uint32_t whole = 0;

	(void)state;
	open_table(PACKETS, PIECES, 1024);
	for (uint32_t i = 0; i < 300000; i++) {
		struct plan p = {.v6 = below(2) != 0,
			.vlan = (uint16_t)below(2),
			.port = below(2) ? 25 : 80,
			.id = (uint16_t)(i / 8),
			.offset = below(4) * 24,
			.len = below(4) ? 24 : 1 + below(64)};
		struct frame f;

		p.more = below(8) ? p.offset < 48 : below(2) != 0;
		f = make(&p);
		if (p.v6 && below(8) == 0)
			f.octets[f.len - p.len - 8] = (uint8_t)(below(2) ? 60 : below(256));
		if (below(4) == 0)
			f.octets[14 + below(60)] = (uint8_t)below(256);
		f.len = below(8) ? f.len : below(f.len + 1);
		if (add(START_NS + i * 20 * MW_NS_PER_MS, &f) == MW_FRAGMENTS_WHOLE) {
			whole++;
			give_back();
		}
		mw_fragments_tick(table, START_NS + i * 20 * MW_NS_PER_MS);
	}
	assert_true(whole > 0);
	close_table();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_any_order),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_header_and_pieces),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_shared_mark),
		cmocka_unit_test(test_expiry),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_model),
		cmocka_unit_test(test_any_octets),
	};

	seed = getenv(SEED_ENV) != NULL ? strtoull(getenv(SEED_ENV), NULL, 10)
					: (uint64_t)time(NULL);
	printf("# seed %llu (" SEED_ENV " sets it)\n", (unsigned long long)seed);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
