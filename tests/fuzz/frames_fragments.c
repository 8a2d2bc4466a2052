/*
 * A table of fragments beside a slow model of it: a list of all frames that were ever given, each
 * with what became of it. From the list alone follows what the next frame must meet: it repeats one
 * that waits, contradicts those that wait, completes them, or waits itself. Repeats, lies, other
 * datagrams of the same and of other senders, time, and floods are the input's choice.
 *
 * Of each datagram that is whole: its octets are those that were cut, put back unaltered its frames
 * are what they were, bit for bit, and put back altered and shortened they make the shortened
 * datagram at a second table.
 */
#include "tests/fuzz/frames_fragments.h"

#include "common/base/time.h"
#include "dataplane/flow/fragments.h"
#include "tests/fuzz/packet.h"

#define GIVEN_MAX   400u
#define PIECES_MAX  70u /* more than are put together */
#define DATAGRAMS   16u /* two ports, four identifications, two senders */
#define PACKETS	    16u
#define MARKS	    64u
#define PADDING_MAX 16u
#define FRAME_MAX   (PACKET_MAX + 8 + PADDING_MAX)

struct piece {
	uint32_t offset, len;
	bool more;
};

enum fate { WAITS, LEFT, IN_WHOLE };

struct given {
	uint8_t *frame; /* NULL: it is gone */
	uint32_t len;
	uint32_t datagram;
	struct mw_fragment says;
	uint64_t at_ns;
	enum fate fate;
	enum mw_reason reason; /* of one that left */
	bool now;	       /* in the call that is being made */
};

/* What the model knows of a datagram beside its frames that wait. */
struct datagram {
	bool dead; /* nothing is made of it, as long as that is remembered */
	enum mw_reason reason;
	uint64_t since_ns; /* its time counts from here, at the earliest */
	uint64_t again_ns; /* at the latest: it may have made room and died again, of the same */
	bool others_came;  /* it may have made room since */
	bool lied;
};

struct table {
	struct mw_fragments *fragments;
	void *memory;
	struct given given[GIVEN_MAX];
	uint32_t count, share;
	struct datagram datagram[DATAGRAMS];
	uint64_t used_ns[DATAGRAMS / 2]; /* by identification and sender: it passed, or was read */
	uint64_t now_ns, since_ns;	 /* the time; of the datagram at hand */
	bool remembers;			 /* identifications */
	bool any_used;			 /* two may share a place in that memory */
	bool any_smtp;			 /* every port is one of SMTP */
	const struct packet *cut;
	struct fuzz_input *in; /* NULL: what is whole is only looked at */
};

static uint8_t joined[MW_WHOLE_MAX]; /* the last whole */
static uint32_t joined_len;

static bool is_smtp(void *ctx, uint16_t sport, uint16_t dport)
{
	const struct table *t = ctx;

	return t->any_smtp || ((sport ^ dport) & 3) != 0;
}

static void let_go(struct given *g, enum fate fate, enum mw_reason reason)
{
	demand(g->fate == WAITS && g->frame != NULL, "a frame is given back once");
	g->fate = fate;
	g->reason = reason;
	g->now = true;
	free(g->frame); /* whoever looks at it from here on is seen */
	g->frame = NULL;
}

static void release(void *ctx, void *handle, enum mw_reason reason)
{
	struct table *t = ctx;
	struct given *g = handle;

	demand(g >= t->given && g < t->given + t->count, "a handle is one of ours");
	demand(reason == MW_REASON_FRAGMENT || reason == MW_REASON_FRAGMENT_BAD ||
			reason == MW_REASON_FRAGMENT_OVERLAP || reason == MW_REASON_FRAGMENT_TINY ||
			reason == MW_REASON_FRAGMENT_REUSED ||
			reason == MW_REASON_FRAGMENT_EXPIRED || reason == MW_REASON_FRAGMENT_FLOOD,
		"what leaves has a reason of its own");
	let_go(g, LEFT, reason);
}

static void open_table(struct table *t, uint32_t share, bool remembers, bool any_smtp)
{
	struct mw_fragments_config config = {.key = 0x0123456789abcdefull,
		.packets = PACKETS,
		.pieces = share * MW_FRAGMENTS_SHARE,
		.marks = remembers ? MARKS : 0,
		.ctx = t,
		.is_smtp = is_smtp,
		.release = release};
	size_t size = (mw_fragments_bytes(&config) + 63) & ~(size_t)63;

	memset(t, 0, sizeof(*t));
	t->now_ns = 1700000000ull * MW_NS_PER_S;
	t->share = share;
	t->remembers = remembers;
	t->any_smtp = any_smtp;
	t->memory = aligned_alloc(64, size);
	demand(t->memory != NULL, "there is memory");
	memset(t->memory, 0, size);
	t->fragments = mw_fragments_init(t->memory, &config);
}

