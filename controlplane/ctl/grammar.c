/* Every noun and verb: see grammar.h. */
#include "controlplane/ctl/grammar.h"

#include <stdio.h>
#include <string.h>

/* clang-format off */
static const struct mw_grammar table[] = {
	{MW_VERB_CUSTOMER_IMPORT, "customer", "import", "FILE.csv", 1, 1, "", "", "", MW_INPUT_FILE,
		"take in customers: customer,name,class,prefixes[,inspection,tam,valid_from,valid_to]"},
	{MW_VERB_CUSTOMER_LIST, "customer", "list", "", 0, 0, "", "", "", MW_INPUT_NONE,
		"all customers, those without a contact to call marked"},
	{MW_VERB_CUSTOMER_SHOW, "customer", "show", "ID", 1, 1, "", "", "", MW_INPUT_NONE,
		"one customer with lines, contacts, verdict and ticket"},
	{MW_VERB_CUSTOMER_SET, "customer", "set", "ID KEY=VALUE...", 2, -1, "", "", "", MW_INPUT_NONE,
		"change name, class, inspection, tam, shared (yes, no), threshold (a score), prefixes"},
	{MW_VERB_CONTACT_IMPORT, "contact", "import", "FILE.csv", 1, 1, "", "", "", MW_INPUT_FILE,
		"take in contacts: customer,position,name,role,phone,email,channel; a customer's list is replaced"},
	{MW_VERB_CONTACT_LIST, "contact", "list", "CUSTOMER", 1, 1, "", "", "", MW_INPUT_NONE,
		"whom to call, in which order"},
	{MW_VERB_VERDICT_SET, "verdict", "set",
		"CUSTOMER pass|rate|divert|reject|reset|drop --reason TEXT [--expires 2h] [--line LINE]",
		2, 2, "reason expires line", "reason", "", MW_INPUT_NONE,
		"decide by hand; it counts before the ticket's verdict until cleared or expired.\n"
		"    --line 192.0.2.8/29, --line vlan:100.7: on one of his lines only, where it counts before his.\n"
		"    pass: also where his class says divert.\n"
		"    rate: the limits of the class, what is beyond them is put off with 4xx.\n"
		"    divert: through the antivirus gateway; the reason says by what right.\n"
		"    drop SWALLOWS mail, nobody is told. Silent discard of accepted mail may be a criminal-law\n"
		"    matter (section 206 StGB in Germany): an exception that needs its reason, see weirctl(1)"},
	{MW_VERB_VERDICT_CLEAR, "verdict", "clear", "CUSTOMER [--line LINE] [--reason TEXT]", 1, 1,
		"reason line", "", "", MW_INPUT_NONE,
		"take back what was decided by hand; the ticket's verdict or that of the class counts again"},
	{MW_VERB_VERDICT_LIST, "verdict", "list", "", 0, 0, "", "", "", MW_INPUT_NONE,
		"all customers and lines on whom a verdict was set"},
	{MW_VERB_TICKET_LIST, "ticket", "list", "[--state STATE] [--customer ID] [--all]", 0, 0,
		"state customer", "", "all", MW_INPUT_NONE, "tickets at work; with --all the closed ones, too"},
	{MW_VERB_TICKET_SHOW, "ticket", "show", "ID", 1, 1, "", "", "", MW_INPUT_NONE,
		"one ticket: clocks, contacts, tasks, history, what to do next"},
	{MW_VERB_TICKET_OPEN, "ticket", "open", "CUSTOMER --reason TEXT", 1, 1, "reason", "reason", "",
		MW_INPUT_NONE, "open a case by hand"},
	{MW_VERB_TICKET_CONTACTED, "ticket", "contacted", "ID --by CONTACT --result TEXT", 1, 1, "by result",
		"by result", "", MW_INPUT_NONE, "the customer spoke with us: who, and what was said"},
	{MW_VERB_TICKET_REPORT, "ticket", "report", "ID --measures TEXT [--by CONTACT]", 1, 1, "measures by",
		"measures", "", MW_INPUT_NONE, "the customer reports the measures taken and the ticket number"},
	{MW_VERB_TICKET_CONFIRM, "ticket", "confirm", "ID [--note TEXT]", 1, 1, "note", "", "",
		MW_INPUT_NONE, "checked: the problem is solved; mail flows again"},
	{MW_VERB_TICKET_REFUTE, "ticket", "refute", "ID --note TEXT", 1, 1, "note", "note", "",
		MW_INPUT_NONE, "checked: the problem is not solved"},
	{MW_VERB_TICKET_NOTE, "ticket", "note", "ID TEXT", 2, 2, "", "", "", MW_INPUT_NONE,
		"write something down"},
	{MW_VERB_TICKET_PAUSE, "ticket", "pause", "ID --until TIME --reason TEXT", 1, 1, "until reason",
		"until reason", "", MW_INPUT_NONE, "stop the clock; TIME is 2h, 1d or 2026-11-23T10:00Z"},
	{MW_VERB_TICKET_RESUME, "ticket", "resume", "ID", 1, 1, "", "", "", MW_INPUT_NONE,
		"let the clock run again"},
	{MW_VERB_TICKET_EXTEND, "ticket", "extend", "ID --until TIME --reason TEXT", 1, 1, "until reason",
		"until reason", "", MW_INPUT_NONE, "a later deadline, within the hard cap"},
	{MW_VERB_TICKET_DISPUTE, "ticket", "dispute", "ID [--note TEXT] [--off]", 1, 1, "note", "", "off",
		MW_INPUT_NONE, "the customer disputes; the clock goes on"},
	{MW_VERB_TICKET_HOLD, "ticket", "hold", "ID [--note TEXT] [--off]", 1, 1, "note", "", "off",
		MW_INPUT_NONE, "legal hold: nothing of the case is deleted"},
	{MW_VERB_TICKET_TAM_OUTCOME, "ticket", "tam-outcome", "ID reached|failed [--note TEXT]", 2, 2, "note",
		"", "", MW_INPUT_NONE, "what the account manager achieved"},
	{MW_VERB_TICKET_THIRD_PARTY, "ticket", "third-party", "ID --until TIME [--note TEXT]", 1, 1,
		"until note", "until", "", MW_INPUT_NONE, "a third party has set a deadline"},
	{MW_VERB_TICKET_ATTEST, "ticket", "attest", "ID --note TEXT", 1, 1, "note", "note", "", MW_INPUT_NONE,
		"the notice was delivered otherwise than by mail"},
	{MW_VERB_TICKET_DISABLE, "ticket", "disable", "ID --reason TEXT", 1, 1, "reason", "reason", "",
		MW_INPUT_NONE, "refuse the customer's mail, where only a person may decide it"},
	{MW_VERB_TICKET_UNFOUNDED, "ticket", "unfounded", "ID --reason TEXT", 1, 1, "reason", "reason", "",
		MW_INPUT_NONE, "there was nothing: close, tell everyone who was told"},
	{MW_VERB_TICKET_RELEASE, "ticket", "release", "ID --reason TEXT", 1, 1, "reason", "reason", "",
		MW_INPUT_NONE, "wrong customer: mail flows at once, reviewed afterwards"},
	{MW_VERB_TICKET_RENEW, "ticket", "renew", "ID --reason TEXT", 1, 1, "reason", "reason", "",
		MW_INPUT_NONE, "his mail goes on through the antivirus gateway, as long again as the settings allow"},
	{MW_VERB_TASK_LIST, "task", "list", "[--ticket ID]", 0, 0, "ticket", "", "", MW_INPUT_NONE,
		"what people are to do, the most urgent first"},
	{MW_VERB_TASK_TAKE, "task", "take", "ID", 1, 1, "", "", "", MW_INPUT_NONE, "I am doing this one"},
	{MW_VERB_TASK_OUTCOME, "task", "outcome", "ID reached|no-answer|busy|wrong-number|voicemail [--note TEXT]",
		2, 2, "note", "", "", MW_INPUT_NONE, "how the call went"},
	{MW_VERB_COMPLAINT_SUBMIT, "complaint", "submit", "[FILE]", 0, 1, "", "", "", MW_INPUT_OPTIONAL,
		"a complaint of a third party (not in this build)"},
	{MW_VERB_MAIL_INGEST, "mail", "ingest", "", 0, 0, "", "", "", MW_INPUT_STDIN,
		"a mailed reply, on standard input (not in this build)"},
	{MW_VERB_EVIDENCE_SHOW, "evidence", "show", "TICKET", 1, 1, "", "", "", MW_INPUT_NONE,
		"what was seen, observation by observation"},
	{MW_VERB_RULES_LOAD, "rules", "load", "PATH...", 1, -1, "", "", "", MW_INPUT_PATHS,
		"compile rule files and put them in force; the old ones stay on any error"},
	{MW_VERB_RULES_LIST, "rules", "list", "[--all]", 0, 0, "", "", "all", MW_INPUT_NONE,
		"the rules in force and what could not be expressed"},
	{MW_VERB_RULES_TEST, "rules", "test", "FILE.eml", 1, 1, "", "", "", MW_INPUT_FILE,
		"which rules a message meets"},
	{MW_VERB_AUDIT_SHOW, "audit", "show", "[--last N] [--object ID]", 0, 0, "last object", "", "",
		MW_INPUT_NONE, "who did what to what"},
	{MW_VERB_AUDIT_VERIFY, "audit", "verify", "", 0, 0, "", "", "", MW_INPUT_NONE,
		"recompute the chain of hashes"},
	{MW_VERB_REPORT, "report", "", "", 0, 0, "", "", "", MW_INPUT_NONE,
		"cases at work with both clocks, and what came of the others"},
	{MW_VERB_STATUS, "status", "", "", 0, 0, "", "", "", MW_INPUT_NONE,
		"is all well: dataplane, events, stores, mails, alarms"},
};
/* clang-format on */

