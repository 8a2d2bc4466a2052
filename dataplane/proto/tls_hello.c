/*
 * A row of steps: each reads a number of one to three octets, or passes over what nobody asks for.
 * Every length is held against that of the structure around it, so a hello that lies about one of
 * them is bad, and no octet is taken for what it is not.
 */
#include "dataplane/proto/tls_hello.h"

#define HANDSHAKE	   22
#define CLIENT_HELLO	   1
#define RECORD_HEADER	   5
#define RECORD_MAX	   16384 /* RFC 8446 section 5.1 */
#define RANDOM		   32
#define SESSION_MAX	   32
#define EXT_SERVER_NAME	   0
#define EXT_VERSIONS	   43 /* RFC 8446 section 4.2.1 */
#define HOST_NAME	   0
#define VERSION_LEAST	   0x0300
#define VERSION_LEGACY_MAX 0x0303 /* the fixed field never says more */
#define VERSION_MOST	   0x0304 /* what lies outside is GREASE (RFC 8701), or not known here */

/* Each is named after the number that is read in it. */
enum step {
	MESSAGE_TYPE,
	MESSAGE_LENGTH,
	LEGACY_VERSION,
	SESSION_LENGTH,
	SUITES_LENGTH,
	COMPRESSION_LENGTH,
	EXTENSIONS_LENGTH,
	EXTENSION_TYPE,
	EXTENSION_LENGTH,
	NAMES_LENGTH,
	NAME_TYPE,
	NAME_LENGTH,
	NAME_OCTET,
	VERSIONS_LENGTH,
	VERSION,
	STEPS,
};

/* Octets of each number. */
static const uint8_t width[STEPS] = {
	[MESSAGE_TYPE] = 1,
	[MESSAGE_LENGTH] = 3,
	[LEGACY_VERSION] = 2,
	[SESSION_LENGTH] = 1,
	[SUITES_LENGTH] = 2,
	[COMPRESSION_LENGTH] = 1,
	[EXTENSIONS_LENGTH] = 2,
	[EXTENSION_TYPE] = 2,
	[EXTENSION_LENGTH] = 2,
	[NAMES_LENGTH] = 2,
	[NAME_TYPE] = 1,
	[NAME_LENGTH] = 2,
	[NAME_OCTET] = 1,
	[VERSIONS_LENGTH] = 1,
	[VERSION] = 2,
};

void mw_tls_hello_init(struct mw_tls_hello *hello)
{
	memset(hello, 0, sizeof(*hello));
	hello->outcome = MW_TLS_READING;
	hello->step = MESSAGE_TYPE;
}

/* What a liar says of a name is worth nothing. */
static void bad(struct mw_tls_hello *h)
{
	h->outcome = MW_TLS_BAD;
	h->name_len = 0;
	h->version = 0;
}

/* The structure that the number of this step lies in: what is left of it; NULL: the message's own
 * header. */
static uint32_t *around(struct mw_tls_hello *h)
{
	switch ((enum step)h->step) {
	case MESSAGE_TYPE:
	case MESSAGE_LENGTH:
		return NULL;
	case NAMES_LENGTH:
	case VERSIONS_LENGTH:
		return &h->extension_left;
	case NAME_TYPE:
	case NAME_LENGTH:
	case VERSION:
		return &h->list_left;
	case NAME_OCTET:
		return &h->name_left;
	default:
		return &h->left;
	}
}

/* Passes over `n` octets of `from`, then does `step`. */
static void pass(struct mw_tls_hello *h, uint32_t *from, uint32_t n, enum step step)
{
	h->step = (uint8_t)step;
	if (n > *from) {
		bad(h);
		return;
	}
	*from -= n;
	h->skip = n;
}

static void extension(struct mw_tls_hello *h)
{
	uint32_t len = h->value;

	h->step = EXTENSION_TYPE;
	if (len > h->left) {
		bad(h);
		return;
	}
	h->left -= len;
	h->extension_left = len;
	if (h->type == EXT_SERVER_NAME && !h->named)
		h->step = NAMES_LENGTH;
	else if (h->type == EXT_VERSIONS && !h->listed)
		h->step = VERSIONS_LENGTH;
	else
		pass(h, &h->extension_left, len, EXTENSION_TYPE);
}

/* A list is the whole of its extension, and is not empty. */
static void list(struct mw_tls_hello *h, enum step step)
{
	h->list_left = h->value;
	h->step = (uint8_t)step;
	if (h->value == 0 || h->value != h->extension_left)
		bad(h);
}

static void name(struct mw_tls_hello *h)
{
	bool wanted = h->name_type == HOST_NAME && !h->named && h->value <= MW_TLS_NAME_MAX;

	if (h->name_type == HOST_NAME)
		h->named = true;
	if (h->value == 0 || h->value > h->list_left) {
		bad(h);
	} else if (wanted) {
		h->list_left -= h->value;
		h->name_left = h->value;
		h->step = NAME_OCTET;
	} else {
		pass(h, &h->list_left, h->value, NAME_TYPE);
	}
}

static void version(struct mw_tls_hello *h)
{
	if (!h->listed) { /* a list is the truth, whatever the fixed field says */
		h->listed = true;
		h->version = 0;
	}
	if (h->value >= VERSION_LEAST && h->value <= VERSION_MOST && h->value > h->version)
		h->version = (uint16_t)h->value;
}

