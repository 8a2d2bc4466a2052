/*
 * Policy records ↔ octets. Each record: version, tag, fields in the order written here. What is
 * encoded is valid, what is decoded has been checked: a reader never sees an enum out of range.
 */
#include "common/contract/policy.h"

#include <errno.h>

#include "common/contract/wire.h"

enum { VERSION = 1, CUSTOMER_VERSION = 3, SETTINGS_VERSION = 3 };
enum { TAG_CUSTOMER = 'C', TAG_LINE = 'L', TAG_VERDICT = 'V', TAG_SETTINGS = 'S' };
enum { KEY_PREFIX = 0, KEY_VLAN = 1 }; /* in this order in the table */

/* Name and code on the wire of each verdict; codes are never reused. */
static const struct {
	const char *name;
	uint8_t code;
} verdicts[MW_VERDICT_COUNT] = {
	[MW_VERDICT_PASS] = {"pass", 1},
	[MW_VERDICT_RATE] = {"rate", 2},
	[MW_VERDICT_DIVERT] = {"divert", 3},
	[MW_VERDICT_REJECT] = {"reject", 4},
	[MW_VERDICT_RESET] = {"reset", 5},
	[MW_VERDICT_DROP] = {"drop", 6},
};

static const struct {
	const char *name;
	uint8_t code;
} inspections[MW_INSPECTION_COUNT] = {
	[MW_INSPECTION_NONE] = {"none", 1},
	[MW_INSPECTION_METADATA] = {"metadata", 2},
	[MW_INSPECTION_CONTENT] = {"content", 3},
	[MW_INSPECTION_CONTENT_SAMPLE] = {"content-sample", 4},
};

static const struct {
	const char *name;
	uint8_t code;
} reject_ats[MW_REJECT_AT_COUNT] = {
	[MW_REJECT_AT_MAIL] = {"mail", 1},
	[MW_REJECT_AT_HELLO] = {"ehlo", 2},
	[MW_REJECT_AT_ADAPTIVE] = {"adaptive", 3},
};

const char *mw_reject_at_name(enum mw_reject_at at)
{
	return (unsigned)at < MW_REJECT_AT_COUNT ? reject_ats[at].name : "invalid";
}

int mw_reject_at_parse(const char *name, enum mw_reject_at *out)
{
	for (unsigned i = 0; i < MW_REJECT_AT_COUNT; i++)
		if (strcmp(name, reject_ats[i].name) == 0) {
			*out = (enum mw_reject_at)i;
			return 0;
		}
	return -EINVAL;
}

const char *mw_verdict_name(enum mw_verdict verdict)
{
	return (unsigned)verdict < MW_VERDICT_COUNT ? verdicts[verdict].name : "invalid";
}

int mw_verdict_parse(const char *name, enum mw_verdict *out)
{
	for (unsigned i = 0; i < MW_VERDICT_COUNT; i++)
		if (strcmp(name, verdicts[i].name) == 0) {
			*out = (enum mw_verdict)i;
			return 0;
		}
	return -EINVAL;
}

const char *mw_inspection_name(enum mw_inspection inspection)
{
	return (unsigned)inspection < MW_INSPECTION_COUNT ? inspections[inspection].name
							  : "invalid";
}

int mw_inspection_parse(const char *name, enum mw_inspection *out)
{
	for (unsigned i = 0; i < MW_INSPECTION_COUNT; i++)
		if (strcmp(name, inspections[i].name) == 0) {
			*out = (enum mw_inspection)i;
			return 0;
		}
	return -EINVAL;
}

static void write_verdict(struct mw_writer *w, enum mw_verdict v)
{
	if ((unsigned)v >= MW_VERDICT_COUNT)
		w->failed = true;
	else
		mw_write_u8(w, verdicts[v].code);
}

static enum mw_verdict read_verdict(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < MW_VERDICT_COUNT; i++)
		if (verdicts[i].code == code)
			return (enum mw_verdict)i;
	r->failed = true;
	return MW_VERDICT_PASS;
}

/* A class says where mail goes, not whether: everything else is a decision about one customer. */
static bool of_class(enum mw_verdict v)
{
	return v == MW_VERDICT_PASS || v == MW_VERDICT_DIVERT;
}

static void write_class_verdict(struct mw_writer *w, enum mw_verdict v)
{
	if (!of_class(v))
		w->failed = true;
	write_verdict(w, v);
}

static enum mw_verdict read_class_verdict(struct mw_reader *r)
{
	enum mw_verdict v = read_verdict(r);

	if (!of_class(v))
		r->failed = true;
	return v;
}