#define TABLE_COUNT (sizeof(table) / sizeof(table[0]))

const struct mw_grammar *mw_grammar_at(size_t i)
{
	return i < TABLE_COUNT ? &table[i] : NULL;
}

bool mw_grammar_has_noun(const char *noun)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		if (strcmp(table[i].noun, noun) == 0)
			return true;
	}
	return false;
}

const struct mw_grammar *mw_grammar_find(const char *noun, const char *verb)
{
	for (size_t i = 0; i < TABLE_COUNT; i++) {
		if (strcmp(table[i].noun, noun) == 0 &&
			(table[i].verb[0] == '\0' || strcmp(table[i].verb, verb) == 0))
			return &table[i];
	}
	return NULL;
}

/* Is `name` one of the words of `list`? */
static bool listed(const char *list, const char *name, size_t len)
{
	while (*list != '\0') {
		size_t word = strcspn(list, " ");

		if (word == len && memcmp(list, name, len) == 0)
			return true;
		list += word;
		list += strspn(list, " ");
	}
	return false;
}

static bool fail(const struct mw_grammar *g, const char *what, const char *which, size_t which_len,
	char *error, size_t error_size)
{
	snprintf(error, error_size, "%s%.*s\nusage: weirctl %s%s%s %s", what, (int)which_len, which,
		g->noun, g->verb[0] != '\0' ? " " : "", g->verb, g->arguments);
	return false;
}

