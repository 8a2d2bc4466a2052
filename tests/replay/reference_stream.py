"""
The slow, obvious reading of a capture, part one: from the file to the octets each side of a TCP
connection received. An octet is kept in a dict by its place in the stream, and the first copy stays.
Written from the RFCs and for plainness only; shares no code with what makes the captures.

What it does not read (link types but Ethernet, pcapng) the captures of these tests do not have.
"""

import struct

PORTS = (25, 587, 2525)
FIN, SYN, RST, ACK = 1, 2, 4, 16
VLAN = (0x8100, 0x88A8, 0x9100, 0x9200)
FAR = 1 << 30           # RFC 7323, 2.2: no receiver takes octets farther ahead than its largest window
NEAR = 1 << 24          # a RST in a window of that size may look like one behind octets that were not captured
PATIENCE = 32           # packets: what is later than that, once acknowledged, may be taken for not captured
FRAGMENT_LIFE_NS = 30 * 10**9
CLIENT, SERVER = "client", "server"


def records(path):
	"""(time in ns, octets captured, length on the wire) of a little-endian pcap of Ethernet frames."""
	with open(path, "rb") as f:
		data = f.read()
	magic, _, _, _, _, _, link = struct.unpack_from("<IHHiIII", data)
	assert magic in (0xA1B2C3D4, 0xA1B23C4D) and link == 1, "not a capture that these tests write"
	unit = 1 if magic == 0xA1B23C4D else 1000
	at = 24
	while at + 16 <= len(data):
		sec, part, have, length = struct.unpack_from("<IIII", data, at)
		yield sec * 10**9 + part * unit, data[at + 16:at + 16 + have], length
		at += 16 + have


def network(frame):
	"""(VLAN tags, the IP packet) of an Ethernet frame; None when there is none."""
	kind, at, tags = int.from_bytes(frame[12:14], "big"), 14, []
	while kind in VLAN and len(tags) < 2:
		tags.append(int.from_bytes(frame[at:at + 2], "big") & 0xFFF)
		kind = int.from_bytes(frame[at + 2:at + 4], "big")
		at += 4
	if kind == 0x8864:                                       # PPPoE session, RFC 2516
		if frame[at:at + 2] != b"\x11\x00":
			return None
		kind = {0x21: 0x0800, 0x57: 0x86DD}.get(int.from_bytes(frame[at + 6:at + 8], "big"))
		at += 8
	if kind not in (0x0800, 0x86DD):
		return None
	return tuple(tags), kind, frame[at:]


class Datagrams:
	"""IP fragments put together: RFC 791, RFC 8200 4.5; overlap ends a datagram (RFC 5722), a repeat does not."""

	def __init__(self):
		self.parts = {}                                      # key -> {offset: octets}, or None: dead
		self.last = {}                                       # key -> total length
		self.since = {}

	def add(self, now, key, offset, more, octets):
		"""The whole payload once it is there, else None."""
		if key in self.since and now - self.since[key] > FRAGMENT_LIFE_NS:
			self.forget(key)
		self.since.setdefault(key, now)
		parts = self.parts.setdefault(key, {})
		if parts is None:
			return None
		end = offset + len(octets)
		if parts.get(offset) != octets:
			overlap = any(o < end and offset < o + len(p) for o, p in parts.items())
			misfit = more and len(octets) % 8 != 0
			if overlap or misfit or end > 65528 or (key in self.last and
					(end > self.last[key] or not more and end != self.last[key])) or \
					(not more and any(o + len(p) > end for o, p in parts.items())):
				self.parts[key] = None
				return None
			parts[offset] = octets
			if not more:
				self.last[key] = end
		if key not in self.last or sum(map(len, parts.values())) != self.last[key]:
			return None
		whole = b"".join(parts[o] for o in sorted(parts))
		self.forget(key)
		return whole

	def forget(self, key):
		for table in (self.parts, self.last, self.since):
			table.pop(key, None)


class Segment:
	"""A TCP segment: addresses as octets, `missing` octets of it were not captured."""

	__slots__ = ("source", "target", "sport", "dport", "seq", "ack", "flags", "payload", "missing", "good")


def checksum_good(source, target, tcp):
	total = int.from_bytes(source + target, "big") + 6 + len(tcp)
	total += int.from_bytes(tcp + bytes(len(tcp) % 2), "big")
	return total % 0xFFFF == 0


def segment(source, target, tcp, length):
	"""`length`: what the IP header says there is; fewer octets may have been captured."""
	if length < 20 or len(tcp) < 20:
		return None
	s = Segment()
	s.source, s.target = source, target
	s.sport, s.dport, s.seq, s.ack, size, s.flags = struct.unpack_from(">HHIIBB", tcp)
	size = (size >> 4) * 4
	if size < 20 or size > length or size > len(tcp):
		return None
	s.payload = tcp[size:length]
	s.missing = length - size - len(s.payload)
	s.good = s.missing > 0 or checksum_good(source, target, tcp[:length])
	return s


