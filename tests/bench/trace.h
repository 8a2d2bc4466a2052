/*
 * Mail traffic in memory, to be played through lanes again and again: whole TCP connections, frame
 * by frame as they were on the wire. Made up from a seed (synth.c) or read from a capture (file.c),
 * never changed afterwards: whoever plays it takes a copy.
 */
#ifndef MW_TESTS_BENCH_TRACE_H
#define MW_TESTS_BENCH_TRACE_H

#include "common/base/span.h"
#include "dataplane/engine/lane.h"
#include "dataplane/proto/frame.h"

struct trace_frame {
	uint32_t at;  /* in trace.octets */
	uint32_t len; /* octets there */
	uint32_t wire_len;
	uint32_t session;
	bool from_client;
	bool tcp; /* `head` is filled: ports and sequence numbers can be moved */
	struct mw_frame head;
};

/* One connection: frames [first, first + count), in order. */
struct trace_session {
	uint32_t first, count;
};

/* What a pattern matcher alone would be given: the client's payload, a stream a message or
 * connection. */
struct trace_payload {
	uint32_t at, len;
	bool begins; /* a new stream */
};

struct trace {
	uint8_t *octets;
	size_t len, room;
	struct trace_frame *frames;
	uint32_t frame_count, frame_room;
	struct trace_session *sessions;
	uint32_t session_count, session_room;
	struct trace_payload *payload;
	uint32_t payload_count, payload_room;
	uint64_t wire_bytes, payload_bytes;
	bool captured;	   /* not made up */
	uint64_t messages; /* sent in it; of a capture: found by the lane as a bystander */
};

enum trace_kind { TRACE_MIXED, TRACE_TEXT };

struct trace_phrases {
	char **text;
	uint32_t count;
};

/* `count` phrases of made-up words, from the seed. */
void trace_phrases_make(struct trace_phrases *phrases, uint64_t seed, uint32_t count);

void trace_phrases_free(struct trace_phrases *phrases);

/* About `bytes` of mail traffic. */
void trace_synth(struct trace *trace, enum trace_kind kind, uint64_t seed, size_t bytes,
	const struct trace_phrases *phrases);
/* All files of a folder as messages, LF line ends made CRLF; those that are too long are left out.
 * 0, or -1 and a sentence. */
int trace_mails(
	struct trace *trace, const char *folder, uint64_t seed, char *error, size_t error_size);
/* 0, or -1 and a sentence. */
int trace_load(struct trace *trace, const char *path, const struct mw_port_set *ports, char *error,
	size_t error_size);
/* All frames in the order of a busy wire (several connections at a time), as a pcap file. */
int trace_save(const struct trace *trace, const char *path);
void trace_free(struct trace *trace);

/* For the two that fill it. */
void trace_session_begin(struct trace *trace);
struct trace_frame *trace_frame_add(
	struct trace *trace, const void *octets, uint32_t len, uint32_t wire_len, bool from_client);
void trace_payload_add(struct trace *trace, uint32_t at, uint32_t len, bool begins);

#endif
