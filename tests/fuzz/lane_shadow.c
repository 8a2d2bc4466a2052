#include "tests/fuzz/lane_shadow.h"

#include <strings.h>

#define POOL_BLOCKS 128u

static struct mw_pool pool;
static void *pool_memory;

void shadow_begin(struct shadow *s, uint64_t session, uint32_t client_first, uint32_t server_first)
{
	if (pool_memory == NULL) {
		pool_memory = aligned_alloc(64, (size_t)MW_SMTP_ENVELOPE_BLOCK * POOL_BLOCKS);
		demand(pool_memory != NULL, "there is memory");
		mw_pool_init(&pool, pool_memory, MW_SMTP_ENVELOPE_BLOCK, POOL_BLOCKS);
	}
	shadow_end(s);
	memset(s, 0, sizeof(*s));
	s->alive = true;
	s->session = session;
	s->client.first = client_first;
	s->server.first = server_first;
	mw_smtp_init(&s->smtp, &pool);
}

void shadow_end(struct shadow *s)
{
	if (s->alive)
		mw_smtp_close(&s->smtp);
	s->alive = false;
}

void shadow_left(struct shadow_way *way, uint32_t seq, const uint8_t *data, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = seq + i - way->first;

		if (at >= SHADOW_SPAN) {
			way->ahead = true;
			continue;
		}
		if (!way->have[at])
			way->octet[at] = data[i];
		way->have[at] = true;
	}
}

static uint32_t run_of(const struct shadow_way *way)
{
	uint32_t n = 0;

	while (way->read + n < SHADOW_SPAN && way->have[way->read + n])
		n++;
	return n;
}

/* Line ends by another reading than CRLF, on one side of a dot or on both. A CR is one of its own
 * when another octet than LF follows. */
bool shadow_lax_end(const struct shadow *s)
{
	const uint8_t *p = s->client.octet;
	uint32_t end = s->client.read;

	if (!s->alive || !s->in_data)
		return false;
	while (end < SHADOW_SPAN && s->client.have[end])
		end++;
	for (uint32_t i = s->data_at; i + 1 < end; i++) {
		bool crlf_before = i == s->data_at;
		uint8_t before = p[i - 1];

		crlf_before =
			crlf_before || (before == '\n' && i > s->data_at + 1 && p[i - 2] == '\r');
		if (p[i] != '.' || (before != '\n' && before != '\r'))
			continue;
		if (p[i + 1] == '\n')
			return true;
		if (p[i + 1] == '\r' && i + 2 < end && (p[i + 2] != '\n' || !crlf_before))
			return true;
	}
	return false;
}

static void content_begins(struct shadow *s)
{
	uint32_t at = s->client.read;

	s->in_data =
		at >= 6 && strncasecmp((const char *)s->client.octet + at - 6, "DATA\r\n", 6) == 0;
	s->data_at = at;
}

bool shadow_gap(const struct shadow_way *way)
{
	uint32_t at = way->read + run_of(way);

	while (at < SHADOW_SPAN && !way->have[at])
		at++;
	return way->ahead || at < SHADOW_SPAN;
}

static void event(struct shadow *s, const struct mw_smtp_event *ev)
{
	if (ev->kind == MW_SMTP_CONTENT_END || ev->kind == MW_SMTP_CONTENT_ABORT)
		s->in_data = false;
	if (ev->kind == MW_SMTP_CONTENT_BEGIN) {
		content_begins(s);
		mw_smtp_envelope_release(ev->envelope); /* nobody here looks at it */
	} else if (ev->kind == MW_SMTP_CONTENT_END && ev->complete) {
		s->complete++;
		s->last_seq = s->client.first + s->client.read - 1;
		s->fresh = true;
	} else if (ev->kind == MW_SMTP_LOST || ev->kind == MW_SMTP_TLS ||
		   /* No greeting: whether it answers what the client has said already is open. */
		   (ev->kind == MW_SMTP_GREETING && ev->code != 220 && ev->code < 400)) {
		shadow_end(s);
	}
}

static bool advance_client(struct shadow *s)
{
	bool moved = false;

	while (s->alive) {
		uint32_t n = run_of(&s->client);
		struct mw_smtp_event ev;
		size_t used = mw_smtp_client(&s->smtp, s->client.octet + s->client.read, n, &ev);

		s->client.read += (uint32_t)used;
		moved = moved || used > 0;
		if (ev.kind == MW_SMTP_MORE || ev.kind == MW_SMTP_BLOCKED)
			break;
		event(s, &ev);
	}
	return moved;
}

static bool advance_server(struct shadow *s)
{
	bool moved = false;

	while (s->alive) {
		uint32_t n = run_of(&s->server);
		struct mw_smtp_event ev;
		size_t used = mw_smtp_server(&s->smtp, s->server.octet + s->server.read, n, &ev);

		s->server.read += (uint32_t)used;
		moved = moved || used > 0;
		if (ev.kind == MW_SMTP_MORE)
			break;
		event(s, &ev);
		if (s->alive && ev.unblocked) /* as the lane: the client's octets go first */
			advance_client(s);
	}
	return moved;
}

void shadow_advance(struct shadow *s, bool server_first)
{
	bool moved = true;

	if (server_first)
		advance_server(s);
	while (s->alive && moved) {
		moved = advance_client(s);
		moved = advance_server(s) || moved;
	}
	if (s->alive && (s->client.read >= SHADOW_SPAN - 1 || s->server.read >= SHADOW_SPAN - 1))
		shadow_end(s);
}
