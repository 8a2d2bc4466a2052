"""
The ends of data that the lab tries, and what each policy of ours must make of them. RFC 5321, section
2.3.8: a line ends by CR LF and by nothing else; section 4.1.1.4: a message ends by CR LF . CR LF.
Every look-alike stands behind the last letter of a first message, and in front of the commands of a second.
"""

from dataclasses import dataclass

STRICT, LOOKALIKE, CONTENT, ODD = "strict", "look-alike", "content", "odd"


@dataclass(frozen=True)
class End:
	name: str
	kind: str
	octets: bytes       # behind the last letter of the first message
	sentence: str       # for the engineer
	lines: str = "CRLF" # what ends the lines of the first message
	commands: str = "CRLF" # what ends the lines of the smuggled commands


ENDS = [
	End("CRLF . CRLF", STRICT, b"\r\n.\r\n", "The end of data, as RFC 5321 has it; what follows is a second message."),
	End("LF . LF", LOOKALIKE, b"\n.\n", "How a file on Unix would end; the best known one."),
	End("LF . CRLF", LOOKALIKE, b"\n.\r\n", "The line in front of the dot has lost its CR."),
	End("CRLF . LF", LOOKALIKE, b"\r\n.\n", "The line with the dot has lost its CR."),
	End("CR . CR", LOOKALIKE, b"\r.\r", "How a file on an old Macintosh would end."),
	End("CR . CRLF", LOOKALIKE, b"\r.\r\n", "The line in front of the dot has lost its LF."),
	End("CRLF . CR", LOOKALIKE, b"\r\n.\r", "The line with the dot has lost its LF; the commands stand right behind."),
	End("LF . CR", LOOKALIKE, b"\n.\r", "Neither line end is one."),
	End("CR . LF", LOOKALIKE, b"\r.\n", "Neither line end is one, the other way round."),
	End("CRLF NUL . CRLF", LOOKALIKE, b"\r\n\0.\r\n", "For a server that strips NUL before it looks for the dot."),
	End("CRLF . NUL CRLF", LOOKALIKE, b"\r\n.\0\r\n", "For a server that strips NUL behind the dot, or stops there."),
	End("CRLF . CR CRLF", LOOKALIKE, b"\r\n.\r\r\n", "For a server that takes any number of CR before LF."),
	End("CR CRLF . CRLF", ODD, b"\r\r\n.\r\n", "A strict end behind a bare CR: it ends the message, and must be seen to."),
	End("LF CR . CRLF", LOOKALIKE, b"\n\r.\r\n", "LF and CR in the wrong order."),
	End("CRLF . blank CRLF", ODD, b"\r\n. \r\n", "For a server that trims lines."),
	End("CRLF .. CRLF", CONTENT, b"\r\n..\r\n", "A stuffed dot: content, for everybody."),
	End("LF .. LF", ODD, b"\n..\n", "A stuffed dot between bare LF: an end once somebody has taken a dot away."),
	End("LF . LF in an LF mail", LOOKALIKE, b"\n.\n", "The whole message has bare LF, which a server may take for a habit.",
		lines="LF"),
	End("CRLF . CRLF, LF commands", ODD, b"\r\n.\r\n", "A strict end, and commands ended by bare LF behind it.",
		commands="LF"),
]


@dataclass(frozen=True)
class Chunk:
	name: str
	kind: str
	command: str # with {n}, the octets of the first message; {all}, those of everything; {hex}; {wrap}
	sentence: str
	end: str = "\r\n"


CHUNKS = [
	Chunk("BDAT n LAST", STRICT, "BDAT {n} LAST", "A chunk, and a second message behind it."),
	Chunk("BDAT over everything", CONTENT, "BDAT {all} LAST",
		"CRLF . CRLF and commands inside a chunk are content: only the size counts."),
	Chunk("BDAT, ended by LF", ODD, "BDAT {n} LAST", "The command's line ends by bare LF.", "\n"),
	Chunk("BDAT 000n", ODD, "BDAT 000{n} LAST", "Leading zeros."),
	Chunk("BDAT +n", ODD, "BDAT +{n} LAST", "A sign: no number of RFC 3030, but one for strtoul()."),
	Chunk("BDAT 0x", ODD, "BDAT 0x{hex} LAST", "Hexadecimal: nothing, or a number, depending on the parser's base."),
	Chunk("BDAT 2^64+n", ODD, "BDAT {wrap} LAST", "A size that wraps around in 64 bits."),
	Chunk("BDAT n LASTING", ODD, "BDAT {n} LASTING", "Not the word LAST, but beginning with it."),
]

# What must be seen of each kind of end, by policy: see judge() in ends_judge.py.
#   named     the session must be named `smuggling`
#   unnamed   it must not be
#   stored    so many messages at every server; None: whatever the server thinks right
#   refused   the sender must be told so by us
EXPECT = {
	"observe": {
		STRICT: {"named": False, "stored": 2},
		CONTENT: {"named": False, "stored": 1},
		LOOKALIKE: {"named": True},
		ODD: {},
	},
	"refuse": {
		STRICT: {"named": False, "stored": 2},
		CONTENT: {"named": False, "stored": 1},
		LOOKALIKE: {"named": True, "stored": 0, "refused": True},
		ODD: {},
	},
}


@dataclass(frozen=True)
class Server:
	name: str
	title: str
	last: str           # of its addresses
	chunking: bool = True
	pipelining: bool = True # without it, nothing is sent before it is its turn


SERVERS = [
	Server("postfix-lax", "Postfix, `smtpd_forbid_bare_newline=no`", "25"),
	Server("postfix-normalize", "Postfix, `=normalize`", "26"),
	Server("postfix-reject", "Postfix, `=reject`", "27"),
	Server("exim", "Exim", "28"),
	Server("exim-lax", "Exim, `smtp_enforce_sync=no`", "29"),
	Server("opensmtpd", "OpenSMTPD", "30", chunking=False, pipelining=False),
]
ADDRESS = {4: "198.51.100.", 6: "2001:db8:1::"}
