/* The two kinds of files: columns, checks of each field, duplicates. */
#include "controlplane/input/csv.h"

#include <errno.h>
#include <stdlib.h>

#include "controlplane/input/reader.h"
#include "controlplane/notify/mail.h"

enum { C_ID, C_NAME, C_CLASS, C_PREFIXES, C_INSPECTION, C_TAM, C_FROM, C_TO, C_COUNT };
static const char *const customer_columns[C_COUNT] = {
	"customer", "name", "class", "prefixes", "inspection", "tam", "valid_from", "valid_to"};

enum { K_CUSTOMER, K_POSITION, K_NAME, K_ROLE, K_PHONE, K_EMAIL, K_CHANNEL, K_COUNT };
static const char *const contact_columns[K_COUNT] = {
	"customer", "position", "name", "role", "phone", "email", "channel"};

/* What may stand in a command line and a URL without quoting. */
static bool id_ok(const char *id)
{
	if (id[0] == '\0' || id[0] == '-')
		return false;
	for (; *id != '\0'; id++)
		if (*id <= 0x20 || *id >= 0x7f || strchr("\"'\\`$;|&<>*?,", *id) != NULL)
			return false;
	return true;
}

static int copy_id(struct mw_csv_reader *r, size_t place, char out[MW_CUSTOMER_ID_MAX])
{
	int rc = mw_csv_copy(r, "customer", place, out, MW_CUSTOMER_ID_MAX);

	if (rc == 0 && !id_ok(out))
		rc = mw_csv_error(r,
			"customer \"%s\": an id is printable ASCII without blanks or quotes", out);
	return rc;
}

