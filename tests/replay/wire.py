"""
Captures as lists of packets: reads pcap and pcapng, finds the TCP segment in an Ethernet, NULL, RAW
or cooked frame, and writes pcap. Only what the tests need; a frame that is not plain TCP stays as it
is. Never checks checksums; writes right ones.
"""

import struct

ETHERNET, NULL, RAW, LOOP, IPV4, IPV6, SLL, SLL2, PPP = 1, 0, 101, 108, 228, 229, 113, 276, 9
FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32


class Packet:
	def __init__(self, time_ns, frame, wire_len=None):
		self.time_ns = time_ns
		self.frame = frame
		self.wire_len = len(frame) if wire_len is None else wire_len


def read(path):
	"""(link type, packets)"""
	with open(path, "rb") as f:
		octets = f.read()
	if octets[:4] == b"\x0a\x0d\x0d\x0a":
		return _read_ng(octets)
	order = "<" if octets[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
	unit = 1 if struct.unpack(order + "I", octets[:4])[0] == 0xA1B23C4D else 1000
	link = struct.unpack_from(order + "I", octets, 20)[0] & 0xFFFF
	packets, at = [], 24
	while at + 16 <= len(octets):
		sec, part, caplen, length = struct.unpack_from(order + "IIII", octets, at)
		packets.append(Packet(sec * 10**9 + part * unit, octets[at + 16:at + 16 + caplen], length))
		at += 16 + caplen
	return link, packets


def _read_ng(octets):
	link, packets, at, order = None, [], 0, "<"
	while at + 12 <= len(octets):
		if octets[at:at + 4] == b"\x0a\x0d\x0d\x0a":
			order = "<" if octets[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
		kind, size = struct.unpack_from(order + "II", octets, at)
		if kind == 1 and link is None:
			link = struct.unpack_from(order + "H", octets, at + 8)[0]
		elif kind == 6:
			high, low, caplen, length = struct.unpack_from(order + "IIII", octets, at + 12)
			packets.append(Packet((high << 32 | low) * 1000, octets[at + 28:at + 28 + caplen], length))
		elif kind == 3:
			length = struct.unpack_from(order + "I", octets, at + 8)[0]
			packets.append(Packet(0, octets[at + 12:at + 12 + min(length, size - 16)], length))
		at += size
	return link, packets


def write(path, packets, link=ETHERNET, order="<", nano=False):
	with open(path, "wb") as f:
		f.write(bytes_of(packets, link, order, nano))


def bytes_of(packets, link=ETHERNET, order="<", nano=False):
	out = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, 262144, link)]
	for p in packets:
		part = p.time_ns % 10**9
		out.append(struct.pack(order + "IIII", p.time_ns // 10**9, part if nano else part // 1000,
				len(p.frame), p.wire_len))
		out.append(p.frame)
	return b"".join(out)


def bytes_of_ng(packets, link=ETHERNET, order="<"):
	out = [struct.pack(order + "IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28),
		struct.pack(order + "IIHHII", 1, 20, link, 0, 0, 20)]
	for p in packets:
		pad = -len(p.frame) % 4
		size = 32 + len(p.frame) + pad
		micro = p.time_ns // 1000
		out.append(struct.pack(order + "IIIIIII", 6, size, 0, micro >> 32, micro & 0xFFFFFFFF,
				len(p.frame), p.wire_len) + p.frame + bytes(pad) + struct.pack(order + "I", size))
	return b"".join(out)


def network(link, frame):
	"""Offset of the IP header, or None."""
	at = None
	if link == ETHERNET and len(frame) >= 14:
		at, kind = 14, frame[12:14]
		while kind in (b"\x81\x00", b"\x88\xa8", b"\x91\x00") and len(frame) >= at + 4:
			kind = frame[at + 2:at + 4]
			at += 4
		if kind not in (b"\x08\x00", b"\x86\xdd"):
			return None
	elif link in (NULL, LOOP):
		at = 4
	elif link in (RAW, IPV4, IPV6, 12):
		at = 0
	elif link == SLL:
		at = 16
	elif link == SLL2:
		at = 20
	return at if at is not None and len(frame) > at else None


class Segment:
	"""One TCP segment and all that stood in front of it."""

	def __init__(self, link, packet):
		frame = packet.frame
		at = network(link, frame)
		self.ok = False
		if at is None or packet.wire_len != len(frame):
			return
		version = frame[at] >> 4
		if version == 4 and len(frame) >= at + 20:
			size = (frame[at] & 15) * 4
			total = struct.unpack_from(">H", frame, at + 2)[0] or len(frame) - at
			fragment = struct.unpack_from(">H", frame, at + 6)[0] & 0x3FFF
			if frame[at + 9] != 6 or fragment or size < 20:
				return
			self.source, self.target = frame[at + 12:at + 16], frame[at + 16:at + 20]
		elif version == 6 and len(frame) >= at + 40 and frame[at + 6] == 6:
			size = 40
			total = 40 + struct.unpack_from(">H", frame, at + 4)[0]
			self.source, self.target = frame[at + 8:at + 24], frame[at + 24:at + 40]
		else:
			return
		tcp = at + size
		end = at + total
		if end > len(frame) or tcp + 20 > end:
			return
		self.sport, self.dport, self.seq, self.ack = struct.unpack_from(">HHII", frame, tcp)
		header = (frame[tcp + 12] >> 4) * 4
		if header < 20 or tcp + header > end:
			return
		self.flags = frame[tcp + 13]
		self.window = struct.unpack_from(">H", frame, tcp + 14)[0]
		self.options = frame[tcp + 20:tcp + header]
		self.payload = frame[tcp + header:end]
		self.head, self.ip = frame[:at], frame[at:tcp]
		self.time_ns = packet.time_ns
		self.ok = True

	def way(self):
		return self.source, self.sport, self.target, self.dport

	def piece(self, at, payload, flags):
		"""The packet of a part of this segment's octets, from offset `at` of its stream octets on."""
		return Packet(self.time_ns, build(self.head, self.ip, self.sport, self.dport,
				(self.seq + at) & 0xFFFFFFFF, self.ack, flags, self.window, self.options, payload))


def _sum(octets):
	if len(octets) % 2:
		octets += b"\0"
	total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
	while total >> 16:
		total = (total & 0xFFFF) + (total >> 16)
	return ~total & 0xFFFF


def build(head, ip, sport, dport, seq, ack, flags, window, options, payload):
	tcp = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, (20 + len(options)) // 4 << 4, flags, window,
			0, 0) + options + payload
	ip = bytearray(ip)
	if ip[0] >> 4 == 4:
		struct.pack_into(">H", ip, 2, len(ip) + len(tcp))
		struct.pack_into(">H", ip, 10, 0)
		struct.pack_into(">H", ip, 10, _sum(bytes(ip)))
		pseudo = bytes(ip[12:20]) + struct.pack(">HH", 6, len(tcp))
	else:
		struct.pack_into(">H", ip, 4, len(tcp))
		pseudo = bytes(ip[8:40]) + struct.pack(">IHH", len(tcp), 0, 6)
	return head + bytes(ip) + tcp[:16] + struct.pack(">H", _sum(pseudo + tcp)) + tcp[18:]
