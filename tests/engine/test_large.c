/*
 * Messages of 3 MB and 50 MB through the lane, made as they go and kept nowhere: what the lane
 * takes for one does not grow with it, the end is held and refused and never reaches the server, or
 * all of it arrives octet for octet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "dataplane/proto/checksum.h"
#include "dataplane/proto/segment.h"
#include "tests/engine/fake_scan.h"
#include "tests/engine/rig.h"

#define MSS	   1448u
#define WINDOW	   (64u * MSS)
#define LINE	   78u
#define HIDES	   20 /* another letter here, and there is no phrase */
#define MB	   1000000u
#define CLIENT_ISN 0xfffff000u /* wraps in the middle */
#define SERVER_ISN 7000u

struct large {
	struct rig rig; /* first: on_frame */
	uint64_t now_ns;
	struct mw_segment client, server;
	uint32_t size; /* of the message */
	bool bad, bdat;
	uint32_t lost_in; /* one packet in so many, of either side; 0: none */
	uint64_t seed;
	/* the client: octets of the message and, with DATA, of its end */
	uint32_t first; /* sequence number of the message's first octet */
	uint32_t total, next, acked;
	uint32_t server_said; /* octets */
	/* the server */
	uint32_t got; /* in order, of `total` */
	EVP_MD_CTX *sha;
	bool reset; /* by a RST at the very octet that it expects */
	/* and the lane */
	char to_client[600];
	uint32_t to_client_len;
	uint32_t kept_max, records_max;
};

static struct large large;

static uint32_t chance(uint32_t below)
{
	large.seed = large.seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(large.seed >> 33) % below;
}

/* Octet `at` of the message, and behind it ".\r\n". The phrase stands in front: text is read up to
 * a limit only (docs/reading-mail.md). */
static uint8_t octet(const struct large *l, uint32_t at)
{
	static const char head[] = "Subject: large\r\n\r\n" FAKE_PHRASE "\r\n", end[] = ".\r\n";
	uint32_t in_head = (uint32_t)sizeof(head) - 1, column, line;

	if (at >= l->size)
		return (uint8_t)end[at - l->size];
	if (at >= l->size - 2)
		return (uint8_t) "\r\n"[at - (l->size - 2)];
	if (at < in_head)
		return (uint8_t)(at == HIDES && !l->bad ? 'v' : head[at]);
	column = (at - in_head) % LINE;
	line = (at - in_head) / LINE;
	if (column >= LINE - 2)
		return (uint8_t) "\r\n"[column - (LINE - 2)];
	return (uint8_t)('a' + (line * 31 + column * column + (line >> 7)) % 26);
}

static void server_takes(const uint8_t *frame, const struct mw_frame *f)
{
	uint32_t at = f->seq - large.first;

	if (large.sha == NULL) /* it has not begun */
		return;
	if ((f->flags & MW_TCP_RST) != 0) { /* another number is asked about: transfer() */
		large.reset |= at == large.got;
		return;
	}
	if (at > large.got || at + f->payload_len <= large.got)
		return;
	EVP_DigestUpdate(large.sha, frame + f->payload + (large.got - at),
		f->payload_len - (large.got - at));
	large.got = at + f->payload_len;
}

static void on_frame(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	struct mw_frame f;

	assert_int_equal(mw_frame_parse(frame, len, len, &f), MW_FRAME_TCP);
	assert_true(mw_checksum_tcp_good(frame, &f));
	if (port == MW_PORT_OUTSIDE) {
		if (large.lost_in == 0 || chance(large.lost_in) != 0 || (f.flags & MW_TCP_RST) != 0)
			server_takes(frame, &f);
	} else if (large.to_client_len + f.payload_len < sizeof(large.to_client)) {
		memcpy(large.to_client + large.to_client_len, frame + f.payload, f.payload_len);
		large.to_client_len += f.payload_len;
		if ((f.flags & MW_TCP_ACK) != 0)
			large.acked = f.ack - large.first;
	}
}

static void put(struct mw_segment *side, uint8_t flags, uint32_t seq, uint32_t ack,
	const uint8_t *data, uint32_t len)
{
	static uint8_t frame[2048];
	struct mw_packet packet = {
		.data = frame, .port_in = side == &large.client ? MW_PORT_INSIDE : MW_PORT_OUTSIDE};
	struct mw_frame f;

	side->seq = seq;
	side->ack = ack;
	side->flags = flags;
	packet.len = packet.wire_len =
		mw_segment_write(side, mw_span_of(data, len), frame, sizeof(frame));
	assert_true(packet.len > 0);
	large.now_ns += 10 * MW_NS_PER_US;
	if (large.lost_in != 0 && chance(large.lost_in) == 0)
		return;
	mw_lane_packet(large.rig.lane, large.now_ns, &packet);
	if (!packet.forward || (large.lost_in != 0 && chance(large.lost_in) == 0))
		return;
	assert_int_equal(mw_frame_parse(frame, packet.len, packet.len, &f), MW_FRAME_TCP);
	if (side == &large.client)
		server_takes(frame, &f);
	else
		large.acked = mw_seq_max(large.acked, f.ack - large.first);
}

