/*
 * Kill -9 at every step of a ticket: before and after each commit of `cases`, before and after each
 * of `policy`, and between the relay's taking a mail and our noting it. What is left is opened
 * again and goes on; in the end history, verdict, audit and the mails sent are those of an
 * undisturbed run. Only a mail may have left twice, with the same Message-ID.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/store/audit.h"
#include "controlplane/store/diverted.h"
#include "controlplane/store/timers.h"
#include "world.h"

static unsigned steps, die_at;

static void step(void *ctx, const char *name)
{
	if (++steps == die_at)
		raise(SIGKILL);
}

static void path_of(const struct world *w, const char *name, char *out, size_t size)
{
	snprintf(out, size, "%s/%s", w->dir, name);
}

static void save_now(const struct world *w)
{
	char path[300], fresh[300];
	FILE *out;

	path_of(w, "now", path, sizeof(path));
	path_of(w, "now.new", fresh, sizeof(fresh));
	out = fopen(fresh, "w");
	assert_non_null(out);
	fprintf(out, "%" PRIu64, w->now_s);
	fclose(out);
	assert_int_equal(rename(fresh, path), 0);
}

static void load_now(struct world *w)
{
	char path[300];
	FILE *in;

	path_of(w, "now", path, sizeof(path));
	in = fopen(path, "r");
	assert_non_null(in);
	assert_int_equal(fscanf(in, "%" SCNu64, &w->now_s), 1);
	fclose(in);
}

/* Whatever the store says is to be done next, is done: so it can begin anywhere. */
static void play(struct world *w)
{
	static struct mw_ticket ticket;
	struct mw_task task;

	for (unsigned round = 0; round < 300; round++) {
		struct mw_cases_txn txn;
		uint64_t key, due;

		world_turn(w);
		world_relay(w, MW_MAIL_ACCEPTED);
		key = world_ticket(w, 0);
		if (key == 0)
			return;
		txn = mw_cases_read(&w->cases);
		mw_ticket_get(&txn, key, &ticket);
		due = mw_timer_next_due(&txn);
		mw_cases_abort(&txn);
		if (world_task(w, MW_TASK_CALL, &task))
			assert_int_equal(world_call(w, &task, MW_CALL_NO_ANSWER), 0);
		else if (ticket.state == MW_TICKET_DISABLED)
			assert_int_equal(world_desk(w, key, MW_TEV_REPORT, "cleaned"), 0);
		else if (ticket.state == MW_TICKET_VERIFYING)
			assert_int_equal(world_desk(w, key, MW_TEV_CONFIRM, ""), 0);
		else {
			assert_true(due != UINT64_MAX);
			w->now_s = due > w->now_s ? due : w->now_s;
			save_now(w);
		}
	}
	fail_msg("the case does not end");
}

/* In a process of its own. `prepare` also makes the customer and the spam. */
static int run(const struct world *base, bool prepare, unsigned kill_at)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		static struct world w;

		w = *base;
		if (!prepare)
			load_now(&w);
		world_open(&w);
		if (prepare) {
			world_customer(&w, "acme", "192.0.2.0/24", 2);
			world_spam(&w, 0, 30, w.now_s);
			world_diverted(&w, 0, 7, 1, 2, 3);
			w.now_s += 60;
			save_now(&w);
		}
		steps = 0;
		die_at = kill_at;
		w.cases.step = step;
		play(&w);
		w.cases.step = NULL;
		world_close(&w);
		_exit(steps < 250 ? (int)steps : 250);
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The mails the relay saw, each once, in order of their ids; how many came twice. */
static unsigned mails(const struct world *w, FILE *out)
{
	char path[300], line[300], *lines[200];
	unsigned count = 0, twice = 0;
	FILE *in;

	path_of(w, "relay", path, sizeof(path));
	in = fopen(path, "r");
	if (in == NULL)
		return 0;
	while (count < 200 && fgets(line, sizeof(line), in) != NULL)
		lines[count++] = strdup(line);
	fclose(in);
	qsort(lines, count, sizeof(lines[0]), compare_lines);
	for (unsigned i = 0; i < count; i++) {
		if (i > 0 && strcmp(lines[i], lines[i - 1]) == 0)
			twice++;
		else
			fputs(lines[i], out);
	}
	for (unsigned i = 0; i < count; i++)
		free(lines[i]);
	return twice;
}

