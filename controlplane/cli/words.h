/* What weirctl says about itself, and how a command line becomes a request. */
#ifndef MW_CONTROLPLANE_CLI_WORDS_H
#define MW_CONTROLPLANE_CLI_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct mw_words {
	const char *socket_path;
	const char *as;
	bool json;
	bool help, version;
	size_t argc; /* what is left: NOUN VERB ... */
	const char *argv[128];
};

/* Takes options of weirctl itself out of the words, wherever they stand before "--". False: usage
 * error, said on stderr. */
bool mw_words_split(size_t argc, const char *const *argv, struct mw_words *words);
void mw_words_help(FILE *out, const char *noun); /* NULL: all nouns */
/* Checks against the grammar, reads the file that goes along, asks. The exit code. */
int mw_words_run(struct mw_words *words);
/* Without arguments on a terminal: a prompt, with history and completion. The exit code. */
int mw_interactive(const struct mw_words *defaults);

#endif
