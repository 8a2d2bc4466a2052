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

#define I	"inspection_default: content\n"
#define GATEWAY "  gateway: [192.0.2.9]\n  address: [192.0.2.10]\n"
#define BASIS	"  basis: contract of 2026, section 7\n"

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
			"f:4: classes.business.interim_verdict: mail cannot be diverted, no "
			"gateway"},
		{I "classes:\n  business:\n    grace: 1m\n    verdict: divert\n",
			"f:5: classes.business.verdict: mail cannot be diverted, no gateway"},
		{I "classes:\n  business:\n    verdict: rate\n",
			"f:4: classes.business.verdict: \"rate\": the verdict of a class is pass "
			"or"},
		{I "classes:\n  business:\n    verdict: maybe\n",
			"f:4: classes.business.verdict: \"maybe\": the verdict of a class"},
		{I "classes:\n  business:\n    verdict: divert\ndivert:\n" GATEWAY,
			"f:4: classes.business.verdict: this hands mail to another system"},
		{I "divert:\n" GATEWAY
		   "classes:\n  own:\n    deadline: 1h\n    interim_verdict: divert\n",
			"f:8: classes.own.interim_verdict: this hands mail to another system"},
		{I "divert:\n" GATEWAY "classes:\n  fope:\n    probation_divert: 1h\n",
			"f:7: classes.fope.probation_divert: this hands mail to another system"},
		{I "divert:\n" GATEWAY BASIS
		   "classes:\n  fope:\n    probation: 1h\n    probation_divert: 2h\n",
			"f:9: classes.fope.probation_divert: longer than probation"},
		{I "divert:\n  everybody: true\n",
			"f:3: divert.everybody: mail cannot be diverted, no gateway"},
		{I "divert:\n" GATEWAY "  everybody: true\n",
			"f:5: divert.everybody: this hands mail to another system"},
		{I "divert:\n  everybody: all\n", "f:3: divert.everybody: \"all\" is neither"},
		{I "divert: 5\n", "f:2: divert.: keys and values"},
		{I "divert:\n  gate: [192.0.2.9]\n", "f:3: divert.gate: unknown key"},
		{I "divert:\n  gateway: 192.0.2.9\n", "f:3: divert.gateway: a list of addresses"},
		{I "divert:\n  gateway: []\n", "f:3: divert.gateway: at least one"},
		{I "divert:\n  gateway: [mail.example]\n",
			"f:3: divert.gateway: \"mail.example\" is no address of a host"},
		{I "divert:\n  gateway: [192.0.2.0/24]\n", "f:3: divert.gateway: \"192.0.2.0/24\""},
		{I "divert:\n  gateway: [224.0.0.1]\n", "f:3: divert.gateway: \"224.0.0.1\""},
		{I "divert:\n  gateway: [\"ff02::1\"]\n", "f:3: divert.gateway: \"ff02::1\""},
		{I "divert:\n  gateway: [\"::\"]\n", "f:3: divert.gateway: \"::\" is no"},
		{I "divert:\n  gateway: [0.0.0.0]\n", "f:3: divert.gateway: \"0.0.0.0\""},
		{I "divert:\n  gateway: [192.0.2.9,\n    192.0.2.8]\n",
			"f:4: divert.gateway: one address of a family, 192.0.2.8 is the second"},
		{I "divert:\n  gateway: [192.0.2.9]\n",
			"f:3: divert.address: the gateway has an IPv4 address"},
		{I "divert:\n  gateway: [192.0.2.9, \"2001:db8::9\"]\n  address: [192.0.2.10]\n",
			"f:3: divert.address: the gateway has an IPv6 address"},
		{I "divert:\n  address: [\"2001:db8::9\"]\n",
			"f:3: divert.gateway: we have an IPv6 address on its link"},
		{I "divert:\n  gateway: [192.0.2.9]\n  address: [192.0.2.9]\n",
			"f:3: divert.address: it is the gateway's"},
		{I "divert:\n  mac: \"01:00:5e:00:00:01\"\n",
			"f:3: divert.mac: \"01:00:5e:00:00:01\""},
		{I "divert:\n  mac: \"00:00:00:00:00:00\"\n", "f:3: divert.mac: \"00:00"},
		{I "divert:\n  mac: \"02:00:5e:00:00\"\n", "f:3: divert.mac: \"02:00:5e:00:00\""},
		{I "divert:\n  mac: \"02-00-5e-00-00-01\"\n", "f:3: divert.mac: \"02-00"},
		{I "divert:\n  vlan: 4095\n", "f:3: divert.vlan: 4095 is out of range"},
		{I "divert:\n  fallback: drop\n", "f:3: divert.fallback: \"drop\" is none of pass"},
		{I "divert:\n  check:\n    every: 0\n",
			"f:4: divert.check.every: 0 is out of range"},
		{I "divert:\n  check: {every: 2s}\n",
			"f:3: divert.check: timeout lies beyond every"},
		{I "divert:\n  check:\n    fall: 0\n", "f:4: divert.check.fall: 0 is out of range"},
		{I "divert:\n  check:\n    port: 65536\n", "f:4: divert.check.port: 65536"},
		{I "divert:\n  max: 30s\n", "f:3: divert.max: 30s is out of range"},
		{I "divert:\n  reply: \"not \xc3\xbc\"\n",
			"f:3: divert.reply: only printable ASCII"},
		{I "divert:\n  reply: \"%q\"\n", "f:3: divert.reply: after % stands"},
		{I "smtp:\n  observe: 1\n", "f:3: smtp.observe: \"1\" is neither"},
		{I "smtp:\n  reachable: 192.0.2.25\n", "f:3: smtp.reachable: a list of prefixes"},
		{I "smtp:\n  reachable: [192.0.2.25/24]\n",
			"f:3: smtp.reachable: \"192.0.2.25/24\" is no address or prefix"},
		{I "smtp:\n  reachable: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4, 10.0.0.5, "
		   "10.0.0.6,\n"
		   "    10.0.0.7, 10.0.0.8, 10.0.0.9, 10.0.0.10, 10.0.0.11, 10.0.0.12, 10.0.0.13,\n"
		   "    10.0.0.14, 10.0.0.15, 10.0.0.16, 10.0.0.17]\n",
			"f:5: smtp.reachable: more than 16 prefixes"},
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

