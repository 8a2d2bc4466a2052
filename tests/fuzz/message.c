/*
 * A message's octets to facts and records, and the decoders below. Oracles: all facts and each
 * kind's records are the same however the octets are cut; records keep to the lengths their kinds
 * promise; FULL is the message with LF line ends; attachments are as long as the facts say, and no
 * part is longer than the message. Decoders: what was encoded comes back, the same cut anywhere;
 * header functions never write more than they are given room for. Archives: message_zip.c.
 *
 * The first octet says what is done, the second what is asked for, the third how it is cut.
 */
#include "common/contract/ruleset.h"
#include "dataplane/proto/address.h"
#include "dataplane/proto/decode.h"
#include "dataplane/proto/header.h"
#include "tests/fuzz/message_zip.h"
#include "tests/mime/bench.h"
#include "tests/mime/mail_gen.h"

#define STREAMS_MAX 256u

const struct fuzz_target fuzz_target = {"message", 1500};

static struct bench *bench;

struct seen {
	uint64_t kinds[MW_RECORD_KINDS]; /* hash of each kind's records, their ends included */
	/* streams: octets alone */
	size_t full_len;
	uint8_t full[FUZZ_INPUT_MAX];
	uint64_t attachment[STREAMS_MAX], attachment_hash[STREAMS_MAX];
	uint64_t inner_hash[STREAMS_MAX];
	bool full_last;
};

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static uint64_t mix_span(uint64_t h, struct mw_span s)
{
	h = mix(h, s.data, s.len);
	h = mix(h, &s.len, sizeof(s.len));
	return s.data == NULL ? ~h : h;
}

static size_t length_max(const struct mw_record *r)
{
	switch (r->kind) {
	case MW_RECORD_HEADER:
		return MW_RECORD_HEADER_MAX;
	case MW_RECORD_HEADER_RAW:
		return r->name.len > 0 ? MW_RECORD_HEADER_MAX : MW_RECORD_ALL_MAX;
	case MW_RECORD_HEADER_ALL:
		return MW_RECORD_ALL_MAX;
	case MW_RECORD_BODY:
		return 2049;
	case MW_RECORD_RAWBODY:
		return 4096;
	case MW_RECORD_URI:
		return 8192;
	default:
		return SIZE_MAX;
	}
}

static void on_record(void *ctx, const struct mw_record *r)
{
	struct seen *seen = ctx;
	uint64_t *h;

	demand(r->kind < MW_RECORD_KINDS, "a record is of a kind");
	demand((bench->config.want & MW_MESSAGE_WANT(r->kind)) != 0, "nothing comes unasked");
	demand(r->data.len <= length_max(r), "a record is no longer than its kind may be");
	h = &seen->kinds[r->kind];
	if (r->kind == MW_RECORD_FULL) {
		demand(!seen->full_last, "nothing follows the last of FULL");
		seen->full_last = r->last;
		demand(r->data.len <= sizeof(seen->full) - seen->full_len,
			"FULL is no longer than the message");
		memcpy(seen->full + seen->full_len, r->data.data, r->data.len);
		seen->full_len += r->data.len;
		return;
	}
	if (r->kind == MW_RECORD_ATTACHMENT) {
		uint32_t part = (r->stream & ~MW_RECORD_STREAM_INNER) % STREAMS_MAX;

		h = (r->stream & MW_RECORD_STREAM_INNER) == 0 ? &seen->attachment_hash[part]
							      : &seen->inner_hash[part];
		*h = mix(*h, r->data.data, r->data.len) ^ (r->last ? 1 : 0);
		if (r->stream < STREAMS_MAX)
			seen->attachment[r->stream] += r->data.len;
		return;
	}
	if (r->kind == MW_RECORD_PLAIN) { /* the name of a file may come before or behind text */
		*h += mix(mix_span(0, r->data), &r->stream, sizeof(r->stream));
		return;
	}
	*h = mix_span(*h, r->name);
	*h = mix_span(*h, r->data);
	*h = mix(*h, &r->stream, sizeof(r->stream));
}