static uint32_t waiting(const struct table *t)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->count; i++)
		n += t->given[i].fate == WAITS;
	return n;
}

/* The first of a datagram's frames that wait: all of them are as old as that one. */
static const struct given *oldest(const struct table *t, uint32_t datagram, const struct given *end)
{
	for (const struct given *k = t->given; k < end; k++)
		if (k->datagram == datagram && k->fate == WAITS)
			return k;
	return NULL;
}

static void close_table(struct table *t)
{
	mw_fragments_finish(t->fragments);
	demand(waiting(t) == 0 && mw_fragments_kept(t->fragments) == 0,
		"at the end nothing is kept");
	free(t->memory);
}

static const uint8_t *octets_of(const struct given *g)
{
	return g->frame + g->says.data;
}

enum outcome { PASSES, REPEATS, CONTRADICTS, TOO_SHORT, COMPLETES, STAYS };

/* Its place beside those of its datagram that wait, which are the first `from` to `g`. */
static enum outcome beside(const struct given *from, const struct given *g)
{
	uint32_t begin = g->says.offset, end = begin + g->says.len, have = g->says.len, n = 0;
	uint32_t total = g->says.more ? 0 : end;
	bool first = begin == 0, repeats = false;

	if (end > UINT16_MAX || (g->says.more && g->says.len % 8 != 0))
		return CONTRADICTS;
	for (const struct given *k = from; k < g; k++) {
		uint32_t k_begin = k->says.offset, k_end = k_begin + k->says.len;

		if (k->datagram != g->datagram || k->fate != WAITS)
			continue;
		n++;
		have += k->says.len;
		first = first || k_begin == 0;
		if (k_begin == begin && k_end == end && k->says.more == g->says.more &&
			memcmp(octets_of(k), octets_of(g), end - begin) == 0) {
			repeats = true;
			continue;
		}
		if ((k_begin < end && begin < k_end) || (!g->says.more && k_end > end) ||
			(!k->says.more && (end > k_end || !g->says.more)))
			return CONTRADICTS;
		if (!k->says.more)
			total = k_end;
	}
	if (repeats)
		return REPEATS;
	if (n == MW_FRAGMENTS_PIECES)
		return CONTRADICTS;
	return first && have == total ? COMPLETES : STAYS;
}

static enum outcome outcome_of(struct table *t, const struct given *from, const struct given *g)
{
	const uint8_t *tcp = octets_of(g);
	bool whole_header = g->says.len >= 20 && g->says.len >= (tcp[12] >> 4) * 4u;
	bool has_first = false, smtp;

	if (g->says.offset != 0)
		return beside(from, g);
	if (g->says.len < 4)
		return TOO_SHORT;
	for (const struct given *k = from; k < g; k++)
		has_first = has_first ||
			    (k->datagram == g->datagram && k->fate == WAITS && k->says.offset == 0);
	smtp = is_smtp(t, (uint16_t)(tcp[0] << 8 | tcp[1]), (uint16_t)(tcp[2] << 8 | tcp[3]));
	if (!smtp)
		return has_first ? beside(from, g) : PASSES;
	return whole_header ? beside(from, g) : TOO_SHORT;
}

/* The datagram from its frames, in any order: its head, then its octets. The head's length. */
static uint32_t join(const struct given *const *piece, uint32_t count)
{
	uint32_t total = 0, head = 0;

	for (uint32_t i = 0; i < count; i++)
		total += piece[i]->says.len;
	for (uint32_t i = 0; i < count; i++)
		if (piece[i]->says.offset == 0)
			head = mw_fragment_head(piece[i]->frame, &piece[i]->says, total, joined);
	demand(head > 0, "a whole has a beginning");
	for (uint32_t i = 0; i < count; i++) {
		demand(piece[i]->says.offset + piece[i]->says.len <= total,
			"and no octet behind its end");
		memcpy(joined + head + piece[i]->says.offset, octets_of(piece[i]),
			piece[i]->says.len);
	}
	joined_len = head + total;
	return head;
}

