/*
 * A YAML document against a table of typed keys: each error names file, line and key. Knows nothing
 * of what the keys mean. Inside of this folder.
 */
#ifndef MW_CONTROLPLANE_INPUT_YAML_MAP_H
#define MW_CONTROLPLANE_INPUT_YAML_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

struct mw_yaml {
	yaml_document_t document;
	const char *name;
	char *error;
	size_t error_size;
	char path[160]; /* of the mapping now read: "classes.business" */
};

enum mw_yaml_type {
	MW_YAML_TEXT, /* into char[size] */
	MW_YAML_U8,
	MW_YAML_U16,
	MW_YAML_U32,
	MW_YAML_I16,
	MW_YAML_SECONDS, /* 90, 90s, 15m, 3h, 5d into uint32_t */
	MW_YAML_MILLI,	 /* 2.5 into int32_t 2500 */
	MW_YAML_REAL,	 /* into double */
	MW_YAML_BOOL,	 /* true, false */
	MW_YAML_CUSTOM,	 /* .take, with the node */
};

struct mw_yaml_key {
	const char *name;
	enum mw_yaml_type type;
	size_t offset; /* in the object */
	size_t size;   /* TEXT */
	double min, max;
	int (*take)(
		struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *key, void *object);
};

#define MW_YAML_KEYS_MAX 64

/* Parses text; on success `y` holds the document until mw_yaml_close(). */
int mw_yaml_open(struct mw_yaml *y, const char *name, const char *text, size_t len, char *error,
	size_t error_size);
void mw_yaml_close(struct mw_yaml *y);
/* "FILE:LINE: path.key: sentence"; always -EINVAL. */
int mw_yaml_error(struct mw_yaml *y, const yaml_node_t *node, const char *key, const char *format,
	...) __attribute__((format(printf, 4, 5)));
/* Reads mapping `node` into `object`. *seen (may be NULL) gets bit i for keys[i]. */
int mw_yaml_map(struct mw_yaml *y, yaml_node_t *node, const struct mw_yaml_key *keys, size_t count,
	void *object, uint64_t *seen);
/* The same one level deeper: `key` joins the path while it is read. */
int mw_yaml_section(struct mw_yaml *y, yaml_node_t *node, const char *key,
	const struct mw_yaml_key *keys, size_t count, void *object, uint64_t *seen);
/* The value of `key` in a mapping that was read; the mapping itself when it has no such key. */
yaml_node_t *mw_yaml_value(struct mw_yaml *y, yaml_node_t *map, const char *key);
/* A scalar's text; NULL with an error when it is none, empty, or holds what is no printable UTF-8.
 */
const char *mw_yaml_text(struct mw_yaml *y, yaml_node_t *node, const char *key);

#endif