/* A number is complete. */
static void number(struct mw_tls_hello *h)
{
	switch ((enum step)h->step) {
	case MESSAGE_TYPE:
		if (h->value != CLIENT_HELLO)
			bad(h);
		h->step = MESSAGE_LENGTH;
		break;
	case MESSAGE_LENGTH:
		h->left = h->value;
		h->step = LEGACY_VERSION;
		break;
	case LEGACY_VERSION:
		if (h->value >= VERSION_LEAST)
			h->version = h->value < VERSION_LEGACY_MAX ? (uint16_t)h->value
								   : VERSION_LEGACY_MAX;
		pass(h, &h->left, RANDOM, SESSION_LENGTH);
		break;
	case SESSION_LENGTH:
		if (h->value > SESSION_MAX)
			bad(h);
		pass(h, &h->left, h->value, SUITES_LENGTH);
		break;
	case SUITES_LENGTH:
		if (h->value == 0 || h->value % 2 != 0)
			bad(h);
		pass(h, &h->left, h->value, COMPRESSION_LENGTH);
		break;
	case COMPRESSION_LENGTH:
		if (h->value == 0)
			bad(h);
		pass(h, &h->left, h->value, EXTENSIONS_LENGTH);
		break;
	case EXTENSIONS_LENGTH:
		if (h->value != h->left)
			bad(h);
		h->step = EXTENSION_TYPE;
		break;
	case EXTENSION_TYPE:
		h->type = h->value;
		h->step = EXTENSION_LENGTH;
		break;
	case EXTENSION_LENGTH:
		extension(h);
		break;
	case NAMES_LENGTH:
		list(h, NAME_TYPE);
		break;
	case NAME_TYPE:
		h->name_type = (uint8_t)h->value;
		h->step = NAME_LENGTH;
		break;
	case NAME_LENGTH:
		name(h);
		break;
	case NAME_OCTET:
		h->name[h->name_len++] = (uint8_t)h->value;
		break;
	case VERSIONS_LENGTH:
		list(h, VERSION);
		break;
	case VERSION:
		version(h);
		break;
	case STEPS:
		break;
	}
}

/* Steps that end with what they lie in. */
static void settle(struct mw_tls_hello *h)
{
	if (h->outcome != MW_TLS_READING || h->skip > 0)
		return;
	if (h->step == NAME_OCTET && h->name_left == 0)
		h->step = NAME_TYPE;
	if ((h->step == NAME_TYPE || h->step == VERSION) && h->list_left == 0)
		h->step = EXTENSION_TYPE;
	/* Extensions are optional (RFC 5246 section 7.4.1.2). */
	if ((h->step == EXTENSIONS_LENGTH || h->step == EXTENSION_TYPE) && h->left == 0)
		h->outcome = MW_TLS_WHOLE;
}

static void octet(struct mw_tls_hello *h, uint8_t c)
{
	uint32_t *left = around(h);

	if (h->have == 0) {
		if (left != NULL && *left < width[h->step]) {
			bad(h);
			return;
		}
		if (left != NULL)
			*left -= width[h->step];
		h->value = 0;
	}
	h->value = h->value << 8 | c;
	if (++h->have < width[h->step])
		return;
	h->have = 0;
	number(h);
	settle(h);
}

/* Type, version, length. A fragment of a handshake message is never empty. */
static void record_header(struct mw_tls_hello *h, uint8_t c)
{
	h->record_len = h->record_len << 8 | c;
	switch (h->record_have++) {
	case 0:
		if (c != HANDSHAKE)
			bad(h);
		break;
	case 1:
		if (c != 3)
			bad(h);
		break;
	case RECORD_HEADER - 1:
		h->record_left = h->record_len & 0xffff;
		h->record_have = 0;
		if (h->record_left == 0 || h->record_left > RECORD_MAX)
			bad(h);
		break;
	default:
		break;
	}
}

size_t mw_tls_hello_read(struct mw_tls_hello *h, const uint8_t *p, size_t n)
{
	size_t done = 0;

	while (done < n && h->outcome == MW_TLS_READING) {
		uint32_t len = 1;

		if (h->octets == MW_TLS_HELLO_MAX) {
			mw_tls_hello_end(h);
			break;
		}
		if (h->record_left == 0) {
			record_header(h, p[done]);
		} else if (h->skip > 0) {
			uint32_t room = MW_TLS_HELLO_MAX - h->octets;

			len = h->skip < h->record_left ? h->skip : h->record_left;
			len = len < room ? len : room;
			len = n - done < len ? (uint32_t)(n - done) : len;
			h->skip -= len;
			h->record_left -= len;
			settle(h);
		} else {
			h->record_left--;
			octet(h, p[done]);
		}
		h->octets += len;
		done += len;
	}
	return done;
}

void mw_tls_hello_end(struct mw_tls_hello *h)
{
	if (h->outcome == MW_TLS_READING)
		h->outcome = h->octets > 0 ? MW_TLS_CUT : MW_TLS_NONE;
	/* Half a name is no name. */
	if (h->name_left > 0)
		h->name_len = 0;
}

const char *mw_tls_outcome_name(enum mw_tls_outcome outcome)
{
	static const char *const names[] = {"none", "reading", "whole", "cut", "unkept", "bad"};

	return (unsigned)outcome <= MW_TLS_BAD ? names[outcome] : "invalid";
}
