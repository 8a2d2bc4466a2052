/*
 * The whole message layer: facts of generated mails must be what was generated; facts and records
 * must not depend on how the octets were cut; hostile mails must leave bounds and sanity intact.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "dataplane/text/paragraph.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/uri.h"
#include "tests/mime/bench.h"
#include "tests/mime/mail_gen.h"

#define STREAMS 512

/* Everything a message said: facts, records of each kind in order; streams apart, for their pieces
 * may differ. */
struct log {
	char *text;
	size_t len, size;
	struct log *kinds; /* one for each kind of record */
	SHA256_CTX stream[STREAMS];
	uint64_t stream_len[STREAMS];
	bool stream_last[STREAMS];
	uint32_t count[MW_RECORD_KINDS];
	bool too_long;
};

static struct bench *bench;

static void log_clear(struct log *log)
{
	if (log->kinds == NULL)
		log->kinds = calloc(MW_RECORD_KINDS, sizeof(*log->kinds));
	for (int i = 0; i < MW_RECORD_KINDS; i++)
		log->kinds[i].len = 0;
	log->len = 0;
	log->too_long = false;
}

static void log_free(struct log *log)
{
	for (int i = 0; log->kinds != NULL && i < MW_RECORD_KINDS; i++)
		free(log->kinds[i].text);
	free(log->kinds);
	free(log->text);
}

static void add(struct log *log, const void *data, size_t len)
{
	if (log->len + len + 1 > log->size) {
		log->size = 2 * (log->size + len + 64);
		log->text = realloc(log->text, log->size);
	}
	if (len > 0)
		memcpy(log->text + log->len, data, len);
	log->len += len;
	log->text[log->len] = '\0';
}

static void add_span(struct log *log, const char *what, struct mw_span s)
{
	char head[64];

	snprintf(head, sizeof(head), "%s %s %zu ", what, s.data == NULL ? "null" : "is", s.len);
	add(log, head, strlen(head));
	add(log, s.data, s.len);
	add(log, "\n", 1);
}

static void on_record(void *ctx, const struct mw_record *r)
{
	static const size_t most[MW_RECORD_KINDS] = {
		[MW_RECORD_HEADER] = MW_RECORD_HEADER_MAX,
		[MW_RECORD_HEADER_RAW] = MW_RECORD_ALL_MAX,
		[MW_RECORD_HEADER_ALL] = MW_RECORD_ALL_MAX,
		[MW_RECORD_BODY] = MW_PARAGRAPH_MAX,
		[MW_RECORD_RAWBODY] = MW_RAWCHUNK_MAX + 1,
		[MW_RECORD_URI] = MW_URI_MAX + 64,
		[MW_RECORD_FULL] = SIZE_MAX,
		[MW_RECORD_ATTACHMENT] = SIZE_MAX,
		[MW_RECORD_PLAIN] = MW_RECORD_ALL_MAX,
	};
	struct log *log = ctx;
	char head[64];
	uint8_t *copy;

	assert_true((unsigned int)r->kind < MW_RECORD_KINDS);
	log->count[r->kind]++;
	log->too_long |= r->data.len > most[r->kind];
	/* read every octet, so that a sanitizer sees what is not there */
	copy = malloc(r->data.len + 1);
	if (r->data.len > 0)
		memcpy(copy, r->data.data, r->data.len);
	if (r->kind == MW_RECORD_FULL || r->kind == MW_RECORD_ATTACHMENT) {
		uint32_t s = r->kind == MW_RECORD_FULL ? 0 : r->stream % (STREAMS - 1) + 1;

		assert_false(log->stream_last[s] && r->stream < STREAMS - 1);
		SHA256_Update(&log->stream[s], copy, r->data.len);
		log->stream_len[s] += r->data.len;
		log->stream_last[s] = r->last;
	} else {
		struct log *own = &log->kinds[r->kind];

		snprintf(head, sizeof(head), "%d %u ", (int)r->kind, r->stream);
		add(own, head, strlen(head));
		add_span(own, "name", r->name);
		add_span(own, "data", mw_span_of(copy, r->data.len));
	}
	free(copy);
}

