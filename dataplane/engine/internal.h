/*
 * The lane's own state: for the files of this folder only.
 *
 *   lane.c      memory, dispatch of packets, the tick
 *   quick.h     what can be no matter of ours, from a few octets
 *   owner.c     which lane a frame belongs to
 *   stranger.c  packets of no connection that is known
 *   ruling.c    which verdict counts for a connection
 *   walk.c      what new verdicts mean for connections that are open
 *   divert.c    the way through the gateway
 *   arrival.c   when octets of a capture came
 *   stream.c    the client's direction of a connection: what is kept, parsed, cut, sent on
 *   reply.c     the server's direction
 *   content.c   what the SMTP parser tells: envelopes, messages, loss of inspection
 *   transfer.c  a message on its way: facts, records waiting for the scan, judgement
 *   tls.c       what is known of a session that went on under TLS
 *   hold.c      the end of a message: held, released
 *   count.c     octets that are counted only
 *   session.c   a connection's beginning and end, its report
 *   share.c     who may take how much of what connections share
 *   responder.c the beginning of a conversation with a refused customer, in the server's place
 *   rate.c      what a customer under RATE may still send
 *   refusal.c   the beginning of one with the sender of a refused message
 *   talk.c      either conversation, to its end
 */
#ifndef MW_DATAPLANE_ENGINE_INTERNAL_H
#define MW_DATAPLANE_ENGINE_INTERNAL_H

#include "common/base/arena.h"
#include "common/base/time.h"
#include "dataplane/engine/lane.h"
#include "dataplane/flow/wheel.h"
#include "dataplane/gateway/link.h"
#include "dataplane/message/message.h"
#include "dataplane/proto/frame.h"
#include "dataplane/proto/reassembly.h"
#include "dataplane/proto/segment.h"
#include "dataplane/proto/smtp.h"
#include "dataplane/scan/scan.h"
#include "dataplane/verdict/snapshot.h"

#define MW_KEPT_BLOCKS_FLOW                                                   \
	160u /* 2 KiB each: 256 KiB of octets and the waste of small segments \
	      */
#define MW_RECORD_BLOCK_BYTES 16384u
#define MW_FACTS_BLOCKS_MAX   16u /* of a message's facts: lists are cut beyond */
#define MW_QUEUE_BLOCKS_MAX \
	32u		   /* of a message's records waiting for the scan: then back-pressure */
#define MW_FRAME_MAX 9216u /* longest frame the lane writes */

/* Packets of a capture that may pass before octets which were acknowledged are given up for lost.
 */
#define MW_GAP_PATIENCE 32u

#define MW_THRESHOLD_DEFAULT_MILLI \
	2000 /* spam-like from a score of 2 on, unless a class says otherwise */

#define MW_EMBRYONIC_NS (30 * MW_NS_PER_S)
#define MW_ANSWERED_NS	(100 * MW_NS_PER_S)  /* a server gives its SYN-ACK up within 63 s */
#define MW_IDLE_NS	(1800 * MW_NS_PER_S) /* RFC 5321, 4.5.3.2 asks for up to 10 minutes */
#define MW_CLOSED_NS	(60 * MW_NS_PER_S)   /* late packets of a closed connection find it so */
#define MW_CLOSING_NS	(120 * MW_NS_PER_S)
#define MW_HAM_FLUSH_NS (60 * MW_NS_PER_S)

#define MW_WINDOW_MAX (1u << 30) /* RFC 7323, 2.2: no receiver takes octets farther ahead */

/* Of so many connections one may have what its ClientHello said kept; at one more the session is
 * reported with MW_TLS_UNKEPT. 65 octets a connection. */
#define MW_TLS_SEEN_SHARE 4
/* Captures: so far from the last octet seen a RST may be one behind octets that were not captured.
 * More than the windows systems give by default; of blind ones 1 in 128 gets through.
 */
#define MW_RST_AWAY_MAX (1u << 24)

#define MW_RESET_TTL 64 /* of a RST of ours: it has to be heard, whatever its sender chose */

#define MW_HOLES_MAX 8

struct mw_hole {
	uint32_t start, end;
};

