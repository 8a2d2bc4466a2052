#include "dataplane/flow/marks.h"

#include "common/base/time.h"

/* Of the tag; the rest is of the hash. */
#define MARK_READ   1u /* as mail, else it passed unread */
#define MARK_SHARED 2u /* it took the place of a young one with another tag */
#define TAG_BITS    (~3u)

struct mw_mark {
	uint32_t tag;
	uint32_t when_s; /* one more than the second; 0: never */
};

size_t mw_marks_bytes(uint32_t count)
{
	return count * sizeof(struct mw_mark);
}

void mw_marks_init(struct mw_marks *marks, void *memory, uint32_t count)
{
	marks->mark = memory;
	marks->count = count;
}

static struct mw_mark *mark_of(const struct mw_marks *marks, uint64_t hash)
{
	return &marks->mark[(hash >> 32) & (marks->count - 1)];
}

static uint32_t second(uint64_t now_ns)
{
	return (uint32_t)(now_ns / MW_NS_PER_S) + 1;
}

static bool is_young(const struct mw_mark *m, uint64_t now_ns, uint32_t life_s)
{
	return m->when_s != 0 && second(now_ns) - m->when_s <= life_s;
}

static bool is_of(const struct mw_mark *m, uint64_t hash)
{
	return ((m->tag ^ (uint32_t)hash) & TAG_BITS) == 0;
}

void mw_marks_set(struct mw_marks *marks, uint64_t now_ns, uint64_t hash, bool read)
{
	uint32_t bits = read ? MARK_READ : 0;
	struct mw_mark *m;

	if (marks->count == 0)
		return;
	m = mark_of(marks, hash);
	if (is_young(m, now_ns, MW_MARKS_LIFE_S) &&
		(!is_of(m, hash) || (m->tag & MARK_SHARED) != 0))
		bits |= MARK_SHARED;
	*m = (struct mw_mark){((uint32_t)hash & TAG_BITS) | bits, second(now_ns)};
}

bool mw_marks_passed(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash)
{
	const struct mw_mark *m;

	if (marks->count == 0)
		return false;
	m = mark_of(marks, hash);
	return is_of(m, hash) && (m->tag & MARK_READ) == 0 &&
	       is_young(m, now_ns, MW_MARKS_FOLLOW_S);
}

bool mw_marks_read(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash)
{
	const struct mw_mark *m;

	if (marks->count == 0)
		return false;
	m = mark_of(marks, hash);
	return is_of(m, hash) && (m->tag & MARK_READ) != 0 && is_young(m, now_ns, MW_MARKS_LIFE_S);
}

bool mw_marks_used(const struct mw_marks *marks, uint64_t now_ns, uint64_t hash)
{
	const struct mw_mark *m;

	if (marks->count == 0)
		return false;
	m = mark_of(marks, hash);
	return is_young(m, now_ns, MW_MARKS_LIFE_S) &&
	       (is_of(m, hash) || (m->tag & MARK_SHARED) != 0);
}
