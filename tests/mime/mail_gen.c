/* See mail_gen.h. */
#include "tests/mime/mail_gen.h"

static void put(struct gen_mail *g, const void *data, size_t len)
{
	if (len > GEN_MAIL_MAX - g->len)
		abort();
	memcpy(g->data + g->len, data, len);
	g->len += len;
}

static void puts_(struct gen_mail *g, const char *text)
{
	put(g, text, strlen(text));
}

static const char *pick(struct gen_mail *g, const char *const *from, size_t count)
{
	return from[rng_below(g->r, count)];
}

/* Lines of text, some of which look like boundaries and headers. */
static size_t make_text(struct gen_mail *g, uint8_t *out, size_t max)
{
	static const char *const pieces[] = {"word ", "--", "--b", "\r\n", "\r\n\r\n",
		"http://example.com/x ", "=3D", "= ", "caf\xc3\xa9 ", "\r\n--", "-", "From ",
		"Subject: x\r\n", "<b>", "</a>", "&amp;", "\t", "MIIB ", "a@example.org "};
	size_t len = 0, target = rng_below(g->r, max);

	while (len < target) {
		const char *piece = pick(g, pieces, sizeof(pieces) / sizeof(pieces[0]));

		if (strlen(piece) > max - len)
			break;
		memcpy(out + len, piece, strlen(piece));
		len += strlen(piece);
	}
	/* a trailing CR would join the boundary's line end */
	return len;
}

static void put_base64(struct gen_mail *g, const uint8_t *in, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t column = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0) |
			     (i + 2 < len ? in[i + 2] : 0);
		char out[4];

		for (int k = 0; k < 4; k++)
			out[k] = k > 1 && i + (size_t)k - 1 >= len ? '='
								   : digits[v >> (18 - 6 * k) & 63];
		put(g, out, 4);
		column += 4;
		if (column == 76) {
			puts_(g, "\r\n");
			column = 0;
		}
	}
}

static void put_quoted(struct gen_mail *g, const uint8_t *in, size_t len)
{
	size_t column = 0;
	char escaped[4];

	for (size_t i = 0; i < len; i++) {
		bool crlf = in[i] == '\r' && i + 1 < len && in[i + 1] == '\n';

		if (crlf) {
			puts_(g, "\r\n");
			i++;
			column = 0;
			continue;
		}
		if (column > 72) {
			puts_(g, "=\r\n");
			column = 0;
		}
		/* '-' is escaped where it could make a boundary */
		if (in[i] < 32 || in[i] > 126 || in[i] == '=' || (column == 0 && in[i] == '-')) {
			snprintf(escaped, sizeof(escaped), "=%02X", in[i]);
			put(g, escaped, 3);
			column += 3;
		} else {
			put(g, &in[i], 1);
			column++;
		}
	}
}

static void leaf(struct gen_mail *g, const char *path, size_t leaf_max)
{
	static const char *const texts[] = {"text/plain", "Text/HTML", "text/csv"};
	static const char *const others[] = {
		"application/octet-stream", "image/PNG", "message/delivery-status"};
	static const char *const charsets[] = {
		"", "; charset=utf-8", "; charset=\"iso-8859-1\"", ";\r\n\tcharset=us-ascii"};
	bool text = rng_below(g->r, 3) > 0;
	const char *type = text ? pick(g, texts, 3) : pick(g, others, 3);
	struct gen_leaf *l = &g->leaves[g->leaf_count++];
	uint8_t *content = g->content + g->content_len;

	snprintf(l->path, sizeof(l->path), "%s", path);
	for (size_t i = 0; i <= strlen(type); i++)
		l->content_type[i] =
			(char)(type[i] >= 'A' && type[i] <= 'Z' ? type[i] | 32 : type[i]);
	puts_(g, "Content-Type: ");
	puts_(g, type);
	puts_(g, text ? pick(g, charsets, 4) : "; name=\"a file.bin\"");
	puts_(g, "\r\n");
	if (text) {
		l->len = make_text(g, content, leaf_max);
	} else {
		l->len = rng_below(g->r, leaf_max);
		for (size_t i = 0; i < l->len; i++)
			content[i] = (uint8_t)rng_next(g->r);
	}
	l->content = content;
	g->content_len += l->len;
	switch (rng_below(g->r, text ? 3 : 1)) {
	case 0:
		puts_(g, "Content-Transfer-Encoding: base64\r\n\r\n");
		put_base64(g, content, l->len);
		break;
	case 1:
		puts_(g, "Content-Transfer-Encoding: Quoted-Printable\r\n\r\n");
		put_quoted(g, content, l->len);
		break;
	default:
		puts_(g, "\r\n");
		put(g, content, l->len);
	}
}

static void entity(
	struct gen_mail *g, const char *path, unsigned int depth, size_t leaf_max, bool in_message);

static void message(struct gen_mail *g, const char *path, unsigned int depth, size_t leaf_max)
{
	puts_(g, "From: \"A. Person\" <a@example.com>\r\nTo: b@example.net,\r\n c@example.org\r\n"
		 "Subject: =?utf-8?Q?caf=C3?=\r\n =?utf-8?Q?=A9?= and more\r\n"
		 "Date: Sun, 22 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@example.com>\r\n"
		 "MIME-Version: 1.0\r\n");
	entity(g, path, depth, leaf_max, true);
}

