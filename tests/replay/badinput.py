#!/usr/bin/env python3
"""
Captures in every form they come in, whole and broken: the same mail in every link type and file
format, files cut anywhere, files that are no captures, options, usage. Makes all its captures.
"""

import argparse
import json
import os
import re
import ssl
import struct
import sys
import tempfile

import lane
import wire
from dialogue import CLIENT, SERVER, Talk, fragments, session
from hiding import INNOCENT, text

FAILURES = []


def expect(what, condition, detail=""):
	if not condition:
		FAILURES.append(f"{what}: {detail}")
	return condition


def one_sentence(err):
	lines = err.strip().split("\n")
	return len(lines) == 1 and lines[0].startswith("mailweir-replay: ") and len(lines[0]) > 30


class Bench:
	def __init__(self, program, folder):
		self.program, self.folder, self.runs = program, folder, 0

	def file(self, octets, name="x.pcap"):
		path = os.path.join(self.folder, name)
		with open(path, "wb") as f:
			f.write(octets)
		return path

	def run(self, octets, *options):
		self.runs += 1
		return lane.run(self.program, self.file(octets), *options)

	def refused(self, what, path, status=1):
		self.runs += 1
		result = lane.run(self.program, path)
		expect(what, result.status == status and not result.lines and one_sentence(result.err),
			f"exit {result.status}, {len(result.lines)} lines, {result.err!r}")


def said(result):
	messages = [lane.timeless(m) for m in result.messages]
	sessions = [{k: v for k, v in s.items() if k not in ("start", "end")} for s in result.sessions]
	return json.dumps([messages, sessions], sort_keys=True)


# ---- the same mail in other clothes

def relinked(packets, link, family=None, order="<"):
	"""Ethernet frames as packets of another link type."""
	out = []
	for p in packets:
		v6 = p.frame[12:14] == b"\x86\xdd"
		kind, ip = p.frame[12:14], p.frame[14:]
		if link == wire.NULL:
			head = struct.pack(order + "I", family or (30 if v6 else 2))
		elif link == wire.LOOP:
			head = struct.pack(">I", family or (24 if v6 else 2))
		elif link == wire.SLL:
			head = struct.pack(">HHH8s", 4, 1, 6, b"\2\0\0\0\0\1\0\0") + kind
		elif link == wire.SLL2:
			head = kind + struct.pack(">HIHBB8s", 0, 2, 1, 4, 6, b"\2\0\0\0\0\1\0\0")
		elif link == wire.PPP:
			head = b"\xff\x03" + (b"\x00\x57" if v6 else b"\x00\x21")
		else:
			head = b""
		out.append(wire.Packet(p.time_ns, head + ip))
	return out


def clothes(bench):
	for v6 in (False, True):
		packets = session(INNOCENT, v6=v6).packets
		base = bench.run(wire.bytes_of(packets))
		expect("a capture", base.status == 0 and len(base.messages) == 1 and base.messages[0]["complete"])
		forms = {
			"byte-swapped": wire.bytes_of(packets, order=">"),
			"nanosecond": wire.bytes_of(packets, nano=True),
			"nanosecond, byte-swapped": wire.bytes_of(packets, order=">", nano=True),
			"pcapng": wire.bytes_of_ng(packets),
			"pcapng, byte-swapped": wire.bytes_of_ng(packets, order=">"),
			"NULL": wire.bytes_of(relinked(packets, wire.NULL), wire.NULL),
			"NULL of a machine of the other byte order": wire.bytes_of(
				relinked(packets, wire.NULL, order=">"), wire.NULL, order=">"),
			"NULL, byte order of neither file nor reader": wire.bytes_of(
				relinked(packets, wire.NULL, order=">"), wire.NULL),
			"LOOP": wire.bytes_of(relinked(packets, wire.LOOP), wire.LOOP),
			"RAW": wire.bytes_of(relinked(packets, wire.RAW), wire.RAW),
			"IPV6" if v6 else "IPV4": wire.bytes_of(
				relinked(packets, wire.IPV6), wire.IPV6 if v6 else wire.IPV4),
			"SLL": wire.bytes_of(relinked(packets, wire.SLL), wire.SLL),
			"SLL2": wire.bytes_of(relinked(packets, wire.SLL2), wire.SLL2),
			"PPP": wire.bytes_of(relinked(packets, wire.PPP), wire.PPP),
			"RAW in pcapng": wire.bytes_of_ng(relinked(packets, wire.RAW), wire.RAW),
		}
		if v6:
			for family in (10, 24, 28, 30):
				forms[f"NULL, family {family}"] = wire.bytes_of(
					relinked(packets, wire.NULL, family), wire.NULL)
		for name, octets in forms.items():
			result = bench.run(octets)
			expect(f"{name}{' v6' if v6 else ''}", result.status == 0 and said(result) == said(base),
				f"exit {result.status} {result.err} {len(result.messages)} messages")
			stamps = [m["end"] for m in result.messages]
			expect(f"{name}: times", stamps == [m["end"] for m in base.messages], str(stamps))


