/* The state of a customer's tests as octets; only the used part of each table is written. */
#include <errno.h>
#include <math.h>

#include "common/base/cursor.h"
#include "controlplane/detect/detect.h"

#define DETECT_VERSION 1

static void write_double(struct mw_writer *w, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	mw_write_u64(w, bits);
}

/* Any finite number; NaN or infinity would make every later comparison false. */
static double read_double(struct mw_reader *r)
{
	uint64_t bits = mw_read_u64(r);
	double v;

	memcpy(&v, &bits, sizeof(v));
	if (!isfinite(v)) {
		r->failed = true;
		return 0;
	}
	return v;
}

static void write_seen(struct mw_writer *w, const struct mw_detect_seen *table, uint32_t count)
{
	mw_write_u16(w, (uint16_t)count);
	for (uint32_t i = 0; i < count; i++) {
		mw_write_u64(w, table[i].key);
		mw_write_u64(w, table[i].at_s);
	}
}

static uint32_t read_seen(
	struct mw_reader *r, struct mw_detect_seen *table, uint32_t max, uint64_t last_s)
{
	uint32_t count = mw_read_u16(r);

	if (count > max) {
		r->failed = true;
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		table[i].key = mw_read_u64(r);
		table[i].at_s = mw_read_u64(r);
		if (table[i].at_s > last_s)
			r->failed = true;
	}
	return count;
}

size_t mw_detect_encode(const struct mw_detect_state *s, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);

	mw_write_u8(&w, DETECT_VERSION);
	mw_write_u8(&w, (uint8_t)(s->spammer | s->suspicious << 1));
	write_double(&w, s->sprt);
	write_double(&w, s->cusum);
	mw_write_u64(&w, s->spammer_since_s);
	mw_write_u64(&w, s->last_s);
	mw_write_u64(&w, s->messages);
	mw_write_u64(&w, s->spam);
	mw_write_u64(&w, s->retries);
	mw_write_u64(&w, s->campaign_repeats);
	mw_write_u64(&w, s->worms);
	write_double(&w, s->segment_messages);
	write_double(&w, s->segment_spam);
	write_double(&w, s->baseline_messages);
	write_double(&w, s->baseline_spam);
	write_seen(&w, s->fingerprints, s->fingerprint_count);
	write_seen(&w, s->campaigns, s->campaign_count);
	write_seen(&w, s->domains, s->domain_count);
	mw_write_u16(&w, (uint16_t)s->spam_count);
	for (uint32_t i = 0; i < s->spam_count; i++) /* oldest first */
		mw_write_u64(&w, s->spam_s[(s->spam_at + MW_DETECT_SPAM_MAX - s->spam_count + i) %
					   MW_DETECT_SPAM_MAX]);
	return mw_writer_len(&w);
}

int mw_detect_decode(struct mw_span in, struct mw_detect_state *s)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);
	uint8_t flags;

	memset(s, 0, sizeof(*s));
	if (mw_read_u8(&r) != DETECT_VERSION)
		return r.failed ? -EBADMSG : -EPROTO;
	flags = mw_read_u8(&r);
	if (flags > 3)
		return -EBADMSG;
	s->spammer = flags & 1;
	s->suspicious = flags >> 1;
	s->sprt = read_double(&r);
	s->cusum = read_double(&r);
	s->spammer_since_s = mw_read_u64(&r);
	s->last_s = mw_read_u64(&r);
	s->messages = mw_read_u64(&r);
	s->spam = mw_read_u64(&r);
	s->retries = mw_read_u64(&r);
	s->campaign_repeats = mw_read_u64(&r);
	s->worms = mw_read_u64(&r);
	s->segment_messages = read_double(&r);
	s->segment_spam = read_double(&r);
	s->baseline_messages = read_double(&r);
	s->baseline_spam = read_double(&r);
	s->fingerprint_count = read_seen(&r, s->fingerprints, MW_DETECT_FINGERPRINTS, s->last_s);
	s->campaign_count = read_seen(&r, s->campaigns, MW_DETECT_CAMPAIGNS, s->last_s);
	s->domain_count = read_seen(&r, s->domains, MW_DETECT_DOMAINS_MAX, s->last_s);
	s->spam_count = mw_read_u16(&r);
	if (s->spam_count > MW_DETECT_SPAM_MAX)
		return -EBADMSG;
	for (uint32_t i = 0; i < s->spam_count; i++) {
		s->spam_s[i] = mw_read_u64(&r);
		if (s->spam_s[i] > s->last_s)
			return -EBADMSG;
	}
	s->spam_at = s->spam_count % MW_DETECT_SPAM_MAX;
	return mw_reader_done(&r) ? 0 : -EBADMSG;
}
