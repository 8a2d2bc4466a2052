/*
 * The argument vector of rte_eal_init. Two memory modes only, both without files shared with other
 * processes: `--in-memory` with huge pages, `--no-huge --no-shconf` without (DPDK 22.11 refuses
 * `--no-huge` together with `--in-memory`). Virtual devices are made later, one by one, so that a
 * device that fails can be told from an EAL that fails.
 */
#include "dataplane/io/eal.h"

#include <errno.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "dataplane/io/device.h"

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define WITH_LEAK_CHECK
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(WITH_LEAK_CHECK)
/* The AF_XDP driver of DPDK 22.11 does not give back its sockets' bookkeeping (80 octets a queue).
 */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xsk_umem__create\n";
}
#endif

#define ARGS_MAX 32

struct args {
	char text[ARGS_MAX][1024];
	char *argv[ARGS_MAX + 1];
	int argc;
};

static void arg(struct args *args, const char *text)
{
	if (args->argc == ARGS_MAX)
		return;
	snprintf(args->text[args->argc], sizeof(args->text[0]), "%s", text);
	args->argv[args->argc] = args->text[args->argc];
	args->argc++;
}

static void arg2(struct args *args, const char *name, const char *value)
{
	arg(args, name);
	arg(args, value);
}

static void build(
	const struct mw_io_options *options, const struct mw_io_plan *plan, struct args *args)
{
	char number[16];

	arg(args, "mailweir-dataplane");
	arg2(args, "--lcores", plan->lcores);
	arg2(args, "--main-lcore", "0");
	arg(args, "--no-telemetry");
	snprintf(number, sizeof(number), "%u", plan->memory_mb);
	arg2(args, "-m", number);
	if (plan->huge) {
		arg(args, "--in-memory");
	} else {
		arg(args, "--no-huge");
		arg(args, "--no-shconf");
	}
	if (!plan->pci) {
		arg(args, "--no-pci");
	} else {
		for (int i = 0; i < MW_IO_ROLES; i++) {
			if (options->device[i] &&
				mw_device_kind_of(options->device[i]) == MW_DEVICE_PCI)
				arg2(args, "-a", options->device[i]);
		}
	}
	arg(args, options->verbose ? "--log-level=*:info" : "--log-level=*:error");
}

static void explain(int err, const struct mw_io_plan *plan, char *error, size_t size)
{
	switch (err) {
	case ENOMEM:
		snprintf(error, size,
			"DPDK got no memory (%u MB wanted, %s huge pages): ask for less with "
			"--buffers, or %s",
			plan->memory_mb, plan->huge ? "in" : "without",
			plan->huge ? "reserve more huge pages" : "free some memory");
		return;
	case EACCES:
	case EPERM:
		snprintf(error, size,
			"DPDK was denied something it needs: run as root, or with --no-huge as a "
			"user who may open the devices (%s)",
			strerror(err));
		return;
	default:
		snprintf(error, size, "DPDK did not start: %s; --verbose tells more",
			rte_strerror(err));
	}
}

int mw_eal_start(const struct mw_io_options *options, const struct mw_io_plan *plan, char *error,
	size_t size)
{
	static struct args args; /* EAL keeps pointers into it */

	memset(&args, 0, sizeof(args));
	build(options, plan, &args);
	if (rte_eal_init(args.argc, args.argv) < 0) {
		int err = rte_errno ? rte_errno : EIO;

		explain(err, plan, error, size);
		return -err;
	}
	return 0;
}

void mw_eal_stop(void)
{
	rte_eal_cleanup();
}
