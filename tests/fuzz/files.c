/*
 * Files that people give: rules in four languages, regular expressions, customers and contacts as
 * CSV, settings as YAML. Oracles: what is refused is refused with file, line and sentence; how a
 * file is read in pieces makes no difference; what was taken can be used (settings can be told to
 * the dataplane, lines written are read again, rules make a plan); and a filter derived from an
 * expression proposes whatever PCRE2's interpreter matches, in the class automaton as in a slow
 * model of it.
 *
 * The first octet picks the reader, the rest is the file.
 */
#include <ctype.h>
#include <errno.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "controlplane/input/csv.h"
#include "controlplane/input/settings.h"
#include "controlplane/rules/cf.h"
#include "controlplane/rules/filter.h"
#include "controlplane/rules/plan.h"
#include "dataplane/scan/automaton.h"
#include "tests/fuzz/target.h"

#define NAME "f.x"

const struct fuzz_target fuzz_target = {"files", 4000};

static uint64_t lines_of(struct mw_span s)
{
	uint64_t lines = 1;

	for (size_t i = 0; i < s.len; i++)
		lines += s.data[i] == '\n' || s.data[i] == '\r';
	return lines;
}

/* "FILE:LINE: sentence", the line one of the file. */
static void check_error(const char *error, struct mw_span text)
{
	unsigned long long line = 0;
	int at = 0;

	if (strncmp(error, NAME ":", strlen(NAME) + 1) != 0)
		fprintf(stderr, "error: %s\n", error);
	demand(strncmp(error, NAME ":", strlen(NAME) + 1) == 0, "an error names its file");
	if (sscanf(error + strlen(NAME), ":%llu: %n", &line, &at) == 1) {
		if (line > lines_of(text) + 1)
			fprintf(stderr, "error: %s\n", error);
		demand(line <= lines_of(text) + 1, "and a line of it");
		demand(at > 0 && error[strlen(NAME) + (size_t)at] != '\0', "and what is wrong");
	}
}

/* --- rules --- */

static int read_rules(struct mw_rulebook *book, uint8_t kind, struct mw_span text)
{
	struct mw_cf cf = {.book = book};
	int rc;

	switch (kind) {
	case 0:
		rc = mw_cf_read(&cf, NAME, text);
		if (rc == 0)
			rc = mw_cf_end(&cf);
		mw_cf_free(&cf);
		return rc;
	case 1:
		return mw_import_phrases(book, NAME, text);
	case 2:
		return mw_import_ndb(book, NAME, text);
	default:
		return mw_import_digests(book, NAME, text);
	}
}

static void rules(uint8_t kind, struct mw_span text)
{
	struct mw_rulebook book;
	struct mw_plan plan;
	int rc;

	mw_rulebook_init(&book);
	rc = read_rules(&book, kind, text);
	demand(rc == 0 || rc == -EINVAL, "a reader says what it may say");
	demand((rc != 0) == (book.error[0] != '\0'), "and a sentence when it refuses");
	if (rc != 0) {
		check_error(book.error, text);
	} else {
		rc = mw_plan_make(&plan, &book, text.len % 2 == 0);
		demand((rc != 0) == (book.error[0] != '\0'), "a plan, or a sentence");
		if (rc != 0)
			check_error(book.error, text);
		for (size_t i = 0; rc == 0 && i < book.count; i++)
			demand(book.defs[i]->fate < MW_RULE_FATE_COUNT, "each rule has a fate");
		mw_plan_free(&plan);
	}
	mw_rulebook_free(&book);
}

/* --- one expression, one text --- */

static bool sequence_met(const struct mw_sequence *s, struct mw_span text)
{
	uint64_t d = 0;

	for (size_t i = 0; i < text.len; i++) {
		uint64_t next = 0;

		for (unsigned k = 0; k < s->len; k++) {
			bool comes = k == 0 || (d >> (k - 1) & 1) != 0;

			if ((comes && mw_octets_has(&s->c[k], text.data[i])) ||
				((d >> k & 1) != 0 && mw_octets_has(&s->g[k], text.data[i])))
				next |= 1ull << k;
		}
		d = next;
		if ((d >> (s->len - 1) & 1) != 0)
			return true;
	}
	return false;
}

