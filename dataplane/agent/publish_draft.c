#include <stdlib.h>

#include "dataplane/agent/publish_internal.h"

bool mw_heap_list_add(struct mw_heap_list *list, void *item)
{
	if (item == NULL)
		return true;
	if (list->count == list->room) {
		size_t room = list->room == 0 ? 64 : 2 * list->room;
		void **grown = reallocarray(list->item, room, sizeof(*grown));

		if (grown == NULL)
			return false;
		list->item = grown;
		list->room = room;
	}
	list->item[list->count++] = item;
	return true;
}

void mw_heap_list_free(struct mw_heap_list *list, bool items_too)
{
	for (size_t i = 0; items_too && i < list->count; i++)
		free(list->item[i]);
	free(list->item);
	*list = (struct mw_heap_list){0};
}

void mw_version_free(struct mw_version *version)
{
	mw_heap_list_free(&version->garbage, true);
	mw_tables_free(version->garbage_tables);
	free(version->verdict_page);
	free(version->customer_page);
	free(version);
}

/* What is shared must not be written, but is freed by whoever comes to own it. */
static void *unconst(const void *p)
{
	union {
		const void *in;
		void *out;
	} u = {.in = p};

	return u.out;
}

/* A reply that was allocated; "" stands in the program. */
static void *own_reply(const struct mw_verdict_entry *entry)
{
	return entry->reply[0] == 0 ? NULL : unconst(entry->reply);
}

static const struct mw_verdict_entry entry_pass = {.reply = "", .verdict = MW_VERDICT_PASS};

static void fail(struct mw_draft *draft)
{
	draft->failed = true;
}

void mw_draft_begin(struct mw_draft *draft, const struct mw_version *before)
{
	uint32_t pages = before == NULL ? 0 : before->snap.page_count;

	*draft = (struct mw_draft){.page_count = pages};
	draft->page = calloc(pages + 1, sizeof(*draft->page));
	draft->own = calloc(pages + 1, sizeof(*draft->own));
	if (draft->page == NULL || draft->own == NULL) {
		draft->failed = true;
		return;
	}
	if (before == NULL) {
		mw_policy_settings_default(&draft->settings);
		return;
	}
	draft->settings = before->snap.settings;
	memcpy(draft->page, before->verdict_page, pages * sizeof(*draft->page));
}

void mw_draft_clear(struct mw_draft *draft)
{
	for (uint32_t i = 0; i < draft->page_count && !draft->failed; i++) {
		const struct mw_verdict_page *page = draft->page[i];

		for (uint32_t k = 0; page != NULL && k < MW_PAGE_CUSTOMERS; k++)
			if (!mw_heap_list_add(&draft->garbage, own_reply(&page->entry[k])))
				fail(draft);
		if (!mw_heap_list_add(&draft->garbage, unconst(page)))
			fail(draft);
		draft->page[i] = NULL;
		draft->own[i] = false;
	}
}

static bool grow(struct mw_draft *draft, uint32_t pages)
{
	const struct mw_verdict_page **page;
	bool *own;

	if (pages <= draft->page_count)
		return true;
	page = reallocarray(draft->page, pages, sizeof(*page));
	if (page == NULL)
		return false;
	draft->page = page;
	own = reallocarray(draft->own, pages, sizeof(*own));
	if (own == NULL)
		return false;
	draft->own = own;
	for (uint32_t i = draft->page_count; i < pages; i++) {
		page[i] = NULL;
		own[i] = false;
	}
	draft->page_count = pages;
	return true;
}

/* The customer's entry in a page that may be written; NULL: out of memory. */
static struct mw_verdict_entry *writable(struct mw_draft *draft, uint32_t index)
{
	uint32_t at = index / MW_PAGE_CUSTOMERS;
	struct mw_verdict_page *page;

	if (draft->failed || !grow(draft, at + 1))
		return NULL;
	if (!draft->own[at]) {
		page = malloc(sizeof(*page));
		if (page == NULL)
			return NULL;
		if (!mw_heap_list_add(&draft->fresh, page)) {
			free(page);
			return NULL;
		}
		if (draft->page[at] != NULL)
			*page = *draft->page[at];
		else
			for (uint32_t i = 0; i < MW_PAGE_CUSTOMERS; i++)
				page->entry[i] = entry_pass;
		if (!mw_heap_list_add(&draft->garbage, unconst(draft->page[at])))
			return NULL;
		draft->page[at] = page;
		draft->own[at] = true;
	}
	page = unconst(draft->page[at]);
	return &page->entry[index % MW_PAGE_CUSTOMERS];
}

/* The reply of the entry may be in the version before: garbage, freed with it. */
static bool drop_reply(struct mw_draft *draft, const struct mw_verdict_entry *entry)
{
	return mw_heap_list_add(&draft->garbage, own_reply(entry));
}

void mw_draft_verdict(struct mw_draft *draft, const struct mw_verdict_record *rec)
{
	struct mw_verdict_entry *entry = writable(draft, rec->customer_index);
	char *reply = NULL;

	if (entry == NULL) {
		fail(draft);
		return;
	}
	if (rec->reply[0] != 0) {
		reply = strdup(rec->reply);
		if (reply == NULL || !mw_heap_list_add(&draft->fresh, reply)) {
			free(reply);
			fail(draft);
			return;
		}
	}
	if (!drop_reply(draft, entry)) {
		fail(draft);
		return;
	}
	mw_verdict_entry_set(entry, rec, reply == NULL ? "" : reply);
	draft->verdicts++;
}

void mw_draft_verdict_gone(struct mw_draft *draft, uint32_t index)
{
	struct mw_verdict_entry *entry;

	if (index / MW_PAGE_CUSTOMERS >= draft->page_count ||
		draft->page[index / MW_PAGE_CUSTOMERS] == NULL)
		return; /* never had one */
	entry = writable(draft, index);
	if (entry == NULL || !drop_reply(draft, entry)) {
		fail(draft);
		return;
	}
	*entry = entry_pass;
	draft->verdicts++;
}

void mw_draft_give_up(struct mw_draft *draft)
{
	mw_heap_list_free(&draft->fresh, true);
	mw_heap_list_free(&draft->garbage, false);
	free(draft->page);
	free(draft->own);
	*draft = (struct mw_draft){.failed = true};
}

struct mw_version *mw_draft_finish(
	struct mw_draft *draft, struct mw_version *before, struct mw_tables *tables)
{
	struct mw_version *version = calloc(1, sizeof(*version));
	const struct mw_customer_page **customers = NULL;

	if (tables->page_count > draft->page_count && !grow(draft, tables->page_count))
		fail(draft);
	if (!draft->failed)
		customers = calloc(draft->page_count + 1, sizeof(*customers));
	if (version == NULL || customers == NULL) {
		free(version);
		free(customers);
		mw_draft_give_up(draft);
		return NULL;
	}
	for (uint32_t i = 0; i < tables->page_count; i++)
		customers[i] = tables->page[i];
	*version = (struct mw_version){.verdict_page = draft->page,
		.customer_page = customers,
		.tables = tables,
		.snap = {.lines_generation = tables->generation,
			.page_count = draft->page_count,
			.customer_count = tables->customer_count,
			.verdict_page = draft->page,
			.customer_page = customers,
			.prefixes = &tables->prefixes,
			.settings = draft->settings}};
	if (before != NULL) {
		before->garbage = draft->garbage;
		before->garbage_tables = before->tables == tables ? NULL : before->tables;
	} else {
		mw_heap_list_free(&draft->garbage, true);
	}
	mw_heap_list_free(&draft->fresh, false);
	free(draft->own);
	return version;
}
