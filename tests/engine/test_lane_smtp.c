/*
 * The lane's side of SMTP: which ports are inspected, what is known of a session under TLS, how
 * refusals are counted, and that no credential is left in any memory of the lane.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/time.h"
#include "dataplane/engine/internal.h"
#include "tests/engine/hand.h"
#include "tests/smtp/hello.h"

static void to_port(struct hand *hand, uint16_t port)
{
	hand->client.dport = port;
	hand->server.sport = port;
}

static void a_mail(struct hand *hand)
{
	hand_shake(hand);
	hand_envelope(hand);
	hand_say(hand, &hand->client, "DATA\r\n");
	hand_say(hand, &hand->server, "354 go\r\n");
	hand_say(hand, &hand->client, "Subject: x\r\n\r\nbody\r\n.\r\n");
	hand_poll(hand, MW_NS_PER_S);
	hand_say(hand, &hand->server, "250 q\r\n");
}

/* What the settings say is what is inspected, and nothing else is. */
static void ports_by_setting(void **state)
{
	static const uint16_t ports[] = {25, 587, 465, 2525, 1, 65535};
	static struct hand hand;

	for (size_t configured = 0; configured < 6; configured++)
		for (size_t used = 0; used < 6; used++) {
			struct rig_options options = {.port = ports[configured]};
			bool same = configured == used;

			hand_open(&hand, &options);
			to_port(&hand, ports[used]);
			a_mail(&hand);
			assert_int_equal(hand.packet.reason,
				same ? MW_REASON_INSPECTED : MW_REASON_FORWARDED);
			assert_true(hand.packet.forward);
			hand_close(&hand);
			assert_int_equal(hand.rig.messages, same);
			assert_int_equal(hand.rig.sessions, same);
		}
}

static void starttls(struct hand *hand)
{
	hand_shake(hand);
	hand_say(hand, &hand->server, "220 s\r\n");
	hand_say(hand, &hand->client, "EHLO c\r\n");
	hand_say(hand, &hand->server, "250-s\r\n250 STARTTLS\r\n");
	hand_say(hand, &hand->client, "STARTTLS\r\n");
	hand_say(hand, &hand->server, "220 go\r\n");
}

static enum mw_reason part(struct hand *hand, const struct hello *h, size_t from, size_t to)
{
	return hand_raw(hand, &hand->client, MW_TCP_ACK, hand->client.seq + (uint32_t)from,
		h->octets + from, to - from);
}

static void make_hello(struct hello *h)
{
	static struct hello message;

	hello_message(&message, &(struct hello_wish){.name = "mx.example.net",
					.versions = "\x03\x04\x03\x03",
					.versions_len = 4,
					.padding = 1200});
	hello_records(h, &message, 700);
}

/* In two segments, cut anywhere, in either order: it goes on its way, and is read all the same. */
static void a_hello_in_two_segments(void **state)
{
	static struct hand hand;
	static struct hello hello;

	make_hello(&hello);
	for (size_t at = 1; at < hello.len; at += 13)
		for (int swapped = 0; swapped < 2; swapped++) {
			struct rig_options options = {0};

			hand_open(&hand, &options);
			starttls(&hand);
			assert_int_equal(hand.rig.lane->content_pool.used, 1);
			if (swapped) {
				/* Whether TLS begins is not known yet: kept, and sent on then. */
				part(&hand, &hello, at, hello.len);
				assert_int_equal(hand.packet.reason, MW_REASON_BEYOND_GAP);
				part(&hand, &hello, 0, at);
				assert_true(hand.made_to_server > 0);
			} else {
				part(&hand, &hello, 0, at);
				assert_true(hand.packet.forward);
				part(&hand, &hello, at, hello.len);
			}
			assert_true(hand.packet.forward);
			/* Content memory is given back at once; the name alone stays. */
			assert_int_equal(hand.rig.lane->content_pool.used, 0);
			assert_int_equal(hand.rig.lane->kept_pool.used, 0);
			assert_int_equal(hand.rig.lane->tls_pool.used, 1);
			hand.client.seq += (uint32_t)hello.len;
			hand_say(&hand, &hand.server, "\x16\x03\x03 and so on");
			assert_int_equal(
				mw_lane_counters(hand.rig.lane)->reason[MW_REASON_STARTTLS], 1);
			hand_close(&hand);
			assert_string_equal(hand.rig.server_name, "mx.example.net");
			assert_int_equal(hand.rig.session.tls_hello, MW_TLS_WHOLE);
			assert_int_equal(hand.rig.session.tls_version, 0x0304);
			assert_int_equal(hand.rig.session.reason, MW_REASON_STARTTLS);
			assert_int_equal(hand.rig.session.starttls, MW_SMTP_STARTTLS_USED);
			assert_true(hand.rig.session.metadata);
			assert_int_equal(hand.rig.session.client_bytes, 8 + 10 + hello.len);
		}
}

