/*
 * Tickets, their tasks, their history, the detector's states: each as octets in `cases`. Stores
 * what it is given; what should be in it is decided by controlplane/ticket and core.
 */
#ifndef MW_CONTROLPLANE_STORE_TICKETS_H
#define MW_CONTROLPLANE_STORE_TICKETS_H

#include "controlplane/detect/detect.h"
#include "controlplane/store/cases.h"
#include "controlplane/ticket/effect.h"

/* A ticket number as a key: year, then sequence. */
uint64_t mw_ticket_key(const struct mw_ticket_number *number);
struct mw_ticket_number mw_ticket_number_of(uint64_t key);

bool mw_ticket_get(struct mw_cases_txn *txn, uint64_t key, struct mw_ticket *out);
/* Stores it; `customer_index` keeps the list of open tickets, by mw_ticket_is_over(). */
void mw_ticket_put(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_ticket *ticket);
/* The customer's ticket that is not over; 0 none. */
uint64_t mw_ticket_open_of(struct mw_cases_txn *txn, uint32_t customer_index);
/* The next number of the year. */
struct mw_ticket_number mw_ticket_number_next(struct mw_cases_txn *txn, uint16_t year);
/* In the order of numbers; start with a walk over MW_TABLE_TICKETS. */
bool mw_ticket_next(struct mw_walk *walk, struct mw_ticket *out);

enum mw_task_state { MW_TASK_OPEN, MW_TASK_TAKEN, MW_TASK_DONE, MW_TASK_CLOSED };

struct mw_task {
	uint64_t id;
	uint64_t ticket;
	char customer[MW_CUSTOMER_ID_MAX];
	enum mw_task_kind kind;
	uint8_t contact; /* index in the ticket's contacts, MW_NO_CONTACT */
	char contact_name[MW_CONTACT_NAME_MAX];
	char phone[MW_CONTACT_PHONE_MAX];
	uint64_t created_s, due_s;
	enum mw_task_state state;
	char taken_by[MW_ACTOR_MAX];
	uint64_t ended_s;
	char outcome[32];
	char text[MW_EFFECT_TEXT_MAX]; /* what is to be done */
};

const char *mw_task_state_name(enum mw_task_state state);
/* A task with id 0 gets the next one. */
void mw_task_put(struct mw_cases_txn *txn, struct mw_task *task);
bool mw_task_get(struct mw_cases_txn *txn, uint64_t id, struct mw_task *out);
/* Tasks that are open or taken, by ticket, then id; start with a walk over MW_TABLE_OPEN_TASKS.
 * With a ticket other than 0: only his, start the walk from mw_key_u64(ticket). */
bool mw_task_next_open(struct mw_walk *walk, uint64_t ticket, struct mw_task *out);

struct mw_history {
	uint64_t time_s;
	char by[MW_ACTOR_MAX];
	char text[MW_EFFECT_TEXT_MAX];
};

#define MW_HISTORY_MAX                                                            \
	2000 /* lines of one ticket; more are refused quietly, the audit has them \
	      */

void mw_history_add(struct mw_cases_txn *txn, uint64_t ticket, const struct mw_history *entry);
struct mw_walk mw_history_walk(struct mw_cases_txn *txn, uint64_t ticket);
bool mw_history_next(struct mw_walk *walk, uint64_t ticket, struct mw_history *out);

struct mw_alarm {
	uint64_t number;
	uint64_t time_s;
	uint64_t ticket; /* 0 none */
	char text[MW_EFFECT_TEXT_MAX];
};

#define MW_ALARMS_MAX 200 /* the latest ones are kept */

void mw_alarm_add(struct mw_cases_txn *txn, uint64_t now_s, uint64_t ticket, const char *text);
/* Start with a walk over MW_TABLE_ALARMS. */
bool mw_alarm_next(struct mw_walk *walk, struct mw_alarm *out);

/* A zeroed state where there is none yet. */
void mw_detector_get(
	struct mw_cases_txn *txn, uint32_t customer_index, struct mw_detect_state *out);
void mw_detector_put(
	struct mw_cases_txn *txn, uint32_t customer_index, const struct mw_detect_state *state);

#endif
