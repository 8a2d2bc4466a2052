/* A customer's mail goes through the antivirus gateway while his case is worked. That hands content
 * to another system: it has a basis that is recorded, he is told in the same step, and it ends by
 * itself unless a person renews it. */
#include "controlplane/ticket/move.h"

#define DAY_S 86400u

static bool has_right(const struct mw_ticket *t)
{
	return t->policy.divert_basis[0] != '\0';
}

/* Behind a shared line stand others than the one it is about: nothing comes by itself there. */
enum mw_verdict mw_divert_interim_of(const struct mw_ticket *t)
{
	if (t->shared || (t->policy.interim == MW_VERDICT_DIVERT && !has_right(t)))
		return MW_VERDICT_PASS;
	return t->policy.interim;
}

uint32_t mw_divert_probation_s(const struct mw_ticket *t)
{
	return t->shared || !has_right(t) ? 0 : t->policy.probation_divert_s;
}

static void tell(struct mw_step *s)
{
	if (!mw_step_queue_mail(s, MW_MAIL_DIVERTED, mw_step_everybody(s), MW_NO_CONTACT))
		mw_step_alarm(s,
			"nobody of customer %s has a mail address: tell him otherwise that his "
			"mail "
			"goes through the gateway",
			s->t->customer);
}

/* Early enough that a person can look at the case and decide. */
static void set_alarm(struct mw_step *s)
{
	uint32_t max_s = s->t->policy.divert_max_s;
	uint32_t before_s = max_s > 2 * DAY_S ? DAY_S : max_s / 2;

	mw_step_set_timer(s, MW_TIMER_DIVERT_ALARM, s->now_s + max_s - before_s);
}

void mw_divert_interim(struct mw_step *s)
{
	mw_step_divert(s, s->t->policy.divert_max_s, "interim verdict while the case is worked");
	set_alarm(s);
	tell(s);
}

void a_renew_divert(struct mw_step *s)
{
	mw_step_divert(s, s->t->policy.divert_max_s, "renewed by a person");
	set_alarm(s);
}

void a_alarm_divert(struct mw_step *s)
{
	char number[MW_TICKET_MAX], at[MW_TIME_TEXT_MAX];

	mw_step_alarm(s,
		"the mail of customer %s goes through the gateway until %s only: `ticket renew %s` "
		"if it is still needed",
		s->t->customer,
		mw_ticket_time_format(mw_ticket_timer_due(s->t, MW_TIMER_DIVERT_END), at),
		mw_ticket_number_format(&s->t->number, number));
}

void a_divert_over(struct mw_step *s)
{
	mw_step_set_verdict(s, MW_VERDICT_PASS, "mail goes its own way again");
}

void a_divert_unrenewed(struct mw_step *s)
{
	s->t->interim = MW_VERDICT_PASS;
	a_divert_over(s);
	mw_step_alarm(s,
		"nobody has renewed it: the mail of customer %s no longer goes through the "
		"gateway, "
		"and his case is still open",
		s->t->customer);
}

void a_probation_verdict(struct mw_step *s)
{
	uint32_t for_s = mw_divert_probation_s(s->t);

	if (for_s == 0) {
		mw_step_set_verdict(s, MW_VERDICT_PASS, "the problem is solved and confirmed");
		return;
	}
	mw_step_divert(s, for_s, "the problem is solved and confirmed; the beginning of probation");
	tell(s);
}
