"""
The slow, obvious reading of a capture, part two: the messages of one SMTP session, by reading lines.
The client's octets and the server's are there as two whole strings; commands are taken one after the
other and each takes the next reply (RFC 5321, 2920, 3030). The rules where RFCs leave a choice are
those of the output's contract: only CRLF ends a line of content, a missing reply counts as accepted.

`doubts` says why a session's end may rightly be read in another way; it is empty for good traffic.
"""

import hashlib
import re


# Whatever another command is, a server that answers it with 354 reads a message behind it.
KNOWN = (b"HELO", b"EHLO", b"MAIL", b"RCPT", b"RSET", b"QUIT", b"STARTTLS", b"NOOP", b"VRFY", b"EXPN", b"HELP", b"ETRN",
	b"SEND", b"SOML", b"SAML", b"XCLIENT", b"XFORWARD", b"BURL", b"TURN", b"ATRN", b"XEXCH50")


class Message:
	def __init__(self):
		self.helo = self.mail_from = None
		self.rcpt_to = []                       # (address, code or None)
		self.data_reply = None
		self.content = b""
		self.complete = False
		self.ends_at = 0                        # the place behind it in the client's stream

	def line(self):
		"""In the words of the program's output."""
		def text(octets):
			return None if octets is None else octets.decode("utf-8", "replace")
		return {
			"helo": text(self.helo), "mail_from": text(self.mail_from),
			"rcpt_to": [{"address": text(a), "reply": r} for a, r in self.rcpt_to],
			"data_reply": self.data_reply, "size": len(self.content),
			"sha256": hashlib.sha256(self.content).hexdigest(), "complete": self.complete,
		}


def replies(octets, acked_then):
	"""(code, how many of the client's octets the server had then); multi-line replies are one."""
	at, out = 0, []
	while True:
		end = octets.find(b"\n", at)
		if end < 0:
			return out
		line = octets[at:end].rstrip(b"\r")
		if re.match(rb"[2-5][0-9][0-9](?![0-9-])", line):
			out.append((int(line[:3]), acked_then[end]))
		at = end + 1