static void on_found(void *ctx, uint32_t expr)
{
	demand(expr == 7, "the automaton names its expression");
	*(bool *)ctx = true;
}

static bool automaton_met(const struct mw_sequence *s, struct mw_span text)
{
	static const uint8_t expr[4] = {0, 0, 0, 7};
	uint8_t tables[1 + MW_SEQUENCE_MAX * 64];
	struct mw_ruleset_automaton in = {.sequence_count = 1, .exprs = mw_span_of(expr, 4)};
	struct mw_automaton *a;
	size_t n = 0;
	bool met = false;

	tables[n++] = (uint8_t)s->len;
	for (unsigned k = 0; k < s->len; k++)
		for (unsigned i = 0; i < 64; i++) {
			const struct mw_octets *set = i < 32 ? &s->c[k] : &s->g[k];

			tables[n++] = (uint8_t)(set->bits[i % 32 / 8] >> i % 8 * 8);
		}
	in.tables = mw_span_of(tables, n);
	a = mw_automaton_new(&in);
	demand(a != NULL, "a sequence makes an automaton");
	mw_automaton_run(a, text, on_found, &met);
	mw_automaton_free(a);
	return met;
}

/* Capitals are letters; a NUL is an octet like others. */
static bool same_letters(const uint8_t *a, const uint8_t *b, size_t len)
{
	while (len > 0 && tolower(*a) == tolower(*b))
		a++, b++, len--;
	return len == 0;
}

static bool has_literal(const struct mw_literals *l, struct mw_span text)
{
	for (size_t i = 0; i < l->count; i++)
		for (size_t at = 0; at + l->items[i].len <= text.len; at++)
			if (same_letters(text.data + at, l->items[i].data, l->items[i].len))
				return true;
	return false;
}

static void check_filters(
	struct mw_bag *bag, const struct mw_rx *rx, bool exact, bool matches, struct mw_span text)
{
	uint8_t *blanks = fuzz_exact(text.data, text.len);
	struct mw_span seen = mw_span_of(blanks, text.len), plain;
	bool caseless;

	for (size_t i = 0; i < text.len; i++)
		if (blanks[i] >= '\t' && blanks[i] <= '\r')
			blanks[i] = ' ';
	for (int texts = MW_TEXTS_PROSE; texts <= MW_TEXTS_ADDRESSES; texts++) {
		struct mw_literals l = mw_filter_literals(bag, rx, (enum mw_filter_texts)texts);
		struct mw_sequences s = mw_filter_sequences(bag, rx, (enum mw_filter_texts)texts);
		bool met = false;

		if (l.price < MW_FILTER_NONE && matches)
			demand(has_literal(&l, seen), "literals propose what matches");
		if (!(s.price < MW_FILTER_NONE))
			continue;
		for (unsigned i = 0; i < s.count; i++) {
			bool model = sequence_met(&s.items[i], seen);

			demand(s.items[i].len > 0 && s.items[i].len <= MW_SEQUENCE_MAX,
				"a sequence has places");
			demand(automaton_met(&s.items[i], seen) == model,
				"the automaton meets what its model meets");
			met = met || model;
		}
		demand(met || !matches, "sequences propose what matches");
	}
	if (exact && mw_filter_plain(bag, rx, &plain, &caseless)) {
		struct mw_literals l = {.items = &plain, .count = 1};
		bool there = caseless ? has_literal(&l, text)
				      : memmem(text.data, text.len, plain.data, plain.len) != NULL;

		demand(there == matches, "a plain text is there or not");
	}
	free(blanks);
}

