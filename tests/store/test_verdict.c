/* Longest-prefix match against a slow model, and the snapshot that is made of it. */
#include "tests/store/support.h"

#include "dataplane/verdict/snapshot.h"

/* The model: every line is looked at. */
static uint32_t model(const struct mw_line_record *lines, uint32_t count, const struct mw_ip *ip)
{
	uint32_t best = MW_NO_CUSTOMER;
	int best_len = -1;

	for (uint32_t i = 0; i < count; i++) {
		const struct mw_prefix *p = &lines[i].key.prefix;

		if (lines[i].key.is_vlan || p->len <= best_len)
			continue;
		if (mw_ip_is_v4(ip) && p->len < 96)
			continue;
		if (mw_prefix_contains(p, ip)) {
			best = lines[i].customer_index;
			best_len = p->len;
		}
	}
	return best;
}

static int compare(const void *a, const void *b)
{
	const struct mw_line_record *la = a;
	const struct mw_line_record *lb = b;

	return mw_line_key_compare(&la->key, &lb->key);
}

static void cut(struct mw_prefix *p)
{
	for (int i = 0; i < 128; i++)
		if (i >= p->len)
			p->net.octet[i / 8] &= (uint8_t) ~(0x80 >> (i % 8));
}

/* Addresses from a small world, so that prefixes nest, touch and meet. */
static struct mw_ip small_address(struct rng *rng, bool v4)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xfe, 0xff};
	struct mw_ip ip = {{0}};

	if (v4)
		ip = mw_ip_from_v4(ip.octet);
	for (int i = v4 ? 12 : 0; i < 16; i++)
		ip.octet[i] = bytes[rng_below(rng, sizeof(bytes))];
	if (!v4 && rng_below(rng, 4) == 0)
		memset(ip.octet, rng_below(rng, 2) == 0 ? 0 : 0xff, 10 + rng_below(rng, 6));
	return ip;
}

static uint32_t unique(struct mw_line_record *lines, uint32_t count)
{
	uint32_t kept = 0;

	qsort(lines, count, sizeof(*lines), compare);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || mw_line_key_compare(&lines[kept - 1].key, &lines[i].key) != 0)
			lines[kept++] = lines[i];
	return kept;
}

static uint32_t random_lines(struct rng *rng, struct mw_line_record *lines, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++) {
		bool v4 = rng_below(rng, 2) == 0;

		lines[i] = (struct mw_line_record){.customer_index = rng_below(rng, 5)};
		lines[i].key.prefix.net = small_address(rng, v4);
		lines[i].key.prefix.len =
			(uint8_t)(v4 ? 96 + rng_below(rng, 33) : rng_below(rng, 129));
		cut(&lines[i].key.prefix);
	}
	return unique(lines, count);
}

static void check_address(const struct mw_prefix_table *t, const struct mw_line_record *lines,
	uint32_t count, const struct mw_ip *ip)
{
	uint32_t want = model(lines, count, ip);
	uint32_t got = mw_prefix_table_address(t, ip);

	if (want != got) {
		char text[MW_IP_TEXT_MAX];

		print_message("%s: want %u, got %u\n", mw_ip_format(ip, text), want, got);
		for (uint32_t i = 0; i < count; i++) {
			char prefix[MW_PREFIX_TEXT_MAX];

			print_message("  %s %u\n", mw_prefix_format(&lines[i].key.prefix, prefix),
				lines[i].customer_index);
		}
	}
	assert_int_equal(want, got);
}

/* The address itself, the one before and the one behind. */
static void check_around(const struct mw_prefix_table *t, const struct mw_line_record *lines,
	uint32_t count, struct mw_ip ip)
{
	struct mw_ip up = ip;
	struct mw_ip down = ip;

	check_address(t, lines, count, &ip);
	for (int i = 15; i >= 0 && ++up.octet[i] == 0; i--)
		;
	for (int i = 15; i >= 0 && down.octet[i]-- == 0; i--)
		;
	check_address(t, lines, count, &up);
	check_address(t, lines, count, &down);
}

