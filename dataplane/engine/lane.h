/*
 * One lane: a deterministic function of (snapshot, packets, now). Packets go in, packets come out,
 * facts are handed to the sink. It reads no clock, takes no lock, allocates nothing after init, and
 * shares nothing with another lane but what `left` says. The rims (dataplane/io live,
 * dataplane/replay over captures, the tests on virtual time) drive it through these functions and
 * nothing else.
 *
 * `now_ns` is nanoseconds since the epoch and never goes backwards.
 */
#ifndef MW_DATAPLANE_ENGINE_LANE_H
#define MW_DATAPLANE_ENGINE_LANE_H

#include "common/base/ip.h"
#include "common/base/span.h"
#include "common/contract/event.h"
#include "common/contract/reason.h"
#include "dataplane/gateway/status.h"
#include "dataplane/proto/smtp.h"

struct mw_lane;
struct mw_snapshot;	 /* dataplane/verdict/snapshot.h */
struct mw_ruleset;	 /* dataplane/scan */
struct mw_scan_scratch;	 /* dataplane/scan */
struct mw_charset_table; /* dataplane/text */
struct mw_tld_table;	 /* dataplane/text: top-level domains */
struct mw_message_facts; /* dataplane/message/message.h */
struct mw_left;		 /* dataplane/engine/left.h */

enum mw_port { MW_PORT_INSIDE, MW_PORT_OUTSIDE, MW_PORT_DIVERT, MW_PORT_COUNT };

#define MW_LANE_ANY	     0xffffu /* mw_lane_owner: nobody's; handle it where it arrived */
#define MW_NO_CUSTOMER_INDEX UINT32_MAX

/* 65,536 bits: is this TCP port an SMTP port? Written before lanes run, read by all of them. */
struct mw_port_set {
	uint64_t word[1024];
};

static inline void mw_port_set_add(struct mw_port_set *set, uint16_t port)
{
	set->word[port >> 6] |= 1ull << (port & 63);
}

static inline bool mw_port_set_has(const struct mw_port_set *set, uint16_t port)
{
	return (set->word[port >> 6] >> (port & 63) & 1) != 0;
}

/* A frame in the rim's buffer. The lane reads it, may change octets in place, may shorten it, and
 * says what becomes of it. It keeps no pointer into it after the call. */
struct mw_packet {
	/* Moved by the lane when a diverted packet gets another layer 2 header: forward, or
	 * backward by `headroom` at most. */
	uint8_t *data;
	uint32_t len;	    /* octets at `data`; shortened by the lane when the packet is cut */
	uint32_t headroom;  /* octets in front of `data` that the lane may write */
	uint32_t wire_len;  /* octets the frame had on the wire; > len when a capture cut it */
	uint8_t port_in;    /* enum mw_port */
	bool checksum_good; /* the device has checked the TCP checksum */
	bool joined;	    /* put together from fragments: longer than a link carries */
	/* out */
	bool forward; /* send it to port_out; else it ends here, for `reason` */
	uint8_t port_out;
	/* Octets of the new layer 2 header at `data`, for the fragments of a `joined` packet; 0:
	 * they keep theirs. */
	uint8_t relabelled;
	enum mw_reason reason;
};

/* A list, for no array of as many as there are rules fits a block of a message's memory. */
struct mw_match {
	const struct mw_match *next;
	struct mw_span rule; /* name; lives as long as the ruleset */
	int32_t score_milli;
};

/* A message whose fate is known. Everything it points to is valid during the sink's call only. */
struct mw_lane_message {
	uint64_t session; /* number of the session, from 1, by first packet */
	uint16_t lane;
	struct mw_ip client, server;
	uint16_t client_port, server_port;
	uint16_t vlan_outer, vlan_inner;
	uint32_t customer_index; /* MW_NO_CUSTOMER_INDEX */
	uint64_t start_ns, end_ns;
	const struct mw_smtp_envelope *envelope;
	const struct mw_message_facts *facts;
	bool complete;
	const struct mw_match *matches; /* in the order of the rules */
	int32_t score_milli, threshold_milli;
	enum mw_message_class klass;
	bool refuse;	       /* the action: refuse, else forward */
	enum mw_reason reason; /* why this action */
	uint32_t ham_before; /* of a spam-like message: this customer's ham since his last one, here
			      */
	uint64_t fingerprint, campaign;
	uint8_t ttl;
	uint16_t window, mss; /* of the SYN; 0 when it was not seen */
};

