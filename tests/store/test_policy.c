/* The policy environment: what was committed is what is read, in full and by change. */
#include "tests/store/support.h"

#include "common/store/policy.h"

static char error[256];

struct fixture {
	struct scratch dir;
	struct mw_env env;
	struct mw_policy policy;
};

static void open_policy(struct fixture *f, uint64_t map_bytes)
{
	assert_int_equal(mw_env_open(&f->env, f->dir.path, MW_POLICY_ENV, MW_ENV_WRITER, map_bytes,
				 MDB_NOSYNC, error, sizeof(error)),
		0);
	assert_int_equal(mw_policy_open(&f->policy, &f->env), 0);
}

static void setup(struct fixture *f)
{
	scratch_make(&f->dir);
	open_policy(f, 64 << 20);
}

static void teardown(struct fixture *f)
{
	mw_env_close(&f->env);
	scratch_remove(&f->dir);
}

static struct mw_customer_record customer(const char *id)
{
	struct mw_customer_record rec = {.inspection = MW_INSPECTION_CONTENT,
		.spam_threshold_milli = 2000,
		.class_name = "business"};

	snprintf(rec.id, sizeof(rec.id), "%s", id);
	return rec;
}

static struct mw_line_record line(const char *prefix, uint32_t index)
{
	struct mw_line_record rec = {.customer_index = index};

	assert_int_equal(mw_prefix_parse(prefix, &rec.key.prefix), 0);
	return rec;
}

static struct mw_verdict_record verdict(uint32_t index, enum mw_verdict v)
{
	return (struct mw_verdict_record){.customer_index = index, .verdict = v, .reply = "no"};
}

