/* The settings file: defaults, every kind of error with its line and key, the example file. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "controlplane/input/settings.h"

#define I "inspection_default: content\n"

static void errors_name_line_and_key(void **state)
{
	static const struct {
		const char *text, *error;
	} cases[] = {
		{"", "f:1: the file is empty"},
		{"- a\n", "f:1: : keys and values"},
		{"a: [\n", "f:2:"},
		{"state_dir: /x\n", "f:1: inspection_default: must be named"},
		{"inspection_default: all\n", "f:1: inspection_default: \"all\""},
		{I "nonsense: 1\n", "f:2: nonsense: unknown key"},
		{I "mail:\n  relay_hots: a\n", "f:3: mail.relay_hots: unknown key"},
		{I "mail:\n  relay_port: 25\n  relay_port: 26\n",
			"f:4: mail.relay_port: stands twice"},
		{I "mail:\n  relay_port: 70000\n", "f:3: mail.relay_port: 70000 is out of range"},
		{I "mail:\n  relay_port: \"25\"\n", "f:3: mail.relay_port: \"25\" is no number"},
		{I "mail:\n  relay_port: 2.5\n", "f:3: mail.relay_port: 2.5 is no whole number"},
		{I "mail:\n  relay_port: 0x19\n", "f:3: mail.relay_port:"},
		{I "mail:\n  relay_port: nan\n", "f:3: mail.relay_port:"},
		{I "mail:\n  relay_host: \"a b\"\n", "f:3: mail.relay_host:"},
		{I "mail:\n  from: nobody\n", "f:3: mail.from: \"nobody\" is no mail address"},
		{I "mail: 5\n", "f:2: mail.: keys and values"},
		{I "desk:\n  name:\n", "f:3: desk.name: no value"},
		{I "desk:\n  name: [a]\n", "f:3: desk.name: a single value"},
		{I "desk:\n  name: \"a\\x1bb\"\n", "f:3: desk.name: control characters"},
		{I "metrics:\n  address: localhost\n",
			"f:3: metrics.address: \"localhost\" is no address"},
		{I "smtp:\n  ports: 25\n", "f:3: smtp.ports: a list"},
		{I "smtp:\n  ports: []\n", "f:3: smtp.ports: at least one"},
		{I "smtp:\n  ports: [25, x]\n", "f:3: smtp.ports: \"x\" is no port"},
		{I "smtp:\n  ports: [25,\n    25]\n", "f:4: smtp.ports: port 25 stands twice"},
		{I "smtp:\n  ports: [0]\n", "f:3: smtp.ports: \"0\" is no port"},
		{I "smtp:\n  ports: [65536]\n", "f:3: smtp.ports: \"65536\" is no port"},
		{I "smtp:\n  ports: [-25]\n", "f:3: smtp.ports: \"-25\" is no port"},
		{I "smtp:\n  ports: [18446744073709551641]\n", "f:3: smtp.ports: \"184467"},
		{I "smtp:\n  ports: [25.0]\n", "f:3: smtp.ports: \"25.0\" is no port"},
		{I "smtp:\n  ports: [0x19]\n", "f:3: smtp.ports: \"0x19\" is no port"},
		{I "smtp:\n  ports: [[25]]\n", "f:3: smtp.ports: a single value"},
		{I "smtp:\n  ports: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n",
			"f:3: smtp.ports: more than 8 ports"},
		{I "smtp:\n  reject_at: rcpt\n", "f:3: smtp.reject_at: \"rcpt\" is none of"},
		{I "smtp:\n  refuse_reply: \"ticket %t\"\n", "f:3: smtp.refuse_reply: after"},
		{I "smtp:\n  rate_reply: \"%x\"\n", "f:3: smtp.rate_reply: after % stands t"},
		{I "smtp:\n  refuse_worm: yes\n", "f:3: smtp.refuse_worm: \"yes\" is neither"},
		{I "smtp:\n  reject_reply: call us\n", "f:3: smtp.reject_reply: it must hold %t"},
		{I "smtp:\n  reject_reply: \"%t %x\"\n", "f:3: smtp.reject_reply: after %"},
		{I "smtp:\n  reject_reply: \"%t \xc3\xa4\"\n",
			"f:3: smtp.reject_reply: only printable"},
		{I "default_class: gold\n", "f:2: default_class: there is no class \"gold\""},
		{I "detect:\n  theta0: 0.6\n", "f:3: detect.theta0: 0.6 is out of range"},
		{I "detect:\n  theta0: 0.4\n  theta1: 0.3\n", "f:3: detect: theta0 and theta0_max"},
		{I "detect:\n  considerable_spam: 65\n", "f:3: detect.considerable_spam:"},
		{I "classes:\n  gold:\n    grace: 5m\n", "f:4: classes.gold: a class of one's own"},
		{I "classes:\n  business:\n    deadline: 3 hours\n",
			"f:4: classes.business.deadline: \"3 hours\" is no time"},
		{I "classes:\n  business:\n    deadline: 2h\n    hard_cap: 1h\n",
			"f:4: classes.business: hard_cap lies before"},
		{I "classes:\n  business:\n    interim_verdict: divert\n",
			"f:4: classes.business.interim_verdict: divert is not in this version"},
		{I "classes:\n  business:\n    interim_verdict: drop\n",
			"f:4: classes.business.interim_verdict: drop would stop"},
		{I "classes:\n  business:\n    interim_verdict: rate\n"
		   "    rate: {messages: 0, recipients: 0, connections: 0}\n",
			"f:4: classes.business: interim_verdict is rate, and rate has no limit"},
		{I "classes:\n  business:\n    rate: 60\n",
			"f:4: classes.business.rate.: keys and values"},
		{I "classes:\n  business:\n    rate: {mails: 60}\n",
			"f:4: classes.business.rate.mails: unknown key"},
		{I "classes:\n  business:\n    rate:\n      messages: 1000001\n",
			"f:5: classes.business.rate.messages: 1000001 is out of range"},
		{I "classes:\n  business:\n    rate: {messages: -1}\n",
			"f:4: classes.business.rate.messages: -1 is out of range"},
		{I "classes:\n  business:\n    rate: {connections: 1.5}\n",
			"f:4: classes.business.rate.connections: 1.5 is no whole number"},
		{I "classes:\n  business:\n    rate: {messages: 301}\n",
			"f:4: classes.business.rate: recipients lies below messages"},
		{I "classes:\n  business:\n    interim_verdict: reject\n",
			"f:4: classes.business.interim_verdict: reject would stop"},
		{I "classes:\n  business:\n    call_hours: 8-18\n",
			"f:4: classes.business.call_hours:"},
		{I "classes:\n  business:\n    reply_pause: 16m\n",
			"f:4: classes.business.reply_pause:"},
		{I "classes:\n  business: {}\n  business: {}\n",
			"f:4: classes.business: stands twice"},
		{I "classes:\n  business:\n    detect:\n      alpha: 2\n",
			"f:5: classes.business.detect.alpha: 2 is out of range"},
		{I "rules: /a\n", "f:2: rules: a list"},
		{I "rules:\n  - \"\"\n", "f:3: rules: a path has"},
	};
	char error[MW_SETTINGS_ERROR_MAX];
	static struct mw_settings s;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int rc = mw_settings_parse("f", cases[i].text, strlen(cases[i].text), &s, error);

		if (rc != -EINVAL || strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
			fail_msg("case %zu: rc %d, \"%s\", wanted \"%s\"", i, rc, error,
				cases[i].error);
	}
	assert_int_equal(s.class_count, 0); /* nothing was taken from any of them */
	assert_int_equal(mw_settings_load("/nonexistent/x.yaml", &s, error), -ENOENT);
	assert_non_null(strstr(error, "/nonexistent/x.yaml"));
}

