/*
 * Text stages. Oracles: each stage alone and all joined say the same however their input is cut;
 * what comes out of the charset stage is valid UTF-8, and what the one-go conversion makes;
 * characters read are characters written; pieces, chunks, addresses and links keep to their
 * lengths; host names come out as ASCII.
 *
 * The first octet picks stage and cuts, the second the charset; the rest is the text.
 */
#include "dataplane/text/html.h"
#include "dataplane/text/link.h"
#include "dataplane/text/punycode.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"
#include "dataplane/text/utf8.h"
#include "tests/fuzz/target.h"
#include "tests/text/support.h"

#define OUT_MAX 65536u

const struct fuzz_target fuzz_target = {"text", 2500};

static struct mw_render_lane lane;

static const char *const charsets[] = {"", "utf-8", "iso-8859-1", "utf-16", "gb18030", "shift_jis",
	"iso-2022-jp", "euc-kr", "big5", "euc-jp", "utf-7", "utf-32", "ibm500", "us-ascii",
	"windows-1252", "iso-8859-2", "koi8-r", "windows-1258", "utf-16le", "utf-16be", "gb2312",
	"utf-7", "no-such-charset"};

/* What a stage said: text as octets, pieces and links with their ends. */
struct said {
	size_t len;
	uint8_t text[OUT_MAX];
	uint64_t pieces, links;
	uint32_t piece_count, link_count;
};

static uint64_t mix(uint64_t h, struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.data[i]) * 0x100000001b3u;
	return (h ^ s.len) * 0x100000001b3u;
}

static void on_text(void *ctx, struct mw_span octets)
{
	struct said *said = ctx;

	demand(octets.len > 0, "nothing is not put");
	demand(said->len + octets.len <= OUT_MAX, "text does not grow without end");
	memcpy(said->text + said->len, octets.data, octets.len);
	said->len += octets.len;
}

static void on_piece(void *ctx, struct mw_span piece)
{
	struct said *said = ctx;

	demand(piece.len > 0, "no piece is empty");
	said->pieces = mix(said->pieces, piece);
	said->piece_count++;
}

static void on_paragraph(void *ctx, struct mw_span piece)
{
	demand(piece.len <= MW_PARAGRAPH_MAX, "a paragraph's piece is no longer than that");
	on_piece(ctx, piece);
}

static void on_chunk(void *ctx, struct mw_span chunk)
{
	demand(chunk.len <= MW_RAWCHUNK_MAX, "a chunk is no longer than that");
	on_piece(ctx, chunk);
}

static void on_body(void *ctx, struct mw_span piece, bool subject)
{
	struct said *said = ctx;

	on_paragraph(ctx, piece);
	said->pieces ^= subject ? 1 : 0;
}

static void on_link(void *ctx, struct mw_span uri)
{
	struct said *said = ctx;

	demand(uri.len > 0, "no link is empty");
	said->links = mix(said->links, uri);
	said->link_count++;
}

static void on_uri(void *ctx, const struct mw_uri_found *found)
{
	struct said *said = ctx;

	demand(found->uri.len <= MW_URI_MAX, "an address is no longer than that");
	on_link(ctx, found->uri);
	said->links ^= (uint64_t)found->kind << 1 ^ (found->canonical ? 1 : 0);
}

static void open_lane(void)
{
	struct mw_charset_table *table;
	struct mw_tld_table *tlds = NULL;

	demand(mw_charset_table_open(&table) == 0 && mw_tld_table_open(NULL, &tlds) == 0,
		"the tables can be opened");
	lane.charsets = table;
	lane.tlds = tlds;
}

struct work {
	uint8_t stage, charset;
	struct mw_span in;
};

enum {
	STAGE_RENDER_HTML,
	STAGE_RENDER_PLAIN,
	STAGE_CHARSET,
	STAGE_HTML,
	STAGE_PARAGRAPH,
	STAGE_CHUNK,
	STAGE_ADDRESSES,
	STAGE_COUNT
};

/* Most pieces lie in a block of their own, so that a read behind them is seen; blocks cost time, so
 * of the smallest pieces only some do. */