static void add_facts(struct log *log, const struct mw_message_facts *f)
{
	char line[256];

	snprintf(line, sizeof(line), "size %llu %d %d parts %u urls %u anomalies %llx key %llx\n",
		(unsigned long long)f->size, f->complete, f->truncated, f->part_count, f->url_count,
		(unsigned long long)f->anomalies, (unsigned long long)f->content_key);
	add(log, line, strlen(line));
	add(log, f->sha256, 32);
	add_span(log, "from", f->from);
	add_span(log, "to", f->to);
	add_span(log, "subject", f->subject);
	add_span(log, "date", f->date);
	add_span(log, "message_id", f->message_id);
	add_span(log, "x_mailer", f->x_mailer);
	for (const struct mw_message_part *p = f->parts; p != NULL; p = p->next) {
		add_span(log, "path", p->path);
		add_span(log, "type", p->content_type);
		add_span(log, "charset", p->charset);
		add_span(log, "encoding", p->encoding);
		add_span(log, "disposition", p->disposition);
		add_span(log, "filename", p->filename);
		snprintf(line, sizeof(line), "%llu %u %d %d\n", (unsigned long long)p->size,
			p->number, p->complete, (int)p->magic);
		add(log, line, strlen(line));
		add(log, p->sha256, 32);
		for (const struct mw_message_member *i = p->members; i != NULL; i = i->next) {
			add_span(log, "member", i->name);
			snprintf(line, sizeof(line), "%d %llu %d %d %d %d\n", (int)i->kind,
				(unsigned long long)i->size, i->size_known, i->encrypted, i->hashed,
				(int)i->magic);
			add(log, line, strlen(line));
			if (i->hashed)
				add(log, i->sha256, 32);
		}
	}
	for (const struct mw_message_url *u = f->urls; u != NULL; u = u->next)
		add_span(log, "url", u->text);
}

static void run(struct log *log, uint32_t want, const uint8_t *data, size_t len, struct rng *r,
	size_t piece_max)
{
	size_t at = 0;

	log_clear(log);
	memset(log->count, 0, sizeof(log->count));
	memset(log->stream_last, 0, sizeof(log->stream_last));
	memset(log->stream_len, 0, sizeof(log->stream_len));
	for (size_t i = 0; i < STREAMS; i++)
		SHA256_Init(&log->stream[i]);
	bench_begin(bench, want, on_record, log);
	while (at < len) {
		size_t piece = piece_max == 0 ? len : 1 + rng_below(r, piece_max);
		uint8_t *copy;

		if (piece > len - at)
			piece = len - at;
		copy = malloc(piece);
		memcpy(copy, data + at, piece);
		mw_message_feed(bench->m, mw_span_of(copy, piece));
		free(copy);
		at += piece;
	}
	mw_message_end(bench->m, true);
	add_facts(log, mw_message_facts(bench->m));
	for (int i = 0; i < MW_RECORD_KINDS; i++)
		add(log, log->kinds[i].text, log->kinds[i].len);
	for (size_t i = 0; i < STREAMS; i++) {
		uint8_t digest[32];

		SHA256_Final(digest, &log->stream[i]);
		add(log, digest, 32);
		add(log, &log->stream_last[i], 1);
	}
	assert_false(log->too_long);
}

#define EVERYTHING (MW_MESSAGE_WANT_RECORDS | MW_MESSAGE_WANT_FACTS)

static void check_leaves(const struct gen_mail *g, const struct mw_message_facts *f)
{
	const struct mw_message_part *p = f->parts;
	uint8_t digest[32];

	assert_int_equal(f->part_count, g->leaf_count);
	for (size_t i = 0; i < g->leaf_count; i++, p = p->next) {
		const struct gen_leaf *l = &g->leaves[i];

		assert_non_null(p);
		assert_true(mw_span_eq(p->path, mw_span_str(l->path)));
		assert_true(mw_span_eq(p->content_type, mw_span_str(l->content_type)));
		assert_int_equal(p->size, l->len);
		SHA256(l->content, l->len, digest);
		assert_memory_equal(p->sha256, digest, 32);
		assert_int_equal(p->number, i + 1);
		assert_true(p->complete);
	}
	assert_null(p);
}

static void test_generated(void **state)
{
	struct rng r = {rng_seed("generated mails")};
	struct log log = {0};
	struct gen_mail g;
	uint8_t digest[32];

	(void)state;
	gen_init(&g);
	for (int round = 0; round < 300; round++) {
		const struct mw_message_facts *f;

		gen_mail(&g, &r, (unsigned int)rng_below(&r, 7), round % 10 == 0 ? 20000 : 500);
		run(&log, MW_MESSAGE_WANT_FACTS, g.data, g.len, &r, 3000);
		f = mw_message_facts(bench->m);
		check_leaves(&g, f);
		assert_int_equal(f->size, g.len);
		SHA256(g.data, g.len, digest);
		assert_memory_equal(f->sha256, digest, 32);
		assert_true(f->complete);
		assert_false(f->truncated);
		assert_true(mw_span_eq(f->subject, mw_span_str("caf\xc3\xa9 and more")));
		assert_true(mw_span_eq(f->from, mw_span_str("\"A. Person\" <a@example.com>")));
		assert_true(mw_span_eq(f->to, mw_span_str("b@example.net, c@example.org")));
		assert_true(mw_span_eq(f->message_id, mw_span_str("<1@example.com>")));
		assert_null(f->x_mailer.data);
		/* nothing but facts was asked for */
		for (int k = 0; k < MW_RECORD_KINDS; k++)
			assert_int_equal(log.count[k], 0);
	}
	gen_free(&g);
	log_free(&log);
}

