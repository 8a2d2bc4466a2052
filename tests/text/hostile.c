/*
 * Text that walks into corners: fragments of everything the stages treat specially, at random.
 */
#include "support.h"

static const char *const words[] = {"a", "word", "longer-word", " ", "  ", "\t", "\n", "\r\n", "\r",
	"\n\n", "\n \n", "\xc2\xa0", "\xe2\x80\x83", "\xe3\x80\x80", "\xe2\x80", "\xe2",
	"\xe1\x9a\x80", "\xc2", "\xff", "\xc3\xa4", "\xe4\xb8\xad", "\xf0\x9f\x98\x80",
	"\xed\xa0\x80", "\xc0\x80", "<", ">", "</", "<!", "<!--", "-->", "--!>", "<!-->", "<?",
	"<br>", "<br/>", "<p>", "</p>", "<P ALIGN=x>", "<td>", "<div", "<a href=", "<a href=\"",
	"<A/HREF='", "<img src=x>", "<base href=http://b.example/x/y.html>", "<script>",
	"<p hidden>", "<i style='display:none'>", "</i>", "<font color=#fff>", "</font>",
	"<b style=\"", "color:#fff;background:white", "font-size:0", "max-height:0;overflow:hidden",
	"\xe2\x80\x8b", "\xc2\xad", "+AGE-", "</script>", "</scr", "</SCRIPT ", "<style>",
	"</style>", "<title>", "</title>", "<xmp>", "</xmp>", "<textarea>", "</textarea>",
	"<meta http-equiv=refresh content='1;url=http://r.example/'>", "\"", "'", "=", "&", "&amp",
	"&amp;", "&lt;", "&nbsp;", "&#", "&#x", "&#65;", "&#x41;", "&#0000000066;", "&#x110000;",
	"&hellip;", "&hellip", "&unknown;", ";", "\xe2\x80\x9c", "\xe2\x80\x9d", "http://",
	"http://www.example.com/", "https://user@host.example.org:443/p?q#f", "www.example.net",
	"ftp.example.org", "example.com", "me@example.com", "mailto:you@example.org",
	"http://0x7f000001/", "http://2130706433", "http://x/?u=http://y.example.com/z", "%41",
	"%20", "%", ".", ",", ")", "(", "[", "]", "@", ":", "/", "\\", "x.y.z.", "\x1b", "\x1b(B",
	"\x1b$B", "\x1b(J", "\x0e", "\x81", "\x81\x40", "\x82\xa0", "\xa4\xa2", "\xd6\xd0",
	"\x8f\xb0\xa1", "\x81\x30\x81\x30", "\x24\x22", "\xfe\xff", "\xff\xfe", "\xd8\x00",
	"\x00\xd8"};

size_t text_hostile(struct text_random *r, uint8_t *out, size_t size)
{
	size_t len = 0, want = text_random_below(r, size);

	while (len < want) {
		size_t kind = text_random_below(r, 24), n;

		if (kind == 0) {
			out[len++] = (uint8_t)text_random_below(r, 256);
			continue;
		}
		if (kind == 1) { /* a long run */
			n = text_random_below(r, 3000);
			n = n < want - len ? n : want - len;
			memset(out + len, "x \n<.@"[text_random_below(r, 6)], n);
			len += n;
			continue;
		}
		const char *word = words[text_random_below(r, sizeof(words) / sizeof(words[0]))];

		n = strlen(word);
		if (n > size - len)
			break;
		memcpy(out + len, word, n);
		len += n;
	}
	return len;
}
