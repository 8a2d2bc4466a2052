/*
 * What can be said to the daemon: every noun and verb with its arguments, options and help, in one
 * table. weirctl reads it to refuse a mistake at once and to help; the daemon reads it again, since
 * it trusts no client. Pure, stands on nothing.
 */
#ifndef MW_CONTROLPLANE_CTL_GRAMMAR_H
#define MW_CONTROLPLANE_CTL_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

enum mw_verb {
	MW_VERB_CUSTOMER_IMPORT,
	MW_VERB_CUSTOMER_LIST,
	MW_VERB_CUSTOMER_SHOW,
	MW_VERB_CUSTOMER_SET,
	MW_VERB_CONTACT_IMPORT,
	MW_VERB_CONTACT_LIST,
	MW_VERB_VERDICT_SET,
	MW_VERB_VERDICT_CLEAR,
	MW_VERB_VERDICT_LIST,
	MW_VERB_TICKET_LIST,
	MW_VERB_TICKET_SHOW,
	MW_VERB_TICKET_OPEN,
	MW_VERB_TICKET_CONTACTED,
	MW_VERB_TICKET_REPORT,
	MW_VERB_TICKET_CONFIRM,
	MW_VERB_TICKET_REFUTE,
	MW_VERB_TICKET_NOTE,
	MW_VERB_TICKET_PAUSE,
	MW_VERB_TICKET_RESUME,
	MW_VERB_TICKET_EXTEND,
	MW_VERB_TICKET_DISPUTE,
	MW_VERB_TICKET_HOLD,
	MW_VERB_TICKET_TAM_OUTCOME,
	MW_VERB_TICKET_THIRD_PARTY,
	MW_VERB_TICKET_ATTEST,
	MW_VERB_TICKET_DISABLE,
	MW_VERB_TICKET_UNFOUNDED,
	MW_VERB_TICKET_RELEASE,
	MW_VERB_TICKET_RENEW,
	MW_VERB_TASK_LIST,
	MW_VERB_TASK_TAKE,
	MW_VERB_TASK_OUTCOME,
	MW_VERB_COMPLAINT_SUBMIT,
	MW_VERB_MAIL_INGEST,
	MW_VERB_EVIDENCE_SHOW,
	MW_VERB_RULES_LOAD,
	MW_VERB_RULES_LIST,
	MW_VERB_RULES_TEST,
	MW_VERB_AUDIT_SHOW,
	MW_VERB_AUDIT_VERIFY,
	MW_VERB_REPORT,
	MW_VERB_STATUS,
	MW_VERB_COUNT
};

/* How the client treats the arguments. */
enum mw_input {
	MW_INPUT_NONE,
	MW_INPUT_FILE,	   /* the first argument is a file to be sent ("-": standard input) */
	MW_INPUT_OPTIONAL, /* the same, standard input when there is no argument */
	MW_INPUT_STDIN,
	MW_INPUT_PATHS, /* paths the daemon reads: made absolute */
};

struct mw_grammar {
	enum mw_verb id;
	const char *noun, *verb;	    /* verb "" when the noun is all */
	const char *arguments;		    /* for people: "ID --reason TEXT [--expires 2h]" */
	int positional_min, positional_max; /* -1: any number */
	const char *options;		    /* names that take a value: "reason expires" */
	const char *required;		    /* those of them that must be there */
	const char *flags;		    /* names that take none */
	enum mw_input input;
	const char *help;
};

#define MW_ARGUMENTS_MAX 64

struct mw_arguments {
	const struct mw_grammar *grammar;
	size_t count;
	const char *positional[MW_ARGUMENTS_MAX];
	size_t option_count;
	const char
		*option_name[MW_ARGUMENTS_MAX]; /* points into argv, without "--", not NUL-ended */
	size_t option_name_len[MW_ARGUMENTS_MAX];
	const char *option_value[MW_ARGUMENTS_MAX]; /* "" for a flag */
};

const struct mw_grammar *mw_grammar_at(size_t i); /* NULL behind the last */
bool mw_grammar_has_noun(const char *noun);
/* NULL when there is no such command. */
const struct mw_grammar *mw_grammar_find(const char *noun, const char *verb);
/* `argv` is NOUN VERB ...; values may be borrowed. False with a sentence (and the usage) in
 * `error`. */
bool mw_grammar_parse(size_t argc, const char *const *argv, struct mw_arguments *out, char *error,
	size_t error_size);
/* The value of an option; NULL when it was not given. */
const char *mw_argument_option(const struct mw_arguments *arguments, const char *name);

#endif