def transport(now, packet, missing, datagrams):
	"""The TCP segment of an IP packet; `missing` octets at the frame's end were not captured."""
	if len(packet) < 20:
		return None
	if packet[0] >> 4 == 4:
		header, total, ident, place = (packet[0] & 15) * 4, *struct.unpack_from(">HHH", packet, 2)
		source, target, protocol = packet[12:16], packet[16:20], packet[9]
		if header < 20 or total < header or total > len(packet) + missing or protocol != 6:
			return None
		data, length = packet[header:total], total - header
		if place & 0x3FFF == 0:
			return segment(source, target, data, length)
		key, offset, more = (source, target, ident, protocol), (place & 0x1FFF) * 8, bool(place & 0x2000)
	elif packet[0] >> 4 == 6 and len(packet) >= 40:
		source, target, kind = packet[8:24], packet[24:40], packet[6]
		total = 40 + struct.unpack_from(">H", packet, 4)[0]
		if total > len(packet) + missing:
			return None
		at = 40
		while kind in (0, 43, 60):
			if at + 8 > len(packet):
				return None
			kind, at = packet[at], at + (packet[at + 1] + 1) * 8
		data, length = packet[at:total], total - at
		if kind == 6:
			return segment(source, target, data, length)
		if kind != 44 or length < 8 or len(data) < 8:
			return None
		kind, _, place, ident = struct.unpack_from(">BBHI", data)
		key, offset, more = (source, target, ident), place & 0xFFF8, bool(place & 1)
		data, length = data[8:], length - 8
	else:
		return None
	if len(data) != length or length == 0:                   # a fragment that was not captured whole
		return None
	whole = datagrams.add(now, key, offset, more, data)
	return segment(source, target, whole, len(whole)) if whole and kind_is_tcp(packet, key) else None


def kind_is_tcp(packet, key):
	return packet[0] >> 4 == 6 or key[3] == 6


class Half:
	"""What one side sent. `dated`: how much its sender had of the other side's is kept for each octet."""

	def __init__(self, dated):
		self.dated = dated
		self.isn = None                                      # sequence number in front of its first octet
		self.octets = {}                                     # place -> octet
		self.acked_then = {}                                 # place -> how much of the other side its sender had
		self.next = 0                                        # places below this are all there
		self.acked = 0                                       # as far as the other side has said
		self.fin = None
		self.syn = False

	def place(self, seq):
		"""Of a sequence number, near to where the stream stands: the numbers wrap."""
		place = (seq - self.isn - 1 - self.next) & 0xFFFFFFFF
		return self.next + (place - (1 << 32) if place >= 1 << 31 else place)

	def take(self, place, payload, acked):
		if abs(place - self.next) >= FAR:
			return
		for at, octet in enumerate(payload, place):
			if at >= 0:
				self.octets.setdefault(at, octet)       # the first copy stays
		if self.dated:
			for at in range(max(0, place), place + len(payload)):
				self.acked_then.setdefault(at, acked)
		while self.next in self.octets:
			self.next += 1

	def known(self):
		"""The octets up to the first that is missing, or to the FIN: nothing is read behind it."""
		end = self.next if self.fin is None else min(self.next, max(0, self.fin))
		return bytes(map(self.octets.__getitem__, range(end)))

	def gap(self):
		"""Octets are there behind a place that is missing."""
		return bool(self.octets) and max(self.octets) >= self.next


