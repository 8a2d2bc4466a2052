/*
 * Reads the command line. Every mistake is answered by one sentence that names the option; nothing
 * is guessed from a bad value.
 */
#include "dataplane/io/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const char usage_text[] =
	"Usage: mailweir-dataplane --inside DEVICE --outside DEVICE --state DIR [OPTION]...\n"
	"       mailweir-dataplane --bench fastpath [--seconds N] [OPTION]...\n"
	"\n"
	"Forwards packets between two devices and inspects the mail in them.\n"
	"\n"
	"DEVICE is a kernel interface (eth1), a PCI address bound to a DPDK driver (0000:01:00.0) "
	"or a\n"
	"DPDK virtual device (net_pcap0,rx_pcap=in.pcap,tx_pcap=out.pcap).\n"
	"\n"
	"  --inside DEVICE     towards the customers\n"
	"  --outside DEVICE    towards the internet\n"
	"  --divert DEVICE     towards the antivirus gateway\n"
	"  --state DIR         the directory shared with the control plane\n"
	"  --lanes N           worker lanes, each a thread of its own (default: CPUs less one, at "
	"least 1)\n"
	"  --cores LIST        CPUs for the lanes, as 2,3 or 2-5 (default: the last of those "
	"allowed)\n"
	"  --poll busy|sleep   spin, or sleep when idle (default: busy when every lane has its own "
	"CPU\n"
	"                      and one is left over, else sleep)\n"
	"  --driver NAME       for kernel interfaces: af_xdp, af_packet (default: af_xdp, else "
	"af_packet)\n"
	"  --huge | --no-huge  huge pages, or ordinary memory (default: huge pages when enough are "
	"free)\n"
	"  --mem MB            memory for packet buffers (default: what they need)\n"
	"  --buffer OCTETS     the largest frame a packet buffer holds (default 2048)\n"
	"  --buffers N         packet buffers (default: what ports and lanes need)\n"
	"  --flows N           connections a lane can follow (default: the lane's)\n"
	"  --ring N            packets that may wait between two lanes, a power of two (default "
	"1024)\n"
	"  --hash-messages     note the SHA-256 of each message in the evidence (costs about a "
	"third of a\n"
	"                      lane's speed on large mail)\n"
	"  --seconds N         stop after so long\n"
	"  --bench fastpath    measure the way of packets that are not mail; prints JSON\n"
	"  --verbose           let DPDK tell what it does\n"
	"  --help, --version\n"
	"\n"
	"Prints `ready` when the ports forward. SIGINT or SIGTERM ends it.\n"
	"Exit status: 0 ended as asked, 1 could not start or failed, 2 wrong usage.\n";

enum {
	OPT_INSIDE = 256,
	OPT_OUTSIDE,
	OPT_DIVERT,
	OPT_STATE,
	OPT_LANES,
	OPT_CORES,
	OPT_POLL,
	OPT_DRIVER,
	OPT_HUGE,
	OPT_NO_HUGE,
	OPT_MEM,
	OPT_BUFFER,
	OPT_BUFFERS,
	OPT_FLOWS,
	OPT_RING,
	OPT_HASH_MESSAGES,
	OPT_SECONDS,
	OPT_BENCH,
	OPT_VERBOSE,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option longopts[] = {
	{"inside", required_argument, NULL, OPT_INSIDE},
	{"outside", required_argument, NULL, OPT_OUTSIDE},
	{"divert", required_argument, NULL, OPT_DIVERT},
	{"state", required_argument, NULL, OPT_STATE},
	{"lanes", required_argument, NULL, OPT_LANES},
	{"cores", required_argument, NULL, OPT_CORES},
	{"poll", required_argument, NULL, OPT_POLL},
	{"driver", required_argument, NULL, OPT_DRIVER},
	{"huge", no_argument, NULL, OPT_HUGE},
	{"no-huge", no_argument, NULL, OPT_NO_HUGE},
	{"mem", required_argument, NULL, OPT_MEM},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"buffers", required_argument, NULL, OPT_BUFFERS},
	{"flows", required_argument, NULL, OPT_FLOWS},
	{"ring", required_argument, NULL, OPT_RING},
	{"hash-messages", no_argument, NULL, OPT_HASH_MESSAGES},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"bench", required_argument, NULL, OPT_BENCH},
	{"verbose", no_argument, NULL, OPT_VERBOSE},
	{"help", no_argument, NULL, OPT_HELP},
	{"version", no_argument, NULL, OPT_VERSION},
	{NULL, 0, NULL, 0},
};

