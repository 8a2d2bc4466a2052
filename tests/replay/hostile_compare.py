"""
Three say which messages a capture holds: who made it, the reference, and the lane. Where a capture is
whole and both sides of a session keep to SMTP, all three must say the same, message by message. Where it
is not, the reference says why, and what must hold all the same:

- a message the reference has complete before the first doubt is there, and the same;
- behind a doubt a message may be missing or incomplete, but one that is told complete has been seen
  whole: its octets stand in the capture, in one piece, behind a command that begins it.
"""

import ipaddress
import re

import reference_mime
import reference_smtp
import reference_stream
from reference_stream import CLIENT, SERVER

ENVELOPE = ("helo", "mail_from", "rcpt_to", "data_reply", "size", "sha256", "complete")
BEGINS = re.compile(rb"(?:DATA|BDAT)[^\n]*\n", re.I)


class Difference:
	def __init__(self, kind, session, sentence, about=None):
		self.kind, self.session, self.sentence, self.about = kind, session, sentence, about

	def __str__(self):
		return f"session {self.session}: {self.kind}: {self.sentence}"


class Read:
	"""A connection as the reference reads it. `sure`: so many of its messages stand before any doubt."""

	def __init__(self, connection):
		client, server = connection.half[CLIENT], connection.half[SERVER]
		tags, source, sport, target, dport = connection.key
		self.number, self.tags, self.start_us = connection.number, tags, connection.start_ns // 1000
		self.ends = (address(source), sport, address(target), dport)
		self.sent = connection.sent
		session = reference_smtp.Session(client.known(), server.known(), server.acked_then)
		self.messages = session.run()
		self.lines = [m.line() for m in self.messages]
		self.doubts = session.doubts + [what for what, _ in connection.doubts]
		place = min([session.doubt_at, *(at for _, at in connection.doubts)])
		if client.gap() or connection.cut:
			self.doubts.append("octets of the client are missing")
		if server.gap():
			self.doubts.append("octets of the server are missing")
		if (client.gap() or connection.cut) and server.gap():
			place = 0                       # which of them ends the lane's reading is not known here
		if not client.syn and not server.syn and not begins(connection.first):
			self.doubts.append("it begins in mid-stream")
			place = 0
		self.sure = len(self.lines)
		if self.doubts:
			self.sure = sum(m.complete and m.data_reply is not None and m.ends_at <= place for m in self.messages)


def begins(first):
	"""The handshake apart, all is there: the greeting comes first, or the command that begins anew."""
	if first is None:
		return False
	side, octets = first
	return octets[:3] == b"220" if side == SERVER else octets[:5].upper() in (b"EHLO ", b"HELO ")


def address(octets):
	return str(ipaddress.ip_address(octets))


def pieces(sent):
	"""A client's octets in runs without a hole, by first and by last copies; wherever a connection ended."""
	first, last = {}, {}
	for seq, payload in sent:
		for at, octet in enumerate(payload, (seq - sent[0][0] + (1 << 31)) & 0xFFFFFFFF):
			first.setdefault(at, octet)
			last[at] = octet
	yield from runs(first)
	if last != first:
		yield from runs(last)


def runs(octets):
	run, before = bytearray(), None
	for place in sorted(octets):
		if before is not None and place != before + 1:
			yield bytes(run)
			run = bytearray()
		run.append(octets[place])
		before = place
	yield bytes(run)


def seen_whole(stood):
	"""Hashes of whatever stands whole behind any DATA or BDAT, nothing ever refused."""
	found = set()
	for run in stood:
		for match in BEGINS.finditer(run):
			found |= content_of(run[match.start():])
	return found


def seen_behind_any_line(stood, size):
	"""The same behind lines that are no command at all: a 354 to one begins a content (docs/reading-smtp.md)."""
	found = set()
	for run in stood:
		for match in re.finditer(rb"\n", run):
			end = run.find(b"\r\n.\r\n", match.end() - 2, match.end() + 2 * size + 8)
			if end >= 0:                    # stuffed dots at most double it
				found |= content_of(b"DATA\r\n" + run[match.end():end + 5])
	return found


def content_of(octets):
	session = reference_smtp.Session(octets, b"", {})
	return {(m.line()["size"], m.line()["sha256"]) for m in session.run()[:1] if m.complete}


def ends(line):
	return line["client_ip"], line["client_port"], line["server_ip"], line["server_port"]


def compare_messages(want, got, number, but=()):
	out = []
	for i, (w, g) in enumerate(zip(want, got)):
		for name in ENVELOPE:
			if w[name] != g[name] and name not in but:
				out.append(Difference(name, number, f"message {i + 1}: reference {shown(w[name])}, lane {shown(g[name])}"))
				if name == "size":
					break
	return out


def shown(value):
	text = str(value)
	return text if len(text) < 80 else text[:80] + "…"


def compare_session(read, got, reads):
	"""`reads`: all between these ends. Each difference is about these, and a session in doubt or not: what a smaller
	capture must show, too."""
	out = differences_of(read, got, reads)
	for difference in out:
		difference.about = read.ends, bool(read.doubts)
	return out


def differences_of(read, got, reads):
	want = read.lines[:read.sure]
	if not read.doubts:
		out = []
		if len(want) != len(got):
			out.append(Difference("messages", read.number, f"reference {len(want)}, lane {len(got)}"))
		return out + compare_messages(want, got, read.number)
	out = compare_messages(want[:-1], got, read.number)
	if len(got) < len(want):
		out.append(Difference("messages", read.number, f"reference {len(want)} at least, lane {len(got)} ({sorted(set(read.doubts))})"))
	else:                                   # where reading ends, replies to the last one may not have been read
		out += compare_messages(want[-1:], got[len(want) - 1:], read.number, ("rcpt_to", "data_reply"))
	return out + unseen(reads, got[len(want):], read.number)