/* The rest never comes: nobody waits for it, and the session is what it was. */
static void a_hello_that_does_not_come_whole(void **state)
{
	static struct hand hand;
	static struct hello hello;

	make_hello(&hello);
	for (int how = 0; how < 4; how++) {
		struct rig_options options = {0};

		hand_open(&hand, &options);
		starttls(&hand);
		part(&hand, &hello, 0, 300);
		hand.client.seq += 300;
		switch (how) {
		case 0: /* the server does not wait */
			hand_say(&hand, &hand.server, "\x15\x03\x03");
			assert_int_equal(hand.rig.lane->content_pool.used, 0);
			break;
		case 1: /* silence */
			for (int i = 0; i < 400; i++)
				hand_poll(&hand, 10 * MW_NS_PER_S);
			assert_int_equal(hand.rig.sessions, 1);
			break;
		case 2:
			hand_raw(&hand, &hand.client, MW_TCP_RST, hand.client.seq, NULL, 0);
			assert_int_equal(hand.rig.sessions, 1);
			break;
		default: /* the end of the process */
			break;
		}
		hand_close(&hand);
		assert_int_equal(hand.rig.sessions, 1);
		assert_string_equal(hand.rig.server_name, "");
		assert_int_equal(hand.rig.session.tls_hello, MW_TLS_CUT);
		assert_int_equal(hand.rig.session.reason, MW_REASON_STARTTLS);
		assert_true(hand.rig.session.metadata);
		assert_int_equal(hand.rig.session.client_bytes, 8 + 10 + 300);
	}
}

static void no_room_for_a_name(void **state)
{
	static struct hand hand;
	static struct hello hello;
	struct rig_options options = {.flows = MW_TLS_SEEN_SHARE};

	make_hello(&hello);
	hand_open(&hand, &options);
	for (uint16_t i = 0; i < 2; i++) {
		hand.client.sport = (uint16_t)(40000 + i);
		hand.server.dport = hand.client.sport;
		hand.client.seq = 100;
		hand.server.seq = 9000;
		starttls(&hand);
		part(&hand, &hello, 0, hello.len);
		assert_true(hand.packet.forward);
	}
	hand_close(&hand);
	assert_int_equal(hand.rig.sessions, 2);
	assert_int_equal(hand.rig.session.tls_hello, MW_TLS_UNKEPT);
	assert_string_equal(hand.rig.server_name, "");
	assert_int_equal(hand.rig.session.tls_version, 0);
}

static void refusals_are_counted_apart(void **state)
{
	static struct hand hand;
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250 PIPELINING\r\n");
	hand_say(&hand, &hand.client,
		"MAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n"
		"RCPT TO:<g@h>\r\nRCPT TO:<i@j>\r\nRCPT TO:<k@l>\r\nDATA\r\n");
	hand_say(&hand, &hand.server,
		"550 5.7.1 listed\r\n250 ok\r\n550 5.1.1 who\r\n550 no such user\r\n"
		"554-blocked using\r\n554 bl.example\r\n552 5.2.2 full\r\n450 4.1.1 later\r\n"
		"554 5.5.1 no valid recipients\r\n");
	hand_close(&hand);
	assert_int_equal(hand.rig.session.recipients_refused, 4);
	assert_int_equal(hand.rig.session.recipients_unknown, 2);
	assert_int_equal(hand.rig.session.recipients_policy, 1);
	assert_int_equal(hand.rig.session.policy_refusals, 1);
}

/* Each look-alike is reported under its own name, beside `smuggling`. */
static void a_look_alike_by_its_name(void **state)
{
	static struct hand hand;
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_envelope(&hand);
	hand_say(&hand, &hand.client, "DATA\r\n");
	hand_say(&hand, &hand.server, "354 go\r\n");
	hand_say(&hand, &hand.client, "a\n.\r\nMAIL FROM:<evil@x>\r\n");
	hand_say(&hand, &hand.client, "b\r.\rc\r\n.\r\n");
	hand_close(&hand);
	assert_int_equal(hand.rig.session.anomalies,
		MW_ANOMALY_BIT(MW_REASON_SMUGGLING) | MW_ANOMALY_BIT(MW_REASON_SMUGGLING_LF_CRLF) |
			MW_ANOMALY_BIT(MW_REASON_SMUGGLING_CR_CR) |
			MW_ANOMALY_BIT(MW_REASON_BARE_LF) | MW_ANOMALY_BIT(MW_REASON_BARE_CR));
	assert_int_equal(hand.rig.messages, 1);
}

