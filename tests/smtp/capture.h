/*
 * The SMTP sessions of a capture, for tests of the parser alone: which octets went which way, in
 * the order of the capture. Reassembles plainly (first copy wins, what never comes is a gap).
 */
#ifndef MW_TESTS_SMTP_CAPTURE_H
#define MW_TESTS_SMTP_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece {
	char from; /* as struct step */
	uint8_t *octets;
	size_t len;
};

struct capture_session {
	struct piece *pieces;
	size_t count;
};

struct capture {
	struct capture_session *sessions;
	size_t count;
};

bool capture_read(const char *file, struct capture *out);
void capture_free(struct capture *capture);

#endif
