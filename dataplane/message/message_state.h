/*
 * The state of a message on its way, shared by the files of this folder and nobody else.
 */
#ifndef MW_DATAPLANE_MESSAGE_MESSAGE_STATE_H
#define MW_DATAPLANE_MESSAGE_MESSAGE_STATE_H

/* The structure API of SHA-256 is deprecated in favour of one that allocates. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "dataplane/message/content_key.h"
#include "dataplane/message/message.h"
#include "dataplane/proto/decode.h"
#include "dataplane/proto/mime.h"
#include "dataplane/proto/zip.h"
#include "dataplane/text/rawchunk.h"
#include "dataplane/text/render.h"

#define MW_MESSAGE_FIELD_MAX 32768 /* octets of one field that are kept */
/* Octets of all open boundaries: MW_MIME_LEVELS of the 70 that RFC 2046 allows, and some. */
#define MW_MESSAGE_BOUNDARIES 9216
/* The same inside an encoded message, together in one piece of the arena. */
#define MW_MESSAGE_INNER_FIELD_MAX  8192
#define MW_MESSAGE_INNER_BOUNDARIES 6144
#define MW_MESSAGE_SNIFF	    80
#define MW_MESSAGE_BUCKETS	    64
#define MW_MESSAGE_FIELDS_MAX	    512	  /* header fields kept for records */
#define MW_MESSAGE_PIECE	    16384 /* octets decoded at a time */
#define MW_MESSAGE_PREAMBLE_MAX	    16384 /* of a multipart without parts, kept in case it is text */
#define MW_MESSAGE_ENTITY_TEXT	    4096
#define MW_MESSAGE_CHUNK	    1008
#define MW_MESSAGE_UU_PIECE	    4096 /* decoded at a time of a uuencoded file within text */

/* One for a lane: valid during one call only, but for `lane`, which is configuration. */
struct mw_message_scratch {
	struct mw_render_lane lane;
	struct mw_header_work guess, replace; /* both use work_a and work_b */
	uint8_t work_a[MW_MESSAGE_FIELD_MAX + 64];
	uint8_t work_b[MW_MESSAGE_FIELD_MAX + 64];
	uint8_t unfolded[MW_MESSAGE_FIELD_MAX + 64];
	uint8_t value[4 * MW_MESSAGE_FIELD_MAX]; /* decoded; one octet may become three */
	uint8_t all[MW_RECORD_ALL_MAX];
	uint8_t piece[MW_MESSAGE_PIECE];
	uint8_t inner_piece[MW_MESSAGE_PIECE]; /* while `piece` is in use below it */
	uint8_t lines[MW_MESSAGE_PIECE];
	uint8_t uu_piece[MW_MESSAGE_UU_PIECE];
};

/* A field of the top header, as it stands, in the arena. */
struct mw_message_field {
	struct mw_message_field *next;
	struct mw_message_field *same;	    /* the next field of this name */
	struct mw_message_field *same_last; /* of the first of a name: the last one */
	struct mw_message_field *bucket;    /* of the first of a name: the next name */
	struct mw_span name;
	struct mw_span raw;   /* value behind the colon, LF line ends */
	struct mw_span field; /* all of it */
	uint32_t hash;	      /* of the name, without case */
	bool words;	      /* encoded words are decoded in it */
	bool first;	      /* of its name */
};

/*
 * The content fields of the entity whose header was read last. Its strings have room of their own,
 * not the arena's: however many parts a message has, how a leaf is scanned never depends on what is
 * left.
 */
struct mw_message_entity {
	bool done; /* its header is complete: the next field is another entity's */
	bool type_seen, encoding_seen, disposition_seen;
	struct mw_span content_type, charset, encoding, disposition;
	struct mw_span filename, name; /* of Content-Disposition, of Content-Type */
	uint32_t text_len;
	uint8_t text[MW_MESSAGE_ENTITY_TEXT];
};

/* The decoded octets of a leaf, or of a file within one, as a file. */
struct mw_message_file {
	bool decided; /* what it is */
	uint8_t head_len;
	enum mw_magic magic;
	uint8_t head[MW_MAGIC_OCTETS];
	struct mw_zip zip; /* in use when it is one */
};

struct mw_message_chunk {
	struct mw_message_chunk *next;
	uint32_t len;
	uint8_t data[MW_MESSAGE_CHUNK];
};

struct mw_message {
	const struct mw_message_config *config;
	uint32_t want;
	uint32_t parts_max, urls_max, members_max;
	struct mw_arena *arena;
	struct mw_message_scratch *scratch;
	mw_record_fn records;
	void *records_ctx;
	struct mw_message_facts facts;
	bool ended, gap;
	bool rendering; /* paragraphs, addresses: render is in use */
	bool full_cr;	/* FULL: a CR that may be half of a line end is held back */
	uint16_t full_held_len;
	uint32_t full_run; /* octets of whole pieces of base64 text in a row */

	struct mw_message_field *fields, *field_last;
	struct mw_message_field *names[MW_MESSAGE_BUCKETS]; /* first fields of a name, by hash */
	uint32_t field_count;
	uint32_t field_octets;