static void write_inspection(struct mw_writer *w, enum mw_inspection v)
{
	if ((unsigned)v >= MW_INSPECTION_COUNT)
		w->failed = true;
	else
		mw_write_u8(w, inspections[v].code);
}

static enum mw_inspection read_inspection(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < MW_INSPECTION_COUNT; i++)
		if (inspections[i].code == code)
			return (enum mw_inspection)i;
	r->failed = true;
	return MW_INSPECTION_NONE;
}

static enum mw_reject_at read_reject_at(struct mw_reader *r)
{
	uint8_t code = mw_read_u8(r);

	for (unsigned i = 0; i < MW_REJECT_AT_COUNT; i++)
		if (reject_ats[i].code == code)
			return (enum mw_reject_at)i;
	r->failed = true;
	return MW_REJECT_AT_MAIL;
}

static uint8_t version_of(uint8_t tag)
{
	return tag == TAG_SETTINGS   ? SETTINGS_VERSION
	       : tag == TAG_CUSTOMER ? CUSTOMER_VERSION
				     : VERSION;
}

static struct mw_writer begin(uint8_t *out, size_t size, uint8_t tag)
{
	struct mw_writer w = mw_writer_of(out, size);

	mw_write_u8(&w, version_of(tag));
	mw_write_u8(&w, tag);
	return w;
}

/* Reads version and tag. 0, -EPROTO or -EBADMSG. */
static int open_record(struct mw_span in, uint8_t tag, struct mw_reader *r)
{
	uint8_t version;

	*r = mw_reader_of(in.data, in.len);
	version = mw_read_u8(r);
	if (r->failed)
		return -EBADMSG;
	/* Customers are not written anew at each start: all versions are read. */
	if (version != version_of(tag) &&
		!(tag == TAG_CUSTOMER && version >= 1 && version < CUSTOMER_VERSION))
		return -EPROTO;
	return mw_read_u8(r) == tag ? 0 : -EBADMSG;
}

static int finish(const struct mw_reader *r)
{
	return mw_reader_done(r) ? 0 : -EBADMSG;
}

size_t mw_customer_encode(const struct mw_customer_record *rec, uint8_t *out, size_t size)
{
	struct mw_writer w = begin(out, size, TAG_CUSTOMER);

	mw_write_u32(&w, rec->index);
	if (rec->id[0] == 0)
		w.failed = true;
	mw_wire_write_text(&w, rec->id, sizeof(rec->id), MW_WIRE_LABEL);
	mw_wire_write_text(&w, rec->class_name, sizeof(rec->class_name), MW_WIRE_LABEL);
	write_inspection(&w, rec->inspection);
	mw_wire_write_bool(&w, rec->shared);
	mw_wire_write_i32(&w, rec->spam_threshold_milli);
	mw_write_u32(&w, rec->rate.messages);
	mw_write_u32(&w, rec->rate.recipients);
	mw_write_u32(&w, rec->rate.connections);
	mw_wire_write_bool(&w, rec->is_line);
	mw_write_u32(&w, rec->is_line ? rec->owner : 0);
	write_class_verdict(&w, rec->class_verdict);
	return mw_writer_len(&w);
}

int mw_customer_decode(struct mw_span in, struct mw_customer_record *out)
{
	struct mw_reader r;
	int err = open_record(in, TAG_CUSTOMER, &r);

	if (err != 0)
		return err;
	*out = (struct mw_customer_record){.index = mw_read_u32(&r)};
	mw_wire_read_text(&r, out->id, sizeof(out->id), MW_WIRE_LABEL);
	if (out->id[0] == 0)
		r.failed = true;
	mw_wire_read_text(&r, out->class_name, sizeof(out->class_name), MW_WIRE_LABEL);
	out->inspection = read_inspection(&r);
	out->shared = mw_wire_read_bool(&r);
	out->spam_threshold_milli = mw_wire_read_i32(&r);
	if (in.data[0] > 1) { /* without limits before */
		out->rate.messages = mw_read_u32(&r);
		out->rate.recipients = mw_read_u32(&r);
		out->rate.connections = mw_read_u32(&r);
	}
	if (in.data[0] > 2) { /* of no line, and of a class without verdict */
		out->is_line = mw_wire_read_bool(&r);
		out->owner = mw_read_u32(&r);
		if (!out->is_line && out->owner != 0)
			r.failed = true;
		out->class_verdict = read_class_verdict(&r);
	}
	return finish(&r);
}

static bool prefix_valid(const struct mw_prefix *prefix)
{
	if (prefix->len > 128)
		return false;
	for (int i = 0; i < 16; i++) {
		int bits = (int)prefix->len - 8 * i;
		uint8_t host = (uint8_t)(bits >= 8 ? 0 : bits <= 0 ? 0xff : 0xff >> bits);

		if ((prefix->net.octet[i] & host) != 0)
			return false;
	}
	return true;
}

