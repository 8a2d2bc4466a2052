/*
 * What can happen to a ticket, as data. The daemon builds one from a command, a timer, a mail
 * result or the detector, and hands it to mw_ticket_step(). Strings are already valid UTF-8 and
 * bounded; who may do what was checked before.
 */
#ifndef MW_CONTROLPLANE_TICKET_EVENT_H
#define MW_CONTROLPLANE_TICKET_EVENT_H

#include "controlplane/ticket/ticket.h"

enum mw_ticket_event_kind {
	MW_TEV_OPENED,	      /* .opened; only on a zeroed ticket */
	MW_TEV_EVIDENCE,      /* .evidence; new evidence joins the ticket */
	MW_TEV_CALL_STARTED,  /* .call.contact: somebody took the call task */
	MW_TEV_CALL_OUTCOME,  /* .call */
	MW_TEV_CONTACTED,     /* .call.contact or MW_NO_CONTACT, text: the customer spoke with us */
	MW_TEV_TAM_OUTCOME,   /* .tam */
	MW_TEV_MAIL_ACCEPTED, /* .mail: the relay took it */
	MW_TEV_MAIL_FAILED,   /* .mail: the relay refused it for good (5xx), or we gave up */
	MW_TEV_TIMER,	      /* .timer: exactly as it stands in the ticket */
	MW_TEV_REPORT,	      /* .report: a person at the desk takes the customer's report */
	MW_TEV_REPLY_MAIL,    /* a mailed report, unjudged */
	MW_TEV_CONFIRM,	      /* support has checked: the problem is solved */
	MW_TEV_REFUTE,	      /* support has checked: it is not */
	MW_TEV_NOTE,	      /* text */
	MW_TEV_PAUSE,	      /* .until_s, text = reason */
	MW_TEV_RESUME,
	MW_TEV_EXTEND,	    /* .until_s = the new deadline, text = reason */
	MW_TEV_DISPUTE,	    /* .on, text */
	MW_TEV_HOLD,	    /* .on, text */
	MW_TEV_THIRD_PARTY, /* .until_s = his deadline, text */
	MW_TEV_ATTEST,	    /* a person attests that the notice was delivered otherwise */
	MW_TEV_DISABLE,	    /* a person decides, where the machine may not (critical, shared) */
	MW_TEV_UNFOUNDED,   /* text */
	MW_TEV_RELEASE,	    /* wrong attribution: mail flows at once, reviewed afterwards */
	MW_TEV_VERDICT_EFFECTIVE, /* .verdict: the policy commit with it was published */
	MW_TEV_RENEW, /* text = reason: the customer's mail goes on through the gateway */
	MW_TEV_KIND_COUNT
};

/* How a case begins. */
enum mw_opening {
	MW_OPENING_SUSPICION,	 /* CUSUM, a first small offence: noted, a notice is mailed */
	MW_OPENING_CONSIDERABLE, /* a considerable number, a credible complaint, the desk */
	MW_OPENING_CONCLUSIVE, /* a worm by hash, a spam trap together with an own session record */
	MW_OPENING_COUNT
};

/* Mails a ticket asks for. */
enum mw_mail_kind {
	MW_MAIL_NOTICE,	   /* a first small offence */
	MW_MAIL_FOLLOW_UP, /* to one contact after a call in vain */
	MW_MAIL_FINAL,	   /* to all: the formal warning; when accepted the list is worked off */
	MW_MAIL_TAM,	   /* asks the technical account manager */
	MW_MAIL_DISABLED,  /* to everybody */
	MW_MAIL_ENABLED,   /* to everybody */
	MW_MAIL_WITHDRAWN, /* to everybody who was told: the case was unfounded */
	MW_MAIL_DIVERTED,  /* to everybody: his mail goes through the antivirus gateway */
	MW_MAIL_KIND_COUNT
};

struct mw_ticket_event {
	enum mw_ticket_event_kind kind;
	char by[MW_ACTOR_MAX];	/* who did it: a person, "detector", "timer", "relay" ... */
	char text[MW_NOTE_MAX]; /* note, reason or result; "" none */
	uint64_t until_s;	/* PAUSE, EXTEND, THIRD_PARTY */
	bool on;		/* DISPUTE, HOLD: set or lifted */
	union {
		struct {
			struct mw_ticket_number number;
			char customer[MW_CUSTOMER_ID_MAX];
			char reason[MW_REASON_TEXT_MAX];
			char postmaster[MW_CONTACT_EMAIL_MAX];
			enum mw_opening how;
			struct mw_ticket_policy policy;
			bool shared;
			uint64_t provider_knows_since_s; /* 0: now */
			uint64_t evidence_count;
			uint8_t contact_count;
			struct mw_contact contacts[MW_TICKET_CONTACTS_MAX]; /* sorted by position */
		} opened;
		struct {
			uint64_t count;		 /* pieces of evidence, at least 1 */
			uint64_t event_s;	 /* when the last of it was seen on the wire */
			uint64_t message_date_s; /* Date of the message, 0 unknown */
			bool considerable;	 /* the detector says: a considerable number */
			bool conclusive;	 /* a worm by hash and the like */
		} evidence;
		struct {
			uint8_t contact; /* index in ticket.contacts */
			enum mw_call_outcome outcome;
		} call;
		struct {
			bool reached;
		} tam;
		struct {
			enum mw_mail_kind mail;
			uint32_t revision; /* of the ticket that asked for it; 0: not checked */
		} mail;
		struct mw_ticket_timer timer;
		struct {
			struct mw_ticket_number number; /* as the customer gave it */
			char measures[MW_MEASURES_MAX];
		} report;
		enum mw_verdict verdict;
	};
};

const char *mw_ticket_event_name(enum mw_ticket_event_kind kind); /* "call-outcome" ... */
const char *mw_mail_kind_name(enum mw_mail_kind kind);		  /* "follow-up" ... */
int mw_mail_kind_parse(const char *name, enum mw_mail_kind *out);

#endif
