/*
 * Both sides of an SMTP connection, any octets. Oracles: the transcript of all events (hold points,
 * replies, messages, what was lost) is the same when the same octets come one by one and in pieces
 * of any length; the player's own (tests/smtp/player.c): everything is consumed or blocked, no
 * empty content, recipients add up, no block is lost.
 *
 * An input is a row of steps: an octet of direction and length, then so many octets; a few values
 * of it are gaps, the place where the sides fit together behind one, a capture of one side, or a
 * long run of one octet. One that begins with 0x7f is a session that keeps the rules
 * (smtp_honest.c): what was sent as a message comes out as one. 0x7e begins one for the readers
 * that the parser asks (smtp_leafs.c).
 */
#include "tests/fuzz/smtp_honest.h"
#include "tests/fuzz/smtp_leafs.h"
#include "tests/smtp/player.h"

#define RUNS_MAX    16384u /* octets of long runs of an input */
#define HONEST_MARK 0x7f
#define LEAFS_MARK  0x7e

const struct fuzz_target fuzz_target = {"smtp", 4000};

static void feed(
	struct player *p, char from, const uint8_t *data, size_t len, struct fuzz_cuts *cuts)
{
	for (size_t done = 0; done < len;) {
		size_t now = fuzz_piece(cuts, len - done);

		player_feed(p, from, data + done, now);
		done += now;
	}
}

static void play_input(struct player *p, struct fuzz_input in, struct fuzz_cuts cuts)
{
	static uint8_t run[4096];
	uint32_t runs = 0;

	player_init(p);
	while (in.left > 0) {
		uint8_t head = fuzz_u8(&in);
		char from = (head & 0x80) != 0 ? 'S' : 'C';
		size_t len = head & 0x7f;
		const uint8_t *octets;

		if (head == 0x7d && p->waiting_len == 0) {
			player_feed(p, 'c', NULL, 1 + fuzz_u8(&in) % 16);
		} else if (head == 0xfd) {
			player_feed(p, 's', NULL, 0);
		} else if (head == 0x7f) {
			len = fuzz_u8(&in) % 6;
			player_feed(p, len < 5 ? 'k' : 'r', NULL, len < 5 ? len : 0);
		} else if (head == 0xff) {
			player_feed(p, 'o', NULL, 0);
		} else if (len == 0x7e) {
			len = 16u * fuzz_u8(&in);
			memset(run, fuzz_u8(&in), len);
			runs += (uint32_t)len;
			if (runs <= RUNS_MAX)
				feed(p, from, run, len, &cuts);
		} else if (len < 0x7d) {
			octets = fuzz_take(&in, len, &len);
			feed(p, from, octets, len, &cuts);
		}
	}
	player_finish(p);
}