/* A whole number in [min, max]. */
static bool number(
	const char *name, const char *text, uint32_t min, uint32_t max, uint32_t *out, FILE *err)
{
	char *end = NULL;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || value < min ||
		value > max) {
		fprintf(err, "mailweir-dataplane: %s wants a number from %u to %u, not \"%s\"\n",
			name, min, max, text);
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

/* "2,3" or "2-5" or both. */
static bool cpu_list(const char *text, struct mw_io_options *out, FILE *err)
{
	const char *at = text;

	out->cpu_count = 0;
	for (;;) {
		char *end = NULL;
		unsigned long first = strtoul(at, &end, 10), last = first;

		if (end == at)
			break;
		if (*end == '-') {
			at = end + 1;
			last = strtoul(at, &end, 10);
			if (end == at)
				break;
		}
		if (first > last || last > 1023)
			break;
		for (unsigned long cpu = first; cpu <= last; cpu++) {
			if (out->cpu_count == MW_IO_CPUS_MAX) {
				fprintf(err,
					"mailweir-dataplane: --cores names more than %d CPUs\n",
					MW_IO_CPUS_MAX);
				return false;
			}
			out->cpu[out->cpu_count++] = (uint16_t)cpu;
		}
		if (*end == '\0')
			return true;
		if (*end != ',')
			break;
		at = end + 1;
	}
	fprintf(err, "mailweir-dataplane: --cores wants a list such as 2,3 or 2-5, not \"%s\"\n",
		text);
	return false;
}

/* The place of `text` in a list of words that ends with NULL, or -1. */
static int word(const char *name, const char *text, const char *const words[], FILE *err)
{
	for (int i = 0; words[i]; i++) {
		if (strcmp(text, words[i]) == 0)
			return i;
	}
	fprintf(err, "mailweir-dataplane: %s does not know \"%s\"; it knows", name, text);
	for (int i = 0; words[i]; i++)
		fprintf(err, "%s %s", i ? "," : "", words[i]);
	fputc('\n', err);
	return -1;
}

static bool take(int opt, const char *value, struct mw_io_options *out, FILE *err)
{
	static const char *const polls[] = {"busy", "sleep", NULL};
	static const char *const drivers[] = {"af_xdp", "af_packet", NULL};
	static const char *const benches[] = {"fastpath", NULL};
	uint32_t n = 0;
	int w;

	switch (opt) {
	case OPT_INSIDE:
	case OPT_OUTSIDE:
	case OPT_DIVERT:
		if (value[0] == '\0') {
			fprintf(err, "mailweir-dataplane: a device needs a name\n");
			return false;
		}
		out->device[opt - OPT_INSIDE] = value;
		return true;
	case OPT_STATE:
		out->state_dir = value;
		return true;
	case OPT_LANES:
		if (!number("--lanes", value, 1, MW_IO_LANES_MAX, &n, err))
			return false;
		out->lanes = (uint16_t)n;
		return true;
	case OPT_CORES:
		return cpu_list(value, out, err);
	case OPT_POLL:
		w = word("--poll", value, polls, err);
		out->poll = w == 0 ? MW_POLL_BUSY : MW_POLL_SLEEP;
		return w >= 0;
	case OPT_DRIVER:
		w = word("--driver", value, drivers, err);
		out->driver = w == 0 ? MW_DRIVER_AF_XDP : MW_DRIVER_AF_PACKET;
		return w >= 0;
	case OPT_HUGE:
	case OPT_NO_HUGE:
		if (out->memory != MW_MEMORY_AUTO &&
			(out->memory == MW_MEMORY_HUGE) != (opt == OPT_HUGE)) {
			fprintf(err,
				"mailweir-dataplane: --huge and --no-huge exclude each other\n");
			return false;
		}
		out->memory = opt == OPT_HUGE ? MW_MEMORY_HUGE : MW_MEMORY_NO_HUGE;
		return true;
	case OPT_MEM:
		return number("--mem", value, 16, 1u << 20, &out->memory_mb, err);
	case OPT_BUFFER:
		return number("--buffer", value, 1600, 16384, &out->buffer_bytes, err);
	case OPT_BUFFERS:
		return number("--buffers", value, 512, 1u << 22, &out->buffers, err);
	case OPT_FLOWS:
		return number("--flows", value, 64, 1u << 26, &out->flows, err);
	case OPT_RING:
		if (!number("--ring", value, 32, 65536, &out->ring_entries, err))
			return false;
		if ((out->ring_entries & (out->ring_entries - 1)) != 0) {
			fprintf(err, "mailweir-dataplane: --ring wants a power of two, not %s\n",
				value);
			return false;
		}
		return true;
	case OPT_HASH_MESSAGES:
		out->hash_messages = true;
		return true;
	case OPT_SECONDS:
		return number("--seconds", value, 1, 1u << 30, &out->seconds, err);
	case OPT_BENCH:
		out->bench_fastpath = true;
		return word("--bench", value, benches, err) >= 0;
	case OPT_VERBOSE:
		out->verbose = true;
		return true;
	default:
		return false; /* getopt has said what is wrong */
	}
}

static bool complete(const struct mw_io_options *o, FILE *err)
{
	static const char *const names[] = {"--inside", "--outside", "--divert"};

	for (int i = 0; i < MW_IO_ROLES; i++) {
		for (int j = 0; j < i; j++) {
			if (o->device[i] && o->device[j] &&
				strcmp(o->device[i], o->device[j]) == 0) {
				fprintf(err,
					"mailweir-dataplane: %s and %s are the same device "
					"\"%s\"\n",
					names[j], names[i], o->device[i]);
				return false;
			}
		}
	}
	if (o->bench_fastpath && !o->device[0] && !o->device[1])
		return true;
	if (!o->device[0] || !o->device[1]) {
		fprintf(err, "mailweir-dataplane: %s is missing; see --help\n",
			names[o->device[0] ? 1 : 0]);
		return false;
	}
	if (!o->state_dir && !o->bench_fastpath) {
		fprintf(err, "mailweir-dataplane: --state is missing; see --help\n");
		return false;
	}
	return true;
}

enum mw_io_parsed mw_io_options_parse(
	int argc, char **argv, struct mw_io_options *out, FILE *to, FILE *err)
{
	int opt;

	memset(out, 0, sizeof(*out));
	out->buffer_bytes = 2048;
	out->ring_entries = 1024;
	optind = 0; /* glibc: start afresh, the function may be called again */
	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (opt == OPT_HELP) {
			fputs(usage_text, to);
			return MW_OPTIONS_DONE;
		}
		if (opt == OPT_VERSION) {
			fprintf(to, "mailweir-dataplane %s\n", MW_VERSION);
			return MW_OPTIONS_DONE;
		}
		if (!take(opt, optarg, out, err))
			return MW_OPTIONS_WRONG;
	}
	if (optind < argc) {
		fprintf(err, "mailweir-dataplane: \"%s\" is not an option; see --help\n",
			argv[optind]);
		return MW_OPTIONS_WRONG;
	}
	return complete(out, err) ? MW_OPTIONS_RUN : MW_OPTIONS_WRONG;
}
