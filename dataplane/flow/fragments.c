/*
 * Packets under way lie in slots: found by a keyed hash, strung in the order of their beginning,
 * all of them and those of one source. So each fragment costs the same, however many there are, and
 * whoever has to make room is found at once.
 */
#include "dataplane/flow/fragments.h"

#include <string.h>

#include "dataplane/flow/marks.h"
#include "dataplane/flow/table.h"

#define NONE	       UINT32_MAX
#define SOURCES	       256u /* buckets of sources; two in one share their share */
#define EXPIRED_A_TICK 16u

/* What names a packet here. Two customers with the same private addresses are told apart by their
 * lines, the two directions by the port. */
struct key {
	struct mw_ip src, dst;
	uint32_t id;
	uint16_t vlan_outer, vlan_inner;
	uint8_t v6, port;
	uint8_t none[2];
};

struct piece {
	void *handle;
	const uint8_t *octets;
	uint32_t offset, len;
	uint32_t next; /* by arrival; in the free list */
};

struct links {
	uint32_t prev, next;
};

enum by { BY_AGE, BY_SOURCE, BYS };

struct slot {
	struct key key;
	uint64_t hash;
	uint64_t since_ns;
	struct links links[BYS];
	uint32_t next; /* in its bucket; in the free list */
	uint32_t source;
	uint32_t first, last; /* pieces by arrival */
	uint32_t pieces;
	uint32_t have;	/* octets */
	uint32_t total; /* 0: the last fragment is not here yet */
	bool has_first; /* and its ports are those of SMTP */
	uint32_t head;	/* of the first: octets that IP's length counts in front of the others */
	enum mw_reason dead; /* not NONE: nothing can be made of it, nothing of it is kept */
};

struct list {
	uint32_t first, last;
};

struct source {
	struct list list;
	uint32_t packets, pieces;
};

struct mw_fragments {
	struct mw_fragments_config config;
	struct list age;
	uint32_t free_slot, free_piece;
	uint32_t kept;
	uint32_t bucket_mask;
	uint32_t *buckets;
	struct slot *slots;
	struct piece *pieces;
	struct mw_marks marks;
	struct source sources[SOURCES];
};

struct layout {
	size_t head, buckets, slots, pieces, marks, total;
};

static size_t place_of(size_t *at, size_t size)
{
	size_t here = *at;

	*at += (size + 63) & ~(size_t)63;
	return here;
}

static uint32_t bucket_count(uint32_t packets)
{
	uint32_t count = 16;

	while (count < packets * 2)
		count *= 2;
	return count;
}

static struct layout layout_of(const struct mw_fragments_config *c)
{
	struct layout l;
	size_t at = 0;

	l.head = place_of(&at, sizeof(struct mw_fragments));
	l.buckets = place_of(&at, bucket_count(c->packets) * sizeof(uint32_t));
	l.slots = place_of(&at, c->packets * sizeof(struct slot));
	l.pieces = place_of(&at, c->pieces * sizeof(struct piece));
	l.marks = place_of(&at, mw_marks_bytes(c->marks));
	l.total = at;
	return l;
}

size_t mw_fragments_bytes(const struct mw_fragments_config *config)
{
	return layout_of(config).total;
}

struct mw_fragments *mw_fragments_init(void *memory, const struct mw_fragments_config *config)
{
	struct layout l = layout_of(config);
	uint8_t *base = memory;
	struct mw_fragments *f = memory;

	f->config = *config;
	f->age = (struct list){NONE, NONE};
	f->bucket_mask = bucket_count(config->packets) - 1;
	f->buckets = (uint32_t *)(void *)(base + l.buckets);
	f->slots = (struct slot *)(void *)(base + l.slots);
	f->pieces = (struct piece *)(void *)(base + l.pieces);
	mw_marks_init(&f->marks, base + l.marks, config->marks);
	for (uint32_t i = 0; i <= f->bucket_mask; i++)
		f->buckets[i] = NONE;
	for (uint32_t i = 0; i < config->packets; i++)
		f->slots[i].next = i + 1 < config->packets ? i + 1 : NONE;
	for (uint32_t i = 0; i < config->pieces; i++)
		f->pieces[i].next = i + 1 < config->pieces ? i + 1 : NONE;
	f->free_slot = config->packets > 0 ? 0 : NONE;
	f->free_piece = config->pieces > 0 ? 0 : NONE;
	for (uint32_t i = 0; i < SOURCES; i++)
		f->sources[i].list = (struct list){NONE, NONE};
	return f;
}

uint32_t mw_fragments_kept(const struct mw_fragments *f)
{
	return f->kept;
}