static void defaults_and_values(void **state)
{
	static const char text[] =
		"inspection_default: metadata\n"
		"spam_threshold: 3.5\n"
		"detect: {considerable_spam: 10, theta0: 0.04}\n"
		"mail: {from: abuse@isp.example, relay_port: 2525}\n"
		"desk: {name: Desk, phone: \"+49 1\", email: desk@isp.example}\n"
		"smtp: {ports: [25, 2525]}\n"
		"default_class: demo\n"
		"classes:\n"
		"  demo: {deadline: 20s, inspection: content-sample, detect: {theta1: 0.6}}\n"
		"  consumer: {grace: 10m, utc_offset: -90, call_hours: 08:30-18:00, critical: "
		"true}\n";
	char error[MW_SETTINGS_ERROR_MAX], reply[MW_REPLY_TEXT_MAX];
	static struct mw_settings s;
	struct mw_policy_settings policy;
	const struct mw_class_policy *c;

	assert_int_equal(mw_settings_parse("f", text, sizeof(text) - 1, &s, error), 0);
	c = mw_settings_class(&s, "demo");
	assert_int_equal(c->ticket.deadline_s, 20);
	assert_int_equal(c->ticket.hard_cap_s, 80);
	assert_int_equal(c->ticket.reopen_deadline_s, 6);
	assert_int_equal(c->inspection, MW_INSPECTION_CONTENT_SAMPLE);
	assert_int_equal(c->spam_threshold_milli, 3500);
	assert_int_equal(c->detect.considerable_spam, 10);
	assert_true(c->detect.theta1 > 0.59 && c->detect.theta0 < 0.041);
	assert_string_equal(c->ticket.class_name, "demo");
	c = mw_settings_class(&s, "consumer");
	assert_int_equal(c->ticket.deadline_s, 72 * 3600);
	assert_int_equal(c->ticket.grace_s, 600);
	assert_int_equal(c->ticket.utc_offset_min, -90);
	assert_int_equal(c->ticket.call_from_min, 510);
	assert_true(c->ticket.critical);
	assert_int_equal(c->inspection, MW_INSPECTION_METADATA);
	assert_int_equal(mw_settings_class(&s, "fope")->ticket.deadline_s, 3600);
	assert_int_equal(mw_settings_class(&s, "business")->ticket.deadline_s, 3 * 3600);
	assert_int_equal(mw_settings_class(&s, "hosting")->ticket.deadline_s, 24 * 3600);
	assert_null(mw_settings_class(&s, "gold"));
	assert_string_equal(s.mail.message_id_domain, "isp.example");
	assert_int_equal(s.metrics.port, 9925);
	mw_settings_to_policy(&s, &policy);
	assert_int_equal(policy.smtp_port_count, 2);
	assert_int_equal(policy.default_threshold_milli, 3500);
	assert_true(policy.refuse_worm);
	assert_false(policy.refuse_spam);
	assert_true(policy.refuse_smuggling);
	assert_int_equal(policy.reject_at, MW_REJECT_AT_ADAPTIVE);
	assert_string_equal(policy.refuse_reply,
		"message refused, please call +49 1 or write to desk@isp.example");
	mw_settings_reject_reply(&s, "MW-2026-000123", reply);
	assert_string_equal(reply, "outbound mail is refused, ticket MW-2026-000123, please call "
				   "+49 1 or write to desk@isp.example");
}