static bool key_valid(const struct mw_line_key *key)
{
	if (key->is_vlan)
		return key->vlan_outer >= 1 && key->vlan_outer <= 4094 && key->vlan_inner <= 4094;
	return prefix_valid(&key->prefix);
}

static void write_key(struct mw_writer *w, const struct mw_line_key *key)
{
	if (!key_valid(key)) {
		w->failed = true;
	} else if (key->is_vlan) {
		mw_write_u8(w, KEY_VLAN);
		mw_write_u16(w, key->vlan_outer);
		mw_write_u16(w, key->vlan_inner);
	} else {
		mw_write_u8(w, KEY_PREFIX);
		mw_wire_write_ip(w, &key->prefix.net);
		mw_write_u8(w, key->prefix.len);
	}
}

static void read_key(struct mw_reader *r, struct mw_line_key *out)
{
	uint8_t kind = mw_read_u8(r);

	*out = (struct mw_line_key){.is_vlan = kind == KEY_VLAN};
	if (kind == KEY_VLAN) {
		out->vlan_outer = mw_read_u16(r);
		out->vlan_inner = mw_read_u16(r);
	} else if (kind == KEY_PREFIX) {
		mw_wire_read_ip(r, &out->prefix.net);
		out->prefix.len = mw_read_u8(r);
	} else {
		r->failed = true;
	}
	if (!key_valid(out))
		r->failed = true;
}

size_t mw_line_key_encode(const struct mw_line_key *key, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);

	write_key(&w, key);
	return mw_writer_len(&w);
}

int mw_line_key_decode(struct mw_span in, struct mw_line_key *out)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);

	read_key(&r, out);
	return finish(&r);
}

size_t mw_line_encode(const struct mw_line_record *rec, uint8_t *out, size_t size)
{
	struct mw_writer w = begin(out, size, TAG_LINE);

	write_key(&w, &rec->key);
	mw_write_u32(&w, rec->customer_index);
	return mw_writer_len(&w);
}

int mw_line_decode(struct mw_span in, struct mw_line_record *out)
{
	struct mw_reader r;
	int err = open_record(in, TAG_LINE, &r);

	if (err != 0)
		return err;
	read_key(&r, &out->key);
	out->customer_index = mw_read_u32(&r);
	return finish(&r);
}

size_t mw_verdict_encode(const struct mw_verdict_record *rec, uint8_t *out, size_t size)
{
	struct mw_writer w = begin(out, size, TAG_VERDICT);

	mw_write_u32(&w, rec->customer_index);
	write_verdict(&w, rec->verdict);
	mw_write_u64(&w, rec->generation);
	mw_write_u64(&w, rec->since_s);
	mw_write_u64(&w, rec->expires_s);
	mw_wire_write_text(&w, rec->reason, sizeof(rec->reason), MW_WIRE_ASCII);
	mw_wire_write_text(&w, rec->by, sizeof(rec->by), MW_WIRE_LABEL);
	mw_wire_write_text(&w, rec->ticket, sizeof(rec->ticket), MW_WIRE_ASCII);
	mw_wire_write_text(&w, rec->reply, sizeof(rec->reply), MW_WIRE_ASCII);
	return mw_writer_len(&w);
}

int mw_verdict_decode(struct mw_span in, struct mw_verdict_record *out)
{
	struct mw_reader r;
	int err = open_record(in, TAG_VERDICT, &r);

	if (err != 0)
		return err;
	*out = (struct mw_verdict_record){.customer_index = mw_read_u32(&r)};
	out->verdict = read_verdict(&r);
	out->generation = mw_read_u64(&r);
	out->since_s = mw_read_u64(&r);
	out->expires_s = mw_read_u64(&r);
	mw_wire_read_text(&r, out->reason, sizeof(out->reason), MW_WIRE_ASCII);
	mw_wire_read_text(&r, out->by, sizeof(out->by), MW_WIRE_LABEL);
	mw_wire_read_text(&r, out->ticket, sizeof(out->ticket), MW_WIRE_ASCII);
	mw_wire_read_text(&r, out->reply, sizeof(out->reply), MW_WIRE_ASCII);
	return finish(&r);
}

static void write_reachable(struct mw_writer *w, const struct mw_policy_settings *rec)
{
	if (rec->reachable_count > MW_REACHABLE_MAX) {
		w->failed = true;
		return;
	}
	mw_write_u8(w, rec->reachable_count);
	for (unsigned i = 0; i < rec->reachable_count; i++) {
		if (!prefix_valid(&rec->reachable[i]))
			w->failed = true;
		mw_wire_write_ip(w, &rec->reachable[i].net);
		mw_write_u8(w, rec->reachable[i].len);
	}
}

