/*
 * mailweir-bench: how fast a lane is, beside what others make of the same octets in the same run.
 * scripts/bench drives it: it makes the phrases, has them compiled, measures what other programs
 * can be measured by, and hands their figures in to be printed with ours.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/bench/figures.h"
#include "tests/bench/measure.h"

static const char usage[] =
	"usage: mailweir-bench --phrases FILE --make-phrases COUNT [--seed N]\n"
	"       mailweir-bench --count FILE\n"
	"       mailweir-bench --make-capture FILE [--text] [--seed N] [--bytes N]\n"
	"       mailweir-bench --phrases FILE [--ruleset FILE] [--pcap FILE] [OPTION]...\n"
	"\n"
	"Plays mail traffic through a lane in this process and prints what it took, as a table "
	"and, in the\n"
	"last line, JSON. scripts/bench is the way to run it.\n"
	"\n"
	"      --phrases FILE        the phrases, one a line: Hyperscan alone is given these\n"
	"      --make-phrases COUNT  write them instead\n"
	"      --ruleset FILE        what mailweir-rules made of them, or of other rules\n"
	"      --pcap FILE           play this capture instead of made-up mail\n"
	"      --mail FOLDER         play its files as messages instead\n"
	"      --make-capture FILE   write the made-up mixed mail as a capture, and end\n"
	"      --text                of text-only mail instead\n"
	"      --count FILE          print how many octets its frames had on the wire, and end\n"
	"      --ports LIST          SMTP ports of a capture (25,587,2525)\n"
	"      --seconds N           about how long to measure (10)\n"
	"      --lanes N             how many lanes at the same time are held against one (2)\n"
	"      --bytes N             octets of made-up traffic (8000000)\n"
	"      --seed N              of what is made up (1)\n"
	"      --figure NAME=VALUE   a figure measured elsewhere, to be printed with ours; may be "
	"repeated\n"
	"      --note TEXT           a line under the table; may be repeated\n"
	"  -h, --help                this text\n"
	"\n"
	"Exit status: 0 done, 1 something could not be measured rightly (a sentence says what), 2 "
	"wrong use.\n";

struct options {
	struct measure_options measure;
	struct figures figures;
	const char *phrases, *capture_out, *count, *ruleset;
	uint32_t make_phrases;
	bool text;
};

static bool number(const char *text, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= most;
}

static bool ports(const char *text, struct mw_port_set *out)
{
	char *end;

	memset(out, 0, sizeof(*out));
	do {
		unsigned long port = strtoul(text, &end, 10);

		if (end == text || port == 0 || port > 65535)
			return false;
		mw_port_set_add(out, (uint16_t)port);
		text = end + 1;
	} while (*end == ',');
	return *end == '\0';
}

static int options(struct options *o, int argc, char **argv)
{
	enum {
		PHRASES = 256,
		MAKE_PHRASES,
		RULESET,
		PCAP,
		MAKE_CAPTURE,
		PORTS,
		SECONDS,
		LANES,
		BYTES,
		SEED,
		FIGURE,
		NOTE,
		COUNT,
		TEXT,
		MAIL
	};
	static const struct option names[] = {{"phrases", 1, NULL, PHRASES},
		{"make-phrases", 1, NULL, MAKE_PHRASES}, {"ruleset", 1, NULL, RULESET},
		{"pcap", 1, NULL, PCAP}, {"make-capture", 1, NULL, MAKE_CAPTURE},
		{"ports", 1, NULL, PORTS}, {"seconds", 1, NULL, SECONDS}, {"lanes", 1, NULL, LANES},
		{"bytes", 1, NULL, BYTES}, {"seed", 1, NULL, SEED}, {"figure", 1, NULL, FIGURE},
		{"note", 1, NULL, NOTE}, {"mail", 1, NULL, MAIL}, {"text", 0, NULL, TEXT},
		{"count", 1, NULL, COUNT}, {"help", 0, NULL, 'h'}, {0}};
	struct measure_options *m = &o->measure;
	uint64_t n = 0;
	int c;

	*m = (struct measure_options){.seconds = 10, .lanes = 2, .bytes = 8000000, .seed = 1};
	ports("25,587,2525", &m->ports);
	while ((c = getopt_long(argc, argv, "h", names, NULL)) != -1) {
		bool good = true;

		switch (c) {
		case PHRASES:
			o->phrases = optarg;
			break;
		case MAKE_PHRASES:
			good = number(optarg, 1000000, &n) && n > 0;
			o->make_phrases = (uint32_t)n;
			break;
		case RULESET:
			o->ruleset = optarg;
			break;
		case PCAP:
			m->pcap = optarg;
			break;
		case MAKE_CAPTURE:
			o->capture_out = optarg;
			break;
		case MAIL:
			m->mail = optarg;
			break;
		case TEXT:
			o->text = true;
			break;
		case COUNT:
			o->count = optarg;
			break;
		case PORTS:
			good = ports(optarg, &m->ports);
			break;
		case SECONDS:
			good = number(optarg, 3600, &n) && n > 0;
			m->seconds = (uint32_t)n;
			break;
		case LANES:
			good = number(optarg, PLAY_LANES_MAX, &n) && n > 0;
			m->lanes = (uint16_t)n;
			break;
		case BYTES:
			good = number(optarg, 1000000000, &n) && n > 0;
			m->bytes = n;
			break;
		case SEED:
			good = number(optarg, UINT64_MAX, &m->seed);
			break;
		case FIGURE:
			good = figures_given(&o->figures, optarg);
			break;
		case NOTE:
			figures_note(&o->figures, optarg);
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fputs(usage, stderr);
			return 2;
		}
		if (!good) {
			fprintf(stderr, "mailweir-bench: not a value for that option: %s\n",
				optarg);
			return 2;
		}
	}
	if (optind == argc)
		return 0;
	fputs(usage, stderr);
	return 2;
}

static int write_phrases(const struct options *o)
{
	struct trace_phrases phrases;
	FILE *f = fopen(o->phrases, "we");

	if (f == NULL) {
		fprintf(stderr, "mailweir-bench: %s: %s\n", o->phrases, strerror(errno));
		return 1;
	}
	trace_phrases_make(&phrases, o->measure.seed, o->make_phrases);
	for (uint32_t i = 0; i < phrases.count; i++)
		fprintf(f, "%s\n", phrases.text[i]);
	trace_phrases_free(&phrases);
	return fclose(f) == 0 ? 0 : 1;
}

static int read_phrases(const struct options *o, struct trace_phrases *out)
{
	FILE *f = fopen(o->phrases, "re");
	char line[256];
	uint32_t room = 0;

	if (f == NULL) {
		fprintf(stderr, "mailweir-bench: %s: %s\n", o->phrases, strerror(errno));
		return 1;
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '\0')
			continue;
		if (out->count == room) {
			room = room * 2 + 1024;
			out->text = realloc(out->text, room * sizeof(out->text[0]));
			if (out->text == NULL)
				abort();
		}
		out->text[out->count++] = strdup(line);
	}
	fclose(f);
	return 0;
}

static int count(const struct options *o)
{
	struct trace trace = {0};
	char error[1024];

	if (trace_load(&trace, o->count, &o->measure.ports, error, sizeof(error)) != 0) {
		fprintf(stderr, "mailweir-bench: %s\n", error);
		return 1;
	}
	printf("%llu\n", (unsigned long long)trace.wire_bytes);
	trace_free(&trace);
	return 0;
}

int main(int argc, char **argv)
{
	static struct options o;
	struct trace_phrases phrases = {0};
	char error[MW_RULESET_ERROR_MAX];
	int rc = options(&o, argc, argv);

	if (rc != 0)
		return rc;
	if (o.make_phrases > 0 && o.phrases != NULL)
		return write_phrases(&o);
	if (o.count != NULL)
		return count(&o);
	if (o.phrases != NULL && read_phrases(&o, &phrases) != 0)
		return 1;
	if (o.capture_out != NULL) {
		struct trace trace = {0};

		trace_synth(&trace, o.text ? TRACE_TEXT : TRACE_MIXED, o.measure.seed,
			o.measure.bytes, &phrases);
		rc = trace_save(&trace, o.capture_out);
		trace_free(&trace);
		trace_phrases_free(&phrases);
		return rc == 0 ? 0 : 1;
	}
	if (o.phrases == NULL) {
		fputs(usage, stderr);
		return 2;
	}
	if (o.ruleset != NULL) {
		o.measure.rules = mw_ruleset_load_file(o.ruleset, error);
		if (o.measure.rules == NULL) {
			fprintf(stderr, "mailweir-bench: %s: %s\n", o.ruleset, error);
			return 1;
		}
	}
	rc = measure(&o.measure, &phrases, &o.figures);
	figures_print(&o.figures, stdout);
	mw_ruleset_free(o.measure.rules);
	trace_phrases_free(&phrases);
	return rc;
}
