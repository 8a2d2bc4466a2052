"""
Breaks good traffic: packets lost, cut, moved, octets of commands and replies changed, rubbish between.
What a receiver would have then nobody knows but who reads the packets: the reference.
"""

from wire import Packet

def damaged(packets, rng):
	"""(what was done, the packets)"""
	kinds = rng.sample(list(KINDS), rng.choice((1, 1, 2, 3)))
	for kind in kinds:
		packets = KINDS[kind](packets, rng)
	return "+".join(kinds), packets


def _like(packet, frame, wire_len=None):
	new = Packet(packet.time_ns, frame, wire_len)
	new.group = packet.group
	return new


def _lost(packets, rng):
	rate = rng.choice((0.001, 0.01, 0.05))
	return [p for p in packets if rng.random() >= rate]


def _cut(packets, rng):
	"""A snap length, sometimes for a few packets only."""
	snap, rate = rng.choice((60, 96, 200, 1000)), rng.choice((0.01, 0.1, 1))
	return [_like(p, p.frame[:snap], p.wire_len) if len(p.frame) > snap and rng.random() < rate else p for p in packets]


def _moved(packets, rng):
	"""In time, across sides: as captures from several queues are."""
	window = rng.choice((2, 5, 10))
	times = [p.time_ns for p in packets]
	order = sorted(range(len(packets)), key=lambda i: i + rng.uniform(0, window))
	out = []
	for now, i in zip(times, order):
		moved = _like(packets[i], packets[i].frame, packets[i].wire_len)
		moved.time_ns = now
		out.append(moved)
	return out


def _changed(packets, rng):
	"""Octets of TCP payload, checksums left wrong: most in what is short, which is commands and replies."""
	out = []
	for p in packets:
		frame = p.frame
		if 60 < len(frame) < 200 and rng.random() < 0.03:
			at = rng.randrange(len(frame) - min(len(frame) - 54, 40), len(frame))
			octet = rng.choice((rng.randrange(256), 13, 10, 32, 46, 48, 53))
			frame = frame[:at] + bytes((octet,)) + frame[at + 1:]
		out.append(_like(p, frame, p.wire_len))
	return out


def _rubbish(packets, rng):
	out = []
	for p in packets:
		out.append(p)
		if rng.random() < 0.02:
			frame = bytearray(p.frame)
			for _ in range(rng.choice((1, 3, 10))):
				frame[rng.randrange(12, len(frame))] = rng.randrange(256)
			out.append(_like(p, bytes(frame)))
	return out


def _tail(packets, rng):
	return packets[:rng.randint(len(packets) // 2, len(packets))]


KINDS = {"lost": _lost, "cut": _cut, "moved": _moved, "changed": _changed, "rubbish": _rubbish, "tail": _tail}
