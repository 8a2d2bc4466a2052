/*
 * Captures in and out. In: frames are sorted into connections, in the order of the file within
 * each; frames that are no TCP on an SMTP port make a "connection" of their own. Out: several
 * connections at a time, for other programs to read.
 */
#include "tests/bench/trace.h"

#include <pcap/pcap.h>
#include <stdlib.h>

#include "dataplane/replay/capture.h"

#define OPEN_AT_A_TIME 16
#define NONE	       UINT32_MAX

struct connection {
	struct mw_ip client, server;
	uint16_t client_port, server_port, vlan_outer, vlan_inner;
};

struct loose {
	uint8_t *data;
	uint32_t len, wire_len;
	uint32_t next; /* of the same connection; NONE at its end */
	bool from_client;
};

struct chain {
	struct connection key;
	uint32_t first, last;
};

struct sorting {
	struct chain *connections;
	uint32_t connection_count, connection_room;
	struct loose *frames;
	uint32_t frame_count, frame_room;
};

/* Searched from the youngest on: most are found soon. A SYN begins anew. Number 0 is nobody's. */
static uint32_t connection_of(struct sorting *s, const struct connection *c, bool begins)
{
	for (uint32_t i = s->connection_count; i-- > 1 && !begins;)
		if (memcmp(&s->connections[i].key, c, sizeof(*c)) == 0)
			return i;
	if (s->connection_count == s->connection_room) {
		s->connection_room = s->connection_room * 2 + 64;
		s->connections =
			realloc(s->connections, s->connection_room * sizeof(s->connections[0]));
		if (s->connections == NULL)
			abort();
	}
	s->connections[s->connection_count] = (struct chain){*c, NONE, NONE};
	return s->connection_count++;
}

static void sort_in(
	struct sorting *s, const struct mw_capture_frame *frame, const struct mw_port_set *ports)
{
	uint32_t connection = 0;
	struct chain *chain;
	struct loose *l;
	struct mw_frame f;

	if (s->frame_count == s->frame_room) {
		s->frame_room = s->frame_room * 2 + 1024;
		s->frames = realloc(s->frames, s->frame_room * sizeof(*l));
		if (s->frames == NULL)
			abort();
	}
	l = &s->frames[s->frame_count++];
	*l = (struct loose){
		.len = frame->len, .wire_len = frame->wire_len, .next = NONE, .from_client = true};
	l->data = malloc(frame->len + 1);
	if (l->data == NULL)
		abort();
	memcpy(l->data, frame->data, frame->len);
	if (mw_frame_parse(l->data, l->len, l->wire_len, &f) == MW_FRAME_TCP &&
		(mw_port_set_has(ports, f.dport) || mw_port_set_has(ports, f.sport))) {
		struct connection c;

		memset(&c, 0, sizeof(c));
		l->from_client = mw_port_set_has(ports, f.dport);
		c.client = l->from_client ? f.src : f.dst;
		c.server = l->from_client ? f.dst : f.src;
		c.client_port = l->from_client ? f.sport : f.dport;
		c.server_port = l->from_client ? f.dport : f.sport;
		c.vlan_outer = f.vlan_outer;
		c.vlan_inner = f.vlan_inner;
		connection = connection_of(s, &c,
			(f.flags & (MW_TCP_SYN | MW_TCP_ACK)) == MW_TCP_SYN && l->from_client);
	}
	chain = &s->connections[connection];
	if (chain->first == NONE)
		chain->first = s->frame_count - 1;
	else
		s->frames[chain->last].next = s->frame_count - 1;
	chain->last = s->frame_count - 1;
}

static void put_connection(struct trace *t, const struct sorting *s, uint32_t number)
{
	bool begins = true;

	trace_session_begin(t);
	for (uint32_t i = s->connections[number].first; i != NONE; i = s->frames[i].next) {
		const struct loose *l = &s->frames[i];
		struct trace_frame *f;

		f = trace_frame_add(t, l->data, l->len, l->wire_len, l->from_client);
		if (number == 0) {
			f->tcp = false; /* nothing of ours: goes as it is */
		} else if (f->tcp && f->from_client && f->head.payload_have > 0) {
			trace_payload_add(t, f->at + f->head.payload, f->head.payload_have, begins);
			begins = false;
		}
	}
}

int trace_load(struct trace *trace, const char *path, const struct mw_port_set *ports, char *error,
	size_t error_size)
{
	struct sorting s = {0};
	struct connection nobody;
	struct mw_capture_frame frame;
	struct mw_capture *capture = mw_capture_open(path, error, error_size);
	int rc;

	if (capture == NULL)
		return -1;
	memset(&nobody, 0, sizeof(nobody));
	connection_of(&s, &nobody, true);
	trace->captured = true;
	while ((rc = mw_capture_next(capture, &frame, error, error_size)) == 1)
		sort_in(&s, &frame, ports);
	mw_capture_close(capture);
	for (uint32_t i = 0; rc == 0 && i < s.connection_count; i++)
		put_connection(trace, &s, i);
	for (uint32_t i = 0; i < s.frame_count; i++)
		free(s.frames[i].data);
	free(s.frames);
	free(s.connections);
	if (rc == 0 && s.connection_count < 2) {
		snprintf(error, error_size, "%s: no TCP on an SMTP port in it", path);
		return -1;
	}
	return rc;
}

static void save_frame(const struct trace *t, pcap_dumper_t *out, uint32_t frame, uint64_t *us)
{
	const struct trace_frame *f = &t->frames[frame];
	struct pcap_pkthdr header = {.caplen = f->len, .len = f->wire_len};

	header.ts.tv_sec = (time_t)(1795000000 + *us / 1000000);
	header.ts.tv_usec = (suseconds_t)(*us % 1000000);
	*us += 2;
	pcap_dump((u_char *)out, &header, t->octets + f->at);
}

int trace_save(const struct trace *t, const char *path)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 262144);
	pcap_dumper_t *out = pcap == NULL ? NULL : pcap_dump_open(pcap, path);
	uint32_t open[OPEN_AT_A_TIME], done[OPEN_AT_A_TIME], count = 0, next = 0;
	uint64_t us = 0;

	if (out == NULL) {
		fprintf(stderr, "mailweir-bench: %s: %s\n", path,
			pcap == NULL ? "no memory" : pcap_geterr(pcap));
		return -1;
	}
	while (count > 0 || next < t->session_count) {
		while (count < OPEN_AT_A_TIME && next < t->session_count) {
			open[count] = next++;
			done[count++] = 0;
		}
		for (uint32_t i = 0; i < count;) {
			const struct trace_session *s = &t->sessions[open[i]];

			for (int k = 0; k < 4 && done[i] < s->count; k++)
				save_frame(t, out, s->first + done[i]++, &us);
			if (done[i] < s->count) {
				i++;
				continue;
			}
			count--;
			open[i] = open[count];
			done[i] = done[count];
		}
	}
	pcap_dump_close(out);
	pcap_close(pcap);
	return 0;
}