static void test_cut_anywhere(void **state)
{
	struct rng r = {rng_seed("message cut anywhere")};
	struct log whole = {0}, cut = {0};
	struct gen_mail g;

	(void)state;
	gen_init(&g);
	for (int round = 0; round < 150; round++) {
		static const size_t pieces[] = {1, 3, 40, 1460};

		gen_mail(&g, &r, (unsigned int)rng_below(&r, 5), round % 10 == 0 ? 12000 : 700);
		if (round % 2 == 1)
			gen_mutate(&g, &r);
		run(&whole, EVERYTHING, g.data, g.len, &r, 0);
		for (size_t i = 0; i < 4; i++) {
			run(&cut, EVERYTHING, g.data, g.len, &r, pieces[i]);
			assert_int_equal(cut.len, whole.len);
			assert_memory_equal(cut.text, whole.text, cut.len);
		}
	}
	gen_free(&g);
	log_free(&whole);
	log_free(&cut);
}

/* Whatever is not asked for must not change the rest, and must not be made. */
static void test_wants(void **state)
{
	struct rng r = {rng_seed("wants")};
	struct log log = {0};
	struct gen_mail g;

	(void)state;
	gen_init(&g);
	for (int round = 0; round < 60; round++) {
		gen_mail(&g, &r, 3, 800);
		for (int kind = 0; kind < MW_RECORD_KINDS; kind++) {
			run(&log, MW_MESSAGE_WANT(kind), g.data, g.len, &r, 500);
			for (int k = 0; k < MW_RECORD_KINDS; k++)
				if (k != kind)
					assert_int_equal(log.count[k], 0);
		}
	}
	gen_free(&g);
	log_free(&log);
}

static void test_hostile(void **state)
{
	struct rng r = {rng_seed("hostile mails")};
	struct log log = {0};
	struct gen_mail g;

	(void)state;
	gen_init(&g);
	for (int round = 0; round < 400; round++) {
		gen_mail(&g, &r, 6, 300);
		for (int i = 0; i < 8; i++)
			gen_mutate(&g, &r);
		if (round % 8 == 0)
			for (size_t i = 0; i < g.len; i++)
				g.data[i] = (uint8_t)rng_next(&r);
		run(&log, EVERYTHING, g.data, g.len, &r, 700);
		assert_true(bench->arena.count <= bench->arena.count_max);
	}
	gen_free(&g);
	log_free(&log);
}

/* An arena that refuses: cut facts, no harm, and the octets are counted all the same. */
static void test_small_arena(void **state)
{
	struct rng r = {rng_seed("small arena")};
	struct log log = {0};
	struct gen_mail g;

	(void)state;
	gen_init(&g);
	for (uint32_t blocks = 0; blocks < 3; blocks++) {
		for (int round = 0; round < 40; round++) {
			static uint8_t memory[3 * 1024] __attribute__((aligned(64)));
			struct mw_pool pool;
			struct mw_arena arena;
			struct mw_message *m;

			gen_mail(&g, &r, 6, 300);
			mw_pool_init(&pool, memory, 1024, 3);
			mw_arena_init(&arena, &pool, blocks);
			bench->config.want = EVERYTHING;
			log_clear(&log);
			m = mw_message_init(bench->memory, &bench->config, &arena, bench->scratch,
				on_record, &log);
			memset(log.stream_last, 0, sizeof(log.stream_last));
			mw_message_feed(m, mw_span_of(g.data, g.len));
			mw_message_end(m, true);
			assert_int_equal(mw_message_facts(m)->size, g.len);
			assert_true(blocks > 0 || mw_message_facts(m)->truncated);
			mw_arena_reset(&arena);
		}
	}
	gen_free(&g);
	log_free(&log);
}

