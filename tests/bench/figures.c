#include "tests/bench/figures.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct figure *find(const struct figures *f, const char *name, size_t len)
{
	for (uint32_t i = 0; i < f->count; i++)
		if (strlen(f->figure[i].name) == len && memcmp(f->figure[i].name, name, len) == 0)
			return (struct figure *)(uintptr_t)&f->figure[i];
	return NULL;
}

static struct figure *entry(struct figures *f, const char *name, size_t len)
{
	struct figure *e = find(f, name, len);

	if (e != NULL)
		return e;
	if (f->count == FIGURES_MAX || len >= sizeof(e->name))
		return NULL;
	e = &f->figure[f->count++];
	memset(e, 0, sizeof(*e));
	memcpy(e->name, name, len);
	return e;
}

void figures_set(struct figures *f, const char *name, double value)
{
	struct figure *e = entry(f, name, strlen(name));

	if (e == NULL)
		abort();
	e->value = value;
	e->known = isfinite(value);
}

void figures_unknown(struct figures *f, const char *name)
{
	if (entry(f, name, strlen(name)) == NULL)
		abort();
}

bool figures_given(struct figures *f, const char *text)
{
	const char *equals = strchr(text, '=');
	struct figure *e;
	char *end;

	if (equals == NULL || equals == text || strpbrk(text, "\"\\\n") != NULL)
		return false;
	e = entry(f, text, (size_t)(equals - text));
	if (e == NULL)
		return false;
	if (strcmp(equals + 1, "null") == 0) {
		e->known = false;
		return true;
	}
	e->value = strtod(equals + 1, &end);
	e->known = end != equals + 1 && *end == '\0' && isfinite(e->value);
	return e->known;
}

void figures_note(struct figures *f, const char *text)
{
	if (f->note_count < NOTES_MAX)
		f->note[f->note_count++] = text;
}

bool figures_get(const struct figures *f, const char *name, double *value)
{
	const struct figure *e = find(f, name, strlen(name));

	if (e == NULL || !e->known)
		return false;
	*value = e->value;
	return true;
}

struct row {
	const char *what, *name, *unit, *against, *against_what;
};

static const struct row rows[] = {
	{"SMTP inspected inline, mixed mail or the capture", "smtp_gbps", "Gbit/s per core-second",
		"hyperscan_gbps", "Hyperscan alone"},
	{"", "smtp_gbps", "", "suricata_gbps", "Suricata"},
	{"  messages judged", "messages_per_s", "messages/s per core-second", NULL, NULL},
	{"  longest poll", "poll_max_us", "us", NULL, NULL},
	{"SMTP inspected inline, text-only mail", "smtp_text_gbps", "Gbit/s per core-second",
		"hyperscan_text_gbps", "Hyperscan alone"},
	{"  messages judged", "messages_text_per_s", "messages/s per core-second", NULL, NULL},
	{"the same without rules, mixed mail", "smtp_no_rules_gbps", "Gbit/s per core-second", NULL,
		NULL},
	{"Hyperscan alone, same payload and phrases", "hyperscan_gbps", "Gbit/s", NULL, NULL},
	{"Hyperscan alone, text-only", "hyperscan_text_gbps", "Gbit/s", NULL, NULL},
	{"Suricata, same capture and phrases", "suricata_gbps", "Gbit/s per core-second", NULL,
		NULL},
	{"several lanes at the same time, all together", "lanes_gbps", "Gbit/s", NULL, NULL},
	{"  against one lane at the same time of day", "lanes_ratio", "x", NULL, NULL},
	{"packets that are not mail, 64 octets", "fastpath_mpps", "Mpps", "testpmd_5tswap_mpps",
		"testpmd 5tswap"},
	{"testpmd 5tswap, same devices", "testpmd_5tswap_mpps", "Mpps", NULL, NULL},
	{"an open idle SMTP connection", "idle_flow_bytes", "octets", NULL, NULL},
};

static void print_row(const struct figures *f, const struct row *r, FILE *to)
{
	double value, against;

	if (find(f, r->name, strlen(r->name)) == NULL)
		return;
	if (!figures_get(f, r->name, &value)) {
		if (r->what[0] != '\0')
			fprintf(to, "%-50s %12s\n", r->what, "not measured");
		return;
	}
	if (r->what[0] != '\0')
		fprintf(to, "%-50s %12.*f %s\n", r->what, value < 100 ? 2 : 0, value, r->unit);
	if (r->against != NULL && figures_get(f, r->against, &against) && against > 0)
		fprintf(to, "%-50s %12.2f x %s\n", "", value / against, r->against_what);
}

void figures_print(const struct figures *f, FILE *to)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		print_row(f, &rows[i], to);
	for (uint32_t i = 0; i < f->note_count; i++)
		fprintf(to, "%s%s\n", i == 0 ? "\n" : "", f->note[i]);
	fputs("\n{", to);
	for (uint32_t i = 0; i < f->count; i++) {
		fprintf(to, "%s\"%s\":", i > 0 ? "," : "", f->figure[i].name);
		if (f->figure[i].known)
			fprintf(to, "%.6g", f->figure[i].value);
		else
			fputs("null", to);
	}
	fputs("}\n", to);
}
