#include "dataplane/verdict/snapshot.h"

#include <errno.h>

static const struct mw_verdict_entry pass = {.reply = "", .verdict = MW_VERDICT_PASS};
static const struct mw_customer_entry nobody = {.inspection = MW_INSPECTION_NONE};

const struct mw_verdict_entry *mw_snapshot_verdict(
	const struct mw_snapshot *snap, uint32_t customer)
{
	uint32_t page = customer / MW_PAGE_CUSTOMERS;

	if (customer == MW_NO_CUSTOMER || page >= snap->page_count ||
		snap->verdict_page[page] == NULL)
		return &pass;
	return &snap->verdict_page[page]->entry[customer % MW_PAGE_CUSTOMERS];
}

enum mw_verdict mw_verdict_entry_at(const struct mw_verdict_entry *entry, uint64_t now_s)
{
	bool expired = entry->expires_s != 0 && entry->expires_s <= now_s;

	return expired ? MW_VERDICT_PASS : entry->verdict;
}

const struct mw_customer_entry *mw_snapshot_customer_entry(
	const struct mw_snapshot *snap, uint32_t customer)
{
	uint32_t page = customer / MW_PAGE_CUSTOMERS;

	if (customer == MW_NO_CUSTOMER || page >= snap->page_count ||
		snap->customer_page[page] == NULL)
		return &nobody;
	return &snap->customer_page[page]->entry[customer % MW_PAGE_CUSTOMERS];
}

uint32_t mw_snapshot_customer(const struct mw_snapshot *snap, const struct mw_ip *ip,
	uint16_t vlan_outer, uint16_t vlan_inner)
{
	uint32_t customer = mw_prefix_table_address(snap->prefixes, ip);

	if (customer == MW_NO_CUSTOMER && vlan_outer != 0)
		customer = mw_prefix_table_vlan(snap->prefixes, vlan_outer, vlan_inner);
	return customer;
}

bool mw_snapshot_smtp_port(const struct mw_snapshot *snap, uint16_t port)
{
	for (unsigned i = 0; i < snap->settings.smtp_port_count; i++)
		if (snap->settings.smtp_ports[i] == port)
			return true;
	return false;
}

void mw_customer_entry_set(struct mw_customer_entry *entry, const struct mw_customer_record *rec)
{
	*entry = (struct mw_customer_entry){.owner = rec->is_line ? rec->owner : rec->index,
		.spam_threshold_milli = rec->spam_threshold_milli,
		.rate = rec->rate,
		.inspection = (uint8_t)rec->inspection,
		.class_verdict = (uint8_t)rec->class_verdict,
		.shared = rec->shared,
		.known = true};
}

void mw_verdict_entry_set(
	struct mw_verdict_entry *entry, const struct mw_verdict_record *rec, const char *reply)
{
	*entry = (struct mw_verdict_entry){.reply = reply,
		.expires_s = rec->expires_s,
		.generation = rec->generation,
		.verdict = rec->verdict};
}

void mw_policy_settings_default(struct mw_policy_settings *out)
{
	*out = (struct mw_policy_settings){.smtp_ports = {25},
		.smtp_port_count = 1,
		.refuse_worm = true,
		.refuse_smuggling = true,
		.reject_at = MW_REJECT_AT_ADAPTIVE,
		.scan_budget_us = 50,
		.hold_max_ms = 8000,
		.default_threshold_milli = 2000,
		.banner_name = "mailweir",
		.refuse_reply = "message refused by the provider's mail filter",
		.divert = {.fallback = MW_DIVERT_PASS,
			.check_port = 25,
			.check_every_ms = 5000,
			.check_timeout_ms = 3000,
			.fall = 3,
			.rise = 2}};
}

static size_t align64(size_t n)
{
	return (n + 63) & ~(size_t)63;
}

static uint32_t pages_for(uint32_t customers)
{
	return (uint32_t)(((uint64_t)customers + MW_PAGE_CUSTOMERS - 1) / MW_PAGE_CUSTOMERS);
}

