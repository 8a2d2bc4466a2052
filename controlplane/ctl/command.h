/*
 * A command from the socket: what it is given, what it answers. One function a verb; each opens its
 * own transaction, decides through core, publishes through apply, and only then answers, so that a
 * person who reads "done" can rely on it.
 */
#ifndef MW_CONTROLPLANE_CTL_COMMAND_H
#define MW_CONTROLPLANE_CTL_COMMAND_H

#include <jansson.h>
#include <stdio.h>

#include "controlplane/apply/apply.h"
#include "controlplane/ctl/grammar.h"
#include "controlplane/ctl/wire.h"
#include "controlplane/store/customers.h"

struct mw_rules_job;

/* What the daemon lends to every command. */
struct mw_ctl {
	struct mw_core *core;
	struct mw_apply *apply;
	struct mw_events *events; /* NULL as long as the dataplane has not made them */
	struct mw_rules_job *rules;
	const char *version;
	const char *replay_program; /* for `rules test`; "" when there is none */
	bool any_class;		    /* without settings nobody knows which classes there are */
	uint64_t started_s;
	uint64_t commands, commands_refused;
};

struct mw_reply {
	int exit;
	char error[1024];
	char *out; /* malloc'd octets for stdout, may be NULL */
	size_t out_len;
	bool later; /* the answer comes from a job: the server keeps the connection */
};

struct mw_command {
	struct mw_ctl *ctl;
	const struct mw_arguments *arguments;
	struct mw_span data; /* of the file that came along */
	bool json;
	char actor[MW_ACTOR_MAX];
	uint64_t now_s;
	uint64_t client; /* the server's number of the connection, for jobs */
	struct mw_reply *reply;
	FILE *out;  /* standard output of weirctl */
	FILE *text; /* what a person reads: the same, thrown away in JSON mode */
};

/* Runs one request head and its data. Never fails: what is wrong is in the reply. */
void mw_ctl_run(struct mw_ctl *ctl, struct mw_span head, struct mw_span data, const char *peer,
	uint64_t client, uint64_t now_s, struct mw_reply *reply);

/* Verbs, by file. */
void mw_cmd_customer(struct mw_command *c);
void mw_cmd_contact(struct mw_command *c);
void mw_cmd_import_customers(struct mw_command *c);
void mw_cmd_import_contacts(struct mw_command *c);
void mw_cmd_verdict(struct mw_command *c);
void mw_cmd_ticket(struct mw_command *c);     /* list show open */
void mw_cmd_ticket_act(struct mw_command *c); /* everything that moves a ticket */
void mw_cmd_task(struct mw_command *c);
void mw_cmd_evidence(struct mw_command *c);
void mw_cmd_rules(struct mw_command *c);
void mw_cmd_audit(struct mw_command *c);
void mw_cmd_report(struct mw_command *c);
void mw_cmd_status(struct mw_command *c);

/* --- answering (reply.c) --- */

/* The command fails with this sentence. */
__attribute__((format(printf, 3, 4))) void mw_refuse(
	struct mw_command *c, int exit, const char *format, ...);
/* In JSON mode the document is the answer; takes the reference. */
void mw_answer(struct mw_command *c, json_t *document);
/* Commits `txn` (unless something failed before), publishes. False, with a refusal, when it did not
 * work; then nothing was stored. */
bool mw_commit(struct mw_command *c, struct mw_cases_txn *txn);

/* Text for a terminal: control characters, broken UTF-8 and direction marks become \xNN. Returns
 * how many columns it took; pads with spaces up to `width`. */
size_t mw_text(FILE *out, const char *text, size_t width);
/* "12 min ago", "in 3 h 05 min", with the time itself: for people. */
void mw_text_time(FILE *out, uint64_t s, uint64_t now_s);

struct mw_column {
	const char *key;   /* of the object */
	const char *title; /* above the column */
	enum {
		MW_COLUMN_TEXT,
		MW_COLUMN_TIME,
		MW_COLUMN_COUNT
	} kind; /* COUNT: length of an array */
};

/* An array of objects as an aligned table. */
void mw_table(struct mw_command *c, const json_t *rows, const struct mw_column *columns,
	size_t count, const char *when_empty);

/* JSON of things from outside: invalid UTF-8 is replaced. */
json_t *mw_json_text(const char *text);
/* A time: null for 0. */
json_t *mw_json_time(uint64_t s);
/* Text or null when it is empty. */
json_t *mw_json_text_or_null(const char *text);

/* "2h", "90s", "1d", "2026-11-23T10:00Z", seconds since the epoch → the moment. 0: unreadable. */
uint64_t mw_moment(const char *text, uint64_t now_s);
/* Copies what a person wrote: valid UTF-8 in one line, printable. False with a refusal else. */
bool mw_take_text(
	struct mw_command *c, const char *what, const char *in, char *out, size_t out_size);
/* The same, printable ASCII only: it ends in the policy record. */
bool mw_take_ascii(
	struct mw_command *c, const char *what, const char *in, char *out, size_t out_size);

/* --- documents used by several verbs --- */
json_t *mw_doc_customer(
	struct mw_command *c, struct mw_cases_txn *txn, const struct mw_desk_customer *customer);
/* What the customer may send in an hour as long as he is under RATE, 0 for no limit; null under any
 * other verdict. */
json_t *mw_doc_rate(const struct mw_command *c, const struct mw_desk_customer *customer,
	enum mw_verdict verdict);
/* The same as a sentence of its own: "60 messages, 300 recipients, no limit of connections". */
void mw_text_rate(FILE *out, const json_t *rate);
/* Whose verdict counts: "person", "ticket" or "class". `rec` as of mw_apply_verdict(). */
const char *mw_verdict_of(struct mw_cases_txn *txn, const struct mw_verdict_record *rec);
json_t *mw_doc_contacts(struct mw_cases_txn *txn, const char *customer);
json_t *mw_doc_ticket(
	struct mw_command *c, struct mw_cases_txn *txn, const struct mw_ticket *ticket);
json_t *mw_doc_task(const struct mw_task *task);
json_t *mw_doc_tasks(struct mw_cases_txn *txn, uint64_t ticket);
/* What a person should do next with this ticket, one line. */
void mw_next_step(
	struct mw_cases_txn *txn, const struct mw_ticket *ticket, char *out, size_t out_size);
/* A ticket by its number as a person writes it. False with a refusal. */
bool mw_take_ticket(
	struct mw_command *c, const char *text, struct mw_cases_txn *txn, uint64_t *key);
/* Tells in text what a ticket has become. */
void mw_tell_ticket(struct mw_command *c, struct mw_cases_txn *txn, uint64_t key);

#endif