# ---- what is no capture

def foreign(bench):
	good = wire.bytes_of(session(INNOCENT).packets)
	bench.refused("no such file", os.path.join(bench.folder, "none"))
	bench.refused("a directory", bench.folder)
	bench.refused("an empty file", bench.file(b""))
	bench.refused("text", bench.file(b"From: me\r\n" * 50))
	bench.refused("half a file header", bench.file(good[:13]))
	bench.refused("an unknown link type", bench.file(wire.bytes_of([], 147)))
	bench.refused("a version of the format that never was", bench.file(good[:4] + b"\x09\x00" + good[6:]))
	empty = bench.run(wire.bytes_of([]))
	expect("a capture without packets", empty.status == 0 and len(empty.lines) == 1 and
		empty.summary["packets"] == 0, str(empty.lines))


# ---- cut off

def records(octets):
	"""Offsets at which a record ends; the first is that of the file header."""
	ends, at = [24], 24
	while at < len(octets):
		at += 16 + struct.unpack_from("<I", octets, at + 8)[0]
		ends.append(at)
	return ends


def cut(bench):
	talk = Talk().shake().greet().envelope().data(INNOCENT).envelope().data(INNOCENT).bye()
	octets = wire.bytes_of(talk.packets)
	ends = records(octets)
	whole = bench.run(octets)
	for i, end in enumerate(ends[:-1]):
		for inside in (0, 1, 15, 16, 17, ends[i + 1] - end - 1):
			result = bench.run(octets[:end + inside])
			what = f"cut {inside} octets into record {i + 1}"
			expect(what, result.summary is not None and result.summary["packets"] == i, str(result.summary))
			if inside == 0:
				expect(what, result.status == 0 and not result.err, f"{result.status} {result.err!r}")
			else:
				expect(what, result.status == 1 and one_sentence(result.err), f"{result.status} {result.err!r}")
			for before, message in zip(whole.messages, result.messages):
				expect(what, not message["complete"] or message["sha256"] == before["sha256"], "another content")
	mad = bytearray(octets)
	struct.pack_into("<I", mad, ends[5] + 8, 0x7FFFFFFF)
	result = bench.run(bytes(mad))
	expect("a record of two gigabytes", result.status == 1 and one_sentence(result.err) and
		result.summary["packets"] == 5, f"{result.status} {result.err!r}")
	ng = wire.bytes_of_ng(talk.packets)
	for size in range(60, len(ng), 97):
		result = bench.run(ng[:size])
		expect(f"pcapng cut at {size}", result.status in (0, 1) and result.summary is not None and
			(result.status == 0) == (not result.err), f"{result.status} {result.err!r}")


def snapped(bench):
	"""Packets cut by the snap length are gaps: nothing is called complete over octets not seen."""
	content = text(b"0123456789abcdef\r\n" * 400)
	packets = session(content).packets
	whole = bench.run(wire.bytes_of(packets)).messages[0]
	longest = max(len(p.frame) for p in packets)
	for snap in (0, 10, 14, 20, 34, 54, 60, 200, 1000, longest - 1):
		short = [wire.Packet(p.time_ns, p.frame[:snap], len(p.frame)) for p in packets]
		result = bench.run(wire.bytes_of(short))
		what = f"snap length {snap}"
		expect(what, result.status == 0 and not result.err, result.err)
		expect(what, not any(m["complete"] for m in result.messages), "complete over a gap")
		for m in result.messages:
			expect(what, m["size"] <= whole["size"], "more than there was")
		if snap == longest - 1:
			expect(what, [s["mode"] for s in result.sessions] == ["metadata"] and
				result.sessions[0]["reason"] == "gap", str(result.sessions))
	result = bench.run(wire.bytes_of([wire.Packet(p.time_ns, p.frame[:longest], len(p.frame)) for p in packets]))
	expect("snap length not reached", result.messages[0]["sha256"] == whole["sha256"])


