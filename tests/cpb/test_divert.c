/* Who is led to the antivirus gateway, by whose word, and what of it the dataplane is told: class,
 * customer, line; over restarts, and with an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/input/csv.h"
#include "controlplane/store/audit.h"
#include "controlplane/store/diverted.h"
#include "controlplane/store/lines.h"
#include "controlplane/store/outbox.h"
#include "controlplane/store/timers.h"
#include "controlplane/store/verdicts.h"
#include "world.h"

static struct world w;
static struct mw_ticket ticket;

static void settings(const char *more)
{
	char text[1024], error[MW_SETTINGS_ERROR_MAX] = "";

	snprintf(text, sizeof(text),
		"inspection_default: content\n"
		"desk: {phone: \"+49 1\", email: desk@isp.example}\n"
		"mail: {from: desk@isp.example}\n"
		"divert:\n"
		"  gateway: [198.51.100.9]\n"
		"  address: [198.51.100.10]\n"
		"  basis: contract of 2026\n"
		"%s",
		more);
	if (mw_settings_parse("test", text, strlen(text), &w.settings, error) != 0)
		fail_msg("%s", error);
}

#define CLASS_DIVERTS "classes: {business: {verdict: divert}}\n"
#define CLASS_PASSES  "classes: {business: {interim_verdict: pass, probation_divert: 0}}\n"

static void begin(const char *more)
{
	world_dir(&w, "divert");
	settings(more);
	world_open(&w);
	world_customer(&w, "acme", "192.0.2.0/24", 2);
	world_customer(&w, "quiet", "203.0.113.0/24", 1);
}

static void end(void)
{
	world_end(&w);
}

/* All of `policy` as text, without generations: what a lane makes of it. */
struct dump {
	char text[65536];
	size_t used;
};

static void dump_customer(void *ctx, const struct mw_customer_record *r)
{
	struct dump *d = ctx;

	d->used += (size_t)snprintf(d->text + d->used, sizeof(d->text) - d->used,
		"%u %s %s line %d of %u, %s, threshold %d\n", r->index, r->id, r->class_name,
		r->is_line, r->owner, mw_verdict_name(r->class_verdict), r->spam_threshold_milli);
}

static void dump_line(void *ctx, const struct mw_line_record *r)
{
	char text[MW_LINE_KEY_TEXT_MAX];
	struct dump *d = ctx;

	d->used += (size_t)snprintf(d->text + d->used, sizeof(d->text) - d->used, "%s -> %u\n",
		mw_line_key_format(&r->key, text), r->customer_index);
}

static void dump_verdict(void *ctx, const struct mw_verdict_record *r)
{
	struct dump *d = ctx;

	d->used += (size_t)snprintf(d->text + d->used, sizeof(d->text) - d->used,
		"%u: %s until %llu, %s, %s\n", r->customer_index, mw_verdict_name(r->verdict),
		(unsigned long long)r->expires_s, r->reason, r->reply);
}

static const char *policy(struct dump *d)
{
	const struct mw_policy_sink sink = {
		.ctx = d, .customer = dump_customer, .line = dump_line, .verdict = dump_verdict};
	struct mw_policy_txn txn;

	d->used = 0;
	d->text[0] = '\0';
	assert_int_equal(mw_policy_begin_read(&w.policy, &txn), 0);
	assert_int_equal(mw_policy_walk(&txn,
				 MW_POLICY_CUSTOMERS | MW_POLICY_LINES | MW_POLICY_VERDICTS, &sink),
		0);
	mw_policy_end(&txn);
	return d->text;
}

static bool says(const char *part)
{
	static struct dump d;

	return strstr(policy(&d), part) != NULL;
}

static void must_say(const char *part)
{
	static struct dump d;

	if (strstr(policy(&d), part) == NULL)
		fail_msg("no \"%s\" in\n%s", part, d.text);
}

static uint64_t generation(void)
{
	struct mw_policy_txn txn;
	uint64_t g;

	assert_int_equal(mw_policy_begin_read(&w.policy, &txn), 0);
	g = txn.generation;
	mw_policy_end(&txn);
	return g;
}

/* A control plane that starts again publishes the same, and writes nothing for it; one that has
 * lost its `policy` makes the same anew. */