static uint64_t facts_hash(const struct mw_message_facts *f)
{
	uint64_t h = mix(0, &f->size, sizeof(f->size));

	h = mix(h, f->sha256, sizeof(f->sha256));
	h = mix(h, &f->complete, sizeof(f->complete));
	h = mix(h, &f->truncated, sizeof(f->truncated));
	h = mix_span(mix_span(mix_span(h, f->from), f->to), f->subject);
	h = mix_span(mix_span(mix_span(h, f->date), f->message_id), f->x_mailer);
	for (const struct mw_message_part *p = f->parts; p != NULL; p = p->next) {
		h = mix_span(mix_span(mix_span(h, p->path), p->content_type), p->charset);
		h = mix_span(mix_span(mix_span(h, p->encoding), p->disposition), p->filename);
		h = mix(h, &p->size, sizeof(p->size));
		h = mix(h, p->sha256, sizeof(p->sha256));
		h = mix(h, &p->number, sizeof(p->number));
		h = mix(h, &p->complete, sizeof(p->complete));
	}
	for (const struct mw_message_url *u = f->urls; u != NULL; u = u->next)
		h = mix_span(h, u->text);
	h = mix(h, &f->part_count, sizeof(f->part_count));
	h = mix(h, &f->url_count, sizeof(f->url_count));
	h = mix(h, &f->anomalies, sizeof(f->anomalies));
	return mix(h, &f->content_key, sizeof(f->content_key));
}

static uint64_t run(struct seen *seen, uint32_t want, const uint8_t *data, size_t len, size_t gap,
	struct fuzz_cuts cuts)
{
	memset(seen, 0, sizeof(*seen));
	bench_begin(bench, want, on_record, seen);
	for (size_t at = 0; at < len;) {
		if (at == gap)
			mw_message_gap(bench->m);
		size_t n = fuzz_piece(&cuts, (at < gap ? gap : len) - at);

		mw_message_feed(bench->m, mw_span_of(data + at, n));
		at += n;
	}
	mw_message_end(bench->m, gap >= len);
	return facts_hash(mw_message_facts(bench->m));
}

static void check_parts(const struct seen *seen, const struct mw_message_facts *f)
{
	uint64_t octets = 0;
	uint32_t parts = 0;

	for (const struct mw_message_part *p = f->parts; p != NULL; p = p->next) {
		parts++;
		octets += p->size;
		demand(p->content_type.data != NULL, "a part has a type");
	}
	for (uint32_t i = 1; i < STREAMS_MAX && !f->truncated; i++)
		demand(seen->attachment[i] == 0 || i <= parts, "an attachment is a part");
	demand(parts == f->part_count, "parts are counted");
	demand(octets <= f->size, "no octets are made from nothing");
}

static size_t base64_run(const uint8_t *data, size_t len)
{
	size_t n = 0;

	while (n < len && mw_base64_text(data[n]))
		n++;
	return n;
}

/* Of a run of base64 text the middle may be missing, `quiet` octets from both ends. */
static bool middle_missing(
	const uint8_t *run, size_t len, const uint8_t *got, size_t got_len, size_t quiet)
{
	size_t front = 0, back = 0;

	while (front < got_len && got[front] == run[front])
		front++;
	while (back < got_len && got[got_len - 1 - back] == run[len - 1 - back])
		back++;
	return front >= quiet && back >= quiet && front + back >= got_len;
}

static void check_full(const struct seen *seen, const uint8_t *data, size_t len, size_t quiet)
{
	static uint8_t want[FUZZ_INPUT_MAX];
	size_t want_len = 0, w = 0, g = 0;

	for (size_t i = 0; i < len; i++)
		if (data[i] != '\r' || i + 1 == len || data[i + 1] != '\n')
			want[want_len++] = data[i];
	while (w < want_len) {
		size_t run = base64_run(want + w, want_len - w);
		size_t got = base64_run(seen->full + g, seen->full_len - g);

		demand(run == got
				? memcmp(want + w, seen->full + g, run) == 0
				: got < run && quiet > 0 && got >= 2 * quiet &&
					  middle_missing(want + w, run, seen->full + g, got, quiet),
			"FULL is the message with LF line ends, quiet middles left out");
		w += run;
		g += got;
		if (w < want_len)
			demand(g < seen->full_len && seen->full[g++] == want[w++],
				"and every other octet is in it");
	}
	demand(g == seen->full_len, "and no more");
}