static void expression(struct mw_span in)
{
	struct mw_def def = {.name = "R"};
	struct mw_bag bag = {0};
	struct mw_span line, text;
	pcre2_code *re;
	bool exact = false;
	int code;
	size_t offset;

	if (!mw_next_line(&in, &line))
		return;
	text = in;
	if (mw_parse_regex(mw_trim(line), &def) != NULL || def.pattern.len == 0)
		return;
	re = pcre2_compile(def.pattern.data, def.pattern.len,
		(def.caseless ? PCRE2_CASELESS : 0) | (def.dotall ? PCRE2_DOTALL : 0) |
			(def.multiline ? PCRE2_MULTILINE : 0) | (def.extended ? PCRE2_EXTENDED : 0),
		&code, &offset, NULL);
	struct mw_rx *rx = mw_rx_parse(&bag, def.pattern,
		(struct mw_rx_flags){def.caseless, def.dotall, def.extended}, &exact);
	if (re != NULL && rx != NULL) {
		pcre2_match_data *match = pcre2_match_data_create(1, NULL);
		pcre2_match_context *limits = pcre2_match_context_create(NULL);
		int rc;

		pcre2_set_match_limit(limits, 20000);
		pcre2_set_heap_limit(limits, 1024);
		rc = pcre2_match(re, text.data, text.len, 0, PCRE2_NO_JIT, match, limits);
		/* A limit says neither; then only that nothing breaks is seen. */
		check_filters(
			&bag, rx, exact && (rc >= 0 || rc == PCRE2_ERROR_NOMATCH), rc >= 0, text);
		pcre2_match_context_free(limits);
		pcre2_match_data_free(match);
	}
	pcre2_code_free(re);
	mw_bag_free(&bag);
}

/* --- CSV --- */

struct source {
	struct mw_span left;
	size_t most;
};

static ssize_t read_some(void *cookie, char *buffer, size_t size)
{
	struct source *s = cookie;
	size_t n = size < s->most ? size : s->most;

	n = n < s->left.len ? n : s->left.len;
	memcpy(buffer, s->left.data, n);
	s->left = mw_span_of(s->left.data + n, s->left.len - n);
	return (ssize_t)n;
}

struct rows {
	uint64_t count, hash;
};

static uint64_t mix(uint64_t h, const char *text)
{
	for (; *text != '\0'; text++)
		h = (h ^ (uint8_t)*text) * 0x100000001b3u;
	return h * 31;
}

static int on_customer(void *ctx, const struct mw_csv_customer *row, char *error, size_t error_size)
{
	struct rows *rows = ctx;

	rows->count++;
	rows->hash = mix(mix(mix(rows->hash, row->id), row->name), row->class_name) + row->line;
	demand(row->id[0] != '\0' && row->line_count <= MW_CUSTOMER_LINES_MAX,
		"a customer has an id");
	for (uint32_t i = 0; i < row->line_count; i++) {
		char text[MW_LINE_KEY_TEXT_MAX], again[MW_LINE_KEY_TEXT_MAX], why[128];
		struct mw_line_key key;

		mw_line_key_format(&row->lines[i], text);
		rows->hash = mix(rows->hash, text);
		demand(mw_line_key_parse(text, &key, why, sizeof(why)) == 0,
			"a line written can be read");
		demand(strcmp(mw_line_key_format(&key, again), text) == 0, "and is the same");
	}
	return 0;
}

static int on_contact(void *ctx, const struct mw_csv_contact *row, char *error, size_t error_size)
{
	struct rows *rows = ctx;

	rows->count++;
	rows->hash = mix(mix(rows->hash, row->customer), row->contact.email) + row->line;
	if (row->contact.position == 13) { /* the caller may refuse a row */
		snprintf(error, error_size, "unlucky");
		return -EINVAL;
	}
	return 0;
}

static int read_csv(bool contacts, struct mw_span text, size_t most, struct rows *rows,
	struct mw_csv_result *result)
{
	static const cookie_io_functions_t io = {.read = read_some};
	struct source source = {text, most};
	FILE *in = fopencookie(&source, "r", io);
	int rc;

	demand(in != NULL, "a stream can be made");
	*rows = (struct rows){0};
	memset(result, 0, sizeof(*result));
	setvbuf(in, NULL, _IOFBF, 64);
	rc = contacts ? mw_csv_contacts(in, NAME, on_contact, rows, result)
		      : mw_csv_customers(in, NAME, NULL, on_customer, rows, result);
	fclose(in);
	return rc;
}

static void csv(bool contacts, struct mw_span text)
{
	static struct mw_csv_result first, second;
	struct rows a, b;
	int rc = read_csv(contacts, text, SIZE_MAX, &a, &first);

	demand(rc == 0 || rc == -EINVAL, "a reader says what it may say");
	demand(rc != 0 || first.rows == a.count, "rows are counted");
	if (rc != 0)
		check_error(first.error, text);
	demand(read_csv(contacts, text, 1 + text.len % 7, &b, &second) == rc &&
			a.count == b.count && a.hash == b.hash &&
			strcmp(first.error, second.error) == 0 && first.line == second.line,
		"in pieces it is the same file");
}

