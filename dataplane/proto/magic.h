/*
 * What a file is by its first octets, whatever its name or Content-Type says: the kinds that mail
 * carries and people ask about. A guess from a signature, not a parse: a file of two kinds at once
 * is what its first octets say. Called by the message layer.
 */
#ifndef MW_DATAPLANE_PROTO_MAGIC_H
#define MW_DATAPLANE_PROTO_MAGIC_H

#include "common/base/span.h"

#define MW_MAGIC_OCTETS 64 /* more are never needed */

enum mw_magic {
	MW_MAGIC_UNKNOWN,
	MW_MAGIC_EXE,	 /* DOS and Windows programs */
	MW_MAGIC_ELF,	 /* programs of Linux and others */
	MW_MAGIC_MACHO,	 /* programs of macOS */
	MW_MAGIC_CLASS,	 /* Java */
	MW_MAGIC_SCRIPT, /* "#!" */
	MW_MAGIC_LNK,	 /* Windows shortcut */
	MW_MAGIC_ZIP,	 /* also office documents, Java and Android archives */
	MW_MAGIC_RAR,
	MW_MAGIC_7Z,
	MW_MAGIC_GZIP,
	MW_MAGIC_BZIP2,
	MW_MAGIC_XZ,
	MW_MAGIC_CAB,
	MW_MAGIC_OLE, /* office documents up to 2003, installers, Outlook messages */
	MW_MAGIC_PDF,
	MW_MAGIC_RTF,
	MW_MAGIC_TNEF, /* winmail.dat */
	MW_MAGIC_HTML,
	MW_MAGIC_XML,
	MW_MAGIC_PNG,
	MW_MAGIC_JPEG,
	MW_MAGIC_GIF,
	MW_MAGIC_BMP,
	MW_MAGIC_TIFF,
	MW_MAGIC_RIFF, /* WebP, WAVE, AVI */
	MW_MAGIC_COUNT
};

/* `head`: the first MW_MAGIC_OCTETS of the file, or all of a shorter one. */
enum mw_magic mw_magic_of(struct mw_span head);
/* A word for it, "exe"; of what is unknown NULL. */
const char *mw_magic_name(enum mw_magic magic);
/* Does the receiver's machine run it? Scripts in text of any kind are not known by their octets. */
bool mw_magic_is_program(enum mw_magic magic);

#endif
