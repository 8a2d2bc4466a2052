#include "capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOWS_MAX 64
#define LATE_MAX  256

struct late {
	uint32_t seq;
	uint8_t *octets;
	size_t len;
};

struct side {
	bool known;
	uint32_t next;
	struct late late[LATE_MAX];
	size_t late_count;
};

struct flow {
	uint8_t client[16], server[16];
	uint16_t client_port, server_port;
	struct side side[2]; /* client, server */
	struct capture_session session;
};

struct reader {
	struct flow flows[FLOWS_MAX];
	size_t count;
};

static void *copy_of(const void *octets, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	if (copy == NULL)
		abort();
	memcpy(copy, octets, len);
	return copy;
}

static void add_piece(struct flow *f, char from, const uint8_t *octets, size_t len)
{
	struct capture_session *s = &f->session;

	s->pieces = realloc(s->pieces, (s->count + 1) * sizeof(*s->pieces));
	if (s->pieces == NULL)
		abort();
	s->pieces[s->count++] = (struct piece){
		.from = from,
		.octets = octets != NULL ? copy_of(octets, len) : NULL,
		.len = len,
	};
}

static void take(struct flow *f, int way, uint32_t seq, const uint8_t *octets, size_t len);

static void take_late(struct flow *f, int way)
{
	struct side *s = &f->side[way];

	for (size_t i = 0; i < s->late_count; i++) {
		struct late late = s->late[i];

		if ((int32_t)(late.seq - s->next) > 0)
			continue;
		s->late[i] = s->late[--s->late_count];
		take(f, way, late.seq, late.octets, late.len);
		free(late.octets);
		return;
	}
}

static void take(struct flow *f, int way, uint32_t seq, const uint8_t *octets, size_t len)
{
	struct side *s = &f->side[way];
	int32_t ahead = (int32_t)(seq - s->next);

	if (ahead > 0) {
		if (s->late_count < LATE_MAX)
			s->late[s->late_count++] = (struct late){seq, copy_of(octets, len), len};
		return;
	}
	if ((size_t)-ahead >= len)
		return;
	octets += -ahead;
	len -= (size_t)-ahead;
	s->next += (uint32_t)len;
	add_piece(f, way == 0 ? 'C' : 'S', octets, len);
	take_late(f, way);
}

/* What is still late at the end lies behind gaps. */
static void close_gaps(struct flow *f, int way)
{
	struct side *s = &f->side[way];

	while (s->late_count > 0) {
		uint32_t least = s->late[0].seq;

		for (size_t i = 1; i < s->late_count; i++)
			if ((int32_t)(s->late[i].seq - least) < 0)
				least = s->late[i].seq;
		add_piece(f, way == 0 ? 'c' : 's', NULL, least - s->next);
		s->next = least;
		take_late(f, way);
	}
}

static bool is_smtp(uint16_t port)
{
	return port == 25 || port == 587 || port == 2525;
}

static struct flow *find(struct reader *r, const uint8_t *client, const uint8_t *server,
	uint16_t cport, uint16_t sport)
{
	for (size_t i = 0; i < r->count; i++) {
		struct flow *f = &r->flows[i];

		if (f->client_port == cport && f->server_port == sport &&
			memcmp(f->client, client, 16) == 0 && memcmp(f->server, server, 16) == 0)
			return f;
	}
	if (r->count == FLOWS_MAX)
		return NULL;
	memcpy(r->flows[r->count].client, client, 16);
	memcpy(r->flows[r->count].server, server, 16);
	r->flows[r->count].client_port = cport;
	r->flows[r->count].server_port = sport;
	return &r->flows[r->count++];
}

static void tcp(
	struct reader *r, const uint8_t src[16], const uint8_t dst[16], const uint8_t *p, size_t n)
{
	uint16_t sport, dport;
	uint32_t seq;
	size_t offset;
	struct flow *f;
	int way;

	if (n < 20)
		return;
	sport = (uint16_t)(p[0] << 8 | p[1]);
	dport = (uint16_t)(p[2] << 8 | p[3]);
	seq = (uint32_t)p[4] << 24 | (uint32_t)p[5] << 16 | (uint32_t)p[6] << 8 | p[7];
	offset = (size_t)(p[12] >> 4) * 4;
	if (offset < 20 || offset > n || (!is_smtp(sport) && !is_smtp(dport)))
		return;
	way = is_smtp(dport) ? 0 : 1;
	f = way == 0 ? find(r, src, dst, sport, dport) : find(r, dst, src, dport, sport);
	if (f == NULL)
		return;
	if ((p[13] & 0x02) != 0) {
		f->side[way].known = true;
		f->side[way].next = ++seq;
	}
	if (!f->side[way].known) {
		f->side[way].known = true;
		f->side[way].next = seq;
	}
	if (n > offset)
		take(f, way, seq, p + offset, n - offset);
}

static void ip(struct reader *r, const uint8_t *p, size_t n)
{
	uint8_t src[16] = {0}, dst[16] = {0};
	size_t header, total;

	if (n >= 20 && p[0] >> 4 == 4 && p[9] == 6) {
		header = (size_t)(p[0] & 15) * 4;
		total = (size_t)(p[2] << 8 | p[3]);
		if (total == 0 || total > n)
			total = n;
		memcpy(src, p + 12, 4);
		memcpy(dst, p + 16, 4);
	} else if (n >= 40 && p[0] >> 4 == 6 && p[6] == 6) {
		header = 40;
		total = 40 + (size_t)(p[4] << 8 | p[5]);
		if (total > n)
			total = n;
		memcpy(src, p + 8, 16);
		memcpy(dst, p + 24, 16);
	} else {
		return;
	}
	if (header < total)
		tcp(r, src, dst, p + header, total - header);
}

static size_t link_header(int type, const uint8_t *p, size_t n)
{
	size_t at = 14;

	switch (type) {
	case DLT_EN10MB:
		while (at + 4 < n && p[at - 2] == 0x81 && p[at - 1] == 0)
			at += 4;
		return at;
	case DLT_NULL:
	case DLT_LOOP:
		return 4;
	case DLT_LINUX_SLL:
		return 16;
	default:
		return 0;
	}
}

bool capture_read(const char *file, struct capture *out)
{
	char error[PCAP_ERRBUF_SIZE];
	struct reader *r = calloc(1, sizeof(*r));
	struct pcap_pkthdr *header;
	const uint8_t *data;
	pcap_t *pcap = pcap_open_offline(file, error);

	*out = (struct capture){0};
	if (r == NULL)
		abort();
	if (pcap == NULL) {
		free(r);
		return false;
	}
	while (pcap_next_ex(pcap, &header, &data) == 1) {
		size_t at = link_header(pcap_datalink(pcap), data, header->caplen);

		if (at < header->caplen)
			ip(r, data + at, header->caplen - at);
	}
	pcap_close(pcap);
	out->count = r->count;
	out->sessions = calloc(r->count + 1, sizeof(*out->sessions));
	for (size_t i = 0; i < r->count; i++) {
		close_gaps(&r->flows[i], 0);
		close_gaps(&r->flows[i], 1);
		out->sessions[i] = r->flows[i].session;
	}
	free(r);
	return true;
}

void capture_free(struct capture *capture)
{
	for (size_t i = 0; i < capture->count; i++) {
		for (size_t j = 0; j < capture->sessions[i].count; j++)
			free(capture->sessions[i].pieces[j].octets);
		free(capture->sessions[i].pieces);
	}
	free(capture->sessions);
}