static void survives_restarts(void)
{
	static struct dump before, after;
	char command[300];
	uint64_t at;

	policy(&before);
	at = generation();
	world_close(&w);
	world_open(&w);
	assert_string_equal(policy(&after), before.text);
	assert_int_equal(generation(), at);
	world_close(&w);
	snprintf(command, sizeof(command), "rm -rf '%s'/policy*", w.dir);
	assert_int_equal(system(command), 0);
	world_open(&w);
	assert_string_equal(policy(&after), before.text);
}

static void set(uint32_t index, enum mw_verdict verdict, uint64_t expires_s)
{
	struct mw_cases_txn txn = mw_cases_write(&w.cases);

	mw_core_desk_verdict(&w.core, &txn, index, verdict, "by hand", "bob", expires_s, w.now_s);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
}

static bool clear(uint32_t index)
{
	struct mw_cases_txn txn = mw_cases_write(&w.cases);
	bool done = mw_core_desk_clear(&w.core, &txn, index, "", "bob", w.now_s);

	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
	return done;
}

static void read_again(const char *more)
{
	char error[512] = "";

	settings(more);
	if (mw_apply_start(&w.apply, &w.core, &w.policy, w.dir, w.now_s, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

/* PASS of a person stands before DIVERT of the class, and leaves no record where it says nothing.
 */
static void customer_before_class(void **state)
{
	begin(CLASS_DIVERTS);
	must_say("0 acme business line 0 of 0, divert");
	assert_false(says("0: "));
	set(0, MW_VERDICT_PASS, 0);
	must_say("\n0: pass until 0, by hand");
	survives_restarts();
	must_say("\n0: pass until 0, by hand");
	assert_true(clear(0));
	assert_false(says("\n0: "));
	assert_false(clear(0));

	set(0, MW_VERDICT_PASS, w.now_s + 60); /* it has an end: the class counts again */
	must_say("\n0: pass until");
	w.now_s += 60;
	world_turn(&w);
	assert_false(says("\n0: "));

	set(0, MW_VERDICT_PASS, 0);
	read_again(CLASS_PASSES); /* nothing to stand before any more, and again */
	must_say("0 acme business line 0 of 0, pass");
	assert_false(says("\n0: "));
	survives_restarts();
	read_again(CLASS_DIVERTS);
	must_say("\n0: pass until 0, by hand");
	end();
}

/* The class is the customer's: who comes into another takes his PASS along. */
static void another_class(void **state)
{
	struct mw_desk_customer rec;
	struct mw_cases_txn txn;

	begin(CLASS_DIVERTS);
	for (int turn = 0; turn < 2; turn++) {
		set(0, MW_VERDICT_PASS, 0);
		txn = mw_cases_write(&w.cases);
		assert_true(mw_customer_get(&txn, "acme", &rec));
		snprintf(rec.class_name, sizeof(rec.class_name), turn == 0 ? "fope" : "business");
		mw_customer_put(&txn, &rec);
		assert_int_equal(mw_cases_commit(&txn), 0);
		world_turn(&w);
		must_say(turn == 0 ? "0 acme fope line 0 of 0, pass"
				   : "0 acme business line 0 of 0, divert");
		assert_int_equal(says("\n0: pass"), turn == 1);
	}
	end();
}

static uint32_t set_line(
	const char *prefix, uint32_t owner, enum mw_verdict verdict, uint64_t expires_s)
{
	struct mw_cases_txn txn = mw_cases_write(&w.cases);
	struct mw_line_key line = {0};
	uint32_t index;

	assert_int_equal(mw_prefix_parse(prefix, &line.prefix), 0);
	index = mw_core_line_verdict(
		&w.core, &txn, &line, owner, verdict, "this line", "bob", expires_s, w.now_s);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
	return index;
}

static int set_lines(const char *id, const char *const *prefixes, size_t count)
{
	struct mw_cases_txn txn = mw_cases_write(&w.cases);
	struct mw_desk_customer rec;
	struct mw_line_key lines[4] = {0};
	char owner[MW_CUSTOMER_ID_MAX];
	int rc;

	assert_true(mw_customer_get(&txn, id, &rec));
	for (size_t i = 0; i < count; i++)
		assert_int_equal(mw_prefix_parse(prefixes[i], &lines[i].prefix), 0);
	rc = mw_core_set_lines(&w.core, &txn, &rec, lines, count, owner, "importer", w.now_s);
	mw_customer_put(&txn, &rec);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
	return rc;
}

static unsigned audited(const char *action, const char *object, const char *detail)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_AUDIT, mw_span_of("", 0));
	static struct mw_audit entry;
	unsigned found = 0;

	while (mw_walk_next(&walk, mw_span_of("", 0))) {
		assert_int_equal(mw_audit_decode(mw_key_read_u64(walk.key), walk.value, &entry), 0);
		found += strcmp(entry.action, action) == 0 && strcmp(entry.object, object) == 0 &&
			 strstr(entry.detail, detail) != NULL;
	}
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	return found;
}

/* A line with a verdict has a record with its customer's values, and its address leads to it. */
static void line_before_customer(void **state)
{
	static const char *const lines[] = {"192.0.2.0/24", "192.0.2.64/26"};
	uint32_t index;

	begin(CLASS_PASSES);
	assert_int_equal(set_lines("acme", lines, 2), 0);
	must_say("192.0.2.64/26 -> 0");
	index = set_line("192.0.2.64/26", 0, MW_VERDICT_REJECT, 0);
	assert_int_equal(index, 2); /* dense, behind both customers */
	must_say("2 line 192.0.2.64/26 business line 1 of 0, pass, threshold 2000");
	must_say("192.0.2.0/24 -> 0");
	must_say("192.0.2.64/26 -> 2");
	must_say("\n2: reject until 0, this line, outbound mail is refused");
	assert_int_equal(
		audited("verdict-set", "acme", "line 192.0.2.64/26: reject: this line"), 1);
	survives_restarts();

	/* a PASS on a line says something always: it stands before his customer's verdict */
	set(0, MW_VERDICT_REJECT, 0);
	assert_int_equal(set_line("192.0.2.64/26", 0, MW_VERDICT_PASS, 0), index);
	must_say("\n0: reject");
	must_say("\n2: pass until 0, this line");
	survives_restarts();

	/* a new customer gets the next index */
	world_customer(&w, "third", "198.18.0.0/24", 0);
	must_say("3 third business line 0 of 0");
	survives_restarts();

	assert_true(clear(index));
	assert_false(says("\n2: "));
	must_say("192.0.2.64/26 -> 0");
	assert_int_equal(audited("verdict-clear", "acme", "line 192.0.2.64/26"), 1);
	survives_restarts();
	assert_int_equal(set_line("192.0.2.64/26", 0, MW_VERDICT_DIVERT, 0), index);
	must_say("192.0.2.64/26 -> 2");
	must_say("\n2: divert until 0, this line, the check of outgoing mail is not available");
	end();
}

/* The line's values are its customer's, whatever becomes of him. */
static void line_follows_its_customer(void **state)
{
	struct mw_desk_customer rec;
	struct mw_cases_txn txn;

	begin(CLASS_PASSES);
	set_line("192.0.2.0/24", 0, MW_VERDICT_RESET, 0);
	txn = mw_cases_write(&w.cases);
	assert_true(mw_customer_get(&txn, "acme", &rec));
	rec.threshold_milli = 3500;
	snprintf(rec.class_name, sizeof(rec.class_name), "fope");
	mw_customer_put(&txn, &rec);
	assert_int_equal(mw_cases_commit(&txn), 0);
	world_turn(&w);
	must_say("2 line 192.0.2.0/24 fope line 1 of 0, pass, threshold 3500");
	read_again("classes: {fope: {verdict: divert}}\n");
	must_say("2 line 192.0.2.0/24 fope line 1 of 0, divert, threshold 3500");
	survives_restarts();
	end();
}

static void line_verdict_expires(void **state)
{
	begin(CLASS_PASSES);
	set_line("192.0.2.0/24", 0, MW_VERDICT_RATE, w.now_s + 600);
	must_say("192.0.2.0/24 -> 2");
	w.now_s += 599;
	world_turn(&w);
	must_say("\n2: rate");
	w.now_s += 1;
	world_turn(&w);
	assert_false(says("\n2: "));
	must_say("192.0.2.0/24 -> 0");
	assert_int_equal(audited("verdict-clear", "acme", "it has expired"), 1);

	/* down while it ran out: the first publication of the start knows already */
	set_line("192.0.2.0/24", 0, MW_VERDICT_RATE, w.now_s + 600);
	must_say("192.0.2.0/24 -> 2");
	world_close(&w);
	w.now_s += 600;
	world_open(&w);
	assert_false(says("\n2: "));
	must_say("192.0.2.0/24 -> 0");
	world_turn(&w);
	must_say("192.0.2.0/24 -> 0");
	end();
}

/* A verdict on a line was about the customer behind it. */
static void line_leaves_its_customer(void **state)
{
	static const char *const both[] = {"203.0.113.0/24", "192.0.2.0/24"};
	static const char *const other[] = {"192.0.2.0/25"};

	begin(CLASS_PASSES);
	set_line("192.0.2.0/24", 0, MW_VERDICT_REJECT, w.now_s + 3600);
	assert_int_not_equal(set_lines("quiet", both, 2), 0); /* it is acme's still */
	must_say("\n2: reject");
	assert_int_equal(set_lines("acme", other, 1), 0);
	assert_false(says("\n2: "));
	assert_false(says("192.0.2.0/24 ->"));
	assert_int_equal(audited("verdict-clear", "acme", "the line has left its customer"), 1);
	assert_int_equal(set_lines("quiet", both, 2), 0);
	must_say("192.0.2.0/24 -> 1");
	survives_restarts();
	/* the timer of the old one is gone with it */
	assert_int_equal(set_line("192.0.2.0/24", 1, MW_VERDICT_REJECT, 0), 2);
	must_say("2 line 192.0.2.0/24 business line 1 of 1");
	w.now_s += 7200;
	world_turn(&w);
	must_say("\n2: reject");
	/* a list that names the same lines again takes nothing away */
	assert_int_equal(set_lines("quiet", both, 2), 0);
	must_say("\n2: reject");
	end();
}

static struct mw_diverted sums(uint32_t index)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);
	struct mw_diverted d;

	mw_diverted_get(&txn, index, &d);
	mw_cases_abort(&txn);
	return d;
}

