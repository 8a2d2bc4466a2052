"""
What is said in a session: a seed chooses greeting, commands, refusals, DATA or BDAT, pipelining. Makes
the turns of both sides in an order that could have been, and says which messages a receiver has then.
Nothing here knows of packets.
"""

import re

CLIENT, SERVER = "C", "S"


class Sent:
	"""A message as the receiver has it."""

	def __init__(self, source, content, helo, mail_from, rcpt_to):
		self.source, self.content, self.helo, self.mail_from, self.rcpt_to = source, content, helo, mail_from, rcpt_to
		self.data_reply, self.complete = None, True


class Script:
	def __init__(self):
		self.turns = []                 # (side, octets); two in a row are never of one side
		self.messages = []
		self.quit = False

	def say(self, side, octets):
		if self.turns and self.turns[-1][0] == side:
			octets = self.turns.pop()[1] + octets
		self.turns.append((side, octets))

	def stream(self, side):
		return b"".join(octets for who, octets in self.turns if who == side)


def stuffed(content):
	"""RFC 5321, 4.5.2, with the end behind it."""
	content = re.sub(rb"(\A|\r\n)\.", rb"\1..", content)
	return content + b".\r\n"


class Writer:
	"""Commands and their replies; with pipelining replies come later than they might."""

	def __init__(self, rng, heard):
		self.rng, self.heard = rng, heard
		self.script = Script()
		self.pipelining = False
		self.queue = []

	def reply(self, code, text=b"ok"):
		shape = self.rng.random()
		if shape < 0.1:
			return b"%d\r\n" % code
		if shape < 0.25:
			return b"%d-%s\r\n%d-\r\n%d and so on\r\n" % (code, text, code, code)
		return b"%d %s\r\n" % (code, text)

	def ask(self, command, code, text=b"ok", wait=False):
		self.queue.append((command, self.reply(code, text)))
		if wait or not self.pipelining or self.rng.random() < 0.1:
			self.flush()

	def flush(self):
		asked = answered = 0
		eager = self.rng.random()
		while answered < len(self.queue):
			if asked < len(self.queue) and (asked == answered or self.rng.random() < eager):
				self.script.say(CLIENT, self.queue[asked][0])
				asked += 1
			else:
				self.script.say(SERVER, self.queue[answered][1])
				answered += 1
		self.queue = []

	def verb(self, word):
		return self.rng.choice((word, word, word, word.lower(), word.title()))


PATHS = (
	(b"<a@example.org>", b"a@example.org"), (b"<Some.Body+tag@Example.ORG>", b"Some.Body+tag@Example.ORG"),
	(b"<>", b""), (b'<"a b>c"@example.org>', b'"a b>c"@example.org'),
	(b"<@relay.example.com:x@example.net>", b"x@example.net"), (b"<" + b"l" * 64 + b"@example.com>", b"l" * 64 + b"@example.com"),
	(b" <blank@example.org>", b"blank@example.org"), ("<grün@example.org>".encode(), "grün@example.org".encode()),
	(b"bare@example.org", b"bare@example.org"),
)
HELLOS = (b"pc.example.org", b"[192.0.2.1]", b"[IPv6:2001:db8::1]", b"h", b"x" * 200 + b".example")


