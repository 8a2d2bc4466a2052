/* The signatures of magic.h. */
#include "dataplane/proto/magic.h"

static const char *const names[MW_MAGIC_COUNT] = {
	[MW_MAGIC_EXE] = "exe",
	[MW_MAGIC_ELF] = "elf",
	[MW_MAGIC_MACHO] = "macho",
	[MW_MAGIC_CLASS] = "class",
	[MW_MAGIC_SCRIPT] = "script",
	[MW_MAGIC_LNK] = "lnk",
	[MW_MAGIC_ZIP] = "zip",
	[MW_MAGIC_RAR] = "rar",
	[MW_MAGIC_7Z] = "7z",
	[MW_MAGIC_GZIP] = "gzip",
	[MW_MAGIC_BZIP2] = "bzip2",
	[MW_MAGIC_XZ] = "xz",
	[MW_MAGIC_CAB] = "cab",
	[MW_MAGIC_OLE] = "ole",
	[MW_MAGIC_PDF] = "pdf",
	[MW_MAGIC_RTF] = "rtf",
	[MW_MAGIC_TNEF] = "tnef",
	[MW_MAGIC_HTML] = "html",
	[MW_MAGIC_XML] = "xml",
	[MW_MAGIC_PNG] = "png",
	[MW_MAGIC_JPEG] = "jpeg",
	[MW_MAGIC_GIF] = "gif",
	[MW_MAGIC_BMP] = "bmp",
	[MW_MAGIC_TIFF] = "tiff",
	[MW_MAGIC_RIFF] = "riff",
};

#define SIGNATURE(magic, text)                \
	{                                     \
		magic, sizeof(text) - 1, text \
	}

static const struct {
	uint8_t magic;
	uint8_t len;
	char text[9];
} signatures[] = {
	SIGNATURE(MW_MAGIC_ELF, "\177ELF"),
	SIGNATURE(MW_MAGIC_MACHO, "\xfe\xed\xfa\xce"),
	SIGNATURE(MW_MAGIC_MACHO, "\xfe\xed\xfa\xcf"),
	SIGNATURE(MW_MAGIC_MACHO, "\xce\xfa\xed\xfe"),
	SIGNATURE(MW_MAGIC_MACHO, "\xcf\xfa\xed\xfe"),
	/* Java and a macOS program for several processors begin alike; 4 processors or fewer there
	 */
	SIGNATURE(MW_MAGIC_MACHO, "\xca\xfe\xba\xbe\0\0\0\1"),
	SIGNATURE(MW_MAGIC_MACHO, "\xca\xfe\xba\xbe\0\0\0\2"),
	SIGNATURE(MW_MAGIC_MACHO, "\xca\xfe\xba\xbe\0\0\0\3"),
	SIGNATURE(MW_MAGIC_MACHO, "\xca\xfe\xba\xbe\0\0\0\4"),
	SIGNATURE(MW_MAGIC_CLASS, "\xca\xfe\xba\xbe"),
	SIGNATURE(MW_MAGIC_SCRIPT, "#!/"),
	SIGNATURE(MW_MAGIC_SCRIPT, "#! /"),
	SIGNATURE(MW_MAGIC_LNK, "L\0\0\0\1\x14\2\0"),
	SIGNATURE(MW_MAGIC_ZIP, "PK\3\4"),
	SIGNATURE(MW_MAGIC_ZIP, "PK\5\6"),
	SIGNATURE(MW_MAGIC_ZIP, "PK00PK\3\4"),
	SIGNATURE(MW_MAGIC_ZIP, "PK\7\10PK\3\4"),
	SIGNATURE(MW_MAGIC_RAR, "Rar!\x1a\7"),
	SIGNATURE(MW_MAGIC_7Z, "7z\xbc\xaf\x27\x1c"),
	SIGNATURE(MW_MAGIC_GZIP, "\x1f\x8b\10"),
	SIGNATURE(MW_MAGIC_BZIP2, "BZh"),
	SIGNATURE(MW_MAGIC_XZ, "\xfd\x37zXZ\0"),
	SIGNATURE(MW_MAGIC_CAB, "MSCF\0\0\0\0"),
	SIGNATURE(MW_MAGIC_OLE, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
	SIGNATURE(MW_MAGIC_PDF, "%PDF-"),
	SIGNATURE(MW_MAGIC_RTF, "{\\rtf"),
	SIGNATURE(MW_MAGIC_TNEF, "\x78\x9f\x3e\x22"),
	SIGNATURE(MW_MAGIC_XML, "<?xml"),
	SIGNATURE(MW_MAGIC_PNG, "\x89PNG\r\n\x1a\n"),
	SIGNATURE(MW_MAGIC_JPEG, "\xff\xd8\xff"),
	SIGNATURE(MW_MAGIC_GIF, "GIF87a"),
	SIGNATURE(MW_MAGIC_GIF, "GIF89a"),
	SIGNATURE(MW_MAGIC_TIFF, "II*\0"),
	SIGNATURE(MW_MAGIC_TIFF, "MM\0*"),
	SIGNATURE(MW_MAGIC_RIFF, "RIFF"),
};

/* Two letters are few: a program has octets behind them that no text has. */
static bool has_control(struct mw_span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.data[i] < ' ' && s.data[i] != '\t' && s.data[i] != '\r' && s.data[i] != '\n')
			return true;
	return false;
}

