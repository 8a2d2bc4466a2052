#include "tests/bench/trace.h"

#include <stdio.h>
#include <stdlib.h>

static void *more(void *array, uint32_t count, uint32_t *room, size_t size)
{
	if (count < *room)
		return array;
	*room = *room == 0 ? 1024 : *room * 2;
	array = realloc(array, *room * size);
	if (array == NULL) {
		fprintf(stderr, "mailweir-bench: out of memory\n");
		exit(1);
	}
	return array;
}

void trace_session_begin(struct trace *t)
{
	t->sessions = more(t->sessions, t->session_count, &t->session_room, sizeof(t->sessions[0]));
	t->sessions[t->session_count++] = (struct trace_session){.first = t->frame_count};
}

struct trace_frame *trace_frame_add(
	struct trace *t, const void *octets, uint32_t len, uint32_t wire_len, bool from_client)
{
	struct trace_frame *f;

	while (t->len + len > t->room) {
		t->room = t->room == 0 ? 1u << 20 : t->room * 2;
		t->octets = realloc(t->octets, t->room);
		if (t->octets == NULL || t->room > UINT32_MAX) {
			fprintf(stderr, "mailweir-bench: the traffic is too large for memory\n");
			exit(1);
		}
	}
	t->frames = more(t->frames, t->frame_count, &t->frame_room, sizeof(t->frames[0]));
	f = &t->frames[t->frame_count++];
	*f = (struct trace_frame){
		.at = (uint32_t)t->len,
		.len = len,
		.wire_len = wire_len,
		.session = t->session_count - 1,
		.from_client = from_client,
	};
	memcpy(t->octets + t->len, octets, len);
	/* Each frame begins on a line of the cache, as in a buffer of a network device. */
	t->len = (t->len + len + 63) & ~(size_t)63;
	f->tcp = mw_frame_parse(t->octets + f->at, len, wire_len, &f->head) == MW_FRAME_TCP;
	t->sessions[t->session_count - 1].count++;
	t->wire_bytes += wire_len;
	return f;
}

void trace_payload_add(struct trace *t, uint32_t at, uint32_t len, bool begins)
{
	t->payload = more(t->payload, t->payload_count, &t->payload_room, sizeof(t->payload[0]));
	t->payload[t->payload_count++] = (struct trace_payload){at, len, begins};
	t->payload_bytes += len;
}

void trace_free(struct trace *t)
{
	free(t->octets);
	free(t->frames);
	free(t->sessions);
	free(t->payload);
	memset(t, 0, sizeof(*t));
}

void trace_phrases_free(struct trace_phrases *phrases)
{
	for (uint32_t i = 0; i < phrases->count; i++)
		free(phrases->text[i]);
	free(phrases->text);
	memset(phrases, 0, sizeof(*phrases));
}
