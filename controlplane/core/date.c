/*
 * Dates of the calendar (proleptic Gregorian, UTC), as arithmetic: no time zone database, no
 * locale. Algorithm: days from civil, after H. Hinnant's "chrono-compatible low-level date
 * algorithms".
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "controlplane/core/core.h"

static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
	int64_t era;
	unsigned yoe, doy, doe;

	y -= m <= 2;
	era = (y >= 0 ? y : y - 399) / 400;
	yoe = (unsigned)(y - era * 400);
	doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
	return era * 146097 + (int64_t)doe - 719468;
}

uint16_t mw_core_year(uint64_t now_s)
{
	int64_t days =
		(int64_t)(now_s / 86400 % 3000000); /* a broken clock must not loop for long */
	int64_t year = 1970 + days / 366;

	while (days_from_civil(year + 1, 1, 1) <= days)
		year++;
	return (uint16_t)year;
}

char *mw_core_time_format(uint64_t s, char out[MW_CORE_TIME_TEXT])
{
	uint16_t year = mw_core_year(s);
	int64_t days = (int64_t)(s / 86400 % 3000000);
	unsigned month = 12, of_day = (unsigned)(s % 86400);

	while (days_from_civil(year, month, 1) > days)
		month--;
	snprintf(out, MW_CORE_TIME_TEXT, "%04u-%02u-%02u %02u:%02u:%02u", (unsigned)year % 10000u,
		month % 100, (unsigned)(days - days_from_civil(year, month, 1) + 1) % 100,
		of_day / 3600, of_day / 60 % 60, of_day % 60);
	return out;
}

static const char *skip(const char *p)
{
	int depth = 0;

	/* Folding white space and comments, RFC 5322 3.2.2. */
	for (; *p != '\0'; p++) {
		if (*p == '(')
			depth++;
		else if (*p == ')' && depth > 0)
			depth--;
		else if (depth == 0 && *p != ' ' && *p != '\t' && *p != '\r' && *p != '\n')
			break;
	}
	return p;
}

static const char *number(const char *p, unsigned digits_max, unsigned *out)
{
	unsigned digits = 0;

	p = skip(p);
	*out = 0;
	for (; digits < digits_max && isdigit((unsigned char)*p); p++, digits++)
		*out = *out * 10 + (unsigned)(*p - '0');
	return digits > 0 ? p : NULL;
}

static int zone_minutes(const char *p)
{
	static const struct {
		const char *name;
		int minutes;
	} zones[] = {{"EDT", -240}, {"EST", -300}, {"CDT", -300}, {"CST", -360}, {"MDT", -360},
		{"MST", -420}, {"PDT", -420}, {"PST", -480}};
	unsigned hhmm;

	p = skip(p);
	if (*p == '+' || *p == '-') {
		int sign = *p == '-' ? -1 : 1;

		if (number(p + 1, 4, &hhmm) == NULL)
			return 0;
		return sign * (int)(hhmm / 100 * 60 + hhmm % 100);
	}
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
		if (strncasecmp(p, zones[i].name, 3) == 0)
			return zones[i].minutes;
	}
	return 0; /* UT, GMT, military and unknown zones: RFC 5322 4.3 */
}

uint64_t mw_core_date_s(const char *text)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned day, month = 0, year, hour, minute, second = 0;
	const char *p = skip(text), *comma = strchr(p, ',');
	int64_t s;

	if (isalpha((unsigned char)*p)) {
		if (comma == NULL)
			return 0;
		p = comma + 1;
	}
	p = number(p, 2, &day);
	if (p == NULL)
		return 0;
	p = skip(p);
	for (unsigned i = 0; i < 12; i++) {
		if (strncasecmp(p, months + 3 * (size_t)i, 3) == 0)
			month = i + 1;
	}
	if (month == 0)
		return 0;
	p = number(p + 3, 4, &year);
	if (p == NULL)
		return 0;
	if (year < 100)
		year += year < 50 ? 2000 : 1900; /* RFC 5322 4.3 */
	p = number(p, 2, &hour);
	if (p == NULL || *(p = skip(p)) != ':')
		return 0;
	p = number(p + 1, 2, &minute);
	if (p == NULL)
		return 0;
	if (*skip(p) == ':') {
		p = number(skip(p) + 1, 2, &second);
		if (p == NULL)
			return 0;
	}
	if (year < 1970 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
		return 0;
	s = days_from_civil((int64_t)year, month, day) * 86400 + (int64_t)hour * 3600 +
	    (int64_t)minute * 60 + (int64_t)second - (int64_t)zone_minutes(p) * 60;
	return s > 0 ? (uint64_t)s : 0;
}