/* What is filled in may be any text; a reply is printable ASCII, and a character is one mark,
 * however many octets of UTF-8 it has. The longest there is ends at its limit, the ticket in it. */
static void a_reply_is_ascii(void **state)
{
	static const char text[] =
		I "smtp: {reject_reply: \"%t %n %p\"}\n"
		  "desk: {name: \"B\xc3\xbcro \xe2\x82\xac \xf0\x9f\x93\xa7\", phone: \"+49 1\"}\n";
	char error[MW_SETTINGS_ERROR_MAX], reply[MW_REPLY_TEXT_MAX];
	char longest[512] = I "smtp: {reject_reply: \"";
	static struct mw_settings s;
	size_t at = strlen(longest);

	assert_int_equal(mw_settings_parse("f", text, strlen(text), &s, error), 0);
	mw_settings_reject_reply(&s, "MW-2026-000123", reply);
	assert_string_equal(reply, "MW-2026-000123 B?ro ? ? +49 1");
	for (size_t more = 0; more < 2; more++) {
		size_t len = MW_REPLY_TEXT_MAX - 1 - strlen("MW-2026-000123") + more;

		memset(longest + at, 'x', len);
		snprintf(longest + at + len, sizeof(longest) - at - len, "%%t\"}\n");
		assert_int_equal(mw_settings_parse("f", longest, strlen(longest), &s, error),
			more == 0 ? 0 : -EINVAL);
		if (more == 0) {
			mw_settings_reject_reply(&s, "MW-2026-000123", reply);
			assert_int_equal(strlen(reply), MW_REPLY_TEXT_MAX - 1);
			assert_non_null(strstr(reply, "xMW-2026-000123"));
		}
	}
	assert_non_null(strstr(error, "the ticket number is cut off"));
}

