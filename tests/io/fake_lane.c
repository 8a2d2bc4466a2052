/* See fake_lane.h. The owner is a symmetric hash of a TCP connection on port 25, nobody for the
 * rest. */
#include "tests/io/fake_lane.h"

#include <string.h>
#include <unistd.h>

#include "dataplane/io/upkeep.h"

_Atomic uint32_t fake_lane_seen[FLOWS_MAX][2], fake_lane_stall_us;

static struct fake_lane *self(struct mw_lane *lane)
{
	return (struct fake_lane *)(void *)lane;
}

void fake_lane_init(struct fake_lane *lane, uint16_t index, const struct mw_lane_sink *sink)
{
	memset(lane, 0, sizeof(*lane));
	lane->index = index;
	lane->sink = *sink;
}

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint32_t get16(const uint8_t *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

uint16_t mw_lane_owner(const struct mw_port_set *smtp_ports, uint64_t key, const uint8_t *frame,
	uint32_t len, uint16_t lanes)
{
	uint32_t mix;

	if (len < MARK_AT || get16(frame + 12) != 0x0800 || frame[23] != 6)
		return MW_LANE_ANY;
	if (get16(frame + 34) != 25 && get16(frame + 36) != 25)
		return MW_LANE_ANY;
	mix = get32(frame + 26) ^ get32(frame + 30) ^ get16(frame + 34) ^ get16(frame + 36);
	return (uint16_t)((mix * 2654435761u >> 16) % lanes);
}

void mw_lane_packet(struct mw_lane *lane, uint64_t now_ns, struct mw_packet *packet)
{
	struct fake_lane *f = self(lane);
	const uint8_t *mark = packet->data + MARK_AT;

	packet->forward = true;
	packet->reason = MW_REASON_FORWARDED;
	packet->port_out = mw_lane_across(lane, packet->port_in, packet->data, packet->len);
	if (f->delay_us)
		usleep(f->delay_us);
	if (packet->len < MARKED_LEN || memcmp(mark, "MW", 2) != 0)
		return;
	if (get32(mark + 3) < FLOWS_MAX && packet->port_in < 2)
		atomic_fetch_or(&fake_lane_seen[get32(mark + 3)][packet->port_in], 1u << f->index);
	switch (mark[2]) {
	case MARK_CONSUME:
		packet->forward = false;
		packet->reason = MW_REASON_VERDICT_DROP;
		break;
	case MARK_SHORTEN:
		packet->len = MARKED_LEN;
		break;
	case MARK_ANSWER:
		packet->forward = false;
		for (int i = 0; i < 100; i++)
			f->sink.transmit(f->sink.ctx, (enum mw_port)packet->port_in, packet->data,
				packet->len);
		break;
	case MARK_GROW:
		packet->data -= 4; /* the rim has said that there is room */
		packet->len += 4;
		memcpy(packet->data, FAKE_GROWTH, 4);
		break;
	case MARK_SHRINK:
		packet->data += 4;
		packet->len -= 4;
		break;
	case MARK_STALL:
		usleep(fake_lane_stall_us);
		break;
	case MARK_LOST_PORT:
		packet->port_out = MW_PORT_DIVERT;
		break;
	default:
		break;
	}
	f->counters.reason[packet->reason]++;
}

uint8_t mw_lane_across(
	const struct mw_lane *lane, uint8_t port_in, const uint8_t *frame, uint32_t len)
{
	return port_in == MW_PORT_OUTSIDE ? MW_PORT_INSIDE : MW_PORT_OUTSIDE;
}

void mw_lane_set_gateway(struct mw_lane *lane, const struct mw_gateway_status *status)
{
	self(lane)->gateway = *status;
	self(lane)->gateway_told++;
}

bool mw_lane_poll(struct mw_lane *lane, uint64_t now_ns)
{
	return false;
}

void mw_lane_finish(struct mw_lane *lane, uint64_t now_ns)
{
}

void mw_lane_count(struct mw_lane *lane, enum mw_reason reason, uint64_t n)
{
	self(lane)->counters.reason[reason] += n;
}

void mw_lane_fragment(struct mw_lane *lane, enum mw_reason reason, uint32_t sent)
{
	self(lane)->counters.reason[reason]++;
}

const struct mw_lane_counters *mw_lane_counters(const struct mw_lane *lane)
{
	return &((const struct fake_lane *)(const void *)lane)->counters;
}

/* The rules and snapshots of a live appliance are no matter of these tests. */
void mw_io_upkeep_begin(struct mw_io_worker *w)
{
}

void mw_io_upkeep_snapshot(struct mw_io_worker *w)
{
}

void mw_io_upkeep_ms(struct mw_io_worker *w, uint64_t now_ns)
{
	w->next_ms_ns = UINT64_MAX;
}

void mw_io_upkeep_end(struct mw_io_worker *w, uint64_t now_ns)
{
}
