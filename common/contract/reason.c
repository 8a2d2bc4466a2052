/* The names and sentences of reason.def. An invalid value has a name too: nothing here returns
 * NULL. */
#include "common/contract/reason.h"

#include <errno.h>
#include <stddef.h>

#include "common/base/span.h"

struct row {
	const char *name;
	const char *sentence;
	enum mw_reason_group group;
};

static const struct row rows[MW_REASON_COUNT] = {
#define MW_REASON(ENUM, name_, group_, sentence_) \
	[MW_REASON_##ENUM] = {.name = name_, .sentence = sentence_, .group = MW_GROUP_##group_},
#include "common/contract/reason.def"
#undef MW_REASON
};

static const struct row invalid = {
	.name = "invalid", .sentence = "no such reason", .group = MW_GROUP_PACKET};

static const struct row *row_of(enum mw_reason reason)
{
	return (unsigned)reason < MW_REASON_COUNT ? &rows[reason] : &invalid;
}

const char *mw_reason_name(enum mw_reason reason)
{
	return row_of(reason)->name;
}

const char *mw_reason_sentence(enum mw_reason reason)
{
	return row_of(reason)->sentence;
}

enum mw_reason_group mw_reason_group(enum mw_reason reason)
{
	return row_of(reason)->group;
}

int mw_reason_parse(struct mw_span name, enum mw_reason *out)
{
	for (unsigned i = 0; i < MW_REASON_COUNT; i++)
		if (mw_span_eq(name, mw_span_str(rows[i].name))) {
			*out = (enum mw_reason)i;
			return 0;
		}
	return -EINVAL;
}

enum mw_reason mw_reason_anomaly(unsigned bit)
{
	unsigned first = 0;

	while (first < MW_REASON_COUNT && rows[first].group != MW_GROUP_ANOMALY)
		first++;
	if (bit >= MW_REASON_COUNT - first || rows[first + bit].group != MW_GROUP_ANOMALY)
		return MW_REASON_COUNT;
	return (enum mw_reason)(first + bit);
}

unsigned mw_reason_anomaly_bit(enum mw_reason reason)
{
	unsigned first = 0;

	if (mw_reason_group(reason) != MW_GROUP_ANOMALY)
		return 64;
	while (rows[first].group != MW_GROUP_ANOMALY)
		first++;
	return (unsigned)reason - first;
}
