/* Reads the settings file: its sections, then the classes, then what must fit together. */
#include "controlplane/input/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/input/settings_class.h"

#define FILE_MAX (1u << 20)

/* While a file is read; classes come last, they start from what the rest says. */
struct reading {
	struct mw_settings settings;
	struct mw_detect_policy detect;
	int32_t spam_threshold_milli;
	bool has_inspection;
	yaml_node_t *classes;
	yaml_node_t *divert;
	yaml_node_t *default_class;
	uint64_t seen;
};

static int take_section(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_section(y, node, key, &((struct reading *)object)->settings);
}

static int take_divert(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct reading *r = object;

	r->divert = node;
	return mw_settings_take_divert(y, node, key->name, &r->settings);
}

static int take_rules(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	S *s = &((struct reading *)object)->settings;

	if (node->type != YAML_SEQUENCE_NODE)
		return mw_yaml_error(y, node, key->name, "a list of paths is wanted");
	for (yaml_node_item_t *i = node->data.sequence.items.start;
		i < node->data.sequence.items.top; i++) {
		yaml_node_t *value = yaml_document_get_node(&y->document, *i);
		const char *text = mw_yaml_text(y, value, key->name);

		if (text == NULL)
			return -EINVAL;
		if (s->rules_count == MW_SETTINGS_RULES_MAX)
			return mw_yaml_error(
				y, value, key->name, "more than %d paths", MW_SETTINGS_RULES_MAX);
		if (text[0] == '\0' || strlen(text) >= MW_SETTINGS_PATH_MAX)
			return mw_yaml_error(y, value, key->name, "a path has 1 to %d octets",
				MW_SETTINGS_PATH_MAX - 1);
		snprintf(s->rules[s->rules_count++], MW_SETTINGS_PATH_MAX, "%s", text);
	}
	return 0;
}

static int take_inspection_default(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct reading *r = object;

	r->has_inspection = true;
	return mw_settings_take_inspection(y, node, key, &r->settings.inspection_default);
}

static int take_detect(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	return mw_settings_take_detect(y, node, key->name, &((struct reading *)object)->detect);
}

static int keep_node(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	struct reading *r = object;

	if (strcmp(key->name, "classes") == 0) {
		r->classes = node;
		return 0;
	}
	r->default_class = node;
	if (mw_yaml_text(y, node, key->name) == NULL)
		return -EINVAL;
	snprintf(r->settings.default_class, MW_CLASS_MAX, "%s", mw_yaml_text(y, node, key->name));
	return 0;
}

#define SECTION(name_)                                                      \
	{                                                                   \
		.name = name_, .type = MW_YAML_CUSTOM, .take = take_section \
	}

static const struct mw_yaml_key top_keys[] = {
	TEXT("state_dir", struct reading, settings.state_dir),
	TEXT("socket_path", struct reading, settings.socket_path),
	{.name = "inspection_default", .type = MW_YAML_CUSTOM, .take = take_inspection_default},
	{.name = "default_class", .type = MW_YAML_CUSTOM, .take = keep_node},
	NUMBER("spam_threshold", MW_YAML_MILLI, struct reading, spam_threshold_milli, 0.001, 1000),
	SECTION("desk"),
	SECTION("mail"),
	SECTION("metrics"),
	SECTION("smtp"),
	{.name = "divert", .type = MW_YAML_CUSTOM, .take = take_divert},
	SECTION("store"),
	SECTION("retention"),
	{.name = "rules", .type = MW_YAML_CUSTOM, .take = take_rules},
	{.name = "detect", .type = MW_YAML_CUSTOM, .take = take_detect},
	{.name = "classes", .type = MW_YAML_CUSTOM, .take = keep_node},
};

static struct mw_class_policy *find_class(S *s, const char *name)
{
	for (uint8_t i = 0; i < s->class_count; i++)
		if (strcmp(s->classes[i].name, name) == 0)
			return &s->classes[i];
	return NULL;
}

static void leave_unnamed(struct mw_class_policy *c)
{
	c->verdict = MW_SETTINGS_UNNAMED_VERDICT;
	c->ticket.interim = MW_SETTINGS_UNNAMED_VERDICT;
	c->ticket.probation_divert_s = MW_SETTINGS_UNNAMED_S;
}

