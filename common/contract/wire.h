/*
 * Checked fields on top of the cursor: what a record may hold beyond plain numbers. Private to
 * common/contract. Any violation makes the cursor fail.
 */
#ifndef MW_COMMON_CONTRACT_WIRE_H
#define MW_COMMON_CONTRACT_WIRE_H

#include "common/base/cursor.h"
#include "common/base/ip.h"
#include "common/contract/reason.h"

enum mw_wire_text {
	MW_WIRE_ASCII, /* printable ASCII: goes into replies and logs as it is */
	MW_WIRE_LABEL, /* valid UTF-8 without control characters */
	MW_WIRE_UTF8,  /* valid UTF-8; octets of others: written repaired, read strictly */
};

void mw_wire_write_text(struct mw_writer *w, const char *text, size_t size, enum mw_wire_text kind);
void mw_wire_read_text(struct mw_reader *r, char *out, size_t size, enum mw_wire_text kind);

void mw_wire_write_bool(struct mw_writer *w, bool v);
bool mw_wire_read_bool(struct mw_reader *r);

void mw_wire_write_ip(struct mw_writer *w, const struct mw_ip *ip);
void mw_wire_read_ip(struct mw_reader *r, struct mw_ip *ip);

void mw_wire_write_i32(struct mw_writer *w, int32_t v);
int32_t mw_wire_read_i32(struct mw_reader *r);

/* By name. An unknown name that is well-formed reads as MW_REASON_COUNT. */
void mw_wire_write_reason(struct mw_writer *w, enum mw_reason reason);
enum mw_reason mw_wire_read_reason(struct mw_reader *r);

#endif