/* Connections are summed up with the cursor: once, whatever is opened anew. */
static void connections_are_counted(void **state)
{
	struct mw_diverted d;

	begin(CLASS_DIVERTS);
	world_diverted(&w, 0, 5, 0, 0, 0);
	world_diverted(&w, 1, 0, 1, 2, 3);
	world_diverted(&w, 0, 4000000000u, 7, 8, 9);
	world_diverted(&w, 0, 4000000000u, 0, 0, 1);
	world_diverted(&w, 77, 1, 1, 1, 1); /* nobody */
	world_turn(&w);
	world_turn(&w);
	world_close(&w);
	world_open(&w);
	world_turn(&w);
	d = sums(0);
	assert_int_equal(d.diverted, 8000000005ull);
	assert_int_equal(d.passed, 7);
	assert_int_equal(d.put_off, 8);
	assert_int_equal(d.refused, 10);
	d = sums(1);
	assert_true(d.diverted == 0 && d.passed == 1 && d.put_off == 2 && d.refused == 3);
	assert_int_equal(sums(77).diverted, 0);
	assert_int_equal(world_ticket(&w, 0), 0);
	end();
}

static void load(uint64_t key)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);

	assert_true(mw_ticket_get(&txn, key, &ticket));
	mw_cases_abort(&txn);
}

