/* The part of the settings that is a class of customers: ladder, clock, thresholds. */
#include "controlplane/input/settings_class.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define T(name_, field, min_, max_)                                                                \
	{                                                                                          \
		.name = name_, .type = MW_YAML_SECONDS,                                            \
		.offset = offsetof(struct mw_class_policy, ticket.field), .min = min_, .max = max_ \
	}
#define D(name_, type_, field, min_, max_)                                                        \
	{                                                                                         \
		.name = name_, .type = type_, .offset = offsetof(struct mw_detect_policy, field), \
		.min = min_, .max = max_                                                          \
	}
#define B(name_, field)                                           \
	{                                                         \
		.name = name_, .type = MW_YAML_BOOL,              \
		.offset = offsetof(struct mw_class_policy, field) \
	}

#define R(name_, field)                                                                        \
	{                                                                                      \
		.name = name_, .type = MW_YAML_U32, .offset = offsetof(struct mw_rate, field), \
		.min = 0, .max = RATE_MAX                                                      \
	}

#define YEAR_S	 31536000.0
#define DAY_S	 86400u
#define RATE_MAX 1000000.0 /* an hour: more is a slip of the hand, who wants no limit names 0 */

static const struct mw_yaml_key detect_keys[] = {
	D("theta0", MW_YAML_REAL, theta0, 1e-6, 0.49),
	D("theta1", MW_YAML_REAL, theta1, 0.01, 0.999),
	D("theta0_max", MW_YAML_REAL, theta0_max, 1e-6, 0.9),
	D("alpha", MW_YAML_REAL, alpha, 1e-15, 0.1),
	D("beta", MW_YAML_REAL, beta, 1e-9, 0.5),
	D("cusum_theta0", MW_YAML_REAL, cusum_theta0, 1e-6, 0.9),
	D("cusum_theta1", MW_YAML_REAL, cusum_theta1, 1e-6, 0.999),
	D("cusum_h", MW_YAML_REAL, cusum_h, 0.1, 1000),
	D("considerable_spam", MW_YAML_U32, considerable_spam, 1, MW_DETECT_SPAM_MAX),
	D("considerable_domains", MW_YAML_U32, considerable_domains, 1,
		MW_DETECT_DOMAINS_MAX / 2.0),
	D("considerable_within", MW_YAML_SECONDS, considerable_s, 1, 7 * 86400),
	D("retry_within", MW_YAML_SECONDS, retry_s, 0, 30 * 86400),
	D("campaign_within", MW_YAML_SECONDS, campaign_s, 0, 86400),
	D("baseline_min", MW_YAML_U32, baseline_min, 1, 1000000),
	{.name = "worm_at_once",
		.type = MW_YAML_BOOL,
		.offset = offsetof(struct mw_detect_policy, worm_at_once)},
};

int mw_settings_take_detect(
	struct mw_yaml *y, yaml_node_t *node, const char *key, struct mw_detect_policy *out)
{
	int rc = mw_yaml_section(
		y, node, key, detect_keys, sizeof(detect_keys) / sizeof(detect_keys[0]), out, NULL);

	if (rc != 0)
		return rc;
	if (out->theta0 >= out->theta1 || out->theta0_max >= out->theta1)
		return mw_yaml_error(y, node, key, "theta0 and theta0_max must lie below theta1");
	if (out->cusum_theta0 >= out->cusum_theta1)
		return mw_yaml_error(y, node, key, "cusum_theta0 must lie below cusum_theta1");
	return 0;
}

static int take_detect(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_detect(
		y, node, key->name, &((struct mw_class_policy *)object)->detect);
}

int mw_settings_take_inspection(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key,
	enum mw_inspection *out)
{
	const char *text = mw_yaml_text(y, node, key->name);

	if (text == NULL)
		return -EINVAL;
	if (mw_inspection_parse(text, out) != 0)
		return mw_yaml_error(y, node, key->name,
			"\"%.40s\": none, metadata, content or content-sample", text);
	return 0;
}

static int take_inspection(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_inspection(
		y, node, key, &((struct mw_class_policy *)object)->inspection);
}

static const struct mw_yaml_key rate_keys[] = {
	R("messages", messages),
	R("recipients", recipients),
	R("connections", connections),
};

/* A key that is not named keeps its default: `rate: {messages: 0}` alone is not "no limit at all".
 */
static int take_rate(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct mw_rate *rate = &((struct mw_class_policy *)object)->rate;
	int rc = mw_yaml_section(y, node, key->name, rate_keys,
		sizeof(rate_keys) / sizeof(rate_keys[0]), rate, NULL);

	if (rc != 0)
		return rc;
	if (rate->recipients != 0 && rate->recipients < rate->messages)
		return mw_yaml_error(y, node, key->name,
			"recipients lies below messages, which then never counts: a message has "
			"one at least");
	return 0;
}