/* One direction of a connection. Sequence numbers as on the wire. */
struct mw_half {
	uint32_t nxt;  /* the next octet to parse */
	uint32_t sent; /* everything before it has gone to the receiver, the octet at it has not */
	uint32_t sent_high; /* nothing from here on has gone to the receiver */
	uint32_t acked;	    /* everything before it has been acknowledged by the receiver */
	uint32_t isn;
	uint32_t high; /* end of the farthest octet seen */
	uint32_t fin_seq;
	bool isn_known; /* its SYN was seen */
	bool known;	/* nxt and the others have been set */
	bool seen;	/* a packet of this direction was seen */
	bool fin;	/* its FIN was seen, at fin_seq */
	bool fin_sent;
	bool fin_acked; /* by its receiver */
	bool ack_seen;
	uint8_t holes;
	struct mw_hole hole[MW_HOLES_MAX]; /* not inspected: octets that have not come yet */
	uint64_t bytes;			   /* octets of payload, each sequence number once */
	uint32_t right; /* the receiver takes no octet from here on, as far as it has said */
	bool right_known;
	int8_t wscale; /* of its own SYN; -1: none */
	struct mw_reassembly kept;
};

enum mw_flow_state {
	MW_FLOW_EMBRYONIC, /* SYN seen */
	MW_FLOW_OPEN,
	MW_FLOW_CLOSED, /* reported; stays a while for late packets */
};

enum mw_flow_mode {
	MW_MODE_CONTENT,
	MW_MODE_METADATA, /* counted, not inspected */
};

/* What is to be said to a client in the middle of a session, as soon as it may be said. */
enum mw_refusal {
	MW_REFUSAL_NONE,
	MW_REFUSAL_MOVE,    /* his mail goes another way now: 421 between two messages */
	MW_REFUSAL_SESSION, /* no more mail from this customer: 421 between two messages */
	MW_REFUSAL_MESSAGE, /* the message whose end is held: 554 */
};

struct mw_content;
struct mw_transfer;

struct mw_tls_seen {
	uint16_t version;
	uint8_t outcome; /* enum mw_tls_outcome */
	uint8_t name_len;
	uint8_t name[MW_TLS_NAME_MAX];
};

struct mw_flow {
	struct mw_flow_link link;
	struct mw_flow *open_prev, *open_next; /* connections not closed, by age */
	struct mw_flow *young_prev, *young_next;
	enum mw_flow_state state;
	enum mw_flow_mode mode;
	struct mw_half client, server;
	struct mw_content *content; /* NULL in metadata mode, before it is needed, when closed */
	uint64_t session;
	uint64_t start_ns, last_ns;
	uint32_t customer;
	uint32_t line; /* whose verdicts count: the customer, or one line of his */
	uint16_t vlan_outer, vlan_inner; /* of the client's packets */
	uint64_t anomalies;
	struct mw_tls_seen *tls; /* NULL: no ClientHello was looked for */
	uint32_t messages;
	uint32_t recipients_refused;
	uint32_t gap_mark;     /* how far both directions were read when it was last counted */
	uint16_t gap_patience; /* packets seen since something was acknowledged that we have not
				  seen */
	/* Counted to 65535. The last: by replies to anything but RCPT. */
	uint16_t recipients_unknown, recipients_policy, policy_refusals;
	uint16_t mss;	      /* of the client's SYN */
	uint16_t window;      /* of the client's SYN */
	uint16_t segment_max; /* largest payload seen from the client */
	uint8_t ttl;
	uint8_t reason;	  /* enum mw_reason: why metadata */
	uint8_t starttls; /* enum mw_smtp_starttls */
	bool quit;
	bool tls_unkept;  /* there was no memory for what the hello said */
	bool uninspected; /* some part was not inspected: reason says why first */
	bool ending;	  /* the session is being closed: nothing new begins */
	bool one_sided;
	bool early_talker; /* the client spoke first, as far as what was seen of its server shows */
	bool unopened;	   /* neither a SYN nor the greeting was seen, and no first reply either */
	bool young;	   /* the other end has not been heard: share.c */
	bool parsing;	   /* guards against re-entry */
	bool server_parsing;
	bool ended_by_rst;
	bool reset_by_client;
	bool syn_again; /* another SYN of the client was seen, of this number */
	uint32_t syn_again_isn;
	bool flushing;	      /* the capture is over: nothing that is missing will come */
	bool was_reset;	      /* by us, for a verdict */
	bool was_inspected;   /* to its end: nothing new may follow it unread */
	uint8_t client_alone; /* packets of the client seen before any of the server */
	bool handshake;	      /* the SYN or the greeting was seen: it begins at the beginning */
	bool owned;	      /* the lane speaks in the server's place, or has done */
	bool diverted;	      /* its far side is the gateway, for as long as it lives */
	bool of_gateway; /* the gateway's own, in a customer's name: passed on, not looked at */
	bool silent;	 /* it is not told */
	uint8_t refusal; /* enum mw_refusal: asked for, not said yet */
	uint8_t l2_len;
	uint8_t l2[MW_L2_MAX]; /* in front of the client's IP header; diverted: of the way back */
	uint64_t refusal_ns;
	struct mw_flow *refuse_prev, *refuse_next;
	bool holding;
	bool release_due;  /* the message that is held was judged */
	uint32_t hold_seq; /* sequence number of the octet that decides */
	uint64_t hold_since_ns;
};