static unsigned mails(const char *kind)
{
	struct mw_cases_txn txn = mw_cases_read(&w.cases);
	struct mw_walk walk = mw_walk_from(&txn, MW_TABLE_OUTBOX_DUE, mw_span_of("", 0));
	static struct mw_outbox_record mail;
	unsigned found = 0;
	uint64_t id;

	while (mw_outbox_next_due(&walk, UINT64_MAX, &id))
		if (mw_outbox_get(&txn, id, &mail))
			found += strcmp(mw_mail_kind_name(mail.kind), kind) == 0;
	mw_walk_end(&walk);
	mw_cases_abort(&txn);
	return found;
}

/* A case under DIVERT: in force with its end, the notice in the outbox, the basis in the audit. */
static void a_case_diverts(void **state)
{
	struct mw_verdict_record verdict;
	uint64_t key, until_s;

	begin("  max: 3d\nclasses: {business: {deadline: 20d, hard_cap: 40d}}\n");
	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	until_s = w.now_s + 3 * 86400;
	world_turn(&w);
	key = world_ticket(&w, 0);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	assert_int_equal(verdict.expires_s, until_s);
	assert_string_equal(verdict.ticket, "MW-2026-000001");
	assert_string_equal(verdict.reply, "the check of outgoing mail is not available, please "
					   "call +49 1 or write to desk@isp.example");
	assert_int_equal(mails("diverted"), 1);
	assert_int_equal(audited("ticket.divert", "MW-2026-000001", "basis: contract of 2026"), 1);
	assert_int_equal(world_verdict(&w, 1, &verdict), MW_VERDICT_PASS);
	load(key);
	assert_int_equal(mw_ticket_timer_due(&ticket, MW_TIMER_VERDICT), 0); /* it was told */
	survives_restarts();

	w.now_s = until_s - 86400;
	world_turn(&w);
	assert_true(w.core.counters.alarms > 0);
	assert_int_equal(world_desk(&w, key, MW_TEV_RENEW, "still sending"), 0);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	assert_int_equal(verdict.expires_s, w.now_s + 3 * 86400);
	w.now_s = until_s;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	w.now_s = verdict.expires_s;
	world_turn(&w);
	assert_false(says("\n0: "));
	assert_int_equal(world_desk(&w, key, MW_TEV_RENEW, "more"), -EPERM);
	assert_int_equal(world_ticket(&w, 0), key);
	end();
}