static uint8_t *own_block(const struct fuzz_cuts *cuts, struct mw_span piece)
{
	bool small = piece.len < 8 && cuts->random.state / 8 % 16 != 0;

	return small ? NULL : fuzz_exact(piece.data, piece.len);
}

/* Feeds `in` to a stage as `cuts` say. */
#define IN_PIECES(feed, object)                                                                  \
	do {                                                                                     \
		struct mw_span rest = in, piece;                                                 \
                                                                                                 \
		while (rest.len > 0) {                                                           \
			piece = mw_span_of(rest.data, fuzz_piece(&cuts, rest.len));              \
			rest = mw_span_of(rest.data + piece.len, rest.len - piece.len);          \
			uint8_t *block = own_block(&cuts, piece);                                \
			feed(object, mw_span_of(block != NULL ? block : piece.data, piece.len)); \
			free(block);                                                             \
		}                                                                                \
	} while (0)

static void render(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	const struct mw_render_sink sink = {on_body, on_uri, said};
	static struct mw_render r;
	struct mw_span in = w->in;
	size_t subject = in.len / 4 < 200 ? in.len / 4 : 200;

	mw_render_init(&r, &lane, &sink);
	mw_render_subject(&r, mw_span_of(in.data, subject));
	for (int part = 0; part < 2; part++) {
		mw_render_part_begin(&r,
			w->stage == STAGE_RENDER_HTML ? MW_RENDER_HTML : MW_RENDER_PLAIN,
			mw_span_str(charsets[w->charset]));
		IN_PIECES(mw_render_part_feed, &r);
		mw_render_part_end(&r);
		in = mw_span_of(in.data + subject, in.len - subject);
		subject = 0;
	}
	mw_render_finish(&r);
}

static void charset(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	static uint8_t out[OUT_MAX];
	struct mw_span in = w->in, name = mw_span_str(charsets[w->charset]);
	enum mw_charset_invalid invalid = in.len % 2 == 0 ? MW_CHARSET_GUESS : MW_CHARSET_REPLACE;
	struct mw_charset c;
	bool complete;
	size_t n;

	mw_charset_init(&c, lane.charsets, name, invalid, (struct mw_text_sink){on_text, said});
	IN_PIECES(mw_charset_feed, &c);
	mw_charset_finish(&c);
	demand(mw_utf8_valid(mw_span_of(said->text, said->len)), "all is UTF-8");
	n = mw_charset_convert(lane.charsets, name, invalid, in, out, sizeof(out), &complete);
	demand(complete && n == said->len && memcmp(out, said->text, n) == 0,
		"in one go it is the same");
	if (n > 0) {
		size_t half =
			mw_charset_convert(lane.charsets, name, invalid, in, out, n / 2, &complete);

		demand(!complete && half <= n / 2 && memcmp(out, said->text, half) == 0 &&
				mw_utf8_valid(mw_span_of(out, half)),
			"without room it is the beginning");
	}
}

static void html(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	const struct mw_html_sink sink = {{on_text, said}, on_link, said};
	static uint8_t utf8[3 * FUZZ_INPUT_MAX];
	static struct mw_html h;
	struct mw_span in = mw_span_of(utf8, mw_utf8_scrub(w->in, utf8, sizeof(utf8), NULL));

	mw_html_init(&h, &sink);
	IN_PIECES(mw_html_feed, &h);
	mw_html_finish(&h);
}

static void paragraph(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	static uint8_t utf8[3 * FUZZ_INPUT_MAX];
	static struct mw_paragraph p;
	struct mw_span in = mw_span_of(utf8, mw_utf8_scrub(w->in, utf8, sizeof(utf8), NULL));

	mw_paragraph_init(&p, (struct mw_text_sink){on_paragraph, said});
	mw_paragraph_subject(&p, mw_span_of(in.data, in.len / 8));
	mw_paragraph_part(&p);
	if (in.len > 255 && w->charset % 4 == 0) /* as much as brings the part to its limit */
		for (size_t all = 0; all < MW_PARAGRAPH_PART_MAX; all += in.len)
			mw_paragraph_feed(&p, in);
	IN_PIECES(mw_paragraph_feed, &p);
	mw_paragraph_part(&p);
	IN_PIECES(mw_paragraph_feed, &p);
	mw_paragraph_finish(&p);
}

