/* Bump allocation over malloc, for the slow side (bag.h). */
#include "controlplane/rules/bag.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK_BYTES 262144
#define HEAD_BYTES  16

static void *must(void *p)
{
	if (p == NULL) {
		fputs("mailweir: out of memory while reading rules\n", stderr);
		abort();
	}
	return p;
}

void *mw_bag_alloc(struct mw_bag *bag, size_t len)
{
	len = (len + 15) & ~(size_t)15;
	if (bag->blocks == NULL || bag->size - bag->used < len) {
		size_t size = len + HEAD_BYTES > BLOCK_BYTES ? len + HEAD_BYTES : BLOCK_BYTES;
		void **block = must(calloc(1, size));

		*block = bag->blocks;
		bag->blocks = block;
		bag->size = size;
		bag->used = HEAD_BYTES;
	}
	void *p = (char *)bag->blocks + bag->used;
	bag->used += len;
	return p;
}

char *mw_bag_copy(struct mw_bag *bag, struct mw_span s)
{
	char *p = mw_bag_alloc(bag, s.len + 1);

	if (s.len > 0)
		memcpy(p, s.data, s.len);
	return p;
}

char *mw_bag_printf(struct mw_bag *bag, const char *format, ...)
{
	va_list args;
	char *text = NULL;

	va_start(args, format);
	int len = vasprintf(&text, format, args);
	va_end(args);
	if (len < 0)
		text = must(NULL);
	char *copy = mw_bag_copy(bag, mw_span_of(text, (size_t)len));
	free(text);
	return copy;
}

void mw_bag_free(struct mw_bag *bag)
{
	void *block = bag->blocks;

	while (block != NULL) {
		void *next = *(void **)block;

		free(block);
		block = next;
	}
	*bag = (struct mw_bag){0};
}

void *mw_grow(void *items, size_t count, size_t *room, size_t item_size)
{
	if (count < *room)
		return items;
	*room = *room * 2 + 16;
	return must(realloc(items, *room * item_size));
}