	struct mw_message_part *part_last;
	struct mw_message_part part;	/* the open leaf; copied into the list when it is kept */
	struct mw_message_part *listed; /* the open leaf's place in the list, NULL: not listed */
	uint32_t part_number;
	struct mw_message_member *member_last; /* of the open leaf */
	struct mw_message_member *uu_listed;   /* the open uuencoded file, NULL: not listed */
	uint64_t uu_size;
	bool part_text, part_rawbody, part_attachment, part_tentative, uu_open;
	struct mw_message_chunk *preamble, *preamble_last;
	uint32_t preamble_len;
	struct mw_message_url *url_last;

	/* An encoded message that is being opened: its own machine, decoder, and where it hangs. */
	uint8_t *inner_room;
	bool inner_open, inner_decided;
	uint8_t inner_sniff_len;
	size_t inner_path_len;

	/* what follows is set up when it is used */
	struct mw_message_entity entity;
	uint8_t path[2 * MW_MIME_PATH_MAX];
	uint8_t full_held[2 * MW_MESSAGE_QUIET_MAX]; /* the end of a run, kept until it is one */
	struct mw_decode inner_decode;
	uint8_t inner_sniff[MW_MESSAGE_SNIFF];
	uint8_t inner_path[MW_MIME_PATH_MAX];
	struct mw_decode decode;
	struct mw_decode uu; /* looks for uuencoded files in a text part */
	struct mw_decode_name uu_name;
	struct mw_message_file file, uu_file; /* the open leaf, and the uuencoded file in it */
	SHA256_CTX uu_sha;
	struct mw_content_key key;
	SHA256_CTX sha, part_sha;
	struct mw_mime_sink mime_sink;
	struct mw_uri_seen uris_seen, urls_seen;
	struct mw_rawchunk rawchunk;
	struct mw_render render;
	struct mw_mime_sink inner_sink;
	struct mw_mime mime, inner;
	uint8_t mime_boundaries[MW_MESSAGE_BOUNDARIES];
	uint8_t mime_text[MW_MESSAGE_FIELD_MAX + MW_MIME_LINE_MAX];
};

static inline bool mw_message_wants(const struct mw_message *m, uint32_t bits)
{
	return (m->want & bits) != 0;
}

/* A copy in the arena, cut (at a character) to what one block holds; sets `truncated` for a cut. */
struct mw_span mw_message_keep(struct mw_message *m, struct mw_span s);
void mw_message_emit(struct mw_message *m, const struct mw_record *record);

/* message_full.c: the message's octets as FULL */
void mw_message_full_feed(struct mw_message *m, struct mw_span octets);
void mw_message_full_end(struct mw_message *m);

/* message_header.c: the top header */
void mw_message_header_field(struct mw_message *m, struct mw_span field);
void mw_message_header_end(struct mw_message *m);
/* message_record.c: its records */
void mw_message_header_records(struct mw_message *m);
/* The first field of that name, or NULL; the others hang on it. */
const struct mw_message_field *mw_message_field_named(
	const struct mw_message *m, struct mw_span name);
/* Does the syntax of a field of that name have encoded words? */
bool mw_message_has_words(struct mw_span name);
/* Unfolded, decoded, guessed at where it is no UTF-8: what header rules see. */
struct mw_span mw_message_field_decode(
	struct mw_message *m, const struct mw_message_field *field, uint8_t *out, size_t size);

/* message_part.c: leaves */
void mw_message_entity_init(struct mw_message *m);
void mw_message_entity_field(struct mw_message *m, struct mw_span field);
void mw_message_entity_end(struct mw_message *m);
void mw_message_leaf_begin(struct mw_message *m, struct mw_span path, bool tentative);
void mw_message_leaf_body(struct mw_message *m, struct mw_span octets);
void mw_message_leaf_end(struct mw_message *m, bool keep, bool complete);

/* message_inner.c: messages with a transfer encoding */
bool mw_message_inner_begin(struct mw_message *m, struct mw_span path);
void mw_message_inner_feed(struct mw_message *m, struct mw_span octets);
void mw_message_inner_end(struct mw_message *m, bool complete);

/* message_file.c: leaves as files */
void mw_message_file_begin(struct mw_message_file *f);
void mw_message_file_look(struct mw_message *m, struct mw_message_file *f, struct mw_span octets);
void mw_message_file_end(struct mw_message *m, struct mw_message_file *f);
/* Uuencoded files in the octets of a text part. */
void mw_message_uu_begin(struct mw_message *m);
void mw_message_uu_feed(struct mw_message *m, struct mw_span octets);
void mw_message_uu_end(struct mw_message *m);
/* A name, for plain patterns: as it is, and as its reader sees it. */
void mw_message_name_record(struct mw_message *m, struct mw_span name);

/* Most files are known by their first octets, and the rest of them is no business of that. */
static inline void mw_message_file_feed(
	struct mw_message *m, struct mw_message_file *f, struct mw_span octets)
{
	if (!f->decided || f->magic == MW_MAGIC_ZIP)
		mw_message_file_look(m, f, octets);
}

/* message_text.c: what comes back from rendering */
void mw_message_text_init(struct mw_message *m);
void mw_message_text_begin(struct mw_message *m, enum mw_render_kind kind, bool rawbody);
void mw_message_text_feed(struct mw_message *m, struct mw_span octets);
void mw_message_text_end(struct mw_message *m);
/* A string that is no text part, once more as its reader sees it, where that is not how it reads:
 * without what has no width, every run of white space one blank. `room` has room for it and may be
 * where it lies. */
void mw_message_shown_record(
	struct mw_message *m, struct mw_span s, uint8_t *room, uint32_t stream);

#endif