/* Beyond this the flow's due time is past anyway. */
struct mw_record_block {
	struct mw_record_block *next;
	uint32_t used, read;
	uint8_t data[MW_RECORD_BLOCK_BYTES - 16];
};

enum mw_transfer_state {
	MW_TRANSFER_OPEN,  /* octets still come */
	MW_TRANSFER_ENDED, /* all octets are here (or never will be), records may wait */
	MW_TRANSFER_JUDGED,
};

/* A message on its way, from its first octet to the reply to its last. */
struct mw_transfer {
	struct mw_transfer *run_next; /* run queue: messages with records waiting */
	bool queued;
	bool holds_flow; /* the flow's end of message waits for this judgement */
	bool is_message; /* false: the parser found that there was none after all */
	bool answered;	 /* the reply to the content is in the envelope, or never comes */
	bool complete;
	bool refuse;
	bool timed_out; /* released unjudged */
	bool smuggles;	/* refused for what looks like its end */
	bool later;	/* refused for now: it may come again */
	enum mw_transfer_state state;
	enum mw_reason reason;
	enum mw_message_class klass;
	struct mw_lane *lane;
	struct mw_flow *flow;
	struct mw_smtp_envelope *envelope;
	struct mw_arena arena;
	struct mw_message_config config;
	struct mw_message *message;
	const struct mw_ruleset *rules; /* pinned from the first octet on; NULL: no matching */
	uint32_t slot;
	struct mw_scan_scratch *scratch;
	struct mw_scan *scan;
	struct mw_record_block *head, *tail;
	uint32_t queue_blocks;
	int32_t score_milli, threshold_milli;
	const struct mw_match *matches;
	uint64_t end_ns;
	char refusal_text[MW_REPLY_TEXT_MAX]; /* behind "554 5.7.1 ", when it is refused */
	struct mw_transfer *flow_next;	      /* of the same connection, oldest first */
};

/* struct mw_message follows the transfer in its block. */
#define MW_TRANSFER_HEADER ((sizeof(struct mw_transfer) + 63) & ~(size_t)63)

#define MW_ARRIVALS 16

/* Octets of the client that came in one packet of a capture, or in a few. */
struct mw_arrival {
	uint64_t time_ns;
	uint32_t start, end;
};

#define MW_HEARD 16

/* The first octet the client sent when it had acknowledged so much of the server's. */
struct mw_heard {
	uint32_t seq, ack;
};

/* What a capture's connection remembers besides: its octets do not come in the order in which its
 * ends had them. Live there is no room taken for it. */
struct mw_capture {
	struct mw_arrival arrivals[MW_ARRIVALS];
	struct mw_heard heard[MW_HEARD];
};