def overlapping_fragments(bench):
	"""RFC 5722: a datagram with overlapping fragments is none; its octets are a gap."""
	packets = session(text(b"x" * 600)).packets
	out = []
	for p in packets:
		pieces = fragments(p, 64)
		if len(pieces) > 4:
			bad = bytearray(pieces[2].frame)
			struct.pack_into(">H", bad, 20, struct.unpack_from(">H", bad, 20)[0] - 1)
			pieces.insert(2, wire.Packet(p.time_ns, bytes(bad)))
		out += pieces
	result = bench.run(wire.bytes_of(out))
	expect("overlapping fragments", not any(m["complete"] for m in result.messages), "read all the same")


def resets(bench):
	"""What follows a RST is read when the RST was out of place, and told when it was not."""
	talk = Talk().shake().greet().envelope()
	talk.packets.append(talk.segment(CLIENT, talk.seq[CLIENT], b"", wire.RST))
	talk.data(INNOCENT).bye()
	result = bench.run(wire.bytes_of(talk.packets))
	told = [(s["mode"], s["reason"]) for s in result.sessions]
	expect("a connection that outlives its RST", told == [("content", None), ("metadata", "midstream")], str(told))
	talk = session(INNOCENT)
	talk.packets.append(talk.segment(CLIENT, talk.seq[CLIENT], b"", wire.RST))
	talk.packets.append(talk.segment(SERVER, talk.seq[SERVER], b"", wire.RST))
	result = bench.run(wire.bytes_of(talk.packets))
	expect("RST behind the end", len(result.sessions) == 1 and not result.sessions[0]["anomalies"], str(result.sessions))


def openings(bench):
	"""Where a capture begins: what was missed is told, and nothing is said of what was merely not captured."""
	talk = session(INNOCENT)
	early = Talk().shake().client(b"EHLO pc\r\n").server(b"220 mx\r\n").server(b"250 mx\r\n").envelope().data(INNOCENT).bye()
	mute = Talk().shake().client(b"EHLO pc\r\n")
	mute.put(SERVER, b"", wire.ACK)
	refused = Talk().client(b"EHLO pc\r\n").server(b"502 what?\r\n").client(b"HELO pc\r\n").server(b"250 mx\r\n")
	refused.envelope().data(INNOCENT).bye()
	silent = Talk().client(b"EHLO pc\r\n")
	silent.put(SERVER, b"", wire.ACK)
	mine = [p for p in talk.packets if p.frame[26:30] == talk.address[CLIENT]]
	late = Talk().client(b"EHLO pc\r\n").server(b"220 mx\r\n").server(b"250 mx\r\n").envelope().data(INNOCENT).bye()
	for what, packets, mode, reason, anomalies, messages in (
			("the whole", talk.packets, "content", None, [], 1),
			("behind the handshake", talk.packets[3:], "content", None, [], 1),
			("behind the greeting", talk.packets[4:], "metadata", "midstream", [], 1),
			("at MAIL", talk.packets[6:], "metadata", "midstream", [], 1),
			("at RCPT", talk.packets[8:], "metadata", "midstream", [], 0),
			("EHLO, refused, and HELO", refused.packets, "metadata", "midstream", [], 1),
			("EHLO, and no reply", silent.packets, "metadata", "midstream", [], 0),
			("EHLO, the greeting behind it", late.packets, "content", None, ["early_talker"], 1),
			("one side, from its SYN", mine, "content", None, ["asymmetric"], 1),
			("one side, from EHLO", mine[2:], "content", None, ["asymmetric"], 1),
			("an early talker", early.packets, "content", None, ["early_talker"], 1),
			("an early talker, and no greeting", mute.packets, "content", None, ["early_talker"], 0)):
		result = bench.run(wire.bytes_of(packets))
		told = [(s["mode"], s["reason"], s["anomalies"]) for s in result.sessions]
		expect(f"a capture begins: {what}", told == [(mode, reason, anomalies)], str(told))
		expect(f"a capture begins: {what}", len(result.messages) == messages and
			all(m["complete"] for m in result.messages), str(result.messages))
		if messages and anomalies != ["asymmetric"]:
			expect(f"a capture begins: {what}", [(m["data_reply"], [r["reply"] for r in m["rcpt_to"]])
				for m in result.messages] == [(250, [250])], str(result.messages))
	unheard = bench.run(wire.bytes_of(talk.packets[:3] + talk.packets[4:]))
	expect("the greeting lost", unheard.sessions[0]["anomalies"] == [] and len(unheard.messages) == 1,
		str(unheard.sessions))


