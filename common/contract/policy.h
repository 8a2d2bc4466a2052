/*
 * What the control plane tells the dataplane: records of the `policy` environment. Encoded field by
 * field with a leading version octet; a reader refuses a version it does not know.
 */
#ifndef MW_COMMON_CONTRACT_POLICY_H
#define MW_COMMON_CONTRACT_POLICY_H

#include "common/base/ip.h"
#include "common/base/span.h"
#include "common/contract/divert.h"

#define MW_CUSTOMER_ID_MAX   64 /* with the NUL, as all of these */
#define MW_CLASS_MAX	     32
#define MW_REASON_TEXT_MAX   201 /* printable ASCII, one line */
#define MW_REPLY_TEXT_MAX    201 /* printable ASCII, one line: ends in the sender's bounce */
#define MW_ACTOR_MAX	     64
#define MW_TICKET_MAX	     20	  /* "MW-2026-000123" */
#define MW_REACHABLE_MAX     16	  /* destinations that no verdict keeps anybody from */
#define MW_POLICY_RECORD_MAX 2048 /* no encoded policy record is longer */

enum mw_verdict {
	MW_VERDICT_PASS,
	MW_VERDICT_RATE,
	MW_VERDICT_DIVERT,
	MW_VERDICT_REJECT,
	MW_VERDICT_RESET,
	MW_VERDICT_DROP,
	MW_VERDICT_COUNT
};

enum mw_inspection {
	MW_INSPECTION_NONE,	      /* not even counted */
	MW_INSPECTION_METADATA,	      /* sessions counted, content never looked at */
	MW_INSPECTION_CONTENT,	      /* judged by machine, no content kept */
	MW_INSPECTION_CONTENT_SAMPLE, /* and headers kept as evidence */
	MW_INSPECTION_COUNT
};

/* Where the responder refuses a customer. */
enum mw_reject_at {
	MW_REJECT_AT_MAIL,     /* every sender but one that insists on TLS bounces at once */
	MW_REJECT_AT_HELLO,    /* at EHLO and HELO */
	MW_REJECT_AT_ADAPTIVE, /* as MAIL; a client that left behind EHLO is refused there next time
				*/
	MW_REJECT_AT_COUNT
};

const char *mw_reject_at_name(enum mw_reject_at at); /* mail ehlo adaptive */
int mw_reject_at_parse(const char *name, enum mw_reject_at *out);
const char *mw_verdict_name(enum mw_verdict verdict);	      /* "pass" ... */
int mw_verdict_parse(const char *name, enum mw_verdict *out); /* 0 or -EINVAL */
const char *mw_inspection_name(
	enum mw_inspection inspection); /* none metadata content content-sample */
int mw_inspection_parse(const char *name, enum mw_inspection *out);

/* What a customer under RATE may send in an hour, of all his lines together; 0: no limit. */
struct mw_rate {
	uint32_t messages, recipients, connections;
};

/* A customer as the dataplane needs him. `index` is dense, from 0, never reused for another id. A
 * line that has a verdict of its own has a record, too, with the values of its customer. */
struct mw_customer_record {
	uint32_t index;
	bool is_line;
	uint32_t owner; /* of a line: its customer's index */
	char id[MW_CUSTOMER_ID_MAX];
	char class_name[MW_CLASS_MAX];
	enum mw_inspection inspection;
	bool shared; /* more than one party behind it: nothing is refused automatically */
	int32_t spam_threshold_milli; /* score from which a message is spam-like, in thousandths */
	struct mw_rate rate;
	enum mw_verdict class_verdict; /* PASS or DIVERT: in force where none was set for him */
};

/* Key of the `prefix` table: an address prefix or a VLAN. */
struct mw_line_key {
	bool is_vlan;
	struct mw_prefix prefix; /* when !is_vlan */
	uint16_t vlan_outer;	 /* when is_vlan: 1..4094 */
	uint16_t vlan_inner;	 /* 0: single-tagged */
};

struct mw_line_record {
	struct mw_line_key key;
	uint32_t customer_index;
};

struct mw_verdict_record {
	uint32_t customer_index;
	enum mw_verdict verdict;
	uint64_t generation; /* of the policy when it was set */
	uint64_t since_s;
	uint64_t expires_s; /* 0: does not */
	char reason[MW_REASON_TEXT_MAX];
	char by[MW_ACTOR_MAX];
	char ticket[MW_TICKET_MAX];    /* "" when none */
	char reply[MW_REPLY_TEXT_MAX]; /* what the responder says after "550 5.7.1 " */
};

/* Settings the dataplane follows; one record. */
struct mw_policy_settings {
	uint16_t smtp_ports[8];
	uint8_t smtp_port_count;
	bool refuse_worm; /* else observed only */
	bool refuse_spam;
	bool refuse_smuggling;	 /* what only looks like the end of a message */
	uint32_t scan_budget_us; /* per poll and lane */
	uint32_t hold_max_ms;
	int32_t default_threshold_milli;
	char ruleset_path[256]; /* compiled rules; "" for none */
	uint64_t ruleset_generation;
	char banner_name[128]; /* the name the responder greets with */
	enum mw_reject_at reject_at;
	char refuse_reply[MW_REPLY_TEXT_MAX]; /* what a refused message is told behind "554 5.7.1 "
					       */
	bool observe; /* verdicts and refusals are reported as they would be, and not acted on */
	uint8_t reachable_count;
	struct mw_prefix reachable[MW_REACHABLE_MAX]; /* servers: the abuse desk's own, say */
	struct mw_divert_settings divert;
	/* What a customer who is diverted by his class hears while the gateway is down, behind
	 * "450 4.7.1 " or "550 5.7.1 "; where a verdict was set for him, that has a text of its
	 * own. */
	char divert_reply[MW_REPLY_TEXT_MAX];
};

/* The key alone, as the line table has it: octet order is network, then length; VLANs come last. */
#define MW_LINE_KEY_MAX 18
size_t mw_line_key_encode(const struct mw_line_key *key, uint8_t *out, size_t size);
int mw_line_key_decode(struct mw_span in, struct mw_line_key *out);

/* Each: octets written, or 0 when `size` is too small or the record is not valid: an enum out of
 * range, host bits, a text that is not what its comment says. */
size_t mw_customer_encode(const struct mw_customer_record *rec, uint8_t *out, size_t size);
size_t mw_line_encode(const struct mw_line_record *rec, uint8_t *out, size_t size);
size_t mw_verdict_encode(const struct mw_verdict_record *rec, uint8_t *out, size_t size);
size_t mw_policy_settings_encode(const struct mw_policy_settings *rec, uint8_t *out, size_t size);
/* Each: 0, -EPROTO for a version that is not known, -EBADMSG for octets that are no such record. */
int mw_customer_decode(struct mw_span in, struct mw_customer_record *out);
int mw_line_decode(struct mw_span in, struct mw_line_record *out);
int mw_verdict_decode(struct mw_span in, struct mw_verdict_record *out);
int mw_policy_settings_decode(struct mw_span in, struct mw_policy_settings *out);

#endif
