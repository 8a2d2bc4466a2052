/*
 * Any octets on both sides: the parser neither crashes nor stalls, gives its memory back, and says
 * the same when the same octets come one by one. With -DMW_FUZZ only LLVMFuzzerTestOneInput is
 * built, for libFuzzer; else main plays the files named on the command line, or seeds it makes up.
 *
 * An input is a row of steps: one octet of direction and length, then the octets.
 */
#include "player.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void play_input(struct player *p, const uint8_t *data, size_t size, size_t piece)
{
	player_init(p);
	while (size > 0) {
		uint8_t head = *data++;
		char from = (head & 0x80) != 0 ? 'S' : 'C';
		size_t len = head & 0x7f;

		size--;
		if (len >= 0x7d) { /* rare things */
			if (head == 0x7d && p->waiting_len == 0)
				player_feed(p, 'c', NULL, 1 + len % 5);
			else if (head == 0xfd)
				player_feed(p, 's', NULL, 0);
			else if (head == 0xff)
				player_feed(p, 'o', NULL, 0);
			continue;
		}
		if (len > size)
			len = size;
		for (size_t done = 0; done < len;) {
			size_t now = piece != 0 && piece < len - done ? piece : len - done;

			player_feed(p, from, data + done, now);
			done += now;
		}
		data += len;
		size -= len;
	}
	player_finish(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct player whole, cut;

	play_input(&whole, data, size, 0);
	play_input(&cut, data, size, 1);
	if (strcmp(whole.out.data, cut.out.data) != 0) {
		fprintf(stderr, "--- whole\n%s--- cut\n%s", whole.out.data, cut.out.data);
		abort();
	}
	player_free(&whole);
	player_free(&cut);
	return 0;
}

#ifndef MW_FUZZ
#define INPUT_MAX 4096
#ifndef SEEDS
#define SEEDS 4000
#endif

static const char *const client_words[] = {"EHLO x\r\n", "HELO\r\n", "MAIL FROM:<a@b>\r\n",
	"RCPT TO:<c@d>\r\n", "RCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\n", "DATA\r\n", "BDAT 3\r\nabc",
	"BDAT 3 LAST\r\nabc", "BDAT 0 LAST\r\n", "BDAT 5\r\nab", "BDAT x\r\n", "RSET\r\n",
	"NOOP\r\n", "STARTTLS\r\n", "AUTH LOGIN\r\n", "c2VjcmV0\r\n", "*\r\n", "QUIT\r\n", ".\r\n",
	"\r\n.\r\n", "\n.\n", "\r.\r", "..\r\n", "text\r\n", "\r", "\n", ".", "XEXCH50 1\r\n",
	"TURN\r\n", "\x16\x03\x01", "\x16\x03\x01\x01", "\r\n.\n", "\n.\r",
	"AUTH PLAIN c2VjcmV0\r\n"};
static const char *const server_words[] = {"220 hi\r\n", "220-hi\r\n", "250 ok\r\n", "250 ok\r\n",
	"250 ok\r\n250 ok\r\n", "250-STARTTLS\r\n250 ok\r\n", "354 go\r\n", "334 \r\n",
	"235 ok\r\n", "450 no\r\n", "550 no\r\n", "550-5.1.1 who\r\n", "550 5.7.1 listed\r\n",
	"503 no\r\n", "421 bye\r\n", "221 bye\r\n", "noise\r\n", "2", "\x16\x03\x03"};

static size_t add(uint8_t *out, size_t n, uint8_t side, const char *word)
{
	size_t len = strlen(word);

	if (n + 1 + len > INPUT_MAX)
		return n;
	out[n] = (uint8_t)(side | len);
	memcpy(out + n + 1, word, len);
	return n + 1 + len;
}

/* Words of both sides in any order, some octets of them changed. */
static size_t make_up(uint64_t seed, uint8_t *out)
{
	uint64_t random = seed;
	size_t words = 4 + next_random(&random) % 60;
	bool random_only = seed % 10 == 9;
	size_t n = 0;

	if (random_only) {
		n = next_random(&random) % INPUT_MAX;
		for (size_t i = 0; i < n; i++)
			out[i] = (uint8_t)next_random(&random);
		return n;
	}
	n = add(out, n, 0x80, "220 hi\r\n");
	for (size_t i = 0; i < words; i++) {
		uint64_t r = next_random(&random);

		if (r % 100 == 99)
			out[n++] = (uint8_t[]){0x7d, 0xfd, 0xff}[r / 100 % 3];
		else if (r % 2 == 0)
			n = add(out, n, 0,
				client_words[r / 2 % (sizeof(client_words) / sizeof(char *))]);
		else
			n = add(out, n, 0x80,
				server_words[r / 2 % (sizeof(server_words) / sizeof(char *))]);
		if (n + 8 > INPUT_MAX)
			break;
	}
	if (seed % 3 == 0)
		for (size_t i = 0; i < n / 20; i++) {
			static const char swap[] = "\r\n. \0"
						   "0925<>:";
			size_t at = next_random(&random) % n;

			out[at] = (uint8_t)swap[next_random(&random) % (sizeof(swap) - 1)];
		}
	return n;
}

static int play_file(const char *name)
{
	static uint8_t data[1 << 20];
	FILE *f = fopen(name, "rb");
	size_t n;

	if (f == NULL) {
		perror(name);
		return 1;
	}
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	return LLVMFuzzerTestOneInput(data, n);
}

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= play_file(argv[i]);
	if (argc > 1)
		return failed;
	printf("1..1\n");
	for (uint64_t seed = 1; seed <= SEEDS; seed++) {
		/* Written before, so that a crash leaves the seed. */
		if (seed % 500 == 1) {
			printf("# seeds from %llu\n", (unsigned long long)seed);
			fflush(stdout);
		}
		LLVMFuzzerTestOneInput(input, make_up(seed, input));
	}
	printf("ok 1 - %d sessions of hostile octets\n", SEEDS);
	return 0;
}
#endif