def mixed(bench):
	"""A second link type in one file: libpcap has one for all, and that is what is said."""
	first = wire.bytes_of_ng(session(INNOCENT).packets)
	second = wire.bytes_of_ng(relinked(session(INNOCENT).packets, wire.RAW), wire.RAW)
	result = bench.run(first + second)
	expect("a second link type", result.status == 1 and len(result.messages) == 1 and one_sentence(result.err) and
		"another link type" in result.err and "damaged" not in result.err, result.err)


# ---- options

def options(bench):
	plain = wire.bytes_of(session(INNOCENT).packets)
	odd = wire.bytes_of(session(INNOCENT, port=10025).packets)
	expect("another port", not bench.run(odd).sessions)
	expect("--ports", len(bench.run(odd, "--ports", "10025").messages) == 1)
	expect("--ports, several", len(bench.run(odd, "--ports", "25,10025,587").messages) == 1)
	expect("--ports leaves others out", not bench.run(plain, "--ports", "10025").sessions)
	damaged = session(INNOCENT).packets
	for p in damaged:
		frame = bytearray(p.frame)
		frame[50] ^= 0x55 # TCP checksum
		p.frame = bytes(frame)
	expect("wrong checksums do not count", len(bench.run(wire.bytes_of(damaged)).messages) == 1)
	judged = bench.run(wire.bytes_of(damaged), "--checksums")
	expect("--checksums", not judged.messages and judged.summary["reasons"].get("bad_checksum") == len(damaged),
		str(judged.summary))
	expect("--checksums, right ones", len(bench.run(plain, "--checksums").messages) == 1)
	first, second = bench.run(plain, "--redact"), bench.run(plain, "--redact")
	shown = json.dumps(first.lines)
	m = first.messages[0]
	# The local part itself, not the last digit of its hash.
	expect("--redact", not re.search(r"(?<![0-9a-f])(a@example\.org|b@example\.net)", shown), shown)
	expect("--redact keeps domains", m["mail_from"].endswith("@example.org") and
		m["rcpt_to"][0]["address"].endswith("@example.net") and m["headers"]["from"] == m["mail_from"], shown)
	expect("--redact with a key of its own each run", m["mail_from"] != second.messages[0]["mail_from"])
	redacted_forms(bench)


def redacted_forms(bench):
	"""Local parts in every form an address may have; what is none stays."""
	content = (b'From: "Roe, secret" <"secret roe"@a.example>, "x <secret@b.example> y" <secret@c.example>\r\n'
		b'To: "secret\\"<roe"@d.example, "Jane " <secret.roe@e.example>, secret@f.example (Jane), Jane\r\n\r\n\r\n')
	talk = Talk().shake().greet().client(b'MAIL FROM:<"secret,<roe"@a.example>\r\n').server(b"250 ok\r\n")
	for path in (b"secret", b'"secret@roe"@b.example', b"secret+roe=x@c.example"):
		talk.client(b"RCPT TO:<" + path + b">\r\n").server(b"250 ok\r\n")
	m = bench.run(wire.bytes_of(talk.data(content).bye().packets), "--redact").messages[0]
	hashed, shown = "[0-9a-f]{16}", json.dumps(m)
	envelope = [m["mail_from"]] + [r["address"] for r in m["rcpt_to"]]
	for got, want in zip(envelope, (hashed + "@a.example", hashed, hashed + "@b.example", hashed + "@c.example")):
		expect("--redact of a path", re.fullmatch(want, got), got)
	expect("--redact of From", re.fullmatch(f'"Roe, secret" <{hashed}@a.example>, "x <{hashed}@b.example> y" <{hashed}@c.example>',
		m["headers"]["from"]), m["headers"]["from"])
	expect("--redact of To", re.fullmatch(f'{hashed}@d.example, "Jane " <{hashed}@e.example>, {hashed}@f.example \\(Jane\\), Jane',
		m["headers"]["to"]), shown)


def client_hello(name):
	"""What OpenSSL sends first."""
	out = ssl.MemoryBIO()
	context = ssl.create_default_context()
	tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
	try:
		tls.do_handshake()
	except ssl.SSLWantReadError:
		pass
	return out.read()


SESSION_KEYS = ["type", "session", "client_ip", "client_port", "server_ip", "server_port", "customer", "start", "end",
	"messages", "starttls", "mode", "reason", "client_bytes", "server_bytes", "quit", "anomalies"]


