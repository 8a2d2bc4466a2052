#include "dataplane/io/keeper.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void transmit(void *ctx, const uint8_t *frame, uint32_t len)
{
	mw_io_transmit(ctx, MW_PORT_DIVERT, frame, len);
}

int mw_io_keeper_make(struct mw_io_worker *w)
{
	struct mw_gateway_config config = {
		.key = w->shared->key, .sink = {.ctx = w, .transmit = transmit}};

	memcpy(config.mac, w->shared->divert_mac, sizeof(config.mac));
	w->gateway = malloc(sizeof(*w->gateway));
	if (!w->gateway)
		return -ENOMEM;
	mw_gateway_init(w->gateway, &config);
	w->shared->divert = true;
	return 0;
}

void mw_io_keeper_free(struct mw_io_worker *w)
{
	free(w->gateway);
	w->gateway = NULL;
}

void mw_io_keeper_settings(struct mw_io_worker *w, const struct mw_divert_settings *settings)
{
	w->divert = *settings;
	w->divert_new = true;
}

/* For the other lanes and the main thread. They may see one of the four newer than another, which
 * is put right by their next look. */
static void publish(struct mw_io_worker *w)
{
	struct mw_io_shared *s = w->shared;
	struct mw_gateway_status status = mw_gateway_status(w->gateway);

	atomic_store_explicit(&s->gateway, mw_gateway_status_pack(&status), memory_order_relaxed);
	atomic_store_explicit(
		&s->gateway_changes, mw_gateway_changes(w->gateway), memory_order_relaxed);
	atomic_store_explicit(&s->gateway_why, mw_gateway_why(w->gateway), memory_order_relaxed);
	atomic_store_explicit(
		&s->gateway_conflicts, mw_gateway_conflicts(w->gateway), memory_order_relaxed);
}

static void keep(struct mw_io_worker *w, uint64_t now_ns)
{
	if (w->divert_new)
		mw_gateway_set(w->gateway, now_ns, &w->divert);
	else if (now_ns < w->gateway->due_ns)
		return;
	w->divert_new = false;
	mw_gateway_poll(w->gateway, now_ns);
	publish(w);
}

void mw_io_keeper_turn(struct mw_io_worker *w, uint64_t now_ns)
{
	uint64_t word;

	if (w->gateway)
		keep(w, now_ns);
	word = atomic_load_explicit(&w->shared->gateway, memory_order_relaxed);
	if (word != w->gateway_word) {
		struct mw_gateway_status status = mw_gateway_status_unpack(word);

		w->gateway_word = word;
		mw_lane_set_gateway(w->lane, &status);
	}
}

bool mw_io_keeper_wants(const struct mw_io_worker *w, const uint8_t *data, uint32_t len)
{
	return w->shared->divert && mw_gateway_wants(&w->divert, w->shared->divert_mac, data, len);
}

bool mw_io_keeper_packet(struct mw_io_worker *w, const uint8_t *data, uint32_t len, uint64_t now_ns)
{
	bool ours = mw_gateway_packet(w->gateway, now_ns, data, len);

	if (ours)
		mw_lane_count(w->lane, MW_REASON_GATEWAY_TALK, 1);
	if (ours)
		publish(w);
	return ours;
}
