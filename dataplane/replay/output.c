#include "dataplane/replay/output.h"

#include <jansson.h>
#include <stdlib.h>

#include "common/base/time.h"
#include "dataplane/flow/table.h"
#include "dataplane/message/message.h"
#include "dataplane/text/utf8.h"

#define DUMP_FLAGS (JSON_COMPACT | JSON_REAL_PRECISION(16))

static json_t *text(struct mw_span s)
{
	uint8_t *clean;
	size_t len;
	json_t *value;

	if (s.data == NULL)
		return json_null();
	clean = malloc(s.len * 3 + 4);
	if (clean == NULL)
		return NULL;
	len = mw_utf8_scrub(s, clean, s.len * 3 + 4, NULL);
	value = json_stringn((const char *)clean, len);
	free(clean);
	return value;
}

/* Behind the quoted string that begins at `at` and in front of an @, where there is one; else 0. */
static size_t quoted_local_part(struct mw_span s, size_t at)
{
	for (size_t i = at + 1; i < s.len; i++) {
		if (s.data[i] == '\\')
			i++;
		else if (s.data[i] == '"')
			return i + 1 < s.len && s.data[i + 1] == '@' ? i + 1 : 0;
	}
	return 0;
}

static size_t put_hash(const struct mw_output *out, char *to, const void *of, size_t len)
{
	uint64_t h = mw_flow_hash(out->redact_key, of, len);

	return (size_t)sprintf(to, "%016llx", (unsigned long long)h);
}

/* Every local part: a quoted string in front of an @, or all in front of it back to a character
 * that none has unquoted (RFC 5322, 3.4.1). */
static json_t *redacted(const struct mw_output *out, struct mw_span s)
{
	char *copy;
	size_t len = 0, start = 0;
	bool quoted = false; /* in a display name */
	json_t *value;

	if (!out->redact || s.data == NULL || memchr(s.data, '@', s.len) == NULL)
		return text(s);
	copy = malloc(s.len * 18 + 1);
	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < s.len; i++) {
		char c = (char)s.data[i];
		size_t end = c == '"' && !quoted && len == start ? quoted_local_part(s, i) : 0;

		if (c == '\\' && i + 1 < s.len) {
			copy[len++] = c;
			c = (char)s.data[++i];
		} else if (c == '"' && end == 0) {
			quoted = !quoted;
		}
		if (end != 0) {
			len += put_hash(out, copy + len, s.data + i, end - i);
			i = end;
			start = len;
			c = '@';
		} else if (c == '@') {
			len = start + put_hash(out, copy + start, copy + start, len - start);
		}
		copy[len++] = c;
		if (c == '@' || c == ' ' || c == '<' || c == ',' || c == ';' || c == ':' ||
			c == '\t')
			start = len;
	}
	value = text(mw_span_of(copy, len));
	free(copy);
	return value;
}

/* A path of the envelope: without a domain all of it is a local part (RFC 5321, 4.1.1.3: postmaster
 * may come so). */
static json_t *path(const struct mw_output *out, struct mw_span s)
{
	char digits[17];

	if (!out->redact || s.len == 0 || memchr(s.data, '@', s.len) != NULL)
		return redacted(out, s);
	return json_stringn(digits, put_hash(out, digits, s.data, s.len));
}

static json_t *code(int value)
{
	return value < 0 ? json_null() : json_integer(value);
}

static json_t *hex(const uint8_t octets[32])
{
	char digits[65];

	for (int i = 0; i < 32; i++)
		sprintf(digits + 2 * i, "%02x", octets[i]);
	return json_string(digits);
}

static json_t *address(const struct mw_ip *ip)
{
	char digits[MW_IP_TEXT_MAX];

	return json_string(mw_ip_format(ip, digits));
}

/* A line whose times stand between two halves: the library has no way to print a number with six
 * decimals, the last of them 0. */
static void print_timed(
	struct mw_output *out, json_t *head, uint64_t start_ns, uint64_t end_ns, json_t *tail)
{
	char *before = json_dumps(head, DUMP_FLAGS), *after = json_dumps(tail, DUMP_FLAGS);
	unsigned long long start = start_ns / MW_NS_PER_US, end = end_ns / MW_NS_PER_US;