def details(bench):
	"""The name in a ClientHello is told when it is asked for, however the hello is cut; else lines are as promised."""
	name = "mx1.mail.example.net"
	hello = client_hello(name)
	for kind in ("starttls", "implicit"):
		for size in (1, 7, 100, 1400):
			talk = Talk().shake()
			if kind == "starttls":
				talk.greet((b"STARTTLS",)).client(b"STARTTLS\r\n").server(b"220 go\r\n")
			talk.client(hello, size).server(b"\x16\x03\x03\x00\x05hello").client(b"\x17\x03\x03\x00\x01x")
			capture = wire.bytes_of(talk.packets)
			told = bench.run(capture, "--details").sessions
			expect(f"--details, {kind}, segments of {size}", len(told) == 1 and told[0]["tls_server_name"] == name and
				told[0]["mode"] == "metadata" and list(told[0]) == SESSION_KEYS + ["tls_server_name"], str(told))
			told = bench.run(capture).sessions
			expect(f"without --details, {kind}", len(told) == 1 and list(told[0]) == SESSION_KEYS, str(told))
	lost = Talk().shake().greet((b"STARTTLS",)).client(b"STARTTLS\r\n").server(b"220 go\r\n").client(hello, 60)
	del lost.packets[1 - -(-len(hello) // 60)] # the second of the hello: the name lies behind it
	told = bench.run(wire.bytes_of(lost.packets), "--details").sessions
	expect("a hello with a hole", told[0]["tls_server_name"] is None and told[0]["reason"] == "starttls", str(told))
	plain = bench.run(wire.bytes_of(session(INNOCENT).packets), "--details").sessions
	expect("--details of a session in clear", plain[0]["tls_server_name"] is None, str(plain))


def usage(bench):
	path = bench.file(wire.bytes_of(session(INNOCENT).packets))
	wrong = [[], [path, path], ["--nonsense", path], ["--ports", "0", path], ["--ports", "x", path],
		["--ports", "25,", path], ["--ports", "65536", path], ["--ports", "", path], ["--ruleset"]]
	for words in wrong:
		result = lane.call(bench.program, *words)
		bench.runs += 1
		expect(f"usage {words}", result.status == 2 and not result.lines and result.err,
			f"{result.status} {result.err!r}")
	result = lane.run(bench.program, path, "--ruleset", path)
	expect("a ruleset that is none", result.status == 1 and not result.lines and one_sentence(result.err), result.err)
	result = lane.run(bench.program, path, "--policy", os.path.join(bench.folder, "none"))
	expect("no such policy", result.status == 1 and not result.lines and one_sentence(result.err), result.err)


# ---- hostile octets in what is printed

def hostile_text(bench):
	"""Any octet in envelope, header and names: every line is JSON in UTF-8 without control characters."""
	every = bytes(c for c in range(256) if c not in (10, 13))
	talk = Talk().shake().client(b"").server(b"220 hi\r\n").client(b"EHLO " + every + b"\r\n").server(b"250 ok\r\n")
	talk.client(b"MAIL FROM:<" + every + b"@x>\r\n").server(b"250 ok\r\n")
	talk.client(b"RCPT TO:<" + every + b"@y>\r\n").server(b"250 ok\r\n")
	talk.data(b"Subject: " + every + b"\r\nFrom: \xed\xa0\x80\xf8\x88\x80\x80\x80 \xc0\xaf\r\n"
		b'Content-Type: text/plain; name="' + every.replace(b'"', b"") + b'"\r\n\r\n' + every + b"\r\n").bye()
	result = bench.run(wire.bytes_of(talk.packets))
	expect("hostile octets", result.status == 0 and len(result.messages) == 1 and result.messages[0]["complete"],
		f"{result.status} {result.err}")


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("program")
	args = parser.parse_args()
	with tempfile.TemporaryDirectory() as folder:
		bench = Bench(args.program, folder)
		for check in (clothes, foreign, mixed, cut, snapped, overlapping_fragments, resets, openings, options, details, usage, hostile_text):
			before = len(FAILURES)
			check(bench)
			print(f"{'ok' if len(FAILURES) == before else 'FAILED'}: {check.__name__}")
	print(f"{bench.runs} runs")
	for line in FAILURES:
		print(f"FAILED {line[:400]}")
	return 1 if FAILURES else 0


if __name__ == "__main__":
	sys.exit(main())
