/*
 * What the dataplane tells the control plane: records of the `events` environment, keyed by a
 * 64-bit sequence number. Same encoding rules as policy.h. Strings are octets from the wire, cut to
 * their limit, made valid UTF-8 by the lane, still hostile to a terminal.
 */
#ifndef MW_COMMON_CONTRACT_EVENT_H
#define MW_COMMON_CONTRACT_EVENT_H

#include "common/base/ip.h"
#include "common/base/span.h"
#include "common/contract/reason.h"

#define MW_EVENT_RULES_MAX   32
#define MW_EVENT_DOMAINS_MAX 16
#define MW_EVENT_TEXT_MAX    256 /* with the NUL */
#define MW_RULE_NAME_MAX     96
#define MW_EVENT_RECORD_MAX  16384 /* no encoded event is longer */

enum mw_event_kind {
	MW_EVENT_MESSAGE = 1, /* a spam-like message or a worm: one observation, with evidence */
	MW_EVENT_HAM = 2,     /* the ham of one customer since his last observation */
	MW_EVENT_SESSION = 3, /* a session that lost content inspection or showed an anomaly */
	MW_EVENT_LANE = 4,    /* counters of a lane */
	MW_EVENT_DIVERT = 5,  /* connections of one customer under DIVERT, since the last such */
};

enum mw_message_class { MW_CLASS_HAM, MW_CLASS_SPAM, MW_CLASS_WORM };

const char *mw_message_class_name(enum mw_message_class c); /* "ham" "spam" "worm" */

struct mw_event_rule {
	char name[MW_RULE_NAME_MAX];
	int32_t score_milli;
};

struct mw_event_message {
	uint64_t time_us;
	uint32_t customer_index;
	uint16_t lane;
	struct mw_ip client, server;
	uint16_t client_port, server_port;
	uint64_t fingerprint; /* keyed hash of customer, envelope and content: equal for a retry */
	uint64_t campaign;    /* keyed hash of the content alone */
	uint32_t ham_before;  /* ham of this customer since his last observation on this lane */
	enum mw_message_class klass;
	bool refused;
	bool complete;
	int32_t score_milli, threshold_milli;
	uint32_t recipients;
	uint8_t ttl;	 /* of the client's packets: tells machines behind one NAT apart */
	uint16_t window; /* of the SYN */
	uint16_t mss;	 /* of the SYN, 0 none */
	uint64_t size;
	uint8_t sha256[32];
	char helo[MW_EVENT_TEXT_MAX];
	char mail_from[MW_EVENT_TEXT_MAX];
	char subject[MW_EVENT_TEXT_MAX];
	char header_from[MW_EVENT_TEXT_MAX];
	char message_id[MW_EVENT_TEXT_MAX];
	char date[MW_EVENT_TEXT_MAX];
	char mailer[MW_EVENT_TEXT_MAX];
	uint8_t domain_count; /* recipient domains, first ones; local parts are never stored */
	char domains[MW_EVENT_DOMAINS_MAX][MW_EVENT_TEXT_MAX];
	uint8_t rule_count; /* the dearest first when there are more than fit */
	struct mw_event_rule rules[MW_EVENT_RULES_MAX];
};

struct mw_event_ham {
	uint64_t time_us;
	uint32_t customer_index;
	uint16_t lane;
	uint32_t ham;
};

/* New connections of a customer under DIVERT, and what became of them. */
struct mw_event_divert {
	uint64_t time_us;
	uint32_t customer_index;
	uint16_t lane;
	uint32_t diverted;		   /* led to the gateway */
	uint32_t passed, put_off, refused; /* the gateway was down: by the policy's fallback */
};

/* How the ClientHello of a session came: what its server name is worth. */
enum mw_event_tls {
	MW_EVENT_TLS_NONE,   /* not under TLS, or its beginning was not seen */
	MW_EVENT_TLS_WHOLE,  /* read to its end */
	MW_EVENT_TLS_CUT,    /* only its beginning was read */
	MW_EVENT_TLS_UNKEPT, /* there was no memory for the name in it */
	MW_EVENT_TLS_BAD,    /* what came was no ClientHello */
};

const char *mw_event_tls_name(enum mw_event_tls tls); /* "none" "whole" "cut" "unkept" "bad" */

struct mw_event_session {
	uint64_t start_us, end_us;
	uint32_t customer_index;
	uint16_t lane;
	struct mw_ip client, server;
	uint16_t client_port, server_port;
	uint32_t messages;
	enum mw_reason reason; /* why content inspection was lost; MW_REASON_NONE */
	uint64_t anomalies;    /* bit i: the reason i places after the first of the ANOMALY group */
	uint64_t client_bytes, server_bytes;
	bool quit;
	uint32_t recipients_refused; /* RCPT answered with 5yz */
	/* Since version 2; 0 in older records. */
	uint32_t recipients_unknown; /* of those refused: there is no such mailbox */
	uint32_t recipients_policy; /* of those refused: the client's host or range is not wanted */
	uint32_t policy_refusals;   /* the same, said to anything but RCPT; no evidence by itself */
	enum mw_event_tls tls_hello;
	uint16_t tls_version; /* highest the client offers: 0x0303 is TLS 1.2; 0 unknown */
	char tls_server_name[MW_EVENT_TEXT_MAX];
};

/* The gateway of diverted mail, as a lane sees it. */
enum mw_event_gateway {
	MW_EVENT_GATEWAY_NONE, /* none is configured, or there is no port to it */
	MW_EVENT_GATEWAY_DOWN,
	MW_EVENT_GATEWAY_UP,
};

/* Counters of a lane since its start, one value a reason and a few gauges. */
struct mw_event_lane {
	uint64_t time_us;
	uint16_t lane;
	uint16_t count;			   /* of reasons: set by decode, encode writes all */
	uint64_t packets[MW_REASON_COUNT]; /* by reason: packets, sessions, anomalies, messages */
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t flows, flows_max, messages, held, held_ns_max, scan_ns, scanned_bytes;
	uint64_t event_drops;
	uint64_t policy_generation, ruleset_generation;
	/* Since version 2; 0 in older records. */
	enum mw_event_gateway gateway;
	uint64_t gateway_changes; /* how often it went up or down */
};

struct mw_event {
	enum mw_event_kind kind;
	union {
		struct mw_event_message message;
		struct mw_event_ham ham;
		struct mw_event_session session;
		struct mw_event_lane lane;
		struct mw_event_divert divert;
	};
};

/* Octets written, or 0 when `size` is too small or the event is not valid. Texts that are not UTF-8
 * are made so ('?' for each octet that is not). Names, not numbers, stand for reasons, so that two
 * builds of different age understand each other. */
size_t mw_event_encode(const struct mw_event *event, uint8_t *out, size_t size);
/* 0, -EPROTO for a version or kind that is not known, -EBADMSG. Reasons this build does not know:
 * counters are left out, a session's becomes MW_REASON_NONE. */
int mw_event_decode(struct mw_span in, struct mw_event *out);
/* When an encoded event happened (a session: ended), without decoding it; 0 when it is none. */
uint64_t mw_event_peek_time_us(struct mw_span in);
/* The kind of an encoded event, without decoding it; 0 when it is none. */
enum mw_event_kind mw_event_peek(struct mw_span in);

#endif
