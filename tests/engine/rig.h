/* A lane with memory of its own and a sink that remembers: for the tests of this folder. */
#ifndef MW_TESTS_ENGINE_RIG_H
#define MW_TESTS_ENGINE_RIG_H

#include "dataplane/engine/lane.h"
#include "dataplane/verdict/snapshot.h"
#include "tests/engine/net.h"

#define RIG_MESSAGES  64
#define RIG_CUSTOMERS 256

struct rig_message {
	uint64_t size;
	uint8_t sha256[32];
	bool complete;
	enum mw_message_class klass;
	bool refused;
	char mail_from[128];
	uint32_t rcpts;
	int data_reply;
};

struct rig {
	struct net *net; /* where the lane's own packets go; NULL: nowhere */
	void (*on_frame)(struct rig *rig, enum mw_port port, const uint8_t *frame, uint32_t len);
	struct mw_port_set ports;
	struct mw_lane_config config;
	struct mw_lane *lane;
	void *memory;
	void *snapshot_memory;
	struct rig_message message[RIG_MESSAGES];
	uint32_t messages;
	struct mw_lane_session session; /* the last one reported */
	char server_name[256];		/* of its TLS */
	uint32_t sessions;
	uint64_t ham;
	uint64_t generation; /* of the policy */
	bool refuse_spam, refuse_smuggling;
	struct mw_rate rate; /* of every customer */
	/* Changes the policy before a snapshot is made of it; NULL: nothing. */
	void (*policy)(struct rig *rig, struct mw_snapshot_input *in,
		struct mw_policy_settings *settings, struct mw_customer_record *customer,
		struct mw_line_record *line);
	struct mw_divert_counts divert; /* of all customers, as far as they were told */
};

struct rig_options {
	bool passive;
	uint32_t scan_budget_ns;
	uint32_t hold_max_ms; /* 0: the usual 8 s */
	enum mw_verdict verdict;
	const char *reply;
	uint32_t contents, messages, kept_blocks, record_blocks; /* 0: plenty */
	uint32_t flows, responders;
	uint32_t customers;		    /* 0: one */
	bool refuse_spam, refuse_smuggling; /* live; the fake rule's class is spam */
	struct mw_rate rate;
	uint16_t port;	     /* 0: 25 */
	uint16_t divert_mtu; /* 0: no port to a gateway */
	void (*policy)(struct rig *rig, struct mw_snapshot_input *in,
		struct mw_policy_settings *settings, struct mw_customer_record *customer,
		struct mw_line_record *line);
	struct mw_left *left;
};

void rig_open(struct rig *rig, const struct rig_options *options);
/* An address of a customer's: customer 0 has 192.0.2.0/24 and 2001:db8::/48, customer n beyond it
 * 198.18.n.0/24 and 2001:db8:n::/48. */
struct mw_ip rig_client(uint32_t customer, uint32_t host, bool v6);
/* The verdict on customer 0; all others have PASS. */
void rig_verdict(struct rig *rig, enum mw_verdict verdict, const char *reply);
void rig_close(struct rig *rig);
/* Everything that was taken from a pool is back, nobody is charged, every scan is ended. */
void rig_assert_empty(const struct rig *rig);
/* Entries of the flow table whose timer is on the wheel. */
uint32_t rig_timers(const struct rig *rig);

#endif