class Session:
	"""`heard`: the server's side will be captured; otherwise nothing is refused, for nobody would see it."""

	def __init__(self, rng, heard=True):
		self.rng, self.heard = rng, heard
		self.w = Writer(rng, heard)
		self.helo = None

	def script(self, mails):
		self.w.script.say(SERVER, self.w.reply(220, b"mx.example.net ESMTP"))
		self.hello()
		if self.heard:
			self.preamble()
		for source, content in mails:
			self.between()
			self.message(source, content)
		if self.rng.random() < 0.8:
			self.w.ask(self.w.verb(b"QUIT") + b"\r\n", 221, wait=True)
			self.w.script.quit = True
		self.w.flush()
		return self.w.script

	def hello(self):
		rng, name = self.rng, self.rng.choice(HELLOS)
		if rng.random() < 0.25:
			if self.heard and rng.random() < 0.5:
				self.w.ask(b"EHLO refused.example\r\n", 502, wait=True)
			self.w.ask(self.w.verb(b"HELO") + b" " + name + b"\r\n", 250, wait=True)
		else:
			lines = [b"mx.example.net", b"SIZE 10000000", b"PIPELINING", b"8BITMIME", b"CHUNKING"]
			if rng.random() < 0.3:
				lines.append(b"STARTTLS")
			self.w.script.say(CLIENT, self.w.verb(b"EHLO") + b" " + name + b"\r\n")
			self.w.script.say(SERVER, b"".join(b"250-" + l + b"\r\n" for l in lines) + b"250 HELP\r\n")
			self.w.pipelining = rng.random() < 0.6
		self.helo = name

	def preamble(self):
		rng, w = self.rng, self.w
		if rng.random() < 0.15:
			w.ask(b"STARTTLS\r\n", rng.choice((454, 502)), wait=True)
		choice = rng.random()
		if choice < 0.1:
			w.ask(b"AUTH PLAIN AGEAYg==\r\n", rng.choice((235, 535)), wait=True)
		elif choice < 0.2:
			w.ask(b"AUTH LOGIN\r\n", 334, b"VXNlcm5hbWU6", wait=True)
			w.ask(b"DATA\r\n", 334, b"UGFzc3dvcmQ6", wait=True)     # a user of that name: still no command
			w.ask(b"Yg==\r\n", 235, wait=True)
		elif choice < 0.25:
			w.ask(b"AUTH CRAM-MD5\r\n", 334, b"PDFAeD4=", wait=True)
			w.ask(b"*\r\n", 501, wait=True)

	def between(self):
		rng, w = self.rng, self.w
		if rng.random() < 0.15:
			w.ask(w.verb(b"NOOP") + b"\r\n", 250)
		if self.heard and rng.random() < 0.05:
			w.ask(b"XUNHEARDOF some thing\r\n", 500)
		if rng.random() < 0.1:
			w.ask(w.verb(b"RSET") + b"\r\n", 250)
		if rng.random() < 0.05:                                  # an envelope that comes to nothing
			w.ask(b"MAIL FROM:<given.up@example.org>\r\n", 250)
			w.ask(b"RCPT TO:<given.up@example.net>\r\n", 250)
			w.ask(b"RSET\r\n", 250)
		if rng.random() < 0.05:
			name = rng.choice(HELLOS)
			w.ask(b"EHLO " + name + b"\r\n", 250, wait=True)
			self.helo = name
		if self.heard and rng.random() < 0.08:
			w.ask(b"MAIL FROM:<refused@example.org>\r\n", rng.choice((450, 550)))
		if self.heard and rng.random() < 0.05:                   # nobody is wanted, so the content is not
			w.ask(b"MAIL FROM:<nobody.wanted@example.org>\r\n", 250)
			w.ask(b"RCPT TO:<nobody@example.net>\r\n", 550)
			w.ask(b"DATA\r\n", rng.choice((554, 503)), wait=True)
			w.ask(b"RSET\r\n", 250)

	def envelope(self):
		rng, w = self.rng, self.w
		path, sender = rng.choice(PATHS)
		extra = rng.choice((b"", b"", b" SIZE=1000", b" BODY=8BITMIME SMTPUTF8"))
		w.ask(w.verb(b"MAIL") + b" FROM:" + path + extra + b"\r\n", 250)
		rcpts = []
		for i in range(rng.choice((1, 1, 1, 2, 4, 30))):
			path, address = rng.choice(PATHS)
			code = rng.choice((250, 250, 251, 550, 452)) if i > 0 and self.heard else 250
			w.ask(w.verb(b"RCPT") + b" TO:" + path + b"\r\n", code)
			rcpts.append((address, code))
		return sender, rcpts

	def message(self, source, content):
		sender, rcpts = self.envelope()
		code = self.rng.choice((250, 250, 250, 250, 451, 554)) if self.heard else 250
		sent = Sent(source, content, self.helo, sender, rcpts)
		sent.data_reply = code
		if self.rng.random() < 0.4:
			self.bdat(sent)
		else:
			self.data(sent)
		if sent is not None:
			self.w.script.messages.append(sent)
		if not self.heard:
			sent.data_reply, sent.rcpt_to = None, [(a, None) for a, _ in rcpts]

	def data(self, sent):
		if sent.content and not sent.content.endswith(b"\r\n"):
			sent.content += b"\r\n"
		self.w.ask(self.w.verb(b"DATA") + b"\r\n", 354, wait=True)
		self.w.ask(stuffed(sent.content), sent.data_reply)

	def bdat(self, sent):
		rng, content, at, sizes = self.rng, sent.content, 0, []
		while at < len(content) and len(sizes) < 20:
			sizes.append(min(len(content) - at, rng.choice((1, 2, 7, 100, 1000, 8192, 100000))))
			at += sizes[-1]
		if at < len(content):
			sizes.append(len(content) - at)
		if not sizes or rng.random() < 0.3:
			sizes.append(0)                                  # BDAT 0 LAST
		refused = self.heard and len(sizes) > 2 and rng.random() < 0.06
		at = 0
		for i, size in enumerate(sizes):
			last = b" LAST" if i + 1 == len(sizes) else b""
			line = self.w.verb(b"BDAT") + b" %d" % size + (last if rng.random() < 0.5 else last.lower()) + b"\r\n"
			if refused and i > 0:                            # a later chunk: the message ends with it
				self.w.flush()
				self.w.ask(line + content[at:at + size], 552, wait=True)
				sent.content, sent.complete, sent.data_reply = content[:at + size], False, 552
				self.w.ask(b"RSET\r\n", 250, wait=True)
				return
			self.w.ask(line + content[at:at + size], sent.data_reply if last else 250)
			at += size
