/*
 * Reads the public suffix list (publicsuffix.org: one rule a line, "//" comments; the section of
 * private domains left out) and keeps the last label of every rule. The slow side of tld.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/text/punycode.h"
#include "dataplane/text/tld_table.h"

static void add(struct mw_tld_table *table, struct mw_span label)
{
	uint8_t ascii[MW_TLD_LABEL_MAX + 1];
	size_t len = mw_punycode_label(label, ascii, MW_TLD_LABEL_MAX);
	struct mw_tld_slot *slot;

	if (len == 0 || table->count >= MW_TLD_SLOTS / 2)
		return;
	slot = &table->slots[mw_tld_slot_of(table, mw_span_of(ascii, len))];
	if (slot->len != 0)
		return;
	memcpy(slot->label, ascii, len);
	slot->len = (uint8_t)len;
	table->count++;
}

int mw_tld_table_open(const char *path, struct mw_tld_table **out)
{
	struct mw_tld_table *table;
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(path != NULL ? path : MW_TLD_DEFAULT_PATH, "re");

	if (file == NULL)
		return -errno;
	table = calloc(1, sizeof(*table));
	if (table == NULL) {
		fclose(file);
		return -ENOMEM;
	}
	while (getline(&line, &size, file) > 0) {
		size_t len = strcspn(line, " \t\r\n"), start;

		if (strstr(line, "===BEGIN PRIVATE DOMAINS===") != NULL)
			break;
		if (len == 0 || strncmp(line, "//", 2) == 0)
			continue;
		for (start = len; start > 0 && line[start - 1] != '.' && line[start - 1] != '!';
			start--)
			;
		add(table, mw_span_of(line + start, len - start));
	}
	free(line);
	fclose(file);
	if (table->count == 0) {
		free(table);
		return -EINVAL;
	}
	*out = table;
	return 0;
}

void mw_tld_table_close(struct mw_tld_table *table)
{
	free(table);
}