static const struct mw_message_facts *facts_of(const char *mail)
{
	struct rng r = {1};
	struct log log = {0};

	run(&log, EVERYTHING, (const uint8_t *)mail, strlen(mail), &r, 0);
	log_free(&log);
	return mw_message_facts(bench->m);
}

static void assert_span(struct mw_span s, const char *want)
{
	if (want == NULL) {
		assert_null(s.data);
		return;
	}
	assert_non_null(s.data);
	if (!mw_span_eq(s, mw_span_str(want)))
		fail_msg("\"%.*s\" is not \"%s\"", (int)s.len, (const char *)s.data, want);
}

static void test_headers(void **state)
{
	const struct mw_message_facts *f;

	(void)state;
	f = facts_of("Subject:\r\nFrom: caf\xe9\r\nTo: caf\xc3\xa9\r\nDate: =?utf-8?Q?a?=\r\n"
		     "Subject: second\r\n\r\n");
	assert_span(f->subject, "");
	assert_span(f->from, "caf\xef\xbf\xbd");
	assert_span(f->to, "caf\xc3\xa9");
	assert_span(f->date, "=?utf-8?Q?a?=");
	assert_span(f->message_id, NULL);
	f = facts_of(
		"Subject: =?iso-8859-1?q?caf=E9?= =?gb2312?B?suLK1A==?=\r\nX-Mailer: m 1\r\n\r\n");
	assert_span(f->subject, "caf\xc3\xa9\xe6\xb5\x8b\xe8\xaf\x95");
	assert_span(f->x_mailer, "m 1");
}

static void test_parts(void **state)
{
	const struct mw_message_facts *f;
	const struct mw_message_part *p;

	(void)state;
	f = facts_of("");
	assert_int_equal(f->part_count, 1);
	assert_span(f->parts->path, "1");
	assert_span(f->parts->content_type, "text/plain");
	assert_span(f->parts->charset, NULL);
	assert_span(f->parts->encoding, NULL);
	assert_span(f->parts->filename, NULL);
	f = facts_of("Content-Type: Text/HTML; charset=\"ISO-8859-1\"; name*=utf-8''n%41\r\n"
		     "Content-Transfer-Encoding: Quoted-Printable\r\n"
		     "Content-Disposition: Attachment; filename*0*=iso-8859-1''caf%E9; "
		     "filename*1=.txt\r\n"
		     "\r\na \r\nb=\r\n");
	p = f->parts;
	assert_span(p->content_type, "text/html");
	assert_span(p->charset, "iso-8859-1");
	assert_span(p->encoding, "quoted-printable");
	assert_span(p->disposition, "attachment");
	assert_span(p->filename, "caf\xc3\xa9.txt");
	assert_int_equal(p->size, 5);
	f = facts_of("Content-Type: broken\r\nContent-Disposition: inline\r\n\r\n");
	assert_span(f->parts->content_type, "text/plain");
	assert_span(f->parts->disposition, "inline");
	f = facts_of("Content-Type: a/b; name=x; name*=utf-8''y\r\n\r\n");
	assert_span(f->parts->filename, "y");
	/* behind the padding nothing counts, and it is an anomaly */
	f = facts_of(
		"Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\nQQ==\r\nQkJC\r\n");
	assert_int_equal(f->parts->size, 1);
	assert_true((f->anomalies & MW_MESSAGE_ANOMALY(MW_REASON_BAD_BASE64)) != 0);
}

#define TWO_FILES                                                                       \
	"\r\nHello.\r\nbegin 644 a b.exe\r\n%35J0``,`\r\n`\r\nend\r\nand\r\nbegin 600 " \
	"caf\xe9\r\n`\r\n"                                                              \
	"end\r\n"

