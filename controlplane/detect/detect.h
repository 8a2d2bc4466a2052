/*
 * Is this customer a spammer? Sequential tests over his messages, one small state a customer. Pure:
 * an observation and the time go in, a finding with its named feature, value and threshold comes
 * out. Never looks at content and never opens a ticket; core does that with the finding.
 *
 * Sources: Wald, Sequential Analysis (1947); Page, Continuous Inspection Schemes (1954); Duan et
 * al., Detecting Spam Zombies by Monitoring Outgoing Messages (IEEE TDSC 9(2), 2012).
 */
#ifndef MW_CONTROLPLANE_DETECT_DETECT_H
#define MW_CONTROLPLANE_DETECT_DETECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/span.h"
#include "common/contract/event.h"

#define MW_DETECT_FINGERPRINTS 256 /* messages remembered per customer, against retries */
#define MW_DETECT_CAMPAIGNS    32
#define MW_DETECT_SPAM_MAX     64 /* largest policy.considerable_spam */
#define MW_DETECT_DOMAINS_MAX                                              \
	32 /* destination domains remembered; largest policy value is half \
	    */
#define MW_DETECT_RECORD_MAX   8192
#define MW_DETECT_SENTENCE_MAX 201 /* fits a ticket's reason */

struct mw_detect_policy {
	double theta0, theta1; /* spam-like share of an honest line and of a spammer */
	double theta0_max;     /* a learnt baseline never lifts theta0 above this */
	double alpha, beta;    /* per test, not per year */
	double cusum_theta0, cusum_theta1, cusum_h;
	uint32_t considerable_spam;    /* 1..MW_DETECT_SPAM_MAX within considerable_s */
	uint32_t considerable_domains; /* 1..MW_DETECT_DOMAINS_MAX / 2 */
	uint32_t considerable_s;
	uint32_t retry_s;      /* the same message within this is one observation */
	uint32_t campaign_s;   /* one campaign counts once within this; 0: each message counts */
	uint32_t baseline_min; /* messages before the own baseline is used */
	bool worm_at_once;
};

void mw_detect_policy_default(struct mw_detect_policy *policy);
/* The stricter test of a customer in probation: half the spam-like number, one domain, theta1 as
 * is. */
void mw_detect_policy_probation(struct mw_detect_policy *policy);

struct mw_detect_seen {
	uint64_t key;
	uint64_t at_s;
};

struct mw_detect_state {
	double sprt; /* log likelihood ratio */
	double cusum;
	bool spammer;	 /* the upper bound was crossed and the lower not since */
	bool suspicious; /* the same of CUSUM: h crossed, zero not since */
	uint64_t spammer_since_s;
	uint64_t last_s;	 /* time never runs backwards here */
	uint64_t messages, spam; /* observations since the state began */
	uint64_t retries, campaign_repeats, worms;
	double segment_messages, segment_spam;	 /* since the last reset of the SPRT */
	double baseline_messages, baseline_spam; /* of segments accepted as honest, aged */
	uint32_t fingerprint_count, campaign_count, domain_count, spam_count;
	uint32_t spam_at; /* next place in spam_s */
	struct mw_detect_seen fingerprints[MW_DETECT_FINGERPRINTS];
	struct mw_detect_seen campaigns[MW_DETECT_CAMPAIGNS];
	struct mw_detect_seen domains[MW_DETECT_DOMAINS_MAX];
	uint64_t spam_s[MW_DETECT_SPAM_MAX]; /* times of the last spam-like observations, a ring */
};

/* One spam-like message or worm with the ham before it, or ham alone (klass HAM). */
struct mw_detect_observation {
	uint64_t time_us;
	uint64_t sequence; /* of the event: orders equal times */
	uint16_t lane;
	enum mw_message_class klass;
	uint32_t ham_before; /* klass HAM: the ham itself */
	uint64_t fingerprint;
	uint64_t campaign; /* 0: none */
	bool refused;	   /* by ourselves; still one observation */
	uint8_t domain_count;
	uint64_t domains[MW_EVENT_DOMAINS_MAX]; /* hashes of recipient domains */
};

/* From an event of kind MESSAGE or HAM. -EINVAL for other kinds. */
int mw_detect_observation_of(
	const struct mw_event *event, uint64_t sequence, struct mw_detect_observation *out);
/* Merges lanes: sorts by (time, sequence), in place. Order matters to a sequential test. */
void mw_detect_order(struct mw_detect_observation *observations, size_t count);

enum mw_detect_finding {
	MW_FINDING_NOTHING,
	MW_FINDING_SUSPICION,	 /* CUSUM: look closer; opens at most a suspicion */
	MW_FINDING_SPAMMER,	 /* SPRT: a spammer, but not (yet) a considerable number */
	MW_FINDING_CONSIDERABLE, /* a ticket is due */
	MW_FINDING_WORM,	 /* a ticket is due at once */
	MW_FINDING_COUNT
};

enum mw_detect_counted {
	MW_COUNTED_HAM,
	MW_COUNTED_NEW,
	MW_COUNTED_RETRY,    /* seen before: no observation */
	MW_COUNTED_CAMPAIGN, /* the same campaign within the minute: no observation */
};

struct mw_detect_result {
	enum mw_detect_finding finding;
	enum mw_detect_counted counted;
	const char *feature; /* "sprt" "cusum" "considerable" "worm"; "" when nothing */
	double value;	     /* of the feature: log ratio, sum, messages an hour, worms */
	double threshold;
	bool first; /* this observation brought the finding about, it was not there before */
	uint32_t spam_in_window,
		domains_in_window; /* domains counted to MW_DETECT_DOMAINS_MAX at most */
	double theta0;		   /* as used, with the own baseline */
	char sentence[MW_DETECT_SENTENCE_MAX]; /* printable ASCII, explains the finding */
};

/* `now_s` bounds the tables; it and the observation's time may lag, never lead by design. */
void mw_detect_observe(struct mw_detect_state *state, const struct mw_detect_policy *policy,
	const struct mw_detect_observation *observation, uint64_t now_s,
	struct mw_detect_result *result);

/* After a case is resolved: the tests begin anew; retries and baseline are remembered. */
void mw_detect_reset(struct mw_detect_state *state);

const char *mw_detect_finding_name(enum mw_detect_finding finding);

size_t mw_detect_encode(const struct mw_detect_state *state, uint8_t *out, size_t size);
int mw_detect_decode(struct mw_span in, struct mw_detect_state *out);

#endif