/* What RFC 2046 forbids and readers understand. */
static void encoded_message(
	struct gen_mail *g, const char *path, unsigned int depth, size_t leaf_max)
{
	size_t start, len;
	uint8_t *copy;
	bool quoted = rng_below(g->r, 2) == 0;

	puts_(g, "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: ");
	puts_(g, quoted ? "quoted-printable\r\n\r\n" : "base64\r\n\r\n");
	start = g->len;
	g->encoded = true;
	message(g, path, depth, leaf_max);
	g->encoded = false;
	len = g->len - start;
	copy = malloc(len + 1);
	memcpy(copy, g->data + start, len);
	g->len = start;
	if (quoted)
		put_quoted(g, copy, len);
	else
		put_base64(g, copy, len);
	free(copy);
}

static void entity(
	struct gen_mail *g, const char *path, unsigned int depth, size_t leaf_max, bool in_message)
{
	char child[320], boundary[128];
	size_t kind = depth == 0 || g->leaf_count > GEN_LEAVES_MAX / 2 ? 0 : rng_below(g->r, 4);
	size_t count;

	snprintf(child, sizeof(child), "%s%s1", path, path[0] == '\0' ? "" : ".");
	if (kind <= 1) {
		leaf(g, in_message ? child : path, leaf_max);
		return;
	}
	if (kind == 2 && !g->encoded && rng_below(g->r, 3) == 0) {
		encoded_message(g, in_message ? child : path, depth - 1, leaf_max);
		return;
	}
	if (kind == 2) {
		puts_(g, "Content-Type: message/rfc822\r\n\r\n");
		message(g, in_message ? child : path, depth - 1, leaf_max);
		return;
	}
	snprintf(boundary, sizeof(boundary), "%.*sb%u", (int)rng_below(g->r, 80),
		"----=_Part_0123456789_0123456789_0123456789_0123456789_0123456789_0123456789_"
		"012345",
		g->boundaries++);
	puts_(g, "Content-Type: multipart/mixed;\r\n\tboundary=\"");
	puts_(g, boundary);
	puts_(g, "\"\r\n\r\n");
	if (rng_below(g->r, 2) == 0)
		puts_(g, "This is a multi-part message in MIME format.\r\n-- not yet\r\n");
	count = 1 + rng_below(g->r, 3);
	for (size_t i = 0; i < count; i++) {
		puts_(g, i == 0 ? "--" : "\r\n--");
		puts_(g, boundary);
		puts_(g, rng_below(g->r, 4) == 0 ? "  \t\r\n" : "\r\n");
		snprintf(child, sizeof(child), "%s%s%zu", path, path[0] == '\0' ? "" : ".", i + 1);
		entity(g, child, depth - 1, leaf_max, false);
	}
	puts_(g, "\r\n--");
	puts_(g, boundary);
	puts_(g, "--\r\n");
	if (rng_below(g->r, 3) == 0)
		puts_(g, "An epilogue that nobody reads.\r\n");
}

void gen_mail(struct gen_mail *g, struct rng *r, unsigned int depth, size_t leaf_max)
{
	g->len = 0;
	g->content_len = 0;
	g->leaf_count = 0;
	g->boundaries = 0;
	g->encoded = false;
	g->r = r;
	message(g, "", depth, leaf_max);
}

void gen_mutate(struct gen_mail *g, struct rng *r)
{
	static const char *const seeds[] = {"--", "\r\n--", "boundary=", "\r\n\r\n", "=?",
		"?=", "\n", "\r", "\"", "Content-Type: multipart/mixed; boundary=b0\r\n\r\n",
		"message/rfc822", "--b0--", "--b0\r\n", "(", ";", "base64", "%", "*0*=", "=\r\n",
		"\0"};
	size_t times = 1 + rng_below(r, 12);

	while (times-- > 0 && g->len > 0) {
		size_t at = rng_below(r, g->len), n = rng_below(r, 64);
		const char *seed = seeds[rng_below(r, sizeof(seeds) / sizeof(seeds[0]))];

		switch (rng_below(r, 4)) {
		case 0:
			g->data[at] = (uint8_t)rng_next(r);
			break;
		case 1: /* remove */
			if (n > g->len - at)
				n = g->len - at;
			memmove(g->data + at, g->data + at + n, g->len - at - n);
			g->len -= n;
			break;
		case 2: /* put in */
			n = strlen(seed);
			if (g->len + n > GEN_MAIL_MAX)
				break;
			memmove(g->data + at + n, g->data + at, g->len - at);
			memcpy(g->data + at, seed, n);
			g->len += n;
			break;
		default: /* repeat what stands somewhere else */
			if (n > g->len - at || g->len + n > GEN_MAIL_MAX)
				break;
			memmove(g->data + g->len, g->data + at, n);
			g->len += n;
		}
	}
}

void gen_init(struct gen_mail *g)
{
	memset(g, 0, sizeof(*g));
	g->data = malloc(GEN_MAIL_MAX);
	g->content = malloc(GEN_MAIL_MAX);
}

void gen_free(struct gen_mail *g)
{
	free(g->data);
	free(g->content);
}
