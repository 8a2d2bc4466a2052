"""
Where other projects' parsers and ours do not agree on a mail, and why that is so: (project, mail, check)
→ reason. parses.py fails on a difference that is not here, and on an entry that no longer differs.
"""

NO_FIELD = ("a line that is neither field nor fold ends the header and begins the body, as in Postfix and Python; it skips "
	"the line and goes on with the header")
NO_END = "the last boundary is missing: the last line end belongs to no boundary and stays with the leaf"
TEXT_ALONE = "a multipart that has no part is shown as text by readers, so it is a leaf and read as text; it drops it"
UUENCODE = "it does not decode uuencode"
BACKSLASH = "a backslash before a letter escapes nothing: mailers write paths of Windows without escaping them"
OPEN_END = ("the inner multipart ends with an opening boundary and a blank line: a part without octets, in Python's email "
	"package, too; it drops it")
ENCLOSED = "a message with a transfer encoding is forbidden, so it keeps it closed; receivers' software opens it, and so do we"

DIFFERENCES = {
	("mime4j", "mimetools-testmsgs/double-bound.msg", "leafs"):
		"two boundaries in a row make no part between them, as in Python's email package; it counts an empty one",
	("mime4j", "mimetools-testmsgs/frag.msg", "leaf 5 size"): NO_END,
	("mime4j", "mimetools-testmsgs/multi-frag.msg", "leaf 4 size"): NO_END,
	("mime4j", "mimetools-testmsgs/hdr-fakeout.msg", "leaf 1 size"): NO_FIELD,
	("mime4j", "testmsgs/basic-plain-with-bad-header-separator.msg", "leaf 1 size"): NO_FIELD,
	("mime4j", "testmsgs/malformedHeader-nocrlfcrlf.msg", "leaf 1 size"): NO_FIELD,
	("mime4j", "testmsgs/malformedHeaderStartsBody-nocrlfcrlf.msg", "leaf 1 size"): NO_FIELD,
	("mime4j", "testmsgs/obsolete.msg", "leaf 1 size"):
		"a name with an octet above ASCII is no field's (RFC 5322, 2.2), so the body begins there, as in Postfix",
	("mime4j", "testmsgs/missing-inner-boundary.msg", "leafs"): TEXT_ALONE,
	("mime4j", "testmsgs/missing-inner-start-boundary.msg", "leafs"): TEXT_ALONE,
	("mime4j", "testmsgs/multipartnopart.msg", "leafs"): TEXT_ALONE,
	("mime4j", "testmsgs/very-long-boundary.msg", "leafs"):
		"blanks at the end of a boundary and behind it do not count (RFC 2046, 5.1.1): the line that lacks one is one",
	("mail-parser", "legacy/017.eml", "leaf 2 size"): UUENCODE,
	("mail-parser", "legacy/017.eml", "leaf 3 size"): UUENCODE,
	("mail-parser", "legacy/048.eml", "leaf 2 size"): UUENCODE,
	("mail-parser", "legacy/048.eml", "leaf 3 size"): UUENCODE,
	("mail-parser", "legacy/048.eml", "leaf 4 size"): UUENCODE,
	("mail-parser", "legacy/035.eml", "leaf 3 name"): BACKSLASH,
	("mail-parser", "legacy/035.eml", "leaf 4 name"): BACKSLASH,
	("mail-parser", "legacy/039.eml", "leaf 2 name"): BACKSLASH,
	("mail-parser", "legacy/039.eml", "leaf 3 name"): BACKSLASH,
	("mail-parser", "malformed/000.eml", "leafs"):
		"boundaries right behind headers: three parts without octets, in Python's email package, too; it finds none",
	("mail-parser", "malformed/019.eml", "leafs"):
		"a mail that a fuzzer made: " + NO_FIELD,
	("mail-parser", "malformed/020.eml", "leafs"): OPEN_END,
	("mail-parser", "malformed/021.eml", "leafs"): OPEN_END,
	("mail-parser", "malformed/022.eml", "leaf 2 type"):
		"message/rfc822 is opened whatever stands in it: without a field all of it is body; it keeps the part closed",
	("mail-parser", "malformed/022.eml", "leaf 2 name"):
		"as above: what was opened has no name of its own",
	("mail-parser", "thirdparty/002.eml", "leaf 2 size"):
		"base64 with words behind its padding: what decodes counts; it leaves the part encoded",
	("mail-parser", "thirdparty/002.eml", "leaf 3 size"):
		"base64 that begins with a question mark: as above",
	("mail-parser", "thirdparty/005.eml", "leaf 1 size"):
		"UTF-16 in lines: over the wire each LF is CRLF, and a CR alone is half a character",
	("mail-parser", "thirdparty/005.eml", "leaf 5 size"):
		"a boundary begins a line (RFC 2046, 5.1.1); it takes one in the middle of a line",
	("postfix-mime", "mime_dom.in", "leafs"): ENCLOSED,
	("postfix-mime", "mime_garb1.in", "leafs"): ENCLOSED,
	("postfix-mime", "mime_garb4.in", "leafs"): ENCLOSED,
}
