/*
 * One case of one customer: everything the step function needs, in one flat value. It is copied,
 * encoded and compared as a whole; it points nowhere. Changed only by mw_ticket_step() (step.h).
 */
#ifndef MW_CONTROLPLANE_TICKET_TICKET_H
#define MW_CONTROLPLANE_TICKET_TICKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/contract/policy.h"

#define MW_TICKET_CONTACTS_MAX 16 /* of a customer; the importer refuses more */
#define MW_CONTACT_NAME_MAX    96 /* with the NUL, as all of these */
#define MW_CONTACT_PHONE_MAX   40
#define MW_CONTACT_EMAIL_MAX   255 /* RFC 5321 4.5.3.1.3: a path of 256 octets with its brackets */
#define MW_CONTACT_CHANNEL_MAX 32
#define MW_NOTE_MAX	       512
#define MW_MEASURES_MAX	       1024
#define MW_NO_CONTACT	       0xff  /* a contact index that is none of the list's */
#define MW_TICKET_RECORD_MAX   32768 /* no encoded ticket is longer */

enum mw_ticket_state {
	MW_TICKET_NONE,	      /* a zeroed ticket: not opened yet */
	MW_TICKET_SUSPECT,    /* a suspicion or a notice; nobody is called, nothing is refused */
	MW_TICKET_OPEN,	      /* the first call task waits for somebody to take it */
	MW_TICKET_CONTACTING, /* the contact list is being worked off */
	MW_TICKET_WORKING,    /* a conversation took place; support works with the customer */
	MW_TICKET_AWAITING,   /* the list is worked off; the clock runs, nobody was reached */
	MW_TICKET_DISABLED,   /* outbound mail is refused (verdict REJECT) */
	MW_TICKET_VERIFYING,  /* a valid report is there; support checks it */
	MW_TICKET_RESOLVED,   /* confirmed; waits until the verdict is in force again */
	MW_TICKET_PROBATION,
	MW_TICKET_CLOSED,
	MW_TICKET_UNFOUNDED,
	MW_TICKET_STATE_COUNT
};

enum mw_contact_role {
	MW_CONTACT_CONTACT,
	MW_CONTACT_TAM,
	MW_CONTACT_TAM_PERSON,
	MW_CONTACT_ROLE_COUNT
};

enum mw_call_outcome {
	MW_CALL_NONE, /* not called yet */
	MW_CALL_REACHED,
	MW_CALL_NO_ANSWER,
	MW_CALL_BUSY,
	MW_CALL_WRONG_NUMBER,
	MW_CALL_VOICEMAIL, /* a message was left */
	MW_CALL_OUTCOME_COUNT
};

enum mw_tam_state { MW_TAM_NONE, MW_TAM_ASKED, MW_TAM_REACHED, MW_TAM_FAILED, MW_TAM_STATE_COUNT };

enum mw_timer_kind {
	MW_TIMER_CALL_NEXT,    /* the spacing between two calls is over: the next call task */
	MW_TIMER_TASK_ALARM,   /* a call task nobody took */
	MW_TIMER_TAM_WAIT,     /* the TAM has not answered */
	MW_TIMER_MAIL_OVERDUE, /* the relay has not accepted the final mail */
	MW_TIMER_DEADLINE,     /* the customer's clock has run out */
	MW_TIMER_GRACE,	       /* a decision that was shown to a person first is due now */
	MW_TIMER_HARD_CAP,     /* the longest time from opening to a decision */
	MW_TIMER_THIRD_PARTY,  /* a third party's deadline, where no clock of ours runs */
	MW_TIMER_PAUSE_END,
	MW_TIMER_VERIFY_ALARM, /* a report nobody has checked */
	MW_TIMER_VERDICT,      /* the dataplane has not taken over a verdict */
	MW_TIMER_SUSPECT_END,
	MW_TIMER_PROBATION_END,
	MW_TIMER_DIVERT_ALARM, /* the divert ends soon unless a person renews it */
	MW_TIMER_DIVERT_END,   /* the longest time without a renewal is over */
	MW_TIMER_KIND_COUNT
};

