/*
 * Addresses in rendered text and links of HTML become the strings that `uri` rules see: the string
 * found, then its canonical forms. Also what INSPECT lists as `urls`. Nothing is looked up or
 * fetched.
 *
 * In text: a scheme (http, https, ftp), www. or ftp., a bare host with a valid top-level domain, a
 * mail address or mailto:. Canonical forms: blanks and line ends out, "\" to "/", "http:x" to
 * "http://x", %XX decoded, "http://" put in front, "host?x" to "host/?x", numeric entities decoded,
 * default port, user and odd ends of the host dropped, numeric host to dotted quad, international
 * host to xn--, targets of redirectors (an address inside the path or query) as addresses of their
 * own. (SpamAssassin 4: PerMsgStatus::_process_text_uri_list, Util::uri_list_canonicalize.)
 */
#ifndef MW_DATAPLANE_TEXT_URI_H
#define MW_DATAPLANE_TEXT_URI_H

#include "dataplane/text/tld.h"

#define MW_URI_MAX	 8192 /* octets of the longest string given out; longer ones are cut */
#define MW_URI_FORMS_MAX 24   /* strings given out for one address */

enum mw_uri_kind {
	MW_URI_SCHEME, /* text: http:, https:, ftp:, www. or ftp. */
	MW_URI_MAIL,   /* text: a mail address, as mailto: */
	MW_URI_BARE,   /* text: host or host/path without a scheme, as http:// */
	MW_URI_LINK,   /* HTML attribute */
	/* text: a scheme or www. and a host that no public name can be (an unlisted top-level
	 * domain, one label, an IPv6 address): a URL for its reader and INSPECT's `urls`, but no
	 * string that SpamAssassin's rules would see. Once, as it stands, no canonical forms. */
	MW_URI_STRANGE,
};

struct mw_uri_found {
	enum mw_uri_kind kind;
	bool canonical; /* a derived form; false: the address as found, a scheme put in front */
	struct mw_span uri;
	struct mw_span written; /* as it stands in the text (no scheme put in front) */
};

typedef void (*mw_uri_fn)(
	void *ctx, const struct mw_uri_found *found); /* data valid during the call */

/* Room to work in; nothing in it outlives a call, so one a lane is enough. About 70 kB. */
struct mw_uri_work {
	uint32_t forms;
	uint32_t text_len;
	struct {
		uint32_t at;
		uint32_t len;
		bool address; /* found or redirected to: gets canonical forms of its own */
	} form[MW_URI_FORMS_MAX];
	uint8_t text[3 * MW_URI_MAX]; /* of all forms; what does not fit is left out */
	uint8_t form_text[2 * MW_URI_MAX];
	uint8_t other_text[2 * MW_URI_MAX];
};

/*
 * What one message may cost: repeated addresses are passed over at once, and beyond the budget none
 * is looked at. Optional; without it every address is worked out as often as it stands there.
 */
#define MW_URI_RECENT	    64
#define MW_URI_LIMIT_OCTETS (256 * 1024) /* of addresses worked out; each counts 64 more */

struct mw_uri_limit {
	uint64_t key[2]; /* random, so that nobody can make one address pass for another */
	uint64_t recent[MW_URI_RECENT];
	uint32_t octets_left;
	uint32_t refused; /* addresses not looked at */
};

void mw_uri_limit_init(struct mw_uri_limit *limit, const uint64_t key[2]);

struct mw_uri_env {
	const struct mw_tld_table *tlds;
	struct mw_uri_work *work;
	mw_uri_fn found;
	void *ctx;
	struct mw_uri_limit *limit; /* NULL: none */
};

/* Every address of one rendered paragraph (or Subject line), in order; the same address twice is
 * given out twice. */
void mw_uri_text(const struct mw_uri_env *env, struct mw_span paragraph);
/* One link, absolute if it can be (html.h does that). */
void mw_uri_link(const struct mw_uri_env *env, struct mw_span link);

/*
 * Which strings of a message have been seen: a set of keyed hashes, so that a sender cannot make
 * one address hide another. 4 kB a message.
 */
#define MW_URI_SEEN_MAX 384

enum mw_uri_seen_result { MW_URI_NEW, MW_URI_SEEN, MW_URI_SEEN_FULL };

struct mw_uri_seen {
	uint64_t key[2];
	uint32_t used;
	uint32_t refused; /* strings that no longer fitted: given out no more, so counted */
	uint64_t slot[512];
};

void mw_uri_seen_init(struct mw_uri_seen *seen, const uint64_t key[2]);
enum mw_uri_seen_result mw_uri_seen_add(struct mw_uri_seen *seen, struct mw_span uri);

#endif
