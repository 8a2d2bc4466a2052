/*
 * What follows from an accepted event, as data. The store writes all of it in the transaction that
 * holds the ticket's new revision; other hands carry it out afterwards. The order is the order of
 * the list. Nothing here acts.
 */
#ifndef MW_CONTROLPLANE_TICKET_EFFECT_H
#define MW_CONTROLPLANE_TICKET_EFFECT_H

#include "controlplane/ticket/event.h"

#define MW_EFFECTS_MAX	   40
#define MW_EFFECT_TEXT_MAX 640

enum mw_effect_kind {
	MW_EFFECT_CREATE_TASK,	 /* .task */
	MW_EFFECT_CLOSE_TASK,	 /* .task.kind, .task.contact; MW_NO_CONTACT: all of that kind */
	MW_EFFECT_QUEUE_MAIL,	 /* .mail */
	MW_EFFECT_SET_TIMER,	 /* .timer; replaces one of the same kind */
	MW_EFFECT_CANCEL_TIMER,	 /* .timer.kind */
	MW_EFFECT_SET_VERDICT,	 /* .verdict, text = reason */
	MW_EFFECT_CLEAR_VERDICT, /* back to PASS, text = reason */
	MW_EFFECT_ALARM,	 /* text: a person must look at this */
	MW_EFFECT_AUDIT,	 /* .action, text = object and detail; goes into the audit chain */
	MW_EFFECT_HISTORY,	 /* text: one line of the ticket's history */
	MW_EFFECT_KIND_COUNT
};

enum mw_task_kind {
	MW_TASK_CALL,	/* call .contact */
	MW_TASK_TAM,	/* ask the TAM (.contact), report his outcome */
	MW_TASK_JUDGE,	/* read a mailed reply: is it a report? */
	MW_TASK_VERIFY, /* check the reported measures */
	MW_TASK_DECIDE, /* the clock has run out, the machine may not or should not decide */
	MW_TASK_REVIEW, /* look afterwards at a release */
	MW_TASK_KIND_COUNT
};

/* Whom a mail goes to; a bit mask. Contacts without an address are left out by recipients(). */
enum {
	MW_TO_CONTACT = 1,     /* .mail.contact alone */
	MW_TO_CONTACTS = 2,    /* every contact of role `contact` */
	MW_TO_TAM = 4,	       /* roles `tam` */
	MW_TO_TAM_PERSONS = 8, /* roles `tam-person` */
	MW_TO_POSTMASTER = 16, /* ticket.postmaster */
	MW_TO_DESK = 32,       /* the abuse desk itself, from settings */
};

struct mw_effect {
	enum mw_effect_kind kind;
	union {
		struct {
			enum mw_task_kind kind;
			uint8_t contact; /* index in ticket.contacts, MW_NO_CONTACT */
			uint64_t due_s;	 /* from when it is to be done */
		} task;
		struct {
			enum mw_mail_kind kind;
			uint8_t to; /* mask of MW_TO_* */
			uint8_t contact;
		} mail;
		struct mw_ticket_timer timer;
		enum mw_verdict verdict;
		char action[32]; /* AUDIT: the event's name */
	};
	uint64_t until_s; /* SET_VERDICT: it ends by itself then; 0: it does not */
	char text[MW_EFFECT_TEXT_MAX];
};

struct mw_effect_list {
	uint32_t count;
	bool overflow; /* more than MW_EFFECTS_MAX; a defect, the step is refused */
	struct mw_effect item[MW_EFFECTS_MAX];
	char refusal[MW_EFFECT_TEXT_MAX]; /* one sentence for the desk when the step was refused */
};

const char *mw_effect_kind_name(enum mw_effect_kind kind);
const char *mw_task_kind_name(enum mw_task_kind kind); /* "call" "tam" "judge" "verify" ... */

/* The addresses a mail effect means, each once, in list order, without the desk's. `out` points
 * into the ticket. How many; at most MW_TICKET_CONTACTS_MAX + 1. */
size_t mw_effect_recipients(const struct mw_effect *effect, const struct mw_ticket *ticket,
	const char *out[MW_TICKET_CONTACTS_MAX + 1]);

#endif
