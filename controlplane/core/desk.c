/* What a person decides beside the tickets: verdicts on customers and on single lines, and by what
 * right mail is handed over. See core.h. */
#include <stdio.h>
#include <string.h>

#include "controlplane/core/core.h"
#include "controlplane/input/csv.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/changes.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"

#define DETAIL_MAX (MW_REASON_TEXT_MAX + MW_LINE_KEY_TEXT_MAX + 32)

/* The audit names the customer; of a line, that and which one in front of `text`. */
static void note(struct mw_cases_txn *txn, uint32_t index, const char *action, const char *text,
	const char *by, uint64_t now_s)
{
	struct mw_desk_customer customer;
	struct mw_own_line line;
	char detail[DETAIL_MAX], key[MW_LINE_KEY_TEXT_MAX];

	if (mw_own_line_at(txn, index, &line)) {
		snprintf(detail, sizeof(detail), "line %s%s%s", mw_line_key_format(&line.key, key),
			text[0] != '\0' ? ": " : "", text);
		index = line.owner;
	} else {
		snprintf(detail, sizeof(detail), "%s", text);
	}
	if (mw_customer_at(txn, index, &customer))
		mw_audit_add(txn, now_s, by, action, customer.id, detail);
}

static void set(struct mw_cases_txn *txn, uint32_t index, uint32_t owner, enum mw_verdict verdict,
	const char *reason, const char *by, uint64_t expires_s, uint64_t now_s)
{
	struct mw_verdict_record rec = {.customer_index = index,
		.verdict = verdict,
		.since_s = now_s,
		.expires_s = expires_s};
	struct mw_timer timer = {.owner = MW_TIMER_OF_VERDICT, .id = index, .due_s = expires_s};
	uint64_t ticket = mw_ticket_open_of(txn, owner);
	struct mw_ticket_number number = mw_ticket_number_of(ticket);
	char text[MW_REASON_TEXT_MAX + 16];

	snprintf(rec.reason, sizeof(rec.reason), "%s", reason);
	snprintf(rec.by, sizeof(rec.by), "%s", by);
	if (ticket != 0)
		mw_ticket_number_format(&number, rec.ticket);
	mw_verdict_put(txn, MW_VERDICT_BY_DESK, &rec);
	if (expires_s != 0)
		mw_timer_set(txn, &timer);
	else
		mw_timer_clear(txn, MW_TIMER_OF_VERDICT, index, 0);
	snprintf(text, sizeof(text), "%s: %s", mw_verdict_name(verdict), reason);
	note(txn, index, "verdict-set", text, by, now_s);
}

void mw_core_desk_verdict(struct mw_core *core, struct mw_cases_txn *txn, uint32_t customer_index,
	enum mw_verdict verdict, const char *reason, const char *by, uint64_t expires_s,
	uint64_t now_s)
{
	set(txn, customer_index, customer_index, verdict, reason, by, expires_s, now_s);
}

uint32_t mw_core_line_verdict(struct mw_core *core, struct mw_cases_txn *txn,
	const struct mw_line_key *line, uint32_t owner, enum mw_verdict verdict, const char *reason,
	const char *by, uint64_t expires_s, uint64_t now_s)
{
	struct mw_own_line own;

	mw_own_line_make(txn, line, owner, &own);
	/* In this order: a verdict needs its record, the line leads to it last. */
	mw_change_add(txn, MW_CHANGE_CUSTOMER, own.index, NULL);
	set(txn, own.index, owner, verdict, reason, by, expires_s, now_s);
	mw_change_add(txn, MW_CHANGE_LINE, 0, line);
	return own.index;
}

bool mw_core_desk_clear(struct mw_core *core, struct mw_cases_txn *txn, uint32_t index,
	const char *why, const char *by, uint64_t now_s)
{
	struct mw_own_line own;

	if (!mw_verdict_remove(txn, MW_VERDICT_BY_DESK, index))
		return false;
	mw_timer_clear(txn, MW_TIMER_OF_VERDICT, index, 0);
	if (mw_own_line_at(txn, index, &own))
		mw_change_add(txn, MW_CHANGE_LINE, 0, &own.key);
	note(txn, index, "verdict-clear", why, by, now_s);
	return true;
}

int mw_core_set_lines(struct mw_core *core, struct mw_cases_txn *txn, struct mw_desk_customer *rec,
	const struct mw_line_key *lines, size_t count, char owner[MW_CUSTOMER_ID_MAX],
	const char *by, uint64_t now_s)
{
	struct mw_key from = mw_key_u32(rec->index);
	struct mw_own_line own;
	struct mw_line_key line;
	struct mw_walk walk;

	if (!mw_own_lines_none(txn)) {
		walk = mw_walk_from(txn, MW_TABLE_CUSTOMER_LINES, mw_key_span(&from));
		while (mw_customer_next_line(&walk, rec->index, &line))
			if (!mw_line_key_among(&line, lines, count) &&
				mw_own_line_get(txn, &line, &own))
				mw_core_desk_clear(core, txn, own.index,
					"the line has left its customer", by, now_s);
		mw_walk_end(&walk);
	}
	return mw_customer_set_lines(txn, rec, lines, count, owner);
}

/* Who is led to the gateway without a verdict of his own, in words. */
static void who(const struct mw_settings *s, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (uint8_t i = 0; i < s->class_count && used < size; i++) {
		const struct mw_class_policy *c = &s->classes[i];
		bool cases = c->ticket.interim == MW_VERDICT_DIVERT;
		bool probation = c->ticket.probation_divert_s != 0;
		const char *what = c->verdict == MW_VERDICT_DIVERT ? "all mail"
				   : cases && probation		   ? "open cases and probation"
				   : cases			   ? "open cases"
				   : probation			   ? "probation"
								   : NULL;

		if (what != NULL)
			used += (size_t)snprintf(out + used, size - used, "%s%s: %s",
				used > 0 ? ", " : "", c->name, what);
	}
}

int mw_core_note_basis(struct mw_core *core, uint64_t now_s)
{
	static const char name[] = "divert_basis";
	char classes[280], text[MW_AUDIT_DETAIL_MAX];
	struct mw_cases_txn txn = mw_cases_read(core->cases);
	struct mw_span before;
	bool same, any;

	who(core->settings, classes, sizeof(classes));
	any = classes[0] != '\0';
	snprintf(text, sizeof(text), "%s; basis: %s", any ? classes : "nobody",
		any ? core->settings->divert.basis : "none is needed");
	same = mw_cases_get(&txn, MW_TABLE_META, mw_span_str(name), &before)
		       ? mw_span_eq(before, mw_span_str(text))
		       : !any && txn.base.error == 0;
	mw_cases_abort(&txn);
	if (same)
		return 0;
	txn = mw_cases_write(core->cases);
	mw_cases_put(&txn, MW_TABLE_META, mw_span_str(name), mw_span_str(text));
	mw_audit_add(&txn, now_s, "settings", "divert-basis", "divert", text);
	return mw_cases_commit(&txn);
}