struct mw_ticket_number {
	uint16_t year; /* 0: none */
	uint32_t seq;  /* 1..999999 */
};

struct mw_contact {
	uint16_t position; /* as in the customer's file; the list is sorted by it */
	enum mw_contact_role role;
	char name[MW_CONTACT_NAME_MAX];
	char phone[MW_CONTACT_PHONE_MAX]; /* "" none */
	char email[MW_CONTACT_EMAIL_MAX]; /* "" none */
	char channel[MW_CONTACT_CHANNEL_MAX];
};

struct mw_ticket_contact {
	struct mw_contact who;
	enum mw_call_outcome outcome; /* of the last call */
	uint8_t attempts;
	uint64_t called_s; /* 0: never */
};

struct mw_ticket_timer {
	enum mw_timer_kind kind;
	uint64_t due_s;
};

/* The class policy, copied at opening: a later change of settings does not move a running case,
 * but for what it may hand over. */
struct mw_ticket_policy {
	char class_name[MW_CLASS_MAX];
	uint32_t deadline_s; /* from the trigger (list worked off, or a conversation) to REJECT */
	uint32_t reopen_deadline_s; /* the same after spam in probation */
	uint32_t hard_cap_s;	    /* from opening to a decision, whatever else happens */
	uint32_t call_spacing_s;    /* between the outcome of a call and the next task; 0 at once */
	uint32_t task_alarm_s;	    /* a task nobody takes is an alarm after this */
	uint32_t tam_wait_s;	    /* a TAM who has not answered by then counts as failed */
	uint32_t mail_alarm_s;	    /* final mail not accepted by the relay: alarm after this */
	uint32_t grace_s; /* between showing a person and disabling (down time, call in progress) */
	uint32_t late_s;  /* a timer served later than this was missed while we were down */
	uint32_t reply_pause_s; /* a mailed, unjudged report pauses the clock once, this long */
	uint32_t verify_alarm_s;
	uint32_t suspect_s; /* a suspicion without new evidence is closed after this */
	uint32_t probation_s;
	uint32_t divert_max_s;	     /* DIVERT ends after this unless a person renews it */
	uint32_t probation_divert_s; /* DIVERT at the beginning of probation; 0: none */
	uint32_t ongoing_s;	     /* evidence younger than this: "the abuse still goes on" */
	uint16_t call_from_min;	 /* minutes of the local day in which calls are made, [from, to) */
	uint16_t call_to_min;	 /* equal to call_from_min: at any time */
	int16_t utc_offset_min;	 /* of the desk, when the ticket was opened */
	uint8_t call_attempts;	 /* calls per contact on no answer or busy, at least 1 */
	uint8_t reopen_calls;	 /* contacts called after spam in probation, at least 1 */
	enum mw_verdict interim; /* while the case is worked: PASS, RATE, DIVERT */
	bool immediate;		 /* conclusive evidence disables at once */
	bool require_ongoing;	 /* expiry disables only while the abuse goes on */
	bool critical;		 /* never disabled automatically */
	/* By what right content is handed over; "" none. Alone of these it follows the settings. */
	char divert_basis[MW_REASON_TEXT_MAX];
};

/* What a zeroed policy lacks: every field with its default of DESIGN.md section 7, 3 h deadline. */
void mw_ticket_policy_default(struct mw_ticket_policy *policy);

struct mw_ticket {
	struct mw_ticket_number number;
	char customer[MW_CUSTOMER_ID_MAX];
	enum mw_ticket_state state;
	uint32_t revision; /* grows by one with every accepted event */
	char reason[MW_REASON_TEXT_MAX];
	char postmaster[MW_CONTACT_EMAIL_MAX]; /* told when the list is empty; "" none */
	struct mw_ticket_policy policy;
	bool shared; /* more than one party behind the prefix: never automatically */