struct mw_lane_session {
	uint64_t session;
	uint16_t lane;
	struct mw_ip client, server;
	uint16_t client_port, server_port;
	uint16_t vlan_outer, vlan_inner;
	uint32_t customer_index;
	uint64_t start_ns, end_ns;
	uint32_t messages;
	enum mw_smtp_starttls starttls; /* the strongest seen */
	bool metadata;			/* any part of it went uninspected */
	enum mw_reason reason;		/* the first cause, or MW_REASON_NONE */
	uint64_t anomalies;		/* bit MW_ANOMALY_BIT(reason) */
	uint64_t client_bytes, server_bytes;
	uint32_t recipients_refused;	/* RCPT answered with 5yz */
	uint32_t recipients_unknown;	/* of these: there is no such mailbox */
	uint32_t recipients_policy;	/* of these: the client's host or range is not wanted */
	uint32_t policy_refusals;	/* the same, said to anything but RCPT */
	enum mw_tls_outcome tls_hello;	/* NONE: not under TLS, or its beginning was not seen */
	uint16_t tls_version;		/* the highest the client offers, 0: unknown */
	struct mw_span tls_server_name; /* RFC 6066; data NULL: unknown. During the call only. */
	bool quit;
};

/* Anomalies as a bit set: the reasons of the ANOMALY group, from ASYMMETRIC on. */
#define MW_ANOMALY_BIT(reason) (1ull << ((unsigned)(reason) - (unsigned)MW_REASON_ASYMMETRIC))

/* New connections of a customer under DIVERT, by what became of them: as struct mw_event_divert. */
struct mw_divert_counts {
	uint32_t diverted, passed, put_off, refused;
};

/* Where the lane puts what it makes. All calls come from within lane functions, on its own core. */
struct mw_lane_sink {
	void *ctx;
	/* A frame of the lane's own making (or the held end of a message): copy it and send it. */
	void (*transmit)(void *ctx, enum mw_port port, const uint8_t *frame, uint32_t len);
	void (*message)(void *ctx, const struct mw_lane_message *message);
	void (*session)(void *ctx, const struct mw_lane_session *session);
	/* Ham of a customer since his last observation, flushed once a minute and before it is
	 * lost. */
	void (*ham)(void *ctx, uint32_t customer_index, uint32_t ham, uint64_t now_ns);
	/* The same of connections under DIVERT. */
	void (*divert)(void *ctx, uint32_t customer_index, const struct mw_divert_counts *counts,
		uint64_t now_ns);
};

struct mw_lane_config {
	uint16_t lane;
	uint16_t lanes; /* of this appliance: a customer's hourly budget is divided among them */
	uint64_t key;	/* secret of hashes and cookies; equal for all lanes */
	const struct mw_port_set *smtp_ports;
	uint32_t flows;		 /* entries of the flow table */
	uint32_t contents;	 /* connections inspected at the same time */
	uint32_t messages;	 /* messages in transfer at the same time */
	uint32_t kept_blocks;	 /* 2 KiB each: octets kept until acknowledged, and out of order */
	uint32_t record_blocks;	 /* 16 KiB each: facts of messages, records waiting for the scan */
	uint32_t responders;	 /* refused connections talked to at the same time */
	uint32_t customers;	 /* dense customer indexes below this are counted */
	uint32_t scan_budget_ns; /* scanning per poll; 0: scan at once, hold nothing (captures) */
	uint64_t (*spent_ns)(void *); /* the rim's stopwatch for that budget; NULL with budget 0 */
	void *spent_ctx;
	uint32_t hold_max_ms;  /* then a held message is released unjudged */
	bool passive;	       /* a capture: everything was forwarded already */
	bool judge_checksums;  /* segments with a wrong TCP checksum are dropped (passive: left
				  aside) */
	bool want_hashes;      /* SHA-256 of messages */
	bool want_parts;       /* SHA-256 of each part, and the list of addresses (captures) */
	bool every_client;     /* no customer table: every client of an SMTP port counts */
	uint16_t mtu;	       /* of the inside port: the responder's MSS */
	uint16_t divert_mtu;   /* of the port to the gateway; 0: there is none */
	uint8_t divert_mac[6]; /* our own on that port */
	struct mw_charset_table *charsets; /* this lane's own */
	const struct mw_tld_table *tlds;
	struct mw_left *left; /* of all lanes together; NULL: each remembers for itself */
};

