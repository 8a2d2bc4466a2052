/* The words of each mail. Each states ticket, reason, deadline and how to reach the desk. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "controlplane/notify/mail.h"

#define LINE_MAX_CHARS 74

struct body {
	struct mw_mail_text *out;
	size_t used;
	bool full;
};

static void put(struct body *b, const char *text, size_t len)
{
	if (b->used + len + 1 > sizeof(b->out->body)) {
		b->full = true;
		return;
	}
	memcpy(b->out->body + b->used, text, len);
	b->used += len;
	b->out->body[b->used] = '\0';
}

/* A control character becomes a blank, so nothing from outside can begin a line of its own. */
static void strip(char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = ' ';
}

static size_t chars(const char *text, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)text[i] & 0xc0) != 0x80;
	return n;
}

/* One paragraph, wrapped at blanks; further lines are indented by `indent`. */
static void wrap(struct body *b, const char *text, size_t indent)
{
	size_t column = 0;

	while (*text != '\0') {
		size_t word = strcspn(text, " ");
		size_t width = chars(text, word);

		if (column > 0 && column + 1 + width > LINE_MAX_CHARS) {
			put(b, "\n", 1);
			put(b, "                ", indent);
			column = indent;
		} else if (column > 0 && word > 0) {
			put(b, " ", 1);
			column++;
		}
		put(b, text, word);
		column += width;
		text += word;
		text += strspn(text, " ");
	}
	put(b, "\n", 1);
}