uint64_t mw_fragments_hash(uint64_t key, const struct mw_fragment *g)
{
	struct {
		struct mw_ip src, dst;
		uint32_t id, v6;
	} what;

	memset(&what, 0, sizeof(what));
	what.src = g->src;
	what.dst = g->dst;
	what.id = g->id;
	what.v6 = g->v6;
	return mw_flow_hash(key, &what, sizeof(what));
}

/* A source is an address of IPv4, the usual net of one link of IPv6 (RFC 4291, 2.5.4). */
static uint32_t source_of(const struct mw_fragments *f, const struct mw_fragment *g)
{
	return (uint32_t)(mw_flow_hash(f->config.key, g->src.octet, g->v6 ? 8 : 16) >> 40) %
	       SOURCES;
}

static void append(struct mw_fragments *f, enum by by, struct list *list, uint32_t at)
{
	f->slots[at].links[by] = (struct links){list->last, NONE};
	if (list->last == NONE)
		list->first = at;
	else
		f->slots[list->last].links[by].next = at;
	list->last = at;
}

static void take_out(struct mw_fragments *f, enum by by, struct list *list, uint32_t at)
{
	struct links l = f->slots[at].links[by];

	if (l.prev == NONE)
		list->first = l.next;
	else
		f->slots[l.prev].links[by].next = l.next;
	if (l.next == NONE)
		list->last = l.prev;
	else
		f->slots[l.next].links[by].prev = l.prev;
}

static uint32_t index_of(const struct mw_fragments *f, const struct slot *s)
{
	return (uint32_t)(s - f->slots);
}

/* Gives the pieces back: to the caller for `reason`, or, NONE, they are the caller's already. */
static void empty(struct mw_fragments *f, struct slot *s, enum mw_reason reason)
{
	while (s->first != NONE) {
		uint32_t at = s->first;
		struct piece *p = &f->pieces[at];

		s->first = p->next;
		p->next = f->free_piece;
		f->free_piece = at;
		f->kept--;
		f->sources[s->source].pieces--;
		if (reason != MW_REASON_NONE)
			f->config.release(f->config.ctx, p->handle, reason);
	}
	s->last = NONE;
	s->pieces = s->have = 0;
}

static void close_slot(struct mw_fragments *f, struct slot *s, enum mw_reason reason)
{
	uint32_t at = index_of(f, s), *link = &f->buckets[s->hash & f->bucket_mask];

	empty(f, s, reason);
	while (*link != at)
		link = &f->slots[*link].next;
	*link = s->next;
	take_out(f, BY_AGE, &f->age, at);
	take_out(f, BY_SOURCE, &f->sources[s->source].list, at);
	f->sources[s->source].packets--;
	s->next = f->free_slot;
	f->free_slot = at;
}

/* It stays, so that what follows finds it so. */
static enum mw_fragments_action kill(struct mw_fragments *f, struct slot *s, enum mw_reason reason,
	struct mw_fragments_result *result)
{
	empty(f, s, reason);
	s->dead = reason;
	result->reason = reason;
	return MW_FRAGMENTS_DROP;
}

static bool expired(const struct slot *s, uint64_t now_ns)
{
	return now_ns - s->since_ns > MW_FRAGMENTS_LIFE_NS;
}

static struct slot *find(
	struct mw_fragments *f, uint64_t now_ns, uint64_t hash, const struct key *key)
{
	uint32_t at = f->buckets[hash & f->bucket_mask];

	while (at != NONE && memcmp(&f->slots[at].key, key, sizeof(*key)) != 0)
		at = f->slots[at].next;
	if (at == NONE)
		return NULL;
	if (!expired(&f->slots[at], now_ns))
		return &f->slots[at];
	close_slot(f, &f->slots[at], MW_REASON_FRAGMENT_EXPIRED);
	return NULL;
}

static uint32_t share(uint32_t of)
{
	return of / MW_FRAGMENTS_SHARE > 0 ? of / MW_FRAGMENTS_SHARE : 1;
}

/* The source's oldest makes room for its newest, then the oldest of all. */
static struct slot *open_slot(struct mw_fragments *f, uint64_t now_ns, uint64_t hash,
	const struct key *key, uint32_t source)
{
	struct source *from = &f->sources[source];
	struct slot *s;
	uint32_t at;

	if (from->packets >= share(f->config.packets))
		close_slot(f, &f->slots[from->list.first], MW_REASON_FRAGMENT_FLOOD);
	if (f->free_slot == NONE)
		close_slot(f, &f->slots[f->age.first], MW_REASON_FRAGMENT_FLOOD);
	at = f->free_slot;
	s = &f->slots[at];
	f->free_slot = s->next;
	memset(s, 0, sizeof(*s));
	s->key = *key;
	s->hash = hash;
	s->since_ns = now_ns;
	s->source = source;
	s->first = s->last = NONE;
	s->dead = MW_REASON_NONE;
	s->next = f->buckets[hash & f->bucket_mask];
	f->buckets[hash & f->bucket_mask] = at;
	append(f, BY_AGE, &f->age, at);
	append(f, BY_SOURCE, &from->list, at);
	from->packets++;
	return s;
}

