"""
Makes captures of mail sessions: who says what, as TCP packets with sequence numbers, checksums and
times, over IPv4 or IPv6, under VLAN tags. All text is the test's own.
"""

import ipaddress
import struct

import wire

CLIENT, SERVER = "C", "S"


class Talk:
	"""A TCP connection being written down. `say` adds octets; `packets` is what was captured."""

	def __init__(self, v6=False, tags=(), port=25, client_port=40000, mss=1400, start_ns=1_700_000_000 * 10**9):
		self.v6, self.tags, self.port, self.client_port, self.mss = v6, tags, port, client_port, mss
		self.now = start_ns
		self.seq = {CLIENT: 1000, SERVER: 500000}
		self.packets = []
		if v6:
			self.address = {CLIENT: ipaddress.ip_address("2001:db8::10").packed,
				SERVER: ipaddress.ip_address("2001:db8:1::25").packed}
		else:
			self.address = {CLIENT: ipaddress.ip_address("192.0.2.10").packed,
				SERVER: ipaddress.ip_address("198.51.100.25").packed}

	def head(self):
		tags = b"".join(struct.pack(">HH", kind, number) for kind, number in self.tags)
		return bytes.fromhex("020000000001020000000002") + tags + (b"\x86\xdd" if self.v6 else b"\x08\x00")

	def ip(self, side):
		other = SERVER if side == CLIENT else CLIENT
		if self.v6:
			return struct.pack(">IHBB", 6 << 28, 0, 6, 64) + self.address[side] + self.address[other]
		return struct.pack(">BBHHHBBH", 0x45, 0, 0, len(self.packets) & 0xFFFF, 0, 64, 6, 0) + \
			self.address[side] + self.address[other]

	def segment(self, side, seq, payload, flags):
		"""A packet at any place of the stream; the other side's octets so far are acknowledged."""
		other = SERVER if side == CLIENT else CLIENT
		ports = (self.client_port, self.port) if side == CLIENT else (self.port, self.client_port)
		ack = 0 if flags & wire.SYN and side == CLIENT else self.seq[other]
		self.now += 1_000_000
		return wire.Packet(self.now, wire.build(self.head(), self.ip(side), *ports, seq & 0xFFFFFFFF,
				ack & 0xFFFFFFFF, flags, 65000, b"", payload))

	def put(self, side, payload, flags=wire.ACK | wire.PSH):
		self.packets.append(self.segment(side, self.seq[side], payload, flags))
		self.seq[side] += len(payload) + bool(flags & wire.SYN) + bool(flags & wire.FIN)

	def shake(self):
		self.put(CLIENT, b"", wire.SYN)
		self.put(SERVER, b"", wire.SYN | wire.ACK)
		self.put(CLIENT, b"", wire.ACK)
		return self

	def say(self, side, octets, size=None):
		for at in range(0, len(octets), size or self.mss):
			self.put(side, octets[at:at + (size or self.mss)])
		return self

	def client(self, octets, size=None):
		return self.say(CLIENT, octets, size)

	def server(self, octets):
		return self.say(SERVER, octets)

	def greet(self, extensions=(b"PIPELINING", b"8BITMIME", b"CHUNKING")):
		self.server(b"220 mx.example.net ESMTP\r\n").client(b"EHLO pc.example.org\r\n")
		lines = [b"mx.example.net", *extensions]
		return self.server(b"".join(b"250-" + l + b"\r\n" for l in lines[:-1]) + b"250 " + lines[-1] + b"\r\n")

	def envelope(self, sender=b"a@example.org"):
		self.client(b"MAIL FROM:<" + sender + b">\r\n").server(b"250 ok\r\n")
		return self.client(b"RCPT TO:<b@example.net>\r\n").server(b"250 ok\r\n")

	def data(self, content, size=None):
		"""DATA with its content (CRLF lines), dots stuffed, and the replies."""
		self.client(b"DATA\r\n").server(b"354 go ahead\r\n")
		return self.client(stuffed(content) + b".\r\n", size).server(b"250 queued\r\n")

	def bye(self):
		self.client(b"QUIT\r\n").server(b"221 bye\r\n")
		self.put(CLIENT, b"", wire.FIN | wire.ACK)
		self.put(SERVER, b"", wire.FIN | wire.ACK)
		self.put(CLIENT, b"", wire.ACK)
		return self


def stuffed(content):
	lines = content.split(b"\r\n")
	return b"\r\n".join(b"." + l if l.startswith(b".") else l for l in lines)


def session(content, size=None, **options):
	return Talk(**options).shake().greet().envelope().data(content, size).bye()


def fragments(packet, size=256):
	"""An Ethernet frame with an IPv4 packet as IP fragments; IPv6 with a fragment header."""
	frame = packet.frame
	head, ip = frame[:14], bytearray(frame[14:])
	out = []
	if ip[0] >> 4 == 4:
		body = bytes(ip[20:])
		for at in range(0, len(body), size):
			part = body[at:at + size]
			h = bytearray(ip[:20])
			more = at + len(part) < len(body)
			struct.pack_into(">HHH", h, 2, 20 + len(part), 4711 + int(packet.time_ns // 10**6) % 50000,
					(0x2000 if more else 0) | at // 8)
			struct.pack_into(">H", h, 10, 0)
			struct.pack_into(">H", h, 10, wire._sum(bytes(h)))
			out.append(wire.Packet(packet.time_ns, head + bytes(h) + part))
		return out
	body = bytes(ip[40:])
	for at in range(0, len(body), size):
		part = body[at:at + size]
		h = bytearray(ip[:40])
		struct.pack_into(">HB", h, 4, 8 + len(part), 44)
		more = at + len(part) < len(body)
		extension = struct.pack(">BBHI", 6, 0, at | more, 1000 + int(packet.time_ns // 10**6) % 10**6)
		out.append(wire.Packet(packet.time_ns, head + bytes(h) + extension + part))
	return out
