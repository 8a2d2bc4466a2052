/*
 * The provider's escalation procedure: (ticket, event, now) → ticket, effects. Pure; one table
 * (table.c) holds every move with its reason. Called by core, by tests, by nothing else.
 */
#ifndef MW_CONTROLPLANE_TICKET_STEP_H
#define MW_CONTROLPLANE_TICKET_STEP_H

#include "controlplane/ticket/effect.h"

/*
 * 0: accepted. `out` is the next revision, `effects` what follows.
 * -EPERM: the event does not fit the state. -EINVAL: the event itself is incomplete or contradicts
 * itself. -ESTALE: a timer that is not set (any more), or not due yet; drop it.
 * Whenever it is not 0, `out` equals `in`, there are no effects, effects->refusal is a sentence for
 * the desk ("ticket MW-2026-000123 is closed: ...").
 * `in` and `out` may be the same object.
 */
int mw_ticket_step(const struct mw_ticket *in, const struct mw_ticket_event *ev, uint64_t now_s,
	struct mw_ticket *out, struct mw_effect_list *effects);

#endif
