"""
How a session travels: its turns become TCP segments and these become frames, as a hostile client, a bad
path and an odd capture would have it. A seed chooses; whatever it chooses, a receiver (RFC 9293: the
first copy of an octet stays) gets exactly what the script says.
"""

import ipaddress
import re
import struct

from hostile_session import CLIENT, SERVER
from wire import ACK, FIN, PSH, RST, SYN, Packet

MS = 10**6

# Where a reader that looks at one segment at a time goes wrong: in the middle of each of these.
NASTY = re.compile(rb"\r\n|\r\n\.|\n\.\r\n|=[0-9A-Fa-f]{2}|=\r\n|\r\n--[^\r\n]{1,40}|[\xc2-\xf4][\x80-\xbf]+|"
	rb"(?i:MAIL|RCPT|DATA|BDAT \d+|LAST|QUIT|EHLO)|[A-Za-z0-9+/]{4}|\d\d\d[ -]|=\?[^?]+\?|content-")


class Piece:
	"""A segment: octets of `side` from place `start` on. `good`: with a right checksum."""

	__slots__ = ("side", "start", "octets", "flags", "ack", "options", "window", "good", "wait")

	def __init__(self, side, start, octets, flags=ACK, ack=0, good=True, wait=0, options=b"", window=60000):
		self.side, self.start, self.octets, self.flags, self.ack = side, start, octets, flags, ack
		self.good, self.wait, self.options, self.window = good, wait, options, window

	def end(self):
		return self.start + len(self.octets)

	def copy(self, start, octets, **changes):
		new = Piece(self.side, start, octets, self.flags & ~(FIN | SYN), self.ack, self.good, 0, b"", self.window)
		for name, value in changes.items():
			setattr(new, name, value)
		return new


