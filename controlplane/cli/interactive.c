/* The prompt: a desk that works tickets all day types no "weirctl" before each line. */
#include <histedit.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/cli/words.h"
#include "controlplane/ctl/grammar.h"

static char *prompt(EditLine *line)
{
	static char text[] = "mailweir> ";

	return text;
}

/* Tab: the only verb or noun that fits is filled in, several are listed. */
static unsigned char complete(EditLine *line, int ch)
{
	const LineInfo *info = el_line(line);
	size_t len = (size_t)(info->cursor - info->buffer);
	char typed[256], whole[128], only[128] = "";
	const struct mw_grammar *g;
	unsigned fits = 0;

	if (len >= sizeof(typed))
		return CC_ERROR;
	memcpy(typed, info->buffer, len);
	typed[len] = '\0';
	for (size_t i = 0; (g = mw_grammar_at(i)) != NULL; i++) {
		snprintf(whole, sizeof(whole), "%s%s%s ", g->noun, g->verb[0] != '\0' ? " " : "",
			g->verb);
		if (strncmp(whole, typed, len) != 0 || strlen(whole) == len)
			continue;
		fits++;
		snprintf(only, sizeof(only), "%s", whole);
	}
	if (fits == 1)
		return el_insertstr(line, only + len) == 0 ? CC_REFRESH : CC_ERROR;
	if (fits == 0)
		return CC_ERROR;
	putchar('\n');
	for (size_t i = 0; (g = mw_grammar_at(i)) != NULL; i++) {
		snprintf(whole, sizeof(whole), "%s %s", g->noun, g->verb);
		if (strncmp(whole, typed, len) == 0)
			printf("%s %s\n", whole, g->arguments);
	}
	return CC_REDISPLAY;
}

static int one_line(const struct mw_words *defaults, int argc, const char *const *argv)
{
	struct mw_words words = *defaults;
	int code = mw_words_split((size_t)argc, argv, &words) ? 0 : 2;

	if (code == 0 && (words.help || words.argc == 0 || strcmp(words.argv[0], "help") == 0))
		mw_words_help(stdout, words.argc > 1 ? words.argv[1]
				      : words.help   ? words.argv[0]
						     : NULL);
	else if (code == 0)
		code = mw_words_run(&words);
	return code;
}

int mw_interactive(const struct mw_words *defaults)
{
	EditLine *line = el_init("weirctl", stdin, stdout, stderr);
	History *past = history_init();
	Tokenizer *tokens = tok_init(NULL);
	HistEvent event;
	const char *text;
	int count, code = 0;

	if (line == NULL || past == NULL || tokens == NULL) {
		fprintf(stderr, "weirctl: no memory\n");
		return 1;
	}
	history(past, &event, H_SETSIZE, 500);
	el_set(line, EL_PROMPT, prompt);
	el_set(line, EL_EDITOR, "emacs");
	el_set(line, EL_HIST, history, past);
	el_set(line, EL_ADDFN, "complete", "complete a command", complete);
	el_set(line, EL_BIND, "^I", "complete", NULL);
	puts("Mailweir. help lists the commands, Tab completes them, quit or Ctrl-D ends.");
	while ((text = el_gets(line, &count)) != NULL && count > 0) {
		const char **argv;
		int argc;

		tok_reset(tokens);
		if (tok_str(tokens, text, &argc, &argv) != 0) {
			fprintf(stderr, "weirctl: a quote is open\n");
			continue;
		}
		if (argc == 0)
			continue;
		history(past, &event, H_ENTER, text);
		if (strcmp(argv[0], "quit") == 0 || strcmp(argv[0], "exit") == 0)
			break;
		code = one_line(defaults, argc, argv);
	}
	tok_end(tokens);
	history_end(past);
	el_end(line);
	return code;
}
