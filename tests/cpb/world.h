/*
 * A control plane in a process of a test: the three environments in a directory of their own, time
 * as a number, a relay that is a file, a dataplane that is a function. Nothing sleeps.
 */
#ifndef MW_TESTS_CPB_WORLD_H
#define MW_TESTS_CPB_WORLD_H

#include "controlplane/apply/apply.h"
#include "controlplane/store/customers.h"

#define NOON 1790000000u /* some day in 2026, UTC */

struct world {
	char dir[256];
	uint64_t now_s;
	unsigned cases_mib;
	struct mw_settings settings;
	struct mw_cases cases;
	struct mw_env policy_env, events_env;
	struct mw_policy policy;
	struct mw_events events; /* written by the test, read by core */
	struct mw_core core;
	struct mw_apply apply;
};

void world_dir(struct world *w, const char *name); /* makes a fresh directory */
void world_remove(const struct world *w);
void world_settings(struct mw_settings *settings);
/* Opens all, starts apply. The same directory may be opened again after a close or a death. */
void world_open(struct world *w);
void world_close(struct world *w);
/* The audit chain is whole; closes, and removes the directory. */
void world_end(struct world *w);

/* A customer with one line and so many contacts (phone and address each). */
void world_customer(struct world *w, const char *id, const char *prefix, unsigned contacts);
/* Spam-like messages as the dataplane would report them, one a second, all different. */
void world_spam(struct world *w, uint32_t customer_index, unsigned count, uint64_t first_s);

/* Connections of a customer under DIVERT, as the dataplane would report them. */
void world_diverted(struct world *w, uint32_t customer_index, uint32_t diverted, uint32_t passed,
	uint32_t put_off, uint32_t refused);

/* One round of the daemon's loop: timers, events, publication. */
void world_turn(struct world *w);
/* Hands every due mail to the relay, which notes its Message-ID in DIR/relay and accepts it. */
unsigned world_relay(struct world *w, enum mw_mail_outcome outcome);

uint64_t world_ticket(struct world *w, uint32_t customer_index); /* the open one; 0 */
enum mw_ticket_state world_state(struct world *w, uint64_t ticket);
bool world_task(struct world *w, enum mw_task_kind kind, struct mw_task *out);
/* The verdict as the dataplane reads it. */
enum mw_verdict world_verdict(
	struct world *w, uint32_t customer_index, struct mw_verdict_record *out);
/* The desk acts; 0 or the refusal's errno. */
int world_desk(struct world *w, uint64_t ticket, enum mw_ticket_event_kind kind, const char *text);
int world_call(struct world *w, struct mw_task *task, enum mw_call_outcome outcome);

#endif