/* Files within a text, members of an archive that only its octets tell, what parts are. */
static void test_files(void **state)
{
	static const char zip[] =
		"Content-Type: image/png; name=p.png\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n"
		/* local header and directory of a stored, encrypted "a\x81.txt" */
		"UEsDBAoAAQAAAAAAAAAAAAAAAwAAAAMAAAAGAAAAYYEudHh0YWJjUEsBAgoACgABAAAAAAAAAAAAAAAD"
		"AAAAAwAAAAYAAAAAAAAAAAAAAAAAAAAAAGGBLnR4dFBLBQYAAAAAAAAAAAAAAAAAAAAAAAA=";
	const struct mw_message_facts *f = facts_of(TWO_FILES);
	const struct mw_message_member *i = f->parts->members;
	struct log log = {0};
	uint8_t digest[32];

	(void)state;
	assert_int_equal(f->member_count, 2);
	assert_span(i->name, "a b.exe");
	assert_int_equal(i->kind, MW_MESSAGE_MEMBER_UUENCODE);
	assert_int_equal(i->size, 5);
	assert_int_equal(i->magic, MW_MAGIC_EXE);
	SHA256((const uint8_t *)"MZ\x90\0\3", 5, digest);
	assert_true(i->hashed);
	assert_memory_equal(i->sha256, digest, 32);
	assert_span(i->next->name, "caf\xc3\xa9");
	assert_int_equal(i->next->size, 0);
	assert_null(i->next->next);
	assert_true((f->anomalies & MW_MESSAGE_ANOMALY(MW_REASON_EXECUTABLE)) != 0);
	/* what is beyond the list is told, and its name is looked at all the same */
	bench->config.members_max = 1;
	run(&log, EVERYTHING, (const uint8_t *)TWO_FILES, strlen(TWO_FILES), NULL, 0);
	bench->config.members_max = 0;
	f = mw_message_facts(bench->m);
	assert_int_equal(f->member_count, 1);
	assert_true(f->truncated);
	assert_true((f->anomalies & MW_MESSAGE_ANOMALY(MW_REASON_INNER_FILES)) != 0);
	assert_int_equal(log.count[MW_RECORD_PLAIN], 2);
	log_free(&log);
	/* told twice, by its header and by the directory, and listed once */
	f = facts_of(zip);
	i = f->parts->members;
	assert_int_equal(f->parts->magic, MW_MAGIC_ZIP);
	assert_int_equal(f->member_count, 1);
	assert_span(i->name, "a\xc3\xbc.txt"); /* CP437 */
	assert_int_equal(i->size, 3);
	assert_true(i->size_known && i->encrypted && !i->hashed);
	assert_int_equal(f->anomalies, 0);
	f = facts_of("Content-Type: a/b\r\n\r\nPK\3\4");
	assert_true((f->anomalies & MW_MESSAGE_ANOMALY(MW_REASON_ZIP_CUT)) != 0);
}

/* What is not shown is told, and shown without it to plain patterns alone. */
static void test_shown(void **state)
{
	static const char hidden[] = "Content-Type: text/html\r\n\r\npur<i hidden>x</i>ple";
	static const char split[] =
		"Content-Type: text/plain; charset=utf-8\r\n\r\npur\xe2\x80\x8bple";
	struct log log = {0};

	(void)state;
	run(&log, EVERYTHING, (const uint8_t *)hidden, strlen(hidden), NULL, 0);
	assert_true(
		mw_message_facts(bench->m)->anomalies == MW_MESSAGE_ANOMALY(MW_REASON_HIDDEN_TEXT));
	assert_non_null(strstr(log.kinds[MW_RECORD_BODY].text, " purxple\n"));
	assert_non_null(strstr(log.kinds[MW_RECORD_PLAIN].text, " purple\n"));
	run(&log, EVERYTHING, (const uint8_t *)split, strlen(split), NULL, 0);
	assert_true(
		mw_message_facts(bench->m)->anomalies == MW_MESSAGE_ANOMALY(MW_REASON_SPLIT_WORDS));
	assert_non_null(strstr(log.kinds[MW_RECORD_PLAIN].text, " purple\n"));
	log_free(&log);
}

/* White space of header values and names is as in a paragraph for plain patterns, and as it was for
 * rules of other kinds. What reads the same is not shown twice. */
static void test_blanks(void **state)
{
	static const char mail[] = "Subject: =?utf-8?q?a=C2=A0b__c=E2=80=8Bd?=\r\nFrom: \"x  \ty\" "
				   "<a@b>\r\nTo: p q\r\n"
				   "Content-Type: a/b; name*=utf-8''n%20%E3%80%80%09m\r\n\r\nx";
	struct log log = {0};
	const struct log *plain, *all;

	(void)state;
	run(&log, EVERYTHING, (const uint8_t *)mail, strlen(mail), NULL, 0);
	plain = &log.kinds[MW_RECORD_PLAIN];
	all = &log.kinds[MW_RECORD_HEADER_ALL];
	assert_non_null(strstr(plain->text, " a b cd\n"));
	assert_non_null(strstr(plain->text, " \"x y\" <a@b>\n"));
	assert_non_null(strstr(plain->text, " n \xe3\x80\x80\tm\n"));
	assert_non_null(strstr(plain->text, " n m\n"));
	assert_null(strstr(plain->text, "p q"));
	assert_non_null(strstr(all->text, "Subject: a\xc2\xa0"
					  "b  c\xe2\x80\x8b"
					  "d\n"));
	assert_non_null(strstr(all->text, "From: \"x  \ty\" <a@b>\n"));
	assert_non_null(strstr(log.kinds[MW_RECORD_HEADER].text, "x  \ty"));
	assert_non_null(strstr(log.kinds[MW_RECORD_BODY].text, " a\xc2\xa0"
							       "b  c"));
	log_free(&log);
}