static void para(struct body *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void para(struct body *b, const char *format, ...)
{
	char text[2048];
	va_list args;

	va_start(args, format);
	if (vsnprintf(text, sizeof(text), format, args) >= (int)sizeof(text))
		b->full = true;
	va_end(args);
	strip(text);
	wrap(b, text, 0);
	put(b, "\n", 1);
}

static void item(struct body *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void item(struct body *b, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args); /* an over-long value is cut, the line stays */
	va_end(args);
	strip(text);
	put(b, "  ", 2);
	wrap(b, text, 4);
}

static const char *or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* "2026-11-22 09:00:00 UTC (10:00 local time, UTC+01:00)" */
static char *when(const struct mw_mail_facts *f, uint64_t at_s, char out[96])
{
	int offset = f->ticket->policy.utc_offset_min;
	char utc[MW_TIME_TEXT_MAX], local[MW_TIME_TEXT_MAX];
	int magnitude = offset < 0 ? -offset : offset;

	mw_ticket_time_format(at_s, utc);
	if (offset == 0) {
		snprintf(out, 96, "%s", utc);
		return out;
	}
	mw_ticket_time_format((uint64_t)((int64_t)at_s + (int64_t)offset * 60), local);
	local[16] = '\0';
	snprintf(out, 96, "%s (%s local time, UTC%c%02d:%02d)", utc, local, offset < 0 ? '-' : '+',
		magnitude / 60 % 100, magnitude % 60);
	return out;
}

/* "3 hours", "45 minutes", "90 seconds" */
static char *length(uint32_t s, char out[32])
{
	uint32_t n = s % 3600 == 0 ? s / 3600 : s % 60 == 0 ? s / 60 : s;
	const char *unit = s % 3600 == 0 ? "hour" : s % 60 == 0 ? "minute" : "second";

	snprintf(out, 32, "%u %s%s", n, unit, n == 1 ? "" : "s");
	return out;
}

static uint32_t deadline_len(const struct mw_ticket *t)
{
	return t->reopened > 0 ? t->policy.reopen_deadline_s : t->policy.deadline_s;
}

static void what_happened(struct body *b, const struct mw_mail_facts *f)
{
	char at[96];

	para(b,
		"From your lines (customer %s, %s) we see outbound mail that is spam or carries "
		"malicious "
		"software: %s. We know of it since %s; %llu message%s on record.",
		f->ticket->customer, or_empty(f->customer_name), f->ticket->reason,
		when(f, f->ticket->provider_knows_since_s, at),
		(unsigned long long)f->ticket->evidence_count,
		f->ticket->evidence_count == 1 ? " is" : "s are");
	if (f->ticket->verdict == MW_VERDICT_RATE)
		para(b, "While we work on this together, your lines can send only so much mail an "
			"hour. What is beyond that gets a temporary answer (4xx): your server "
			"keeps "
			"it and tries again, nothing is lost.");
	if (f->ticket->verdict == MW_VERDICT_DIVERT)
		para(b, "While we work on this together, outbound mail (SMTP, port 25) from your "
			"lines goes through our antivirus gateway, which looks into it. There is "
			"nothing to change on your side.");
}

static void evidence(struct body *b, const struct mw_mail_facts *f)
{
	if (f->evidence_count == 0)
		return;
	para(b, "What we saw, to help you find the machine:");
	for (size_t i = 0; i < f->evidence_count && i < 10; i++)
		item(b, "- %s", f->evidence[i]);
	put(b, "\n", 1);
}

/* The formal warning: consequence, deadline, what a report is. */
static void warning(struct body *b, const struct mw_mail_facts *f)
{
	char len[32], at[96];
	const struct mw_ticket *t = f->ticket;

	para(b, "FORMAL WARNING");
	if (t->deadline_s > f->now_s && t->clock_started_s != 0)
		para(b,
			"If we have no report of the measures you have taken by %s, outbound mail "
			"(SMTP, port 25) "
			"from your lines will be refused.",
			when(f, t->deadline_s, at));
	else
		para(b,
			"If we have no report of the measures you have taken within %s after this "
			"notice (now that "
			"is %s), outbound mail (SMTP, port 25) from your lines will be refused.",
			length(deadline_len(t), len), when(f, f->now_s + deadline_len(t), at));
	para(b, "It stays refused until the problem is solved and you have told us so. Web, "
		"incoming mail and "
		"sending through our mail submission servers are not touched.");
}

static void how_to_report(struct body *b, const struct mw_mail_facts *f)
{
	char number[MW_TICKET_MAX];

	mw_ticket_number_format(&f->ticket->number, number);
	para(b, "Please find the cause and report to us, by phone or by answering this mail:");
	item(b, "1. the ticket number %s", number);
	item(b, "2. the measures you have taken");
	put(b, "\n", 1);
	if (or_empty(f->remedies_url)[0] != '\0')
		para(b, "What helps against infected machines: %s", f->remedies_url);
}

static void sign(struct body *b, const struct mw_mail_facts *f)
{
	put(b, "-- \n", 4); /* RFC 3676 4.3 */
	item(b, "%s", or_empty(f->desk_name));
	if (or_empty(f->desk_phone)[0] != '\0')
		item(b, "phone %s", f->desk_phone);
	if (or_empty(f->desk_email)[0] != '\0')
		item(b, "mail %s", f->desk_email);
}

static void render_tam(struct body *b, const struct mw_mail_facts *f)
{
	char number[MW_TICKET_MAX], len[32];

	mw_ticket_number_format(&f->ticket->number, number);
	para(b, "Hello %s,", or_empty(f->contact_name));
	para(b,
		"customer %s (%s), whom you look after, has a case with us: %s. Please reach your "
		"people there "
		"by the way they prefer, tell them about ticket %s, and report the outcome to the "
		"desk.",
		f->ticket->customer, or_empty(f->customer_name), f->ticket->reason, number);
	para(b,
		"The desk calls the contact list at the same time. Without a report of measures "
		"outbound mail is "
		"refused %s after the list is worked off or after the first conversation.",
		length(deadline_len(f->ticket), len));
}

static void render_disabled(struct body *b, const struct mw_mail_facts *f)
{
	char at[96];

	what_happened(b, f);
	para(b,
		"OUTBOUND MAIL IS REFUSED since %s. Each attempt gets the answer 550 with the "
		"ticket number; the "
		"sender is told, nothing is lost silently.",
		when(f, f->ticket->disabled_since_s != 0 ? f->ticket->disabled_since_s : f->now_s,
			at));
	para(b, "It is enabled again when the problem is solved and you have told us so. Neither "
		"waiting nor an "
		"end of the spam alone enables it.");
}

static void render_notice(struct body *b, const struct mw_mail_facts *f)
{
	what_happened(b, f);
	evidence(b, f);
	para(b, "This is a notice only: nothing is refused. Please look for an infected machine or "
		"a stolen "
		"password before it becomes more.");
}

static void render_enabled(struct body *b, const struct mw_mail_facts *f)
{
	char at[96];

	para(b,
		"Thank you. The measures you reported were confirmed; outbound mail from your "
		"lines flows again "
		"since %s.",
		when(f, f->now_s, at));
	para(b,
		"We watch your lines more closely until %s. New spam in that time reopens the same "
		"ticket, with a "
		"shorter deadline. Mail that waited in your queues does not count.",
		when(f, f->now_s + f->ticket->policy.probation_s, at));
}

/* Content goes to another system: what, since when and until when, by what right. */
static void render_diverted(struct body *b, const struct mw_mail_facts *f)
{
	const struct mw_ticket *t = f->ticket;
	char from[96], until[96];

	para(b,
		"Outbound mail (SMTP, port 25) from your lines (customer %s, %s) goes through our "
		"antivirus gateway from %s on, until %s at the latest unless a person of our desk "
		"prolongs it.",
		t->customer, or_empty(f->customer_name), when(f, f->now_s, from),
		when(f, mw_ticket_timer_due(t, MW_TIMER_DIVERT_END), until));
	para(b, "Why: %s.", t->reason);
	para(b, "By what right: %s.", t->policy.divert_basis);
	para(b, "The gateway looks into each message and refuses what carries malicious software. "
		"Your servers keep their addresses, connections that are open now may be closed "
		"once, "
		"and there is nothing to change on your side. Web, incoming mail and sending "
		"through "
		"our mail submission servers are not touched.");
}

static void render_withdrawn(struct body *b, const struct mw_mail_facts *f)
{
	para(b, "The case we told you about was unfounded and has been withdrawn. Nothing of yours "
		"is refused, "
		"and there is nothing you need to do. We apologise.");
}

static const char *const subjects[MW_MAIL_KIND_COUNT] = {
	[MW_MAIL_NOTICE] = "Notice: spam from your network",
	[MW_MAIL_FOLLOW_UP] = "We tried to call you: spam from your network",
	[MW_MAIL_FINAL] = "Formal warning: outbound mail will be refused",
	[MW_MAIL_TAM] = "Please reach your customer: spam from his network",
	[MW_MAIL_DISABLED] = "Outbound mail is refused",
	[MW_MAIL_ENABLED] = "Outbound mail is enabled again",
	[MW_MAIL_WITHDRAWN] = "Case withdrawn",
	[MW_MAIL_DIVERTED] = "Outbound mail goes through our antivirus gateway",
};

int mw_mail_render(enum mw_mail_kind kind, const struct mw_mail_facts *f, struct mw_mail_text *out)
{
	struct body b = {.out = out};
	char number[MW_TICKET_MAX];

	if ((unsigned)kind >= MW_MAIL_KIND_COUNT)
		return -EINVAL;
	mw_ticket_number_format(&f->ticket->number, number);
	snprintf(out->subject, sizeof(out->subject), "[%s] %s", number, subjects[kind]);
	out->body[0] = '\0';
	para(&b, "Ticket %s", number);
	switch (kind) {
	case MW_MAIL_NOTICE:
		render_notice(&b, f);
		break;
	case MW_MAIL_FOLLOW_UP:
		para(&b, "Hello %s,", or_empty(f->contact_name));
		para(&b, "we tried to reach you at %s.",
			or_empty(f->contact_phone)[0] != '\0' ? f->contact_phone : "your company");
		what_happened(&b, f);
		evidence(&b, f);
		warning(&b, f);
		how_to_report(&b, f);
		break;
	case MW_MAIL_FINAL:
		para(&b, "we could not reach anybody of your company by phone. This mail goes to "
			 "all contacts we "
			 "have.");
		what_happened(&b, f);
		evidence(&b, f);
		warning(&b, f);
		how_to_report(&b, f);
		break;
	case MW_MAIL_TAM:
		render_tam(&b, f);
		break;
	case MW_MAIL_DISABLED:
		render_disabled(&b, f);
		evidence(&b, f);
		how_to_report(&b, f);
		break;
	case MW_MAIL_ENABLED:
		render_enabled(&b, f);
		break;
	case MW_MAIL_DIVERTED:
		render_diverted(&b, f);
		break;
	default:
		render_withdrawn(&b, f);
	}
	sign(&b, f);
	return b.full ? -EMSGSIZE : 0;
}
