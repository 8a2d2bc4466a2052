/* What the whole process has in memory: for programs that show that it stays flat. */
#ifndef MW_TESTS_ENGINE_RESIDENT_H
#define MW_TESTS_ENGINE_RESIDENT_H

#include <stdint.h>

uint64_t resident_octets(void);

#endif
