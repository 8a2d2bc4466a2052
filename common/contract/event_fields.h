/* The message event's fields, the longest of them. Private to common/contract/event*.c. */
#ifndef MW_COMMON_CONTRACT_EVENT_FIELDS_H
#define MW_COMMON_CONTRACT_EVENT_FIELDS_H

#include "common/contract/event.h"
#include "common/contract/wire.h"

void mw_event_message_write(struct mw_writer *w, const struct mw_event_message *m);
void mw_event_message_read(struct mw_reader *r, struct mw_event_message *m);

#endif
