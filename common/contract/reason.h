/* The one list of reasons and anomalies: see reason.def. */
#ifndef MW_COMMON_CONTRACT_REASON_H
#define MW_COMMON_CONTRACT_REASON_H

enum mw_reason {
#define MW_REASON(ENUM, name, group, sentence) MW_REASON_##ENUM,
#include "common/contract/reason.def"
#undef MW_REASON
	MW_REASON_COUNT
};

enum mw_reason_group { MW_GROUP_PACKET, MW_GROUP_SESSION, MW_GROUP_ANOMALY, MW_GROUP_MESSAGE };

const char *mw_reason_name(enum mw_reason reason);
const char *mw_reason_sentence(enum mw_reason reason);
enum mw_reason_group mw_reason_group(enum mw_reason reason);

#endif