struct mw_content {
	struct mw_smtp smtp;
	struct mw_segment
		to_server; /* headers of the client's last packet: for what the lane sends on */
	struct mw_segment to_client;   /* headers of the server's last packet */
	struct mw_transfer *transfers; /* oldest first; the one being received is the last */
	struct mw_transfer *receiving;
	bool has_template, has_client_template;
	bool server_said;   /* the server itself has refused, or given up, what is to be refused */
	bool refusal_sinks; /* the refused message has no end that the client and we agree on */
	uint32_t arrival_count;	   /* captures only */
	uint64_t read_ns;	   /* of the packet with the last octet that was read */
	struct mw_heard resync_at; /* captures only, and what follows: resync.c */
	uint32_t resync_from;	   /* where octets of the server's are seen again */
	uint8_t heard_count;
	bool resync, resync_known;   /* the place; the client has come to say it */
	struct mw_capture capture[]; /* one, in captures only */
};

struct mw_rules_slot {
	const struct mw_ruleset *rules;
	struct mw_scan_scratch *scratch;
	uint32_t users; /* messages pinned to it */
};

#define MW_RULES_SLOTS 4

#define MW_RATE_CUSTOMERS 1024u /* under RATE, with connections of this lane, at a time */
#define MW_RATE_PROBES	  8u
#define MW_RATE_REPLY	  "more mail than is agreed for this line in an hour, please try later"
#define MW_DIVERT_REPLY	  "outbound mail is checked by a gateway that cannot be reached at the moment"
#define MW_MOVE_REPLY	  "your mail goes through another host from now on, please connect again"

/* Each: the time at which the bucket is full again. */
struct mw_rate_use {
	uint32_t customer;
	uint64_t used_ns; /* 0: nobody's */
	uint64_t messages_ns, recipients_ns, connections_ns;
};

/* What one customer has taken of the lane's pools. */
struct mw_use {
	uint32_t kept; /* blocks of octets kept, of both directions */
	uint32_t contents;
	uint32_t responders;
	struct mw_divert_counts divert; /* since they were told last */
};

/* What counts for a connection. The text lives as long as the snapshot. */
struct mw_ruling {
	enum mw_verdict verdict;
	enum mw_reason set_aside; /* a verdict that does not count here, and why; else NONE */
	const char *reply;	  /* of the verdict's own record, or "" */
};

struct mw_lane {
	struct mw_lane_config config;
	struct mw_lane_sink sink;
	const struct mw_snapshot *snapshot;
	struct mw_message_config message_config;
	struct mw_message_scratch *message_scratch;
	struct mw_flow_table flows;
	struct mw_wheel wheel;
	struct mw_pool kept_pool, envelope_pool, content_pool, transfer_pool, record_pool;
	struct mw_pool tls_pool;
	struct mw_rules_slot rules[MW_RULES_SLOTS];
	uint32_t rules_current; /* slot; MW_RULES_SLOTS: none */
	struct mw_transfer *run_head, *run_tail;
	struct mw_flow *open_first, *open_last;
	struct mw_flow *young_first, *young_last;
	uint32_t young, young_contents; /* of which have content */
	struct mw_flow *refuse_first, *refuse_last, *refuse_cursor;
	struct mw_flow *walk;  /* the next open connection to be held against new verdicts */
	bool walk_again;       /* there were newer ones before all had been seen */
	bool walk_lines;       /* lines may lead elsewhere than when they began */
	uint64_t walked;       /* generation of the verdicts they were held against last */
	uint64_t walked_lines; /* and of the lines, which come later */
	struct mw_gateway_status gateway;
	struct mw_use *use; /* by customer */
	struct mw_rate_use rate[MW_RATE_CUSTOMERS];
	struct mw_responder *responder;
	uint32_t *ham; /* by customer: since his last observation */
	uint64_t ham_flush_ns;
	uint32_t ham_cursor;
	uint64_t now_ns;
	uint64_t sessions;
	struct mw_lane_counters counters;
	uint8_t frame[MW_FRAME_MAX];
	uint8_t labelled[MW_FRAME_MAX + MW_LINK_HEADER_MAX];
};

