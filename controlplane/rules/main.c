/* mailweir-rules: compiles rule files by hand, and says what became of each rule. */
#include "controlplane/rules/compile.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char usage[] =
	"usage: mailweir-rules compile [options] PATH... -o FILE\n"
	"\n"
	"Compiles rules for mailweir-dataplane. A PATH is a rule file or a folder of them:\n"
	"  .cf             SpamAssassin rules\n"
	"  .ndb .hdb .hsb  ClamAV body and hash signatures\n"
	"  .txt            plain phrases, one a line, or NAME<TAB>SCORE<TAB>PHRASE or "
	"/REGEX/FLAGS\n"
	"\n"
	"  -o, --output FILE   where the compiled rules go (kept as it was on any error)\n"
	"      --cache DIR     look here for an earlier result, and keep this one there\n"
	"      --report        print what became of each rule (name, fate, place, reason)\n"
	"      --keep-unused   also compile sub-rules that feed nothing\n"
	"  -q, --quiet         no progress, no summary\n"
	"  -h, --help          this text\n"
	"\n"
	"Exit status: 0 done, 1 a rule or file is wrong, 2 wrong use.\n";

static void progress(void *ctx, const char *what, uint32_t done, uint32_t total)
{
	fprintf(stderr, "\r%s: %u of %u%s", what, done, total, done == total ? "\n" : "");
}

/* Names come from rule files: nothing that moves a terminal's cursor leaves here. */
static void print_text(struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] < ' ' || s.data[i] == 0x7f)
			printf("\\x%02x", s.data[i]);
		else
			putchar(s.data[i]);
	}
}

static void report_line(void *ctx, const struct mw_ruleset_report *report)
{
	print_text(report->name);
	printf("\t%s\t", mw_rule_fate_name(report->fate));
	print_text(report->file);
	printf(":%u\t", report->line);
	print_text(report->reason);
	putchar('\n');
}

static void print_summary(const struct mw_rules_summary *s)
{
	fprintf(stderr,
		"%u files: %u rules exact, %u gated, %u unsupported, %u unused; "
		"%u databases of %.1f kB; %s %u ms\n",
		s->files, s->rules[MW_RULE_EXACT], s->rules[MW_RULE_GATED],
		s->rules[MW_RULE_UNSUPPORTED], s->rules[MW_RULE_UNUSED], s->databases,
		(double)s->database_bytes / 1000,
		s->from_cache ? "from the cache, compiled in" : "compiled in", s->compile_ms);
}

static int print_report(const char *path)
{
	char error[MW_RULESET_ERROR_MAX];
	FILE *f = fopen(path, "re");
	uint8_t *data = NULL;
	long len = -1;
	int ret = 1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		len = ftell(f);
	if (len > 0 && fseek(f, 0, SEEK_SET) == 0)
		data = malloc((size_t)len);
	if (data == NULL || fread(data, 1, (size_t)len, f) != (size_t)len)
		fprintf(stderr, "mailweir-rules: %s: cannot be read\n", path);
	else if (mw_rules_report(mw_span_of(data, (size_t)len), report_line, NULL, error) != 0)
		fprintf(stderr, "mailweir-rules: %s: %s\n", path, error);
	else
		ret = 0;
	free(data);
	if (f != NULL)
		fclose(f);
	return ret;
}

int main(int argc, char **argv)
{
	enum { CACHE = 256, REPORT, KEEP };
	static const struct option options[] = {{"output", required_argument, NULL, 'o'},
		{"cache", required_argument, NULL, CACHE}, {"report", no_argument, NULL, REPORT},
		{"keep-unused", no_argument, NULL, KEEP}, {"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	struct mw_rules_options how = {0};
	struct mw_rules_summary summary;
	char error[MW_RULES_ERROR_MAX];
	const char *output = NULL;
	bool report = false, quiet = false;
	int c;

	while ((c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			output = optarg;
			break;
		case CACHE:
			how.cache_dir = optarg;
			break;
		case REPORT:
			report = true;
			break;
		case KEEP:
			how.keep_unused = true;
			break;
		case 'q':
			quiet = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (argc - optind < 2 || strcmp(argv[optind], "compile") != 0) {
		fputs(usage, stderr);
		return 2;
	}
	if (output == NULL) {
		fputs("mailweir-rules: no output file: give -o FILE\n", stderr);
		return 2;
	}
	if (!quiet && isatty(STDERR_FILENO))
		how.progress = progress;
	if (mw_rules_compile_to((const char *const *)&argv[optind + 1], (size_t)(argc - optind - 1),
		    &how, output, &summary, error) != 0) {
		fprintf(stderr, "mailweir-rules: %s\n", error);
		return 1;
	}
	if (report && print_report(output) != 0)
		return 1;
	if (!quiet)
		print_summary(&summary);
	return 0;
}
