/*
 * A target as an ordinary program. As a test (-t FOLDER): the regressions and the corpus of the
 * target, then inputs made up from a seed; TAP on standard output. With files or folders: each of
 * them, which is how a finding is repeated. With -m N FOLDER: N inputs made up, written there.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <time.h>

#include "tests/fuzz/target.h"

static void play_octets(const uint8_t *data, size_t len)
{
	uint8_t *copy = fuzz_exact(data, len);

	LLVMFuzzerTestOneInput(copy, len);
	free(copy);
}

static int play_file(const char *path)
{
	static uint8_t data[1 << 20];
	FILE *file = fopen(path, "rb");
	size_t len;

	if (file == NULL) {
		perror(path);
		return -1;
	}
	len = fread(data, 1, sizeof(data), file);
	fclose(file);
	play_octets(data, len);
	return 1;
}

/* How many were played, -1 when one could not be read. A folder that is missing has none. */
static int play_path(const char *path, bool told)
{
	char name[PATH_MAX];
	const struct dirent *entry;
	struct stat st;
	int count = 0;
	DIR *dir;

	if (stat(path, &st) != 0)
		return errno == ENOENT && !told ? 0 : (perror(path), -1);
	if (!S_ISDIR(st.st_mode)) {
		printf("# %s\n", path); /* before: a crash leaves the name */
		fflush(stdout);
		return play_file(path);
	}
	dir = opendir(path);
	if (dir == NULL)
		return perror(path), -1;
	while (count >= 0 && (entry = readdir(dir)) != NULL) {
		int played;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		played = play_path(name, told);
		count = played < 0 ? -1 : count + played;
	}
	closedir(dir);
	return count;
}

static uint64_t seed_of_run(void)
{
	const char *given = getenv("MW_SEED");

	return given != NULL ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
}

static uint32_t seeds_of_run(void)
{
	const char *given = getenv("MW_FUZZ_SEEDS");

	return given != NULL ? (uint32_t)strtoul(given, NULL, 0) : fuzz_target.seeds;
}

static void play_seeds(uint64_t first, uint32_t count)
{
	static uint8_t input[FUZZ_INPUT_MAX];

	for (uint32_t i = 0; i < count; i++) {
		struct fuzz_random r = {first + i};

		if (i % 256 == 0) {
			printf("# MW_SEED=%llu and 255 behind\n", (unsigned long long)first + i);
			fflush(stdout);
		}
		play_octets(input, fuzz_make_up(&r, input, sizeof(input)));
	}
}

static int test(const char *folder)
{
	static const char *const what[] = {"regressions", "corpus"};
	char path[PATH_MAX];
	int failed = 0;

	printf("1..3\n");
	for (int i = 0; i < 2; i++) {
		int count;

		snprintf(path, sizeof(path), "%s/%s/%s", folder, what[i], fuzz_target.name);
		count = play_path(path, false);
		printf("%s %d - %s: %d inputs\n", count < 0 ? "not ok" : "ok", i + 1, what[i],
			count);
		failed |= count < 0;
	}
	play_seeds(seed_of_run(), seeds_of_run());
	printf("ok 3 - %u inputs made up\n", seeds_of_run());
	return failed;
}

static int make_up(uint32_t count, const char *folder)
{
	static uint8_t input[FUZZ_INPUT_MAX];
	uint64_t first = seed_of_run();

	for (uint32_t i = 0; i < count; i++) {
		struct fuzz_random r = {first + i};
		size_t len = fuzz_make_up(&r, input, sizeof(input));
		char path[PATH_MAX];
		FILE *file;

		snprintf(path, sizeof(path), "%s/made-%llu", folder, (unsigned long long)first + i);
		file = fopen(path, "wb");
		if (file == NULL || fwrite(input, 1, len, file) != len || fclose(file) != 0) {
			perror(path);
			return 1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	int failed = 0;

	if (argc == 3 && strcmp(argv[1], "-t") == 0)
		return test(argv[2]);
	if (argc == 4 && strcmp(argv[1], "-m") == 0)
		return make_up((uint32_t)strtoul(argv[2], NULL, 0), argv[3]);
	for (int i = 1; i < argc; i++)
		failed |= play_path(argv[i], true) < 0;
	return failed;
}
