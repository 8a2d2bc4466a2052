/* mailweir-dataplane: see options.c for what it takes, live.c for what it does. */
#include <signal.h>
#include <stdlib.h>

#include "dataplane/io/bench.h"
#include "dataplane/io/live.h"

/* Before any thread is made: all of them inherit the mask, and one place waits for the signals. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char **argv)
{
	struct mw_io_options options;

	switch (mw_io_options_parse(argc, argv, &options, stdout, stderr)) {
	case MW_OPTIONS_DONE:
		return EXIT_SUCCESS;
	case MW_OPTIONS_WRONG:
		return 2;
	case MW_OPTIONS_RUN:
		break;
	}
	block_signals();
	return options.bench_fastpath ? mw_io_bench_fastpath(&options) : mw_io_live(&options);
}
