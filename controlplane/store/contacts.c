/* The list a customer's company gave: whom to call, in which order. See customers.h. */
#include <errno.h>
#include <string.h>

#include "controlplane/store/customers.h"
#include "controlplane/ticket/ticket_record.h"

/* Customer, NUL, position: in the order in which they are called. */
static size_t key_of(const char *customer, uint8_t *out)
{
	size_t len = strnlen(customer, MW_CUSTOMER_ID_MAX - 1);

	memcpy(out, customer, len);
	out[len] = 0;
	return len + 1;
}

void mw_contacts_clear(struct mw_cases_txn *txn, const char *customer)
{
	uint8_t key[MW_CASES_KEY_MAX];
	struct mw_span prefix = mw_span_of(key, key_of(customer, key));
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CONTACTS, prefix);

	while (mw_walk_next(&walk, prefix))
		mw_walk_del(&walk);
	mw_walk_end(&walk);
}

void mw_contact_put(
	struct mw_cases_txn *txn, const char *customer, const struct mw_contact *contact)
{
	uint8_t key[MW_CASES_KEY_MAX], out[MW_CONTACT_RECORD_MAX];
	size_t key_len = key_of(customer, key), len = mw_contact_encode(contact, out, sizeof(out));

	key[key_len++] = (uint8_t)(contact->position >> 8);
	key[key_len++] = (uint8_t)contact->position;
	key[key_len++] = (uint8_t)contact->role;
	if (len == 0)
		mw_cases_fail(txn, -E2BIG);
	else
		mw_cases_put(
			txn, MW_TABLE_CONTACTS, mw_span_of(key, key_len), mw_span_of(out, len));
}

size_t mw_contacts_get(
	struct mw_cases_txn *txn, const char *customer, struct mw_contact *out, size_t max)
{
	uint8_t key[MW_CASES_KEY_MAX];
	struct mw_span prefix = mw_span_of(key, key_of(customer, key));
	struct mw_walk walk = mw_walk_from(txn, MW_TABLE_CONTACTS, prefix);
	size_t count = 0;

	while (count < max && mw_walk_next(&walk, prefix)) {
		int rc = mw_contact_decode(walk.value, &out[count]);

		if (rc != 0)
			mw_cases_fail(txn, rc);
		else
			count++;
	}
	mw_walk_end(&walk);
	return count;
}
