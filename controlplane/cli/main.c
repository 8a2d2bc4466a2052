/* weirctl: the desk's tool. It stands alone: all it needs is the socket. */
#include <stdio.h>
#include <unistd.h>

#include "controlplane/cli/words.h"
#include "controlplane/ctl/wire.h"

int main(int argc, char **argv)
{
	struct mw_words words = {.argc = 0};

	if (!mw_words_split(
		    (size_t)(argc > 0 ? argc - 1 : 0), (const char *const *)argv + 1, &words))
		return MW_EXIT_USAGE;
	if (words.version) {
		puts("weirctl " MW_VERSION);
		return MW_EXIT_DONE;
	}
	if (words.help) {
		mw_words_help(stdout, words.argc > 0 ? words.argv[0] : NULL);
		return MW_EXIT_DONE;
	}
	if (words.argc == 0 && isatty(STDIN_FILENO) == 1)
		return mw_interactive(&words);
	if (words.argc == 0) {
		mw_words_help(stderr, NULL);
		return MW_EXIT_USAGE;
	}
	return mw_words_run(&words);
}