static void test_against_model(void **state)
{
	struct rng rng = rng_seeded("prefixes");
	struct mw_line_record lines[64];
	struct mw_prefix_table t;

	for (int round = 0; round < 3000; round++) {
		uint32_t count = random_lines(&rng, lines, rng_below(&rng, 64));
		size_t size = mw_prefix_table_bytes(count);
		void *memory = aligned_alloc(16, (size + 15) & ~(size_t)15);

		assert_int_equal(mw_prefix_table_build(&t, memory, size, lines, count), 0);
		for (uint32_t i = 0; i < count; i++) {
			struct mw_ip last = lines[i].key.prefix.net;

			check_around(&t, lines, count, last);
			for (int bit = lines[i].key.prefix.len; bit < 128; bit++)
				last.octet[bit / 8] |= (uint8_t)(0x80 >> (bit % 8));
			check_around(&t, lines, count, last);
		}
		for (int i = 0; i < 50; i++) {
			struct mw_ip ip = small_address(&rng, rng_below(&rng, 2) == 0);

			check_around(&t, lines, count, ip);
		}
		free(memory);
	}
}

static struct mw_line_record line(const char *prefix, uint32_t index)
{
	struct mw_line_record rec = {.customer_index = index};

	assert_int_equal(mw_prefix_parse(prefix, &rec.key.prefix), 0);
	return rec;
}

static struct mw_line_record vlan(uint16_t outer, uint16_t inner, uint32_t index)
{
	return (struct mw_line_record){
		.key = {.is_vlan = true, .vlan_outer = outer, .vlan_inner = inner},
		.customer_index = index};
}

static void test_refusals(void **state)
{
	struct mw_line_record lines[2] = {line("10.0.0.0/8", 0), line("9.0.0.0/8", 0)};
	_Alignas(16) static uint8_t memory[1 << 19];
	struct mw_prefix_table t;
	struct mw_ip ip;

	assert_int_equal(mw_prefix_table_build(&t, memory, sizeof(memory), lines, 2), -EINVAL);
	lines[1] = lines[0];
	assert_int_equal(mw_prefix_table_build(&t, memory, sizeof(memory), lines, 2), -EINVAL);
	lines[1] = vlan(4095, 0, 0);
	assert_int_equal(mw_prefix_table_build(&t, memory, sizeof(memory), lines, 2), -EINVAL);
	lines[1] = vlan(100, 0, 0);
	assert_int_equal(
		mw_prefix_table_build(&t, memory, mw_prefix_table_bytes(2) - 1, lines, 2), -ENOSPC);
	lines[0].key.prefix.net.octet[15] = 1;
	assert_int_equal(mw_prefix_table_build(&t, memory, sizeof(memory), lines, 2), -EINVAL);
	/* no lines: no memory, nobody */
	assert_int_equal(mw_prefix_table_build(&t, memory, sizeof(memory), lines, 0), 0);
	mw_ip_parse("10.0.0.1", &ip);
	assert_int_equal(mw_prefix_table_address(&t, &ip), MW_NO_CUSTOMER);
	mw_ip_parse("2001:db8::1", &ip);
	assert_int_equal(mw_prefix_table_address(&t, &ip), MW_NO_CUSTOMER);
	assert_int_equal(mw_prefix_table_vlan(&t, 100, 0), MW_NO_CUSTOMER);
}

