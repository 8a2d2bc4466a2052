/* Reading the policy environment: single records, everything, and what changed since. */
#include "common/store/policy.h"

#include <errno.h>

#include "common/store/policy_tables.h"

/* A record that does not decode is an error of the transaction, never "not there". */
static bool decoded(struct mw_policy_txn *t, int err)
{
	if (err != 0)
		mw_txn_fail(&t->txn, err);
	return err == 0;
}

bool mw_policy_get_customer(struct mw_policy_txn *t, uint32_t index, struct mw_customer_record *out)
{
	struct mw_key32 key = mw_key32_of(index);
	struct mw_span value;

	return mw_txn_get(&t->txn, t->policy->customer, MW_KEY_SPAN(key), &value) &&
	       decoded(t, mw_customer_decode(value, out));
}

bool mw_policy_find_customer(
	struct mw_policy_txn *t, const char *id, struct mw_customer_record *out)
{
	struct mw_span value;

	if (id[0] == 0 || strlen(id) >= MW_CUSTOMER_ID_MAX)
		return false;
	return mw_txn_get(&t->txn, t->policy->customer_id, mw_span_str(id), &value) &&
	       mw_policy_get_customer(t, mw_key32_value(value), out);
}

bool mw_policy_get_line(
	struct mw_policy_txn *t, const struct mw_line_key *line, struct mw_line_record *out)
{
	uint8_t key[MW_LINE_KEY_MAX];
	size_t len = mw_line_key_encode(line, key, sizeof(key));
	struct mw_span value;

	return len > 0 && mw_txn_get(&t->txn, t->policy->line, mw_span_of(key, len), &value) &&
	       decoded(t, mw_line_decode(value, out));
}

bool mw_policy_find_address(
	struct mw_policy_txn *t, const struct mw_ip *ip, struct mw_line_record *out)
{
	struct mw_line_key key = {.prefix = {.net = *ip}};
	/* A prefix shorter than /96 means IPv6 alone: see dataplane/verdict/prefix_table.h. */
	int shortest = mw_ip_is_v4(ip) ? 96 : 0;

	for (int len = 128; len >= shortest; len--) {
		if (len < 128)
			key.prefix.net.octet[len / 8] &= (uint8_t)(0xff00 >> (len % 8));
		key.prefix.len = (uint8_t)len;
		if (mw_policy_get_line(t, &key, out))
			return true;
	}
	return false;
}

bool mw_policy_get_verdict(struct mw_policy_txn *t, uint32_t index, struct mw_verdict_record *out)
{
	struct mw_key32 key = mw_key32_of(index);
	struct mw_span value;

	return mw_txn_get(&t->txn, t->policy->verdict, MW_KEY_SPAN(key), &value) &&
	       decoded(t, mw_verdict_decode(value, out));
}

bool mw_policy_get_settings(struct mw_policy_txn *t, struct mw_policy_settings *out)
{
	struct mw_span value;

	return mw_txn_get(&t->txn, t->policy->meta, mw_span_str(MW_META_SETTINGS), &value) &&
	       decoded(t, mw_policy_settings_decode(value, out));
}

uint64_t mw_policy_cursor(struct mw_policy_txn *t)
{
	return mw_policy_meta_u64(t, MW_META_CURSOR);
}

uint32_t mw_policy_customer_count(struct mw_policy_txn *t)
{
	return t->customers;
}

uint64_t mw_policy_line_count(struct mw_policy_txn *t)
{
	return mw_txn_count(&t->txn, t->policy->line);
}

struct visit {
	struct mw_policy_txn *t;
	const struct mw_policy_sink *sink;
	unsigned parts;
	unsigned changed;
};

static int visit_customer(void *ctx, struct mw_span key, struct mw_span value)
{
	const struct visit *v = ctx;
	struct mw_customer_record rec;

	if (!decoded(v->t, mw_customer_decode(value, &rec)))
		return 1;
	v->sink->customer(v->sink->ctx, &rec);
	return 0;
}

static int visit_line(void *ctx, struct mw_span key, struct mw_span value)
{
	const struct visit *v = ctx;
	struct mw_line_record rec;

	if (!decoded(v->t, mw_line_decode(value, &rec)))
		return 1;
	v->sink->line(v->sink->ctx, &rec);
	return 0;
}

static int visit_verdict(void *ctx, struct mw_span key, struct mw_span value)
{
	const struct visit *v = ctx;
	struct mw_verdict_record rec;

	if (!decoded(v->t, mw_verdict_decode(value, &rec)))
		return 1;
	v->sink->verdict(v->sink->ctx, &rec);
	return 0;
}

