#!/usr/bin/env python3
"""
The same octets in other packets give the same messages. Every SMTP capture is cut anew (one octet a
segment, at random, merged), slightly shuffled and repeated, and run again: what the lines say, but
for times and the order of completion, must not change. Seeds are printed.
"""

import argparse
import json
import os
import random
import sys
import tempfile

import lane
import wire
from captures import SKIPPED, captures

PORTS = (25, 587, 2525)
WINDOW = 8      # packets by which one may be displaced: less than the lane's patience with a capture
MERGED_MAX = 16000


def pieces(segment, sizes):
	"""A segment as packets of the given sizes (an endless iterator)."""
	out, at = [], 0
	payload = segment.payload
	while at < len(payload):
		size = next(sizes)
		last = at + size >= len(payload)
		flags = segment.flags if last else segment.flags & ~(wire.FIN | wire.PSH)
		out.append(segment.piece(at, payload[at:at + size], flags))
		at += size
	return out


def cut(items, rng, size_max):
	def sizes():
		while True:
			yield rng.randint(1, size_max)

	out = []
	for packet, segment in items:
		if segment and segment.payload and not segment.flags & (wire.SYN | wire.RST | wire.URG):
			out.extend(pieces(segment, sizes()))
		else:
			out.append(packet)
	return out


def merged(items):
	"""Joins what one side sends in a row."""
	out, run = [], None
	for packet, segment in items:
		plain = segment and segment.payload and not segment.flags & (wire.SYN | wire.RST | wire.FIN | wire.URG)
		if plain and run and run.way() == segment.way() and len(run.payload) < MERGED_MAX and \
				segment.seq == (run.seq + len(run.payload)) & 0xFFFFFFFF:
			run.payload += segment.payload
			run.ack, run.flags = segment.ack, run.flags | segment.flags
			out[-1] = run.piece(0, run.payload, run.flags)
			continue
		run = wire.Segment(segment.link, packet) if plain else None
		out.append(packet)
	return out


def shuffled(packets, link, rng):
	"""What one side sends in a row may arrive in another order; nobody moves by more than WINDOW."""
	out, run, way = [], [], None
	for packet in packets + [None]:
		segment = wire.Segment(link, packet) if packet else None
		movable = segment is not None and segment.ok and segment.payload and \
			not segment.flags & (wire.SYN | wire.RST | wire.FIN)
		if not movable or segment.way() != way:
			times = [p.time_ns for p in run]
			order = sorted(range(len(run)), key=lambda i: i + rng.uniform(0, WINDOW))
			out.extend(wire.Packet(t, run[i].frame) for t, i in zip(times, order))
			run, way = [], segment.way() if movable else None
		if movable:
			run.append(packet)
		elif packet:
			out.append(packet)
	return out


def repeated(packets, rng):
	late, out = [], []
	for packet in packets:
		out.append(packet)
		if rng.random() < 0.3:
			late.append([rng.randint(0, WINDOW), packet])
		for entry in late:
			entry[0] -= 1
			if entry[0] < 0:
				out.append(wire.Packet(packet.time_ns, entry[1].frame))
		late = [e for e in late if e[0] >= 0]
	return out


def changes(items, link, seed, whole):
	rng = random.Random(seed)
	frames = [packet for packet, _ in items]
	yield "one octet", cut(items, rng, 1), True
	yield "small", cut(items, rng, 7), True
	yield "random", cut(items, rng, 700), True
	yield "merged", merged(items), True
	yield "repeated", repeated(cut(items, rng, 400), rng), True
	if whole:
		yield "shuffled", shuffled(frames, link, rng), False
		yield "cut and shuffled", shuffled(cut(items, rng, 300), link, rng), False


def said(result, order_kept):
	"""What must stay: the messages; of a session what does not depend on which packet came first."""
	messages = sorted(json.dumps(lane.timeless(m), sort_keys=True) for m in result.messages)
	fields = ["client_ip", "client_port", "messages", "starttls", "mode", "reason", "client_bytes", "server_bytes", "quit"]
	if order_kept:
		fields.append("anomalies")
	sessions = sorted(json.dumps({f: s[f] for f in fields}, sort_keys=True) for s in result.sessions)
	return messages + sessions


def segments(path):
	"""(packet, segment or None); None for the whole when a packet of a mail session is not plain TCP."""
	link, packets = wire.read(path)
	items = []
	for packet in packets:
		segment = wire.Segment(link, packet)
		segment.link = link
		mail = segment.ok and (segment.sport in PORTS or segment.dport in PORTS)
		items.append((packet, segment if mail else None))
	return link, items


def first_difference(was, now):
	for line in was:
		if line not in now:
			return "gone: " + line[:300]
	for line in now:
		if line not in was:
			return "new: " + line[:300]
	return "a line is there more than once"


def check(program, path, name, seed, folder):
	"""(runs, sentences about failures)"""
	base = lane.run(program, path)
	if not base.sessions:
		return 0, []
	link, items = segments(path)
	names = set(base.summary["reasons"])
	# Where copies differ or octets are missing, the order of packets is part of what they say.
	whole = not names & {"overlap_conflict", "gap", "midstream", "asymmetric", "early_talker", "desync"}
	runs, bad = 0, []
	for what, packets, order_kept in changes(items, link, seed, whole):
		other = os.path.join(folder, "cut.pcap")
		wire.write(other, packets, link)
		result = lane.run(program, other)
		runs += 1
		was, now = said(base, order_kept), said(result, order_kept)
		if result.status != 0 or was != now:
			bad.append(f"{name}, {what}, seed {seed}: exit {result.status}, {first_difference(was, now)}")
	return runs, bad


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--seed", type=int, default=None)
	parser.add_argument("--only", help="one capture")
	parser.add_argument("program")
	parser.add_argument("captures")
	args = parser.parse_args()
	if not os.path.isdir(args.captures):
		print(f"no captures at {args.captures}: skipped")
		return SKIPPED
	seed = args.seed if args.seed is not None else random.SystemRandom().randrange(10**6)
	print(f"seed {seed}")
	runs, used, bad = 0, 0, []
	with tempfile.TemporaryDirectory() as folder:
		for name in captures(args.captures):
			if args.only and args.only != name:
				continue
			some, failures = check(args.program, os.path.join(args.captures, name), name, seed, folder)
			runs += some
			used += some > 0
			bad += failures
	print(f"{used} captures with mail, {runs} runs")
	for line in bad:
		print(f"FAILED {line}")
	return 1 if bad or (used < 40 and not args.only) else 0


if __name__ == "__main__":
	sys.exit(main())