static void client_sends(uint32_t at, uint32_t len)
{
	uint8_t data[MSS];

	for (uint32_t i = 0; i < len; i++)
		data[i] = octet(&large, at + i);
	put(&large.client, MW_TCP_ACK, large.first + at, SERVER_ISN + 1 + large.server_said, data,
		len);
}

static void server_acks(void)
{
	put(&large.server, MW_TCP_ACK, SERVER_ISN + 1 + large.server_said, large.first + large.got,
		NULL, 0);
}

/* Commands and replies up to the first octet of the message; nothing of them is lost. */
static void say(struct mw_segment *side, const char *text)
{
	uint32_t len = (uint32_t)strlen(text);
	bool client = side == &large.client;

	put(side, MW_TCP_ACK | MW_TCP_PSH,
		client ? large.first : SERVER_ISN + 1 + large.server_said,
		client ? SERVER_ISN + 1 + large.server_said : large.first, (const uint8_t *)text,
		len);
	if (client)
		large.first += len;
	else
		large.server_said += len;
}

static void begin(uint32_t size, bool bad, bool bdat)
{
	static const uint8_t l2[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x08, 0x00};
	struct rig_options options = {.refuse_spam = true, .scan_budget_ns = 50000};
	char line[40];

	memset(&large, 0, sizeof(large));
	fake_record_cost_ns = 1000;
	rig_open(&large.rig, &options);
	large.rig.on_frame = on_frame;
	large.now_ns = 1700000000ull * MW_NS_PER_S;
	large.size = size;
	large.bad = bad;
	large.bdat = bdat;
	large.seed = size;
	large.client = (struct mw_segment){
		.ttl = 64, .sport = 40000, .dport = 25, .l2_len = 14, .window = 65000};
	memcpy(large.client.l2, l2, sizeof(l2));
	mw_ip_parse("192.0.2.10", &large.client.src);
	mw_ip_parse("198.51.100.25", &large.client.dst);
	large.server = large.client;
	large.server.src = large.client.dst;
	large.server.dst = large.client.src;
	large.server.sport = 25;
	large.server.dport = 40000;
	large.first = CLIENT_ISN + 1;
	put(&large.client, MW_TCP_SYN, CLIENT_ISN, 0, NULL, 0);
	put(&large.server, MW_TCP_SYN | MW_TCP_ACK, SERVER_ISN, CLIENT_ISN + 1, NULL, 0);
	put(&large.client, MW_TCP_ACK, CLIENT_ISN + 1, SERVER_ISN + 1, NULL, 0);
	say(&large.server, "220 s\r\n");
	say(&large.client, "EHLO c\r\n");
	say(&large.server, "250-s\r\n250 CHUNKING\r\n");
	say(&large.client, "MAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\n");
	say(&large.server, "250 ok\r\n250 ok\r\n");
	snprintf(line, sizeof(line), bdat ? "BDAT %u LAST\r\n" : "DATA\r\n", size);
	say(&large.client, line);
	if (!bdat)
		say(&large.server, "354 go on\r\n");
	large.total = size + (bdat ? 0 : 3);
	large.got = large.acked = 0;
	large.sha = EVP_MD_CTX_new();
	EVP_DigestInit_ex(large.sha, EVP_sha256(), NULL);
}

static void look_at_pools(void)
{
	const struct mw_lane *lane = large.rig.lane;

	large.kept_max =
		lane->kept_pool.used > large.kept_max ? lane->kept_pool.used : large.kept_max;
	large.records_max = lane->record_pool.used > large.records_max ? lane->record_pool.used
								       : large.records_max;
	assert_true(lane->kept_pool.used <= MW_KEPT_BLOCKS_FLOW);
	assert_true(lane->record_pool.used <= MW_FACTS_BLOCKS_MAX + MW_QUEUE_BLOCKS_MAX);
}

/* A window at a time, from the oldest octet that is not acknowledged; until the server has it all,
 * or the client is told otherwise. */