static int take_interim(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	enum mw_verdict verdict;

	if (text == NULL)
		return -EINVAL;
	if (mw_verdict_parse(text, &verdict) != 0)
		return mw_yaml_error(y, node, key->name, "\"%.40s\" is no verdict", text);
	if (verdict != MW_VERDICT_PASS && verdict != MW_VERDICT_RATE &&
		verdict != MW_VERDICT_DIVERT)
		return mw_yaml_error(y, node, key->name,
			"%s would stop the customer's mail before he was told; pass, rate or "
			"divert",
			text);
	((struct mw_class_policy *)object)->ticket.interim = verdict;
	return 0;
}

/* A class says where mail goes, not whether: that is a decision about one customer. */
static int take_verdict(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	enum mw_verdict verdict;

	if (text == NULL)
		return -EINVAL;
	if (mw_verdict_parse(text, &verdict) != 0 ||
		(verdict != MW_VERDICT_PASS && verdict != MW_VERDICT_DIVERT))
		return mw_yaml_error(y, node, key->name,
			"\"%.40s\": the verdict of a class is pass or divert", text);
	((struct mw_class_policy *)object)->verdict = verdict;
	return 0;
}

/* "08:00-18:00" of the desk's day, or "always". */
static int take_hours(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	const char *text = mw_yaml_text(y, node, key->name);
	struct mw_ticket_policy *p = &((struct mw_class_policy *)object)->ticket;
	unsigned h0, m0, h1, m1;
	int used = 0;

	if (text == NULL)
		return -EINVAL;
	if (strcmp(text, "always") == 0) {
		p->call_from_min = p->call_to_min = 0;
		return 0;
	}
	if (strlen(text) != 11 ||
		sscanf(text, "%2u:%2u-%2u:%2u%n", &h0, &m0, &h1, &m1, &used) != 4 || used != 11 ||
		h0 > 23 || h1 > 24 || m0 > 59 || m1 > 59 || h1 * 60 + m1 > 1440 ||
		h0 * 60 + m0 == h1 * 60 + m1)
		return mw_yaml_error(
			y, node, key->name, "\"%.40s\": hours are 08:00-18:00, or always", text);
	p->call_from_min = (uint16_t)(h0 * 60 + m0);
	p->call_to_min = (uint16_t)(h1 * 60 + m1);
	return 0;
}

enum { K_DEADLINE, K_REOPEN, K_CAP };

static const struct mw_yaml_key class_keys[] = {
	[K_DEADLINE] = T("deadline", deadline_s, 1, YEAR_S),
	[K_REOPEN] = T("reopen_deadline", reopen_deadline_s, 1, YEAR_S),
	[K_CAP] = T("hard_cap", hard_cap_s, 1, YEAR_S),
	T("call_spacing", call_spacing_s, 0, 7 * 86400),
	T("task_alarm", task_alarm_s, 1, 7 * 86400),
	T("tam_wait", tam_wait_s, 1, 7 * 86400),
	T("mail_alarm", mail_alarm_s, 1, 7 * 86400),
	T("grace", grace_s, 1, 86400),
	T("late", late_s, 1, 86400),
	T("reply_pause", reply_pause_s, 0, 900), /* DESIGN.md 7.15: at most 15 minutes */
	T("verify_alarm", verify_alarm_s, 1, 30 * 86400),
	T("suspect", suspect_s, 1, YEAR_S),
	T("probation", probation_s, 1, YEAR_S),
	T("probation_divert", probation_divert_s, 0, YEAR_S),
	T("ongoing", ongoing_s, 1, 30 * 86400),
	{.name = "call_attempts",
		.type = MW_YAML_U8,
		.offset = offsetof(struct mw_class_policy, ticket.call_attempts),
		.min = 1,
		.max = 10},
	{.name = "reopen_calls",
		.type = MW_YAML_U8,
		.offset = offsetof(struct mw_class_policy, ticket.reopen_calls),
		.min = 1,
		.max = MW_TICKET_CONTACTS_MAX},
	{.name = "utc_offset",
		.type = MW_YAML_I16,
		.offset = offsetof(struct mw_class_policy, ticket.utc_offset_min),
		.min = -720,
		.max = 840},
	{.name = "call_hours", .type = MW_YAML_CUSTOM, .take = take_hours},
	{.name = "interim_verdict", .type = MW_YAML_CUSTOM, .take = take_interim},
	{.name = "verdict", .type = MW_YAML_CUSTOM, .take = take_verdict},
	{.name = "inspection", .type = MW_YAML_CUSTOM, .take = take_inspection},
	{.name = "detect", .type = MW_YAML_CUSTOM, .take = take_detect},
	{.name = "rate", .type = MW_YAML_CUSTOM, .take = take_rate},
	{.name = "spam_threshold",
		.type = MW_YAML_MILLI,
		.offset = offsetof(struct mw_class_policy, spam_threshold_milli),
		.min = 0.001,
		.max = 1000},
	B("immediate", ticket.immediate),
	B("require_ongoing", ticket.require_ongoing),
	B("critical", ticket.critical),
	B("shared", shared),
};