/* Everything that must be the same in the end, as text, times included. */
static char *digest(const struct world *base, unsigned *twice)
{
	static struct world w;
	static struct mw_ticket ticket;
	struct mw_verdict_record verdict;
	struct mw_diverted diverted;
	struct mw_history entry;
	struct mw_audit_check check;
	struct mw_cases_txn txn;
	struct mw_walk walk;
	struct mw_audit audit;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	w = *base;
	load_now(&w);
	world_open(&w);
	fprintf(out, "verdict %d\n", (int)world_verdict(&w, 0, &verdict));
	txn = mw_cases_read(&w.cases);
	mw_diverted_get(&txn, 0, &diverted);
	fprintf(out, "diverted %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
		diverted.diverted, diverted.passed, diverted.put_off, diverted.refused);
	walk = mw_walk_from(&txn, MW_TABLE_TICKETS, mw_span_of("", 0));
	while (mw_ticket_next(&walk, &ticket)) {
		struct mw_walk lines = mw_history_walk(&txn, mw_ticket_key(&ticket.number));

		fprintf(out, "ticket %" PRIu64 " %s revision %u evidence %" PRIu64 "\n",
			mw_ticket_key(&ticket.number), mw_ticket_state_name(ticket.state),
			ticket.revision, ticket.evidence_count);
		while (mw_history_next(&lines, mw_ticket_key(&ticket.number), &entry))
			fprintf(out, "%" PRIu64 " %s: %s\n", entry.time_s, entry.by, entry.text);
		mw_walk_end(&lines);
	}
	mw_walk_end(&walk);
	mw_audit_verify(&txn, &check);
	fprintf(out, "audit %" PRIu64 " %s\n", check.entries, check.sentence);
	walk = mw_walk_from(&txn, MW_TABLE_AUDIT, mw_span_of("", 0));
	while (mw_walk_next(&walk, mw_span_of("", 0))) {
		assert_int_equal(mw_audit_decode(mw_key_read_u64(walk.key), walk.value, &audit), 0);
		fprintf(out, "%" PRIu64 " %s %s %s\n", audit.time_s, audit.actor, audit.action,
			audit.detail);
	}
	mw_walk_end(&walk);
	fprintf(out, "cursor %" PRIu64 " tasks %" PRIu64 " timers %" PRIu64 " due %" PRIu64 "\n",
		mw_meta_get(&txn, "events_cursor"), mw_meta_get(&txn, "task_id"),
		mw_cases_count(&txn, MW_TABLE_TIMERS), mw_cases_count(&txn, MW_TABLE_OUTBOX_DUE));
	mw_cases_abort(&txn);
	world_close(&w);
	*twice = mails(base, out);
	fclose(out);
	return text;
}

/* The settings of a directory; NULL: those of every world. */
static void world_of(struct world *base, const char *settings)
{
	char error[MW_SETTINGS_ERROR_MAX] = "";

	world_dir(base, "crash");
	if (settings != NULL &&
		mw_settings_parse("test", settings, strlen(settings), &base->settings, error) != 0)
		fail_msg("%s", error);
}

/* `parts`: what an undisturbed case must have in its history and audit, NULL behind the last. */
static void killed_at_every_step(const char *settings, const char *const *parts)
{
	static struct world base;
	unsigned twice, total, status, at_once = 0;
	char *wanted, *found;

	world_of(&base, settings);
	status = (unsigned)run(&base, true, 0);
	assert_true(WIFEXITED(status));
	total = WEXITSTATUS(status);
	assert_in_range(total, 30, 249);
	wanted = digest(&base, &twice);
	assert_int_equal(twice, 0);
	assert_non_null(strstr(wanted, "diverted 7 1 2 3\n"));
	for (; *parts != NULL; parts++)
		if (strstr(wanted, *parts) == NULL)
			fail_msg("no \"%s\" in\n%s", *parts, wanted);
	world_remove(&base);
	for (unsigned at = 1; at <= total; at++) {
		world_of(&base, settings);
		status = (unsigned)run(&base, true, at);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
			fail_msg("step %u: not killed there (status %x)", at, status);
		status = (unsigned)run(&base, false, 0);
		if (!WIFEXITED(status))
			fail_msg("step %u: the second run did not end (status %x)", at, status);
		found = digest(&base, &twice);
		if (strcmp(found, wanted) != 0)
			fail_msg("killed at step %u of %u, found:\n%s\nwanted:\n%s", at, total,
				found, wanted);
		assert_in_range(twice, 0, 1);
		at_once += twice;
		free(found);
		world_remove(&base);
	}
	/* The only thing that may happen twice, did: else the test did not look there. */
	assert_true(at_once > 0);
	print_message("# killed at %u steps, %u mails left twice\n", total, at_once);
	free(wanted);
}

static void refused_at_the_deadline(void **state)
{
	static const char *const parts[] = {"-> disabled", "closed revision", NULL};

	killed_at_every_step(NULL, parts);
}

/* The notice of the gateway, its basis and its end are stored with the verdict, or none of them. */
static void through_the_gateway(void **state)
{
	static const char settings[] = "inspection_default: content-sample\n"
				       "mail: {from: abuse@example.net}\n"
				       "divert:\n"
				       "  gateway: [198.51.100.9]\n"
				       "  address: [198.51.100.10]\n"
				       "  basis: contract of 2026\n"
				       "  max: 2h\n";
	static const char *const parts[] = {
		"interim verdict while the case is worked; basis: contract", "timer divert-alarm",
		"timer divert-end", "-> disabled", "the beginning of probation; basis: contract",
		"closed revision", ".diverted.1@", NULL};

	killed_at_every_step(settings, parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused_at_the_deadline),
		cmocka_unit_test(through_the_gateway),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