static void deliver_settings(struct visit *v)
{
	struct mw_policy_settings settings;

	if (v->sink->settings != NULL && mw_policy_get_settings(v->t, &settings))
		v->sink->settings(v->sink->ctx, &settings);
}

int mw_policy_walk(struct mw_policy_txn *t, unsigned parts, const struct mw_policy_sink *sink)
{
	struct visit v = {.t = t, .sink = sink, .parts = parts};
	struct mw_span from = mw_span_of(NULL, 0);

	if ((parts & MW_POLICY_SETTINGS) != 0)
		deliver_settings(&v);
	if ((parts & MW_POLICY_CUSTOMERS) != 0 && sink->customer != NULL)
		mw_txn_each(&t->txn, t->policy->customer, from, visit_customer, &v);
	if ((parts & MW_POLICY_LINES) != 0 && sink->line != NULL)
		mw_txn_each(&t->txn, t->policy->line, from, visit_line, &v);
	if ((parts & MW_POLICY_VERDICTS) != 0 && sink->verdict != NULL)
		mw_txn_each(&t->txn, t->policy->verdict, from, visit_verdict, &v);
	return t->txn.error;
}

static void change_customer(struct visit *v, struct mw_span key)
{
	struct mw_customer_record rec;

	if (v->sink->customer != NULL && mw_policy_get_customer(v->t, mw_key32_value(key), &rec))
		v->sink->customer(v->sink->ctx, &rec);
}

static void change_line(struct visit *v, struct mw_span key)
{
	struct mw_line_key line;
	struct mw_line_record rec;

	if (!decoded(v->t, mw_line_key_decode(key, &line)))
		return;
	if (mw_policy_get_line(v->t, &line, &rec)) {
		if (v->sink->line != NULL)
			v->sink->line(v->sink->ctx, &rec);
	} else if (v->t->txn.error == 0 && v->sink->line_gone != NULL) {
		v->sink->line_gone(v->sink->ctx, &line);
	}
}

static void change_verdict(struct visit *v, struct mw_span key)
{
	uint32_t index = mw_key32_value(key);
	struct mw_verdict_record rec;

	if (mw_policy_get_verdict(v->t, index, &rec)) {
		if (v->sink->verdict != NULL)
			v->sink->verdict(v->sink->ctx, &rec);
	} else if (v->t->txn.error == 0 && v->sink->verdict_gone != NULL) {
		v->sink->verdict_gone(v->sink->ctx, index);
	}
}

/* One entry of the log. Unknown kinds are of a younger control plane: an error, not to be guessed.
 */
static int visit_change(void *ctx, struct mw_span generation, struct mw_span entry)
{
	struct visit *v = ctx;
	struct mw_span key;
	unsigned part = 0;

	if (entry.len == 0)
		return !decoded(v->t, -EBADMSG);
	key = mw_span_of(entry.data + 1, entry.len - 1);
	switch (entry.data[0]) {
	case MW_CHANGE_CUSTOMER:
		part = MW_POLICY_CUSTOMERS;
		if ((v->parts & part) != 0)
			change_customer(v, key);
		break;
	case MW_CHANGE_LINE:
		part = MW_POLICY_LINES;
		if ((v->parts & part) != 0)
			change_line(v, key);
		break;
	case MW_CHANGE_VERDICT:
		part = MW_POLICY_VERDICTS;
		if ((v->parts & part) != 0)
			change_verdict(v, key);
		break;
	case MW_CHANGE_SETTINGS:
		part = MW_POLICY_SETTINGS; /* delivered once, at the end */
		break;
	default:
		decoded(v->t, -EBADMSG);
		break;
	}
	v->changed |= part;
	return v->t->txn.error != 0;
}

int mw_policy_changes(struct mw_policy_txn *t, uint64_t since, unsigned parts,
	const struct mw_policy_sink *sink, unsigned *parts_changed)
{
	struct visit v = {.t = t, .sink = sink, .parts = parts};
	struct mw_key64 from = mw_key64_of(since + 1);

	if (parts_changed != NULL)
		*parts_changed = 0;
	if (t->txn.error != 0)
		return t->txn.error;
	/* Ahead of the environment: it was replaced by an older one (a restored backup). */
	if (since < t->changes_floor || since > t->generation)
		return -ESTALE;
	mw_txn_each(&t->txn, t->policy->change, MW_KEY_SPAN(from), visit_change, &v);
	if ((v.changed & parts & MW_POLICY_SETTINGS) != 0)
		deliver_settings(&v);
	if (parts_changed != NULL)
		*parts_changed = v.changed;
	return t->txn.error;
}
