/* Times that were taken, and where their middle and their ends lie. */
#ifndef MW_TESTS_LAB_FLIPS_FIGURES_H
#define MW_TESTS_LAB_FLIPS_FIGURES_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

struct figures {
	double *value;
	size_t count, room;
};

static inline void figures_add(struct figures *f, double value)
{
	if (f->count == f->room) {
		f->room = f->room == 0 ? 1024 : f->room * 2;
		f->value = realloc(f->value, f->room * sizeof(f->value[0]));
		if (f->value == NULL)
			abort();
	}
	f->value[f->count++] = value;
}

static inline int figures_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that `part` (0 to 1) of all are not above; puts them in order. 0 where there is none.
 */
static inline double figures_at(struct figures *f, double part)
{
	size_t at = (size_t)(part * (double)f->count);

	if (f->count == 0)
		return 0;
	qsort(f->value, f->count, sizeof(f->value[0]), figures_compare);
	return f->value[at < f->count ? at : f->count - 1];
}

#endif
