/*
 * What the writer of segments has no need of, put into frames that it wrote: TCP options, the ECN
 * field of IP (RFC 3168), selective acknowledgements (RFC 2018). For the tests' hosts.
 */
#ifndef MW_TESTS_ENGINE_HEADER_H
#define MW_TESTS_ENGINE_HEADER_H

#include "dataplane/proto/frame.h"

#define HEADER_OPTIONS_MAX 40
#define HEADER_BLOCKS_MAX  3 /* beside timestamps */

#define HEADER_ECT1 1
#define HEADER_ECT0 2
#define HEADER_CE   3

struct header_options {
	uint8_t octets[HEADER_OPTIONS_MAX];
	uint32_t len; /* a multiple of 4 */
};

struct header_block {
	uint32_t start, end; /* sequence numbers */
};

void header_window_scale(struct header_options *options, uint8_t shift);
void header_sack_permitted(struct header_options *options);
void header_sack(struct header_options *options, const struct header_block *block, uint32_t blocks);
/* Behind the options that the frame has; `room` for it all. The frame's new length. */
uint32_t header_add(
	uint8_t *frame, uint32_t len, uint32_t room, const struct header_options *options);
/* The ECN field of the frame's IP header; checksums stay right. */
uint8_t header_ecn(const uint8_t *frame, const struct mw_frame *f);
void header_set_ecn(uint8_t *frame, const struct mw_frame *f, uint8_t ecn);
/* The blocks of its SACK option: how many, and the first HEADER_BLOCKS_MAX + 1 of them. */
uint32_t header_blocks(const uint8_t *frame, const struct mw_frame *f,
	struct header_block block[HEADER_BLOCKS_MAX + 1]);
bool header_permits_sack(const uint8_t *frame, const struct mw_frame *f);

#endif
