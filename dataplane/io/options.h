/*
 * The command line of mailweir-dataplane: what the operator asked for, checked as far as that goes
 * without touching the machine. Called once, by main.
 */
#ifndef MW_DATAPLANE_IO_OPTIONS_H
#define MW_DATAPLANE_IO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MW_IO_ROLES	3 /* MW_PORT_INSIDE, MW_PORT_OUTSIDE, MW_PORT_DIVERT */
#define MW_IO_LANES_MAX 32
#define MW_IO_CPUS_MAX	64

enum mw_io_poll { MW_POLL_AUTO, MW_POLL_BUSY, MW_POLL_SLEEP };
enum mw_io_memory { MW_MEMORY_AUTO, MW_MEMORY_HUGE, MW_MEMORY_NO_HUGE };
enum mw_io_driver { MW_DRIVER_AUTO, MW_DRIVER_AF_XDP, MW_DRIVER_AF_PACKET };

struct mw_io_options {
	const char *device[MW_IO_ROLES]; /* by role; NULL: no such port */
	const char *state_dir;
	uint16_t lanes;
	uint16_t cpu[MW_IO_CPUS_MAX]; /* where lanes may run; none: chosen from what we may use */
	uint16_t cpu_count;
	enum mw_io_poll poll;
	enum mw_io_memory memory;
	enum mw_io_driver driver;
	uint32_t memory_mb;    /* of the EAL; 0: what the buffers need */
	uint32_t buffer_bytes; /* largest frame a buffer holds */
	uint32_t buffers;      /* of the pool; 0: what ports and lanes need */
	uint32_t flows;	       /* per lane; 0: the lane's default */
	uint32_t ring_entries; /* between two lanes */
	uint32_t seconds;      /* of a bench, or stop after so long; 0: until a signal */
	bool hash_messages;    /* SHA-256 of each message, for the evidence */
	bool bench_fastpath;
	bool verbose;
};

enum mw_io_parsed { MW_OPTIONS_RUN, MW_OPTIONS_DONE, MW_OPTIONS_WRONG };

/* RUN with `out` filled; DONE after --help or --version went to `to`; WRONG after a sentence about
 * what is wrong went to `err`. Strings of `out` point into argv. */
enum mw_io_parsed mw_io_options_parse(
	int argc, char **argv, struct mw_io_options *out, FILE *to, FILE *err);

#endif