static void put_back_unaltered(
	const struct given *const *piece, uint32_t count, const uint8_t *octets, uint32_t total)
{
	for (uint32_t i = 0; i < count; i++) {
		uint8_t *frame = fuzz_exact(piece[i]->frame, piece[i]->len);
		uint32_t len =
			mw_fragment_put_back(frame, piece[i]->len, &piece[i]->says, octets, total);

		demand(len == piece[i]->len && memcmp(frame, piece[i]->frame, len) == 0,
			"what was not altered is bit for bit what came");
		free(frame);
	}
}

static enum mw_fragments_action add(
	struct table *t, uint32_t datagram, const uint8_t *frame, uint32_t len);

/* `total` octets are left of the datagram: what its frames become makes that datagram again. */
static void put_back_altered(
	const struct given *const *piece, uint32_t count, const uint8_t *octets, uint32_t total)
{
	static struct table second;
	uint32_t left = 0, done = 0;
	struct mw_frame h;

	open_table(&second, MW_FRAGMENTS_PIECES, false, true);
	for (uint32_t i = 0; i < count; i++)
		left += piece[i]->says.offset < total;
	for (uint32_t i = count; i-- > 0;) {
		uint8_t *frame = fuzz_exact(piece[i]->frame, piece[i]->len);
		uint32_t len =
			mw_fragment_put_back(frame, piece[i]->len, &piece[i]->says, octets, total);

		demand((len > 0) == (piece[i]->says.offset < total) && len <= piece[i]->len,
			"of what is left there are frames, none longer than it was");
		if (len > 0 && left > 1) {
			bool whole = add(&second, 0, frame, len) == MW_FRAGMENTS_WHOLE;

			done++;
			demand(whole == (done == left), "and they are a datagram again");
			demand(!whole || (joined_len == piece[i]->says.head_len + total &&
						 memcmp(joined + piece[i]->says.head_len, octets,
							 total) == 0),
				"the one that was put back");
		} else if (len > 0) {
			demand(mw_frame_parse(frame, len, len, &h) == MW_FRAME_TCP &&
					h.payload - h.l4 + h.payload_len == total &&
					memcmp(frame + h.l4, octets, total) == 0,
				"one that is left alone is the datagram");
		}
		free(frame);
	}
	close_table(&second);
}

static void check_whole(
	struct table *t, const struct given *g, const struct mw_fragments_result *result)
{
	const struct given *piece[MW_FRAGMENTS_PIECES];
	uint32_t head, tcp_header, total;
	uint8_t *octets;
	struct mw_frame h;

	demand(result->count >= 2 && result->count <= MW_FRAGMENTS_PIECES &&
			result->handle[result->count - 1] == g,
		"a whole has some frames, the last is this one");
	for (uint32_t i = 0; i < result->count; i++) {
		piece[i] = result->handle[i];
		demand(piece[i] >= t->given && piece[i] <= g && piece[i]->fate == WAITS &&
				piece[i]->datagram == g->datagram,
			"it is made of frames of its own that waited");
		demand(i == 0 || piece[i - 1] < piece[i], "in the order of their arrival");
	}
	head = join(piece, result->count);
	total = joined_len - head;
	demand(mw_frame_parse(joined, joined_len, joined_len, &h) != MW_FRAME_FRAGMENT,
		"a whole is no fragment");
	if (t->cut != NULL && !t->datagram[g->datagram].lied) {
		demand(joined_len == t->cut->end &&
				memcmp(joined + t->cut->says.l4, t->cut->octets + t->cut->says.l4,
					joined_len - t->cut->says.l4) == 0,
			"what was cut comes back");
		demand(g->datagram != 0 || memcmp(joined, t->cut->octets, joined_len) == 0,
			"bit for bit");
	}
	if (t->in == NULL)
		return;
	octets = fuzz_exact(joined + head, total);
	put_back_unaltered(piece, result->count, octets, total);
	tcp_header = (octets[12] >> 4) * 4u;
	if (tcp_header >= 20 && tcp_header <= total) {
		uint32_t less = tcp_header + fuzz_u16(t->in) % (total - tcp_header + 1);

		if (less > tcp_header)
			octets[less - 1] ^= fuzz_u8(t->in);
		put_back_altered(piece, result->count, octets, less);
	}
	free(octets);
}

