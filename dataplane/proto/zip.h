/*
 * The members of a ZIP archive (PKWARE APPNOTE 6.3.10), streamed: names and sizes as the archive
 * says them, from the local headers in front of the members and from the central directory at the
 * end. Nothing is decompressed.
 *
 * An archive is hostile until shown otherwise. No length in it is believed: behind a header the
 * next one is looked for octet by octet, so a length that lies hides nothing. What so is found
 * inside the data of a member that says how long it is, is told as `nested`: members of an archive
 * stored in this one (a compressed one stays closed). A member is told twice, by its local header
 * and by the directory; receivers' software goes by the directory, streaming software by the
 * headers, and the two may differ. Cut anywhere, the same members come. Called by the message
 * layer.
 */
#ifndef MW_DATAPLANE_PROTO_ZIP_H
#define MW_DATAPLANE_PROTO_ZIP_H

#include "common/base/span.h"

#define MW_ZIP_NAME_MAX	 512 /* octets of a name that are kept; it says up to 65,535 */
#define MW_ZIP_EXTRA_MAX 64  /* octets of the extra fields in which a 64-bit size is looked for */

struct mw_zip_member {
	struct mw_span name; /* as it stands; in UTF-8 if `utf8` */
	uint64_t size;	     /* uncompressed, as the archive says */
	bool size_known;     /* not in a header whose sizes stand behind the data */
	bool utf8;
	bool encrypted;
	bool directory; /* told by the central directory */
	bool nested;
	bool name_cut; /* longer than is kept */
};

typedef void (*mw_zip_fn)(void *ctx, const struct mw_zip_member *member);

struct mw_zip {
	mw_zip_fn member;
	void *ctx;
	uint64_t at;	   /* octets fed, up to what is held */
	uint64_t data_end; /* where the data of the last member not nested ends, as it says */
	uint8_t state;
	bool central;  /* the header in hand is the directory's */
	bool ended;    /* the end of the directory came */
	uint8_t have;  /* octets of the fixed part */
	uint32_t left; /* octets of the name or the extra fields that are still to come */
	uint16_t name_len, extra_len;
	bool nested;
	uint32_t window; /* the last four octets */
	uint8_t fixed[46];
	uint8_t name[MW_ZIP_NAME_MAX];
	uint8_t extra[MW_ZIP_EXTRA_MAX];
};

void mw_zip_init(struct mw_zip *z, mw_zip_fn member, void *ctx);
void mw_zip_feed(struct mw_zip *z, struct mw_span octets);
/* The octets end. False: before the end of the directory came, so the list may lack members. A
 * header cut off in its name is told as far as it came. */
bool mw_zip_finish(struct mw_zip *z);

#endif