static enum mw_fragments_action pass(
	struct mw_fragments *f, uint64_t now_ns, uint64_t hash, struct mw_fragments_result *result)
{
	mw_marks_set(&f->marks, now_ns, hash, false);
	result->reason = MW_REASON_FRAGMENT;
	return MW_FRAGMENTS_PASS;
}

/* Does it stand where it says, beside the others? FRAGMENT_REPEAT: it is there already, octet for
 * octet; NONE: it may be taken. RFC 5722: whatever overlaps otherwise ends the packet, for IPv4
 * too.
 */
static enum mw_reason judge(const struct mw_fragments *f, const struct slot *s,
	const struct mw_fragment *g, const uint8_t *octets)
{
	uint32_t end = g->offset + g->len;

	if (end > UINT16_MAX || (g->more && g->len % 8 != 0))
		return MW_REASON_FRAGMENT_BAD;
	if (s->total != 0 && (end > s->total || (!g->more && end != s->total)))
		return MW_REASON_FRAGMENT_BAD;
	for (uint32_t at = s->first; at != NONE; at = f->pieces[at].next) {
		const struct piece *p = &f->pieces[at];

		if (!g->more && p->offset + p->len > end)
			return MW_REASON_FRAGMENT_BAD;
		if (p->offset >= end || g->offset >= p->offset + p->len)
			continue;
		if (p->offset == g->offset && p->len == g->len &&
			g->more == (s->total == 0 || end < s->total) &&
			memcmp(p->octets, octets, g->len) == 0)
			return MW_REASON_FRAGMENT_REPEAT;
		return MW_REASON_FRAGMENT_OVERLAP;
	}
	return s->pieces == MW_FRAGMENTS_PIECES ? MW_REASON_FRAGMENT_BAD : MW_REASON_NONE;
}

/* A place for one more frame: the source's oldest packet makes room, then the oldest of all. False:
 * that was this packet itself. */
static bool room_for_piece(struct mw_fragments *f, const struct slot *s)
{
	struct source *from = &f->sources[s->source];

	while (from->pieces >= share(f->config.pieces) || f->free_piece == NONE) {
		uint32_t oldest =
			from->pieces >= share(f->config.pieces) ? from->list.first : f->age.first;
		bool itself = &f->slots[oldest] == s;

		close_slot(f, &f->slots[oldest], MW_REASON_FRAGMENT_FLOOD);
		if (itself)
			return false;
	}
	return true;
}

static void keep(struct mw_fragments *f, struct slot *s, const struct mw_fragment *g,
	const uint8_t *octets, void *handle)
{
	uint32_t at = f->free_piece;
	struct piece *p = &f->pieces[at];

	f->free_piece = p->next;
	*p = (struct piece){handle, octets, g->offset, g->len, NONE};
	if (s->last == NONE)
		s->first = at;
	else
		f->pieces[s->last].next = at;
	s->last = at;
	s->pieces++;
	s->have += g->len;
	f->kept++;
	f->sources[s->source].pieces++;
	if (!g->more)
		s->total = g->offset + g->len;
}

static enum mw_fragments_action whole(
	struct mw_fragments *f, uint64_t now_ns, struct slot *s, struct mw_fragments_result *result)
{
	result->count = 0;
	for (uint32_t at = s->first; at != NONE; at = f->pieces[at].next)
		result->handle[result->count++] = f->pieces[at].handle;
	mw_marks_set(&f->marks, now_ns, s->hash, true);
	result->reason = MW_REASON_FRAGMENT_JOINED;
	close_slot(f, s, MW_REASON_NONE);
	return MW_FRAGMENTS_WHOLE;
}

/* One of a packet that is collected. The last one to come is never kept before it is judged. */
static enum mw_fragments_action collect(struct mw_fragments *f, uint64_t now_ns, struct slot *s,
	const struct mw_fragment *g, const uint8_t *octets, void *handle,
	struct mw_fragments_result *result)
{
	enum mw_reason reason = judge(f, s, g, octets);

