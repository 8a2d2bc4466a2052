/*
 * The audit chain: who did what to what, when. Each entry's hash is SHA-256 over the hash before it
 * and the entry's own encoded fields, so nothing in the middle can be altered, removed or slipped
 * in without every later hash being wrong. (Who can write the whole file can also rewrite the whole
 * chain: keep a copy of the last hash elsewhere.)
 */
#ifndef MW_CONTROLPLANE_STORE_AUDIT_H
#define MW_CONTROLPLANE_STORE_AUDIT_H

#include "common/contract/policy.h"
#include "controlplane/store/cases.h"

#define MW_AUDIT_ACTION_MAX 48
#define MW_AUDIT_OBJECT_MAX 80
#define MW_AUDIT_DETAIL_MAX 512

struct mw_audit {
	uint64_t seq;
	uint64_t time_s;
	char actor[MW_ACTOR_MAX];
	char action[MW_AUDIT_ACTION_MAX];
	char object[MW_AUDIT_OBJECT_MAX];
	char detail[MW_AUDIT_DETAIL_MAX];
	uint8_t hash[32];
};

/* Strings longer than their field are cut. */
void mw_audit_add(struct mw_cases_txn *txn, uint64_t now_s, const char *actor, const char *action,
	const char *object, const char *detail);
int mw_audit_decode(uint64_t seq, struct mw_span in, struct mw_audit *out);

struct mw_audit_check {
	uint64_t entries;
	uint64_t bad_seq; /* 0: the chain is whole */
	char sentence[160];
};

/* Recomputes the chain from its first entry and compares its end with the stored one. */
void mw_audit_verify(struct mw_cases_txn *txn, struct mw_audit_check *out);

#endif
