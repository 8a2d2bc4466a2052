/*
 * A test bed: EAL without huge pages, two ports made of rings that the test fills and empties,
 * workers with fake lanes between them; a third port where a test asks for it. EAL starts once in a
 * process; a bed may be made again and again.
 */
#ifndef MW_TESTS_IO_BED_H
#define MW_TESTS_IO_BED_H

#include "dataplane/io/eal.h"
#include "dataplane/io/pool.h"
#include "dataplane/io/rig.h"
#include "tests/io/fake_lane.h"

#define BED_BUFFERS 32767

struct bed {
	struct mw_io_options options;
	struct mw_io_plan plan;
	struct rte_mempool *test_pool; /* what the test sends comes from here */
	struct mw_clock clock;
	struct mw_port_set smtp_ports;
	struct mw_io_rig rig;
	bool divert;			   /* with a port to the gateway; set before it is wired */
	struct rte_ring *in[MW_IO_ROLES];  /* by role: what the device "receives" */
	struct rte_ring *out[MW_IO_ROLES]; /* what it "sent" */
	struct fake_lane lane[MW_IO_LANES_MAX];
	char device[MW_IO_ROLES][48];
};

/* Once. Aborts the test program with a sentence when EAL does not start. */
void bed_eal(struct bed *bed, uint16_t lanes);
/* `ring_entries` between lanes, `out_entries` of a sending device. */
void bed_make(struct bed *bed, uint32_t ring_entries, uint32_t out_entries);
/* The same without lanes: the caller gives each worker one. */
void bed_wire(struct bed *bed, uint32_t ring_entries, uint32_t out_entries);
void bed_free(struct bed *bed);

/* One frame into a port's receive ring, waiting for room; false when the pool stays empty. */
bool bed_put(struct bed *bed, int role, const uint8_t *frame, uint32_t len);
/* One frame a port has sent, or NULL; the caller frees it. */
struct rte_mbuf *bed_get(struct bed *bed, int role);

/* A TCP frame of connection `flow`, from the customer or to him, with a mark. */
uint32_t bed_tcp(uint8_t *frame, uint32_t len, uint32_t flow, bool to_customer, enum mark mark,
	uint32_t seq);

/* rx + made = tx + every named drop; true when nothing is missing. Prints the sums otherwise. */
bool bed_conserved(const struct mw_io_counters *sum);

uint64_t bed_random(uint64_t *state); /* splitmix64 */
/* From the environment (MW_TEST_SEED) or the clock; printed. */
uint64_t bed_seed(void);

#endif