static void dies(struct table *t, uint32_t datagram, enum mw_reason reason)
{
	struct datagram *d = &t->datagram[datagram];

	d->dead = true;
	d->reason = reason;
	d->others_came = false;
	d->since_ns = d->again_ns = t->since_ns;
	demand(oldest(t, datagram, t->given + t->count - 1) == NULL,
		"of what is given up nothing is kept");
}

static bool over(const struct table *t, uint64_t since_ns)
{
	return t->now_ns - since_ns > MW_FRAGMENTS_LIFE_NS;
}

/* A frame ended for what its datagram died of. One that had not ended so by itself shows that the
 * datagram is remembered. After one that had, where others may have taken its place, or its time
 * may be over, it may as well have died again by this one. An identification that was used is
 * remembered apart. */
static void stays_dead(const struct table *t, struct datagram *d, enum outcome outcome)
{
	bool by_itself = (d->reason == MW_REASON_FRAGMENT_TINY && outcome == TOO_SHORT) ||
			 (d->reason == MW_REASON_FRAGMENT_BAD && outcome == CONTRADICTS);

	if (by_itself && (d->others_came || over(t, d->since_ns)))
		d->again_ns = t->now_ns;
	if (d->reason != MW_REASON_FRAGMENT_REUSED)
		d->others_came = false;
}

static void check_drop(struct table *t, const struct given *g, enum mw_reason reason,
	enum outcome outcome, bool waited, uint32_t before)
{
	switch (reason) {
	case MW_REASON_FRAGMENT_REPEAT:
		demand(outcome == REPEATS, "a repeat is one");
		break;
	case MW_REASON_FRAGMENT_BAD:
	case MW_REASON_FRAGMENT_OVERLAP:
		demand(outcome == CONTRADICTS, "what is bad contradicts something");
		dies(t, g->datagram, reason);
		break;
	case MW_REASON_FRAGMENT_TINY:
		demand(outcome == TOO_SHORT, "a tiny one is");
		dies(t, g->datagram, reason);
		break;
	case MW_REASON_FRAGMENT_FLOOD:
		demand(before + 1 > t->share && (outcome == STAYS || outcome == COMPLETES),
			"as long as there is room nothing is thrown away");
		demand(oldest(t, g->datagram, g) == NULL, "and what is, is all of it");
		break;
	case MW_REASON_FRAGMENT_REUSED:
		demand(t->remembers && t->any_used && outcome != PASSES,
			"an identification was used before");
		if (waited)
			dies(t, g->datagram, reason);
		break;
	default:
		demand(false, "what ends here has a reason of its own");
	}
}

/* What left in this call, beside its own: for time, or for want of room. */
static void check_others(struct table *t, uint32_t datagram, uint32_t before)
{
	bool full = before >= t->share || t->count > PACKETS / MW_FRAGMENTS_SHARE;

	for (uint32_t i = 0; i + 1 < t->count; i++) {
		const struct given *k = &t->given[i];

		if (k->now && k->datagram != datagram)
			demand(full && k->reason == MW_REASON_FRAGMENT_FLOOD,
				"a fragment harms others only by the room it takes");
	}
	for (uint32_t i = 0; i < DATAGRAMS; i++)
		t->datagram[i].others_came = t->datagram[i].others_came || i != datagram;
}

static enum mw_fragments_action add(
	struct table *t, uint32_t datagram, const uint8_t *frame, uint32_t len)
{
	struct given *g = &t->given[t->count];
	struct datagram *d = &t->datagram[datagram];
	uint64_t *used_ns = &t->used_ns[datagram / 2];
	struct mw_fragments_result result = {.count = 0};
	uint32_t before = waiting(t);
	enum mw_fragments_action action;
	enum outcome outcome;
	const struct given *first;
	struct mw_frame h;
	bool dead, waited, used;

	*g = (struct given){.frame = fuzz_exact(frame, len),
		.len = len,
		.datagram = datagram,
		.at_ns = t->now_ns};
	demand(mw_frame_parse(g->frame, len, len, &h) == MW_FRAME_FRAGMENT,
		"a fragment is called so");
	demand(mw_fragment_parse(g->frame, len, &g->says), "and is one that a receiver takes");
	for (uint32_t i = 0; i < t->count; i++)
		t->given[i].now = false;
	first = oldest(t, datagram, g);
	waited = first != NULL && t->now_ns - first->at_ns <= MW_FRAGMENTS_LIFE_NS;
	t->since_ns = waited ? first->at_ns : t->now_ns;
	outcome = outcome_of(t, waited ? first : g, g);
	dead = d->dead && !over(t, d->again_ns);
	used = t->remembers && *used_ns != 0 && t->now_ns - *used_ns < 119 * MW_NS_PER_S;
	t->count++;
	action = mw_fragments_add(
		t->fragments, t->now_ns, (uint8_t)(datagram & 1), g->frame, len, g, &result);
	check_others(t, datagram, before);