	uint64_t opened_s; /* also set anew when probation fails: the hard cap counts from here */
	uint64_t provider_knows_since_s;
	uint64_t customer_knows_since_s; /* 0: does not know yet */
	uint64_t clock_started_s;	 /* 0: no trigger yet */
	uint64_t deadline_s;		 /* 0: no clock runs */
	uint64_t disabled_since_s;	 /* 0: mail is not refused */
	uint64_t enabled_since_s;	 /* on probation since; mail dated before is no new spam */
	uint64_t last_evidence_s;
	uint64_t evidence_count;
	uint32_t reopened; /* how often probation failed */

	uint8_t contact_count;
	uint8_t contact_at; /* the contact now being called: CONTACTING(i) */
	struct mw_ticket_contact contacts[MW_TICKET_CONTACTS_MAX];
	enum mw_tam_state tam;
	bool call_in_progress; /* somebody took the call task */
	bool calls_done;       /* the list was gone through, nobody reached */
	bool final_queued;
	uint32_t final_revision; /* that asked for the final mail */
	bool worked_off; /* the relay accepted the final mail, or a person attested delivery */

	enum mw_verdict interim; /* in force while the case is worked; PASS when none */
	enum mw_verdict verdict; /* what this ticket asks for now */

	bool expiry_shown; /* the clock has run out and a person was shown it first */
	bool decision_due; /* the clock has run out and only a person may disable */
	bool dispute;
	bool hold;		/* legal hold: nothing of the case is deleted */
	uint64_t third_party_s; /* a third party's deadline, 0 none */
	bool paused;
	bool reply_pause_used;
	uint64_t pause_from_s; /* from here on the clock stands */
	uint64_t paused_until_s;
	char paused_by[MW_ACTOR_MAX];
	char pause_reason[MW_REASON_TEXT_MAX];

	char measures[MW_MEASURES_MAX]; /* of the last valid report */
	char reported_by[MW_ACTOR_MAX];
	uint64_t reported_s;

	uint8_t timer_count; /* at most one of a kind */
	struct mw_ticket_timer timers[MW_TIMER_KIND_COUNT];
};

const char *mw_ticket_state_name(enum mw_ticket_state state);	/* "open", "contacting" ... */
const char *mw_contact_role_name(enum mw_contact_role role);	/* contact tam tam-person */
const char *mw_call_outcome_name(enum mw_call_outcome outcome); /* reached no-answer busy ... */
const char *mw_tam_state_name(enum mw_tam_state state);
const char *mw_timer_kind_name(enum mw_timer_kind kind);
int mw_contact_role_parse(const char *name, enum mw_contact_role *out); /* 0 or -EINVAL */
int mw_call_outcome_parse(const char *name, enum mw_call_outcome *out); /* "none" is refused */

/* "MW-2026-000123" */
char *mw_ticket_number_format(const struct mw_ticket_number *number, char out[MW_TICKET_MAX]);
int mw_ticket_number_parse(const char *text, struct mw_ticket_number *out); /* 0 or -EINVAL */
bool mw_ticket_number_eq(const struct mw_ticket_number *a, const struct mw_ticket_number *b);

#define MW_TIME_TEXT_MAX 32
/* "2026-11-22 09:00:00 UTC", without libc's time zones. */
char *mw_ticket_time_format(uint64_t at_s, char out[MW_TIME_TEXT_MAX]);

/* Closed and unfounded tickets take no part any more. */
bool mw_ticket_is_over(const struct mw_ticket *ticket);
/* When the timer is due, 0 when it is not set. */
uint64_t mw_ticket_timer_due(const struct mw_ticket *ticket, enum mw_timer_kind kind);
/* The latest moment a decision may be put off to. */
uint64_t mw_ticket_cap_s(const struct mw_ticket *ticket);

#endif