/* Octets the dataplane reads back: what the file says, and what it leaves to us. */
static struct mw_policy_settings published(const struct mw_settings *s)
{
	struct mw_policy_settings policy, back;
	uint8_t octets[MW_POLICY_RECORD_MAX];
	size_t len;

	mw_settings_to_policy(s, &policy);
	len = mw_policy_settings_encode(&policy, octets, sizeof(octets));
	assert_true(len > 0);
	assert_int_equal(mw_policy_settings_decode(mw_span_of(octets, len), &back), 0);
	return back;
}

static void where_diverted_mail_goes(void **state)
{
	static const char text[] =
		I "smtp: {observe: true, reachable: [192.0.2.25, \"2001:db8:9::/48\"]}\n"
		  "desk: {phone: \"+49 1\", email: desk@isp.example}\n"
		  "divert:\n"
		  "  gateway: [\"2001:db8::9\", 192.0.2.9]\n"
		  "  address: [192.0.2.10, \"2001:db8::10\"]\n"
		  "  mac: \"02:00:5E:10:00:0f\"\n"
		  "  vlan: 7\n"
		  "  fallback: later\n"
		  "  check: {port: 0, every: 60s, timeout: 2s, fall: 5, rise: 1}\n"
		  "  reply: \"%t %p %e %n %%\"\n";
	static const uint8_t mac[6] = {2, 0, 0x5e, 0x10, 0, 15};
	char error[MW_SETTINGS_ERROR_MAX], ip[MW_IP_TEXT_MAX], prefix[MW_PREFIX_TEXT_MAX];
	char reply[MW_REPLY_TEXT_MAX];
	static struct mw_settings s;
	struct mw_policy_settings p;

	if (mw_settings_parse("f", text, sizeof(text) - 1, &s, error) != 0)
		fail_msg("%s", error);
	p = published(&s);
	assert_true(p.observe);
	assert_int_equal(p.reachable_count, 2);
	assert_string_equal(mw_prefix_format(&p.reachable[0], prefix), "192.0.2.25/32");
	assert_string_equal(mw_prefix_format(&p.reachable[1], prefix), "2001:db8:9::/48");
	assert_string_equal(mw_ip_format(&p.divert.gateway_v4, ip), "192.0.2.9");
	assert_string_equal(mw_ip_format(&p.divert.gateway_v6, ip), "2001:db8::9");
	assert_string_equal(mw_ip_format(&p.divert.address_v4, ip), "192.0.2.10");
	assert_string_equal(mw_ip_format(&p.divert.address_v6, ip), "2001:db8::10");
	assert_memory_equal(p.divert.mac, mac, 6);
	assert_int_equal(p.divert.vlan, 7);
	assert_int_equal(p.divert.fallback, MW_DIVERT_LATER);
	assert_int_equal(p.divert.check_port, 0);
	assert_int_equal(p.divert.check_every_ms, 60000);
	assert_int_equal(p.divert.check_timeout_ms, 2000);
	assert_int_equal(p.divert.fall, 5);
	assert_int_equal(p.divert.rise, 1);
	mw_settings_divert_reply(&s, "MW-2026-000123", reply);
	assert_string_equal(reply, "MW-2026-000123 +49 1 desk@isp.example Abuse desk %");
	/* A gateway without a basis is a person's tool: nothing goes there by itself. */
	for (uint8_t i = 0; i < s.class_count; i++) {
		assert_int_equal(s.classes[i].verdict, MW_VERDICT_PASS);
		assert_int_equal(s.classes[i].ticket.interim, MW_VERDICT_PASS);
		assert_int_equal(s.classes[i].ticket.probation_divert_s, 0);
	}

	assert_int_equal(mw_settings_parse("f", I, strlen(I), &s, error), 0);
	p = published(&s);
	assert_false(p.observe);
	assert_int_equal(p.reachable_count, 0);
	assert_false(mw_divert_configured(&p.divert));
	assert_int_equal(p.divert.fallback, MW_DIVERT_PASS);
	assert_int_equal(p.divert.check_port, 25);
	assert_int_equal(p.divert.check_every_ms, 5000);
	assert_int_equal(p.divert.check_timeout_ms, 3000);
	assert_int_equal(p.divert.fall, 3);
	assert_int_equal(p.divert.rise, 2);
	mw_settings_divert_reply(&s, "(none)", reply);
	assert_string_equal(reply, "the check of outgoing mail is not available, please call  or "
				   "write to ");
	for (uint8_t i = 0; i < s.class_count; i++) {
		assert_int_equal(s.classes[i].verdict, MW_VERDICT_PASS);
		assert_int_equal(s.classes[i].ticket.interim, MW_VERDICT_PASS);
		assert_int_equal(s.classes[i].ticket.probation_divert_s, 0);
		assert_int_equal(s.classes[i].ticket.divert_max_s, 14 * 86400);
	}
}