/* Who is behind an address, and how much of his mail is looked at. */
struct mw_line_of {
	uint32_t customer; /* MW_NO_CUSTOMER_INDEX: nobody */
	uint32_t line;	   /* whose verdicts count first */
	bool counted;	   /* false: only verdicts on him count, his sessions are not told */
	bool content;	   /* false: sessions are counted, their content is not looked at */
};

/* --- stranger.c --- */
/* A packet that belongs to no connection we know: the entry of its connection, or NULL when the
 * packet is decided. */
struct mw_flow *mw_stranger(struct mw_lane *lane, struct mw_packet *packet,
	const struct mw_frame *frame, const struct mw_flow_key *key, bool from_client);

/* --- ruling.c --- */
/* `line`: the index that the line table has for the client's address. */
struct mw_ruling mw_ruling_of(
	const struct mw_lane *lane, uint32_t line, const struct mw_ip *server);
struct mw_ruling mw_ruling_of_flow(const struct mw_lane *lane, const struct mw_flow *flow);
/* What the client is told, and whether he may come again with it. */
const char *mw_ruling_reply(const struct mw_ruling *ruling);
bool mw_ruling_later(const struct mw_lane *lane, const struct mw_ruling *ruling);

/* --- walk.c --- */
/* There are new verdicts, or the gateway has come or gone: all open connections will be looked at.
 */
void mw_walk_begin(struct mw_lane *lane);
void mw_walk_poll(struct mw_lane *lane);
/* One open connection under the verdict that counts for it now; not RESET nor DROP. */
void mw_walk_connection(struct mw_lane *lane, struct mw_flow *flow, enum mw_verdict verdict);

/* --- divert.c --- */
/* New connections can be led to the gateway. */
bool mw_divert_ready(const struct mw_lane *lane);
/* Is it one of the gateway's own addresses? There is a snapshot. */
bool mw_divert_is_gateway(const struct mw_lane *lane, const struct mw_ip *ip);
uint8_t mw_divert_across(
	const struct mw_lane *lane, uint8_t port_in, const uint8_t *frame, uint32_t len);
/* Does a frame of the divert port that has these tags come from the gateway's link? */
bool mw_divert_on_link(const struct mw_lane *lane, uint16_t vlan_outer, uint16_t vlan_inner);
/* The key under which a diverted connection is kept: without VLAN tags. */
struct mw_flow_key mw_divert_key(const struct mw_flow_key *key);
struct mw_flow *mw_divert_find(const struct mw_lane *lane, const struct mw_flow_key *key,
	uint16_t vlan_outer, uint16_t vlan_inner);
/* The gateway's own in a customer's name, of which the answers have the customer's tags. */
struct mw_flow *mw_divert_find_onward(const struct mw_lane *lane, const struct mw_flow_key *key);
/* One connection more of those that `reason` names, of this customer. */
void mw_divert_count(struct mw_lane *lane, uint32_t customer, enum mw_reason reason);
/* A connection that begins anew on the same ports with the server's SYN-ACK: diverted like the one
 * it follows, which is over. NULL: no room. */
struct mw_flow *mw_divert_successor(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *frame);
/* Before and after a packet of the client's is decided. */
void mw_divert_from_client(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	struct mw_frame *frame);
void mw_divert_to_gateway(
	const struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *frame);
/* Before one of the gateway's is: it is as if it had come from outside. False: dropped. */
bool mw_divert_from_gateway(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	struct mw_frame *frame);
/* Of the outside, to where the gateway speaks in a customer's name: on to the gateway. */
void mw_divert_from_server(
	const struct mw_lane *lane, struct mw_packet *packet, const struct mw_frame *frame);
/* A packet of the gateway's towards an SMTP port: its own mail. */
void mw_divert_onward(
	struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *f);
/* An answer to such mail, or what its connection's state needs to know of it. */
void mw_divert_onward_seen(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_frame *frame, bool of_gateway);
bool mw_divert_icmp(struct mw_lane *lane, struct mw_packet *packet);
/* A frame of the lane's own, with the client's layer 2 header in front: to the gateway. */
void mw_divert_transmit(struct mw_lane *lane, const uint8_t *frame, uint32_t len);

