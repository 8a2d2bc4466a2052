/* RFC 5322 octets by GMime, into an outbox record. The only file that knows GMime. */
#include <errno.h>
#include <gmime/gmime.h>
#include <stdio.h>

#include "controlplane/notify/mail.h"

int mw_mail_message_id(const struct mw_ticket *ticket, enum mw_mail_kind kind, uint8_t contact,
	const char *domain, char *out, size_t out_size)
{
	char number[MW_TICKET_MAX], at[8] = "";
	int len;

	if (contact != MW_NO_CONTACT)
		snprintf(at, sizeof(at), ".%u", contact);
	len = snprintf(out, out_size, "<%s.%s%s.%u@%s>",
		mw_ticket_number_format(&ticket->number, number), mw_mail_kind_name(kind), at,
		ticket->revision, domain);
	return len > 0 && (size_t)len < out_size ? 0 : -EMSGSIZE;
}

static void add_address(
	GMimeMessage *message, GMimeAddressType type, const char *name, const char *address)
{
	g_mime_message_add_mailbox(
		message, type, name != NULL && name[0] != '\0' ? name : NULL, address);
}

/* By hand: g_mime_text_part_set_text() would pick a charset of its own. */
static void set_body(GMimeTextPart *part, const char *body)
{
	GMimeStream *stream = g_mime_stream_mem_new_with_buffer(body, strlen(body));
	GMimeDataWrapper *content =
		g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);

	g_mime_part_set_content(GMIME_PART(part), content);
	g_mime_text_part_set_charset(part, "utf-8");
	g_object_unref(content);
	g_object_unref(stream);
}

static GMimeMessage *build(const struct mw_mail_text *text, const struct mw_mail_facts *facts,
	const struct mw_mail_envelope *envelope, const struct mw_outbox_record *rec)
{
	GMimeMessage *message = g_mime_message_new(FALSE);
	GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");
	GDateTime *date = g_date_time_new_from_unix_utc((gint64)facts->now_s);
	char number[MW_TICKET_MAX];
	char id[MW_MESSAGE_ID_MAX];

	add_address(message, GMIME_ADDRESS_TYPE_FROM, envelope->from_name, envelope->from);
	if (envelope->reply_to != NULL && envelope->reply_to[0] != '\0')
		add_address(message, GMIME_ADDRESS_TYPE_REPLY_TO, NULL, envelope->reply_to);
	for (uint8_t i = 0; i < rec->to_count; i++)
		add_address(message, GMIME_ADDRESS_TYPE_TO, NULL, rec->to[i]);
	g_mime_message_set_subject(message, text->subject, "utf-8");
	g_mime_message_set_date(message, date);
	snprintf(id, sizeof(id), "%s", rec->message_id + 1); /* GMime adds the brackets itself */
	id[strcspn(id, ">")] = '\0';
	g_mime_message_set_message_id(message, id);
	/* RFC 3834 5: so that no vacation answers back */
	g_mime_object_set_header(GMIME_OBJECT(message), "Auto-Submitted", "auto-generated", NULL);
	g_mime_object_set_header(GMIME_OBJECT(message), "X-Mailweir-Ticket",
		mw_ticket_number_format(&facts->ticket->number, number), NULL);
	set_body(part, text->body);
	g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
	g_object_unref(part);
	g_date_time_unref(date);
	return message;
}

static int write_octets(GMimeMessage *message, struct mw_outbox_record *rec)
{
	GMimeFormatOptions *format = g_mime_format_options_new();
	char *octets;
	size_t len;

	g_mime_format_options_set_newline_format(format, GMIME_NEWLINE_FORMAT_DOS);
	octets = g_mime_object_to_string(GMIME_OBJECT(message), format);
	g_mime_format_options_free(format);
	len = strlen(octets);
	if (len <= sizeof(rec->octets)) {
		memcpy(rec->octets, octets, len);
		rec->octets_len = (uint32_t)len;
	}
	g_free(octets);
	return rec->octets_len == len && len > 0 ? 0 : -EMSGSIZE;
}

int mw_mail_compose(enum mw_mail_kind kind, uint8_t contact, const struct mw_mail_facts *facts,
	const struct mw_mail_envelope *envelope, struct mw_outbox_record *out)
{
	struct mw_mail_text *text = g_new0(struct mw_mail_text, 1);
	GMimeMessage *message;
	int rc = mw_mail_render(kind, facts, text);

	g_mime_init(); /* counts its calls; cheap after the first */
	memset(out, 0, sizeof(*out));
	if (rc == 0)
		rc = mw_mail_message_id(facts->ticket, kind, contact, envelope->domain,
			out->message_id, sizeof(out->message_id));
	if (rc == 0 && (envelope->to_count == 0 || envelope->to_count > MW_OUTBOX_RECIPIENTS_MAX ||
			       !mw_mail_address_ok(envelope->from)))
		rc = -EINVAL;
	for (size_t i = 0; rc == 0 && i < envelope->to_count; i++) {
		if (!mw_mail_address_ok(envelope->to[i]))
			rc = -EINVAL;
		else
			snprintf(out->to[i], sizeof(out->to[i]), "%s", envelope->to[i]);
	}
	if (rc != 0) {
		g_free(text);
		return rc;
	}
	out->to_count = (uint8_t)envelope->to_count;
	snprintf(out->from, sizeof(out->from), "%s", envelope->from);
	out->ticket = facts->ticket->number;
	out->kind = kind;
	out->contact = contact;
	out->revision = facts->ticket->revision;
	out->created_s = facts->now_s;
	out->next_try_s = facts->now_s;
	message = build(text, facts, envelope, out);
	rc = write_octets(message, out);
	g_object_unref(message);
	g_free(text);
	return rc;
}
