/* One request: read its head, find who asks, run the verb, put the answer together. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ctl/command.h"

static void not_built(struct mw_command *c)
{
	mw_refuse(c, MW_EXIT_REFUSED, "%s %s is not in this build: nothing was taken in",
		c->arguments->grammar->noun, c->arguments->grammar->verb);
}

static void dispatch(struct mw_command *c)
{
	switch (c->arguments->grammar->id) {
	case MW_VERB_CUSTOMER_IMPORT:
	case MW_VERB_CUSTOMER_LIST:
	case MW_VERB_CUSTOMER_SHOW:
	case MW_VERB_CUSTOMER_SET:
		mw_cmd_customer(c);
		break;
	case MW_VERB_CONTACT_IMPORT:
	case MW_VERB_CONTACT_LIST:
		mw_cmd_contact(c);
		break;
	case MW_VERB_VERDICT_SET:
	case MW_VERB_VERDICT_CLEAR:
	case MW_VERB_VERDICT_LIST:
		mw_cmd_verdict(c);
		break;
	case MW_VERB_TICKET_LIST:
	case MW_VERB_TICKET_SHOW:
	case MW_VERB_TICKET_OPEN:
		mw_cmd_ticket(c);
		break;
	case MW_VERB_TASK_LIST:
	case MW_VERB_TASK_TAKE:
	case MW_VERB_TASK_OUTCOME:
		mw_cmd_task(c);
		break;
	case MW_VERB_COMPLAINT_SUBMIT:
	case MW_VERB_MAIL_INGEST:
		not_built(c);
		break;
	case MW_VERB_EVIDENCE_SHOW:
		mw_cmd_evidence(c);
		break;
	case MW_VERB_RULES_LOAD:
	case MW_VERB_RULES_LIST:
	case MW_VERB_RULES_TEST:
		mw_cmd_rules(c);
		break;
	case MW_VERB_AUDIT_SHOW:
	case MW_VERB_AUDIT_VERIFY:
		mw_cmd_audit(c);
		break;
	case MW_VERB_REPORT:
		mw_cmd_report(c);
		break;
	case MW_VERB_STATUS:
		mw_cmd_status(c);
		break;
	default:
		mw_cmd_ticket_act(c);
		break;
	}
}

/* Who acts: the peer of the socket, and the name he gives himself beside it, never instead of it.
 */
static bool name_actor(struct mw_command *c, const char *peer, const char *as)
{
	if (as == NULL || as[0] == '\0' || strcmp(as, peer) == 0) {
		snprintf(c->actor, sizeof(c->actor), "%s", peer);
		return true;
	}
	for (const char *p = as; *p != '\0'; p++) {
		if (*p <= 0x20 || *p >= 0x7f || *p == '/' || *p == '"' || p - as >= 32) {
			mw_refuse(c, MW_EXIT_USAGE,
				"--as takes a name of at most 32 ASCII letters, digits and marks");
			return false;
		}
	}
	snprintf(c->actor, sizeof(c->actor), "%s/%.20s", as, peer);
	return true;
}

static void run(struct mw_command *c, const json_t *head, const char *peer)
{
	const json_t *argv = json_object_get(head, "argv");
	const char *words[MW_ARGUMENTS_MAX * 2];
	struct mw_arguments arguments;
	size_t count = json_array_size(argv);
	char error[512];

	if (json_integer_value(json_object_get(head, "v")) != MW_WIRE_VERSION) {
		mw_refuse(c, MW_EXIT_USAGE,
			"this weirctl speaks version %lld of the protocol, the daemon %d: use the "
			"same release",
			(long long)json_integer_value(json_object_get(head, "v")), MW_WIRE_VERSION);
		return;
	}
	if (count > MW_ARGUMENTS_MAX * 2) {
		mw_refuse(c, MW_EXIT_USAGE, "too many arguments");
		return;
	}
	for (size_t i = 0; i < count; i++) {
		words[i] = json_string_value(json_array_get(argv, i));
		if (words[i] == NULL) {
			mw_refuse(c, MW_EXIT_USAGE, "an argument is no text");
			return;
		}
	}
	if (!mw_grammar_parse(count, words, &arguments, error, sizeof(error))) {
		mw_refuse(c, MW_EXIT_USAGE, "%s", error);
		return;
	}
	c->arguments = &arguments;
	if (name_actor(c, peer, json_string_value(json_object_get(head, "as"))))
		dispatch(c);
	c->arguments = NULL;
}

void mw_ctl_run(struct mw_ctl *ctl, struct mw_span head, struct mw_span data, const char *peer,
	uint64_t client, uint64_t now_s, struct mw_reply *reply)
{
	struct mw_command c = {
		.ctl = ctl, .data = data, .now_s = now_s, .client = client, .reply = reply};
	json_error_t why;
	json_t *document = json_loadb((const char *)head.data, head.len, 0, &why);
	FILE *nowhere = NULL;

	memset(reply, 0, sizeof(*reply));
	c.out = open_memstream(&reply->out, &reply->out_len);
	c.json = json_is_true(json_object_get(document, "json"));
	if (c.json)
		nowhere = fopen("/dev/null", "w");
	c.text = c.json ? nowhere : c.out;
	if (c.out == NULL || c.text == NULL)
		mw_refuse(&c, MW_EXIT_REFUSED, "not done: %s", strerror(errno));
	else if (document == NULL)
		mw_refuse(&c, MW_EXIT_USAGE, "the request cannot be read: %s", why.text);
	else
		run(&c, document, peer);
	ctl->commands++;
	if (reply->exit != MW_EXIT_DONE)
		ctl->commands_refused++;
	if (nowhere != NULL)
		fclose(nowhere);
	if (c.out != NULL)
		fclose(c.out);
	json_decref(document);
}