static void message(struct fuzz_input *in)
{
	uint8_t asked = fuzz_u8(in), cut = fuzz_u8(in);
	uint32_t want = MW_MESSAGE_WANT_RECORDS | MW_MESSAGE_WANT_FACTS;
	static struct seen whole, again;
	size_t len, gap;
	const uint8_t *data = fuzz_take(in, in->left, &len);
	uint64_t facts;

	if ((asked & 0x80) != 0)
		want &= asked * 0x01010101u;
	gap = (asked & 0x41) == 0x41 ? len / 2 : len;
	bench->config.full_quiet = (asked & 0x82) == 0x82 ? 1u + asked % MW_MESSAGE_QUIET_MAX : 0;
	bench->config.parts_max = (asked & 0x84) == 0x84 ? 3 : 0;
	bench->config.urls_max = (asked & 0x88) == 0x88 ? 3 : 0;
	facts = run(&whole, want, data, len, gap, (struct fuzz_cuts){.most = 0});
	check_parts(&whole, mw_message_facts(bench->m));
	if ((want & MW_MESSAGE_WANT(MW_RECORD_FULL)) != 0)
		check_full(&whole, data, gap, bench->config.full_quiet);
	demand(run(&again, want, data, len, gap, (struct fuzz_cuts){{cut}, 1u + cut % 64}) == facts,
		"the same octets cut anywhere are the same facts");
	for (uint32_t i = 0; i < MW_RECORD_KINDS; i++)
		if (whole.kinds[i] != again.kinds[i])
			fprintf(stderr, "records of kind %u differ\n", i);
	for (uint32_t i = 0; i < STREAMS_MAX; i++)
		if (whole.attachment_hash[i] != again.attachment_hash[i] ||
			whole.inner_hash[i] != again.inner_hash[i])
			fprintf(stderr, "attachment %u differs\n", i);
	if (bench->config.full_quiet > 0) { /* how much is left out depends on the cuts */
		if ((want & MW_MESSAGE_WANT(MW_RECORD_FULL)) != 0)
			check_full(&again, data, gap, bench->config.full_quiet);
		memcpy(again.full, whole.full, sizeof(whole.full));
		again.full_len = whole.full_len;
	}
	demand(memcmp(&whole, &again, sizeof(whole)) == 0, "and the same records");
}

static size_t decode(enum mw_encoding encoding, const uint8_t *data, size_t len, uint8_t *out,
	struct fuzz_cuts cuts, size_t room, bool *bad, bool stop)
{
	struct mw_decode d;
	size_t n = 0;

	mw_decode_init(&d, encoding);
	for (size_t at = 0; at < len;) {
		size_t piece = fuzz_piece(&cuts, len - at);
		uint8_t *exact = fuzz_exact(data + at, piece), *to = fuzz_exact(out, 0);

		to = realloc(to, room);
		for (size_t done = 0; done < piece;) {
			size_t used = 0;
			size_t made = mw_decode_feed(
				&d, mw_span_of(exact + done, piece - done), &used, to, room);

			demand(used <= piece - done && made <= room, "within its bounds");
			demand(used > 0 || made > 0, "each call gets on");
			memcpy(out + n, to, made);
			n += made;
			done += used;
			if (stop && d.ended)
				break;
		}
		free(to);
		free(exact);
		at += piece;
		if (stop && d.ended)
			break;
	}
	n += mw_decode_finish(&d, out + n, MW_DECODE_OUT_MIN);
	*bad = d.bad;
	return n;
}