size_t mw_snapshot_bytes(const struct mw_snapshot_input *in)
{
	size_t pages = pages_for(in->customer_count);

	return align64(sizeof(struct mw_snapshot)) + align64(sizeof(struct mw_prefix_table)) +
	       2 * align64(pages * sizeof(void *)) +
	       pages * (align64(sizeof(struct mw_verdict_page)) +
			       align64(sizeof(struct mw_customer_page))) +
	       align64(mw_prefix_table_bytes(in->line_count));
}

/* The memory is handed out from its start; its size was checked against the sum. */
static void *carve(uint8_t **at, size_t octets)
{
	void *p = *at;

	*at += align64(octets);
	return p;
}

/* Everybody PASS, nobody known. */
static void clear_page(struct mw_verdict_page *verdicts, struct mw_customer_page *customers)
{
	for (uint32_t i = 0; i < MW_PAGE_CUSTOMERS; i++) {
		verdicts->entry[i] = pass;
		customers->entry[i] = nobody;
	}
}

static int fill(const struct mw_snapshot_input *in, struct mw_verdict_page **verdicts,
	struct mw_customer_page **customers)
{
	for (uint32_t i = 0; i < in->customer_count; i++) {
		uint32_t index = in->customers[i].index;
		struct mw_customer_entry *entry;

		if (index >= in->customer_count)
			return -EINVAL;
		entry = &customers[index / MW_PAGE_CUSTOMERS]->entry[index % MW_PAGE_CUSTOMERS];
		if (entry->known)
			return -EINVAL;
		mw_customer_entry_set(entry, &in->customers[i]);
	}
	for (uint32_t i = 0; i < in->verdict_count; i++) {
		const struct mw_verdict_record *rec = &in->verdicts[i];
		uint32_t index = rec->customer_index;

		if (index >= in->customer_count)
			return -EINVAL;
		mw_verdict_entry_set(
			&verdicts[index / MW_PAGE_CUSTOMERS]->entry[index % MW_PAGE_CUSTOMERS], rec,
			rec->reply);
	}
	for (uint32_t i = 0; i < in->line_count; i++)
		if (in->lines[i].customer_index >= in->customer_count)
			return -EINVAL;
	return 0;
}

int mw_snapshot_build(const struct mw_snapshot_input *in, void *memory, size_t size,
	const struct mw_snapshot **out)
{
	uint32_t pages = pages_for(in->customer_count);
	uint8_t *at = memory;
	struct mw_snapshot *snap;
	struct mw_prefix_table *prefixes;
	struct mw_verdict_page **verdicts;
	struct mw_customer_page **customers;
	size_t prefix_bytes = mw_prefix_table_bytes(in->line_count);
	int err;

	if (size < mw_snapshot_bytes(in))
		return -ENOSPC;
	snap = carve(&at, sizeof(*snap));
	prefixes = carve(&at, sizeof(*prefixes));
	verdicts = carve(&at, pages * sizeof(*verdicts));
	customers = carve(&at, pages * sizeof(*customers));
	for (uint32_t i = 0; i < pages; i++) {
		verdicts[i] = carve(&at, sizeof(**verdicts));
		customers[i] = carve(&at, sizeof(**customers));
		clear_page(verdicts[i], customers[i]);
	}
	err = fill(in, verdicts, customers);
	if (err == 0)
		err = mw_prefix_table_build(prefixes, carve(&at, prefix_bytes), prefix_bytes,
			in->lines, in->line_count);
	if (err != 0)
		return err;
	*snap = (struct mw_snapshot){.serial = 1,
		.generation = in->generation,
		.lines_generation = in->generation,
		.page_count = pages,
		.customer_count = in->customer_count,
		.verdict_page = (const struct mw_verdict_page *const *)verdicts,
		.customer_page = (const struct mw_customer_page *const *)customers,
		.prefixes = prefixes,
		.settings = *in->settings};
	*out = snap;
	return 0;
}