static int take_classes(struct mw_yaml *y, struct reading *r)
{
	S *s = &r->settings;
	uint32_t seen = 0;

	for (uint8_t i = 0; i < s->class_count; i++) {
		s->classes[i].inspection = s->inspection_default;
		s->classes[i].spam_threshold_milli = r->spam_threshold_milli;
		s->classes[i].detect = r->detect;
		leave_unnamed(&s->classes[i]);
	}
	if (r->classes == NULL)
		return 0;
	if (r->classes->type != YAML_MAPPING_NODE)
		return mw_yaml_error(y, r->classes, "classes", "keys and values are wanted here");
	snprintf(y->path, sizeof(y->path), "classes");
	for (yaml_node_pair_t *pair = r->classes->data.mapping.pairs.start;
		pair < r->classes->data.mapping.pairs.top; pair++) {
		yaml_node_t *node = yaml_document_get_node(&y->document, pair->key);
		const char *name = mw_yaml_text(y, node, "class");
		struct mw_class_policy *c;
		bool is_new;
		int rc;

		if (name == NULL)
			return -EINVAL;
		if (name[0] == '\0' || strlen(name) >= MW_CLASS_MAX ||
			strpbrk(name, " ,\"'") != NULL)
			return mw_yaml_error(y, node, name,
				"a class name has 1 to %d octets, no blanks or quotes",
				MW_CLASS_MAX - 1);
		c = find_class(s, name);
		is_new = c == NULL;
		if (is_new && s->class_count == MW_SETTINGS_CLASSES_MAX)
			return mw_yaml_error(
				y, node, name, "more than %d classes", MW_SETTINGS_CLASSES_MAX);
		if (is_new) {
			c = mw_settings_add_class(s, name);
			c->spam_threshold_milli = r->spam_threshold_milli;
			c->detect = r->detect;
			leave_unnamed(c);
		}
		if ((seen & 1u << (c - s->classes)) != 0)
			return mw_yaml_error(y, node, name, "stands twice");
		seen |= 1u << (c - s->classes);
		rc = mw_settings_take_class(
			y, yaml_document_get_node(&y->document, pair->value), c, is_new);
		if (rc == 0)
			rc = mw_settings_class_divert(
				y, yaml_document_get_node(&y->document, pair->value), s, c);
		if (rc != 0)
			return rc;
	}
	y->path[0] = '\0';
	return 0;
}

/* What concerns classes that are not in the file as well. */
static int check_divert(struct mw_yaml *y, struct reading *r)
{
	S *s = &r->settings;
	const char *missing = mw_settings_may_divert(s);

	if (s->divert.everybody && missing != NULL)
		return mw_yaml_error(y, mw_yaml_value(y, r->divert, "everybody"),
			"divert.everybody", "%s", missing);
	for (uint8_t i = 0; i < s->class_count; i++)
		if (s->classes[i].verdict == MW_SETTINGS_UNNAMED_VERDICT)
			mw_settings_class_divert(y, NULL, s, &s->classes[i]);
	return 0;
}

static int check_whole(struct mw_yaml *y, struct reading *r)
{
	S *s = &r->settings;
	char reply[MW_REPLY_TEXT_MAX];
	const char *at = strchr(s->mail.from, '@');

	if (!r->has_inspection)
		return mw_yaml_error(y, NULL, "inspection_default",
			"must be named: none, metadata, content or content-sample; there is no "
			"default");
	if (find_class(s, s->default_class) == NULL)
		return mw_yaml_error(y, r->default_class, "default_class",
			"there is no class \"%s\"", s->default_class);
	if (s->mail.message_id_domain[0] == '\0' && at != NULL)
		snprintf(
			s->mail.message_id_domain, sizeof(s->mail.message_id_domain), "%s", at + 1);
	if (s->mail.message_id_domain[0] == '\0')
		snprintf(s->mail.message_id_domain, sizeof(s->mail.message_id_domain),
			"mailweir.invalid");
	mw_settings_reject_reply(s, "MW-2026-000123", reply);
	if (strstr(reply, "MW-2026-000123") == NULL)
		return mw_yaml_error(y, NULL, "smtp.reject_reply",
			"too long once it is filled in: the ticket number is cut off");
	return 0;
}

int mw_settings_parse(const char *name, const char *text, size_t len, struct mw_settings *out,
	char error[MW_SETTINGS_ERROR_MAX])
{
	struct reading *r = calloc(1, sizeof(*r));
	struct mw_yaml y;
	int rc;

	error[0] = '\0';
	if (r == NULL)
		return -ENOMEM;
	mw_settings_default(&r->settings);
	mw_detect_policy_default(&r->detect);
	r->spam_threshold_milli = 2000;
	rc = mw_yaml_open(&y, name, text, len, error, MW_SETTINGS_ERROR_MAX);
	if (rc == 0) {
		rc = mw_yaml_map(&y, yaml_document_get_root_node(&y.document), top_keys,
			COUNT(top_keys), r, &r->seen);
		if (rc == 0)
			rc = take_classes(&y, r);
		if (rc == 0)
			rc = check_divert(&y, r);
		if (rc == 0)
			rc = check_whole(&y, r);
		mw_yaml_close(&y);
	}
	if (rc == 0)
		*out = r->settings;
	free(r);
	return rc;
}

int mw_settings_load(const char *path, struct mw_settings *out, char error[MW_SETTINGS_ERROR_MAX])
{
	FILE *in = fopen(path, "re");
	char *text = malloc(FILE_MAX + 1);
	size_t len = 0;
	int rc = 0;

	if (in == NULL || text == NULL)
		rc = errno != 0 ? -errno : -ENOMEM;
	if (rc == 0) {
		len = fread(text, 1, FILE_MAX + 1, in);
		rc = ferror(in) ? -EIO : len > FILE_MAX ? -EFBIG : 0;
	}
	if (rc != 0)
		snprintf(error, MW_SETTINGS_ERROR_MAX, "%s: cannot be read: %s", path,
			strerror(-rc));
	else
		rc = mw_settings_parse(path, text, len, out, error);
	if (in != NULL)
		fclose(in);
	free(text);
	return rc;
}
