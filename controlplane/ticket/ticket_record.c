/* Octets of a ticket. tests/cpa/golden holds them fast: a change of layout needs a new version. */
#include "controlplane/ticket/ticket_record.h"

#include <errno.h>

#include "common/base/cursor.h"

#define TICKET_VERSION	2 /* 1 knew no divert; both are read */
#define CONTACT_VERSION 1

static void write_contact(struct mw_writer *w, const struct mw_contact *c)
{
	mw_write_u16(w, c->position);
	mw_write_u8(w, (uint8_t)c->role);
	mw_write_cstring(w, c->name);
	mw_write_cstring(w, c->phone);
	mw_write_cstring(w, c->email);
	mw_write_cstring(w, c->channel);
}

/* An octet below `count`, else the reader fails for good. */
static uint8_t read_enum(struct mw_reader *r, unsigned count)
{
	uint8_t v = mw_read_u8(r);

	if (v >= count)
		r->failed = true;
	return r->failed ? 0 : v;
}

static bool read_bool(struct mw_reader *r)
{
	return read_enum(r, 2) != 0;
}

static void read_contact(struct mw_reader *r, struct mw_contact *c)
{
	c->position = mw_read_u16(r);
	c->role = (enum mw_contact_role)read_enum(r, MW_CONTACT_ROLE_COUNT);
	mw_read_cstring(r, c->name, sizeof(c->name));
	mw_read_cstring(r, c->phone, sizeof(c->phone));
	mw_read_cstring(r, c->email, sizeof(c->email));
	mw_read_cstring(r, c->channel, sizeof(c->channel));
}

static void write_policy(struct mw_writer *w, const struct mw_ticket_policy *p)
{
	const uint32_t times_s[] = {p->deadline_s, p->reopen_deadline_s, p->hard_cap_s,
		p->call_spacing_s, p->task_alarm_s, p->tam_wait_s, p->mail_alarm_s, p->grace_s,
		p->late_s, p->reply_pause_s, p->verify_alarm_s, p->suspect_s, p->probation_s,
		p->ongoing_s};

	mw_write_cstring(w, p->class_name);
	for (size_t i = 0; i < sizeof(times_s) / sizeof(times_s[0]); i++)
		mw_write_u32(w, times_s[i]);
	mw_write_u16(w, p->call_from_min);
	mw_write_u16(w, p->call_to_min);
	mw_write_u16(w, (uint16_t)p->utc_offset_min);
	mw_write_u8(w, p->call_attempts);
	mw_write_u8(w, p->reopen_calls);
	mw_write_u8(w, (uint8_t)p->interim);
	mw_write_u8(w, p->immediate);
	mw_write_u8(w, p->require_ongoing);
	mw_write_u8(w, p->critical);
	mw_write_u32(w, p->divert_max_s);
	mw_write_u32(w, p->probation_divert_s);
	mw_write_cstring(w, p->divert_basis);
}

static void read_policy(struct mw_reader *r, uint8_t version, struct mw_ticket_policy *p)
{
	uint32_t *const times_s[] = {&p->deadline_s, &p->reopen_deadline_s, &p->hard_cap_s,
		&p->call_spacing_s, &p->task_alarm_s, &p->tam_wait_s, &p->mail_alarm_s, &p->grace_s,
		&p->late_s, &p->reply_pause_s, &p->verify_alarm_s, &p->suspect_s, &p->probation_s,
		&p->ongoing_s};

	mw_read_cstring(r, p->class_name, sizeof(p->class_name));
	for (size_t i = 0; i < sizeof(times_s) / sizeof(times_s[0]); i++)
		*times_s[i] = mw_read_u32(r);
	p->call_from_min = mw_read_u16(r);
	p->call_to_min = mw_read_u16(r);
	p->utc_offset_min = (int16_t)mw_read_u16(r);
	p->call_attempts = mw_read_u8(r);
	p->reopen_calls = mw_read_u8(r);
	p->interim = (enum mw_verdict)read_enum(r, MW_VERDICT_COUNT);
	p->immediate = read_bool(r);
	p->require_ongoing = read_bool(r);
	p->critical = read_bool(r);
	if (version < 2)
		return;
	p->divert_max_s = mw_read_u32(r);
	p->probation_divert_s = mw_read_u32(r);
	mw_read_cstring(r, p->divert_basis, sizeof(p->divert_basis));
}

/* The flags and times in one order for both ways; a new field goes to the end, with a new version.
 */
#define FLAGS(t)                                                                                 \
	{                                                                                        \
		&(t)->shared, &(t)->call_in_progress, &(t)->calls_done, &(t)->final_queued,      \
			&(t)->worked_off, &(t)->expiry_shown, &(t)->decision_due, &(t)->dispute, \
			&(t)->hold, &(t)->paused, &(t)->reply_pause_used                         \
	}
#define TIMES(t)                                                                            \
	{                                                                                   \
		&(t)->opened_s, &(t)->provider_knows_since_s, &(t)->customer_knows_since_s, \
			&(t)->clock_started_s, &(t)->deadline_s, &(t)->disabled_since_s,    \
			&(t)->enabled_since_s, &(t)->last_evidence_s, &(t)->evidence_count, \
			&(t)->third_party_s, &(t)->pause_from_s, &(t)->paused_until_s,      \
			&(t)->reported_s                                                    \
	}

