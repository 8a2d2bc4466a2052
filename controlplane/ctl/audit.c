/* weirctl audit show | verify */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"
#include "controlplane/store/audit.h"

static void show(struct mw_command *c)
{
	static const struct mw_column columns[] = {{"seq", "SEQ", MW_COLUMN_TEXT},
		{"time", "WHEN", MW_COLUMN_TIME}, {"actor", "WHO", MW_COLUMN_TEXT},
		{"action", "DID", MW_COLUMN_TEXT}, {"object", "TO", MW_COLUMN_TEXT},
		{"detail", "DETAIL", MW_COLUMN_TEXT}};
	const char *last = mw_argument_option(c->arguments, "last");
	const char *object = mw_argument_option(c->arguments, "object");
	struct mw_cases_txn txn = mw_cases_read(c->ctl->core->cases);
	uint64_t end = mw_meta_get(&txn, "audit_seq"), first = 1;
	/* A person wants the latest, a program everything. */
	uint64_t n = last != NULL ? strtoull(last, NULL, 10) : c->json || object != NULL ? end : 50;
	struct mw_key from;
	struct mw_walk walk;
	struct mw_audit entry;
	json_t *rows = json_array();

	if (n < end)
		first = end - n + 1;
	from = mw_key_u64(first);
	walk = mw_walk_from(&txn, MW_TABLE_AUDIT, mw_key_span(&from));
	while (mw_walk_next(&walk, mw_span_of("", 0))) {
		char hash[65];

		if (walk.key_len != 8 ||
			mw_audit_decode(mw_key_read_u64(walk.key), walk.value, &entry) != 0) {
			mw_refuse(c, MW_EXIT_REFUSED,
				"an entry of the audit chain cannot be read: weirctl audit verify");
			break;
		}
		if (object != NULL && strcmp(object, entry.object) != 0)
			continue;
		for (size_t i = 0; i < 32; i++)
			snprintf(hash + 2 * i, 3, "%02x", entry.hash[i]);
		json_array_append_new(rows,
			json_pack("{s:I, s:I, s:o, s:o, s:o, s:o, s:s}", "seq",
				(json_int_t)entry.seq, "time", (json_int_t)entry.time_s, "actor",
				mw_json_text(entry.actor), "action", mw_json_text(entry.action),
				"object", mw_json_text(entry.object), "detail",
				mw_json_text_or_null(entry.detail), "hash", hash));
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	mw_table(c, rows, columns, sizeof(columns) / sizeof(columns[0]), "Nothing was done yet.");
	mw_answer(c, rows);
}

void mw_cmd_audit(struct mw_command *c)
{
	struct mw_audit_check check;
	struct mw_cases_txn txn;
	struct mw_span head;
	char hash[65] = "";

	if (c->arguments->grammar->id == MW_VERB_AUDIT_SHOW) {
		show(c);
		return;
	}
	txn = mw_cases_read(c->ctl->core->cases);
	mw_audit_verify(&txn, &check);
	if (mw_cases_get(&txn, MW_TABLE_META, mw_span_str("audit_head"), &head) && head.len == 32) {
		for (size_t i = 0; i < 32; i++)
			snprintf(hash + 2 * i, 3, "%02x", head.data[i]);
	}
	mw_cases_abort(&txn);
	if (check.bad_seq == 0)
		fprintf(c->text,
			"The chain is whole: %" PRIu64
			" entries, last hash %s.\nKeep that hash elsewhere: "
			"with it nobody can rewrite what was until now.\n",
			check.entries, hash);
	mw_answer(c,
		json_pack("{s:b, s:I, s:o, s:o, s:o}", "ok", (int)(check.bad_seq == 0), "entries",
			(json_int_t)check.entries, "bad_seq", mw_json_time(check.bad_seq),
			"sentence", mw_json_text_or_null(check.sentence), "head",
			mw_json_text_or_null(hash)));
	if (check.bad_seq != 0)
		mw_refuse(c, MW_EXIT_REFUSED, "the audit chain is broken: %s", check.sentence);
}