static size_t base64_of(const uint8_t *data, size_t len, uint8_t *out)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t left = (uint32_t)(len - i < 3 ? len - i : 3), v = 0;

		for (uint32_t k = 0; k < 3; k++)
			v = v << 8 | (k < left ? data[i + k] : 0u);
		for (uint32_t k = 0; k < 4; k++)
			out[n++] = (uint8_t)(k <= left ? letters[v >> (18 - 6 * k) & 63] : '=');
		if (n % 78 == 76) {
			out[n++] = '\r';
			out[n++] = '\n';
		}
	}
	return n;
}

static size_t quoted_of(const uint8_t *data, size_t len, uint8_t *out)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		if (data[i] > ' ' && data[i] < 0x7f && data[i] != '=') {
			out[n++] = data[i];
		} else {
			out[n++] = '=';
			out[n++] = (uint8_t)hex[data[i] >> 4];
			out[n++] = (uint8_t)hex[data[i] & 15];
		}
		if (i % 20 == 19) {
			out[n++] = '=';
			out[n++] = '\r';
			out[n++] = '\n';
		}
	}
	return n;
}

static void decoders(struct fuzz_input *in)
{
	static uint8_t first[33 * FUZZ_INPUT_MAX], second[33 * FUZZ_INPUT_MAX],
		code[4 * FUZZ_INPUT_MAX];
	enum mw_encoding encoding = (enum mw_encoding)(fuzz_u8(in) & 3);
	uint8_t cut = fuzz_u8(in);
	struct fuzz_cuts whole = {.most = 0}, pieces = {{cut}, 1u + cut % 16};
	bool bad, bad_too;
	size_t len, n, m;
	const uint8_t *data = fuzz_take(in, in->left, &len);

	n = decode(encoding, data, len, first, whole, 4096, &bad, false);
	m = decode(encoding, data, len, second, pieces, MW_DECODE_OUT_MIN + cut, &bad_too, false);
	demand(n == m && memcmp(first, second, n) == 0, "decoded the same cut anywhere");
	demand(bad == bad_too, "and as well or badly");
	/* But for a line of uuencode that is shorter than it promises: 63 octets for two. */
	demand(n <= (encoding == MW_ENCODING_UUENCODE ? 32 * len : len),
		"decoding makes nothing longer");
	if (encoding == MW_ENCODING_BASE64)
		n = base64_of(data, len, code);
	else if (encoding == MW_ENCODING_QUOTED_PRINTABLE)
		n = quoted_of(data, len, code);
	else
		return;
	m = decode(encoding, code, n, second, pieces, MW_DECODE_OUT_MIN + cut, &bad, true);
	demand(m == len && memcmp(second, data, len) == 0, "what was encoded comes back");
	demand(!bad, "and cleanly");
}

static size_t to_utf8(void *ctx, struct mw_span charset, bool replace, struct mw_span in,
	uint8_t *out, size_t size)
{
	return mw_charset_convert(bench->charsets, charset,
		replace ? MW_CHARSET_REPLACE : MW_CHARSET_GUESS, in, out, size, NULL);
}