/* Octets of memory a lane with this configuration takes, all of it at init. */
size_t mw_lane_bytes(const struct mw_lane_config *config);

/* `memory`: mw_lane_bytes() octets, aligned to 64, zeroed. */
struct mw_lane *mw_lane_init(
	void *memory, const struct mw_lane_config *config, const struct mw_lane_sink *sink);

/* The snapshot in force from the next packet on. The lane keeps the pointer until the next call. */
void mw_lane_set_snapshot(struct mw_lane *lane, const struct mw_snapshot *snapshot);

/* The gateway as its keeper sees it, in force from the next packet on. */
void mw_lane_set_gateway(struct mw_lane *lane, const struct mw_gateway_status *status);

/* The rules for messages that begin from now on; a message in transfer keeps those it began with.
 * `scratch` belongs to this lane and ruleset. NULL, NULL: no matching. A pair may be freed when
 * mw_lane_rules_in_use() says false for it. False: refused, the old rules stay (too many rules for
 * a message's memory, or messages of three older rulesets still in transfer: try again later). */
bool mw_lane_set_rules(
	struct mw_lane *lane, const struct mw_ruleset *rules, struct mw_scan_scratch *scratch);
bool mw_lane_rules_in_use(const struct mw_lane *lane, const struct mw_ruleset *rules);

/* Decides about one packet: fills forward, port_out, reason; may transmit packets of its own.
 * Live, FRAGMENT means: not decided. The rim collects it (dataplane/flow/fragments.h), brings the
 * whole with `joined`, and tells with mw_lane_fragment() what became of each. */
void mw_lane_packet(struct mw_lane *lane, uint64_t now_ns, struct mw_packet *packet);

/* To which port a frame goes that no lane decides about (a fragment that is no SMTP): across, but
 * for what goes to the gateway or comes from it. MW_PORT_COUNT: to none. */
uint8_t mw_lane_across(
	const struct mw_lane *lane, uint8_t port_in, const uint8_t *frame, uint32_t len);

/* After each burst, and when idle: timers, scanning under the budget, release of held ends. True
 * when work is left (poll again without sleeping). */
bool mw_lane_poll(struct mw_lane *lane, uint64_t now_ns);

/* The end of a capture or of the process: every open session and message is handed to the sink. */
void mw_lane_finish(struct mw_lane *lane, uint64_t now_ns);

/* Which of `lanes` owns this frame's connection: a symmetric keyed hash over addresses and ports
 * (not VLAN tags: a diverted connection has others on the way to the gateway), or MW_LANE_ANY for
 * what no lane inspects. Of a fragment: which lane collects it, by addresses and identification. Of
 * an ICMP error about an SMTP connection: that connection's. Pure; called by the receiving core. */
uint16_t mw_lane_owner(const struct mw_port_set *smtp_ports, uint64_t key, const uint8_t *frame,
	uint32_t len, uint16_t lanes);

/* Counters, read by the lane's own core only. */
struct mw_lane_counters {
	uint64_t reason[MW_REASON_COUNT];
	uint64_t rx_packets, rx_bytes, tx_packets, tx_bytes;
	uint64_t smtp_packets;
	uint64_t sessions, messages;
	uint64_t flows, flows_max, flows_refused;
	uint64_t held, held_ns_max; /* message ends that had to wait, and the longest wait */
	uint64_t scan_ns, scanned_bytes, scan_inline;
};

const struct mw_lane_counters *mw_lane_counters(const struct mw_lane *lane);
/* What became of a fragment; `sent`: octets of it that go on their way, 0 when it ended here. */
void mw_lane_fragment(struct mw_lane *lane, enum mw_reason reason, uint32_t sent);
/* For what the rim does itself (a full ring, a device that did not take a packet). */
void mw_lane_count(struct mw_lane *lane, enum mw_reason reason, uint64_t n);

#endif