class Place:
	"""Addresses, sequence numbers, and what lies below IP."""

	def __init__(self, rng, number):
		self.rng = rng
		self.v6 = rng.random() < 0.4
		if self.v6:
			base = int(ipaddress.ip_address("2001:db8::"))
			self.address = {CLIENT: (base + number).to_bytes(16, "big"), SERVER: (base + (1 << 64) + 25).to_bytes(16, "big")}
		else:
			base = int(ipaddress.ip_address("198.18.0.0"))
			self.address = {CLIENT: (base + number % (1 << 16)).to_bytes(4, "big"),
				SERVER: ipaddress.ip_address("198.51.100.25").packed}
		self.port = {CLIENT: rng.randint(1024, 65535), SERVER: rng.choice((25, 25, 25, 587, 2525))}
		while self.port[CLIENT] == 2525:
			self.port[CLIENT] += 1
		self.link = self.below_ip()
		self.fragments = rng.random() < 0.2
		self.extension = rng.random() < 0.15
		self.isn = {CLIENT: self.number(), SERVER: self.number()}
		self.timestamps = rng.random() < 0.5
		self.ident = rng.randrange(1 << 16)

	def number(self):
		rng = self.rng
		return rng.choice((rng.randrange(1 << 32), (1 << 32) - rng.randint(1, 3000), 0xFFFFFFFF, 0x7FFFFFFF - rng.randint(0, 3000)))

	def below_ip(self):
		rng = self.rng
		macs = bytes.fromhex("020000000001020000000002")
		kind = 0x86DD if self.v6 else 0x0800
		tags = rng.choice(((), (), (0x8100,), (0x88A8, 0x8100), (0x8100, 0x8100), (0x9100, 0x8100)))
		out, pppoe = b"", rng.random() < 0.15
		for tag in tags:
			out += struct.pack(">HH", tag, rng.randint(1, 4094) | rng.randint(0, 7) << 13)
		if not pppoe:
			return macs + out + struct.pack(">H", kind)
		# The length is written with each frame; what is behind it is PPP's protocol.
		return macs + out + b"\x88\x64" + b"\x11\x00" + struct.pack(">H", rng.randint(1, 65535)) + b"\0\0" + \
			(b"\0\x57" if self.v6 else b"\0\x21")

	def again(self):
		"""The next connection between the same two ends."""
		self.isn = {CLIENT: (self.isn[CLIENT] + 77777777) & 0xFFFFFFFF, SERVER: (self.isn[SERVER] + 99999999) & 0xFFFFFFFF}

	def frames(self, piece, now):
		tcp = self.tcp(piece, now)
		self.ident = (self.ident + 1) & 0xFFFF
		rng = self.rng
		if self.fragments and len(tcp) > 64 and rng.random() < 0.5 and piece.good:
			packets = self.torn(piece.side, tcp)
		else:
			packets = [self.ip(piece.side, tcp)]
		return [self.ethernet(packet) for packet in packets]

	def tcp(self, piece, now):
		other = SERVER if piece.side == CLIENT else CLIENT
		options = piece.options
		if piece.flags & SYN:
			options += b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07"
		if self.timestamps:
			options += b"\x01\x01\x08\x0a" + struct.pack(">II", (now // MS) & 0xFFFFFFFF, 1)
		options += bytes(-len(options) % 4)
		seq = self.isn[piece.side] + (0 if piece.flags & SYN else 1) + piece.start
		ack = self.isn[other] + 1 + piece.ack if piece.flags & ACK else 0
		tcp = struct.pack(">HHIIBBHHH", self.port[piece.side], self.port[other], seq & 0xFFFFFFFF, ack & 0xFFFFFFFF,
			(20 + len(options)) // 4 << 4, piece.flags, piece.window, 0, 0) + options + piece.octets
		total = int.from_bytes(self.address[CLIENT] + self.address[SERVER], "big") + 6 + len(tcp) + \
			int.from_bytes(tcp + bytes(len(tcp) % 2), "big")
		checksum = 0xFFFF - (total % 0xFFFF or 0xFFFF)
		return tcp[:16] + struct.pack(">H", checksum ^ (0 if piece.good else 0x5A5A)) + tcp[18:]

	def ip(self, side, payload, place=0, more=False, kind=6):
		other = SERVER if side == CLIENT else CLIENT
		addresses = self.address[side] + self.address[other]
		if self.v6:
			if place or more:
				payload = struct.pack(">BBHI", kind, 0, place | more, self.ident | 0x10000) + payload
				kind = 44
			if self.extension:
				payload = bytes((kind, 0, 1, 4, 0, 0, 0, 0)) + payload      # padding is all it holds
				kind = 60
			return struct.pack(">IHBB", 6 << 28, len(payload), kind, 61) + addresses + payload
		options = b"\x01\x01\x01\x00" if self.extension else b""
		size = 20 + len(options)
		head = struct.pack(">BBHHHBBH", 0x40 | size // 4, 0, size + len(payload), self.ident,
			(0x2000 if more else 0) | place // 8, 61, kind, 0)
		total = int.from_bytes(head + addresses + options, "big") % 0xFFFF or 0xFFFF
		return head[:10] + struct.pack(">H", 0xFFFF - total) + addresses + options + payload

	def torn(self, side, tcp):
		"""As fragments: in order, from behind, one twice; sometimes after a datagram that contradicts itself."""
		rng = self.rng
		size = rng.choice((24, 64, 256, 512))
		while len(tcp) // size > 60:
			size *= 2
		places = range(0, len(tcp), size)
		out = [self.ip(side, tcp[at:at + size], at, at + size < len(tcp)) for at in places]
		order = rng.random()
		if order < 0.3:
			out.reverse()
		elif order < 0.5:
			rng.shuffle(out)
		if rng.random() < 0.3 and len(out) > 1:
			at = rng.randrange(len(out) - 1)
			out.insert(at, out[at])
		if rng.random() < 0.1 and len(tcp) > 2 * size:
			good, self.ident = self.ident, self.ident ^ 0x8000
			evil = [self.ip(side, tcp[:size], 0, True), self.ip(side, bytes(size), size - 8, True)] + \
				[self.ip(side, tcp[at:at + size], at, at + size < len(tcp)) for at in places[1:]]
			self.ident = good
			out = evil + out
		return out

	def ethernet(self, packet):
		link = self.link
		if link[-6:-4] != b"" and b"\x88\x64\x11\x00" in link:
			link = link[:-4] + struct.pack(">H", len(packet) + 2) + link[-2:]
		frame = link + packet
		if len(frame) < 60:                             # a short frame is filled up, with anything
			frame += bytes((self.rng.randrange(256),)) * (60 - len(frame))
		return frame


class Style:
	"""What a session's segments suffer."""

	def __init__(self, rng, calm=False):
		self.cut = rng.choice(("mss", "mss", "nasty", "nasty", "random", "tiny", "large"))
		self.reorder = rng.choice((0, 0, 3, 8, 30))
		self.repeat = rng.choice((0, 0.1, 0.4))
		self.differ = rng.choice((0, 0.1, 0.4))
		self.early = rng.choice((0, 0, 0.2))
		self.probes = rng.choice((0, 0.05, 0.2))
		self.blind = rng.choice((0, 0, 0.02))
		self.late_acks = rng.random() < 0.4
		self.syn_data = rng.random() < 0.06
		self.syn_twice = rng.random() < 0.15
		self.handshake = rng.random() > 0.04
		self.ending = rng.choice(("fin", "fin", "fin data", "both", "rst", "none"))
		self.bad_sums = 0
		self.slow = rng.random() < 0.1
		if calm:
			self.reorder = self.repeat = self.differ = self.early = self.probes = self.blind = 0
			self.syn_data, self.handshake = False, True


def cuts(octets, style, rng):
	"""Ends of the segments of a turn."""
	size = len(octets)
	step = {"large": 14000}.get(style.cut, 1400)
	ends = set(range(step, size, step))
	if style.cut == "tiny" and size <= 3000:
		ends.update(range(1, size))
	elif style.cut in ("tiny", "random"):
		ends.update(rng.randint(1, size) for _ in range(min(200, size // 8)))
	if style.cut in ("tiny", "nasty"):
		places = [m.span() for m in NASTY.finditer(octets)]
		for start, end in rng.sample(places, min(len(places), 120)):
			ends.add(rng.randint(start, end))
		if size > 6:                                    # the end of a content, always
			ends.update(size - i for i in range(1, 6) if rng.random() < 0.6)
	ends.discard(0)
	ends.add(size)
	return sorted(e for e in ends if e <= size)


def displaced(pieces, window, rng):
	"""Nobody moves by more than `window`."""
	return [p for _, p in sorted(enumerate(pieces), key=lambda ip: ip[0] + rng.uniform(0, window))]


class Edge:
	"""How far a side's stream is there without a hole, as its segments go by."""

	def __init__(self):
		self.at, self.waiting = 0, {}

	def note(self, piece):
		self.waiting[piece.start] = max(self.waiting.get(piece.start, 0), piece.end())
		moved = True
		while moved:
			moved = False
			for start in [s for s in self.waiting if s <= self.at]:
				end = self.waiting.pop(start)
				if end > self.at:
					self.at, moved = end, True


def segments(script, style, rng):
	"""The pieces of the whole connection, first copies only, in the order of the wire."""
	sent = {CLIENT: 0, SERVER: 0}
	out = []
	turns = list(script.turns)
	if style.handshake:
		syn = Piece(CLIENT, 0, b"", SYN)
		if style.syn_data and len(turns) > 1 and turns[1][0] == CLIENT:
			syn.octets = turns[1][1][:rng.randint(1, 1000)]
		out.append(syn)
		if style.syn_twice:
			out.append(Piece(CLIENT, 0, syn.octets, SYN, wait=1000 * MS))
		out.append(Piece(SERVER, 0, b"", SYN | ACK, ack=rng.choice((0, len(syn.octets)))))
		if style.syn_twice:
			out.append(Piece(SERVER, 0, b"", SYN | ACK, ack=0, wait=1000 * MS))
		out.append(Piece(CLIENT, 0, b"", ACK))
	for number, (side, octets) in enumerate(turns):
		other = SERVER if side == CLIENT else CLIENT
		burst, at = [], 0
		whole = number == 0 and not style.handshake     # who misses the handshake knows it by the greeting
		for end in [len(octets)] if whole else cuts(octets, style, rng):
			flags = ACK | (PSH if rng.random() < 0.3 or end == len(octets) else 0)
			burst.append(Piece(side, sent[side] + at, octets[at:end], flags, sent[other]))
			at = end
		if style.reorder and (number > 0 or style.handshake):
			burst = displaced(burst, style.reorder, rng)
		if style.slow and side == SERVER:
			burst[0].wait = rng.randint(1, 100) * 1000 * MS
		out += acknowledged(burst, sent, style, rng)
		sent[side] += len(octets)
	return out + ending(out, sent, style, rng)


def acknowledged(burst, sent, style, rng):
	"""Bare acknowledgements of the other side between a turn's segments: late, selective, with no window."""
	side = burst[0].side
	other = SERVER if side == CLIENT else CLIENT
	edge, out = Edge(), []
	edge.at = sent[side]
	for piece in burst:
		out.append(piece)
		edge.note(piece)
		if len(burst) > 1 and rng.random() < 0.2:
			ack = Piece(other, sent[other], b"", ACK, edge.at)
			if style.late_acks:
				ack.ack = rng.randint(sent[side], edge.at)
			if rng.random() < 0.1:
				ack.window = 0
			if edge.waiting and rng.random() < 0.7:  # where a hole is: not right numbers, but the right form
				ack.options = b"\x01\x01\x05\x0a" + struct.pack(">II", rng.randrange(1 << 32), rng.randrange(1 << 32))
			out.append(ack)
	return out


def ending(pieces, sent, style, rng):
	c = Piece(CLIENT, sent[CLIENT], b"", FIN | ACK, sent[SERVER])
	s = Piece(SERVER, sent[SERVER], b"", FIN | ACK, sent[CLIENT])
	if style.ending == "none":
		return []
	if style.ending == "fin data":                  # on the last octets of who spoke last, in whatever order they come
		side = next(p.side for p in reversed(pieces) if p.octets)
		other = SERVER if side == CLIENT else CLIENT
		last = next(p for p in reversed(pieces) if p.side == side and p.octets and p.end() == sent[side])
		last.flags |= FIN
		return [Piece(other, sent[other], b"", FIN | ACK, sent[side] + 1), Piece(side, sent[side] + 1, b"", ACK, sent[other] + 1)]
	if style.ending == "rst":
		return [Piece(CLIENT, sent[CLIENT], b"", RST | rng.choice((0, ACK)), sent[SERVER])]
	if style.ending == "both":
		return [s, c, Piece(SERVER, sent[SERVER] + 1, b"", ACK, sent[CLIENT] + 1), Piece(CLIENT, sent[CLIENT] + 1, b"", ACK, sent[SERVER] + 1)]
	s.ack += 1
	return [c, s, Piece(CLIENT, sent[CLIENT] + 1, b"", ACK, sent[SERVER] + 1)]


def altered(octets, rng):
	"""As many octets, one of them another at least."""
	kind = rng.random()
	if kind < 0.4:
		new = bytes(o ^ 1 for o in octets)
	elif kind < 0.7:
		new = (b"\r\n.\r\nQUIT\r\nMAIL FROM:<evil@example.org>\r\n" * (len(octets) // 40 + 1))[:len(octets)]
	else:
		new = bytes(rng.randrange(256) for _ in range(min(len(octets), 64))) * (len(octets) // 64 + 1)
		new = new[:len(octets)]
	return new if new != octets else bytes(o ^ 2 for o in octets)


def molested(pieces, script, style, rng):
	"""Later copies, true and false, probes, blind resets, between the first copies."""
	stream = {CLIENT: script.stream(CLIENT), SERVER: script.stream(SERVER)}
	edge = {CLIENT: Edge(), SERVER: Edge()}
	out = []
	for piece in pieces:
		side = piece.side
		if not piece.octets or piece.flags & (SYN | RST):
			out.append(piece)
			if piece.octets:
				edge[side].note(piece)
			continue
		mine = edge[side]
		if style.bad_sums and rng.random() < style.bad_sums:
			out.append(piece.copy(piece.start, altered(piece.octets, rng), good=False))
		if len(piece.octets) > 2 and rng.random() < style.early:
			# Its middle came first; the whole that follows says something else there.
			a = rng.randint(0, len(piece.octets) - 2)
			b = rng.randint(a + 1, len(piece.octets))
			out.append(piece.copy(piece.start + a, piece.octets[a:b]))
			piece.octets = piece.octets[:a] + altered(piece.octets[a:b], rng) + piece.octets[b:]
		if piece.start == mine.at and mine.at > 10 and rng.random() < style.differ:
			back = rng.randint(1, min(mine.at, 600))
			false = altered(stream[side][mine.at - back:mine.at], rng)
			out.append(piece.copy(piece.start - back, false + piece.octets, flags=piece.flags))
		else:
			out.append(piece)
		mine.note(piece)
		out += later_copies(piece, stream[side], mine.at, style, rng)
	return out


def later_copies(piece, stream, edge, style, rng):
	out = []
	if rng.random() < style.repeat:
		a = rng.randint(max(0, edge - 4000), edge)
		b = min(edge, a + rng.choice((1, 50, 1400, 3000)))
		out.append(piece.copy(a, stream[a:b]))
	if rng.random() < style.repeat:
		out.append(piece.copy(piece.start, piece.octets))
	if edge > 10 and rng.random() < style.differ:
		a = rng.randint(max(0, edge - 4000), edge - 1)
		b = min(edge, a + rng.choice((1, 5, 100, 1400)))
		out.append(piece.copy(a, altered(stream[a:b], rng)))
	if edge > 0 and rng.random() < style.probes:
		out.append(piece.copy(edge - 1, rng.choice((b"", b"\0"))))
	if rng.random() < style.blind:
		away = rng.choice((-rng.randint((1 << 24) + len(stream), 1 << 30), rng.randint(1 << 30, (1 << 31) - len(stream) - 1)))
		out.append(piece.copy(edge + away, b"", flags=RST))
		out.append(piece.copy(edge + rng.randint((1 << 30) + 1, (1 << 31) - 1), b"RSET\r\nMAIL FROM:<far@example.org>\r\n"))
	return out


def travel(script, place, style, rng, start_ns, heard=True):
	"""Packets of a session. Not `heard`: only the client's side was captured."""
	pieces = molested(segments(script, style, rng), script, style, rng)
	now, out = start_ns, []
	for piece in pieces:
		now += rng.choice((1000, 10000, MS, 20 * MS)) + piece.wait
		if heard or piece.side == CLIENT:
			out += [Packet(now, frame) for frame in place.frames(piece, now)]
	return out
