/* weirctl report: cases at work with both clocks, and what came of the others */
#include <inttypes.h>
#include <string.h>

#include "controlplane/ctl/command.h"

void mw_cmd_report(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"id", "TICKET", MW_COLUMN_TEXT},
		{"customer", "CUSTOMER", MW_COLUMN_TEXT}, {"state", "STATE", MW_COLUMN_TEXT},
		{"provider_knows_since", "WE KNOW SINCE", MW_COLUMN_TIME},
		{"customer_knows_since", "HE KNOWS SINCE", MW_COLUMN_TIME},
		{"deadline", "DEADLINE", MW_COLUMN_TIME}, {"verdict", "VERDICT", MW_COLUMN_TEXT}};
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_TICKETS, mw_span_of("", 0));
	struct mw_ticket *ticket = &c->ctl->core->ticket;
	json_t *rows = json_array(), *states = json_object(), *without = json_array();
	uint64_t count[MW_TICKET_STATE_COUNT] = {0}, disabled = 0, total = 0;
	struct mw_desk_customer customer;

	while (mw_ticket_next(&walk, ticket)) {
		total++;
		count[ticket->state]++;
		if (ticket->enabled_since_s != 0 || ticket->disabled_since_s != 0)
			disabled++;
		if (!mw_ticket_is_over(ticket))
			json_array_append_new(rows, mw_doc_ticket(c, &txn, ticket));
	}
	mw_walk_end(&walk);
	walk = mw_walk_from(&txn, MW_TABLE_CUSTOMERS, mw_span_of("", 0));
	while (mw_customer_next(&walk, &customer)) {
		struct mw_contact contact;

		if (mw_contacts_get(&txn, customer.id, &contact, 1) == 0)
			json_array_append_new(without, mw_json_text(customer.id));
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	mw_table(c, rows, columns, sizeof(columns) / sizeof(columns[0]), "No case at work.");
	fprintf(c->text, "\n%" PRIu64 " tickets in all, in %" PRIu64 " of them mail was refused.",
		total, disabled);
	for (unsigned i = MW_TICKET_SUSPECT; i < MW_TICKET_STATE_COUNT; i++) {
		const char *name = mw_ticket_state_name((enum mw_ticket_state)i);

		json_object_set_new(states, name, json_integer((json_int_t)count[i]));
		if (count[i] > 0)
			fprintf(c->text, " %s: %" PRIu64 ".", name, count[i]);
	}
	fputc('\n', c->text);
	if (json_array_size(without) > 0)
		fprintf(c->text, "%zu customers without anybody to call: weirctl customer list\n",
			json_array_size(without));
	mw_answer(c, json_pack("{s:I, s:I, s:o, s:I, s:o, s:o}", "time", (json_int_t)c->now_s,
			     "tickets_total", (json_int_t)total, "by_state", states,
			     "disabled_total", (json_int_t)disabled, "tickets", rows,
			     "customers_without_contact", without));
}
