/* Inside of the settings: what the reading of the file is made of. */
#ifndef MW_CONTROLPLANE_INPUT_SETTINGS_CLASS_H
#define MW_CONTROLPLANE_INPUT_SETTINGS_CLASS_H

#include <stddef.h>

#include "controlplane/input/settings.h"
#include "controlplane/input/yaml_map.h"

/* A line of a table of keys; `object_` is the struct that the field is in. */
#define TEXT(name_, object_, field)                                                      \
	{                                                                                \
		.name = name_, .type = MW_YAML_TEXT, .offset = offsetof(object_, field), \
		.size = sizeof(((object_ *)NULL)->field), .min = 0, .max = 0             \
	}
#define NUMBER(name_, type_, object_, field, min_, max_)                                       \
	{                                                                                      \
		.name = name_, .type = type_, .offset = offsetof(object_, field), .min = min_, \
		.max = max_                                                                    \
	}
#define COUNT(keys) (sizeof(keys) / sizeof((keys)[0]))

typedef struct mw_settings S;

int mw_settings_take_detect(
	struct mw_yaml *y, yaml_node_t *node, const char *key, struct mw_detect_policy *out);
int mw_settings_take_inspection(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key,
	enum mw_inspection *out);
/* Reads the keys of class out->name over what `out` holds. A new class must name its deadline. */
int mw_settings_take_class(
	struct mw_yaml *y, yaml_node_t *node, struct mw_class_policy *out, bool is_new);
/* What follows from the deadline unless it is named: a third for a reopened case, four times as
 * cap. */
void mw_settings_derive(struct mw_class_policy *out, bool reopen, bool cap);

/* The section `divert`, and what in it must fit together. */
int mw_settings_take_divert(struct mw_yaml *y, yaml_node_t *node, const char *key, S *settings);
/* One line of an SMTP reply with "%" places; `places`: what may follow one. */
int mw_settings_take_reply(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key,
	const char *places, char out[MW_REPLY_TEXT_MAX]);

/* Of a class that has not said: what it is then depends on the section `divert`. */
#define MW_SETTINGS_UNNAMED_VERDICT MW_VERDICT_COUNT
#define MW_SETTINGS_UNNAMED_S	    UINT32_MAX
/* When all sections are read: what class `c` diverts to is there, and what it left unnamed is
 * filled in. `node` is what the class says, NULL when it is not in the file. */
int mw_settings_class_divert(
	struct mw_yaml *y, yaml_node_t *node, const S *settings, struct mw_class_policy *c);

/* A new class with every default; the caller has seen that there is room. */
struct mw_class_policy *mw_settings_add_class(struct mw_settings *s, const char *name);

/* desk, mail, metrics, smtp, store, retention; `object` is the settings. */
int mw_settings_take_section(
	struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object);

#endif