	if (before == NULL || after == NULL ||
		fprintf(out->to, "%.*s,\"start\":%llu.%06llu,\"end\":%llu.%06llu,%s\n",
			(int)strlen(before) - 1, before, start / MW_US_PER_S, start % MW_US_PER_S,
			end / MW_US_PER_S, end % MW_US_PER_S, after + 1) < 0)
		out->failed = true;
	free(before);
	free(after);
	json_decref(head);
	json_decref(tail);
}

static void print(struct mw_output *out, json_t *line)
{
	if (line == NULL || json_dumpf(line, out->to, DUMP_FLAGS) != 0 ||
		fputc('\n', out->to) == EOF)
		out->failed = true;
	json_decref(line);
}

static void endpoints(json_t *o, const struct mw_ip *client, uint16_t client_port,
	const struct mw_ip *server, uint16_t server_port)
{
	json_object_set_new(o, "client_ip", address(client));
	json_object_set_new(o, "client_port", json_integer(client_port));
	json_object_set_new(o, "server_ip", address(server));
	json_object_set_new(o, "server_port", json_integer(server_port));
}

static json_t *recipients(const struct mw_output *out, const struct mw_smtp_envelope *env)
{
	json_t *list = json_array();

	for (const struct mw_smtp_rcpt *r = env->rcpts; r != NULL; r = r->next) {
		json_t *one = json_object();

		json_object_set_new(one, "address", path(out, r->address));
		json_object_set_new(one, "reply", code(r->reply));
		json_array_append_new(list, one);
	}
	return list;
}

static json_t *headers(const struct mw_output *out, const struct mw_message_facts *facts)
{
	json_t *o = json_object();

	json_object_set_new(o, "from", redacted(out, facts->from));
	json_object_set_new(o, "to", redacted(out, facts->to));
	json_object_set_new(o, "subject", text(facts->subject));
	json_object_set_new(o, "date", text(facts->date));
	json_object_set_new(o, "message_id", text(facts->message_id));
	return o;
}

