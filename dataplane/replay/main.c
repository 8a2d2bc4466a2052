/*
 * mailweir-replay: the live lanes over a capture, on a rim of their own: libpcap in, JSON Lines
 * out, the capture's time is now. It judges and reports, and carries nothing out. No privileges, no
 * devices.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/base/time.h"
#include "dataplane/engine/lane.h"
#include "dataplane/replay/capture.h"
#include "dataplane/replay/fragments.h"
#include "dataplane/replay/output.h"
#include "dataplane/replay/policy.h"
#include "dataplane/scan/scan.h"
#include "dataplane/text/charset.h"
#include "dataplane/text/tld.h"

#define MESSAGES   4096
#define POLL_EVERY 64

struct replay {
	const char *capture_path;
	const char *ruleset_path;
	const char *policy_dir;
	bool checksums, redact, details;
	struct mw_port_set ports;
	struct mw_lane_config config;
	struct mw_lane *lane;
	struct mw_replay_fragments *fragments;
	struct mw_ruleset *rules;
	struct mw_scan_scratch *scratch;
	struct mw_replay_policy policy;
	struct mw_output output;
	uint64_t packets, bytes;
};

static const char usage[] =
	"usage: mailweir-replay [OPTION]... FILE\n"
	"Runs the lanes over a capture (pcap or pcapng) and prints what they saw as JSON Lines.\n"
	"\n"
	"  --ruleset FILE   compiled rules (mailweir-rules compile makes them)\n"
	"  --policy DIR     state directory whose customers and settings apply\n"
	"  --ports LIST     SMTP ports, separated by commas (25,587,2525)\n"
	"  --checksums      leave aside segments with a wrong TCP checksum\n"
	"  --redact         replace local parts of addresses by a keyed hash\n"
	"  --details        tell more of each session: tls_server_name\n"
	"  --help, --version\n"
	"\n"
	"Exit: 0 the capture was read to its end, 1 it was not (a sentence says why), 2 usage.\n";

static int ports_parse(struct mw_port_set *set, const char *text)
{
	memset(set, 0, sizeof(*set));
	if (*text == 0)
		return -EINVAL;
	while (*text != 0) {
		char *end;
		unsigned long port = strtoul(text, &end, 10);

		if (end == text || port == 0 || port > 65535 || (*end != 0 && *end != ','))
			return -EINVAL;
		mw_port_set_add(set, (uint16_t)port);
		text = *end == ',' ? end + 1 : end;
		if (*end == ',' && *text == 0)
			return -EINVAL;
	}
	return 0;
}

/* 0: go on; else the exit status, less one. */
static int options(struct replay *r, int argc, char **argv)
{
	static const struct option longs[] = {
		{"ruleset", required_argument, NULL, 'r'},
		{"policy", required_argument, NULL, 'p'},
		{"ports", required_argument, NULL, 'P'},
		{"checksums", no_argument, NULL, 'c'},
		{"redact", no_argument, NULL, 'R'},
		{"details", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"version", no_argument, NULL, 'V'},
		{NULL, 0, NULL, 0},
	};
	const char *ports = "25,587,2525";
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'r':
			r->ruleset_path = optarg;
			break;
		case 'p':
			r->policy_dir = optarg;
			break;
		case 'P':
			ports = optarg;
			break;
		case 'c':
			r->checksums = true;
			break;
		case 'R':
			r->redact = true;
			break;
		case 'd':
			r->details = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 1;
		case 'V':
			puts("mailweir-replay " MW_VERSION);
			return 1;
		default:
			fputs(usage, stderr);
			return 3;
		}
	}
	if (ports_parse(&r->ports, ports) != 0) {
		fprintf(stderr,
			"mailweir-replay: --ports %s: numbers from 1 to 65535, separated by "
			"commas\n",
			ports);
		return 3;
	}
	if (optind + 1 != argc) {
		fprintf(stderr, "mailweir-replay: %s\n%s",
			optind == argc ? "no capture is named" : "one capture at a time", usage);
		return 3;
	}
	r->capture_path = argv[optind];
	return 0;
}

static void on_message(void *ctx, const struct mw_lane_message *message)
{
	mw_output_message(&((struct replay *)ctx)->output, message);
}

static void on_session(void *ctx, const struct mw_lane_session *session)
{
	mw_output_session(&((struct replay *)ctx)->output, session);
}

static const char *customer_id(void *ctx, uint32_t index)
{
	const struct mw_replay_policy *policy = ctx;

	return index < policy->customer_count ? policy->customers[index].id : NULL;
}

static int load_policy(struct replay *r, char *error, size_t size)
{
	if (r->policy_dir == NULL) {
		r->config.every_client = true;
		return 0;
	}
	if (mw_replay_policy_load(&r->policy, r->policy_dir, error, size) != 0)
		return -1;
	r->output.customer_id = customer_id;
	r->output.customer_ctx = &r->policy;
	r->config.customers = r->policy.customer_count;
	return 0;
}

