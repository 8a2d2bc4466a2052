/*
 * Oracles. A ClientHello cut anywhere is the same one, and read no further; one that was written
 * here by RFC 8446, 4.1.2, over records of any length, says its name and version. A refusal is
 * what it is in capitals as well; addresses in brackets and what stands behind a whole line of it
 * do not count; only a 5yz is one.
 */
#include "tests/fuzz/smtp_leafs.h"

#include <ctype.h>

#include "dataplane/proto/smtp_refusal.h"
#include "dataplane/proto/tls_hello.h"

#define HELLO_MAX   (FUZZ_INPUT_MAX * 6)
#define MESSAGE_MAX 2048u
#define NAME_MAX_   300u

struct hello {
	uint8_t octets[HELLO_MAX];
	uint32_t len;
};

static size_t read_hello(struct mw_tls_hello *h, const struct hello *from, struct fuzz_cuts cuts)
{
	size_t done = 0;

	mw_tls_hello_init(h);
	while (done < from->len && h->outcome == MW_TLS_READING) {
		size_t n = fuzz_piece(&cuts, from->len - done), used;
		uint8_t *piece = fuzz_exact(from->octets + done, n);

		used = mw_tls_hello_read(h, piece, n);
		free(piece);
		demand(used <= n && (used == n || h->outcome != MW_TLS_READING),
			"a hello is read on until it is over");
		done += used;
	}
	mw_tls_hello_end(h);
	demand(h->outcome != MW_TLS_READING, "an end is one");
	demand(done <= MW_TLS_HELLO_MAX, "a hello is read so far and no further");
	demand(h->outcome != MW_TLS_BAD || (h->name_len == 0 && h->version == 0),
		"a liar's name is not told");
	return done;
}

static void put(struct hello *h, uint32_t value, uint32_t octets)
{
	while (octets-- > 0)
		h->octets[h->len++] = (uint8_t)(value >> 8 * octets);
}

static void put_any(struct hello *h, struct fuzz_input *in, uint32_t len)
{
	while (len-- > 0)
		put(h, fuzz_u8(in), 1);
}

/* The number of octets behind it, where `at` left room for `octets`. */
static void set_length(struct hello *h, uint32_t at, uint32_t octets)
{
	uint32_t len = h->len - at - octets, end = h->len;

	h->len = at;
	put(h, len, octets);
	h->len = end;
}

struct told {
	uint8_t name[NAME_MAX_];
	uint32_t name_len;
	uint32_t version;
};

static void extensions(struct hello *h, struct fuzz_input *in, uint8_t how, struct told *told)
{
	uint32_t all = h->len, at, list;

	put(h, 0, 2);
	if ((how & 1) != 0) { /* one of no interest */
		put(h, 0x0010 + fuzz_u8(in) % 16, 2);
		at = h->len;
		put(h, 0, 2);
		put_any(h, in, fuzz_u8(in));
		set_length(h, at, 2);
	}
	if ((how & 2) != 0) { /* server_name */
		put(h, 0, 2);
		at = h->len;
		put(h, 0, 2);
		list = h->len;
		put(h, 0, 2);
		put(h, 0, 1);
		told->name_len = 1 + fuzz_u16(in) % NAME_MAX_;
		put(h, told->name_len, 2);
		for (uint32_t i = 0; i < told->name_len; i++)
			told->name[i] = fuzz_u8(in);
		memcpy(h->octets + h->len, told->name, told->name_len);
		h->len += told->name_len;
		set_length(h, list, 2);
		set_length(h, at, 2);
		if (told->name_len > MW_TLS_NAME_MAX)
			told->name_len = 0;
	}
	if ((how & 4) != 0) { /* supported_versions, with one that means nothing (RFC 8701) */
		put(h, 43, 2);
		at = h->len;
		put(h, 0, 2);
		list = h->len;
		put(h, 0, 1);
		put(h, 0x2a2a, 2);
		put(h, 0x0303, 2);
		told->version = 0x0303;
		if ((how & 8) != 0)
			put(h, told->version = 0x0304, 2);
		put(h, 0x0302, 2);
		set_length(h, list, 1);
		set_length(h, at, 2);
	}
	set_length(h, all, 2);
}

static void put_message(struct hello *h, struct fuzz_input *in, uint8_t how, struct told *told)
{
	uint32_t at;

	put(h, 1, 1);
	at = h->len;
	put(h, 0, 3);
	put(h, 0x0303, 2);
	told->version = 0x0303;
	put_any(h, in, 32);
	put(h, 0, 1);
	h->octets[h->len - 1] = fuzz_u8(in) % 33;
	put_any(h, in, h->octets[h->len - 1]);
	put(h, 2, 2);
	put(h, 0x1301, 2);
	put(h, 1, 1);
	put(h, 0, 1);
	if ((how & 16) == 0)
		extensions(h, in, how, told);
	set_length(h, at, 3);
}