	if (reason == MW_REASON_FRAGMENT_REPEAT) {
		result->reason = reason;
		return MW_FRAGMENTS_DROP;
	}
	if (reason != MW_REASON_NONE)
		return kill(f, s, reason, result);
	if (!room_for_piece(f, s)) {
		result->reason = MW_REASON_FRAGMENT_FLOOD;
		return MW_FRAGMENTS_DROP;
	}
	if (g->offset == 0) {
		s->has_first = true;
		s->head = g->head_len - g->l3 - (g->v6 ? 40 : 0);
	}
	if (s->has_first && s->have + g->len == (g->more ? s->total : g->offset + g->len)) {
		if (s->head + s->have + g->len > UINT16_MAX)
			return kill(f, s, MW_REASON_FRAGMENT_BAD, result);
		if (mw_marks_used(&f->marks, now_ns, s->hash))
			return kill(f, s, MW_REASON_FRAGMENT_REUSED, result);
		keep(f, s, g, octets, handle);
		return whole(f, now_ns, s, result);
	}
	keep(f, s, g, octets, handle);
	return MW_FRAGMENTS_KEEP;
}

enum what { PASSES, WAITS, IS_SHORT };

/* What the ports, or the lack of them, say of a packet whose ports were not known before. */
static enum what what_is(
	const struct mw_fragments *f, const uint8_t *frame, const struct mw_fragment *g)
{
	uint16_t sport, dport;

	if (g->offset != 0)
		return mw_fragment_may_be_tcp(g) ? WAITS : PASSES;
	switch (mw_fragment_start(frame, g, &sport, &dport)) {
	case MW_START_OTHER:
		return PASSES;
	case MW_START_SHORT:
		return f->config.short_starts ? WAITS : IS_SHORT;
	case MW_START_TINY:
		if (!f->config.is_smtp(f->config.ctx, sport, dport))
			return PASSES;
		return f->config.short_starts ? WAITS : IS_SHORT;
	case MW_START_TCP:
		break;
	}
	return f->config.is_smtp(f->config.ctx, sport, dport) ? WAITS : PASSES;
}

enum mw_fragments_action mw_fragments_add(struct mw_fragments *f, uint64_t now_ns, uint8_t port_in,
	const uint8_t *frame, uint32_t len, void *handle, struct mw_fragments_result *result)
{
	struct mw_fragment g;
	struct key key;
	struct slot *s;
	uint64_t hash;
	enum what what;

	result->count = 0;
	result->reason = MW_REASON_FRAGMENT_BAD;
	if (!mw_fragment_parse(frame, len, &g))
		return MW_FRAGMENTS_DROP;
	memset(&key, 0, sizeof(key));
	key.src = g.src;
	key.dst = g.dst;
	key.id = g.id;
	key.vlan_outer = g.vlan_outer;
	key.vlan_inner = g.vlan_inner;
	key.v6 = g.v6;
	key.port = port_in;
	hash = mw_fragments_hash(f->config.key, &g);
	s = find(f, now_ns, hash, &key);
	if (s != NULL && s->dead != MW_REASON_NONE) {
		result->reason = s->dead;
		return MW_FRAGMENTS_DROP;
	}
	what = what_is(f, frame, &g);
	if (s == NULL) {
		if (what == PASSES)
			return pass(f, now_ns, hash, result);
		if (g.offset != 0 && mw_marks_passed(&f->marks, now_ns, hash))
			return pass(f, now_ns, hash, result); /* the first one did */
		if (mw_marks_read(&f->marks, now_ns, hash)) {
			result->reason = MW_REASON_FRAGMENT_REUSED;
			return MW_FRAGMENTS_DROP;
		}
		s = open_slot(f, now_ns, hash, &key, source_of(f, &g));
	} else if (g.offset == 0 && what == PASSES && !s->has_first) {
		close_slot(f, s, MW_REASON_FRAGMENT);
		return pass(f, now_ns, hash, result);
	}
	if (what == IS_SHORT)
		return kill(f, s, MW_REASON_FRAGMENT_TINY, result);
	return collect(f, now_ns, s, &g, frame + g.data, handle, result);
}

bool mw_fragments_tick(struct mw_fragments *f, uint64_t now_ns)
{
	for (uint32_t i = 0; i < EXPIRED_A_TICK; i++) {
		struct slot *oldest = f->age.first == NONE ? NULL : &f->slots[f->age.first];

		if (oldest == NULL || !expired(oldest, now_ns))
			return false;
		close_slot(f, oldest, MW_REASON_FRAGMENT_EXPIRED);
	}
	return true;
}

void mw_fragments_finish(struct mw_fragments *f)
{
	while (f->age.first != NONE)
		close_slot(f, &f->slots[f->age.first], MW_REASON_FRAGMENT_EXPIRED);
}
