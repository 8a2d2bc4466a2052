/*
 * Characters that HTML names or numbers. Pure; called by html.c.
 */
#ifndef MW_DATAPLANE_TEXT_ENTITIES_H
#define MW_DATAPLANE_TEXT_ENTITIES_H

#include "common/base/span.h"

/* The character of a name (`closed`: a semicolon follows it); 0 when it names none. */
uint32_t mw_entity_find(const char *name, size_t len, bool closed);
/* The character that browsers show for a number. */
uint32_t mw_entity_number(uint32_t number);

#endif
