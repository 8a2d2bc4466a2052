/*
 * Tags in rules: `<A>` stands for a piece of pattern text that replace_tag gave a name. A rule may
 * say
 * `<pre P>`, `<inter I>`, `<post P>` once each: text put before or after each tag, and between
 * neighbours. Up to five rounds, since a tag's text may hold tags.
 */
#include "controlplane/rules/cf.h"

#include <errno.h>
#include <stdlib.h>

#define ROUNDS_MAX  6
#define PATTERN_MAX 1048576

static const struct mw_cf_tag *find(
	const struct mw_cf_tags *tags, const char *kind, struct mw_span name)
{
	for (size_t i = tags->count; i > 0; i--) /* the latest counts */
		if (mw_span_eq(tags->items[i - 1].kind, mw_span_str(kind)) &&
			mw_span_eq(tags->items[i - 1].name, name))
			return &tags->items[i - 1];
	return NULL;
}

struct text {
	uint8_t *data;
	size_t len, room;
};

static void add(struct text *t, struct mw_span s)
{
	while (t->room - t->len < s.len + 1)
		t->data = mw_grow(t->data, t->room, &t->room, 1);
	if (s.len > 0)
		memcpy(t->data + t->len, s.data, s.len);
	t->len += s.len;
}

/* Takes the first `<word NAME>` out of the pattern; the named text, or empty. */
static struct mw_span take_modifier(const struct mw_cf_tags *tags, struct text *t, const char *word)
{
	char mark[16] = "<";
	size_t n = strlen(word);

	memcpy(mark + 1, word, n);
	mark[n + 1] = ' ';
	uint8_t *at = memmem(t->data, t->len, mark, n + 2);
	if (at == NULL)
		return (struct mw_span){0};
	size_t left = t->len - (size_t)(at - t->data);
	uint8_t *end = memchr(at, '>', left);
	if (end == NULL)
		return (struct mw_span){0};
	const struct mw_cf_tag *tag =
		find(tags, word, mw_span_of(at + n + 2, (size_t)(end - at) - n - 2));
	memmove(at, end + 1, left - (size_t)(end + 1 - at));
	t->len -= (size_t)(end + 1 - at);
	return tag == NULL ? (struct mw_span){0} : tag->text;
}

/* A tag at the start of `s`: `<`, one or more octets other than `<` and `>`, `>`. Its length or 0.
 */
static size_t tag_len(struct mw_span s)
{
	size_t n = 1;

	if (s.len < 3 || s.data[0] != '<')
		return 0;
	while (n < s.len && s.data[n] != '<' && s.data[n] != '>')
		n++;
	return n > 1 && n < s.len && s.data[n] == '>' ? n + 1 : 0;
}

/* One round; true when another is needed. */
static bool replace_round(const struct mw_cf_tags *tags, struct text *t, struct text *out)
{
	struct mw_span pre = take_modifier(tags, t, "pre");
	struct mw_span post = take_modifier(tags, t, "post");
	struct mw_span inter = take_modifier(tags, t, "inter");
	bool again = false, after_tag = false;

	out->len = 0;
	for (size_t i = 0; i < t->len;) {
		struct mw_span rest = mw_span_of(t->data + i, t->len - i);
		size_t n = tag_len(rest);

		if (n == 0) {
			add(out, mw_span_of(rest.data, 1));
			after_tag = false;
			i++;
			continue;
		}
		const struct mw_cf_tag *tag = find(tags, "tag", mw_span_of(rest.data + 1, n - 2));
		if (after_tag)
			add(out, inter);
		add(out, pre);
		if (tag == NULL) {
			add(out, mw_span_of(rest.data, n));
		} else {
			add(out, tag->text);
			for (size_t k = 0; k < tag->text.len && !again; k++)
				again = tag_len(mw_span_of(tag->text.data + k, tag->text.len - k)) >
					0;
		}
		add(out, post);
		after_tag = true;
		i += n;
	}
	return again;
}

int mw_cf_end(struct mw_cf *cf)
{
	struct text a = {0}, b = {0};
	int ret = 0;

	for (size_t i = 0; i < cf->book->count && ret == 0; i++) {
		struct mw_def *def = cf->book->defs[i];

		if (!def->replace_tags || def->pattern.len == 0)
			continue;
		a.len = 0;
		add(&a, def->pattern);
		for (unsigned round = 0; round < ROUNDS_MAX; round++) {
			bool again = replace_round(&cf->tags, &a, &b);
			struct text swap = a;

			a = b;
			b = swap;
			if (a.len > PATTERN_MAX)
				ret = mw_rulebook_fail(cf->book, def->file, def->line,
					"rule %s: its tags make a pattern of more than a megabyte",
					def->name);
			if (!again || ret != 0)
				break;
		}
		def->pattern =
			mw_span_of(mw_bag_copy(&cf->book->bag, mw_span_of(a.data, a.len)), a.len);
	}
	free(a.data);
	free(b.data);
	return ret;
}

void mw_cf_free(struct mw_cf *cf)
{
	free(cf->tags.items);
	cf->tags = (struct mw_cf_tags){0};
}
