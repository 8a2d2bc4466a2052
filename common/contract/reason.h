/* The one list of reasons and anomalies: see reason.def. */
#ifndef MW_COMMON_CONTRACT_REASON_H
#define MW_COMMON_CONTRACT_REASON_H

#include "common/base/span.h"

enum mw_reason {
#define MW_REASON(ENUM, name, group, sentence) MW_REASON_##ENUM,
#include "common/contract/reason.def"
#undef MW_REASON
	MW_REASON_COUNT
};

enum mw_reason_group { MW_GROUP_PACKET, MW_GROUP_SESSION, MW_GROUP_ANOMALY, MW_GROUP_MESSAGE };

/* Never NULL: "invalid" for a value that is none. */
const char *mw_reason_name(enum mw_reason reason);
const char *mw_reason_sentence(enum mw_reason reason);
enum mw_reason_group mw_reason_group(enum mw_reason reason);
int mw_reason_parse(struct mw_span name, enum mw_reason *out); /* 0 or -EINVAL */

/* Anomalies as a set of bits: bit i is the reason i places after the first of its group.
 * MW_REASON_COUNT, and 64, for what is no anomaly. */
enum mw_reason mw_reason_anomaly(unsigned bit);
unsigned mw_reason_anomaly_bit(enum mw_reason reason);

#endif