static void header(struct fuzz_input *in)
{
	static const char *const names[] = {"boundary", "charset", "name", "filename", "x"};
	static uint8_t a[FUZZ_INPUT_MAX], b[FUZZ_INPUT_MAX];
	const struct mw_header_work work = {a, b, sizeof(a), to_utf8, NULL, (fuzz_u8(in) & 1) != 0};
	size_t room = 1 + fuzz_u16(in) % FUZZ_INPUT_MAX, len, wrote;
	const uint8_t *data = fuzz_take(in, in->left, &len);
	uint8_t *field = fuzz_exact(data, len), *out = fuzz_exact(data, 0);
	struct mw_span all = mw_span_of(field, len), name, value = all, type, subtype, rest;
	struct mw_address address;
	uint32_t addresses = 0;
	bool colon;

	out = realloc(out, room);
	demand(out != NULL, "there is memory");
	mw_header_name(all, &colon);
	if (mw_header_split(all, &name, &value))
		demand(name.len + value.len < len, "a field is its name, a colon, its value");
	demand(mw_header_unfold(value, MW_UNFOLD_KEEP, out, room) <= room, "within its room");
	demand(mw_header_unfold(value, MW_UNFOLD_BLANK, out, room) <= room, "within its room");
	demand(mw_header_decode(value, &work, out, room) <= room, "within its room");
	if (mw_header_media_type(value, &type, &subtype))
		demand(type.len + subtype.len < value.len, "a type lies in its value");
	demand(mw_header_token(value).len <= value.len, "a token lies in its value");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (int extended = 0; extended < 2; extended++)
			if (mw_header_param(
				    value, names[i], extended != 0, &work, out, room, &wrote))
				demand(wrote <= room, "a parameter keeps to its room");
		if (mw_header_param_raw(value, names[i], out, room, &wrote))
			demand(wrote <= room, "a parameter keeps to its room");
	}
	rest = value;
	while (mw_address_next(&rest, &address)) {
		demand(++addresses <= len + 1, "a list of addresses ends");
		demand(mw_address_text(address.addr, false, out, room) <= room &&
				mw_address_text(address.name, true, out, room) <= room,
			"an address keeps to its room");
	}
	free(out);
	free(field);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};

	if (bench == NULL)
		bench = bench_open();
	demand(bench != NULL, "the tables can be opened");
	switch (fuzz_u8(&in) % 8) {
	case 5:
		message_zip(&in);
		break;
	case 6:
		decoders(&in);
		break;
	case 7:
		header(&in);
		break;
	default:
		message(&in);
		break;
	}
	return 0;
}

static const char *const fields[] = {"Content-Type: text/html; charset=\"utf-7\"; name*0*=a%20;",
	"Content-Type: multipart/mixed; boundary=\"b\" (c (d)); x*=utf-8'en'%41",
	"filename*1=b; filename*0=\"a\\\"\"; filename=\"=?utf-8?B?4oKs?=\"",
	"From: \"A \\\" B\" <a@b.example>, g: c@d (e), f@g;, =?iso-2022-jp?B?GyRC?= <h@i>",
	"Subject: =?utf-8?Q?a=20?= =?UTF-8*en?b?w6Q=?=\r\n =?koi8-r?q?=C1?="};

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	static struct gen_mail g;
	struct rng mail_random = {fuzz_random(r)};
	size_t n = 3;

	for (size_t i = 0; i < size && i < 3; i++)
		out[i] = (uint8_t)fuzz_random(r);
	if (size < 64)
		return size;
	if (out[0] % 8 == 5) {
		static const char *const headers[] = {"PK\3\4", "PK\1\2", "PK\5\6", "MZ", "%PDF-"};

		n = 64 + fuzz_below(r, (uint32_t)(size < 1000 ? size - 63 : 936));
		for (size_t i = 1; i < n; i++)
			out[i] = (uint8_t)fuzz_random(r);
		for (uint32_t i = fuzz_below(r, 6); i > 0; i--) {
			const char *text = headers[fuzz_below(r, 5)];

			memcpy(out + 3 + fuzz_below(r, (uint32_t)n - 10), text, strlen(text));
		}
		return n;
	}
	if (out[0] % 8 == 7) {
		const char *field = fields[fuzz_below(r, sizeof(fields) / sizeof(fields[0]))];

		n = 4 + strlen(field) < size ? strlen(field) : size - 4;
		memcpy(out + 4, field, n);
		out[3] = (uint8_t)fuzz_random(r);
		for (uint32_t i = fuzz_below(r, 6); i > 0; i--)
			out[4 + fuzz_below(r, (uint32_t)n)] = (uint8_t)fuzz_random(r);
		return n + 4;
	}
	if (g.data == NULL)
		gen_init(&g);
	gen_mail(&g, &mail_random, fuzz_below(r, 6), 1 + fuzz_below(r, 300));
	for (uint32_t i = fuzz_below(r, 12); i > 0; i--)
		gen_mutate(&g, &mail_random);
	n = g.len < size - 3 ? g.len : size - 3;
	memcpy(out + 3, g.data, n);
	return n + 3;
}