static const char *value_of(const struct mw_arguments *arguments, const char *name, size_t len)
{
	for (size_t i = arguments->option_count; i > 0; i--) {
		if (arguments->option_name_len[i - 1] == len &&
			memcmp(arguments->option_name[i - 1], name, len) == 0)
			return arguments->option_value[i - 1];
	}
	return NULL;
}

const char *mw_argument_option(const struct mw_arguments *arguments, const char *name)
{
	return value_of(arguments, name, strlen(name));
}

/* One option at argv[i]; how many words it took, 0 on error. */
static size_t option(const struct mw_grammar *g, size_t argc, const char *const *argv, size_t i,
	struct mw_arguments *out, char *error, size_t error_size)
{
	const char *name = argv[i] + 2, *equals = strchr(name, '=');
	size_t len = equals != NULL ? (size_t)(equals - name) : strlen(name), at;
	size_t words = 1;

	if (listed(g->flags, name, len) && equals == NULL) {
		at = out->option_count++;
		out->option_value[at] = "";
	} else if (!listed(g->options, name, len)) {
		fail(g, "no such option: --", name, len, error, error_size);
		return 0;
	} else if (equals == NULL && i + 1 >= argc) {
		fail(g, "a value is missing behind --", name, len, error, error_size);
		return 0;
	} else {
		at = out->option_count++;
		out->option_value[at] = equals != NULL ? equals + 1 : argv[i + 1];
		words = equals != NULL ? 1 : 2;
	}
	out->option_name[at] = name;
	out->option_name_len[at] = len;
	return words;
}

bool mw_grammar_parse(size_t argc, const char *const *argv, struct mw_arguments *out, char *error,
	size_t error_size)
{
	const struct mw_grammar *g;
	bool plain = false;
	size_t i;

	memset(out, 0, sizeof(*out));
	if (argc == 0 || !mw_grammar_has_noun(argv[0])) {
		snprintf(error, error_size, "no such command: %.60s (weirctl --help lists them)",
			argc == 0 ? "" : argv[0]);
		return false;
	}
	g = mw_grammar_find(argv[0], argc > 1 ? argv[1] : "");
	if (g == NULL) {
		snprintf(error, error_size, "%s %s%.60s (weirctl %s --help lists the verbs)",
			argv[0], argc > 1 ? "has no verb " : "needs a verb",
			argc > 1 ? argv[1] : "", argv[0]);
		return false;
	}
	out->grammar = g;
	i = g->verb[0] != '\0' ? 2 : 1;
	while (i < argc) {
		if (out->count >= MW_ARGUMENTS_MAX || out->option_count >= MW_ARGUMENTS_MAX)
			return fail(g, "too many arguments", "", 0, error, error_size);
		if (!plain && strcmp(argv[i], "--") == 0) {
			plain = true;
			i++;
		} else if (!plain && strncmp(argv[i], "--", 2) == 0) {
			size_t words = option(g, argc, argv, i, out, error, error_size);

			if (words == 0)
				return false;
			i += words;
		} else {
			out->positional[out->count++] = argv[i++];
		}
	}
	if (out->count < (size_t)g->positional_min)
		return fail(g, "an argument is missing", "", 0, error, error_size);
	if (g->positional_max >= 0 && out->count > (size_t)g->positional_max)
		return fail(g, "too many arguments: ", out->positional[g->positional_max],
			strlen(out->positional[g->positional_max]), error, error_size);
	for (const char *word = g->required; *word != '\0';) {
		size_t len = strcspn(word, " ");
		const char *value = value_of(out, word, len);

		if (value == NULL)
			return fail(g, "missing: --", word, len, error, error_size);
		if (value[0] == '\0')
			return fail(g, "empty: --", word, len, error, error_size);
		word += len;
		word += strspn(word, " ");
	}
	return true;
}