	if (dead && action == MW_FRAGMENTS_DROP && result.reason == d->reason) {
		stays_dead(t, d, outcome);
		let_go(g, LEFT, result.reason);
		return action;
	}
	demand(!dead || d->others_came || over(t, d->since_ns), "what is given up stays so");
	d->dead = false;
	switch (action) {
	case MW_FRAGMENTS_KEEP:
		demand(outcome == STAYS, "what is kept is not there yet, and fits");
		break;
	case MW_FRAGMENTS_PASS:
		demand(result.reason == MW_REASON_FRAGMENT &&
				(outcome == PASSES || (t->any_used && t->remembers &&
							      g->says.offset > 0 && !waited)),
			"no fragment of SMTP passes");
		demand(oldest(t, datagram, g) == NULL, "and none stays behind");
		*used_ns = t->now_ns;
		t->any_used = true;
		let_go(g, LEFT, result.reason);
		break;
	case MW_FRAGMENTS_WHOLE:
		demand(outcome == COMPLETES, "it is whole when all of it has come");
		demand(!used, "and what has an identification that was used never is");
		*used_ns = t->now_ns;
		t->any_used = true;
		check_whole(t, g, &result);
		for (uint32_t i = 0; i < result.count; i++)
			let_go(result.handle[i], IN_WHOLE, MW_REASON_FRAGMENT_JOINED);
		demand(oldest(t, datagram, g) == NULL, "all of it is the caller's again");
		break;
	case MW_FRAGMENTS_DROP:
		check_drop(t, g, result.reason, outcome, waited, before);
		let_go(g, LEFT, result.reason);
		break;
	}
	demand(mw_fragments_kept(t->fragments) == waiting(t), "what is kept is counted");
	return action;
}

static void set16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

/* A fragment of the packet: its head, the fragment's own place, its octets. */
static uint32_t fragment_of(
	const struct packet *p, const struct piece *c, uint32_t datagram, uint8_t *out)
{
	uint32_t l3 = p->says.l3, at = p->plain_end, id = 1 + (datagram >> 1 & 3);

	memcpy(out, p->octets, at);
	out[l3 + (p->says.v6 ? 12 : 15)] ^= (uint8_t)(datagram >> 3); /* of another sender */
	if (p->says.v6) {
		out[p->next_at] = 44;
		out[at] = p->octets[p->next_at];
		out[at + 1] = 0;
		set16(out + at + 2, (c->offset & 0xfff8) | (c->more ? 1 : 0));
		memset(out + at + 4, 0, 4);
		out[at + 7] = (uint8_t)id;
		at += 8;
	}
	memcpy(out + at, p->octets + p->plain_end + c->offset, c->len);
	at += c->len;
	if (p->pppoe != 0)
		set16(out + p->pppoe + 4, at - p->pppoe - 6);
	if (p->says.v6) {
		set16(out + l3 + 4, at - l3 - 40);
		return at;
	}
	set16(out + l3 + 2, at - l3);
	set16(out + l3 + 4, id);
	set16(out + l3 + 6, (c->more ? 0x2000u : 0) | c->offset / 8);
	set16(out + l3 + 10, 0);
	set16(out + l3 + 10, packet_checksum(0, out + l3, (out[l3] & 15u) * 4));
	return at;
}

static struct {
	struct table table;
	struct packet packet;
	struct piece piece[PIECES_MAX];
	uint32_t count;
	uint8_t how;
} f;