/* What a class says counts before what is said for all; the classes stand in front of the gateway.
 */
static void who_is_diverted(void **state)
{
	static const char text[] = I "classes:\n"
				     "  fope: {interim_verdict: pass, probation_divert: 0}\n"
				     "  business: {verdict: divert}\n"
				     "  hosting: {interim_verdict: rate, probation: 2h}\n"
				     "  own: {deadline: 1h, verdict: pass, probation_divert: 2d}\n"
				     "  cgnat: {deadline: 1h, shared: true}\n"
				     "divert:\n" GATEWAY BASIS "  max: 3d\n";
	static const struct {
		const char *name;
		enum mw_verdict verdict, interim;
		uint32_t probation_s;
	} want[] = {{"fope", MW_VERDICT_PASS, MW_VERDICT_PASS, 0},
		{"business", MW_VERDICT_DIVERT, MW_VERDICT_PASS, 0},
		{"hosting", MW_VERDICT_PASS, MW_VERDICT_RATE, 7200},
		{"consumer", MW_VERDICT_PASS, MW_VERDICT_DIVERT, 86400},
		{"own", MW_VERDICT_PASS, MW_VERDICT_DIVERT, 2 * 86400},
		{"cgnat", MW_VERDICT_PASS, MW_VERDICT_PASS, 0}};
	static const char all[] = I "divert:\n" GATEWAY BASIS "  everybody: true\n"
				    "classes: {fope: {verdict: pass}, own: {deadline: 1h}}\n";
	char error[MW_SETTINGS_ERROR_MAX];
	static struct mw_settings s;

	if (mw_settings_parse("f", text, sizeof(text) - 1, &s, error) != 0)
		fail_msg("%s", error);
	assert_int_equal(s.class_count, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct mw_class_policy *c = mw_settings_class(&s, want[i].name);

		if (c->verdict != want[i].verdict || c->ticket.interim != want[i].interim ||
			c->ticket.probation_divert_s != want[i].probation_s)
			fail_msg("%s: %d, %d, %u", want[i].name, (int)c->verdict,
				(int)c->ticket.interim, c->ticket.probation_divert_s);
		assert_string_equal(c->ticket.divert_basis, "contract of 2026, section 7");
		assert_int_equal(c->ticket.divert_max_s, 3 * 86400);
	}
	if (mw_settings_parse("f", all, sizeof(all) - 1, &s, error) != 0)
		fail_msg("%s", error);
	for (uint8_t i = 0; i < s.class_count; i++)
		assert_int_equal(s.classes[i].verdict, strcmp(s.classes[i].name, "fope") == 0
							       ? MW_VERDICT_PASS
							       : MW_VERDICT_DIVERT);
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
		cmocka_unit_test(where_diverted_mail_goes),
		cmocka_unit_test(who_is_diverted),
		cmocka_unit_test(the_example_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
