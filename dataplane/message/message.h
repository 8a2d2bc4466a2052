/*
 * The octets of one message (as a receiver stores them: dot-unstuffed, CRLF line ends, cut
 * anywhere) to facts about it and records to scan. Driven by the lane: init, feed in order, perhaps
 * one gap, end. Nothing here allocates outside the message's arena, reads a clock, or fails: what
 * does not fit is cut and the facts say `truncated`. The same octets cut anywhere give the same
 * facts and the same records of each kind in the same order (FULL and ATTACHMENT: the same streams,
 * in other pieces); how kinds interleave depends on the cuts.
 */
#ifndef MW_DATAPLANE_MESSAGE_MESSAGE_H
#define MW_DATAPLANE_MESSAGE_MESSAGE_H

#include "common/base/arena.h"
#include "common/contract/reason.h"
#include "dataplane/message/record.h"
#include "dataplane/proto/magic.h"
#include "dataplane/text/charset.h"
#include "dataplane/text/tld.h"

/* What to make; the rest costs nothing. Records of a kind: MW_MESSAGE_WANT(MW_RECORD_BODY) | ... */
#define MW_MESSAGE_WANT(kind)	    (1u << (kind))
#define MW_MESSAGE_WANT_RECORDS	    ((1u << MW_RECORD_KINDS) - 1)
#define MW_MESSAGE_WANT_SHA256	    (1u << 16) /* of the message */
#define MW_MESSAGE_WANT_PART_SHA256 (1u << 17) /* of each part's decoded octets */
#define MW_MESSAGE_WANT_URLS	    (1u << 18) /* facts.urls: needs text to be rendered */
#define MW_MESSAGE_WANT_CONTENT_KEY (1u << 19)
#define MW_MESSAGE_WANT_RAWBODY_NEW (1u << 20) /* RAWBODY only of octets that are not in FULL */
#define MW_MESSAGE_WANT_MEMBERS	    (1u << 21) /* files inside parts */
#define MW_MESSAGE_WANT_FACTS                                                          \
	(MW_MESSAGE_WANT_SHA256 | MW_MESSAGE_WANT_PART_SHA256 | MW_MESSAGE_WANT_URLS | \
		MW_MESSAGE_WANT_CONTENT_KEY | MW_MESSAGE_WANT_MEMBERS)

/* Anomalies use the numbering of struct mw_event_session: bit i, i places after the group's first.
 */
#define MW_MESSAGE_ANOMALY(reason) (1ull << ((reason)-MW_REASON_ASYMMETRIC))

#define MW_MESSAGE_QUIET_MAX 128
#define MW_MESSAGE_NAME_MAX  4096 /* octets of a file's name */

/* One for all messages of a lane. Limits of 0 mean the default in brackets. */
struct mw_message_config {
	uint32_t want;
	uint32_t parts_max;	 /* listed parts [256] */
	uint32_t urls_max;	 /* listed addresses [256] */
	uint32_t members_max;	 /* listed files inside parts, of all parts together [256] */
	uint8_t content_key[16]; /* secret of facts.content_key */
	/* In runs of base64 text, FULL leaves out what is farther than this from both ends; up to
	 * MW_MESSAGE_QUIET_MAX. 0: nothing. */
	uint32_t full_quiet;
};

enum mw_message_member_kind {
	MW_MESSAGE_MEMBER_UUENCODE, /* a file within a text */
	MW_MESSAGE_MEMBER_ZIP,	    /* of an archive, as the archive says */
};

/* A file inside a part. */
struct mw_message_member {
	struct mw_message_member *next;
	struct mw_span name;
	enum mw_message_member_kind kind;
	uint64_t size;	    /* decoded, uncompressed */
	bool size_known;    /* a cut archive may not say */
	bool encrypted;	    /* ZIP */
	bool hashed;	    /* sha256 is there: uuencode, when parts' hashes are wanted */
	uint8_t sha256[32]; /* of the decoded octets */
	enum mw_magic magic;
	uint32_t name_hash; /* the message layer's own */
};

/* Strings: data NULL means absent (JSON null). All point into the arena. Valid UTF-8. */
struct mw_message_part {
	struct mw_message_part *next;
	struct mw_span path;		   /* "1.2" */
	struct mw_span content_type;	   /* lower case, never absent */
	struct mw_span charset;		   /* as declared, lower case */
	struct mw_span encoding;	   /* as declared, lower case */
	struct mw_span disposition;	   /* lower case */
	struct mw_span filename;	   /* decoded */
	uint64_t size;			   /* after transfer decoding */
	uint8_t sha256[32];		   /* of the same octets, when wanted */
	uint32_t number;		   /* place in the list, from 1: record.stream */
	bool complete;			   /* its end was seen */
	enum mw_magic magic;		   /* by its first decoded octets */
	struct mw_message_member *members; /* in order of appearance */
};

struct mw_message_url {
	struct mw_message_url *next;
	struct mw_span text;
};

struct mw_message_facts {
	uint64_t size;	    /* up to the first gap */
	uint8_t sha256[32]; /* over the same octets, when wanted; valid after end */
	bool complete;	    /* end was called with complete, and no gap */
	bool truncated;	    /* the arena or a limit refused something: lists or values are cut; from
			     * end on also told as an anomaly, MW_REASON_FACTS_CUT */
	struct mw_span from, to, subject, date, message_id, x_mailer;
	struct mw_message_part *parts; /* leaves in order */
	uint32_t part_count;
	uint32_t member_count;	     /* of all parts */
	struct mw_message_url *urls; /* in order of appearance, unique */
	uint32_t url_count;
	uint64_t anomalies;
	uint64_t content_key; /* keyed, over the decoded content: equal for a retry or a campaign's
				 copy */
};

struct mw_message;	   /* state of a message on its way */
struct mw_message_scratch; /* one for each lane: holds nothing between two calls */

size_t mw_message_bytes(void);	       /* alignment 64 */
size_t mw_message_scratch_bytes(void); /* alignment 64 */

/* `memory` holds mw_message_scratch_bytes() octets. `charsets` is this lane's own. */
struct mw_message_scratch *mw_message_scratch_init(
	void *memory, struct mw_charset_table *charsets, const struct mw_tld_table *tlds);

/*
 * `memory` holds mw_message_bytes() octets; the arena is this message's own, its blocks best 16 KiB
 * or more (a value longer than a block is cut). `records` may be NULL. Everything given must
 * outlive the message, facts live as long as the arena.
 */
struct mw_message *mw_message_init(void *memory, const struct mw_message_config *config,
	struct mw_arena *arena, struct mw_message_scratch *scratch, mw_record_fn records,
	void *records_ctx);
void mw_message_feed(struct mw_message *m, struct mw_span octets);
/* Octets are missing here: what follows is not counted, hashed, parsed or scanned any more. */
void mw_message_gap(struct mw_message *m);
/* Ends open parts, emits what is pending, completes the facts. Once. */
void mw_message_end(struct mw_message *m, bool complete);
/* Readable at any time; growing until end. */
const struct mw_message_facts *mw_message_facts(const struct mw_message *m);

#endif