/* --- settings --- */

static void settings(struct mw_span text)
{
	static struct mw_settings s;
	char error[MW_SETTINGS_ERROR_MAX] = "", reply[MW_REPLY_TEXT_MAX];
	struct mw_policy_settings policy;
	uint8_t record[MW_POLICY_RECORD_MAX];
	int rc = mw_settings_parse(NAME, (const char *)text.data, text.len, &s, error);

	demand(rc == 0 || rc == -EINVAL, "a reader says what it may say");
	if (rc != 0) {
		check_error(error, text);
		return;
	}
	demand(s.class_count > 0 && mw_settings_class(&s, s.default_class) != NULL,
		"the default class is one");
	mw_settings_to_policy(&s, &policy);
	demand(mw_policy_settings_encode(&policy, record, sizeof(record)) > 0,
		"what was taken can be told to the dataplane");
	mw_settings_reject_reply(&s, "MW-2026-000123", reply);
	demand(memchr(reply, 0, sizeof(reply)) != NULL, "a reply ends");
	for (const char *p = reply; *p != '\0'; p++)
		demand(*p >= 0x20 && *p < 0x7f, "and is printable ASCII");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = {data, size < FUZZ_INPUT_MAX ? size : FUZZ_INPUT_MAX};
	uint8_t kind = fuzz_u8(&in) % 9;
	uint8_t *exact = fuzz_exact(in.at, in.left);
	struct mw_span text = mw_span_of(exact, in.left);

	if (kind < 4)
		rules(kind, text);
	else if (kind < 6)
		expression(text);
	else if (kind < 8)
		csv(kind == 7, text);
	else
		settings(text);
	free(exact);
	return 0;
}

/* --- made up: lines of each language, pieces of them exchanged --- */

static const char *const cf_lines[] = {"body R1 /via?gra\\b/i\n", "header R2 Subject =~ /^re:/\n",
	"header R3 From:addr !~ m{a@b}x [if-unset: x]\n", "header R4 exists:Date\n",
	"rawbody R5 /(?:a|bc){2,3}[^d-f]/s\n", "uri R6 m!http://[a-z.]+/!i\n",
	"full R7 /begin.*end/s\n", "meta M1 R1 && (R2 + R3 > 1.5) || !R4\n", "meta M2 M1 ^ R1\n",
	"score R1 2.5\n", "score R2 (0.5) 1 2 3\n", "tflags R1 multiple maxhits=3\n",
	"describe R1 some text # comment\n", "ifplugin Mail::SpamAssassin::Plugin::SPF\n",
	"endif\n", "if (version >= 3.004000) && !can(Mail::SpamAssassin::Conf::x)\n", "else\n",
	"replace_tag A [a4]\n", "replace_rules R1\n", "body R8 /<A>x/\n", "body R9 eval:check()\n",
	"lang de describe R1 Text\n", "include x.cf\n", "header R10 ALL:raw =~ /\\nX-/m\n"};
static const char *const phrase_lines[] = {"cheap pills\n", "# comment\n", "N1\t2.5\tbuy now\n",
	"N2\t-1\t/re[gx]+/i\n", "N3\t1\t\n", "\xef\xbb\xbf", "caf\xc3\xa9\tx\n"};
static const char *const ndb_lines[] = {"Worm.A:0:*:4d5a??90\n",
	"Worm.B:0:0:aabb{2-4}cc(dd|ee)f?\n", "Worm.C:1:EOF-10:00112233\n",
	"Worm.D:0:*:aa*bb{-3}cc{5-}dd\n", "Worm.E:0:*:!(aa|bb)cc\n"};