static bool begins(struct mw_span s, const char *word)
{
	size_t len = strlen(word);

	return s.len >= len && strncasecmp((const char *)s.data, word, len) == 0;
}

/* Browsers look behind white space, and at less than this (WHATWG, MIME Sniffing, section 7.1). */
static bool is_html(struct mw_span s)
{
	static const char *const words[] = {"<!doctype html", "<html", "<head", "<body", "<script",
		"<iframe", "<table", "<!--"};

	if (s.len >= 3 && memcmp(s.data, "\xef\xbb\xbf", 3) == 0)
		s = mw_span_of(s.data + 3, s.len - 3);
	while (s.len > 0 && (s.data[0] == ' ' || (s.data[0] >= '\t' && s.data[0] <= '\r')))
		s = mw_span_of(s.data + 1, s.len - 1);
	if (s.len == 0 || s.data[0] != '<')
		return false;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (begins(s, words[i]))
			return true;
	return false;
}

/* First octets of all signatures above: nearly every text begins with another. */
static const uint8_t starts[256] = {
	['\177'] = 1,
	[0xfe] = 1,
	[0xce] = 1,
	[0xcf] = 1,
	[0xca] = 1,
	['#'] = 1,
	['L'] = 1,
	['P'] = 1,
	['R'] = 1,
	['7'] = 1,
	[0x1f] = 1,
	['B'] = 1,
	[0xfd] = 1,
	['M'] = 1,
	[0xd0] = 1,
	['%'] = 1,
	['{'] = 1,
	[0x78] = 1,
	['<'] = 1,
	[0x89] = 1,
	[0xff] = 1,
	['G'] = 1,
	['I'] = 1,
};

enum mw_magic mw_magic_of(struct mw_span head)
{
	if (head.len < 2)
		return MW_MAGIC_UNKNOWN;
	if (head.len > MW_MAGIC_OCTETS) /* what stands behind them says nothing */
		head.len = MW_MAGIC_OCTETS;
	if (!starts[head.data[0]])
		return is_html(head) ? MW_MAGIC_HTML : MW_MAGIC_UNKNOWN;
	for (size_t i = 0; i < sizeof(signatures) / sizeof(signatures[0]); i++)
		if ((uint8_t)signatures[i].text[0] == head.data[0] &&
			head.len >= signatures[i].len &&
			memcmp(head.data, signatures[i].text, signatures[i].len) == 0)
			return signatures[i].magic;
	if (memcmp(head.data, "MZ", 2) == 0 && has_control(head))
		return MW_MAGIC_EXE;
	if (memcmp(head.data, "BM", 2) == 0 && has_control(head))
		return MW_MAGIC_BMP;
	return is_html(head) ? MW_MAGIC_HTML : MW_MAGIC_UNKNOWN;
}

const char *mw_magic_name(enum mw_magic magic)
{
	return (unsigned)magic < MW_MAGIC_COUNT ? names[magic] : NULL;
}

bool mw_magic_is_program(enum mw_magic magic)
{
	switch (magic) {
	case MW_MAGIC_EXE:
	case MW_MAGIC_ELF:
	case MW_MAGIC_MACHO:
	case MW_MAGIC_CLASS:
	case MW_MAGIC_SCRIPT:
	case MW_MAGIC_LNK:
		return true;
	default:
		return false;
	}
}
