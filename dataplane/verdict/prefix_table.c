/*
 * Building goes over the lines once, in their order, with a stack of the prefixes that are open:
 * when one begins, an interval of its customer begins; when it ends, the one around it goes on.
 * IPv4 is the part of the address space inside ::ffff:0:0/96 and has arrays of its own.
 */
#include "dataplane/verdict/prefix_table.h"

#include <errno.h>

#define V4_TOP 65537u

static size_t align16(size_t n)
{
	return (n + 15) & ~(size_t)15;
}

/* Each prefix makes at most two intervals: its own, and what goes on behind it. */
static size_t intervals_max(uint32_t lines)
{
	return 2 * (size_t)lines + 1;
}

size_t mw_prefix_table_bytes(uint32_t lines)
{
	/* Any part of the lines may be of any kind; the largest element is an IPv6 interval. */
	size_t n = intervals_max(lines) + 1;

	return n * (sizeof(struct mw_ip) + sizeof(uint32_t)) + V4_TOP * sizeof(uint32_t) +
	       7 * (size_t)16; /* seven arrays, each aligned */
}

int mw_line_key_compare(const struct mw_line_key *a, const struct mw_line_key *b)
{
	int order;

	if (a->is_vlan != b->is_vlan)
		return a->is_vlan ? 1 : -1;
	if (a->is_vlan) {
		uint32_t va = (uint32_t)a->vlan_outer << 16 | a->vlan_inner;
		uint32_t vb = (uint32_t)b->vlan_outer << 16 | b->vlan_inner;

		return va < vb ? -1 : va > vb;
	}
	order = memcmp(a->prefix.net.octet, b->prefix.net.octet, 16);
	if (order == 0)
		order = (int)a->prefix.len - (int)b->prefix.len;
	return order < 0 ? -1 : order > 0;
}

static bool is_v4(const struct mw_prefix *p)
{
	return p->len >= 96 && mw_ip_is_v4(&p->net);
}

static uint32_t v4_of(const struct mw_ip *ip)
{
	return (uint32_t)ip->octet[12] << 24 | (uint32_t)ip->octet[13] << 16 |
	       (uint32_t)ip->octet[14] << 8 | ip->octet[15];
}

static bool key_valid(const struct mw_line_key *key)
{
	uint8_t buf[MW_LINE_KEY_MAX];

	return mw_line_key_encode(key, buf, sizeof(buf)) > 0;
}

/* The first address behind a prefix; false when there is none, it reaches to the end of all. */
static bool next_after(const struct mw_prefix *p, struct mw_ip *out)
{
	int i = (p->len + 7) / 8 - 1;
	unsigned step = 1u << ((8 - p->len % 8) % 8);

	*out = p->net;
	for (; i >= 0; i--) {
		unsigned sum = out->octet[i] + step;

		out->octet[i] = (uint8_t)sum;
		if (sum < 256)
			return true;
		step = 1;
	}
	return false;
}

/* The intervals of one family being made. Either v4 or v6 is used. */
struct intervals {
	uint32_t *v4;
	struct mw_ip *v6;
	uint32_t *customer;
	uint32_t count;
	uint32_t depth;
	struct open {
		struct mw_ip end; /* first address behind; valid when has_end */
		bool has_end;
		uint32_t customer;
	} open[130];
};

/* From `start` on it is `customer`. A second change at the same address replaces the first. */
static void change_at(struct intervals *t, const struct mw_ip *start, uint32_t customer)
{
	bool same = t->count > 0 && (t->v4 != NULL ? t->v4[t->count - 1] == v4_of(start)
						   : mw_ip_eq(&t->v6[t->count - 1], start));

	if (same)
		t->count--;
	else if (t->count > 0 && t->customer[t->count - 1] == customer)
		return;
	if (same && t->count > 0 && t->customer[t->count - 1] == customer)
		return;
	if (t->v4 != NULL)
		t->v4[t->count] = v4_of(start);
	else
		t->v6[t->count] = *start;
	t->customer[t->count++] = customer;
}

/* Ends the prefixes that do not reach `at` (NULL: all that end at all). */
static void close_until(struct intervals *t, const struct mw_ip *at)
{
	while (t->depth > 1) {
		const struct open *top = &t->open[t->depth - 1];

		if (!top->has_end)
			return; /* reaches to the end of all addresses, as do those around it */
		if (at != NULL && memcmp(top->end.octet, at->octet, 16) > 0)
			return;
		change_at(t, &top->end, t->open[t->depth - 2].customer);
		t->depth--;
	}
}

static void intervals_begin(struct intervals *t)
{
	static const struct mw_ip zero;

	t->count = 0;
	t->depth = 1;
	t->open[0] = (struct open){.customer = MW_NO_CUSTOMER};
	change_at(t, &zero, MW_NO_CUSTOMER);
}

static void intervals_add(struct intervals *t, const struct mw_line_record *line)
{
	struct open *top;

	close_until(t, &line->key.prefix.net);
	top = &t->open[t->depth++];
	top->has_end = next_after(&line->key.prefix, &top->end);
	if (t->v4 != NULL && top->has_end && !mw_ip_is_v4(&top->end))
		top->has_end = false; /* ends where IPv4 ends */
	top->customer = line->customer_index;
	change_at(t, &line->key.prefix.net, top->customer);
}

/* Where the interval that holds the first address of each /16 lies. */
static void fill_top(uint32_t *top, const uint32_t *start, uint32_t count)
{
	uint32_t at = 0;

	for (uint32_t slot = 0; slot < V4_TOP - 1; slot++) {
		while (at + 1 < count && start[at + 1] <= slot << 16)
			at++;
		top[slot] = at;
	}
	top[V4_TOP - 1] = count - 1;
}

