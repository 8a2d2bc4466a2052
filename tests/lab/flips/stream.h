/*
 * A TCP connection of another customer, both ends of it: random octets both ways on a port that is
 * no mail, or an SMTP session with one message in it. Each end hashes what it writes and what it
 * reads. The sockets are the caller's until stream_end().
 */
#ifndef MW_TESTS_LAB_FLIPS_STREAM_H
#define MW_TESTS_LAB_FLIPS_STREAM_H

#include <openssl/evp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum stream_kind { STREAM_OTHER, STREAM_MAIL };
enum stream_fate { STREAM_WHOLE, STREAM_ALTERED, STREAM_BROKEN };

#define STREAM_OCTETS_MAX (384u * 1024) /* each way */
#define STREAM_MAIL_MAX	  (48u * 1024)
#define STREAM_LINE_MAX	  512

struct stream_end {
	int fd;
	uint8_t *out; /* to be written, from out_at on */
	size_t out_len, out_at;
	bool last;	/* nothing is written behind it */
	bool shut, eof; /* FIN sent, FIN got */
	EVP_MD_CTX *sent, *got;
	uint64_t sent_octets, got_octets;
	/* SMTP: the line that is being read, and where the dialogue is */
	char line[STREAM_LINE_MAX];
	size_t line_len;
	uint32_t step;
	bool in_data;
};

struct stream {
	enum stream_kind kind;
	bool v6;
	uint16_t client_port;
	uint64_t seed, moved_ns;
	struct stream_end client, server;
	bool failed;
	char why[96];
};

void stream_begin(struct stream *s, enum stream_kind kind, bool v6, uint64_t seed);
/* Reads and writes what it can; true when it is over, well or not. */
bool stream_turn(struct stream *s, uint64_t now_ns);
void stream_fail(struct stream *s, const char *why);
/* Closes it, gives its memory back, and says what became of it. */
enum stream_fate stream_end(struct stream *s);

/* So that all of them together are a load, and no flood. */
void stream_pace(int fd);
uint16_t stream_port_of(int fd, bool own);

#endif