/* Refused mail flows again through the gateway for a day, then its own way. */
static void probation_through_the_gateway(void **state)
{
	struct mw_verdict_record verdict;
	uint64_t key, confirmed_s;

	begin("classes: {business: {interim_verdict: pass, immediate: true}}\n");
	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	world_turn(&w);
	key = world_ticket(&w, 0);
	assert_int_equal(world_desk(&w, key, MW_TEV_CONTACTED, "spoke with him"), 0);
	load(key);
	w.now_s = ticket.deadline_s;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	assert_int_equal(verdict.expires_s, 0);
	assert_int_equal(world_desk(&w, key, MW_TEV_REPORT, "cleaned"), 0);
	confirmed_s = w.now_s;
	assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), 0);
	assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	assert_int_equal(verdict.expires_s, confirmed_s + 86400);
	assert_int_equal(mails("diverted"), 1);
	survives_restarts();
	w.now_s = confirmed_s + 86400;
	world_turn(&w);
	assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
	assert_false(says("\n0: "));
	end();
}

/* The ticket's verdict is in force the moment a person's has run out, not with the timer that
 * clears it: a control plane that was down meanwhile publishes the ticket's at once. */
static void a_person_before_the_ticket_until_it_expires(void **state)
{
	struct mw_verdict_record verdict;

	begin("");
	world_spam(&w, 0, 40, w.now_s);
	w.now_s += 60;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	set(0, MW_VERDICT_REJECT, w.now_s + 600);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	w.now_s += 599;
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_REJECT);
	world_close(&w);
	w.now_s += 1;
	world_open(&w); /* no timer has fired yet */
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	assert_string_equal(verdict.ticket, "MW-2026-000001");
	world_turn(&w);
	assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
	assert_int_equal(audited("verdict-clear", "acme", "it has expired"), 1);
	end();
}

/* Settings that no longer divert, by `drop` of the section's keys, while cases are at work. */
static void withdraw(const char *section)
{
	char text[512], error[MW_SETTINGS_ERROR_MAX] = "";

	snprintf(text, sizeof(text),
		"inspection_default: content\n"
		"mail: {from: desk@isp.example}\n%s",
		section);
	if (mw_settings_parse("test", text, strlen(text), &w.settings, error) != 0)
		fail_msg("%s", error);
	if (mw_apply_start(&w.apply, &w.core, &w.policy, w.dir, w.now_s, error, sizeof(error)) != 0)
		fail_msg("%s", error);
}

/* A case has its policy from the day it was opened; the right to hand content over it has from the
 * settings of now. Nobody is led to a gateway, or told that he is, when there is none or no basis
 * for it. */