/* The port behind which the server is, or who speaks for it. */
static inline enum mw_port mw_flow_far(const struct mw_flow *flow)
{
	return flow->diverted ? MW_PORT_DIVERT : MW_PORT_OUTSIDE;
}

/* --- stream.c --- */
/* A packet of the client's direction with the connection's entry: decides it. */
void mw_stream_client(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame);
/* Parses what can be parsed and sends on what may go: after anything that unblocks. */
void mw_stream_pump(struct mw_lane *lane, struct mw_flow *flow);
/* Captures: counts packets that pass while something acknowledged has not been seen. */
void mw_stream_patience(struct mw_flow *flow);
/* Captures: no more of this connection will come; what is missing is given up, the rest parsed. */
void mw_stream_finish(struct mw_lane *lane, struct mw_flow *flow);

/* --- arrival.c --- */
void mw_arrival_note(struct mw_content *content, uint32_t seq, uint32_t len, uint64_t now_ns);
/* As much of a run of kept octets, which begins at `seq`, as came together; tells the parser when.
 */
struct mw_span mw_arrival_run(
	struct mw_content *content, uint32_t seq, struct mw_span run, uint64_t now_ns);

/* --- resync.c --- */
/* The client sends octets from `seq` on for the first time, and acknowledges `ack`. */
void mw_resync_note(struct mw_flow *flow, uint32_t seq, uint32_t ack);
/* Octets of the server's up to `found` will never be seen; more than that may have been. */
void mw_resync_begin(struct mw_lane *lane, struct mw_flow *flow, uint32_t found);
/* The place will never be known: one direction only from here on. */
void mw_resync_give_up(struct mw_content *content);
/* True once, when both sides have been read up to the place. */
bool mw_resync_over(struct mw_flow *flow);
/* As much of a run as lies in front of the place. */
struct mw_span mw_resync_client(const struct mw_content *content, uint32_t seq, struct mw_span run);
struct mw_span mw_resync_server(const struct mw_content *content, uint32_t seq, struct mw_span run);

/* --- reply.c --- */
void mw_reply_server(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame);
void mw_reply_pump(struct mw_lane *lane, struct mw_flow *flow);

/* --- count.c --- */
/* Octets of a direction that is not inspected, and its FIN. */
void mw_count_octets(struct mw_half *half, const struct mw_frame *frame, uint32_t seq);
/* Octets that are kept and were not parsed are counted as well, once, before they are let go. */
void mw_count_kept(struct mw_half *half);

/* --- share.c --- */
/* NULL: nobody's, nothing is charged. */
struct mw_use *mw_share_of(const struct mw_lane *lane, uint32_t customer);
/* One more for somebody who uses `used` of a pool of `total`, of which `taken` are in use? */
bool mw_share_allows(uint32_t used, uint32_t total, uint32_t taken);
bool mw_share_young_content(const struct mw_lane *lane);
/* Before a new entry: the oldest young one goes when there are too many, or no other room is left.
 */
void mw_share_make_room(struct mw_lane *lane);
void mw_share_young_add(struct mw_lane *lane, struct mw_flow *flow);
/* Both ends have been heard, or the connection is over. */
void mw_share_young_end(struct mw_lane *lane, struct mw_flow *flow);

/* --- content.c --- */
/* False: no memory, or none for this customer, or none before the handshake is complete; why in
 * *reason. */
bool mw_content_attach(struct mw_lane *lane, struct mw_flow *flow, enum mw_reason *reason);
/* The same for a packet that has to be read now; else the connection is in metadata mode from here
 * on. */
bool mw_content_need(struct mw_lane *lane, struct mw_flow *flow);
/* Ends inspection for good, for `reason`; what was kept goes on its way. */
void mw_content_lose(struct mw_lane *lane, struct mw_flow *flow, enum mw_reason reason);
/* Acts on one event of the parser, whichever direction it came out of. */
void mw_content_event(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event);
/* The same, of the server: a reply may let the client's octets go on. */
void mw_content_server_event(
	struct mw_lane *lane, struct mw_flow *flow, const struct mw_smtp_event *event);