def unseen(reads, got, number):
	"""Messages told complete whose octets never stood in the capture as one content."""
	if any(what == "a SYN with another number" for r in reads for what in r.doubts):
		return []                       # the lane reads what that SYN began, the reference what it broke into
	got = [g for g in got if g["complete"]]
	stood = list(pieces([piece for r in reads for piece in r.sent])) if got else []
	whole, out = seen_whole(stood), []
	for g in got:
		mine = g["size"], g["sha256"]
		if mine not in whole and mine not in seen_behind_any_line(stood, g["size"]):
			out.append(Difference("complete", number,
				f"{g['size']} octets were never seen as one content ({sorted({d for r in reads for d in r.doubts})})"))
	return out


class Truth:
	"""The reference's reading of a capture."""

	def __init__(self, path, checksums=False):
		self.sessions = [Read(c) for c in reference_stream.connections(path, checksums)]

	def against(self, result):
		"""Differences of a lane's run."""
		if result.status != 0 or result.err or result.summary is None:
			return [Difference("run", 0, f"exit {result.status}: {result.err.strip()[:300]}")]
		sessions = {}                   # (ends, start) -> number; a number is not enough where strays make sessions
		for s in result.sessions:
			sessions[ends(s), round(s["start"] * 10**6)] = s["session"]
		by_number, out, in_doubt = {}, [], any(r.doubts for r in self.sessions)
		for m in result.messages:
			by_number.setdefault(m["session"], []).append(m)
		paired = {sessions.get((r.ends, r.start_us)) for r in self.sessions}
		for read in self.sessions:
			number = sessions.get((read.ends, read.start_us))
			if number != read.number and not in_doubt:
				out.append(Difference("number", read.number, f"the lane counts it as {number}", (read.ends, False)))
			got = by_number.pop(number, [])
			if not got and read.lines:      # strays may have made another session of it
				stray = [n for n, m in by_number.items() if ends(m[0]) == read.ends and n not in paired]
				got = [m for n in stray for m in by_number.pop(n)]
			out += compare_session(read, got, [r for r in self.sessions if r.ends == read.ends])
		for number, messages in by_number.items():
			reads = [r for r in self.sessions if r.ends == ends(messages[0])]
			for d in unseen(reads, messages, number):
				d.about = ends(messages[0]), in_doubt
				out.append(d)
		return out

	def against_script(self, scripts):
		"""Differences from what was sent: {(VLAN tags, ends): [messages]} of each session in order."""
		out, scripts = [], {key: list(value) for key, value in scripts.items()}
		for read in self.sessions:
			waiting = scripts.get((read.tags, *read.ends))
			if not waiting:
				out.append(Difference("made", read.number, "a session that nobody made"))
				continue
			want = [in_words(sent) for sent in waiting.pop(0)]
			if read.doubts or len(want) != len(read.lines):
				out.append(Difference("made", read.number, f"sent {len(want)}, reference {len(read.lines)} {read.doubts}"))
			out += [Difference("made", d.session, d.sentence) for d in compare_messages(want, read.lines, read.number)]
		left = sum(map(len, scripts.values()))
		if left:
			out.append(Difference("made", 0, f"{left} sessions were not found"))
		return out


def in_words(sent):
	message = reference_smtp.Message()
	message.helo, message.mail_from, message.rcpt_to = sent.helo, sent.mail_from, sent.rcpt_to
	message.data_reply, message.content, message.complete = sent.data_reply, sent.content, sent.complete
	return message.line()


class Leaves:
	"""Agreement with Python about the parts of well-formed mails; each content is looked at once."""

	def __init__(self):
		self.known = {}                         # sha256 -> (fault, parts, filenames)
		self.mails, self.equal, self.names_equal = 0, 0, 0
		self.faults = {}
		self.judged = set()                     # sources of the well-formed ones
		self.differing = {}                     # sha256 -> (source, sentence)
		self.names_differing = {}

	def judge(self, source, content, line):
		digest = line["sha256"]
		if digest in self.known:
			return
		fault = reference_mime.fault(content)
		self.known[digest] = fault
		if fault:
			self.faults[fault] = self.faults.get(fault, 0) + 1
			return
		self.mails += 1
		self.judged.add(source)
		want = reference_mime.parts(content)
		sentence = parts_differ(want, line["parts"])
		if sentence:
			self.differing[digest] = (source, sentence)
			return
		self.equal += 1
		names = reference_mime.filenames(content)
		got = [p["filename"] for p in line["parts"]]
		if names == got:
			self.names_equal += 1
		else:
			self.names_differing[digest] = (source, f"Python {names}, here {got}")


def parts_differ(want, got):
	"""A sentence, or None. What the package opened and we do not has no octets to compare."""
	if len(want) != len(got):
		return f"Python {len(want)} leaves, here {len(got)}"
	for (path, kind, size, sha256), g in zip(want, got):
		if path != g["path"]:
			return f"path {path}, here {g['path']}"
		if kind != g["content_type"]:
			return f"{path}: type {kind}, here {g['content_type']}"
		if size is not None and sha256 != g["sha256"]:
			return f"{path} ({kind}): {size} octets, here {g['size']}" + (", of other content" if size == g["size"] else "")
	return None