static void nothing_is_diverted_anew_without_a_right(void **state)
{
	static const char *const sections[] = {
		"", "divert: {gateway: [198.51.100.9], address: [198.51.100.10]}\n"};
	struct mw_verdict_record verdict;
	uint64_t key;

	for (size_t i = 0; i < 2; i++) {
		/* a suspicion from before, now a case */
		begin("");
		world_spam(&w, 0, 6, w.now_s);
		w.now_s += 60;
		world_turn(&w);
		key = world_ticket(&w, 0);
		assert_int_equal(world_state(&w, key), MW_TICKET_SUSPECT);
		withdraw(sections[i]);
		world_spam(&w, 0, 40, w.now_s);
		w.now_s += 60;
		world_turn(&w);
		assert_int_equal(world_state(&w, key), MW_TICKET_OPEN);
		assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
		assert_int_equal(mails("diverted"), 0);
		assert_int_equal(audited("ticket.divert", "MW-2026-000001", ""), 0);
		end();

		/* one that is diverted: stays so, and is not led there again in probation */
		begin("");
		world_spam(&w, 0, 40, w.now_s);
		w.now_s += 60;
		world_turn(&w);
		key = world_ticket(&w, 0);
		assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
		withdraw(sections[i]);
		assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_DIVERT);
		assert_int_equal(world_desk(&w, key, MW_TEV_RENEW, "more"), -EPERM);
		assert_int_equal(world_desk(&w, key, MW_TEV_CONTACTED, "spoke with him"), 0);
		assert_int_equal(world_desk(&w, key, MW_TEV_REPORT, "cleaned"), 0);
		assert_int_equal(world_desk(&w, key, MW_TEV_CONFIRM, ""), 0);
		assert_int_equal(world_state(&w, key), MW_TICKET_PROBATION);
		assert_int_equal(world_verdict(&w, 0, &verdict), MW_VERDICT_PASS);
		assert_int_equal(mails("diverted"), 1);
		end();
	}
}

/* Settings in `policy` that another build has written are written anew, not stumbled over. */
static void settings_of_another_build(void **state)
{
	struct mw_policy_settings rec;
	struct mw_policy_txn txn;
	struct mw_span value;
	uint8_t octets[MW_POLICY_RECORD_MAX];
	size_t len;

	begin("");
	assert_int_equal(mw_policy_begin_write(&w.policy, &txn), 0);
	assert_true(mw_txn_get(&txn.txn, w.policy.meta, mw_span_str("settings"), &value));
	len = value.len;
	memcpy(octets, value.data, len);
	octets[0] = 2; /* without where diverted mail goes */
	mw_txn_put(&txn.txn, w.policy.meta, mw_span_str("settings"), mw_span_of(octets, len), 0);
	assert_int_equal(mw_policy_commit(&txn), 0);
	world_close(&w);
	world_open(&w);
	assert_int_equal(mw_policy_begin_read(&w.policy, &txn), 0);
	assert_true(mw_policy_get_settings(&txn, &rec));
	assert_true(mw_divert_configured(&rec.divert));
	mw_policy_end(&txn);
	end();
}

/* By what right the settings divert: once for each change of it. */
static void basis_is_recorded(void **state)
{
	begin(CLASS_DIVERTS);
	for (int i = 0; i < 3; i++)
		assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(audited("divert-basis", "divert", "business: all mail"), 1);
	assert_int_equal(audited("divert-basis", "divert", "basis: contract of 2026"), 1);
	snprintf(w.settings.divert.basis, sizeof(w.settings.divert.basis), "another contract");
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(audited("divert-basis", "divert", "basis: another contract"), 1);
	world_settings(&w.settings);
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(audited("divert-basis", "divert", "nobody"), 1);
	end();
	begin(""); /* interim and probation alone hand content over, too */
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(
		audited("divert-basis", "divert", "business: open cases and probation"), 1);
	settings("classes: {business: {probation_divert: 0}}\n");
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(audited("divert-basis", "divert", "business: open cases, "), 1);
	end();
	world_dir(&w, "divert"); /* who diverts nothing needs no entry */
	world_open(&w);
	assert_int_equal(mw_core_note_basis(&w.core, w.now_s), 0);
	assert_int_equal(audited("divert-basis", "divert", ""), 0);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(customer_before_class),
		cmocka_unit_test(another_class),
		cmocka_unit_test(line_before_customer),
		cmocka_unit_test(line_follows_its_customer),
		cmocka_unit_test(line_verdict_expires),
		cmocka_unit_test(line_leaves_its_customer),
		cmocka_unit_test(connections_are_counted),
		cmocka_unit_test(a_case_diverts),
		cmocka_unit_test(probation_through_the_gateway),
		cmocka_unit_test(a_person_before_the_ticket_until_it_expires),
		cmocka_unit_test(nothing_is_diverted_anew_without_a_right),
		cmocka_unit_test(settings_of_another_build),
		cmocka_unit_test(basis_is_recorded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