static void assert_one_part(const char *mail, const char *path, const char *type, size_t size)
{
	const struct mw_message_facts *f = facts_of(mail);

	assert_int_equal(f->part_count, 1);
	assert_span(f->parts->path, path);
	assert_span(f->parts->content_type, type);
	assert_int_equal(f->parts->size, size);
}

#define ENCODED(encoding) \
	"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: " encoding "\r\n\r\n"

static void test_encoded_messages(void **state)
{
	(void)state;
	/* says base64 and is none; is base64 ("Content-Type: a/b\r\n\r\n12345"); quoted-printable
	 */
	assert_one_part(ENCODED("base64") "Content-Type: a/b\r\n\r\n12345", "1.1", "a/b", 5);
	assert_one_part(ENCODED("base64") "Q29udGVudC1UeXBlOiBhL2INCg0KMTIzNDU=", "1.1", "a/b", 5);
	assert_one_part(
		ENCODED("quoted-printable") "Content-Type:=20a/b\r\n\r\n123=345", "1.1", "a/b", 5);
	assert_one_part(ENCODED("x-uuencode") "Content-Type: a/b\r\n\r\n12345", "1.1", "a/b", 5);
	assert_one_part(ENCODED("base64"), "1.1", "text/plain", 0);
	/* the second of two stays closed */
	assert_one_part(ENCODED("base64") ENCODED("base64") "QUJD", "1.1", "message/rfc822", 3);
	/* other message types are no messages to open */
	assert_one_part("Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64"
			"\r\n\r\nQUJD",
		"1", "message/delivery-status", 3);
}

static void test_urls(void **state)
{
	const struct mw_message_facts *f =
		facts_of("Content-Type: text/html\r\n\r\n<a href=\"http://example.com/a\">x</a> "
			 "http://example.com/b <a href=\"mailto:x@example.com\">y</a> "
			 "http://example.com/a\r\n");
	const struct mw_message_url *u = f->urls;

	(void)state;
	assert_int_equal(f->url_count, 2);
	/* links and text may come in either order within one paragraph, each once */
	assert_true(mw_span_eq(u->text, mw_span_str("http://example.com/a")) ||
		    mw_span_eq(u->next->text, mw_span_str("http://example.com/a")));
}

/* Whatever its host, an address with a scheme is one for its reader; what rules see of it is what
 * SpamAssassin's would. In order of appearance, once each. */
static void test_strange_urls(void **state)
{
	static const char text[] =
		"http://evil.invalid/a http://example.com/b http://[2001:db8::1]/c www.spam.test "
		"http://evil.invalid/a http://srv01.corp/x http://example.com/d "
		"nothing.invalid\r\n";
	static const char *const urls[] = {"http://evil.invalid/a", "http://example.com/b",
		"http://[2001:db8::1]/c", "www.spam.test", "http://srv01.corp/x",
		"http://example.com/d"};
	static const char *const heads[] = {"\r\n", "Content-Type: text/html\r\n\r\n<p>"};
	struct log log = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
		const struct mw_message_url *u;
		size_t n = 0;
		char mail[512];

		snprintf(mail, sizeof(mail), "%s%s", heads[i], text);
		run(&log, EVERYTHING, (const uint8_t *)mail, strlen(mail), NULL, 0);
		for (u = mw_message_facts(bench->m)->urls; u != NULL; u = u->next, n++) {
			assert_true(n < sizeof(urls) / sizeof(urls[0]));
			assert_span(u->text, urls[n]);
		}
		assert_int_equal(n, sizeof(urls) / sizeof(urls[0]));
		assert_int_equal(log.count[MW_RECORD_URI], 2);
		assert_non_null(strstr(log.kinds[MW_RECORD_URI].text, " http://example.com/b\n"));
		assert_non_null(strstr(log.kinds[MW_RECORD_URI].text, " http://example.com/d\n"));
	}
	log_free(&log);
}