/* Octets [nxt, nxt + len) of the client will never be seen. */
void mw_content_client_gap(struct mw_lane *lane, struct mw_flow *flow, uint32_t len);
/* A capture begins behind the greeting: what follows is read, and the session is told as one seen
 * in mid-stream; not where one direction only is seen. */
void mw_content_joined(struct mw_lane *lane, struct mw_flow *flow);
/* No more content: open messages are ended, judged and reported, memory is given back. `send_on`:
 * the connection lives, what was kept back goes on its way. */
void mw_content_detach(struct mw_lane *lane, struct mw_flow *flow, bool send_on);

/* Within a window of where this direction stands, behind or ahead: only such numbers can be
 * compared with each other for good (all that is kept has to lie within half the circle). */
static inline bool mw_near(const struct mw_half *half, uint32_t seq)
{
	return seq - half->nxt < MW_WINDOW_MAX || half->nxt - seq < MW_WINDOW_MAX;
}

/* Its content is read, or will be when there is some. */
static inline bool mw_flow_inspected(const struct mw_flow *flow)
{
	return flow->mode == MW_MODE_CONTENT && flow->state != MW_FLOW_CLOSED;
}

/* It passes unread because there was no room to read it, not because it cannot be read. */
static inline bool mw_flow_had_no_room(const struct mw_flow *flow)
{
	return flow->mode == MW_MODE_METADATA &&
	       (flow->reason == MW_REASON_MEMORY || flow->reason == MW_REASON_CUSTOMER_SHARE);
}

/* Some part of it is not read: why, of the first such part. */
static inline void mw_flow_uninspected(
	struct mw_lane *lane, struct mw_flow *flow, enum mw_reason reason)
{
	if (flow->uninspected)
		return;
	flow->uninspected = true;
	flow->reason = (uint8_t)reason;
	lane->counters.reason[reason]++;
}

static inline void mw_flow_anomaly(
	struct mw_lane *lane, struct mw_flow *flow, enum mw_reason reason)
{
	uint64_t bit = MW_ANOMALY_BIT(reason);

	if ((flow->anomalies & bit) == 0)
		lane->counters.reason[reason]++;
	flow->anomalies |= bit;
}

/* --- transfer.c --- */
/* NULL when there is no memory: the envelope has been given back. */
struct mw_transfer *mw_transfer_begin(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_smtp_envelope *envelope);
void mw_transfer_end(struct mw_lane *lane, struct mw_transfer *transfer, bool complete);
/* True when it may be reported: judged and answered. Then it is reported and gone. */
bool mw_transfer_settle(struct mw_lane *lane, struct mw_transfer *transfer);
/* Does policy refuse a message for a look-alike of its end, and can it be refused? */
bool mw_transfer_refuses_smuggling(const struct mw_lane *lane, const struct mw_transfer *transfer);
/* Scans everything that waits, now. */
void mw_transfer_drain(struct mw_lane *lane, struct mw_transfer *transfer);
/* One record of the run queue; false when none waits. */
bool mw_transfer_run(struct mw_lane *lane);

/* --- tls.c --- */
uint32_t mw_tls_kept_max(const struct mw_lane_config *config); /* how many at a time */
void mw_tls_keep(struct mw_lane *lane, struct mw_flow *flow, const struct mw_tls_hello *hello);
void mw_tls_report(const struct mw_flow *flow, struct mw_lane_session *session);
void mw_tls_drop(struct mw_lane *lane, struct mw_flow *flow);

/* --- hold.c --- */
void mw_hold_begin(
	struct mw_lane *lane, struct mw_flow *flow, struct mw_transfer *transfer, uint32_t seq);
void mw_hold_release(struct mw_lane *lane, struct mw_flow *flow);
/* When a judgement has asked for it: after it was acted on, for what is released is parsed, and may
 * end the connection and all its messages. */
void mw_hold_release_due(struct mw_lane *lane, struct mw_flow *flow);
/* Held too long: released unjudged, counted. False for what looks like an end: that is not
 * released but scanned to its end, and is to be refused now. */
