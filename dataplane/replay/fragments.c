#include "dataplane/replay/fragments.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/flow/fragments.h"

#define PACKETS 1024 /* under way at a time */
#define PIECES	8192

struct copy {
	uint32_t len;
	uint8_t octets[];
};

struct mw_replay_fragments {
	const struct mw_port_set *ports;
	void *memory;
	struct mw_fragments *table;
	uint8_t whole[MW_WHOLE_MAX];
};

static void release(void *ctx, void *handle, enum mw_reason reason)
{
	(void)ctx;
	(void)reason;
	free(handle);
}

static bool is_smtp(void *ctx, uint16_t sport, uint16_t dport)
{
	const struct mw_replay_fragments *f = ctx;

	return mw_port_set_has(f->ports, sport) || mw_port_set_has(f->ports, dport);
}

struct mw_replay_fragments *mw_replay_fragments_new(const struct mw_port_set *ports)
{
	struct mw_replay_fragments *f = calloc(1, sizeof(*f));
	struct mw_fragments_config config = {
		.packets = PACKETS,
		.pieces = PIECES,
		.short_starts = true,
		.is_smtp = is_smtp,
		.release = release,
	};
	size_t bytes;

	if (f == NULL)
		return NULL;
	config.ctx = f;
	bytes = (mw_fragments_bytes(&config) + 63) & ~(size_t)63;
	f->ports = ports;
	f->memory = aligned_alloc(64, bytes);
	if (f->memory == NULL) {
		free(f);
		return NULL;
	}
	memset(f->memory, 0, bytes);
	f->table = mw_fragments_init(f->memory, &config);
	return f;
}

void mw_replay_fragments_free(struct mw_replay_fragments *f)
{
	if (f == NULL)
		return;
	mw_fragments_finish(f->table);
	free(f->memory);
	free(f);
}

static uint32_t put_together(
	struct mw_replay_fragments *f, const struct mw_fragments_result *result)
{
	struct mw_fragment g[MW_FRAGMENTS_PIECES];
	uint32_t total = 0, head = 0;

	for (uint32_t i = 0; i < result->count; i++) {
		const struct copy *copy = result->handle[i];

		mw_fragment_parse(copy->octets, copy->len, &g[i]);
		if (total < g[i].offset + g[i].len)
			total = g[i].offset + g[i].len;
	}
	for (uint32_t i = 0; i < result->count; i++)
		if (g[i].offset == 0)
			head = mw_fragment_head(((const struct copy *)result->handle[i])->octets,
				&g[i], total, f->whole);
	for (uint32_t i = 0; i < result->count; i++) {
		memcpy(f->whole + head + g[i].offset,
			((const struct copy *)result->handle[i])->octets + g[i].data, g[i].len);
		free(result->handle[i]);
	}
	return head + total;
}

uint32_t mw_replay_fragments_add(struct mw_replay_fragments *f, uint64_t now_ns,
	const uint8_t *frame, uint32_t len, uint8_t **whole)
{
	struct mw_fragments_result result;
	struct mw_fragment g;
	struct copy *copy;

	while (mw_fragments_tick(f->table, now_ns))
		;
	if (!mw_fragment_parse(frame, len, &g))
		return 0;
	copy = malloc(sizeof(*copy) + len);
	if (copy == NULL)
		return 0;
	copy->len = len;
	memcpy(copy->octets, frame, len);
	switch (mw_fragments_add(
		f->table, now_ns, MW_PORT_INSIDE, copy->octets, len, copy, &result)) {
	case MW_FRAGMENTS_KEEP:
		return 0;
	case MW_FRAGMENTS_WHOLE:
		*whole = f->whole;
		return put_together(f, &result);
	case MW_FRAGMENTS_PASS:
	case MW_FRAGMENTS_DROP:
		break;
	}
	free(copy);
	return 0;
}