/* Sets the mail's facts up from a head, `count` times a line with its number in it, and a tail. */
static const struct mw_message_facts *facts_of_many(
	const char *head, const char *line, int count, const char *tail)
{
	static char mail[256 * 1024];
	size_t len = (size_t)snprintf(mail, sizeof(mail), "%s", head);

	for (int i = 0; i < count; i++) {
		char number[16];
		int n = snprintf(number, sizeof(number), "%05d", i);

		assert_true(len + strlen(line) + (size_t)n + strlen(tail) < sizeof(mail));
		len = (size_t)(stpcpy(stpcpy(mail + len, line), number) - mail);
	}
	strcpy(mail + len, tail);
	return facts_of(mail);
}

/* What is cut is told, and what just fits is not. */
static void test_facts_cut(void **state)
{
	static const struct {
		const char *head, *line, *tail;
		int fits;
	} cases[] = {
		{"\r\n", " http://h.com/", "\r\n", 256},
		{"Content-Type: a/b; name=\"", "1234567890.", "\"\r\n\r\nx", 255},
		{"Content-Type: text/html\r\n\r\n<a href=\"http://h.com/", "1234567890.", "\">",
			126},
	};
	const uint64_t cut = MW_MESSAGE_ANOMALY(MW_REASON_FACTS_CUT);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct mw_message_facts *f =
			facts_of_many(cases[i].head, cases[i].line, cases[i].fits, cases[i].tail);

		assert_false(f->truncated);
		assert_int_equal(f->anomalies, 0);
		f = facts_of_many(cases[i].head, cases[i].line, cases[i].fits + 5, cases[i].tail);
		assert_true(f->truncated);
		assert_int_equal(f->anomalies, cut);
	}
}

static void test_gap(void **state)
{
	const char *mail = "Subject: x\r\n\r\nbefore";
	const struct mw_message_facts *f;
	uint8_t digest[32];

	(void)state;
	bench_begin(bench, MW_MESSAGE_WANT_FACTS, NULL, NULL);
	mw_message_feed(bench->m, mw_span_str(mail));
	mw_message_gap(bench->m);
	mw_message_feed(bench->m, mw_span_str("after"));
	mw_message_end(bench->m, true);
	f = mw_message_facts(bench->m);
	assert_int_equal(f->size, strlen(mail));
	SHA256((const uint8_t *)mail, strlen(mail), digest);
	assert_memory_equal(f->sha256, digest, 32);
	assert_false(f->complete);
	assert_int_equal(f->parts->size, 6);
	assert_false(f->parts->complete);
}

static uint64_t key_of(const char *mail)
{
	return facts_of(mail)->content_key;
}

static void test_content_key(void **state)
{
	uint64_t key = key_of("Subject: a\r\nReceived: x\r\n\r\nthe same words\r\n");

	(void)state;
	assert_true(key == key_of("Subject: a\r\nReceived: y\r\n\r\nthe same words\r\n"));
	assert_true(
		key == key_of("Content-Transfer-Encoding: base64\r\n\r\ndGhlIHNhbWUgd29yZHMNCg=="));
	assert_true(key != key_of("Subject: a\r\nReceived: x\r\n\r\nthe same wordz\r\n"));
	assert_true(key != key_of("Subject: a\r\nReceived: x\r\n\r\nthe same words"));
	bench->config.content_key[0] ^= 1;
	assert_true(key != key_of("Subject: a\r\nReceived: x\r\n\r\nthe same words\r\n"));
	bench->config.content_key[0] ^= 1;
}

static int open_bench(void **state)
{
	(void)state;
	bench = bench_open();
	return bench == NULL ? -1 : 0;
}

/* What stands in the message as it is comes as FULL alone; what was decoded comes as RAWBODY too,
 * also in a message within. */
static void test_rawbody_new(void **state)
{
	static const char mail[] =
		"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\nstands there\r\n"
		"--b\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: "
		"quoted-printable\r\n\r\n"
		"was=20coded\r\n"
		"--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		/* Subject: y, a blank line, "within" */
		"U3ViamVjdDogeQ0KDQp3aXRoaW4NCg==\r\n--b--\r\n";
	struct log log = {0};
	const uint32_t all = MW_MESSAGE_WANT(MW_RECORD_RAWBODY) | MW_MESSAGE_WANT(MW_RECORD_FULL);

	(void)state;
	run(&log, all, (const uint8_t *)mail, sizeof(mail) - 1, NULL, 0);
	assert_int_equal(log.count[MW_RECORD_RAWBODY], 3);
	run(&log, all | MW_MESSAGE_WANT_RAWBODY_NEW, (const uint8_t *)mail, sizeof(mail) - 1, NULL,
		0);
	assert_int_equal(log.count[MW_RECORD_RAWBODY], 2);
	assert_null(strstr(log.kinds[MW_RECORD_RAWBODY].text, "stands there"));
	assert_non_null(strstr(log.kinds[MW_RECORD_RAWBODY].text, "was coded"));
	assert_non_null(strstr(log.kinds[MW_RECORD_RAWBODY].text, "within"));
	log_free(&log);
}