bool mw_hold_timeout(struct mw_lane *lane, struct mw_flow *flow);
/* Sends what is kept, not sent yet and below `limit`, as segments of the lane's own. */
void mw_hold_flush(struct mw_lane *lane, struct mw_flow *flow, uint32_t limit);

/* --- refusal.c --- */
/* The message that is held, or the session, is to be refused: done by the poll, when it may be. */
void mw_refusal_ask(struct mw_lane *lane, struct mw_flow *flow, enum mw_refusal kind);
void mw_refusal_forget(struct mw_lane *lane, struct mw_flow *flow);
void mw_refusal_poll(struct mw_lane *lane);
/* He is to be told between two messages, and now it is: what he would begin must not leave. */
bool mw_refusal_due(const struct mw_flow *flow);
/* It could not be said within the time a message may be held. */
void mw_refusal_timeout(struct mw_lane *lane, struct mw_flow *flow);
/* RST to both ends, without a packet at hand. */
void mw_refusal_cut(struct mw_lane *lane, struct mw_flow *flow);

/* --- rate.c --- */
/* One more connection, one more message to so many: taken from the customer's budget, or false. */
bool mw_rate_connection(struct mw_lane *lane, uint32_t customer);
bool mw_rate_message(struct mw_lane *lane, uint32_t customer, uint32_t recipients);

/* --- session.c --- */
/* NULL when the table is full. */
struct mw_flow *mw_session_open(struct mw_lane *lane, const struct mw_flow_key *key,
	const struct mw_frame *frame, const struct mw_line_of *line);
/* Reports it; the entry stays for late packets. */
void mw_session_close(struct mw_lane *lane, struct mw_flow *flow);
void mw_session_remove(struct mw_lane *lane, struct mw_flow *flow);
/* Both directions have said FIN and been understood to the end. */
bool mw_session_over(const struct mw_lane *lane, const struct mw_flow *flow);
/* A capture's RST that its receiver cannot have believed: it lies before what was acknowledged, or
 * outside of any window. */
bool mw_session_blind_rst(
	const struct mw_flow *flow, const struct mw_half *half, const struct mw_frame *frame);
/* RST to both ends, from the packet at hand: verdict RESET, or REJECT on an open connection. */
void mw_session_reset(struct mw_lane *lane, struct mw_flow *flow, struct mw_packet *packet,
	const struct mw_frame *frame);
void mw_session_timer(struct mw_lane *lane, struct mw_flow *flow);

/* --- responder.c --- */
size_t mw_responder_bytes(uint32_t entries);
struct mw_responder *mw_responder_init(
	void *memory, uint32_t entries, uint64_t key, uint16_t mtu, struct mw_left *left);
/* Is there a conversation on this connection already? */
bool mw_responder_owns(const struct mw_lane *lane, const struct mw_flow_key *key);
/* Both ends have begun another connection on these ports: the one we talk on is over. */
void mw_responder_forget(struct mw_lane *lane, const struct mw_flow_key *key);
/* A packet of a refused customer to an SMTP port: consumed and answered. */
void mw_responder_packet(struct mw_lane *lane, struct mw_packet *packet,
	const struct mw_frame *frame, uint32_t customer, const struct mw_ruling *ruling);
void mw_responder_tick(struct mw_lane *lane);
/* Answers a segment with a RST to its sender (RFC 9293, 3.10.7.1). */
void mw_responder_reset(
	struct mw_lane *lane, const struct mw_packet *packet, const struct mw_frame *frame);

static inline void mw_lane_transmit(
	struct mw_lane *lane, enum mw_port port, const uint8_t *frame, uint32_t len)
{
	lane->counters.tx_packets++;
	lane->counters.tx_bytes += len;
	if (lane->sink.transmit == NULL)
		return;
	if (port == MW_PORT_DIVERT)
		mw_divert_transmit(lane, frame, len);
	else
		lane->sink.transmit(lane->sink.ctx, port, frame, len);
}

static inline void mw_packet_forward(struct mw_packet *packet, enum mw_reason reason)
{
	packet->forward = true;
	packet->reason = reason;
}

static inline void mw_packet_drop(struct mw_packet *packet, enum mw_reason reason)
{
	packet->forward = false;
	packet->reason = reason;
}

#endif
