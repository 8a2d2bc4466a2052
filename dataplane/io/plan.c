/*
 * Reads the process's CPU mask and the count of free huge pages, and decides by simple rules that
 * the operator can read in the start-up lines.
 */
#include "dataplane/io/plan.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/io/device.h"

#define DESCRIPTORS  4096 /* each of receive and send, a port: the most a device here may hold */
#define LANE_BUFFERS 5120 /* bursts, caches, send queues and kept fragments of a lane */
#define BUFFER_EXTRA 384  /* mbuf, headroom, pool header and padding of one buffer */
#define EAL_EXTRA_MB 48	  /* rings, port tables, device memory */

struct allowed {
	uint16_t cpu[1024];
	uint16_t count;
};

static void allowed_cpus(struct allowed *out)
{
	cpu_set_t set;

	out->count = 0;
	if (sched_getaffinity(0, sizeof(set), &set) != 0) {
		out->cpu[out->count++] = 0;
		return;
	}
	for (uint16_t cpu = 0; cpu < CPU_SETSIZE && cpu < 1024; cpu++) {
		if (CPU_ISSET(cpu, &set))
			out->cpu[out->count++] = cpu;
	}
}

static bool is_allowed(const struct allowed *a, uint16_t cpu)
{
	for (uint16_t i = 0; i < a->count; i++) {
		if (a->cpu[i] == cpu)
			return true;
	}
	return false;
}

/* Appends to a string that was sized for the worst case; a cut is an error of ours. */
static bool append(char *out, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
static bool append(char *out, size_t size, const char *format, ...)
{
	size_t used = strlen(out);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(out + used, size - used, format, args);
	va_end(args);
	return n >= 0 && (size_t)n < size - used;
}

static int place_lanes(const struct mw_io_options *o, const struct allowed *a,
	struct mw_io_plan *plan, char *error, size_t size)
{
	for (uint16_t i = 0; i < plan->lanes; i++) {
		plan->lane_cpu[i] = o->cpu_count ? o->cpu[i % o->cpu_count]
						 : a->cpu[a->count - 1 - i % a->count];
		if (!is_allowed(a, plan->lane_cpu[i])) {
			snprintf(error, size,
				"CPU %u of --cores is not among those this process may use: see "
				"`taskset -p $$` and `nproc --all`",
				plan->lane_cpu[i]);
			return -EINVAL;
		}
		for (uint16_t j = 0; j < i; j++)
			plan->shared_cpu |= plan->lane_cpu[j] == plan->lane_cpu[i];
	}
	plan->shared_cpu |= a->count == 1;
	return 0;
}

static bool is_lane_cpu(const struct mw_io_plan *plan, uint16_t cpu)
{
	for (uint16_t i = 0; i < plan->lanes; i++) {
		if (plan->lane_cpu[i] == cpu)
			return true;
	}
	return false;
}

/* The main thread and the agent's wake now and then: beside spinning lanes if there is room, else
 * anywhere. */
static int name_lcores(const struct allowed *a, struct mw_io_plan *plan, char *error, size_t size)
{
	uint16_t spare = 0, named = 0;
	bool fits = append(plan->lcores, sizeof(plan->lcores), "0@(");

	for (uint16_t i = 0; i < a->count; i++)
		spare = (uint16_t)(spare + !is_lane_cpu(plan, a->cpu[i]));
	for (uint16_t i = 0; i < a->count && named < 64; i++) {
		if (!plan->sleep && spare > 0 && is_lane_cpu(plan, a->cpu[i]))
			continue;
		fits &= append(
			plan->lcores, sizeof(plan->lcores), "%s%u", named++ ? "," : "", a->cpu[i]);
	}
	fits &= append(plan->lcores, sizeof(plan->lcores), ")");
	for (uint16_t i = 0; i < plan->lanes; i++)
		fits &= append(
			plan->lcores, sizeof(plan->lcores), ",%u@%u", i + 1, plan->lane_cpu[i]);
	if (!fits) {
		snprintf(error, size, "too many CPUs and lanes to place");
		return -E2BIG;
	}
	return 0;
}

/* Free huge pages of the default size, in MB. */
static uint32_t huge_free_mb(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	unsigned long pages = 0, kb = 0;

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "HugePages_Free: %lu", &pages);
		sscanf(line, "Hugepagesize: %lu", &kb);
	}
	fclose(f);
	return (uint32_t)(pages * kb / 1024);
}

static int choose_memory(
	const struct mw_io_options *o, struct mw_io_plan *plan, char *error, size_t size)
{
	uint64_t bytes = (uint64_t)plan->buffers * (o->buffer_bytes + BUFFER_EXTRA);
	uint32_t need = (uint32_t)(bytes >> 20) + EAL_EXTRA_MB;
	uint32_t huge_mb = o->memory == MW_MEMORY_NO_HUGE ? 0 : huge_free_mb();

	plan->buffer_bytes = o->buffer_bytes;
	plan->memory_mb = o->memory_mb ? o->memory_mb : need;
	if (plan->memory_mb < need) {
		snprintf(error, size,
			"--mem %u is too little: %u buffers of %u octets need %u MB; give more, or "
			"fewer --buffers",
			plan->memory_mb, plan->buffers, plan->buffer_bytes, need);
		return -ENOMEM;
	}
	if (o->memory == MW_MEMORY_HUGE && huge_mb < plan->memory_mb) {
		snprintf(error, size,
			"--huge needs %u MB of huge pages and %u MB are free: `sysctl -w "
			"vm.nr_hugepages=N` reserves more, --no-huge does without",
			plan->memory_mb, huge_mb);
		return -ENOMEM;
	}
	plan->huge = o->memory != MW_MEMORY_NO_HUGE && huge_mb >= plan->memory_mb;
	return 0;
}

int mw_io_plan_make(
	const struct mw_io_options *o, struct mw_io_plan *plan, char *error, size_t size)
{
	struct allowed a;
	uint32_t ports = 0, need, rounded = 1024;
	uint16_t cpus;
	int rc;

	memset(plan, 0, sizeof(*plan));
	allowed_cpus(&a);
	plan->cpus = a.count;
	cpus = o->cpu_count ? o->cpu_count : (uint16_t)(a.count > 1 ? a.count - 1 : 1);
	if (cpus > MW_IO_LANES_MAX)
		cpus = MW_IO_LANES_MAX;
	plan->lanes = o->lanes ? o->lanes : cpus;
	rc = place_lanes(o, &a, plan, error, size);
	if (rc != 0)
		return rc;
	plan->sleep = o->poll == MW_POLL_SLEEP ||
		      (o->poll == MW_POLL_AUTO && (plan->shared_cpu || a.count < plan->lanes + 2u));
	rc = name_lcores(&a, plan, error, size);
	if (rc != 0)
		return rc;
	for (int i = 0; i < MW_IO_ROLES; i++) {
		if (!o->device[i])
			continue;
		ports++;
		plan->pci |= mw_device_kind_of(o->device[i]) == MW_DEVICE_PCI;
	}
	if (ports == 0)
		ports = 2;
	need = ports * 2 * DESCRIPTORS + plan->lanes * (LANE_BUFFERS + plan->lanes * 32u);
	while (rounded - 1 < need)
		rounded *= 2;
	plan->buffers = o->buffers ? o->buffers : rounded - 1;
	return choose_memory(o, plan, error, size);
}