struct octets {
	uint8_t data[40000];
	size_t len;
};

static void on_full(void *ctx, const struct mw_record *r)
{
	struct octets *out = ctx;

	assert_int_equal(r->kind, MW_RECORD_FULL);
	assert_true(out->len + r->data.len <= sizeof(out->data));
	if (r->data.len > 0)
		memcpy(out->data + out->len, r->data.data, r->data.len);
	out->len += r->data.len;
}

static bool of_base64(uint8_t c)
{
	return c == '\n' || c == '\r' ||
	       memchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		      "0123456789+/=",
		       c, 65) != NULL;
}

static void full_of(struct octets *out, const struct octets *mail, uint32_t quiet, struct rng *r,
	size_t piece_max)
{
	out->len = 0;
	bench->config.full_quiet = quiet;
	bench_begin(bench, MW_MESSAGE_WANT(MW_RECORD_FULL), on_full, out);
	for (size_t at = 0; at < mail->len;) {
		size_t n = 1 + rng_below(r, piece_max);

		n = n < mail->len - at ? n : mail->len - at;
		mw_message_feed(bench->m, mw_span_of(mail->data + at, n));
		at += n;
	}
	mw_message_end(bench->m, true);
	bench->config.full_quiet = 0;
}

/* Around every octet that is no base64 text both streams read the same, as far as a match reaches;
 * they have the same such octets; so the same matches with one. */
static void assert_same_matches(const struct octets *a, const struct octets *b, size_t reach)
{
	size_t i = 0, k = 0;

	for (;;) {
		size_t before, behind;

		while (i < a->len && of_base64(a->data[i]))
			i++;
		while (k < b->len && of_base64(b->data[k]))
			k++;
		if (i == a->len || k == b->len)
			break;
		before = i < reach ? i : reach;
		behind = a->len - i < reach ? a->len - i : reach;
		assert_true(k >= before && b->len - k >= behind);
		assert_memory_equal(a->data + i - before, b->data + k - before, before + behind);
		i++;
		k++;
	}
	assert_int_equal(i, a->len);
	assert_int_equal(k, b->len);
}

static void test_full_quiet(void **state)
{
	static const char some[] = "AZaz09+/=\r\n\r\n", others[] = " -.:\x80\xff\t_",
			  end[] = "\r\n";
	static struct octets mail, all, sparse;
	struct rng r = {rng_seed("full, sparse")};
	size_t left_out = 0;

	(void)state;
	for (int round = 0; round < 600; round++) {
		uint32_t quiet = 1 + (uint32_t)rng_below(&r, 24);
		size_t piece = rng_below(&r, 2) == 0 ? 3 * quiet : 600;

		mail.len = 0;
		while (mail.len < 8000) {
			size_t run = rng_below(&r, rng_below(&r, 3) == 0 ? 2000 : 4 * quiet);

			for (size_t i = 0; i < run; i++)
				mail.data[mail.len++] = rng_below(&r, 30) == 0
								? (uint8_t)end[rng_below(&r, 2)]
								: (uint8_t)some[rng_below(&r, 13)];
			mail.data[mail.len++] = (uint8_t)others[rng_below(&r, 8)];
		}
		full_of(&all, &mail, 0, &r, piece);
		full_of(&sparse, &mail, quiet, &r, piece);
		assert_same_matches(&all, &sparse, quiet);
		left_out += all.len - sparse.len;
	}
	assert_true(left_out > 0);
}

static int close_bench(void **state)
{
	(void)state;
	bench_close(bench);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_generated),
		cmocka_unit_test(test_cut_anywhere),
		cmocka_unit_test(test_wants),
		cmocka_unit_test(test_rawbody_new),
		cmocka_unit_test(test_full_quiet),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_small_arena),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_shown),
		cmocka_unit_test(test_blanks),
		cmocka_unit_test(test_encoded_messages),
		cmocka_unit_test(test_urls),
		cmocka_unit_test(test_strange_urls),
		cmocka_unit_test(test_facts_cut),
		cmocka_unit_test(test_gap),
		cmocka_unit_test(test_content_key),
	};

	return cmocka_run_group_tests_name("message", tests, open_bench, close_bench);
}