static int load_rules(struct replay *r, char *error, size_t size)
{
	char why[MW_RULESET_ERROR_MAX];

	if (r->ruleset_path == NULL)
		return 0;
	r->rules = mw_ruleset_load_file(r->ruleset_path, why);
	if (r->rules == NULL) {
		snprintf(error, size, "%s", why);
		return -1;
	}
	r->scratch = mw_scan_scratch_new(r->rules, MESSAGES);
	if (r->scratch == NULL) {
		snprintf(error, size, "no memory for the rules");
		return -1;
	}
	return 0;
}

static int make_lane(struct replay *r, char *error, size_t size)
{
	struct mw_lane_sink sink = {.ctx = r, .message = on_message, .session = on_session};
	struct mw_charset_table *charsets;
	struct mw_tld_table *tlds;
	void *memory;
	int rc;

	r->config.smtp_ports = &r->ports;
	r->config.passive = true;
	r->config.judge_checksums = r->checksums;
	r->config.want_hashes = true;
	r->config.want_parts = true;
	r->config.flows = 1 << 18;
	r->config.contents = 1 << 14;
	r->config.messages = MESSAGES;
	r->config.kept_blocks = 1 << 16;
	r->config.record_blocks = 1 << 14;
	r->config.responders = 1;
	r->config.mtu = 1500;
	rc = mw_charset_table_open(&charsets);
	if (rc == 0)
		rc = mw_tld_table_open(NULL, &tlds);
	if (rc != 0) {
		snprintf(error, size,
			"charsets or the list of top-level domains (package publicsuffix) "
			"cannot be read: %s",
			strerror(-rc));
		return -1;
	}
	r->config.charsets = charsets;
	r->config.tlds = tlds;
	/* Touched only as it fills: a small capture takes little of it. */
	memory = mmap(NULL, mw_lane_bytes(&r->config), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	r->fragments = mw_replay_fragments_new(&r->ports);
	if (memory == MAP_FAILED || r->fragments == NULL) {
		snprintf(error, size, "no memory for the lane: %s", strerror(errno));
		return -1;
	}
	r->lane = mw_lane_init(memory, &r->config, &sink);
	if (r->policy.snapshot != NULL)
		mw_lane_set_snapshot(r->lane, r->policy.snapshot);
	if (r->rules != NULL && !mw_lane_set_rules(r->lane, r->rules, r->scratch)) {
		snprintf(error, size, "%s: too many rules for the memory of one message",
			r->ruleset_path);
		return -1;
	}
	return 0;
}

static int run(struct replay *r, struct mw_capture *capture, char *error, size_t size)
{
	struct mw_capture_frame frame;
	uint64_t now = 0;
	uint32_t whole;
	int rc;

	while ((rc = mw_capture_next(capture, &frame, error, size)) == 1) {
		struct mw_packet packet = {
			.data = frame.data,
			.len = frame.len,
			.wire_len = frame.wire_len,
			.port_in = MW_PORT_INSIDE,
		};

		if (frame.time_ns > now) /* captures may step back; a lane's time does not */
			now = frame.time_ns;
		whole = mw_replay_fragments_add(
			r->fragments, now, frame.data, frame.len, &packet.data);
		if (whole > 0) /* the last fragment stands for all of them */
			packet.len = packet.wire_len = whole;
		mw_lane_packet(r->lane, now, &packet);
		r->packets++;
		r->bytes += frame.captured;
		if (r->packets % POLL_EVERY == 0)
			mw_lane_poll(r->lane, now);
	}
	mw_replay_fragments_free(r->fragments);
	mw_lane_finish(r->lane, now);
	mw_output_summary(&r->output, r->packets, r->bytes, mw_lane_counters(r->lane));
	if (fflush(r->output.to) != 0 || r->output.failed) {
		snprintf(error, size, "the output cannot be written: %s", strerror(errno));
		return -1;
	}
	return rc;
}

int main(int argc, char **argv)
{
	static struct replay r;
	struct mw_capture *capture;
	char error[1024] = "";
	int rc = options(&r, argc, argv);

	if (rc != 0)
		return rc - 1;
	r.output.to = stdout;
	r.output.redact = r.redact;
	r.output.details = r.details;
	if (getrandom(&r.output.redact_key, sizeof(r.output.redact_key), 0) < 0)
		return 1;
	r.config.key =
		0x6d61696c77656972ull; /* a replay is repeatable: nobody aims at its buckets */
	capture = mw_capture_open(r.capture_path, error, sizeof(error));
	if (capture == NULL || load_policy(&r, error, sizeof(error)) != 0 ||
		load_rules(&r, error, sizeof(error)) != 0 ||
		make_lane(&r, error, sizeof(error)) != 0) {
		fprintf(stderr, "mailweir-replay: %s\n", error);
		if (capture != NULL)
			mw_capture_close(capture);
		return 1;
	}
	rc = run(&r, capture, error, sizeof(error));
	mw_capture_close(capture);
	if (rc != 0)
		fprintf(stderr, "mailweir-replay: %s: %s\n", r.capture_path, error);
	return rc == 0 ? 0 : 1;
}