static bool leap(uint32_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* YYYY-MM-DD or seconds since the epoch; `days` more of them for an end that includes its day. */
static bool parse_time(const char *text, uint32_t days, uint64_t *out)
{
	static const uint8_t month_days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	uint32_t number[3] = {0}, part = 0;
	uint64_t day = 0;
	char *end;

	if (strlen(text) != 10 || text[4] != '-' || text[7] != '-') {
		if (text[0] < '0' || text[0] > '9' || strlen(text) > 12)
			return false;
		*out = strtoull(text, &end, 10);
		return *end == '\0';
	}
	for (const char *p = text; *p != '\0'; p++) {
		if (*p == '-')
			part++;
		else if (*p >= '0' && *p <= '9')
			number[part] = number[part] * 10 + (uint32_t)(*p - '0');
		else
			return false;
	}
	if (number[0] < 1970 || number[1] < 1 || number[1] > 12 || number[2] < 1 ||
		number[2] >
			month_days[number[1] - 1] + (uint32_t)(number[1] == 2 && leap(number[0])))
		return false;
	for (uint32_t year = 1970; year < number[0]; year++)
		day += leap(year) ? 366 : 365;
	for (uint32_t month = 1; month < number[1]; month++)
		day += month_days[month - 1] + (uint32_t)(month == 2 && leap(number[0]));
	*out = (day + number[2] - 1 + days) * 86400;
	return true;
}

static int take_time(
	struct mw_csv_reader *r, const char *column, size_t place, uint32_t days, uint64_t *out)
{
	*out = 0;
	if (place == SIZE_MAX || r->fields[place][0] == '\0')
		return 0;
	if (!parse_time(r->fields[place], days, out))
		return mw_csv_error(r,
			"%s \"%.32s\" is no date (YYYY-MM-DD, or seconds since 1970)", column,
			r->fields[place]);
	return 0;
}

/* Refuses what a line before had; otherwise notes this line. */
static int once(struct mw_csv_reader *r, struct mw_csv_map *map, uint64_t hash, const char *what,
	const char *text)
{
	uint64_t *at = mw_csv_map_at(map, hash);

	if (at == NULL)
		return mw_csv_error(r, "no memory to look for duplicates");
	if (*at != 0)
		return mw_csv_error(r, "%s \"%.64s\" stands on line %llu already", what, text,
			(unsigned long long)*at);
	*at = r->line;
	return 0;
}

static int take_prefixes(
	struct mw_csv_reader *r, char *text, struct mw_csv_map *seen, struct mw_csv_customer *row)
{
	char *rest = text, *word, sentence[160], canonical[MW_LINE_KEY_TEXT_MAX];
	int rc;

	row->line_count = 0;
	while ((word = strsep(&rest, " ")) != NULL) {
		struct mw_line_key *key = &row->lines[row->line_count];

		if (word[0] == '\0')
			continue;
		if (row->line_count == MW_CUSTOMER_LINES_MAX)
			return mw_csv_error(r, "more than %d prefixes", MW_CUSTOMER_LINES_MAX);
		if (mw_line_key_parse(word, key, sentence, sizeof(sentence)) != 0)
			return mw_csv_error(r, "prefixes: %s", sentence);
		mw_line_key_format(key, canonical);
		rc = once(
			r, seen, mw_csv_hash(canonical, strlen(canonical), 1), "prefix", canonical);
		if (rc != 0)
			return rc;
		row->line_count++;
	}
	return 0;
}

static int take_customer(struct mw_csv_reader *r, const size_t *place, mw_csv_class_fn class_known,
	void *ctx, struct mw_csv_map *ids, struct mw_csv_map *prefixes, struct mw_csv_customer *row)
{
	char inspection[32];
	int rc;

	row->line = r->line;
	row->has_inspection = false;
	row->inspection = MW_INSPECTION_NONE;
	if ((rc = copy_id(r, place[C_ID], row->id)) != 0 ||
		(rc = mw_csv_copy(r, "name", place[C_NAME], row->name, sizeof(row->name))) != 0 ||
		(rc = mw_csv_copy(r, "class", place[C_CLASS], row->class_name,
			 sizeof(row->class_name))) != 0 ||
		(rc = mw_csv_copy(r, "inspection", place[C_INSPECTION], inspection,
			 sizeof(inspection))) != 0 ||
		(rc = mw_csv_copy(r, "tam", place[C_TAM], row->tam, sizeof(row->tam))) != 0)
		return rc;
	if (row->name[0] == '\0')
		return mw_csv_error(r, "customer %s has no name", row->id);
	if (row->class_name[0] == '\0')
		return mw_csv_error(r, "customer %s has no class", row->id);
	if (class_known != NULL && !class_known(ctx, row->class_name))
		return mw_csv_error(r, "unknown class \"%s\"; classes are named in the settings",
			row->class_name);
	if (inspection[0] != '\0') {
		row->has_inspection = true;
		if (mw_inspection_parse(inspection, &row->inspection) != 0)
			return mw_csv_error(r,
				"unknown inspection \"%s\": none, metadata, content or "
				"content-sample",
				inspection);
	}
	if ((rc = take_time(r, "valid_from", place[C_FROM], 0, &row->valid_from_s)) != 0 ||
		(rc = take_time(r, "valid_to", place[C_TO], 1, &row->valid_to_s)) != 0)
		return rc;
	if (row->valid_to_s != 0 && row->valid_to_s <= row->valid_from_s)
		return mw_csv_error(r, "valid_to lies before valid_from");
	if ((rc = once(r, ids, mw_csv_hash(row->id, strlen(row->id), 0), "customer", row->id)) != 0)
		return rc;
	return take_prefixes(r, r->fields[place[C_PREFIXES]], prefixes, row);
}

/* Every line has as many fields as the header. */
static int check_width(struct mw_csv_reader *r, size_t columns)
{
	return r->field_count == columns
		       ? 0
		       : mw_csv_error(r, "%zu fields, the header has %zu", r->field_count, columns);
}

int mw_csv_customers(FILE *in, const char *name, mw_csv_class_fn class_known, mw_csv_customer_fn fn,
	void *ctx, struct mw_csv_result *result)
{
	struct mw_csv_reader *r = mw_csv_open(in, name, result);
	struct mw_csv_customer *row = malloc(sizeof(*row));
	struct mw_csv_map ids = {0}, prefixes = {0};
	size_t place[C_COUNT], columns;
	char sentence[256];
	int rc = -ENOMEM;

	if (r == NULL || row == NULL)
		goto out;
	rc = mw_csv_header(r, customer_columns, C_COUNT, C_PREFIXES + 1, place);
	columns = r->field_count;
	while (rc == 0 && (rc = mw_csv_next(r)) > 0) {
		rc = check_width(r, columns);
		if (rc == 0)
			rc = take_customer(r, place, class_known, ctx, &ids, &prefixes, row);
		sentence[0] = '\0';
		if (rc == 0 && fn(ctx, row, sentence, sizeof(sentence)) != 0)
			rc = mw_csv_error(r, "%s", sentence[0] != '\0' ? sentence : "refused");
		result->rows += rc == 0;
	}
out:
	mw_csv_map_free(&ids);
	mw_csv_map_free(&prefixes);
	free(row);
	free(r);
	return rc;
}

static bool phone_ok(const char *phone)
{
	bool digit = false;

	for (; *phone != '\0'; phone++) {
		if (strchr("0123456789+-/(). *#", *phone) == NULL)
			return false;
		digit |= *phone >= '0' && *phone <= '9';
	}
	return digit;
}

static int take_contact(struct mw_csv_reader *r, const size_t *place, struct mw_csv_map *positions,
	struct mw_csv_map *counts, struct mw_csv_contact *row)
{
	struct mw_contact *c = &row->contact;
	char position[8], role[16], key[MW_CUSTOMER_ID_MAX + 32];
	unsigned long number;
	uint64_t *count;
	char *end;
	int rc;

	memset(row, 0, sizeof(*row));
	row->line = r->line;
	if ((rc = copy_id(r, place[K_CUSTOMER], row->customer)) != 0 ||
		(rc = mw_csv_copy(r, "position", place[K_POSITION], position, sizeof(position))) !=
			0 ||
		(rc = mw_csv_copy(r, "name", place[K_NAME], c->name, sizeof(c->name))) != 0 ||
		(rc = mw_csv_copy(r, "role", place[K_ROLE], role, sizeof(role))) != 0 ||
		(rc = mw_csv_copy(r, "phone", place[K_PHONE], c->phone, sizeof(c->phone))) != 0 ||
		(rc = mw_csv_copy(r, "email", place[K_EMAIL], c->email, sizeof(c->email))) != 0 ||
		(rc = mw_csv_copy(
			 r, "channel", place[K_CHANNEL], c->channel, sizeof(c->channel))) != 0)
		return rc;
	number = strtoul(position, &end, 10);
	if (position[0] < '0' || position[0] > '9' || *end != '\0' || number < 1 || number > 65535)
		return mw_csv_error(r, "position \"%s\" is no number from 1 to 65535", position);
	c->position = (uint16_t)number;
	if (mw_contact_role_parse(role, &c->role) != 0)
		return mw_csv_error(r, "unknown role \"%s\": contact, tam or tam-person", role);
	if (c->name[0] == '\0')
		return mw_csv_error(r, "a contact without a name");
	if (c->phone[0] != '\0' && !phone_ok(c->phone))
		return mw_csv_error(r, "phone \"%s\" is no telephone number", c->phone);
	if (c->email[0] != '\0' && !mw_mail_address_ok(c->email))
		return mw_csv_error(r, "email \"%.64s\" is no mail address", c->email);
	if (c->phone[0] == '\0' && c->email[0] == '\0')
		return mw_csv_error(r, "a contact with neither phone nor email cannot be reached");
	/* Each role has a list of its own: the first contact and the first account manager differ.
	 */
	snprintf(key, sizeof(key), "%s %s %u", row->customer, role, c->position);
	if ((rc = once(r, positions, mw_csv_hash(key, strlen(key), 2), "contact", key)) != 0)
		return rc;
	count = mw_csv_map_at(counts, mw_csv_hash(row->customer, strlen(row->customer), 3));
	if (count == NULL)
		return mw_csv_error(r, "no memory to count contacts");
	if (++*count > MW_TICKET_CONTACTS_MAX)
		return mw_csv_error(r, "customer %s has more than %d contacts", row->customer,
			MW_TICKET_CONTACTS_MAX);
	return 0;
}

int mw_csv_contacts(
	FILE *in, const char *name, mw_csv_contact_fn fn, void *ctx, struct mw_csv_result *result)
{
	struct mw_csv_reader *r = mw_csv_open(in, name, result);
	struct mw_csv_map positions = {0}, counts = {0};
	struct mw_csv_contact row;
	size_t place[K_COUNT], columns;
	char sentence[256];
	int rc = -ENOMEM;

	if (r == NULL)
		return rc;
	rc = mw_csv_header(r, contact_columns, K_COUNT, K_COUNT, place);
	columns = r->field_count;
	while (rc == 0 && (rc = mw_csv_next(r)) > 0) {
		rc = check_width(r, columns);
		if (rc == 0)
			rc = take_contact(r, place, &positions, &counts, &row);
		sentence[0] = '\0';
		if (rc == 0 && fn(ctx, &row, sentence, sizeof(sentence)) != 0)
			rc = mw_csv_error(r, "%s", sentence[0] != '\0' ? sentence : "refused");
		result->rows += rc == 0;
	}
	mw_csv_map_free(&positions);
	mw_csv_map_free(&counts);
	free(r);
	return rc;
}
