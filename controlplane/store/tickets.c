/* Tickets and detector states as octets: see tickets.h. Tasks and history are in tasks.c. */
#include "controlplane/store/tickets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/ticket/ticket_record.h"

uint64_t mw_ticket_key(const struct mw_ticket_number *number)
{
	return (uint64_t)number->year << 32 | number->seq;
}

struct mw_ticket_number mw_ticket_number_of(uint64_t key)
{
	return (struct mw_ticket_number){.year = (uint16_t)(key >> 32), .seq = (uint32_t)key};
}

bool mw_ticket_get(struct mw_cases_txn *txn, uint64_t key, struct mw_ticket *out)
{
	struct mw_key k = mw_key_u64(key);
	struct mw_span value;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_TICKETS, mw_key_span(&k), &value))
		return false;
	rc = mw_ticket_decode(value, out);
	if (rc != 0)
		mw_cases_fail(txn, rc);
	return rc == 0;
}

void mw_ticket_put(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_ticket *ticket)
{
	static _Thread_local uint8_t record[MW_TICKET_RECORD_MAX];
	struct mw_key key = mw_key_u64(mw_ticket_key(&ticket->number));
	struct mw_key customer = mw_key_u32(customer_index);
	size_t len = mw_ticket_encode(ticket, record, sizeof(record));

	if (len == 0) {
		mw_cases_fail(txn, -E2BIG);
		return;
	}
	mw_cases_put(txn, MW_TABLE_TICKETS, mw_key_span(&key), mw_span_of(record, len));
	if (!mw_ticket_is_over(ticket))
		mw_cases_put(txn, MW_TABLE_OPEN_TICKETS, mw_key_span(&customer), mw_key_span(&key));
	else if (mw_ticket_open_of(txn, customer_index) == mw_ticket_key(&ticket->number))
		mw_cases_del(txn, MW_TABLE_OPEN_TICKETS, mw_key_span(&customer));
}

uint64_t mw_ticket_open_of(struct mw_cases_txn *txn, uint32_t customer_index)
{
	struct mw_key key = mw_key_u32(customer_index);
	struct mw_span value;

	if (!mw_cases_get(txn, MW_TABLE_OPEN_TICKETS, mw_key_span(&key), &value) || value.len != 8)
		return 0;
	return mw_key_read_u64(value.data);
}

struct mw_ticket_number mw_ticket_number_next(struct mw_cases_txn *txn, uint16_t year)
{
	char name[32];

	snprintf(name, sizeof(name), "ticket_seq_%u", (unsigned)year);
	return (struct mw_ticket_number){.year = year, .seq = (uint32_t)mw_meta_next(txn, name)};
}

bool mw_ticket_next(struct mw_walk *walk, struct mw_ticket *out)
{
	int rc;

	if (!mw_walk_next(walk, mw_span_of("", 0)))
		return false;
	rc = mw_ticket_decode(walk->value, out);
	if (rc != 0)
		mw_cases_fail(walk->txn, rc);
	return rc == 0;
}

void mw_detector_get(struct mw_cases_txn *txn, uint32_t customer_index, struct mw_detect_state *out)
{
	struct mw_key key = mw_key_u32(customer_index);
	struct mw_span value;
	int rc;

	memset(out, 0, sizeof(*out));
	if (!mw_cases_get(txn, MW_TABLE_DETECTOR, mw_key_span(&key), &value))
		return;
	rc = mw_detect_decode(value, out);
	if (rc != 0)
		mw_cases_fail(txn, rc);
}

void mw_detector_put(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_detect_state *state)
{
	uint8_t record[MW_DETECT_RECORD_MAX];
	struct mw_key key = mw_key_u32(customer_index);
	size_t len = mw_detect_encode(state, record, sizeof(record));

	if (len == 0)
		mw_cases_fail(txn, -E2BIG);
	else
		mw_cases_put(txn, MW_TABLE_DETECTOR, mw_key_span(&key), mw_span_of(record, len));
}
