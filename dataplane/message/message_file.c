/*
 * Leaves as files: what a leaf is by its first octets, the names of the members when it is a ZIP
 * archive, uuencoded files within a text (as before MIME: readers offer them like attachments).
 * Names go to plain patterns, however many there are; the list in the facts has its limit. An
 * archive in an archive stays closed.
 */
#include "dataplane/message/message_state.h"
#include "dataplane/text/utf8.h"

void mw_message_name_record(struct mw_message *m, struct mw_span name)
{
	struct mw_record record = {.kind = MW_RECORD_PLAIN, .data = name, .stream = m->part.number};

	if (name.len == 0 || !mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_PLAIN)))
		return;
	mw_message_emit(m, &record);
	if (name.len <= sizeof(m->scratch->unfolded))
		mw_message_shown_record(m, name, m->scratch->unfolded, m->part.number);
}

static uint32_t hash_of(struct mw_span s)
{
	uint32_t hash = 2166136261u;

	for (size_t i = 0; i < s.len; i++)
		hash = (hash ^ s.data[i]) * 16777619u;
	return hash;
}

/* A new entry at the end of the open leaf's list, or NULL. */
static struct mw_message_member *list(
	struct mw_message *m, struct mw_span name, enum mw_message_member_kind kind)
{
	struct mw_message_member *member;

	if (!mw_message_wants(m, MW_MESSAGE_WANT_MEMBERS))
		return NULL;
	if (m->facts.member_count >= m->members_max || m->listed == NULL) {
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_INNER_FILES);
		m->facts.truncated = true;
		return NULL;
	}
	member = mw_arena_alloc(m->arena, sizeof(*member));
	if (member == NULL) {
		m->facts.truncated = true;
		return NULL;
	}
	*member = (struct mw_message_member){
		.kind = kind, .name = mw_message_keep(m, name), .name_hash = hash_of(name)};
	if (m->member_last == NULL)
		m->listed->members = member;
	else
		m->member_last->next = member;
	m->member_last = member;
	m->facts.member_count++;
	return member;
}

/* A name as text: UTF-8 if it is, else in the charset that such files are written in. */
static struct mw_span as_text(struct mw_message *m, struct mw_span name, const char *charset)
{
	struct mw_message_scratch *s = m->scratch;
	size_t len;

	if (mw_utf8_valid(name))
		return name;
	len = s->guess.charset(s->guess.charset_ctx, mw_span_str(charset), false, name, s->value,
		sizeof(s->value));
	return mw_span_of(s->value, len);
}

/* The directory names what the local headers named: once in the list, with what both know. */
static struct mw_message_member *find(struct mw_message *m, struct mw_span name)
{
	uint32_t hash = hash_of(name);
	struct mw_message_member *member = m->listed == NULL ? NULL : m->listed->members;

	while (member != NULL &&
		!(member->kind == MW_MESSAGE_MEMBER_ZIP && member->name_hash == hash &&
			mw_span_eq(member->name, name)))
		member = member->next;
	return member;
}

static void on_member(void *ctx, const struct mw_zip_member *zip)
{
	struct mw_message *m = ctx;
	struct mw_span name = as_text(m, zip->name, zip->utf8 ? "utf-8" : "ibm437");
	struct mw_message_member *member = find(m, name);

	m->facts.truncated |= zip->name_cut;
	if (member == NULL) {
		mw_message_name_record(m, name);
		member = list(m, name, MW_MESSAGE_MEMBER_ZIP);
	}
	if (member == NULL)
		return;
	member->encrypted |= zip->encrypted;
	if (zip->size_known && (!member->size_known || zip->directory)) {
		member->size = zip->size;
		member->size_known = true;
	}
}

void mw_message_file_begin(struct mw_message_file *f)
{
	f->decided = false;
	f->head_len = 0;
	f->magic = MW_MAGIC_UNKNOWN;
}

static void decide(struct mw_message *m, struct mw_message_file *f, struct mw_span head)
{
	f->decided = true;
	f->magic = mw_magic_of(head);
	if (f->magic == MW_MAGIC_ZIP)
		mw_zip_init(&f->zip, on_member, m);
	if (mw_magic_is_program(f->magic))
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_EXECUTABLE);
}

static bool wants_members(const struct mw_message *m)
{
	return mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_PLAIN) | MW_MESSAGE_WANT_MEMBERS);
}