/* Refused, STARTTLS changes nothing: what follows is inspected. */
static void starttls_refused(void **state)
{
	static struct hand hand;
	struct rig_options options = {0};

	hand_open(&hand, &options);
	hand_shake(&hand);
	hand_say(&hand, &hand.server, "220 s\r\n");
	hand_say(&hand, &hand.client, "EHLO c\r\n");
	hand_say(&hand, &hand.server, "250-s\r\n250 STARTTLS\r\n");
	hand_say(&hand, &hand.client, "STARTTLS\r\n");
	hand_say(&hand, &hand.server, "454 4.7.0 not now\r\n");
	hand_say(&hand, &hand.client, "MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n");
	hand_say(&hand, &hand.server, "250 1\r\n250 2\r\n354 3\r\n");
	hand_say(&hand, &hand.client, "Subject: x\r\n\r\nbody\r\n.\r\n");
	hand_poll(&hand, MW_NS_PER_S);
	hand_say(&hand, &hand.server, "250 q\r\n");
	hand_close(&hand);
	assert_int_equal(hand.rig.messages, 1);
	assert_true(hand.rig.message[0].complete);
	assert_int_equal(hand.rig.session.starttls, MW_SMTP_STARTTLS_REFUSED);
	assert_false(hand.rig.session.metadata);
	assert_int_equal(hand.rig.session.tls_hello, MW_TLS_NONE);
}

/* Where the two sides cannot be brought together the session is only counted, and goes on. */
static void desync_is_metadata_with_a_counter(void **state)
{
	static const char *const replies[] = {
		"500 what\r\n354 go\r\n", /* to one NOOP */
		"354 go\r\n",
	};
	static struct hand hand;

	for (size_t i = 0; i < 2; i++) {
		struct rig_options options = {0};

		hand_open(&hand, &options);
		hand_shake(&hand);
		hand_envelope(&hand);
		hand_say(&hand, &hand.client, i == 0 ? "NOOP\r\n" : "RCPT TO:<e@f>\r\n");
		hand_say(&hand, &hand.server, replies[i]);
		assert_true(hand.packet.forward);
		assert_int_equal(hand.rig.lane->content_pool.used, 0);
		hand_say(&hand, &hand.client, "Subject: hidden\r\n\r\n.\r\n");
		assert_true(hand.packet.forward);
		assert_int_equal(mw_lane_counters(hand.rig.lane)->reason[MW_REASON_DESYNC], 1);
		hand_close(&hand);
		assert_true(hand.rig.session.metadata);
		assert_int_equal(hand.rig.session.reason, MW_REASON_DESYNC);
	}
}

#define SECRET "c2VjcmV0IG9mIEtsYXVz"

/* No eight octets of it in a row, in all the memory a lane has. */
static void assert_no_secret(const struct hand *hand, const char *where)
{
	static const char secret[] = SECRET;
	size_t size = mw_lane_bytes(&hand->rig.config);

	for (size_t at = 0; at + 8 < sizeof(secret); at++)
		if (memmem(hand->rig.memory, size, &secret[at], 8) != NULL)
			fail_msg("%s: \"%.8s\" is still there", where, &secret[at]);
}

/* A client's text in segments of `piece` octets; every second one acknowledged by the server, some
 * sent twice, some in the wrong order. */
static void in_pieces(struct hand *hand, const char *text, size_t piece)
{
	size_t len = strlen(text);
	uint32_t seq = hand->client.seq;

	for (size_t at = 0, i = 0; at < len; at += piece, i++) {
		size_t n = len - at < piece ? len - at : piece;

		if (i % 3 == 1 && at + n < len) { /* the next one first */
			size_t more = len - at - n < piece ? len - at - n : piece;

			hand_raw(hand, &hand->client, MW_TCP_ACK, seq + (uint32_t)(at + n),
				text + at + n, more);
		}
		hand_raw(hand, &hand->client, MW_TCP_ACK, seq + (uint32_t)at, text + at, n);
		if (i % 4 == 2)
			hand_raw(hand, &hand->client, MW_TCP_ACK, seq + (uint32_t)at, text + at, n);
		hand->client.seq = seq + (uint32_t)(at + n);
		if (i % 2 == 0)
			hand_raw(hand, &hand->server, MW_TCP_ACK, hand->server.seq, NULL, 0);
	}
}

struct auth {
	const char *name;
	const char *turns[8]; /* client, server, client, ... */
};