int mw_settings_take_class(
	struct mw_yaml *y, yaml_node_t *node, struct mw_class_policy *out, bool is_new)
{
	uint64_t seen = 0;
	struct mw_ticket_policy *p = &out->ticket;
	int rc = mw_yaml_section(y, node, out->name, class_keys,
		sizeof(class_keys) / sizeof(class_keys[0]), out, &seen);

	if (rc != 0)
		return rc;
	if (is_new && (seen & 1u << K_DEADLINE) == 0)
		return mw_yaml_error(
			y, node, out->name, "a class of one's own must name its deadline");
	if ((seen & 1u << K_DEADLINE) != 0)
		mw_settings_derive(out, (seen & 1u << K_REOPEN) == 0, (seen & 1u << K_CAP) == 0);
	if (p->hard_cap_s < p->deadline_s)
		return mw_yaml_error(y, node, out->name, "hard_cap lies before deadline");
	if (p->interim == MW_VERDICT_RATE && !mw_settings_class_limits(out))
		return mw_yaml_error(y, node, out->name,
			"interim_verdict is rate, and rate has no limit above 0");
	return 0;
}

void mw_settings_derive(struct mw_class_policy *out, bool reopen, bool cap)
{
	uint32_t deadline_s = out->ticket.deadline_s;

	if (reopen)
		out->ticket.reopen_deadline_s = deadline_s >= 3 ? deadline_s / 3 : 1;
	if (cap)
		out->ticket.hard_cap_s = deadline_s * 4;
}

static int refuse_divert(struct mw_yaml *y, yaml_node_t *node, const struct mw_class_policy *c,
	const char *key, const char *why)
{
	char path[MW_CLASS_MAX + 32];

	snprintf(path, sizeof(path), "%s.%s", c->name, key);
	return mw_yaml_error(y, mw_yaml_value(y, node, key), path, "%s", why);
}

int mw_settings_class_divert(
	struct mw_yaml *y, yaml_node_t *node, const S *s, struct mw_class_policy *c)
{
	const char *missing = mw_settings_may_divert(s);
	struct mw_ticket_policy *p = &c->ticket;
	bool all = c->verdict == MW_SETTINGS_UNNAMED_VERDICT ? s->divert.everybody
							     : c->verdict == MW_VERDICT_DIVERT;
	bool by_ticket;

	if (node != NULL && missing != NULL) {
		if (c->verdict == MW_VERDICT_DIVERT)
			return refuse_divert(y, node, c, "verdict", missing);
		if (p->interim == MW_VERDICT_DIVERT)
			return refuse_divert(y, node, c, "interim_verdict", missing);
		if (p->probation_divert_s != MW_SETTINGS_UNNAMED_S && p->probation_divert_s != 0)
			return refuse_divert(y, node, c, "probation_divert", missing);
	}
	if (node != NULL && p->probation_divert_s != MW_SETTINGS_UNNAMED_S &&
		p->probation_divert_s > p->probation_s)
		return refuse_divert(y, node, c, "probation_divert", "longer than probation");
	c->verdict = all ? MW_VERDICT_DIVERT : MW_VERDICT_PASS;
	/* Whose mail goes through the gateway anyway needs no verdict for it; on a shared line a
	 * ticket sets none. */
	by_ticket = missing == NULL && !all && !c->shared;
	if (p->interim == MW_SETTINGS_UNNAMED_VERDICT)
		p->interim = by_ticket ? MW_VERDICT_DIVERT : MW_VERDICT_PASS;
	if (p->probation_divert_s == MW_SETTINGS_UNNAMED_S)
		p->probation_divert_s = !by_ticket		 ? 0
					: p->probation_s < DAY_S ? p->probation_s
								 : DAY_S;
	p->divert_max_s = s->divert.max_s;
	memcpy(p->divert_basis, s->divert.basis, sizeof(p->divert_basis));
	return 0;
}
