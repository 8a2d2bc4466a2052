/* From a command line to a request: see words.h. Mistakes are found here, before anybody is asked.
 */
#include "controlplane/cli/words.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/cli/client.h"
#include "controlplane/ctl/grammar.h"
#include "controlplane/ctl/wire.h"

bool mw_words_split(size_t argc, const char *const *argv, struct mw_words *words)
{
	bool plain = false;

	for (size_t i = 0; i < argc; i++) {
		const char **takes = NULL;

		if (!plain && strcmp(argv[i], "--") == 0)
			plain = true;
		if (plain || argv[i][0] != '-') {
			if (words->argc >= sizeof(words->argv) / sizeof(words->argv[0])) {
				fprintf(stderr, "weirctl: too many arguments\n");
				return false;
			}
			words->argv[words->argc++] = argv[i];
			continue;
		}
		if (strcmp(argv[i], "--json") == 0) {
			words->json = true;
			continue;
		}
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			words->help = true;
			continue;
		}
		if (strcmp(argv[i], "--version") == 0) {
			words->version = true;
			continue;
		}
		if (strcmp(argv[i], "--socket") == 0)
			takes = &words->socket_path;
		else if (strcmp(argv[i], "--as") == 0)
			takes = &words->as;
		else if (strncmp(argv[i], "--socket=", 9) == 0)
			words->socket_path = argv[i] + 9;
		else if (strncmp(argv[i], "--as=", 5) == 0)
			words->as = argv[i] + 5;
		else if (words->argc == 0 && strcmp(argv[i], "-") != 0) {
			fprintf(stderr, "weirctl: no such option: %s (weirctl --help)\n", argv[i]);
			return false;
		} else
			words->argv[words->argc++] = argv[i];
		if (takes != NULL) {
			if (i + 1 >= argc) {
				fprintf(stderr, "weirctl: a value is missing behind %s\n", argv[i]);
				return false;
			}
			*takes = argv[++i];
		}
		if (words->argc >= sizeof(words->argv) / sizeof(words->argv[0]) - 1) {
			fprintf(stderr, "weirctl: too many arguments\n");
			return false;
		}
	}
	return true;
}

void mw_words_help(FILE *out, const char *noun)
{
	const struct mw_grammar *g;
	const char *last = "";

	if (noun == NULL || !mw_grammar_has_noun(noun)) {
		fputs("usage: weirctl [--json] [--socket PATH] [--as NAME] NOUN VERB "
		      "[ARGUMENT]...\n"
		      "Works tickets, tasks, customers, verdicts and rules of a running "
		      "Mailweir.\n\n",
			out);
		for (size_t i = 0; (g = mw_grammar_at(i)) != NULL; i++) {
			if (strcmp(g->noun, last) != 0)
				fprintf(out, "%s  %s", i > 0 ? "\n" : "", g->noun);
			if (g->verb[0] != '\0')
				fprintf(out, "%s %s", strcmp(g->noun, last) != 0 ? "" : " |",
					g->verb);
			last = g->noun;
		}
		fputs("\n\n  --json         the answer as one JSON document\n"
		      "  --socket PATH  where the control plane listens; else $MAILWEIR_SOCKET, "
		      "else\n"
		      "                 /run/mailweir/control.sock, else "
		      "/var/lib/mailweir/control.sock\n"
		      "  --as NAME      who acts, recorded beside the name of the user\n"
		      "  --help, --version; weirctl NOUN --help says more\n"
		      "Without arguments on a terminal: a prompt.\n"
		      "Exit: 0 done, 1 refused or not found, 2 usage, 3 the control plane is not "
		      "reachable.\n",
			out);
		return;
	}
	for (size_t i = 0; (g = mw_grammar_at(i)) != NULL; i++) {
		if (strcmp(g->noun, noun) == 0)
			fprintf(out, "weirctl %s%s%s %s\n    %s\n", g->noun,
				g->verb[0] != '\0' ? " " : "", g->verb, g->arguments, g->help);
	}
}

/* A whole file, or standard input. NULL with a sentence. */
static char *read_file(const char *path, size_t *len)
{
	FILE *in = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char *text = NULL, *grown;
	size_t size = 0;

	*len = 0;
	if (in == NULL) {
		fprintf(stderr, "weirctl: %s cannot be read: %s\n", path, strerror(errno));
		return NULL;
	}
	for (;;) {
		if (*len == size) {
			size = size == 0 ? 65536 : size * 2;
			grown = size <= (size_t)MW_WIRE_REQUEST_MAX * 2 ? realloc(text, size)
									: NULL;
			if (grown == NULL) {
				fprintf(stderr, "weirctl: %s is too large\n", path);
				free(text);
				text = NULL;
				break;
			}
			text = grown;
		}
		size_t n = fread(text + *len, 1, size - *len, in);

		*len += n;
		if (n == 0 && ferror(in)) {
			fprintf(stderr, "weirctl: %s cannot be read: %s\n", path, strerror(errno));
			free(text);
			text = NULL;
			break;
		}
		if (n == 0)
			break;
	}
	if (in != stdin)
		fclose(in);
	return text;
}

static const char *socket_path(const struct mw_words *words)
{
	const char *from = getenv("MAILWEIR_SOCKET");
	static const char *const usual[] = {
		"/run/mailweir/control.sock", "/var/lib/mailweir/control.sock"};

	if (words->socket_path != NULL)
		return words->socket_path;
	if (from != NULL && from[0] != '\0')
		return from;
	return access(usual[0], F_OK) != 0 && access(usual[1], F_OK) == 0 ? usual[1] : usual[0];
}

/* The daemon stands somewhere else: relative paths are made absolute. */
static bool absolute(struct mw_words *words, size_t from, char (*room)[PATH_MAX], size_t rooms)
{
	size_t used = 0;

	for (size_t i = from; i < words->argc; i++) {
		if (words->argv[i][0] == '-')
			continue;
		if (used >= rooms || realpath(words->argv[i], room[used]) == NULL) {
			fprintf(stderr, "weirctl: %s: %s\n", words->argv[i],
				used >= rooms ? "too many paths" : strerror(errno));
			return false;
		}
		words->argv[i] = room[used++];
	}
	return true;
}

int mw_words_run(struct mw_words *words)
{
	static char room[64][PATH_MAX];
	struct mw_client_request request = {.socket_path = socket_path(words),
		.json = words->json,
		.as = words->as,
		.argv = words->argv,
		.progress = isatty(STDERR_FILENO) == 1 || !words->json};
	struct mw_arguments arguments;
	char error[512], *data = NULL;
	const char *file = NULL;
	int code;

	if (!mw_grammar_parse(words->argc, words->argv, &arguments, error, sizeof(error))) {
		fprintf(stderr, "weirctl: %s\n", error);
		return MW_EXIT_USAGE;
	}
	if (arguments.grammar->input == MW_INPUT_PATHS && !absolute(words, 2, room, 64))
		return MW_EXIT_REFUSED;
	if (arguments.grammar->input == MW_INPUT_FILE ||
		(arguments.grammar->input == MW_INPUT_OPTIONAL && arguments.count > 0))
		file = arguments.positional[0];
	else if (arguments.grammar->input == MW_INPUT_STDIN ||
		 arguments.grammar->input == MW_INPUT_OPTIONAL)
		file = "-";
	if (file != NULL) {
		data = read_file(file, &request.data_len);
		if (data == NULL)
			return MW_EXIT_REFUSED;
		request.data = data;
	}
	request.argc = words->argc;
	code = mw_client_ask(&request);
	free(data);
	return code;
}
