#include "tests/engine/resident.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

uint64_t resident_octets(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long long size = 0, resident = 0;

	if (f == NULL || fscanf(f, "%llu %llu", &size, &resident) != 2) {
		fputs("/proc/self/statm cannot be read\n", stderr);
		exit(EXIT_FAILURE);
	}
	fclose(f);
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