static void test_snapshot(void **state)
{
	struct mw_customer_record customers[3] = {
		{.index = 0, .id = "A", .inspection = MW_INSPECTION_CONTENT, .shared = true},
		{.index = 1,
			.id = "B",
			.inspection = MW_INSPECTION_METADATA,
			.spam_threshold_milli = 1500},
		{.index = 2, .id = "C"}};
	struct mw_line_record lines[] = {line("10.0.0.0/8", 0), line("10.1.0.0/16", 1),
		line("2001:db8::/32", 2), vlan(100, 0, 0), vlan(100, 7, 2)};
	struct mw_verdict_record verdicts[] = {{.customer_index = 1,
		.verdict = MW_VERDICT_REJECT,
		.expires_s = 1000,
		.generation = 4,
		.reply = "ticket MW-2026-000123"}};
	struct mw_policy_settings settings;
	struct mw_snapshot_input in = {.settings = &settings,
		.customers = customers,
		.customer_count = 3,
		.lines = lines,
		.line_count = 5,
		.verdicts = verdicts,
		.verdict_count = 1,
		.generation = 9};
	const struct mw_snapshot *snap;
	const struct mw_verdict_entry *v;
	void *memory;
	struct mw_ip ip;

	mw_policy_settings_default(&settings);
	memory = aligned_alloc(64, mw_snapshot_bytes(&in));
	assert_int_equal(
		mw_snapshot_build(&in, memory, mw_snapshot_bytes(&in) - 1, &snap), -ENOSPC);
	assert_int_equal(mw_snapshot_build(&in, memory, mw_snapshot_bytes(&in), &snap), 0);
	mw_ip_parse("10.1.2.3", &ip);
	assert_int_equal(mw_snapshot_customer(snap, &ip, 100, 7), 1); /* the prefix comes first */
	mw_ip_parse("11.1.2.3", &ip);
	assert_int_equal(mw_snapshot_customer(snap, &ip, 100, 7), 2);
	assert_int_equal(mw_snapshot_customer(snap, &ip, 100, 0), 0);
	assert_int_equal(mw_snapshot_customer(snap, &ip, 100, 8), MW_NO_CUSTOMER);
	assert_int_equal(mw_snapshot_customer(snap, &ip, 0, 0), MW_NO_CUSTOMER);
	v = mw_snapshot_verdict(snap, 1);
	assert_int_equal(mw_verdict_entry_at(v, 999), MW_VERDICT_REJECT);
	assert_int_equal(mw_verdict_entry_at(v, 1000), MW_VERDICT_PASS);
	assert_string_equal(v->reply, "ticket MW-2026-000123");
	v = mw_snapshot_verdict(snap, 0);
	assert_int_equal(v->verdict, MW_VERDICT_PASS);
	assert_string_equal(v->reply, "");
	assert_int_equal(mw_snapshot_verdict(snap, MW_NO_CUSTOMER)->verdict, MW_VERDICT_PASS);
	assert_int_equal(mw_snapshot_verdict(snap, 500000)->verdict, MW_VERDICT_PASS);
	assert_true(mw_snapshot_customer_entry(snap, 0)->shared);
	assert_int_equal(mw_snapshot_customer_entry(snap, 1)->spam_threshold_milli, 1500);
	assert_false(mw_snapshot_customer_entry(snap, 3)->known);
	assert_false(mw_snapshot_customer_entry(snap, MW_NO_CUSTOMER)->known);
	assert_true(mw_snapshot_smtp_port(snap, 25));
	assert_false(mw_snapshot_smtp_port(snap, 587));
	/* contradictions */
	customers[1].index = 0;
	assert_int_equal(mw_snapshot_build(&in, memory, mw_snapshot_bytes(&in), &snap), -EINVAL);
	customers[1].index = 1;
	lines[0].customer_index = 3;
	assert_int_equal(mw_snapshot_build(&in, memory, mw_snapshot_bytes(&in), &snap), -EINVAL);
	free(memory);
}

static void test_million(void **state)
{
	enum { N = 1000000, LOOKUPS = 1000000 };
	struct rng rng = rng_seeded("a million prefixes");
	struct mw_line_record *lines = calloc(N, sizeof(*lines));
	struct mw_ip *ips = calloc(LOOKUPS, sizeof(*ips));
	struct mw_prefix_table t;
	size_t size;
	void *memory;
	uint32_t count;
	uint64_t start;
	uint64_t sum = 0;

	for (uint32_t i = 0; i < N; i++) {
		struct mw_prefix *p = &lines[i].key.prefix;
		uint64_t r = rng_next(&rng);

		lines[i].customer_index = i;
		if (i % 2 == 0) {
			memcpy(p->net.octet, &r, 4);
			p->net = mw_ip_from_v4(p->net.octet);
			p->len = (uint8_t)(96 + 20 + rng_below(&rng, 13));
		} else {
			p->net = (struct mw_ip){{0x20, 0x01}};
			memcpy(p->net.octet + 2, &r, 6);
			p->len = (uint8_t)(48 + rng_below(&rng, 17));
		}
		cut(p);
	}
	count = unique(lines, N);
	size = mw_prefix_table_bytes(count);
	memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
	start = clock_ns();
	assert_int_equal(mw_prefix_table_build(&t, memory, size, lines, count), 0);
	print_message("%u prefixes: built in %.0f ms, %.1f MB\n", count,
		(double)(clock_ns() - start) / 1e6, (double)size / 1e6);
	for (uint32_t i = 0; i < LOOKUPS; i++) {
		ips[i] = lines[rng_below(&rng, count)].key.prefix.net;
		ips[i].octet[15] = (uint8_t)rng_next(&rng);
	}
	start = clock_ns();
	for (uint32_t i = 0; i < LOOKUPS; i++)
		sum += mw_prefix_table_address(&t, &ips[i]);
	print_message("a lookup: %.0f ns\n", (double)(clock_ns() - start) / LOOKUPS);
	assert_true(sum > 0);
	for (uint32_t i = 0; i < 20; i++)
		check_address(&t, lines, count, &ips[i]);
	free(memory);
	free(lines);
	free(ips);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_model),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_snapshot),
		cmocka_unit_test(test_million),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