void mw_message_file_look(struct mw_message *m, struct mw_message_file *f, struct mw_span octets)
{
	if (!f->decided) {
		size_t len = sizeof(f->head) - f->head_len;

		if (f->head_len == 0 && octets.len >= sizeof(f->head)) {
			decide(m, f, mw_span_of(octets.data, sizeof(f->head)));
		} else {
			if (len > octets.len)
				len = octets.len;
			memcpy(f->head + f->head_len, octets.data, len);
			f->head_len = (uint8_t)(f->head_len + len);
			if (f->head_len < sizeof(f->head))
				return;
			octets = mw_span_of(octets.data + len, octets.len - len);
			decide(m, f, mw_span_of(f->head, f->head_len));
			if (f->magic == MW_MAGIC_ZIP && wants_members(m))
				mw_zip_feed(&f->zip, mw_span_of(f->head, f->head_len));
		}
	}
	if (f->magic == MW_MAGIC_ZIP && wants_members(m))
		mw_zip_feed(&f->zip, octets);
}

void mw_message_file_end(struct mw_message *m, struct mw_message_file *f)
{
	if (!f->decided) {
		decide(m, f, mw_span_of(f->head, f->head_len));
		if (f->magic == MW_MAGIC_ZIP && wants_members(m))
			mw_zip_feed(&f->zip, mw_span_of(f->head, f->head_len));
	}
	if (f->magic == MW_MAGIC_ZIP && wants_members(m) && !mw_zip_finish(&f->zip))
		m->facts.anomalies |= MW_MESSAGE_ANOMALY(MW_REASON_ZIP_CUT);
}

static void uu_record(struct mw_message *m, struct mw_span octets, bool last)
{
	struct mw_record record = {
		.kind = MW_RECORD_ATTACHMENT,
		.data = octets,
		.stream = m->part.number | MW_RECORD_STREAM_INNER,
		.last = last,
	};

	if (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_ATTACHMENT)))
		mw_message_emit(m, &record);
}

static bool wants_uu(const struct mw_message *m)
{
	return m->part_text &&
	       (mw_message_wants(m, MW_MESSAGE_WANT(MW_RECORD_ATTACHMENT)) || wants_members(m));
}

static bool hashes_uu(const struct mw_message *m)
{
	return m->uu_listed != NULL && mw_message_wants(m, MW_MESSAGE_WANT_PART_SHA256);
}

static void uu_search(struct mw_message *m)
{
	mw_decode_init(&m->uu, MW_ENCODING_UUENCODE);
	m->uu.name = &m->uu_name;
}

static void uu_file_begin(struct mw_message *m)
{
	struct mw_span name = as_text(
		m, mw_span_trim(mw_span_of(m->uu_name.data, m->uu_name.len)), "windows-1252");

	m->uu_open = true;
	m->uu_size = 0;
	mw_message_name_record(m, name);
	m->uu_listed = list(m, name, MW_MESSAGE_MEMBER_UUENCODE);
	if (hashes_uu(m))
		SHA256_Init(&m->uu_sha);
	mw_message_file_begin(&m->uu_file);
}

static void uu_file_feed(struct mw_message *m, struct mw_span octets)
{
	if (octets.len == 0)
		return;
	m->uu_size += octets.len;
	if (hashes_uu(m))
		SHA256_Update(&m->uu_sha, octets.data, octets.len);
	mw_message_file_feed(m, &m->uu_file, octets);
	uu_record(m, octets, false);
}

static void uu_file_end(struct mw_message *m)
{
	mw_message_file_end(m, &m->uu_file);
	uu_record(m, mw_span_of(NULL, 0), true);
	m->uu_open = false;
	if (m->uu_listed == NULL)
		return;
	m->uu_listed->size = m->uu_size;
	m->uu_listed->size_known = true;
	m->uu_listed->magic = m->uu_file.magic;
	m->uu_listed->hashed = hashes_uu(m);
	if (m->uu_listed->hashed)
		SHA256_Final(m->uu_listed->sha256, &m->uu_sha);
}

void mw_message_uu_begin(struct mw_message *m)
{
	uu_search(m);
	m->uu_open = false;
	m->uu_listed = NULL;
}

void mw_message_uu_feed(struct mw_message *m, struct mw_span octets)
{
	struct mw_message_scratch *s = m->scratch;

	if (!wants_uu(m))
		return;
	while (octets.len > 0) {
		size_t used, len;

		len = mw_decode_feed(&m->uu, octets, &used, s->uu_piece, sizeof(s->uu_piece));
		if (m->uu.begun && !m->uu_open)
			uu_file_begin(m);
		if (m->uu_open)
			uu_file_feed(m, mw_span_of(s->uu_piece, len));
		octets = mw_span_of(octets.data + used, octets.len - used);
		if (m->uu.ended) { /* another may follow */
			uu_file_end(m);
			uu_search(m);
		}
	}
}

void mw_message_uu_end(struct mw_message *m)
{
	uint8_t rest[MW_DECODE_OUT_MIN];
	size_t len;

	if (!wants_uu(m) || !m->uu_open)
		return;
	len = mw_decode_finish(&m->uu, rest, sizeof(rest));
	uu_file_feed(m, mw_span_of(rest, len));
	uu_file_end(m);
}
