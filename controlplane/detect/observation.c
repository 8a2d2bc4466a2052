/* Observations from events of the contract, and their order across lanes. */
#include <errno.h>

#include "controlplane/detect/detect.h"

static const char *const finding_names[MW_FINDING_COUNT] = {
	"nothing", "suspicion", "spammer", "considerable", "worm"};

const char *mw_detect_finding_name(enum mw_detect_finding finding)
{
	return (unsigned)finding < MW_FINDING_COUNT ? finding_names[finding] : "unknown";
}

/* FNV-1a, ASCII case folded: domains are only told apart by it, within one customer. */
static uint64_t hash_domain(const char *text)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		h = (h ^ (c >= 'A' && c <= 'Z' ? c + 32u : c)) * 0x100000001b3ull;
	}
	return h;
}

int mw_detect_observation_of(
	const struct mw_event *event, uint64_t sequence, struct mw_detect_observation *out)
{
	memset(out, 0, sizeof(*out));
	out->sequence = sequence;
	if (event->kind == MW_EVENT_HAM) {
		out->time_us = event->ham.time_us;
		out->lane = event->ham.lane;
		out->klass = MW_CLASS_HAM;
		out->ham_before = event->ham.ham;
		return 0;
	}
	if (event->kind != MW_EVENT_MESSAGE)
		return -EINVAL;
	out->time_us = event->message.time_us;
	out->lane = event->message.lane;
	out->klass = event->message.klass;
	out->ham_before = event->message.ham_before;
	out->fingerprint = event->message.fingerprint;
	out->campaign = event->message.campaign;
	out->refused = event->message.refused;
	for (uint8_t i = 0; i < event->message.domain_count && i < MW_EVENT_DOMAINS_MAX; i++)
		out->domains[out->domain_count++] = hash_domain(event->message.domains[i]);
	return 0;
}

static bool later(const struct mw_detect_observation *a, const struct mw_detect_observation *b)
{
	return a->time_us != b->time_us ? a->time_us > b->time_us : a->sequence > b->sequence;
}

static void sift(struct mw_detect_observation *o, size_t at, size_t count)
{
	struct mw_detect_observation moved = o[at];

	for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
		if (child + 1 < count && later(&o[child + 1], &o[child]))
			child++;
		if (!later(&o[child], &moved))
			break;
		o[at] = o[child];
		at = child;
	}
	o[at] = moved;
}

/* Heapsort: in place, no recursion, no bad case; libc's qsort may allocate. */
void mw_detect_order(struct mw_detect_observation *o, size_t count)
{
	for (size_t i = count / 2; i-- > 0;)
		sift(o, i, count);
	for (size_t left = count; left > 1; left--) {
		struct mw_detect_observation last = o[0];

		o[0] = o[left - 1];
		o[left - 1] = last;
		sift(o, 0, left - 1);
	}
}