class Connection:
	def __init__(self, number, key, start_ns):
		self.number, self.key, self.start_ns = number, key, start_ns
		self.doubts = []                                     # (what, the client's place by then)
		self.ahead = []                                      # acknowledgements of what had not come by
		self.packets = 0
		self.first = None                                    # (side, octets) of the first packet that has any
		self.half = {CLIENT: Half(dated=False), SERVER: Half(dated=True)}
		self.over = self.reset = False
		self.cut = False                                     # part of a segment was not captured
		self.sent = []                                       # all the client's octets as they came: (sequence number, octets)

	def add(self, side, s):
		self.packets += 1
		if s.payload and self.first is None:
			self.first = side, s.payload
		self.take(side, s)
		if self.ahead:
			self.look_back()

	def take(self, side, s):
		mine, theirs = self.half[side], self.half[SERVER if side == CLIENT else CLIENT]
		seq = s.seq
		if s.flags & SYN and not mine.syn and mine.octets:
			self.doubts.append(("a SYN behind its octets", 0))
		if s.flags & SYN and mine.isn not in (None, s.seq):
			# RFC 5961, 4.2: answered with a challenge; none of it is taken.
			self.doubts.append(("a SYN with another number", self.half[CLIENT].next))
			return
		if side == SERVER and s.flags & SYN and not mine.syn and s.flags & ACK and \
				(theirs.isn is None or not 0 <= s.ack - 1 - theirs.isn & 0xFFFFFFFF <= 1500):
			# Of several SYNs the one counts that the server answers.
			self.half[CLIENT] = theirs = Half(dated=False)
			theirs.isn = (s.ack - 1) & 0xFFFFFFFF
		if s.flags & SYN:
			if mine.isn is None:
				mine.isn = s.seq
			mine.syn = True
			seq += 1
		elif mine.isn is None and not s.flags & RST:         # the handshake was not captured
			mine.isn = (s.seq - 1) & 0xFFFFFFFF
		if theirs.isn is None and s.flags & ACK:
			theirs.isn = (s.ack - 1) & 0xFFFFFFFF
		if s.flags & RST:
			# RFC 5961, 3.2: believed at the very number that its receiver expects.
			expected = mine.next + (mine.fin == mine.next)
			if mine.isn is None or mine.place(s.seq) == expected:
				self.over = self.reset = True
			elif mine.acked <= mine.place(s.seq) < expected + NEAR:
				self.doubts.append(("a RST that is answered with a challenge", self.half[CLIENT].next))
			return
		place = mine.place(seq)
		acked = theirs.place(s.ack) if s.flags & ACK and theirs.isn is not None else 0
		theirs.acked = max(theirs.acked, acked)
		# Not seen, or not yet; one that says no more than another that waits says nothing.
		if acked > theirs.next and acked > max((a for h, a, _, _ in self.ahead if h is theirs), default=0):
			self.ahead.append((theirs, acked, self.half[CLIENT].next, self.packets))
		# A side has what it acknowledged, and may have what was captured before (its number may be broken).
		mine.take(place, s.payload, max(theirs.acked, theirs.next))
		if s.missing:
			self.cut = True
		if s.flags & FIN and mine.fin is None:
			mine.fin = place + len(s.payload) + s.missing
		if mine.fin == mine.next and theirs.fin == theirs.next:
			self.over = True


	def outlived(self, s):
		"""Its client speaks on behind a RST: what follows is a connection that begins in mid-stream."""
		half = self.half[CLIENT]
		return self.reset and s.payload and half.isn is not None and \
			half.place(s.seq) + len(s.payload) > max(half.octets, default=-1) + 1

	def look_back(self):
		"""Octets that were acknowledged before they came: late by how much?"""
		waiting = []
		for half, acked, place, since in self.ahead:
			if acked > half.next + (half.fin is not None):
				waiting.append((half, acked, place, since))
			elif self.packets - since > PATIENCE:
				self.doubts.append(("octets came late", place))
		self.ahead = waiting

	def finish(self):
		self.doubts += [("octets were acknowledged that were never seen", place)
			for half, _, place, _ in self.ahead if half.octets]
		for half in self.half.values():
			if half.fin is not None and half.octets and max(half.octets) >= half.fin:
				self.doubts.append(("octets behind a FIN", half.fin if half is self.half[CLIENT] else 0))
		return self


def connections(path, checksums=False):
	"""Those of a capture with an SMTP port at one end, in the order of their first packets."""
	datagrams, live, found = Datagrams(), {}, []
	asked = {}                                               # key -> a SYN that begins another connection, or is a lie
	for now, frame, wire_len in records(path):
		below = network(frame)
		if below is None:
			continue
		tags, _, packet = below
		s = transport(now, packet, wire_len - len(frame), datagrams)
		if s is None or (checksums and not s.good):
			continue
		if s.dport in PORTS:
			side, key = CLIENT, (tags, s.source, s.sport, s.target, s.dport)
		elif s.sport in PORTS:
			side, key = SERVER, (tags, s.target, s.dport, s.source, s.sport)
		else:
			continue
		connection = live.get(key)
		opens = side == CLIENT and s.flags & (SYN | ACK) == SYN
		if connection is not None and opens and connection.over and connection.half[CLIENT].isn != s.seq:
			connection = None                                # the next one between these ends
		elif connection is not None and opens and connection.half[CLIENT].isn not in (None, s.seq):
			asked[key] = now, s
		answers = side == SERVER and s.flags & (SYN | ACK) == SYN | ACK and key in asked
		if answers and 0 < (s.ack - asked[key][1].seq) & 0xFFFFFFFF <= 1501:
			since, syn = asked.pop(key)                      # its end was not captured, but it is over
			connection = live[key] = Connection(len(found) + 1, key, since)
			found.append(connection)
			connection.add(CLIENT, syn)
		if connection is not None and side == CLIENT and not s.flags & RST and connection.outlived(s):
			connection = None
		if connection is None:
			if s.flags & RST:
				continue
			connection = live[key] = Connection(len(found) + 1, key, now)
			found.append(connection)
		if side == CLIENT and s.payload and not s.flags & RST:
			connection.sent.append((s.seq + bool(s.flags & SYN), s.payload))
		if not connection.over:
			connection.add(side, s)
	return [connection.finish() for connection in found]