static void same(const struct player *whole, struct fuzz_input in, struct fuzz_cuts cuts)
{
	struct player cut;

	play_input(&cut, in, cuts);
	if (strcmp(whole->out.data, cut.out.data) != 0)
		fprintf(stderr, "--- whole\n%s--- cut\n%s", whole->out.data, cut.out.data);
	demand(strcmp(whole->out.data, cut.out.data) == 0,
		"the same octets cut anywhere are the same events");
	player_free(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	struct player whole;

	if (size > 0 && data[0] == HONEST_MARK) {
		fuzz_u8(&in);
		smtp_honest(&in);
		return 0;
	}
	if (size > 1 && data[0] == LEAFS_MARK) {
		fuzz_u8(&in);
		if (fuzz_u8(&in) % 2 == 0)
			smtp_hello(&in);
		else
			smtp_refusal(&in);
		return 0;
	}
	play_input(&whole, in, (struct fuzz_cuts){.most = 0});
	same(&whole, in, (struct fuzz_cuts){.most = 1});
	same(&whole, in, (struct fuzz_cuts){{size}, 7});
	player_free(&whole);
	return 0;
}

static const char *const client_words[] = {"EHLO x\r\n", "HELO\r\n", "MAIL FROM:<a@b>\r\n",
	"RCPT TO:<c@d>\r\n", "RCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n", "DATA\r\n", "BDAT 3\r\nabc",
	"BDAT 3 LAST\r\nabc", "BDAT 0 LAST\r\n", "BDAT 5\r\nab", "BDAT x\r\n", "RSET\r\n",
	"NOOP\r\n", "STARTTLS\r\n", "AUTH LOGIN\r\n", "AUTH PLAIN AAAA\r\n", "c2VjcmV0\r\n",
	"*\r\n", "QUIT\r\n", ".\r\n", "\r\n.\r\n", "\n.\n", "\n.\r\n", "\r\n.\n", "\r.\r", "..\r\n",
	"text\r\n", "\r", "\n", ".", "XEXCH50 1\r\n", "TURN\r\n", "\x16\x03\x01\x01", "\r\n.\n",
	"\n.\r", "AUTH PLAIN c2VjcmV0\r\n", "MAIL FROM:<a@b> BODY=BINARYMIME SIZE=9\r\n",
	"MAIL FROM:<> SMTPUTF8\r\n", "BDAT 18446744073709551615\r\n",
	"BDAT 10 LAST\r\n\r\n.\r\nRSET\r\n", "VRFY x\r\n", "XCLIENT ADDR=192.0.2.1\r\n",
	"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03"};
static const char *const server_words[] = {"220 hi\r\n", "220-hi\r\n", "250 ok\r\n", "250 ok\r\n",
	"250 ok\r\n250 ok\r\n", "250-STARTTLS\r\n250-PIPELINING\r\n250 CHUNKING\r\n", "354 go\r\n",
	"354 go\r\n250 ok\r\n", "334 \r\n", "235 ok\r\n", "450 no\r\n", "550 no\r\n", "503 no\r\n",
	"550-5.1.1 who\r\n", "550 5.7.1 listed\r\n", "421 bye\r\n", "221 bye\r\n", "noise\r\n",
	"250", "25", "2", "250 ok\n", "250-a\r\n550 b\r\n", "\x16\x03\x03"};

#define COUNT(words) ((uint32_t)(sizeof(words) / sizeof((words)[0])))

static size_t add(uint8_t *out, size_t n, size_t size, uint8_t side, const char *word)
{
	size_t len = strlen(word);

	if (n + 1 + len > size)
		return n;
	out[n] = (uint8_t)(side | len);
	memcpy(out + n + 1, word, len);
	return n + 1 + len;
}

static size_t make_honest(struct fuzz_random *r, uint8_t *out, size_t size)
{
	size_t n = fuzz_below(r, (uint32_t)(size < 500 ? size : 500));

	for (size_t i = 0; i < n; i++) {
		uint32_t c = fuzz_below(r, 512);

		out[i] = c < 256 ? (uint8_t)c : (uint8_t) "\n\n..\r.x\n"[c % 8];
	}
	out[0] = HONEST_MARK;
	return n < 1 ? 1 : n;
}

static size_t make_leafs(struct fuzz_random *r, uint8_t *out, size_t size)
{
	size_t n = 2 + fuzz_below(r, (uint32_t)(size < 500 ? size - 2 : 498));

	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)fuzz_random(r);
	out[0] = LEAFS_MARK;
	return n;
}

/* Words of both sides in any order, some octets of them changed. */
size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	if (size > 0 && fuzz_below(r, 6) == 0)
		return make_honest(r, out, size);
	if (size > 3 && fuzz_below(r, 8) == 0)
		return make_leafs(r, out, size);

	uint32_t words = 4 + fuzz_below(r, 60);
	size_t n = add(out, 0, size, 0x80, "220 hi\r\n");

	for (uint32_t i = 0; i < words && n + 8 < size; i++) {
		uint32_t how = fuzz_below(r, 100);

		if (how == 99) {
			out[n++] = (uint8_t[]){0xfd, 0xff, 0xfe, 0x7e, 0x7d}[fuzz_below(r, 5)];
		} else if (how >= 97) {
			out[n++] = 0x7f;
			out[n++] = (uint8_t)fuzz_below(r, 6);
		} else if (how % 2 == 0) {
			n = add(out, n, size, 0, client_words[fuzz_below(r, COUNT(client_words))]);
		} else {
			n = add(out, n, size, 0x80,
				server_words[fuzz_below(r, COUNT(server_words))]);
		}
	}
	if (n > 0 && fuzz_below(r, 3) == 0)
		for (size_t i = 0; i < n / 20; i++)
			out[fuzz_below(r, (uint32_t)n)] =
				(uint8_t) "\r\n. \0000925<>:"[fuzz_below(r, 12)];
	return n;
}