static void chunk(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	static struct mw_rawchunk c;
	struct mw_span in = w->in;

	mw_rawchunk_init(&c, (struct mw_text_sink){on_chunk, said});
	for (int i = 0; i < 3; i++)
		IN_PIECES(mw_rawchunk_feed, &c);
	mw_rawchunk_finish(&c);
}

/* No streams: the text as a whole, and as two. */
static void addresses(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	const struct mw_uri_env env = {lane.tlds, &lane.work, on_uri, said, NULL};
	static const uint64_t key[2] = {1, 2};
	static struct mw_uri_seen seen;
	uint8_t *exact = fuzz_exact(w->in.data, w->in.len), out[700];
	struct mw_span all = mw_span_of(exact, w->in.len), first = mw_span_of(exact, all.len / 2);
	struct mw_span second = mw_span_of(exact + first.len, all.len - first.len);
	uint32_t code;
	size_t n;

	mw_uri_text(&env, all);
	mw_uri_link(&env, all);
	demand(mw_link_resolve(first, second, out, sizeof(out)) <= sizeof(out), "within its room");
	demand(mw_link_base(all, out, sizeof(out)) <= sizeof(out), "within its room");
	n = mw_punycode_host(all, out, sizeof(out));
	demand(n <= sizeof(out), "within its room");
	for (size_t i = 0; i < n && mw_utf8_valid(all); i++)
		demand(out[i] < 0x80, "a host comes out as ASCII");
	n = mw_utf8_scrub(all, out, sizeof(out), NULL);
	demand(mw_utf8_valid(mw_span_of(out, n)), "what was mended is UTF-8");
	for (size_t at = 0; at < all.len;) {
		int len = mw_utf8_get(mw_span_of(exact + at, all.len - at), &code);

		if (len == 0)
			break;
		if (len > 0)
			demand(mw_utf8_put(code, out) == (size_t)len &&
					memcmp(out, exact + at, (size_t)len) == 0,
				"a character read is the character written");
		at += (size_t)(len > 0 ? len : -len);
	}
	mw_uri_seen_init(&seen, key);
	demand(mw_uri_seen_add(&seen, first) == MW_URI_NEW, "what was not seen is new");
	demand(mw_uri_seen_add(&seen, first) == MW_URI_SEEN, "what was seen is not");
	free(exact);
}

static void run(struct said *said, const struct work *w, struct fuzz_cuts cuts)
{
	said->len = 0;
	said->pieces = said->links = 0;
	said->piece_count = said->link_count = 0;
	switch (w->stage) {
	case STAGE_CHARSET:
		charset(said, w, cuts);
		break;
	case STAGE_HTML:
		html(said, w, cuts);
		break;
	case STAGE_PARAGRAPH:
		paragraph(said, w, cuts);
		break;
	case STAGE_CHUNK:
		chunk(said, w, cuts);
		break;
	case STAGE_ADDRESSES:
		addresses(said, w, cuts);
		break;
	default:
		render(said, w, cuts);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	static struct said whole, cut;
	uint8_t how = fuzz_u8(&in);
	struct work w = {.stage = how % STAGE_COUNT,
		.charset = fuzz_u8(&in) % (sizeof(charsets) / sizeof(charsets[0]))};

	if (lane.charsets == NULL)
		open_lane();
	w.in = mw_span_of(in.at, in.left);
	run(&whole, &w, (struct fuzz_cuts){.most = 0});
	run(&cut, &w, (struct fuzz_cuts){{size}, 1u + how / STAGE_COUNT});
	demand(whole.len == cut.len && memcmp(whole.text, cut.text, whole.len) == 0,
		"the same octets cut anywhere are the same text");
	demand(whole.piece_count == cut.piece_count && whole.pieces == cut.pieces,
		"and the same pieces");
	demand(whole.link_count == cut.link_count && whole.links == cut.links,
		"and the same addresses");
	return 0;
}

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	struct text_random words = {fuzz_random(r)};

	if (size < 16)
		return 0;
	out[0] = (uint8_t)fuzz_random(r);
	out[1] = (uint8_t)fuzz_random(r);
	return 2 + text_hostile(&words, out + 2, size - 2);
}