static void read_reachable(struct mw_reader *r, struct mw_policy_settings *out)
{
	out->reachable_count = mw_read_u8(r);
	if (out->reachable_count > MW_REACHABLE_MAX) {
		out->reachable_count = 0;
		r->failed = true;
	}
	for (unsigned i = 0; i < out->reachable_count; i++) {
		mw_wire_read_ip(r, &out->reachable[i].net);
		out->reachable[i].len = mw_read_u8(r);
		if (!prefix_valid(&out->reachable[i]))
			r->failed = true;
	}
}

enum { PORTS_MAX = sizeof(((struct mw_policy_settings *)0)->smtp_ports) / sizeof(uint16_t) };

size_t mw_policy_settings_encode(const struct mw_policy_settings *rec, uint8_t *out, size_t size)
{
	struct mw_writer w = begin(out, size, TAG_SETTINGS);

	if (rec->smtp_port_count > PORTS_MAX)
		return 0;
	mw_write_u8(&w, rec->smtp_port_count);
	for (unsigned i = 0; i < rec->smtp_port_count; i++) {
		if (rec->smtp_ports[i] == 0)
			w.failed = true;
		mw_write_u16(&w, rec->smtp_ports[i]);
	}
	mw_wire_write_bool(&w, rec->refuse_worm);
	mw_wire_write_bool(&w, rec->refuse_spam);
	mw_wire_write_bool(&w, rec->refuse_smuggling);
	mw_write_u32(&w, rec->scan_budget_us);
	mw_write_u32(&w, rec->hold_max_ms);
	mw_wire_write_i32(&w, rec->default_threshold_milli);
	mw_wire_write_text(&w, rec->ruleset_path, sizeof(rec->ruleset_path), MW_WIRE_LABEL);
	mw_write_u64(&w, rec->ruleset_generation);
	mw_wire_write_text(&w, rec->banner_name, sizeof(rec->banner_name), MW_WIRE_ASCII);
	mw_wire_write_text(&w, rec->refuse_reply, sizeof(rec->refuse_reply), MW_WIRE_ASCII);
	if ((unsigned)rec->reject_at >= MW_REJECT_AT_COUNT)
		return 0;
	mw_write_u8(&w, reject_ats[rec->reject_at].code);
	mw_wire_write_bool(&w, rec->observe);
	write_reachable(&w, rec);
	mw_divert_write(&w, &rec->divert);
	mw_wire_write_text(&w, rec->divert_reply, sizeof(rec->divert_reply), MW_WIRE_ASCII);
	return mw_writer_len(&w);
}

int mw_policy_settings_decode(struct mw_span in, struct mw_policy_settings *out)
{
	struct mw_reader r;
	int err = open_record(in, TAG_SETTINGS, &r);

	if (err != 0)
		return err;
	*out = (struct mw_policy_settings){.smtp_port_count = mw_read_u8(&r)};
	if (out->smtp_port_count > PORTS_MAX) {
		out->smtp_port_count = 0;
		return -EBADMSG;
	}
	for (unsigned i = 0; i < out->smtp_port_count; i++) {
		out->smtp_ports[i] = mw_read_u16(&r);
		if (out->smtp_ports[i] == 0)
			r.failed = true;
	}
	out->refuse_worm = mw_wire_read_bool(&r);
	out->refuse_spam = mw_wire_read_bool(&r);
	out->refuse_smuggling = mw_wire_read_bool(&r);
	out->scan_budget_us = mw_read_u32(&r);
	out->hold_max_ms = mw_read_u32(&r);
	out->default_threshold_milli = mw_wire_read_i32(&r);
	mw_wire_read_text(&r, out->ruleset_path, sizeof(out->ruleset_path), MW_WIRE_LABEL);
	out->ruleset_generation = mw_read_u64(&r);
	mw_wire_read_text(&r, out->banner_name, sizeof(out->banner_name), MW_WIRE_ASCII);
	mw_wire_read_text(&r, out->refuse_reply, sizeof(out->refuse_reply), MW_WIRE_ASCII);
	out->reject_at = read_reject_at(&r);
	out->observe = mw_wire_read_bool(&r);
	read_reachable(&r, out);
	mw_divert_read(&r, &out->divert);
	mw_wire_read_text(&r, out->divert_reply, sizeof(out->divert_reply), MW_WIRE_ASCII);
	return finish(&r);
}
