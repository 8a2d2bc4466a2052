/* libyaml gives nodes with their places; this gives them types. */
#include "controlplane/input/yaml_map.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/input/utf8.h"

int mw_yaml_error(
	struct mw_yaml *y, const yaml_node_t *node, const char *key, const char *format, ...)
{
	char sentence[320];
	va_list args;

	va_start(args, format);
	vsnprintf(sentence, sizeof(sentence), format, args);
	va_end(args);
	for (char *p = sentence; *p != '\0'; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	snprintf(y->error, y->error_size, "%s:%zu: %s%s%.64s: %s", y->name,
		node != NULL ? node->start_mark.line + 1 : 1, y->path,
		y->path[0] != '\0' ? "." : "", key, sentence);
	return -EINVAL;
}

int mw_yaml_open(struct mw_yaml *y, const char *name, const char *text, size_t len, char *error,
	size_t error_size)
{
	yaml_parser_t parser;
	int rc = 0;

	memset(y, 0, sizeof(*y));
	y->name = name;
	y->error = error;
	y->error_size = error_size;
	if (!yaml_parser_initialize(&parser)) {
		snprintf(error, error_size, "%s: no memory", name);
		return -ENOMEM;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, &y->document)) {
		snprintf(error, error_size, "%s:%zu: %s", name, parser.problem_mark.line + 1,
			parser.problem != NULL ? parser.problem : "this is no YAML");
		rc = -EINVAL;
	} else if (yaml_document_get_root_node(&y->document) == NULL) {
		snprintf(error, error_size, "%s:1: the file is empty", name);
		yaml_document_delete(&y->document);
		rc = -EINVAL;
	}
	yaml_parser_delete(&parser);
	return rc;
}

void mw_yaml_close(struct mw_yaml *y)
{
	yaml_document_delete(&y->document);
}

const char *mw_yaml_text(struct mw_yaml *y, yaml_node_t *node, const char *key)
{
	const char *text = (const char *)node->data.scalar.value;
	size_t len = node->data.scalar.length;

	if (node->type != YAML_SCALAR_NODE) {
		mw_yaml_error(y, node, key, "a single value is wanted here");
		return NULL;
	}
	if (strlen(text) != len || mw_utf8_bad(text, len) != len) {
		mw_yaml_error(y, node, key, "control characters are not allowed");
		return NULL;
	}
	if (node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		(len == 0 || strcmp(text, "~") == 0 || strcmp(text, "null") == 0)) {
		mw_yaml_error(y, node, key, "no value; write \"\" for an empty text");
		return NULL;
	}
	return text;
}

static int take_number(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, double *out)
{
	const char *text = mw_yaml_text(y, node, key->name);
	double scale = 1;
	char *end;

	if (text == NULL)
		return -EINVAL;
	errno = 0;
	*out = strtod(text, &end);
	if (key->type == MW_YAML_SECONDS && end != text && *end != '\0' && end[1] == '\0') {
		scale = *end == 's'   ? 1
			: *end == 'm' ? 60
			: *end == 'h' ? 3600
			: *end == 'd' ? 86400
				      : 0;
		end += scale != 0;
	}
	*out *= scale;
	if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE || end == text || *end != '\0' ||
		errno != 0 || !isfinite(*out) || strpbrk(text, "xXpP") != NULL)
		return mw_yaml_error(y, node, key->name, "\"%.40s\" is no %s", text,
			key->type == MW_YAML_SECONDS ? "time: 90, 90s, 15m, 3h or 5d" : "number");
	if (key->type != MW_YAML_REAL && key->type != MW_YAML_MILLI && *out != floor(*out))
		return mw_yaml_error(y, node, key->name, "%.40s is no whole number", text);
	if (*out < key->min || *out > key->max)
		return mw_yaml_error(y, node, key->name, "%.40s is out of range, %.10g to %.10g",
			text, key->min, key->max);
	return 0;
}

static int take_scalar(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object)
{
	void *at = (char *)object + key->offset;
	const char *text;
	double number = 0;
	int rc;

	if (key->type == MW_YAML_TEXT || key->type == MW_YAML_BOOL) {
		text = mw_yaml_text(y, node, key->name);
		if (text == NULL)
			return -EINVAL;
		if (key->type == MW_YAML_TEXT) {
			if (strlen(text) >= key->size)
				return mw_yaml_error(y, node, key->name, "longer than %zu octets",
					key->size - 1);
			memset(at, 0, key->size);
			memcpy(at, text, strlen(text));
			return 0;
		}
		if (node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE ||
			(strcmp(text, "true") != 0 && strcmp(text, "false") != 0))
			return mw_yaml_error(
				y, node, key->name, "\"%.40s\" is neither true nor false", text);
		*(bool *)at = text[0] == 't';
		return 0;
	}
	rc = take_number(y, node, key, &number);
	if (rc != 0)
		return rc;
	switch (key->type) {
	case MW_YAML_U8:
		*(uint8_t *)at = (uint8_t)number;
		break;
	case MW_YAML_U16:
		*(uint16_t *)at = (uint16_t)number;
		break;
	case MW_YAML_I16:
		*(int16_t *)at = (int16_t)number;
		break;
	case MW_YAML_MILLI:
		*(int32_t *)at = (int32_t)lround(number * 1000);
		break;
	case MW_YAML_REAL:
		*(double *)at = number;
		break;
	default:
		*(uint32_t *)at = (uint32_t)number;
	}
	return 0;
}

int mw_yaml_map(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *keys, size_t count,
	void *object, uint64_t *seen)
{
	uint64_t found = 0;

	if (node->type != YAML_MAPPING_NODE)
		return mw_yaml_error(y, node, "", "keys and values are wanted here");
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start;
		pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = yaml_document_get_node(&y->document, pair->key);
		yaml_node_t *value = yaml_document_get_node(&y->document, pair->value);
		const char *text = name->type == YAML_SCALAR_NODE
					   ? (const char *)name->data.scalar.value
					   : "?";
		size_t i = 0;
		int rc;

		while (i < count && strcmp(keys[i].name, text) != 0)
			i++;
		if (i == count)
			return mw_yaml_error(y, name, text, "unknown key");
		if ((found & 1ull << i) != 0)
			return mw_yaml_error(y, name, text, "stands twice");
		found |= 1ull << i;
		rc = keys[i].type == MW_YAML_CUSTOM ? keys[i].take(y, value, &keys[i], object)
						    : take_scalar(y, value, &keys[i], object);
		if (rc != 0)
			return rc;
	}
	if (seen != NULL)
		*seen = found;
	return 0;
}

int mw_yaml_section(struct mw_yaml *y, yaml_node_t *node, const char *key,
	const struct mw_yaml_key *keys, size_t count, void *object, uint64_t *seen)
{
	size_t was = strlen(y->path);
	int rc;

	snprintf(y->path + was, sizeof(y->path) - was, "%s%.64s", was > 0 ? "." : "", key);
	rc = mw_yaml_map(y, node, keys, count, object, seen);
	y->path[was] = '\0';
	return rc;
}

yaml_node_t *mw_yaml_value(struct mw_yaml *y, yaml_node_t *map, const char *key)
{
	for (yaml_node_pair_t *pair = map->data.mapping.pairs.start;
		pair < map->data.mapping.pairs.top; pair++) {
		yaml_node_t *name = yaml_document_get_node(&y->document, pair->key);

		if (strcmp((const char *)name->data.scalar.value, key) == 0)
			return yaml_document_get_node(&y->document, pair->value);
	}
	return map;
}
