/*
 * The settings file: YAML, one typed structure. An unknown key, a wrong type, a value out of range,
 * a key given twice or one that must be named and is not are errors that name file, line and key;
 * then nothing is taken. docs/mailweir.example.yaml explains every key. Read at start and on
 * reload.
 */
#ifndef MW_CONTROLPLANE_INPUT_SETTINGS_H
#define MW_CONTROLPLANE_INPUT_SETTINGS_H

#include "common/contract/policy.h"
#include "controlplane/detect/detect.h"
#include "controlplane/notify/mailer.h"
#include "controlplane/ticket/ticket.h"

#define MW_SETTINGS_CLASSES_MAX 16
#define MW_SETTINGS_RULES_MAX	32
#define MW_SETTINGS_PATH_MAX	256
#define MW_SETTINGS_ERROR_MAX	512

struct mw_class_policy {
	char name[MW_CLASS_MAX];
	enum mw_inspection inspection; /* inspection_default unless the class names one */
	bool shared; /* CGNAT pools, shared relays: nothing is refused automatically */
	int32_t spam_threshold_milli;
	struct mw_rate rate;		/* of the whole customer, when his verdict is RATE */
	enum mw_verdict verdict;	/* PASS or DIVERT: where none was set for the customer */
	struct mw_ticket_policy ticket; /* class_name set */
	struct mw_detect_policy detect;
};

struct mw_settings {
	char state_dir[MW_SETTINGS_PATH_MAX];	/* "" unless given; --state wins */
	char socket_path[MW_SETTINGS_PATH_MAX]; /* "" : STATE/control.sock */
	enum mw_inspection inspection_default;	/* must be named in the file */
	char default_class[MW_CLASS_MAX];	/* of the classes below */

	struct {
		char name[128], phone[64], email[MW_CONTACT_EMAIL_MAX];
		char remedies_url[256];
	} desk;
	struct {
		struct mw_relay relay;
		char from[MW_CONTACT_EMAIL_MAX];
		char from_name[128];
		char reply_to[MW_CONTACT_EMAIL_MAX];
		char message_id_domain[128];
		char postmaster[MW_CONTACT_EMAIL_MAX]; /* told when a customer has no contacts, ""
							  none */
	} mail;
	struct {
		char address[MW_IP_TEXT_MAX];
		uint16_t port; /* 0: no metrics */
	} metrics;
	struct {
		uint16_t ports[8];
		uint8_t port_count;
		bool refuse_worm, refuse_spam, refuse_smuggling;
		bool observe; /* verdicts are reported as they would be, and not acted on */
		uint8_t reachable_count;
		struct mw_prefix reachable[MW_REACHABLE_MAX]; /* no verdict keeps anybody away */
		enum mw_reject_at reject_at;
		uint32_t scan_budget_us, hold_max_ms;
		char banner_name[128];
		/* "%t" the ticket, "%p" the desk's phone, "%e" its address, "%n" its name, "%%" a
		 * percent sign */
		char reject_reply[MW_REPLY_TEXT_MAX];
		char rate_reply[MW_REPLY_TEXT_MAX];   /* the same, behind "450 4.7.1 " */
		char refuse_reply[MW_REPLY_TEXT_MAX]; /* the same without "%t": no ticket yet */
	} smtp;
	struct {
		struct mw_divert_settings gateway; /* as the dataplane follows it */
		uint32_t check_every_s, check_timeout_s;
		bool everybody; /* DIVERT is the verdict of each class that does not name one */
		uint32_t max_s; /* the longest time a ticket diverts before a person renews it */
		char basis[MW_REASON_TEXT_MAX]; /* by what right content is handed over */
		char reply[MW_REPLY_TEXT_MAX];	/* the places of rate_reply */
	} divert;
	struct {
		uint32_t events_mib, policy_mib, cases_mib;
	} store;
	struct {
		uint32_t evidence_days;
		uint32_t evidence_per_ticket;
	} retention;

	uint8_t rules_count;
	char rules[MW_SETTINGS_RULES_MAX][MW_SETTINGS_PATH_MAX];
	uint8_t class_count;
	struct mw_class_policy classes[MW_SETTINGS_CLASSES_MAX];
};

/* Every default; `inspection_default` is left unnamed, so a file must still be read. */
void mw_settings_default(struct mw_settings *out);
/* 0, or -EINVAL / the errno of reading, with "FILE:LINE: key: sentence" in `error`. */
int mw_settings_load(const char *path, struct mw_settings *out, char error[MW_SETTINGS_ERROR_MAX]);
/* The same from memory; `name` stands for the file in errors. */
int mw_settings_parse(const char *name, const char *text, size_t len, struct mw_settings *out,
	char error[MW_SETTINGS_ERROR_MAX]);
/* NULL when there is no class of that name. */
const struct mw_class_policy *mw_settings_class(
	const struct mw_settings *settings, const char *name);
/* False: a customer of this class under RATE would send whatever he likes. */
bool mw_settings_class_limits(const struct mw_class_policy *class_policy);
/* NULL when mail may be led to the gateway without a person's decision (class, interim verdict,
 * probation), else a sentence that says what is missing. */
const char *mw_settings_may_divert(const struct mw_settings *settings);
/* What the dataplane follows; ruleset path and generation are the caller's. */
void mw_settings_to_policy(const struct mw_settings *settings, struct mw_policy_settings *out);
/* The responder's text for a ticket: reject_reply filled in, printable ASCII, cut to its limit. */
void mw_settings_reject_reply(
	const struct mw_settings *settings, const char *ticket, char out[MW_REPLY_TEXT_MAX]);
/* The same of rate_reply, for a customer under RATE who is over his limit. */
void mw_settings_rate_reply(
	const struct mw_settings *settings, const char *ticket, char out[MW_REPLY_TEXT_MAX]);
/* The same of divert.reply, while the gateway is down and mail is not to pass it by. */
void mw_settings_divert_reply(
	const struct mw_settings *settings, const char *ticket, char out[MW_REPLY_TEXT_MAX]);

#endif