class Session:
	def __init__(self, client, server, acked_then):
		self.client, self.at = client, 0
		self.replies = replies(server, acked_then)
		self.heard = bool(server)
		self.messages = []
		self.doubts = []
		self.doubt_at = 1 << 40                 # the first doubt's place in the client's stream
		self.helo = None
		self.reset()
		self.message = None                     # of a BDAT sequence under way
		self.began = 0

	def reset(self):
		self.mail_from, self.rcpt_to, self.open = None, [], False

	def reply(self, since):
		"""The next reply that the server can have sent knowing the first `since` octets; None: none was seen."""
		while self.replies and self.replies[0][1] < since:
			self.replies.pop(0)
			self.doubt("a reply that no command had asked for")
		return self.replies.pop(0)[0] if self.replies else None

	def run(self):
		self.greeting()
		while True:
			end = self.client.find(b"\n", self.at)
			if end < 0:
				break
			crlf = self.client[self.at:end].endswith(b"\r")
			line = self.client[self.at:end - crlf]
			self.at = end + 1
			if not self.command(line, crlf):
				break
		if self.message:                        # a BDAT sequence without its last chunk
			self.done(self.message, False)
		return self.messages

	def greeting(self):
		if self.replies and self.replies[0][0] < 400 and self.replies[0][0] != 220:
			self.doubt("the greeting is no greeting")
		else:
			self.reply(0)

	def done(self, message, complete):
		message.complete, message.ends_at = complete, self.at
		self.messages.append(message)
		self.message = None
		self.reset()

	def begin(self):
		message = Message()
		message.helo, message.mail_from, message.rcpt_to = self.helo, self.mail_from, self.rcpt_to
		return message

	def doubt(self, why):
		self.doubts.append(why)
		self.doubt_at = min(self.doubt_at, self.began)

	def lost(self, why):
		self.doubt(why)
		return False

	def command(self, line, crlf):
		"""False: nothing behind it can be read."""
		self.began = self.at - len(line)        # at its line's end, nearly
		verb = re.match(rb"([\x00-\x20\x7f]*)([A-Za-z][A-Za-z0-9]*)?", line)
		odd, verb, rest = verb[1].strip(b" \t"), (verb[2] or b"").upper(), line[verb.end():].rstrip(b" \t")
		# What decides how the next octets are read may stand before anything; the others before a blank.
		if rest[:1] not in (b"", b" ", b"\t") and verb not in (b"DATA", b"BDAT", b"AUTH", b"STARTTLS"):
			verb = b""
		if verb == b"BDAT":
			return self.bdat(rest, crlf and not odd)
		if verb == b"AUTH":
			return self.auth()
		code = self.reply(self.at)
		accepted = code is None or code < 300
		if verb == b"DATA" or verb not in KNOWN and code == 354:
			return self.data(code)
		if code is not None and 300 <= code < 400:
			return self.lost("an intermediate reply to something else than DATA and AUTH")
		if verb in (b"HELO", b"EHLO") and accepted:
			self.helo = rest.strip(b" \t")
			self.dropped()
		elif verb == b"RSET" and accepted:
			self.dropped()
		elif verb == b"MAIL" and accepted:
			self.dropped()
			self.mail_from, self.open = address(rest, b"FROM"), True
		elif verb == b"RCPT":
			if not self.open and not accepted:
				self.doubt("a recipient refused where no sender was accepted")
			self.rcpt_to.append((address(rest, b"TO"), code))
		elif verb == b"STARTTLS" and accepted and self.client[self.at:self.at + 1] == b"\x16":
			return False
		return True

	def dropped(self):
		if self.message:                        # between chunks: the message is given up
			self.done(self.message, False)
		self.reset()

	def auth(self):
		code = self.reply(self.at)
		while code is not None and 300 <= code < 400:
			end = self.client.find(b"\n", self.at)
			if end < 0:
				return False
			self.at = end + 1
			code = self.reply(self.at)
		return True

	def data(self, code):
		if code is not None and code >= 400:
			return True
		if code is not None and code < 300:
			return self.lost("a positive reply to DATA, for which 354 is the only one")
		if self.message:                        # chunks that no LAST ended: given up
			self.dropped()
		message, lines, start = self.begin(), [], self.at
		while True:
			end = self.client.find(b"\r\n", self.at)
			line = self.client[self.at:] if end < 0 else self.client[self.at:end]
			if end < 0:                     # what the line would have been is open as long as it is only a dot
				lines.append(b"" if line in (b".", b".\r") else line[1:] if line[:1] == b"." else line)
				self.at = len(self.client)
				break
			self.at = end + 2
			if line == b".":
				break
			lines.append((line[1:] if line[:1] == b"." else line) + b"\r\n")
		message.content = b"".join(lines)
		if self.replies and end < 0 or self.replies and self.replies[0][1] < self.at:
			self.doubt("the server spoke before the content's end")
		message.data_reply = self.reply(start)
		self.done(message, end >= 0)
		return True

	def bdat(self, rest, crlf):
		match = re.fullmatch(rb"[ \t]*([0-9]{1,10})([ \t]+LAST)?[ \t]*", rest, re.I) if crlf else None
		start = self.at
		if match is None or int(match[1]) > 0x7FFFFFFF:
			code = self.reply(start)
			return True if code is not None and code >= 400 else self.lost("a BDAT without a size was accepted")
		chunk = self.client[start:start + int(match[1])]
		whole = len(chunk) == int(match[1])
		self.at = start + len(chunk)
		first = self.message is None
		message = self.message = self.message or self.begin()
		message.content += chunk
		code = self.reply(start)
		accepted = code is None or code < 300
		if not whole:
			message.data_reply = code if match[2] or not accepted else None
			self.done(message, False)
			return False
		if match[2]:
			message.data_reply = code
			if first and not accepted and not any(r is not None and r < 300 for _, r in message.rcpt_to):
				self.message = None     # refused like a DATA: there was no message
			else:
				self.done(message, True)
		elif not accepted:
			if self.client[self.at:self.at + 5].upper() == b"BDAT ":
				# Whether what was already on its way is part of the message, no RFC says (3030, 4.3).
				self.doubt("a chunk was refused, and others followed")
			message.data_reply = code
			if first:
				self.message = None
			else:
				self.done(message, False)
		return True


def address(rest, word):
	"""Without brackets, route and parameters (RFC 5321, 4.1.2; a colon and blanks as they come)."""
	rest = rest.strip(b" \t")
	if rest.upper().startswith(word):
		rest = rest[len(word):].strip(b" \t")
	if rest.startswith(b":"):
		rest = rest[1:].strip(b" \t")
	bracket = rest.startswith(b"<")
	path = rest[1:] if bracket else rest
	stop = rb"[^>]*" if bracket else rb"[^ \t]*"
	quoted = re.match(rb'(?:"(?:\\.|[^"\\])*"|[^">])*' if bracket else rb'(?:"(?:\\.|[^"\\])*"|[^" \t])*', path)
	path = (re.match(stop, path) if path.count(b'"') % 2 else quoted)[0].strip(b" \t")
	if path.startswith(b"@") and b":" in path:
		path = path.partition(b":")[2].strip(b" \t")
	return path