static const char *const digest_lines[] = {"d41d8cd98f00b204e9800998ecf8427e:0:Empty.MD5\n",
	"da39a3ee5e6b4b0d3255bfef95601890afd80709:*:Sha.One:73\n",
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855:12:Sha.Two\n"};
static const char *const expressions[] = {"a+b*c?", "(?:foo|ba[rz])+", "[^a-c]{2,3}x", "\\bword\\b",
	"(?i:X)y", "(a)\\1", "^$", "\\x41\\d\\s", "(?=a)ab", "(?<!x)yz", ".{0,5}q", "[[:alpha:]]_",
	"a|b|cd|", "\\.\\Q[x]\\E", "(?>ab|a)c", "x{3}", "\\W\\w+", "(?#c)d"};
static const char *const texts[] = {"foo", "bar", "abc", "word ", "aa", "xx", "\n", "yz", "cd", "x",
	"A1 ", ".[x]", " ", "_", "aab", "barbaz"};
static const char *const customer_lines[] = {"customer,name,class,prefixes\n",
	"K1,Company,business,192.0.2.0/24 2001:db8::/32\n",
	"K2,\"A, B \"\"C\"\"\",residential,vlan:100 vlan:7.9\n",
	"customer,name,class,prefixes,inspection,tam,valid_from,valid_to\n",
	"K3,X,c,198.51.100.7,content,tam@x,2026-01-31,1790000000\n", "\n", "K1,Dup,c,\n"};
static const char *const contact_lines[] = {"customer,position,name,role,phone,email,channel\n",
	"K1,1,Alice,contact,+49 30 1,a@b.example,mail\n", "K1,2,\"B\nC\",tam,,x@y,\n",
	"K1,13,D,contact,+1,d@e.example,phone\n", "K2,1,E,manager,+2,,\n"};
static const char *const setting_lines[] = {"inspection_default: content\n",
	"default_class: business\n", "spam_threshold: 2.5\n",
	"desk:\n  name: Desk\n  phone: '+49'\n",
	"mail:\n  relay: mx.example\n  from: a@b.example\n", "smtp:\n  ports: [25, 587]\n",
	"  banner_name: mx.example\n", "classes:\n  business:\n    deadline: 3d\n",
	"    inspection: none\n", "metrics: {address: 127.0.0.1, port: 9100}\n",
	"rules: [/etc/a.cf, b.txt]\n", "store:\n  events_mib: 64\n",
	"retention:\n  evidence_days: 30\n", "a: &x [1]\n", "b: *x\n", "detect:\n  theta0: 0.1\n",
	"- 1\n", "? x\n", "!!int 5\n"};

#define LIST(words)                                                   \
	{                                                             \
		words, (uint32_t)(sizeof(words) / sizeof((words)[0])) \
	}

static const struct list {
	const char *const *words;
	uint32_t count;
} lists[9] = {LIST(cf_lines), LIST(phrase_lines), LIST(ndb_lines), LIST(digest_lines),
	LIST(expressions), LIST(expressions), LIST(customer_lines), LIST(contact_lines),
	LIST(setting_lines)};

static size_t put(uint8_t *out, size_t n, size_t size, const char *text)
{
	size_t len = strlen(text);

	len = len < size - n ? len : size - n;
	memcpy(out + n, text, len);
	return n + len;
}

size_t fuzz_make_up(struct fuzz_random *r, uint8_t *out, size_t size)
{
	uint32_t kind = fuzz_below(r, 9), pieces = 1 + fuzz_below(r, 12);
	const struct list *list = &lists[kind];
	bool one = kind == 4 || kind == 5;
	size_t n = 1;

	if (size < 16)
		return 0;
	out[0] = (uint8_t)kind;
	if (one)
		n = put(out, n, size, "/");
	else if (kind >= 6)
		n = put(out, n, size, list->words[0]);
	for (uint32_t i = 0; i < (one ? pieces / 3 + 1 : pieces); i++)
		n = put(out, n, size, list->words[fuzz_below(r, list->count)]);
	if (one) {
		n = put(out, n, size, fuzz_below(r, 2) == 0 ? "/i\n" : "/\n");
		for (uint32_t i = 0; i < pieces; i++)
			n = put(out, n, size,
				texts[fuzz_below(r, sizeof(texts) / sizeof(texts[0]))]);
	}
	for (uint32_t i = fuzz_below(r, 4); i > 0; i--) {
		uint32_t mark = fuzz_below(r, 32);

		out[1 + fuzz_below(r, (uint32_t)n - 1)] =
			mark < 15 ? (uint8_t) "/()[]{}|\\,:\"\n #"[mark] : (uint8_t)fuzz_random(r);
	}
	return n;
}