/* What a sink was told, as one text. */
struct heard {
	char text[4096];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void hear(struct heard *h, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	h->len += (size_t)vsnprintf(h->text + h->len, sizeof(h->text) - h->len, format, args);
	va_end(args);
	assert_true(h->len < sizeof(h->text));
}

static void hear_settings(void *ctx, const struct mw_policy_settings *rec)
{
	hear(ctx, "settings %u;", rec->hold_max_ms);
}

static void hear_customer(void *ctx, const struct mw_customer_record *rec)
{
	hear(ctx, "customer %u %s;", rec->index, rec->id);
}

static void hear_line(void *ctx, const struct mw_line_record *rec)
{
	char text[MW_PREFIX_TEXT_MAX];

	hear(ctx, "line %s %u;", mw_prefix_format(&rec->key.prefix, text), rec->customer_index);
}

static void hear_line_gone(void *ctx, const struct mw_line_key *key)
{
	char text[MW_PREFIX_TEXT_MAX];

	hear(ctx, "line_gone %s;", mw_prefix_format(&key->prefix, text));
}

static void hear_verdict(void *ctx, const struct mw_verdict_record *rec)
{
	hear(ctx, "verdict %u %s;", rec->customer_index, mw_verdict_name(rec->verdict));
}

static void hear_verdict_gone(void *ctx, uint32_t index)
{
	hear(ctx, "verdict_gone %u;", index);
}

static struct mw_policy_sink sink_of(struct heard *h)
{
	*h = (struct heard){.text = ""};
	return (struct mw_policy_sink){.ctx = h,
		.settings = hear_settings,
		.customer = hear_customer,
		.line = hear_line,
		.line_gone = hear_line_gone,
		.verdict = hear_verdict,
		.verdict_gone = hear_verdict_gone};
}

enum { ALL = MW_POLICY_SETTINGS | MW_POLICY_CUSTOMERS | MW_POLICY_LINES | MW_POLICY_VERDICTS };

static void write_first(struct fixture *f)
{
	struct mw_customer_record a = customer("A");
	struct mw_customer_record b = customer("B");
	struct mw_line_record l1 = line("10.0.0.0/8", 0);
	struct mw_line_record l2 = line("10.1.0.0/16", 1);
	struct mw_verdict_record v = verdict(1, MW_VERDICT_REJECT);
	struct mw_policy_settings s = {.hold_max_ms = 8000};
	struct mw_policy_txn t;

	assert_int_equal(mw_policy_begin_write(&f->policy, &t), 0);
	mw_policy_put_customer(&t, &a);
	mw_policy_put_customer(&t, &b);
	assert_int_equal(b.index, 1);
	mw_policy_put_line(&t, &l2);
	mw_policy_put_line(&t, &l1);
	assert_int_equal(mw_policy_put_verdict(&t, &v), 5);
	assert_int_equal(v.generation, 5);
	mw_policy_put_settings(&t, &s);
	mw_policy_set_cursor(&t, 77);
	assert_int_equal(mw_policy_commit(&t), 0);
}

static void test_walk_and_changes(void **state)
{
	struct fixture f;
	struct heard h;
	struct mw_policy_sink sink = sink_of(&h);
	struct mw_policy_txn t;
	struct mw_customer_record b = customer("B");
	struct mw_line_record l2 = line("10.1.0.0/16", 1);
	struct mw_verdict_record v = verdict(0, MW_VERDICT_DIVERT);
	unsigned parts;

	setup(&f);
	write_first(&f);
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_int_equal(t.generation, 6);
	assert_int_equal(mw_policy_cursor(&t), 77);
	assert_int_equal(mw_policy_walk(&t, ALL, &sink), 0);
	assert_string_equal(h.text, "settings 8000;customer 0 A;customer 1 B;line 10.0.0.0/8 0;"
				    "line 10.1.0.0/16 1;verdict 1 reject;");
	assert_int_equal(mw_policy_changes(&t, 6, ALL, &sink, &parts), 0);
	assert_int_equal(parts, 0);
	mw_policy_end(&t);

	assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
	mw_policy_put_customer(&t, &b); /* as it was: no change */
	assert_int_equal(b.index, 1);
	mw_policy_put_verdict(&t, &v);
	assert_true(mw_policy_clear_verdict(&t, 1));
	assert_false(mw_policy_clear_verdict(&t, 1));
	assert_true(mw_policy_del_line(&t, &l2.key));
	mw_policy_set_cursor(&t, 5); /* never back */
	assert_int_equal(mw_policy_commit(&t), 0);

	sink = sink_of(&h);
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_int_equal(t.generation, 9);
	assert_int_equal(mw_policy_cursor(&t), 77);
	assert_int_equal(mw_policy_changes(&t, 6, ALL, &sink, &parts), 0);
	assert_int_equal(parts, MW_POLICY_VERDICTS | MW_POLICY_LINES);
	assert_string_equal(h.text, "verdict 0 divert;verdict_gone 1;line_gone 10.1.0.0/16;");
	/* a reader ahead of the environment is told, too */
	assert_int_equal(mw_policy_changes(&t, 10, ALL, &sink, &parts), -ESTALE);
	sink = sink_of(&h);
	assert_int_equal(mw_policy_changes(&t, 0, MW_POLICY_VERDICTS, &sink, &parts), 0);
	assert_int_equal(parts, ALL);
	assert_string_equal(h.text, "verdict_gone 1;verdict 0 divert;verdict_gone 1;");
	mw_policy_end(&t);
	teardown(&f);
}

static void test_lookups(void **state)
{
	struct fixture f;
	struct mw_policy_txn t;
	struct mw_customer_record c;
	struct mw_line_record l;
	struct mw_verdict_record v;
	struct mw_policy_settings s;
	struct mw_ip ip;

	setup(&f);
	write_first(&f);
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_true(mw_policy_find_customer(&t, "B", &c));
	assert_int_equal(c.index, 1);
	assert_false(mw_policy_find_customer(&t, "C", &c));
	assert_false(mw_policy_find_customer(&t, "", &c));
	assert_false(mw_policy_get_customer(&t, 2, &c));
	mw_ip_parse("10.1.2.3", &ip);
	assert_true(mw_policy_find_address(&t, &ip, &l));
	assert_int_equal(l.customer_index, 1);
	mw_ip_parse("10.2.2.3", &ip);
	assert_true(mw_policy_find_address(&t, &ip, &l));
	assert_int_equal(l.customer_index, 0);
	mw_ip_parse("11.2.2.3", &ip);
	assert_false(mw_policy_find_address(&t, &ip, &l));
	assert_true(mw_policy_get_verdict(&t, 1, &v));
	assert_int_equal(v.verdict, MW_VERDICT_REJECT);
	assert_false(mw_policy_get_verdict(&t, 0, &v));
	assert_true(mw_policy_get_settings(&t, &s));
	assert_int_equal(t.txn.error, 0);
	mw_policy_end(&t);
	teardown(&f);
}

static void test_invalid_is_refused_whole(void **state)
{
	struct fixture f;
	struct mw_policy_txn t;
	struct mw_customer_record c = customer("C");
	struct mw_customer_record nameless = customer("");
	struct mw_line_record stray = line("192.0.2.0/24", 9);
	struct mw_verdict_record v = verdict(9, MW_VERDICT_REJECT);

	setup(&f);
	write_first(&f);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
		mw_policy_put_customer(&t, &c);
		if (i == 0)
			mw_policy_put_customer(&t, &nameless);
		else if (i == 1)
			mw_policy_put_line(&t, &stray);
		else
			assert_int_equal(mw_policy_put_verdict(&t, &v), 0);
		assert_int_equal(mw_policy_commit(&t), -EINVAL);
		assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
		assert_int_equal(t.generation, 6);
		assert_int_equal(mw_policy_customer_count(&t), 2);
		assert_false(mw_policy_find_customer(&t, "C", &c));
		mw_policy_end(&t);
	}
	teardown(&f);
}