static json_t *members(const struct mw_message_part *part)
{
	json_t *list = json_array();

	for (const struct mw_message_member *f = part->members; f != NULL; f = f->next) {
		json_t *o = json_object();
		const char *magic = mw_magic_name(f->magic);
		bool zip = f->kind == MW_MESSAGE_MEMBER_ZIP;

		json_object_set_new(o, "type", json_string(zip ? "zip" : "uuencode"));
		json_object_set_new(o, "name", text(f->name));
		json_object_set_new(
			o, "size", f->size_known ? json_integer((json_int_t)f->size) : json_null());
		if (zip) {
			json_object_set_new(o, "encrypted", json_boolean(f->encrypted));
		} else {
			json_object_set_new(o, "sha256", hex(f->sha256));
			json_object_set_new(
				o, "magic", magic == NULL ? json_null() : json_string(magic));
		}
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *parts(const struct mw_message_facts *facts)
{
	json_t *list = json_array();

	for (const struct mw_message_part *p = facts->parts; p != NULL; p = p->next) {
		json_t *o = json_object();

		json_object_set_new(o, "path", text(p->path));
		json_object_set_new(o, "content_type", text(p->content_type));
		json_object_set_new(o, "charset", text(p->charset));
		json_object_set_new(o, "encoding", text(p->encoding));
		json_object_set_new(o, "disposition", text(p->disposition));
		json_object_set_new(o, "filename", text(p->filename));
		json_object_set_new(o, "size", json_integer((json_int_t)p->size));
		json_object_set_new(o, "sha256", hex(p->sha256));
		if (p->members != NULL)
			json_object_set_new(o, "inner", members(p));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *urls(const struct mw_message_facts *facts)
{
	json_t *list = json_array();

	for (const struct mw_message_url *u = facts->urls; u != NULL; u = u->next)
		json_array_append_new(list, text(u->text));
	return list;
}

static json_t *matches(const struct mw_lane_message *m)
{
	json_t *list = json_array();

	for (const struct mw_match *one = m->matches; one != NULL; one = one->next) {
		json_t *o = json_object();

		json_object_set_new(o, "rule", text(one->rule));
		json_object_set_new(o, "score", json_real((double)one->score_milli / 1000));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *customer(const struct mw_output *out, uint32_t index)
{
	const char *id = out->customer_id == NULL || index == MW_NO_CUSTOMER_INDEX
				 ? NULL
				 : out->customer_id(out->customer_ctx, index);

	return id == NULL ? json_null() : json_string(id);
}

void mw_output_message(struct mw_output *out, const struct mw_lane_message *m)
{
	json_t *head = json_object(), *o = head;

	out->messages++;
	json_object_set_new(o, "type", json_string("message"));
	json_object_set_new(o, "session", json_integer((json_int_t)m->session));
	endpoints(o, &m->client, m->client_port, &m->server, m->server_port);
	json_object_set_new(o, "customer", customer(out, m->customer_index));
	o = json_object();
	json_object_set_new(o, "helo", text(m->envelope->helo));
	json_object_set_new(o, "mail_from", path(out, m->envelope->mail_from));
	json_object_set_new(o, "rcpt_to", recipients(out, m->envelope));
	json_object_set_new(o, "data_reply", code(m->envelope->data_reply));
	json_object_set_new(o, "size", json_integer((json_int_t)m->facts->size));
	json_object_set_new(o, "sha256", hex(m->facts->sha256));
	json_object_set_new(o, "complete", json_boolean(m->complete));
	json_object_set_new(o, "headers", headers(out, m->facts));
	json_object_set_new(o, "parts", parts(m->facts));
	json_object_set_new(o, "urls", urls(m->facts));
	json_object_set_new(o, "matches", matches(m));
	json_object_set_new(o, "score", json_real((double)m->score_milli / 1000));
	json_object_set_new(o, "class", json_string(mw_message_class_name(m->klass)));
	json_object_set_new(o, "action", json_string(m->refuse ? "refuse" : "forward"));
	json_object_set_new(o, "reason", json_string(mw_reason_name(m->reason)));
	print_timed(out, head, m->start_ns, m->end_ns, o);
}

static json_t *anomalies(uint64_t bits)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < 64; i++)
		if ((bits >> i & 1) != 0)
			json_array_append_new(list, json_string(mw_reason_name((enum mw_reason)(
							    (unsigned)MW_REASON_ASYMMETRIC + i))));
	return list;
}

void mw_output_session(struct mw_output *out, const struct mw_lane_session *s)
{
	json_t *head = json_object(), *o = head;

	out->sessions++;
	json_object_set_new(o, "type", json_string("session"));
	json_object_set_new(o, "session", json_integer((json_int_t)s->session));
	endpoints(o, &s->client, s->client_port, &s->server, s->server_port);
	json_object_set_new(o, "customer", customer(out, s->customer_index));
	o = json_object();
	json_object_set_new(o, "messages", json_integer(s->messages));
	json_object_set_new(o, "starttls", json_string(mw_smtp_starttls_name(s->starttls)));
	json_object_set_new(o, "mode", json_string(s->metadata ? "metadata" : "content"));
	json_object_set_new(
		o, "reason", s->metadata ? json_string(mw_reason_name(s->reason)) : json_null());
	json_object_set_new(o, "client_bytes", json_integer((json_int_t)s->client_bytes));
	json_object_set_new(o, "server_bytes", json_integer((json_int_t)s->server_bytes));
	json_object_set_new(o, "quit", json_boolean(s->quit));
	json_object_set_new(o, "anomalies", anomalies(s->anomalies));
	if (out->details)
		json_object_set_new(o, "tls_server_name", text(s->tls_server_name));
	print_timed(out, head, s->start_ns, s->end_ns, o);
}

void mw_output_summary(
	struct mw_output *out, uint64_t packets, uint64_t bytes, const struct mw_lane_counters *c)
{
	json_t *o = json_object(), *reasons = json_object();

	for (int i = 0; i < MW_REASON_COUNT; i++)
		if (c->reason[i] > 0)
			json_object_set_new(reasons, mw_reason_name((enum mw_reason)i),
				json_integer((json_int_t)c->reason[i]));
	json_object_set_new(o, "type", json_string("summary"));
	json_object_set_new(o, "packets", json_integer((json_int_t)packets));
	json_object_set_new(o, "bytes", json_integer((json_int_t)bytes));
	json_object_set_new(o, "smtp_packets", json_integer((json_int_t)c->smtp_packets));
	json_object_set_new(o, "sessions", json_integer((json_int_t)out->sessions));
	json_object_set_new(o, "messages", json_integer((json_int_t)out->messages));
	json_object_set_new(o, "reasons", reasons);
	print(out, o);
}
