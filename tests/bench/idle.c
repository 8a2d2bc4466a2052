/*
 * What an open SMTP connection costs while nothing happens on it: greeted, said EHLO, waits.
 * Counted in the lane's own tables and pools, not guessed from the sizes of structures.
 */
#include "dataplane/engine/internal.h"
#include "dataplane/proto/segment.h"
#include "dataplane/verdict/snapshot.h"
#include "tests/bench/play.h"

#include <stdlib.h>

#define CONNECTIONS 2000

struct talk {
	struct mw_lane *lane;
	uint32_t number, client_seq, server_seq;
	uint64_t now_ns;
};

static void say(struct talk *t, bool from_client, uint8_t flags, const char *line)
{
	uint8_t client[4] = {10, 20, (uint8_t)(t->number >> 8), (uint8_t)t->number};
	uint8_t server[4] = {198, 51, 100, 7};
	size_t len = line == NULL ? 0 : strlen(line);
	struct mw_segment s = {
		.l2 = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0},
		.l2_len = 14,
		.ttl = 64,
		.src = mw_ip_from_v4(from_client ? client : server),
		.dst = mw_ip_from_v4(from_client ? server : client),
		.sport = from_client ? 40000 : 25,
		.dport = from_client ? 25 : 40000,
		.seq = from_client ? t->client_seq : t->server_seq,
		.ack = from_client ? t->server_seq : t->client_seq,
		.flags = flags,
		.window = 500,
	};
	uint8_t frame[1600];
	struct mw_packet packet = {
		.data = frame, .port_in = from_client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE};

	packet.len = packet.wire_len =
		mw_segment_write(&s, mw_span_of(line, len), frame, sizeof(frame));
	*(from_client ? &t->client_seq : &t->server_seq) +=
		(uint32_t)len + ((flags & MW_TCP_SYN) != 0 ? 1 : 0);
	mw_lane_packet(t->lane, t->now_ns += 1000, &packet);
}

static void open_one(struct talk *t, uint32_t number)
{
	t->number = number;
	t->client_seq = number * 77777u;
	t->server_seq = number * 99991u;
	say(t, true, MW_TCP_SYN, NULL);
	say(t, false, MW_TCP_SYN | MW_TCP_ACK, NULL);
	say(t, true, MW_TCP_ACK, NULL);
	say(t, false, MW_TCP_ACK | MW_TCP_PSH, "220 mx.example ESMTP\r\n");
	say(t, true, MW_TCP_ACK | MW_TCP_PSH, "EHLO mail.office.example\r\n");
	say(t, false, MW_TCP_ACK | MW_TCP_PSH, "250-mx.example\r\n250 PIPELINING\r\n");
	say(t, true, MW_TCP_ACK, NULL);
	mw_lane_poll(t->lane, t->now_ns);
}

double player_idle_flow_bytes(const struct mw_port_set *ports)
{
	struct mw_lane_config config = {.key = 1,
		.smtp_ports = ports,
		.flows = 4096,
		.contents = 4096,
		.messages = 16,
		.kept_blocks = 4096,
		.record_blocks = 16,
		.responders = 1,
		.every_client = true,
		.mtu = 1500,
		.hold_max_ms = 8000};
	struct mw_lane_sink sink = {0};
	size_t size = (mw_lane_bytes(&config) + 63) & ~(size_t)63;
	struct talk t = {.now_ns = 1795000000ull * MW_NS_PER_S};
	const struct mw_pool *pools[5];
	void *memory, *snapshot_memory;
	double bytes;

	if (mw_charset_table_open(&config.charsets) != 0)
		return -1;
	memory = aligned_alloc(64, size);
	if (memory == NULL)
		return -1;
	memset(memory, 0, size);
	t.lane = mw_lane_init(memory, &config, &sink);
	mw_lane_set_snapshot(t.lane, play_snapshot(&snapshot_memory));
	for (uint32_t i = 0; i < CONNECTIONS; i++)
		open_one(&t, i);
	bytes = (double)mw_flow_table_bytes(config.flows, sizeof(struct mw_flow)) / config.flows *
		t.lane->flows.used;
	pools[0] = &t.lane->kept_pool;
	pools[1] = &t.lane->envelope_pool;
	pools[2] = &t.lane->content_pool;
	pools[3] = &t.lane->transfer_pool;
	pools[4] = &t.lane->record_pool;
	for (int i = 0; i < 5; i++)
		bytes += (double)pools[i]->used * (double)pools[i]->block_bytes;
	bytes /= t.lane->flows.used > 0 ? t.lane->flows.used : 1;
	mw_charset_table_close(config.charsets);
	free(memory);
	free(snapshot_memory);
	return bytes;
}
