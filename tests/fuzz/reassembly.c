/*
 * The kept octets of a direction against a slow model, one cell a sequence number: the first copy
 * wins and later ones are mended, whatever the order and the cuts; what is below the floor is of no
 * interest; what was not sent is never forgotten; what is refused changes nothing; with room
 * enough nothing is refused; neighbours that fit into one block are in one. Numbers wrap.
 */
#include "dataplane/proto/reassembly.h"
#include "tests/fuzz/target.h"

#define SPACE	   8192u
#define CHECKS_MAX 24u
#define BLOCKS	   255u /* the most there can be */
#define TIGHT	   12u

const struct fuzz_target fuzz_target = {"reassembly", 3000};

static struct {
	uint8_t octet[SPACE];
	bool kept[SPACE], sent[SPACE];
	uint32_t floor, base, next;
} model;

static void add(struct mw_reassembly *r, struct fuzz_input *in, bool tight)
{
	uint32_t at = fuzz_u16(in) % SPACE, len = fuzz_u16(in);
	uint8_t first = fuzz_u8(in), how = fuzz_u8(in);
	uint8_t *data, *want;
	enum mw_kept_result got;
	bool conflict = false;

	len = (how & 1) != 0 ? len % 4096 : len % 32; /* segments, and scraps */
	len = len < SPACE - at ? len : SPACE - at;
	data = fuzz_exact(&first, 0);
	data = realloc(data, len + 1);
	demand(data != NULL, "there is memory");
	for (uint32_t i = 0; i < len; i++) /* few values: copies agree now and then */
		data[i] = (uint8_t)((first + (at + i) * (how >> 1 & 1)) & 3);
	want = fuzz_exact(data, len);
	for (uint32_t i = 0; i < len; i++)
		if (at + i >= model.floor && model.kept[at + i]) {
			conflict |= data[i] != model.octet[at + i];
			want[i] = model.octet[at + i];
		}
	if ((how & 4) != 0)
		model.next = at;
	got = mw_reassembly_add(r, model.base + model.next, model.base + at, data, len);
	if (got == MW_KEPT_REFUSED) {
		demand(tight, "with room enough nothing is refused");
	} else {
		demand((got == MW_KEPT_CONFLICT) == conflict,
			"a conflict is told when there is one");
		demand(memcmp(data, want, len) == 0, "the first copy wins");
		for (uint32_t i = 0; i < len; i++)
			if (at + i >= model.floor && !model.kept[at + i]) {
				model.kept[at + i] = true;
				model.octet[at + i] = data[i];
			}
	}
	free(want);
	free(data);
}

/* What has not been sent is given for sending, all of it, in order, with its octets. */
static void check_unsent(const struct mw_reassembly *r, uint32_t from, uint32_t limit)
{
	uint32_t at = from;

	for (;;) {
		uint32_t seq;
		struct mw_span run =
			mw_reassembly_unsent(r, model.base + at, model.base + limit, &seq);
		uint32_t start = run.len > 0 ? seq - model.base : limit;

		demand(start >= at && start <= limit && run.len <= limit - start,
			"what is to be sent lies where it was asked for");
		for (; at < start; at++)
			demand(!model.kept[at] || model.sent[at], "nothing unsent is forgotten");
		if (run.len == 0)
			return;
		for (size_t i = 0; i < run.len; i++, at++)
			demand(model.kept[at] && model.octet[at] == run.data[i],
				"what is to be sent is what was kept");
	}
}

static void check(const struct mw_reassembly *r)
{
	uint32_t at = model.floor, total = 0, found;

	while (at < SPACE) {
		struct mw_span run = mw_reassembly_at(r, model.base + at);

		for (size_t i = 0; i < run.len; i++, at++, total++)
			demand(at < SPACE && model.kept[at] && model.octet[at] == run.data[i],
				"what is kept is what came first");
		if (run.len > 0)
			continue;
		if (!mw_reassembly_next(r, model.base + at, &found))
			found = model.base + SPACE;
		demand(found - model.base > at && found - model.base <= SPACE,
			"the next octet lies ahead");
		for (; at < found - model.base; at++)
			demand(!model.kept[at], "nothing that came is missing");
	}
	demand(mw_reassembly_beyond(r, model.base + model.floor) == total,
		"as many octets are kept as can be had");
	demand(r->blocks == r->pool->used && r->blocks <= r->blocks_max, "within the budget");
	for (const struct mw_kept *k = r->head; k != NULL && k->next != NULL; k = k->next)
		demand(k->seq + k->len != k->next->seq ||
				(uint32_t)k->len + k->next->len > MW_KEPT_DATA_BYTES,
			"what fits into one block is in one");
	check_unsent(r, model.floor, SPACE);
}

static void step(struct mw_reassembly *r, struct fuzz_input *in, bool tight)
{
	uint32_t a, b;

	switch (fuzz_u8(in) % 8) {
	case 5:
		a = fuzz_u16(in) % SPACE;
		mw_reassembly_trim(r, model.base + a);
		model.floor = a > model.floor ? a : model.floor;
		break;
	case 6:
		a = fuzz_u16(in) % SPACE;
		b = a + fuzz_u16(in) % (SPACE - a);
		mw_reassembly_sent(r, model.base + a, model.base + b);
		memset(model.sent + a, true, b - a);
		break;
	case 7: /* the octets in order, sent on as the lane does */
		a = model.floor;
		for (b = a; b < SPACE && model.kept[b];)
			b++;
		b = a + (b - a) * fuzz_u8(in) / 255;
		mw_reassembly_sent(r, model.base + a, model.base + b);
		memset(model.sent + a, true, b - a);
		model.next = b;
		break;
	default:
		add(r, in, tight);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	static void *memory;
	struct mw_reassembly r;
	struct mw_pool pool;
	uint8_t how = fuzz_u8(&in);
	bool tight = (how & 1) != 0;

	if (memory == NULL)
		memory = aligned_alloc(64, (size_t)BLOCKS * MW_KEPT_BLOCK_BYTES);
	demand(memory != NULL, "there is memory");
	memset(&model, 0, sizeof(model));
	model.base = (how & 2) != 0 ? fuzz_u32(&in) : 0u - SPACE / 2;
	mw_pool_init(
		&pool, memory, MW_KEPT_BLOCK_BYTES, tight && (how & 4) != 0 ? TIGHT / 2 : BLOCKS);
	mw_reassembly_init(&r, &pool, tight ? TIGHT : BLOCKS);
	mw_reassembly_start(&r, model.base);
	for (uint32_t checks = 0; in.left > 0;) {
		if (fuzz_u8(&in) % 8 == 0 && checks++ < CHECKS_MAX)
			check(&r);
		step(&r, &in, tight);
	}
	check(&r);
	mw_reassembly_clear(&r);
	demand(pool.used == 0, "every block comes back");
	return 0;
}

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	size_t n = fuzz_below(r, (uint32_t)(size < 600 ? size : 600) + 1);

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)fuzz_random(r);
	return n;
}
