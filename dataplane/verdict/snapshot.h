/*
 * All a lane knows of the policy: immutable, swapped as a whole, shared piecewise. Verdicts and
 * customers sit in pages by dense customer index, so one verdict costs one page, however many
 * customers there are. Pure. Who makes them: the agent (live), mw_snapshot_build (captures, tests).
 * A lane keeps no pointer into a snapshot beyond the poll in which it got it.
 */
#ifndef MW_DATAPLANE_VERDICT_SNAPSHOT_H
#define MW_DATAPLANE_VERDICT_SNAPSHOT_H

#include "dataplane/verdict/prefix_table.h"

#define MW_PAGE_CUSTOMERS 4096u

struct mw_verdict_entry {
	const char *reply;   /* what follows "550 5.7.1 ", "" when none; never NULL */
	uint64_t expires_s;  /* 0: does not. The caller judges it against its `now` */
	uint64_t generation; /* of the policy when the verdict was set; 0: never had one */
	enum mw_verdict verdict;
};

/* Of a customer, or of a line that has a verdict of its own. */
struct mw_customer_entry {
	uint32_t owner; /* the customer, of a line; else its own index */
	int32_t spam_threshold_milli;
	struct mw_rate rate;
	uint8_t inspection;    /* enum mw_inspection */
	uint8_t class_verdict; /* enum mw_verdict: where none was set for him */
	bool shared;	       /* nothing is refused automatically */
	bool known;	       /* false: an index nobody has */
};

struct mw_verdict_page {
	struct mw_verdict_entry entry[MW_PAGE_CUSTOMERS];
};

struct mw_customer_page {
	struct mw_customer_entry entry[MW_PAGE_CUSTOMERS];
};

struct mw_snapshot {
	uint64_t serial;	   /* goes up by one with each snapshot published in this process */
	uint64_t generation;	   /* of the policy: verdicts and settings are as of this one */
	uint64_t lines_generation; /* customers and lines are as of this one, which may be older */
	uint32_t page_count;	   /* of both arrays */
	uint32_t customer_count;
	const struct mw_verdict_page *const *verdict_page;   /* NULL page: everybody PASS */
	const struct mw_customer_page *const *customer_page; /* NULL page: nobody known */
	const struct mw_prefix_table *prefixes;
	struct mw_policy_settings settings;
};

/* Never NULL: a customer without verdict, and MW_NO_CUSTOMER, have a PASS that does not expire. */
const struct mw_verdict_entry *mw_snapshot_verdict(
	const struct mw_snapshot *snap, uint32_t customer);

/* The verdict in force at `now_s`: PASS once it has expired. */
enum mw_verdict mw_verdict_entry_at(const struct mw_verdict_entry *entry, uint64_t now_s);

/* Never NULL: an unknown customer has known = false and inspection MW_INSPECTION_NONE. */
const struct mw_customer_entry *mw_snapshot_customer_entry(
	const struct mw_snapshot *snap, uint32_t customer);

/* By longest prefix of the inside address, else by VLAN pair (outer 0: untagged); MW_NO_CUSTOMER.
 */
uint32_t mw_snapshot_customer(const struct mw_snapshot *snap, const struct mw_ip *ip,
	uint16_t vlan_outer, uint16_t vlan_inner);

/* True for a port on the far side that is SMTP by the settings. */
bool mw_snapshot_smtp_port(const struct mw_snapshot *snap, uint16_t port);

/* Everything at once, from plain arrays: for captures and tests. */
struct mw_snapshot_input {
	const struct mw_policy_settings *settings;
	const struct mw_customer_record
		*customers; /* each index below customer_count exactly once */
	uint32_t customer_count;
	const struct mw_line_record *lines; /* in the order of mw_line_key_compare */
	uint32_t line_count;
	const struct mw_verdict_record *verdicts; /* must outlive the snapshot (reply texts) */
	uint32_t verdict_count;
	uint64_t generation;
};

size_t mw_snapshot_bytes(const struct mw_snapshot_input *in);
/* `memory`: mw_snapshot_bytes octets, aligned to 64. 0, -EINVAL for contradictions, -ENOSPC. */
int mw_snapshot_build(const struct mw_snapshot_input *in, void *memory, size_t size,
	const struct mw_snapshot **out);

/* Fills an entry from a record; `reply` must outlive it. */
void mw_customer_entry_set(struct mw_customer_entry *entry, const struct mw_customer_record *rec);
void mw_verdict_entry_set(
	struct mw_verdict_entry *entry, const struct mw_verdict_record *rec, const char *reply);

/* What a dataplane without settings in its policy does: port 25, worms refused, spam observed. */
void mw_policy_settings_default(struct mw_policy_settings *out);

#endif