size_t mw_ticket_encode(const struct mw_ticket *t, uint8_t *out, size_t size)
{
	struct mw_writer writer = mw_writer_of(out, size);
	struct mw_writer *w = &writer;
	const bool *const flags[] = FLAGS(t);
	const uint64_t *const times[] = TIMES(t);

	mw_write_u8(w, TICKET_VERSION);
	mw_write_u16(w, t->number.year);
	mw_write_u32(w, t->number.seq);
	mw_write_cstring(w, t->customer);
	mw_write_u8(w, (uint8_t)t->state);
	mw_write_u32(w, t->revision);
	mw_write_cstring(w, t->reason);
	mw_write_cstring(w, t->postmaster);
	write_policy(w, &t->policy);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		mw_write_u8(w, *flags[i]);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		mw_write_u64(w, *times[i]);
	mw_write_u32(w, t->reopened);
	mw_write_u32(w, t->final_revision);
	mw_write_u8(w, t->contact_at);
	mw_write_u8(w, (uint8_t)t->tam);
	mw_write_u8(w, (uint8_t)t->interim);
	mw_write_u8(w, (uint8_t)t->verdict);
	mw_write_cstring(w, t->paused_by);
	mw_write_cstring(w, t->pause_reason);
	mw_write_cstring(w, t->measures);
	mw_write_cstring(w, t->reported_by);
	mw_write_u8(w, t->contact_count);
	for (uint8_t i = 0; i < t->contact_count && i < MW_TICKET_CONTACTS_MAX; i++) {
		write_contact(w, &t->contacts[i].who);
		mw_write_u8(w, (uint8_t)t->contacts[i].outcome);
		mw_write_u8(w, t->contacts[i].attempts);
		mw_write_u64(w, t->contacts[i].called_s);
	}
	mw_write_u8(w, t->timer_count);
	for (uint8_t i = 0; i < t->timer_count && i < MW_TIMER_KIND_COUNT; i++) {
		mw_write_u8(w, (uint8_t)t->timers[i].kind);
		mw_write_u64(w, t->timers[i].due_s);
	}
	return mw_writer_len(w);
}

static void read_lists(struct mw_reader *r, struct mw_ticket *t)
{
	uint32_t seen = 0;

	t->contact_count = read_enum(r, MW_TICKET_CONTACTS_MAX + 1);
	for (uint8_t i = 0; i < t->contact_count && !r->failed; i++) {
		read_contact(r, &t->contacts[i].who);
		t->contacts[i].outcome = (enum mw_call_outcome)read_enum(r, MW_CALL_OUTCOME_COUNT);
		t->contacts[i].attempts = mw_read_u8(r);
		t->contacts[i].called_s = mw_read_u64(r);
	}
	t->timer_count = read_enum(r, MW_TIMER_KIND_COUNT + 1);
	for (uint8_t i = 0; i < t->timer_count && !r->failed; i++) {
		t->timers[i].kind = (enum mw_timer_kind)read_enum(r, MW_TIMER_KIND_COUNT);
		t->timers[i].due_s = mw_read_u64(r);
		if ((seen & 1u << t->timers[i].kind) != 0 || t->timers[i].due_s == 0)
			r->failed = true;
		seen |= 1u << t->timers[i].kind;
	}
}

int mw_ticket_decode(struct mw_span in, struct mw_ticket *t)
{
	struct mw_reader reader = mw_reader_of(in.data, in.len);
	struct mw_reader *r = &reader;
	bool *const flags[] = FLAGS(t);
	uint64_t *const times[] = TIMES(t);

	uint8_t version = mw_read_u8(r);

	memset(t, 0, sizeof(*t));
	if (version < 1 || version > TICKET_VERSION)
		return r->failed ? -EBADMSG : -EPROTO;
	t->number.year = mw_read_u16(r);
	t->number.seq = mw_read_u32(r);
	mw_read_cstring(r, t->customer, sizeof(t->customer));
	t->state = (enum mw_ticket_state)read_enum(r, MW_TICKET_STATE_COUNT);
	t->revision = mw_read_u32(r);
	mw_read_cstring(r, t->reason, sizeof(t->reason));
	mw_read_cstring(r, t->postmaster, sizeof(t->postmaster));
	read_policy(r, version, &t->policy);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		*flags[i] = read_bool(r);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		*times[i] = mw_read_u64(r);
	t->reopened = mw_read_u32(r);
	t->final_revision = mw_read_u32(r);
	t->contact_at = mw_read_u8(r);
	t->tam = (enum mw_tam_state)read_enum(r, MW_TAM_STATE_COUNT);
	t->interim = (enum mw_verdict)read_enum(r, MW_VERDICT_COUNT);
	t->verdict = (enum mw_verdict)read_enum(r, MW_VERDICT_COUNT);
	mw_read_cstring(r, t->paused_by, sizeof(t->paused_by));
	mw_read_cstring(r, t->pause_reason, sizeof(t->pause_reason));
	mw_read_cstring(r, t->measures, sizeof(t->measures));
	mw_read_cstring(r, t->reported_by, sizeof(t->reported_by));
	read_lists(r, t);
	/* The call tasks and alarms index the list by it. */
	if (t->contact_at != 0 && t->contact_at >= t->contact_count)
		r->failed = true;
	return mw_reader_done(r) ? 0 : -EBADMSG;
}

size_t mw_contact_encode(const struct mw_contact *contact, uint8_t *out, size_t size)
{
	struct mw_writer w = mw_writer_of(out, size);

	mw_write_u8(&w, CONTACT_VERSION);
	write_contact(&w, contact);
	return mw_writer_len(&w);
}

int mw_contact_decode(struct mw_span in, struct mw_contact *out)
{
	struct mw_reader r = mw_reader_of(in.data, in.len);

	memset(out, 0, sizeof(*out));
	if (mw_read_u8(&r) != CONTACT_VERSION)
		return r.failed ? -EBADMSG : -EPROTO;
	read_contact(&r, out);
	return mw_reader_done(&r) ? 0 : -EBADMSG;
}