static const struct auth auths[] = {
	{"initial response", {"AUTH PLAIN " SECRET "\r\n", "235 ok\r\n"}},
	{"in steps", {"AUTH LOGIN\r\n", "334 VQ==\r\n", SECRET "\r\n", "334 UA==\r\n",
			     SECRET SECRET "\r\n", "535 no\r\n"}},
	{"cancelled", {"AUTH X " SECRET "\r\n", "334 e30=\r\n", SECRET "\r\n", "334 e30=\r\n",
			      "*\r\n", "501 cancelled\r\n"}},
	{"all at once, accepted",
		{"AUTH LOGIN\r\n" SECRET "\r\n" SECRET "\r\nNOOP\r\n", "334 VQ==\r\n", "",
			"334 UA==\r\n", "", "235 ok\r\n250 ok\r\n"}},
	{"all at once, refused", {"AUTH X " SECRET "\r\n" SECRET "\r\nNOOP\r\n",
					 "504 what\r\n500 what\r\n250 ok\r\n"}},
	{"never answered", {"AUTH PLAIN " SECRET "\r\n"}},
	{"never ended", {"AUTH PLAIN " SECRET}},
	{"odd line ends", {"auth\tplain\t" SECRET "\n", "334\n", SECRET "\n", "235 ok\r\n"}},
};

/* Once the server has acknowledged it, and in any case once the session is over. */
static void no_credential_is_left(void **state)
{
	static struct hand hand;

	for (size_t i = 0; i < sizeof(auths) / sizeof(auths[0]); i++)
		for (size_t piece = 1; piece < 60; piece += 1 + piece / 8)
			for (int passive = 0; passive < 2; passive++) {
				struct rig_options options = {.passive = passive != 0,
					.kept_blocks = 64,
					.record_blocks = 32,
					.messages = 2,
					.contents = 2};
				char where[120];

				snprintf(where, sizeof(where), "%s, pieces of %zu%s", auths[i].name,
					piece, passive ? ", capture" : "");
				hand_open(&hand, &options);
				hand_shake(&hand);
				hand_say(&hand, &hand.server, "220 s\r\n");
				hand_say(&hand, &hand.client, "EHLO c\r\n");
				hand_say(&hand, &hand.server, "250 AUTH PLAIN\r\n");
				for (size_t t = 0; t < 8 && auths[i].turns[t] != NULL; t++) {
					if (t % 2 == 0)
						in_pieces(&hand, auths[i].turns[t], piece);
					else
						hand_say(&hand, &hand.server, auths[i].turns[t]);
				}
				hand_raw(&hand, &hand.server, MW_TCP_ACK, hand.server.seq, NULL, 0);
				hand_poll(&hand, MW_NS_PER_S);
				if (!passive && hand.rig.lane->kept_pool.used == 0)
					assert_no_secret(&hand, where);
				mw_lane_finish(hand.rig.lane, hand.now_ns);
				rig_assert_empty(&hand.rig);
				assert_int_equal(hand.rig.sessions, 1);
				assert_no_secret(&hand, where);
				assert_null(memmem(
					&hand.rig.session, sizeof(hand.rig.session), "c2Vj", 4));
				rig_close(&hand.rig);
			}
}

/* The same by a client that is seen alone. */
static void no_credential_of_one_direction(void **state)
{
	static struct hand hand;

	for (size_t piece = 1; piece < 60; piece += 1 + piece / 8) {
		struct rig_options options = {
			.passive = piece % 2 == 0, .kept_blocks = 64, .record_blocks = 32};

		hand_open(&hand, &options);
		hand_raw(&hand, &hand.client, MW_TCP_SYN, hand.client.seq++, NULL, 0);
		for (int i = 0; i < 5; i++)
			hand_raw(&hand, &hand.client, MW_TCP_ACK, hand.client.seq, NULL, 0);
		hand_say(&hand, &hand.client, "EHLO c\r\n");
		for (size_t at = 0; at < strlen(auths[3].turns[0]); at += piece) {
			char text[64] = "";

			memcpy(text, auths[3].turns[0] + at,
				strnlen(auths[3].turns[0] + at, piece));
			hand_say(&hand, &hand.client, text);
		}
		hand_say(&hand, &hand.client, "QUIT\r\n");
		mw_lane_finish(hand.rig.lane, hand.now_ns);
		assert_true(
			(hand.rig.session.anomalies & MW_ANOMALY_BIT(MW_REASON_ASYMMETRIC)) != 0);
		assert_true(hand.rig.session.quit);
		assert_no_secret(&hand, "one direction");
		rig_close(&hand.rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_by_setting),
		cmocka_unit_test(a_hello_in_two_segments),
		cmocka_unit_test(a_hello_that_does_not_come_whole),
		cmocka_unit_test(no_room_for_a_name),
		cmocka_unit_test(refusals_are_counted_apart),
		cmocka_unit_test(a_look_alike_by_its_name),
		cmocka_unit_test(starttls_refused),
		cmocka_unit_test(desync_is_metadata_with_a_counter),
		cmocka_unit_test(no_credential_is_left),
		cmocka_unit_test(no_credential_of_one_direction),
	};

	return cmocka_run_group_tests_name("lane_smtp", tests, NULL, NULL);
}
