/*
 * One request at the control socket, in the language of controlplane/ctl/wire.h, without a process
 * of its own for each: what is measured is the daemon. The daemon closes behind each answer, so
 * each request has a connection of its own.
 */
#ifndef MW_TESTS_LAB_FLIPS_CONTROL_H
#define MW_TESTS_LAB_FLIPS_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control {
	int fd;
	uint64_t asked_ns, answered_ns; /* wire_now_ns() before connecting and with the answer */
	uint8_t in[16384];
	size_t len;
	int code;	  /* of the answer; -1: none came */
	char verdict[16]; /* that the answer says is in force */
	char error[512];
};

/* `verdict set` of a customer, or `verdict clear` for "pass". Waits for nothing. */
void control_verdict(
	struct control *c, const char *path, const char *customer, const char *verdict);
/* Reads what there is; true when the answer is whole, or will not come. */
bool control_answered(struct control *c);

#endif
