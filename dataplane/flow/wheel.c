#include "dataplane/flow/wheel.h"

void mw_wheel_init(struct mw_wheel *wheel, struct mw_flow_table *table)
{
	wheel->table = table;
	wheel->started = false;
	wheel->tick = 0;
	for (uint32_t i = 0; i < MW_WHEEL_SLOTS; i++)
		wheel->slot[i] = MW_FLOW_NONE;
}

static struct mw_flow_link *link_at(const struct mw_wheel *wheel, uint32_t index)
{
	return mw_flow_entry(wheel->table, index);
}

void mw_wheel_cancel(struct mw_wheel *wheel, void *entry)
{
	struct mw_flow_link *link = entry;

	if (link->wheel_slot == MW_FLOW_NONE)
		return;
	if (link->wheel_prev != MW_FLOW_NONE)
		link_at(wheel, link->wheel_prev)->wheel_next = link->wheel_next;
	else
		wheel->slot[link->wheel_slot] = link->wheel_next;
	if (link->wheel_next != MW_FLOW_NONE)
		link_at(wheel, link->wheel_next)->wheel_prev = link->wheel_prev;
	link->wheel_slot = MW_FLOW_NONE;
}

static void insert(struct mw_wheel *wheel, struct mw_flow_link *link, uint64_t tick)
{
	uint32_t slot = (uint32_t)(tick % MW_WHEEL_SLOTS);
	uint32_t index = mw_flow_index(wheel->table, link);

	link->wheel_slot = slot;
	link->wheel_prev = MW_FLOW_NONE;
	link->wheel_next = wheel->slot[slot];
	if (link->wheel_next != MW_FLOW_NONE)
		link_at(wheel, link->wheel_next)->wheel_prev = index;
	wheel->slot[slot] = index;
}

void mw_wheel_set(struct mw_wheel *wheel, void *entry, uint64_t now_ns, uint64_t due_ns)
{
	struct mw_flow_link *link = entry;
	uint64_t tick = due_ns / MW_WHEEL_TICK_NS + 1; /* late by up to a tick, never early */

	if (!wheel->started) {
		wheel->started = true;
		wheel->tick = now_ns / MW_WHEEL_TICK_NS;
	}
	mw_wheel_cancel(wheel, entry);
	link->due_ns = due_ns;
	if (tick < wheel->tick)
		tick = wheel->tick;
	insert(wheel, link, tick);
}

void *mw_wheel_due(struct mw_wheel *wheel, uint64_t now_ns, uint32_t *steps)
{
	uint64_t now_tick = now_ns / MW_WHEEL_TICK_NS;

	/* After a long silence (captures have them) one turn visits every timer there is. */
	if (wheel->started && now_tick > wheel->tick + MW_WHEEL_SLOTS)
		wheel->tick = now_tick - MW_WHEEL_SLOTS;
	while (wheel->started && wheel->tick <= now_tick && *steps > 0) {
		uint32_t at = wheel->slot[wheel->tick % MW_WHEEL_SLOTS];

		while (at != MW_FLOW_NONE && *steps > 0) {
			struct mw_flow_link *link = link_at(wheel, at);

			uint64_t due_tick = link->due_ns / MW_WHEEL_TICK_NS + 1;
			uint64_t farthest = wheel->tick + MW_WHEEL_SLOTS - 1;

			--*steps;
			at = link->wheel_next;
			mw_wheel_cancel(wheel, link);
			if (link->due_ns <= now_ns)
				return link;
			/* Not yet: out of this slot in any case, so that a call which stops here
			 * (out of steps) does not begin with the same entries again. */
			if (due_tick <= wheel->tick)
				due_tick = wheel->tick + 1;
			insert(wheel, link, due_tick < farthest ? due_tick : farthest);
		}
		if (*steps == 0)
			return NULL;
		--*steps;
		wheel->tick++;
	}
	return NULL;
}
