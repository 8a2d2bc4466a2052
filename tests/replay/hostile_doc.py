"""
What came of the full run, as Markdown. A difference without a reason here is a failure of that run; a
reason for what no longer differs is one too.
"""

LEAVES = {
	"mime4j/mime4j/mimetools-testmsgs/twopart.msg": "a blank behind `base64` in the field: Python compares without trimming, and "
		"leaves the part as it is",
}

NAMES = {
	"flanker/flanker/outlook-express.eml": "octets of an undeclared charset, raw: Python has one U+FFFD an octet, here what "
		"happens to be UTF-8 is kept",
	"mime4j/mime4j/mimetools-testmsgs/multi-2evil.msg": "encoded words inside a word: RFC 2047 wants blanks around them, "
		"readers and we decode them all the same",
}


def failures(leaves):
	"""Differences that nobody has explained, and explanations that are none any more."""
	out = []
	for what, found, known in (("leaves", leaves.differing, LEAVES), ("file names", leaves.names_differing, NAMES)):
		sources = {source for source, _ in found.values()}
		out += [f"{what} differ without a reason: {source}: {sentence}" for source, sentence in found.values() if source not in known]
		out += [f"{what} of {source} have a reason and do not differ" for source in known
			if source in leaves.judged and source not in sources]
	return out


def percent(part, whole):
	return f"{part} of {whole} ({100 * part / whole:.2f} %)" if whole else "none"


def write(to, good, bad, mails, rounds, cases, known, unexplained):
	leaves = good.leaves
	to.write("# Hostile traffic\n\nWritten by `tests/replay/hostile.py --all --doc`; do not edit. "
		f"{mails} mails of other projects travelled {rounds} times each, in sessions and packets that seeds chose; "
		"what was sent, a slow reference in Python and the lane had to say the same.\n\n")
	to.write("| | |\n|---|---|\n")
	for name, value in (("captures", good.captures), ("packets", good.packets), ("sessions", good.sessions),
			("messages", good.messages), ("octets of content", good.octets),
			("messages found with equal size and SHA-256", percent(good.equal, good.messages)),
			("well-formed mails", leaves.mails), ("all leaf parts equal to Python's", percent(leaves.equal, leaves.mails)),
			("file names equal too", percent(leaves.names_equal, leaves.mails)),
			("broken captures", bad.captures), ("their sessions, in doubt", f"{bad.sessions}, {bad.doubtful}")):
		to.write(f"| {name} | {value} |\n")
	to.write("\nWell-formed: lines end in CRLF and neither CR, LF nor NUL stands elsewhere; Python's `email` notes no defect, "
		"decoding included; transfer encodings are those of RFC 2045, and none on multipart/\\* and message/\\*; no field that "
		"decides about a part is there twice, and no content type is one that Python replaces. What is not:\n\n")
	for fault, count in sorted(leaves.faults.items(), key=lambda f: -f[1]):
		to.write(f"- {fault}: {count}\n")
	for title, found, reasons in (("Leaf parts that differ", leaves.differing, LEAVES),
			("File names that differ", leaves.names_differing, NAMES)):
		to.write(f"\n## {title}\n\n")
		for source, sentence in sorted(found.values()):
			what = sentence if title.startswith("Leaf") else "text"
			to.write(f"- {source}: {what}; {reasons.get(source, '**no reason known**')}\n")
	to.write("\n## Broken traffic\n\nPackets lost, cut, moved across both sides, octets changed, rubbish between. Where octets or "
		"the order of things are in doubt, a message before the doubt must be there and equal, and one that is told complete "
		"must stand in the capture in one piece. Not explained yet, neither as a fault of the lane's nor of the reference's:\n\n")
	for line in unexplained:
		to.write(f"- {line[:200]}\n")
	if not unexplained:
		to.write("- none\n")
	to.write("\n## Single cases\n\nWhat was found, each as a small capture of its own in `tests/replay/hostile_cases.py`:\n\n")
	for name in cases:
		to.write(f"- {name}{': **not yet**, ' + known[name] if name in known else ''}\n")
