/*
 * Random well-formed mails of which everything is known: the octets, and the leaves that a correct
 * reader must find in them.
 */
#ifndef MW_TESTS_MIME_MAIL_GEN_H
#define MW_TESTS_MIME_MAIL_GEN_H

#include "common/base/span.h"
#include "tests/mime/random.h"

#define GEN_MAIL_MAX   (1u << 20)
#define GEN_LEAVES_MAX 128

struct gen_leaf {
	char path[320];
	char content_type[64];
	uint8_t *content;
	size_t len;
};

struct gen_mail {
	uint8_t *data;
	size_t len;
	struct gen_leaf leaves[GEN_LEAVES_MAX];
	size_t leaf_count;
	uint8_t *content; /* of all leaves */
	size_t content_len;
	struct rng *r;
	uint32_t boundaries;
	bool encoded; /* inside a message with a transfer encoding */
};

/* `depth`: how deep multiparts and messages may nest; `leaf_max`: octets of the largest leaf. */
void gen_mail(struct gen_mail *g, struct rng *r, unsigned int depth, size_t leaf_max);
/* Overwrites, cuts, repeats and moves octets of the mail at random places. */
void gen_mutate(struct gen_mail *g, struct rng *r);
void gen_init(struct gen_mail *g);
void gen_free(struct gen_mail *g);

#endif
