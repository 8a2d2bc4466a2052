/*
 * What a customer under RATE may still send: one bucket each for messages, recipients and
 * connections, kept as the time at which it would be full again (the virtual scheduling algorithm,
 * ITU-T I.371), so that nothing has to be filled by a tick. A bucket holds a sixth of an hour's
 * allowance: a burst of ten minutes passes at once. With several lanes each has its part of the
 * allowance, because a customer's connections are spread over them by a hash and lanes share
 * nothing.
 *
 * Customers under RATE are few; the places for them are fixed, and the one asked for longest ago
 * makes room, with full buckets if he comes back.
 */
#include "dataplane/engine/internal.h"

#define HOUR_NS (3600 * MW_NS_PER_S)
#define BURSTS	6u /* an hour */

static struct mw_rate_use *use_of(struct mw_lane *lane, uint32_t customer)
{
	struct mw_rate_use *oldest = NULL;
	uint32_t at = (customer * 0x9e3779b1u) >> 16;

	for (uint32_t i = 0; i < MW_RATE_PROBES; i++) {
		struct mw_rate_use *use = &lane->rate[(at + i) % MW_RATE_CUSTOMERS];

		if (use->used_ns != 0 && use->customer == customer) {
			use->used_ns = lane->now_ns;
			return use;
		}
		if (oldest == NULL || use->used_ns < oldest->used_ns)
			oldest = use;
	}
	*oldest = (struct mw_rate_use){.customer = customer, .used_ns = lane->now_ns};
	return oldest;
}

static uint32_t part_of(const struct mw_lane *lane, uint32_t an_hour)
{
	uint32_t lanes = lane->config.lanes > 1 ? lane->config.lanes : 1;

	return (an_hour + lanes - 1) / lanes;
}

/* The time at which the bucket is full again when `n` are taken now; 0: there are not so many. One
 * that is larger than the bucket passes when it is full. */
static uint64_t full_after(
	const struct mw_lane *lane, uint64_t full_ns, uint32_t an_hour, uint32_t n)
{
	uint64_t each, holds, now_ns = lane->now_ns;

	if (an_hour == 0 || n == 0)
		return full_ns == 0 ? 1 : full_ns;
	an_hour = part_of(lane, an_hour);
	each = HOUR_NS / an_hour;
	holds = an_hour / BURSTS > 1 ? an_hour / BURSTS : 1;
	if (full_ns < now_ns)
		full_ns = now_ns;
	if (full_ns - now_ns + (n < holds ? n : holds) * each > holds * each)
		return 0;
	return full_ns + n * each;
}

static const struct mw_rate *limits_of(const struct mw_lane *lane, uint32_t customer)
{
	return &mw_snapshot_customer_entry(lane->snapshot, customer)->rate;
}

bool mw_rate_connection(struct mw_lane *lane, uint32_t customer)
{
	struct mw_rate_use *use = use_of(lane, customer);
	uint64_t full_ns =
		full_after(lane, use->connections_ns, limits_of(lane, customer)->connections, 1);

	if (full_ns != 0)
		use->connections_ns = full_ns;
	return full_ns != 0;
}

bool mw_rate_message(struct mw_lane *lane, uint32_t customer, uint32_t recipients)
{
	const struct mw_rate *limits = limits_of(lane, customer);
	struct mw_rate_use *use = use_of(lane, customer);
	uint64_t messages_ns = full_after(lane, use->messages_ns, limits->messages, 1);
	uint64_t recipients_ns =
		full_after(lane, use->recipients_ns, limits->recipients, recipients);

	if (messages_ns == 0 || recipients_ns == 0)
		return false;
	use->messages_ns = messages_ns;
	use->recipients_ns = recipients_ns;
	return true;
}