static void in_records(const struct hello *message, struct fuzz_input *in, struct hello *out)
{
	uint32_t most = 1 + fuzz_u16(in) % MESSAGE_MAX, at = 0;

	while (at < message->len) {
		uint32_t n = message->len - at < most ? message->len - at : most;

		put(out, 0x16, 1);
		put(out, 0x0301, 2);
		put(out, n, 2);
		memcpy(out->octets + out->len, message->octets + at, n);
		out->len += n;
		at += n;
	}
}

static void same_hello(const struct hello *from, size_t used, const struct mw_tls_hello *whole,
	struct fuzz_cuts cuts)
{
	struct mw_tls_hello cut;

	demand(read_hello(&cut, from, cuts) == used, "a hello cut anywhere is as long");
	demand(cut.outcome == whole->outcome && cut.version == whole->version &&
			cut.name_len == whole->name_len &&
			memcmp(cut.name, whole->name, whole->name_len) == 0,
		"a hello cut anywhere says the same");
}

void smtp_hello(struct fuzz_input *in)
{
	static struct hello message, hello;
	uint8_t how = fuzz_u8(in), seed = fuzz_u8(in);
	struct told told = {.name_len = 0};
	struct mw_tls_hello whole;
	bool true_one = (how & 0x80) != 0;
	uint32_t ends;
	size_t used;

	message.len = hello.len = 0;
	if (true_one) {
		put_message(&message, in, how, &told);
		in_records(&message, in, &hello);
	}
	ends = hello.len;
	if (true_one && (how & 0x20) != 0) {
		hello.octets[fuzz_u16(in) % ends] ^= (uint8_t)(1u << (seed & 7));
		true_one = false;
	}
	if (true_one && (how & 0x40) != 0)
		ends = hello.len = hello.len - 1;
	else
		put_any(&hello, in, (uint32_t)in->left);
	used = read_hello(&whole, &hello, (struct fuzz_cuts){.most = 0});
	same_hello(&hello, used, &whole, (struct fuzz_cuts){.most = 1});
	same_hello(&hello, used, &whole, (struct fuzz_cuts){{seed}, 9});
	if (!true_one)
		return;
	demand(used == ends, "a hello is read to its end, and no octet behind it");
	if ((how & 0x40) != 0) {
		demand(whole.outcome == MW_TLS_CUT, "one without its last octet is cut");
		return;
	}
	demand(whole.outcome == MW_TLS_WHOLE && whole.version == told.version, "it is whole");
	demand(whole.name_len == told.name_len && memcmp(whole.name, told.name, told.name_len) == 0,
		"and says the name that it says");
}

static enum mw_smtp_refusal refusal(int code, const uint8_t *text, size_t len)
{
	uint8_t *copy = fuzz_exact(text, len);
	struct mw_span span = mw_span_of(copy, len);
	struct mw_smtp_enhanced e = mw_smtp_enhanced_of(code, span);
	enum mw_smtp_refusal r = mw_smtp_refusal_of(code, e, span);

	demand(e.klass == 0 ? e.subject == 0 && e.detail == 0 : e.klass == code / 100,
		"an enhanced code is one of its reply's");
	demand(e.subject < 1000 && e.detail < 1000, "of three digits at most");
	demand((r == MW_SMTP_REFUSAL_NONE) == (code < 500), "a refusal is a 5yz");
	free(copy);
	return r;
}

void smtp_refusal(struct fuzz_input *in)
{
	static const char *const words[] = {"user unknown", "5.7.1 ", "5.1.1 ", "listed by", "5.",
		" <user unknown>", "<listed in", "no such user", "blocked", " "};
	uint8_t text[1024] = {0}, other[sizeof(text)];
	int code = 200 + fuzz_u8(in) % 4 * 100 + fuzz_u8(in) % 100;
	enum mw_smtp_refusal r;
	size_t len = 0;

	while (in->left > 0 && len + 32 < sizeof(text)) {
		uint8_t c = fuzz_u8(in);
		const char *word = words[c % 10];

		if (c < 0x80) {
			text[len++] = c;
			continue;
		}
		memcpy(text + len, word, strlen(word));
		len += strlen(word);
	}
	r = refusal(code, text, len);
	for (size_t i = 0; i < len; i++)
		other[i] = (uint8_t)toupper(text[i]);
	demand(refusal(code, other, len) == r, "capitals are letters");
	if (len > 0 && memchr(text, '<', len) == NULL) {
		memcpy(other, text, len);
		memcpy(other + len, " <listed by>", 12);
		demand(refusal(code, other, len + 12) == r,
			"what the client has chosen does not count");
	}
}
