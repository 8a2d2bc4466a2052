/*
 * What each session of the table says, and that it says the same however it is cut.
 */
#include "player.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static bool holds(const char *transcript, const char *what)
{
	return what[0] == '!' ? strstr(transcript, what + 1) == NULL
			      : strstr(transcript, what) != NULL;
}

static void test_meaning(void **state)
{
	int wrong = 0;

	for (size_t i = 0; i < sessions_count; i++) {
		const struct session *session = &sessions[i];
		char *transcript = play(session, (struct cuts){0});
		char *messages = play_messages(session);
		bool ok = strcmp(messages, session->messages) == 0;

		for (size_t j = 0; j < 8 && session->also[j] != NULL; j++)
			if (!holds(transcript, session->also[j])) {
				fprintf(stderr, "missing: %s\n", session->also[j]);
				ok = false;
			}
		if (!ok) {
			wrong++;
			fprintf(stderr, "session '%s'\n--- expected\n%s--- transcript\n%s\n",
				session->name, session->messages, transcript);
		}
		free(transcript);
		free(messages);
	}
	assert_int_equal(wrong, 0);
}

static void compare(const struct session *session, const char *whole, struct cuts cuts)
{
	char *cut = play(session, cuts);

	if (strcmp(cut, whole) != 0) {
		fprintf(stderr,
			"session '%s' cut at %zu, piece %zu, seed %llu\n--- whole\n%s--- cut\n%s",
			session->name, cuts.at, cuts.piece, (unsigned long long)cuts.seed, whole,
			cut);
		fail();
	}
	free(cut);
}

static void test_cut_everywhere(void **state)
{
	for (size_t i = 0; i < sessions_count; i++) {
		char *whole = play(&sessions[i], (struct cuts){0});
		size_t longest = 0;

		for (size_t j = 0; j < STEPS_MAX; j++)
			if (sessions[i].steps[j].octets != NULL &&
				sessions[i].steps[j].len > longest)
				longest = sessions[i].steps[j].len;
		for (size_t at = 1; at < longest; at++)
			compare(&sessions[i], whole, (struct cuts){.at = at});
		for (size_t piece = 1; piece <= 3; piece++)
			compare(&sessions[i], whole, (struct cuts){.piece = piece});
		for (uint64_t seed = 1; seed <= 20; seed++)
			compare(&sessions[i], whole, (struct cuts){.seed = seed});
		free(whole);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_meaning),
		cmocka_unit_test(test_cut_everywhere),
	};

	return cmocka_run_group_tests_name("smtp_sessions", tests, NULL, NULL);
}
