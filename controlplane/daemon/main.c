/* mailweir-controlplane: options, then the loop. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/log.h"
#include "controlplane/daemon/daemon.h"

static const char usage[] =
	"usage: mailweir-controlplane --state DIR --settings FILE [OPTION]...\n"
	"Works the cases: takes in what the dataplane saw, opens tickets, keeps their clocks, "
	"sends their\n"
	"mails, tells the dataplane whose mail to refuse, and answers weirctl.\n"
	"\n"
	"  --state DIR       where everything is kept (else state_dir of the settings)\n"
	"  --settings FILE   the settings, YAML; docs/mailweir.example.yaml explains every key\n"
	"  --socket PATH     the socket weirctl speaks to (DIR/control.sock)\n"
	"  --import-customers FILE.csv  take in customers, and end; goes without --settings\n"
	"  --foreground      stay in the foreground; it always does, the option is for scripts\n"
	"  --help, --version\n"
	"\n"
	"Prints \"ready\" when the socket answers. SIGTERM and SIGINT end it, SIGHUP reads the "
	"settings\n"
	"again. Exit: 0 ended as told, 1 could not start or go on, 2 usage or settings.\n";

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"state", required_argument, NULL, 's'},
		{"settings", required_argument, NULL, 'f'},
		{"socket", required_argument, NULL, 'S'},
		{"import-customers", required_argument, NULL, 'i'},
		{"foreground", no_argument, NULL, 'F'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	struct mw_daemon_options options = {.program = argv[0]};
	static struct mw_daemon daemon;
	int c, rc;

	/* The compiler's child: see ctl/rules_job.h. */
	if (argc > 4 && strcmp(argv[1], "--compile-rules") == 0) {
		const char *paths[64];
		size_t count = 0;

		for (int i = 4; i < argc && count < 64; i++)
			paths[count++] = argv[i];
		return mw_rules_job_child(argv[2], argv[3], paths, count);
	}
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 's':
			options.state_dir = optarg;
			break;
		case 'f':
			options.settings_path = optarg;
			break;
		case 'S':
			options.socket_path = optarg;
			break;
		case 'i':
			options.import_path = optarg;
			break;
		case 'F':
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		case 'V':
			puts("mailweir-controlplane " MW_VERSION);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc || (options.settings_path == NULL && options.import_path == NULL)) {
		fprintf(stderr, "mailweir-controlplane: %s%s\n%s",
			optind != argc ? "too many arguments: " : "--settings FILE is missing",
			optind != argc ? argv[optind] : "", usage);
		return 2;
	}
	if (options.import_path != NULL) {
		rc = mw_daemon_import(&daemon, &options);
		mw_daemon_stop(&daemon);
		return rc;
	}
	rc = mw_daemon_start(&daemon, &options);
	if (rc == 0) {
		puts("ready");
		fflush(stdout);
		rc = mw_daemon_loop(&daemon);
	}
	mw_daemon_stop(&daemon);
	return rc;
}
