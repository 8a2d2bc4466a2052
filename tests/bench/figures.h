/* Figures with names, as a table for people and a line of JSON for programs. */
#ifndef MW_TESTS_BENCH_FIGURES_H
#define MW_TESTS_BENCH_FIGURES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define FIGURES_MAX 48
#define NOTES_MAX   16

struct figure {
	char name[48];
	double value;
	bool known; /* else null */
};

struct figures {
	struct figure figure[FIGURES_MAX];
	uint32_t count;
	const char *note[NOTES_MAX];
	uint32_t note_count;
};

void figures_set(struct figures *figures, const char *name, double value);
/* Not measured, or refused: null. A value that stands there already stays. */
void figures_unknown(struct figures *figures, const char *name);
/* "name=12.5" or "name=null"; false: neither. */
bool figures_given(struct figures *figures, const char *text);
void figures_note(struct figures *figures, const char *text);
/* False: not known. */
bool figures_get(const struct figures *figures, const char *name, double *value);
void figures_print(const struct figures *figures, FILE *to);

#endif