/* Behind the trim: told so. One transaction larger than the log: the log is dropped as a whole. */
static void test_trim(void **state)
{
	struct fixture f;
	struct heard h;
	struct mw_policy_sink sink = sink_of(&h);
	struct mw_policy_txn t;
	struct mw_verdict_record v;
	unsigned parts;

	setup(&f);
	write_first(&f); /* generations 1..6 */
	for (unsigned n = 0; n < MW_POLICY_CHANGES_MAX + 10; n += 1000) {
		assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
		for (unsigned i = 0; i < 1000; i++) {
			v = verdict(i % 2, MW_VERDICT_RESET);
			mw_policy_put_verdict(&t, &v);
		}
		assert_int_equal(mw_policy_commit(&t), 0);
	}
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_int_equal(mw_txn_count(&t.txn, f.policy.change), MW_POLICY_CHANGES_MAX);
	assert_int_equal(t.changes_floor, t.generation - MW_POLICY_CHANGES_MAX);
	assert_int_equal(mw_policy_changes(&t, 6, ALL, &sink, &parts), -ESTALE);
	assert_int_equal(mw_policy_changes(&t, t.changes_floor - 1, ALL, &sink, &parts), -ESTALE);
	assert_int_equal(mw_policy_changes(&t, t.generation - 2, ALL, &sink, &parts), 0);
	assert_string_equal(h.text, "verdict 0 reset;verdict 1 reset;");
	mw_policy_end(&t);

	assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
	for (unsigned i = 0; i < MW_POLICY_CHANGES_MAX + 5; i++) {
		v = verdict(0, MW_VERDICT_DROP);
		mw_policy_put_verdict(&t, &v);
	}
	assert_int_equal(mw_policy_commit(&t), 0);
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_int_equal(mw_txn_count(&t.txn, f.policy.change), 0);
	assert_int_equal(mw_policy_changes(&t, t.generation - 1, ALL, &sink, &parts), -ESTALE);
	assert_int_equal(mw_policy_changes(&t, t.generation, ALL, &sink, &parts), 0);
	mw_policy_end(&t);
	assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
	assert_true(mw_policy_clear_verdict(&t, 1));
	assert_int_equal(mw_policy_commit(&t), 0);
	sink = sink_of(&h);
	assert_int_equal(mw_policy_begin_read(&f.policy, &t), 0);
	assert_int_equal(mw_policy_changes(&t, t.generation - 1, ALL, &sink, &parts), 0);
	assert_string_equal(h.text, "verdict_gone 1;");
	mw_policy_end(&t);
	teardown(&f);
}

/* A full map refuses the change cleanly, and takes it after growing. */
static void test_full(void **state)
{
	struct fixture f;
	struct mw_policy_txn t;
	uint32_t stored = 0;
	char id[32];

	scratch_make(&f.dir);
	open_policy(&f, 256 << 10);
	for (;;) {
		struct mw_customer_record c;

		snprintf(id, sizeof(id), "customer-%u", stored);
		c = customer(id);
		assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
		mw_policy_put_customer(&t, &c);
		if (mw_policy_commit(&t) != 0)
			break;
		stored++;
	}
	assert_int_equal(t.txn.error, -ENOSPC);
	mw_env_close(&f.env);
	open_policy(&f, 4 << 20);
	assert_int_equal(mw_policy_begin_write(&f.policy, &t), 0);
	assert_int_equal(t.customers, stored);
	for (uint32_t i = 0; i < stored; i++) {
		struct mw_customer_record c;

		assert_true(mw_policy_get_customer(&t, i, &c));
		snprintf(id, sizeof(id), "customer-%u", i);
		assert_string_equal(c.id, id);
	}
	assert_int_equal(mw_policy_commit(&t), 0);
	teardown(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk_and_changes),
		cmocka_unit_test(test_lookups),
		cmocka_unit_test(test_invalid_is_refused_whole),
		cmocka_unit_test(test_trim),
		cmocka_unit_test(test_full),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
