/*
 * The commands whose replies are outstanding, oldest first (RFC 2920 3.1: replies come in order),
 * as runs of equal ones: six hundred RCPT take one place. Bounded; the client side waits when it is
 * full.
 */
#include "dataplane/proto/smtp_internal.h"

/* One command line pushes one run at most. */
bool mw_smtp_queue_room(const struct mw_smtp *s)
{
	return s->runs < MW_SMTP_RUNS_MAX;
}

static struct mw_smtp_run *run_at(struct mw_smtp *s, uint32_t i)
{
	return &s->run[(s->run_first + i) % MW_SMTP_RUNS_MAX];
}

void mw_smtp_queue_push(struct mw_smtp *s, enum mw_smtp_command command, uint8_t flags)
{
	struct mw_smtp_run *last = s->runs > 0 ? run_at(s, s->runs - 1u) : NULL;

	s->outstanding++;
	if (last != NULL && last->command == command && last->flags == flags &&
		last->count < UINT16_MAX) {
		last->count++;
		return;
	}
	*run_at(s, s->runs) =
		(struct mw_smtp_run){.command = (uint8_t)command, .flags = flags, .count = 1};
	s->runs++;
}

bool mw_smtp_queue_has(const struct mw_smtp *s, enum mw_smtp_command command)
{
	for (uint32_t i = 0; i < s->runs; i++)
		if (s->run[(s->run_first + i) % MW_SMTP_RUNS_MAX].command == command)
			return true;
	return false;
}

const struct mw_smtp_run *mw_smtp_queue_head(const struct mw_smtp *s)
{
	return s->runs > 0 ? &s->run[s->run_first] : NULL;
}

void mw_smtp_queue_pop(struct mw_smtp *s)
{
	s->outstanding--;
	if (--s->run[s->run_first].count > 0)
		return;
	s->run_first = (uint8_t)((s->run_first + 1u) % MW_SMTP_RUNS_MAX);
	s->runs--;
}
