/*
 * Captures of other projects: every session of them means the same however it is cut, and those
 * whose authors recorded what they saw mean that. Skipped where the captures are not at hand.
 */
#include "capture.h"
#include "player.h"

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define CORPUS MW_SOURCE_ROOT "/../shared/corpus/pcap"

static bool at_hand(void)
{
	struct stat st;

	return stat(CORPUS, &st) == 0;
}

static char *play_capture(const struct capture_session *session, size_t piece, uint64_t seed)
{
	static struct player p;
	uint64_t random = seed;
	bool server = false;
	char *out;

	player_init(&p);
	for (size_t i = 0; i < session->count; i++)
		server |= session->pieces[i].from == 'S';
	if (!server)
		player_feed(&p, 'o', NULL, 0);
	for (size_t i = 0; i < session->count; i++) {
		const struct piece *part = &session->pieces[i];

		if (part->octets == NULL) {
			player_feed(&p, part->from, NULL, part->len);
			continue;
		}
		for (size_t done = 0; done < part->len;) {
			size_t now = part->len - done;

			if (piece != 0 && piece < now)
				now = piece;
			if (seed != 0)
				now = 1 + next_random(&random) % now;
			player_feed(&p, part->from, part->octets + done, now);
			done += now;
		}
	}
	/* What was never answered in the capture counts as accepted (INSPECT.md). */
	player_feed(&p, 'o', NULL, 0);
	player_finish(&p);
	out = p.out.data;
	p.out.data = NULL;
	player_free(&p);
	return out;
}

static int captures, differences;

static int cut_one(const char *file, const struct stat *st, int type, struct FTW *ftw)
{
	struct capture capture;

	if (type != FTW_F || (strstr(file, ".pcap") == NULL))
		return 0;
	if (!capture_read(file, &capture))
		return 0;
	for (size_t i = 0; i < capture.count; i++) {
		char *whole = play_capture(&capture.sessions[i], 0, 0);

		captures++;
		for (uint64_t seed = 0; seed < 6; seed++) {
			char *cut = play_capture(&capture.sessions[i], seed == 0, seed);

			if (strcmp(whole, cut) != 0) {
				fprintf(stderr, "%s, seed %llu\n", file, (unsigned long long)seed);
				differences++;
			}
			free(cut);
		}
		free(whole);
	}
	capture_free(&capture);
	return 0;
}

static void test_cut(void **state)
{
	if (!at_hand()) {
		print_message("no captures at %s\n", CORPUS);
		skip();
	}
	assert_int_equal(nftw(CORPUS, cut_one, 16, FTW_PHYS), 0);
	print_message("%d sessions of captures\n", captures);
	assert_true(captures > 50);
	assert_int_equal(differences, 0);
}

static void test_recorded(void **state)
{
	static const struct {
		const char *file;
		const char *holds[8];
	} table[] = {
#include "recorded.def"
	};
	int wrong = 0;

	if (!at_hand())
		skip();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct capture capture;
		char file[512];
		char *all = NULL;
		size_t len = 0;
		FILE *f;

		snprintf(file, sizeof(file), "%s/%s", CORPUS, table[i].file);
		assert_true(capture_read(file, &capture));
		f = open_memstream(&all, &len);
		for (size_t j = 0; j < capture.count; j++) {
			char *one = play_capture(&capture.sessions[j], 0, 0);

			fputs(one, f);
			free(one);
		}
		fclose(f);
		capture_free(&capture);
		if (getenv("MW_SHOW") != NULL)
			printf("== %s\n%s", table[i].file, all);
		for (size_t j = 0; j < 8 && table[i].holds[j] != NULL; j++) {
			const char *what = table[i].holds[j];
			bool found = strstr(all, what[0] == '!' ? what + 1 : what) != NULL;

			if (found == (what[0] == '!')) {
				fprintf(stderr, "%s: %s\n", table[i].file, what);
				wrong++;
			}
		}
		free(all);
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_recorded),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("smtp_corpus", tests, NULL, NULL);
}
