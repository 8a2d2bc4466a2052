/*
 * The octets of each record of the control plane, as files: who changes a layout
 * without a new version breaks stored cases, and this test. MW_GOLDEN_WRITE=1 writes them anew.
 */
#include "tests/cpa/case.h"

#include "controlplane/detect/detect.h"
#include "controlplane/notify/outbox.h"

static void golden(const char *name, const uint8_t *octets, size_t len)
{
	static uint8_t kept[65536];
	char path[512];
	FILE *f;
	size_t got;

	assert_true(len > 0);
	snprintf(path, sizeof(path), "%s/tests/cpa/golden/%s", MW_SOURCE_ROOT, name);
	if (getenv("MW_GOLDEN_WRITE") != NULL) {
		f = fopen(path, "wb");
		assert_non_null(f);
		assert_int_equal(fwrite(octets, 1, len, f), len);
		fclose(f);
	}
	f = fopen(path, "rb");
	if (f == NULL)
		fail_msg("%s is missing", path);
	got = fread(kept, 1, sizeof(kept), f);
	fclose(f);
	assert_int_equal(got, len);
	assert_memory_equal(kept, octets, len);
}

/* A ticket that was stored before there was a divert: the same, and with none. */
static void an_older_ticket(const struct mw_ticket *now)
{
	static uint8_t kept[MW_TICKET_RECORD_MAX], one[MW_TICKET_RECORD_MAX];
	static uint8_t two[MW_TICKET_RECORD_MAX];
	struct mw_ticket old, want = *now;
	FILE *f = fopen(MW_SOURCE_ROOT "/tests/cpa/golden/ticket-1.bin", "rb");
	size_t got;

	assert_non_null(f);
	got = fread(kept, 1, sizeof(kept), f);
	fclose(f);
	assert_int_equal(mw_ticket_decode(mw_span_of(kept, got), &old), 0);
	assert_int_equal(old.policy.probation_divert_s, 0);
	assert_string_equal(old.policy.divert_basis, "");
	want.policy.divert_max_s = 0;
	want.policy.divert_basis[0] = '\0';
	want.policy.probation_divert_s = 0;
	got = mw_ticket_encode(&want, one, sizeof(one));
	assert_int_equal(mw_ticket_encode(&old, two, sizeof(two)), got);
	assert_memory_equal(one, two, got);
	kept[0] = 3;
	assert_int_equal(mw_ticket_decode(mw_span_of(kept, got), &old), -EPROTO);
	kept[0] = 0;
	assert_int_equal(mw_ticket_decode(mw_span_of(kept, got), &old), -EPROTO);
}

static void ticket_and_contact(void **state)
{
	static uint8_t out[MW_TICKET_RECORD_MAX];
	struct case_run c = {.now_s = T0};
	struct mw_ticket_event ev, opening;

	opening = case_full_opening();
	opening.opened.policy.probation_divert_s = 3600;
	snprintf(opening.opened.policy.divert_basis, sizeof(opening.opened.policy.divert_basis),
		"contract of 2026");
	case_do(&c, opening);
	case_do(&c, case_call(0, MW_CALL_VOICEMAIL));
	case_do(&c, case_text(MW_TEV_ATTEST, "by courier"));
	ev = case_text(MW_TEV_PAUSE, "their provider is down");
	ev.until_s = c.now_s + 600;
	case_do(&c, ev);
	ev = case_text(MW_TEV_DISPUTE, "a letter");
	ev.on = true;
	case_do(&c, ev);
	golden("ticket-2.bin", out, mw_ticket_encode(&c.t, out, sizeof(out)));
	an_older_ticket(&c.t);
	golden("contact-1.bin", out, mw_contact_encode(&c.t.contacts[3].who, out, sizeof(out)));
}

static void detector(void **state)
{
	static struct mw_detect_state s;
	static uint8_t out[MW_DETECT_RECORD_MAX];
	struct mw_detect_policy policy;
	struct mw_detect_result r;

	mw_detect_policy_default(&policy);
	memset(&s, 0, sizeof(s));
	for (uint64_t i = 0; i < 30; i++) {
		struct mw_detect_observation o = {.time_us = (1000 + i) * 1000000,
			.klass = MW_CLASS_SPAM,
			.fingerprint = i,
			.campaign = i + 1,
			.domain_count = 1,
			.domains = {i % 5}};

		mw_detect_observe(&s, &policy, &o, 2000, &r);
	}
	/* rounded, so that another libm's last bit is no other layout */
	s.sprt = 13.5;
	s.cusum = 11.5;
	golden("detect-1.bin", out, mw_detect_encode(&s, out, sizeof(out)));
}

static void outbox(void **state)
{
	static struct mw_outbox_record rec;
	static uint8_t out[MW_OUTBOX_RECORD_MAX];

	memset(&rec, 0, sizeof(rec));
	rec.id = 7;
	rec.ticket = (struct mw_ticket_number){2026, 123};
	rec.kind = MW_MAIL_FINAL;
	rec.contact = MW_NO_CONTACT;
	rec.revision = 9;
	rec.attempts = 2;
	rec.created_s = T0;
	rec.next_try_s = T0 + 30;
	rec.last_code = 451;
	rec.to_count = 2;
	snprintf(rec.last_reply, sizeof(rec.last_reply), "451 later");
	snprintf(rec.message_id, sizeof(rec.message_id), "<MW-2026-000123.final.9@isp.example>");
	snprintf(rec.from, sizeof(rec.from), "desk@isp.example");
	snprintf(rec.to[0], sizeof(rec.to[0]), "ada@c1.example");
	snprintf(rec.to[1], sizeof(rec.to[1]), "bob@c1.example");
	rec.octets_len = (uint32_t)snprintf(
		(char *)rec.octets, sizeof(rec.octets), "Subject: x\r\n\r\ny\r\n");
	golden("outbox-1.bin", out, mw_outbox_encode(&rec, out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticket_and_contact),
		cmocka_unit_test(detector),
		cmocka_unit_test(outbox),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
