/*
 * What the desk knows of a customer: name, class, lines, and whom to call. Each change that the
 * dataplane must hear of goes into the list of changes of the same transaction (changes.h).
 */
#ifndef MW_CONTROLPLANE_STORE_CUSTOMERS_H
#define MW_CONTROLPLANE_STORE_CUSTOMERS_H

#include "common/contract/policy.h"
#include "controlplane/store/cases.h"
#include "controlplane/ticket/ticket.h"

#define MW_DESK_NAME_MAX 128

struct mw_desk_customer {
	uint32_t index; /* dense, from 0, never reused */
	char id[MW_CUSTOMER_ID_MAX];
	char name[MW_DESK_NAME_MAX];
	char class_name[MW_CLASS_MAX];
	enum mw_inspection inspection;
	char tam[MW_DESK_NAME_MAX]; /* his technical account manager: a name or an address, "" none
				     */
	uint64_t valid_from_s, valid_to_s; /* 0: unbounded */
	bool shared;			   /* more than one party behind the line */
	int32_t threshold_milli;	   /* 0: of his class */
	uint32_t line_count;
};

/* Finds by id or by index. False: there is none. */
bool mw_customer_get(struct mw_cases_txn *txn, const char *id, struct mw_desk_customer *out);
bool mw_customer_at(struct mw_cases_txn *txn, uint32_t index, struct mw_desk_customer *out);
/* Stores a new customer (who gets the next index, written to `rec`) or replaces his record. */
void mw_customer_put(struct mw_cases_txn *txn, struct mw_desk_customer *rec);
/* Goes through all, in the order of their ids: start with a fresh walk over MW_TABLE_CUSTOMERS. */
bool mw_customer_next(struct mw_walk *walk, struct mw_desk_customer *out);

/* Makes these the customer's lines, and no others. -EEXIST with the other's id in `owner` when a
 * line belongs to somebody else (nothing is changed then). Updates line_count, does not put the
 * record. */
int mw_customer_set_lines(struct mw_cases_txn *txn, struct mw_desk_customer *rec,
	const struct mw_line_key *lines, size_t count, char owner[MW_CUSTOMER_ID_MAX]);
/* One line after the other; start with a walk over MW_TABLE_CUSTOMER_LINES from mw_key_u32(index).
 */
bool mw_customer_next_line(struct mw_walk *walk, uint32_t index, struct mw_line_key *out);
bool mw_line_owner(struct mw_cases_txn *txn, const struct mw_line_key *line, uint32_t *index);

/* Contacts, as the ticket copies them: in the order of their positions. */
void mw_contacts_clear(struct mw_cases_txn *txn, const char *customer);
void mw_contact_put(
	struct mw_cases_txn *txn, const char *customer, const struct mw_contact *contact);
/* Up to `max` of them; how many. */
size_t mw_contacts_get(
	struct mw_cases_txn *txn, const char *customer, struct mw_contact *out, size_t max);

#endif