/* A piece that lies is not where it says, or not what it was, or not as long. */
static void give(uint32_t datagram, uint32_t piece, uint8_t lie, struct fuzz_input *in)
{
	struct piece c = f.piece[piece], at;
	uint8_t frame[FRAME_MAX];
	uint32_t len;

	if (f.table.count == GIVEN_MAX)
		return;
	at = c;
	if (lie == 2 && c.len > 8)
		c.len = 8 + fuzz_u8(in) % (c.len - 8);
	else if (lie == 3)
		c.more = !c.more;
	if (!c.more && c.offset == 0) /* the datagram itself */
		return;
	len = fragment_of(&f.packet, &c, datagram, frame);
	if (lie == 1)
		frame[len - 1 - fuzz_u8(in) % c.len] ^= (uint8_t)(1 + fuzz_u8(in) % 255);
	if (lie == 4) { /* elsewhere: the octets of one, the place of another */
		at.offset = fuzz_u8(in) * 8u;
		if (at.offset == 0 && !at.more)
			return;
		if (f.packet.says.v6) {
			set16(frame + f.packet.plain_end + 2, at.offset | (at.more ? 1 : 0));
		} else {
			uint8_t *ip = frame + f.packet.says.l3;

			set16(ip + 6, (at.more ? 0x2000u : 0) | at.offset / 8);
			set16(ip + 10, 0);
			set16(ip + 10, packet_checksum(0, ip, (ip[0] & 15u) * 4));
		}
	}
	f.table.datagram[datagram].lied = f.table.datagram[datagram].lied || lie != 0;
	if ((f.how & 16) != 0) /* Ethernet's */
		while (len < 60 && len + 1 < sizeof(frame))
			frame[len++] = 0;
	add(&f.table, datagram, frame, len);
}

static void cut(struct fuzz_input *in)
{
	struct packet *p = &f.packet;
	uint32_t data = p->end - p->plain_end, at = 0, header = p->says.payload - p->says.l4;

	f.count = 0;
	while (at < data) {
		uint32_t len = 8u + fuzz_u8(in) % ((f.how & 32) != 0 ? 4u : 64u) * 8;

		if (at == 0 && (f.how & 8) == 0 && len < header) /* not a tiny one */
			len = (header + 7) & ~7u;
		if (len > data - at || f.count == PIECES_MAX - 1)
			len = data - at;
		f.piece[f.count++] = (struct piece){at, len, at + len < data};
		at += len;
	}
}

static void wait(uint64_t ns)
{
	struct table *t = &f.table;

	t->now_ns += ns;
	for (uint32_t i = 0; i < t->count; i++)
		t->given[i].now = false;
	while (mw_fragments_tick(t->fragments, t->now_ns))
		;
	for (const struct given *k = t->given; k < t->given + t->count; k++) {
		demand(!k->now || k->reason == MW_REASON_FRAGMENT_EXPIRED,
			"what leaves in time has expired");
		demand(k->fate != WAITS || t->now_ns - k->at_ns <= MW_FRAGMENTS_LIFE_NS,
			"and nothing waits for longer");
	}
	demand(mw_fragments_kept(t->fragments) == waiting(t), "what is kept is counted");
}

static void step(struct fuzz_input *in)
{
	uint8_t op = fuzz_u8(in), which = fuzz_u8(in);

	switch (op % 16) {
	case 9:
	case 10:
		give(0, which % f.count, 1 + (op >> 4) % 4, in);
		break;
	case 11:
	case 12: /* of another datagram */
		give(op >> 4, which % f.count, 0, in);
		break;
	case 13:
		wait((uint64_t)which << (18 + (op >> 4)));
		break;
	case 14: /* many of many */
		for (uint32_t i = 0; i <= (which & 31u); i++)
			give((op >> 4) * (i + 1) % DATAGRAMS, (which + i) % f.count, 0, in);
		break;
	case 15: /* all of it */
		for (uint32_t i = 0; i < f.count; i++)
			give((op & 0x80) != 0 ? which % DATAGRAMS : 0, (which + i) % f.count, 0,
				in);
		break;
	default:
		give(0, which % f.count, 0, in);
		break;
	}
}

void frames_fragments(struct fuzz_input *in)
{
	struct packet *p = &f.packet;
	struct fuzz_input rest;
	size_t len;

	f.how = fuzz_u8(in);
	packet_build(p, in, true);
	cut(in);
	if (f.count < 2)
		return;
	if (!p->says.v6) { /* as it must come back */
		set16(p->octets + p->says.l3 + 4, 1);
		packet_close(p);
	}
	open_table(&f.table, (f.how & 1) != 0 ? 4 : PIECES_MAX, (f.how & 2) != 0, (f.how & 4) != 0);
	f.table.cut = p;
	len = 1 + fuzz_u8(in) % 64u;
	rest.at = fuzz_take(in, len, &rest.left);
	f.table.in = &rest;
	while (rest.left > 0)
		step(&rest);
	for (uint32_t i = 0; i < f.count; i++)
		give(0, i, 0, &rest);
	close_table(&f.table);
}
