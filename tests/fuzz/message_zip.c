/*
 * An archive is written by APPNOTE 6.3.10 from the input, stored members in it, or its octets are
 * the input's. Oracles: cut anywhere, the same members come; a name is as long as is kept at most;
 * each member that was written is told by its header and by the directory, in order, with its name
 * and size, before anything else is told of as not nested. The kind of a file is told by its first
 * octets, however many follow, and has a word.
 */
#include "tests/fuzz/message_zip.h"

#include "dataplane/proto/magic.h"
#include "dataplane/proto/zip.h"

#define ARCHIVE_MAX 8192u
#define MEMBERS_MAX 8u

struct member {
	uint8_t name[40];
	uint32_t name_len, size;
	bool encrypted;
};

struct archive {
	uint8_t octets[ARCHIVE_MAX];
	uint32_t len;
	struct member member[MEMBERS_MAX];
	uint32_t count;
};

struct told {
	uint64_t hash;
	const struct archive *archive; /* that must be found; NULL: none */
	uint32_t local, directory;     /* members of it told so far */
};

static uint64_t mix(uint64_t h, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h;
}

static void on_member(void *ctx, const struct mw_zip_member *m)
{
	struct told *t = ctx;
	const bool flags[] = {
		m->size_known, m->utf8, m->encrypted, m->directory, m->nested, m->name_cut};
	const struct member *expected;
	uint32_t *count = m->directory ? &t->directory : &t->local;

	demand(m->name.len <= MW_ZIP_NAME_MAX, "a name is no longer than is kept");
	t->hash = mix(mix(t->hash, m->name.data, m->name.len), flags, sizeof(flags));
	t->hash = mix(t->hash, &m->name.len, sizeof(m->name.len));
	if (m->size_known)
		t->hash = mix(t->hash, &m->size, sizeof(m->size));
	if (t->archive == NULL || m->nested)
		return;
	demand(*count < t->archive->count, "no more members are told than there are");
	expected = &t->archive->member[(*count)++];
	demand(m->name.len == expected->name_len &&
			memcmp(m->name.data, expected->name, expected->name_len) == 0 &&
			m->size_known && m->size == expected->size &&
			m->encrypted == expected->encrypted,
		"a member is what was written");
}

static uint64_t read_archive(const struct archive *a, bool true_one, struct fuzz_cuts cuts)
{
	struct told t = {.archive = true_one ? a : NULL};
	struct mw_zip zip;
	bool ended;

	mw_zip_init(&zip, on_member, &t);
	for (size_t done = 0; done < a->len;) {
		size_t n = fuzz_piece(&cuts, a->len - done);
		uint8_t *piece = fuzz_exact(a->octets + done, n);

		mw_zip_feed(&zip, mw_span_of(piece, n));
		free(piece);
		done += n;
	}
	ended = mw_zip_finish(&zip);
	demand(!true_one || (ended && t.local == a->count && t.directory == a->count),
		"all that is in an archive is told, and its end");
	return t.hash ^ ended;
}

static void put(struct archive *a, uint64_t value, uint32_t octets)
{
	for (; octets > 0; octets--, value >>= 8)
		a->octets[a->len++] = (uint8_t)value;
}

static void put_header(struct archive *a, const struct member *m, bool directory)
{
	put(a, directory ? 0x02014b50 : 0x04034b50, 4);
	if (directory)
		put(a, 20, 2);
	put(a, 20, 2);
	put(a, m->encrypted ? 1 : 0, 2);
	put(a, 0, 2); /* stored */
	put(a, 0, 8); /* time, date, CRC */
	put(a, m->size, 4);
	put(a, m->size, 4);
	put(a, m->name_len, 2);
	put(a, 0, 2);
	if (directory)
		put(a, 0, 14);
	memcpy(a->octets + a->len, m->name, m->name_len);
	a->len += m->name_len;
}

static void write_archive(struct archive *a, struct fuzz_input *in)
{
	a->count = fuzz_u8(in) % (MEMBERS_MAX + 1);
	for (uint32_t i = 0; i < a->count; i++) {
		struct member *m = &a->member[i];
		uint8_t how = fuzz_u8(in);

		m->encrypted = (how & 1) != 0;
		m->name_len = 1 + fuzz_u8(in) % 40u;
		for (uint32_t k = 0; k < m->name_len; k++)
			m->name[k] = (uint8_t)('a' + fuzz_u8(in) % 26);
		m->size = fuzz_u16(in) % 500;
		put_header(a, m, false);
		for (uint32_t k = 0; k < m->size; k++) /* any octets, archives among them */
			put(a, fuzz_u8(in), 1);
	}
	for (uint32_t i = 0; i < a->count; i++)
		put_header(a, &a->member[i], true);
	put(a, 0x06054b50, 4);
	put(a, 0, 18);
}

static void kind(const struct archive *a)
{
	uint32_t len = a->len < MW_MAGIC_OCTETS ? a->len : MW_MAGIC_OCTETS;
	uint8_t *head = fuzz_exact(a->octets, len);
	enum mw_magic magic = mw_magic_of(mw_span_of(head, len));

	demand(magic < MW_MAGIC_COUNT, "a kind is one");
	demand((mw_magic_name(magic) == NULL) == (magic == MW_MAGIC_UNKNOWN), "and has a word");
	demand(mw_magic_of(mw_span_of(a->octets, a->len)) == magic, "what follows does not count");
	free(head);
}

void message_zip(struct fuzz_input *in)
{
	static struct archive a;
	uint8_t how = fuzz_u8(in), seed = fuzz_u8(in);
	bool true_one = (how & 1) != 0;
	uint64_t hash;

	a.len = a.count = 0;
	if (true_one)
		write_archive(&a, in);
	if (true_one && (how & 2) != 0) { /* but for an octet */
		a.octets[fuzz_u16(in) % a.len] ^= (uint8_t)(1 + seed);
		true_one = false;
	}
	if (!true_one)
		while (in->left > 0 && a.len < ARCHIVE_MAX)
			put(&a, fuzz_u8(in), 1);
	hash = read_archive(&a, true_one, (struct fuzz_cuts){.most = 0});
	demand(read_archive(&a, true_one, (struct fuzz_cuts){.most = 1}) == hash,
		"an archive cut anywhere has the same members");
	demand(read_archive(&a, true_one, (struct fuzz_cuts){{seed}, 11}) == hash,
		"an archive cut anywhere has the same members");
	kind(&a);
}