static void *carve(uint8_t **at, size_t octets)
{
	void *p = *at;

	*at += align16(octets);
	return p;
}

struct counts {
	uint32_t v4, v6, vlan;
};

static int check(const struct mw_line_record *lines, uint32_t count, struct counts *n)
{
	*n = (struct counts){0};
	for (uint32_t i = 0; i < count; i++) {
		const struct mw_line_key *key = &lines[i].key;

		if (!key_valid(key) || lines[i].customer_index == MW_NO_CUSTOMER)
			return -EINVAL;
		if (i > 0 && mw_line_key_compare(&lines[i - 1].key, key) >= 0)
			return -EINVAL;
		if (key->is_vlan)
			n->vlan++;
		else if (is_v4(&key->prefix))
			n->v4++;
		else
			n->v6++;
	}
	return 0;
}

void mw_prefix_table_empty(struct mw_prefix_table *table)
{
	*table = (struct mw_prefix_table){0};
}

static void build_family(
	struct intervals *t, bool v4, const struct mw_line_record *lines, uint32_t count)
{
	intervals_begin(t);
	for (uint32_t i = 0; i < count && !lines[i].key.is_vlan; i++)
		if (is_v4(&lines[i].key.prefix) == v4)
			intervals_add(t, &lines[i]);
	close_until(t, NULL);
}

int mw_prefix_table_build(struct mw_prefix_table *table, void *memory, size_t size,
	const struct mw_line_record *lines, uint32_t count)
{
	uint8_t *at = memory;
	struct intervals t;
	struct counts n;
	int err = check(lines, count, &n);

	mw_prefix_table_empty(table);
	if (err != 0)
		return err;
	if (size < mw_prefix_table_bytes(count))
		return -ENOSPC;
	if (n.v4 > 0) {
		uint32_t *top = carve(&at, V4_TOP * sizeof(*top));

		t.v6 = NULL;
		t.v4 = carve(&at, intervals_max(n.v4) * sizeof(*t.v4));
		t.customer = carve(&at, intervals_max(n.v4) * sizeof(*t.customer));
		build_family(&t, true, lines, count);
		fill_top(top, t.v4, t.count);
		table->v4_top = top;
		table->v4_start = t.v4;
		table->v4_customer = t.customer;
		table->v4_count = t.count;
	}
	if (n.v6 > 0) {
		t.v4 = NULL;
		t.v6 = carve(&at, intervals_max(n.v6) * sizeof(*t.v6));
		t.customer = carve(&at, intervals_max(n.v6) * sizeof(*t.customer));
		build_family(&t, false, lines, count);
		table->v6_start = t.v6;
		table->v6_customer = t.customer;
		table->v6_count = t.count;
	}
	if (n.vlan > 0) {
		uint32_t *vlan = carve(&at, n.vlan * sizeof(*vlan));
		uint32_t *customer = carve(&at, n.vlan * sizeof(*customer));

		for (uint32_t i = 0; i < n.vlan; i++) {
			const struct mw_line_record *line = &lines[count - n.vlan + i];

			vlan[i] = (uint32_t)line->key.vlan_outer << 16 | line->key.vlan_inner;
			customer[i] = line->customer_index;
		}
		table->vlan = vlan;
		table->vlan_customer = customer;
		table->vlan_count = n.vlan;
	}
	return 0;
}

/* The last of start[lo..hi] that is not above `v`; start[lo] is not. */
static uint32_t last_not_above(const uint32_t *start, uint32_t lo, uint32_t hi, uint32_t v)
{
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo + 1) / 2;

		if (start[mid] <= v)
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

/* Eight octets as the number they are on the wire: two comparisons instead of sixteen. */
static uint64_t be64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(v) : v;
}

/* The last of the intervals that does not begin above the address; the first does not. */
static uint32_t v6_interval(const struct mw_prefix_table *table, const struct mw_ip *ip)
{
	uint64_t high = be64(ip->octet);
	uint64_t low = be64(ip->octet + 8);
	uint32_t lo = 0;
	uint32_t hi = table->v6_count - 1;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo + 1) / 2;
		uint64_t h = be64(table->v6_start[mid].octet);

		if (h < high || (h == high && be64(table->v6_start[mid].octet + 8) <= low))
			lo = mid;
		else
			hi = mid - 1;
	}
	return lo;
}

uint32_t mw_prefix_table_address(const struct mw_prefix_table *table, const struct mw_ip *ip)
{
	if (mw_ip_is_v4(ip)) {
		uint32_t v = v4_of(ip);
		uint32_t lo;
		uint32_t hi;

		if (table->v4_count == 0)
			return MW_NO_CUSTOMER;
		lo = table->v4_top[v >> 16];
		hi = table->v4_top[(v >> 16) + 1];
		return table->v4_customer[last_not_above(table->v4_start, lo, hi, v)];
	}
	if (table->v6_count == 0)
		return MW_NO_CUSTOMER;
	return table->v6_customer[v6_interval(table, ip)];
}

uint32_t mw_prefix_table_vlan(const struct mw_prefix_table *table, uint16_t outer, uint16_t inner)
{
	uint32_t key = (uint32_t)outer << 16 | inner;
	uint32_t i;

	if (table->vlan_count == 0 || table->vlan[0] > key)
		return MW_NO_CUSTOMER;
	i = last_not_above(table->vlan, 0, table->vlan_count - 1, key);
	return table->vlan[i] == key ? table->vlan_customer[i] : MW_NO_CUSTOMER;
}