static void limits_of_a_class(void **state)
{
	static const char text[] =
		I "smtp: {rate_reply: \"slower please, %p\"}\n"
		  "desk: {phone: \"+49 1\"}\n"
		  "classes:\n"
		  "  own: {deadline: 1h}\n"
		  "  fope: {rate: {messages: 0}, interim_verdict: rate}\n"
		  "  hosting: {rate: {messages: 1000000, recipients: 1000000, connections: 5}}\n"
		  "  consumer: {rate: {messages: 10, recipients: 0, connections: 0}}\n"
		  "  business: {rate: {messages: 0, recipients: 0, connections: 0}}\n";
	static const struct {
		const char *name;
		struct mw_rate rate;
		bool limits;
	} want[] = {{"own", {60, 300, 60}, true}, {"fope", {0, 300, 60}, true},
		{"hosting", {1000000, 1000000, 5}, true}, {"consumer", {10, 0, 0}, true},
		{"business", {0, 0, 0}, false}};
	char error[MW_SETTINGS_ERROR_MAX], reply[MW_REPLY_TEXT_MAX];
	static struct mw_settings s;

	if (mw_settings_parse("f", text, sizeof(text) - 1, &s, error) != 0)
		fail_msg("%s", error);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct mw_class_policy *c = mw_settings_class(&s, want[i].name);

		assert_int_equal(c->rate.messages, want[i].rate.messages);
		assert_int_equal(c->rate.recipients, want[i].rate.recipients);
		assert_int_equal(c->rate.connections, want[i].rate.connections);
		assert_int_equal(mw_settings_class_limits(c), want[i].limits);
		assert_int_equal(c->ticket.interim,
			strcmp(want[i].name, "fope") == 0 ? MW_VERDICT_RATE : MW_VERDICT_PASS);
	}
	mw_settings_rate_reply(&s, "MW-2026-000123", reply);
	assert_string_equal(reply, "slower please, +49 1");
	mw_settings_default(&s);
	mw_settings_rate_reply(&s, "MW-2026-000123", reply);
	assert_string_equal(reply, "more mail than may be sent in an hour, ticket MW-2026-000123, "
				   "please call  or write to ");
}

static void the_example_is_valid(void **state)
{
	char error[MW_SETTINGS_ERROR_MAX];
	static struct mw_settings s;
	int rc = mw_settings_load(MW_SOURCE_ROOT "/docs/mailweir.example.yaml", &s, error);

	if (rc != 0)
		fail_msg("%s", error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(errors_name_line_and_key),
		cmocka_unit_test(defaults_and_values),
		cmocka_unit_test(a_reply_is_ascii),
		cmocka_unit_test(limits_of_a_class),
		cmocka_unit_test(the_example_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