static void transfer(void)
{
	uint32_t idle = 0;

	while (large.got < large.total && !large.reset) {
		uint32_t from = large.acked, end = from + WINDOW, before = large.got;

		if (end > large.total)
			end = large.total;
		for (uint32_t at = from, n = 0; at < end && !large.reset; at += MSS, n++) {
			client_sends(at, end - at < MSS ? end - at : MSS);
			if (n % 2 == 1 && !large.reset)
				server_acks();
			if (n % 8 == 7)
				mw_lane_poll(large.rig.lane, large.now_ns);
			look_at_pools();
		}
		if (!large.reset)
			server_acks();
		large.now_ns += MW_NS_PER_MS;
		mw_lane_poll(large.rig.lane, large.now_ns);
		look_at_pools();
		idle = large.got > before ? 0 : idle + 1;
		assert_true(idle < 1000);
	}
}

static void sha256_of_message(uint8_t out[32])
{
	EVP_MD_CTX *sha = EVP_MD_CTX_new();
	uint8_t data[4096];

	EVP_DigestInit_ex(sha, EVP_sha256(), NULL);
	for (uint32_t at = 0; at < large.size;) {
		uint32_t len = 0;

		while (len < sizeof(data) && at < large.size)
			data[len++] = octet(&large, at++);
		EVP_DigestUpdate(sha, data, len);
	}
	EVP_DigestFinal_ex(sha, out, NULL);
	EVP_MD_CTX_free(sha);
}

/* All but the octet that decides is with the server, if nothing was lost; it got its RST there, and
 * the client its reply. */
static void was_refused(void)
{
	const struct rig_message *told = &large.rig.message[0];

	assert_true(large.reset);
	if (large.lost_in == 0)
		assert_int_equal(large.got, large.total - 1);
	assert_true(large.got < large.total);
	assert_memory_equal(large.to_client, "554 5.7.1 ", 10);
	assert_int_equal(large.acked, large.total);
	assert_int_equal(large.rig.messages, 1);
	assert_true(told->refused);
	assert_true(told->complete);
	assert_int_equal(told->size, large.size);
}

static void arrived(void)
{
	const struct rig_message *told = &large.rig.message[0];
	uint8_t sent[32], got[32];

	large.lost_in = 0;
	put(&large.server, MW_TCP_ACK | MW_TCP_PSH, SERVER_ISN + 1 + large.server_said,
		large.first + large.got, (const uint8_t *)"250 stored\r\n", 12);
	assert_int_equal(large.got, large.total);
	assert_false(large.reset);
	sha256_of_message(sent);
	EVP_DigestFinal_ex(large.sha, got, NULL);
	assert_int_equal(large.rig.messages, 1);
	assert_false(told->refused);
	assert_int_equal(told->size, large.size);
	assert_memory_equal(told->sha256, sent, 32);
	if (large.bdat)
		assert_memory_equal(got, sent, 32);
}

static void end(void)
{
	print_message("# %u octets: %u blocks kept, %u blocks of records at most\n", large.size,
		large.kept_max, large.records_max);
	EVP_MD_CTX_free(large.sha);
	mw_lane_finish(large.rig.lane, large.now_ns);
	rig_assert_empty(&large.rig);
	rig_close(&large.rig);
	fake_record_cost_ns = 0;
}

static void three_megabytes_are_refused(void **state)
{
	for (int bdat = 0; bdat < 2; bdat++) {
		begin(3 * MB, true, bdat != 0);
		transfer();
		was_refused();
		end();
	}
}

static void three_megabytes_are_refused_under_loss(void **state)
{
	for (int bdat = 0; bdat < 2; bdat++) {
		begin(3 * MB, true, bdat != 0);
		large.lost_in = 50;
		transfer();
		was_refused();
		end();
	}
}

static void three_megabytes_arrive_under_loss(void **state)
{
	for (int bdat = 0; bdat < 2; bdat++) {
		begin(3 * MB, false, bdat != 0);
		large.lost_in = 50;
		transfer();
		arrived();
		end();
	}
}

/* What the lane has in hand at most is the same as for a sixteenth of it. */
static void fifty_megabytes(bool bad)
{
	uint32_t kept, records;

	begin(3 * MB, bad, true);
	transfer();
	kept = large.kept_max;
	records = large.records_max;
	end();
	begin(50 * MB, bad, true);
	transfer();
	if (bad)
		was_refused();
	else
		arrived();
	assert_true(large.kept_max <= kept + 4);
	assert_true(large.records_max <= records + 2);
	end();
}

static void fifty_megabytes_are_refused(void **state)
{
	fifty_megabytes(true);
}

static void fifty_megabytes_arrive(void **state)
{
	fifty_megabytes(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_megabytes_are_refused),
		cmocka_unit_test(three_megabytes_are_refused_under_loss),
		cmocka_unit_test(three_megabytes_arrive_under_loss),
		cmocka_unit_test(fifty_megabytes_are_refused),
		cmocka_unit_test(fifty_megabytes_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
