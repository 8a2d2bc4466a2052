#!/usr/bin/env python3
"""
A customer's program that speaks SMTP itself and tells what it saw, one line: `sent`, `bounced CODE TEXT`,
`deferred CODE TEXT`, or `lost ERROR` where the connection was cut. With --idle it sends one message
first, says so by a file ROW.reached, and goes on with the same connection when there is ROW.go. With
--again it comes a second time when it was put off or cut, and tells that by a second line.
"""

import argparse
import pathlib
import socket
import sys
import time

PATIENCE_S = 30


class Refused(Exception):
	pass


class Talk:
	def __init__(self, source, server, patience_s=PATIENCE_S, port=25):
		family = socket.AF_INET6 if ":" in server else socket.AF_INET
		self.socket = socket.socket(family, socket.SOCK_STREAM)
		self.prepare(family)
		self.socket.bind((source, 0))
		self.socket.settimeout(patience_s)
		self.socket.connect((server, port))
		self.file = self.socket.makefile("rb")
		self.expect("2")

	def prepare(self, family):
		"""For what must be said of the socket before it has an address."""

	def expect(self, first):
		"""A reply, its lines as they are; Refused with the last one when it begins otherwise."""
		lines = []
		while not lines or lines[-1][3:4] == "-":
			line = self.file.readline()
			if not line:
				raise ConnectionError("closed")
			lines.append(line.decode("latin-1").rstrip())
		if lines[-1][0] != first:
			raise Refused(lines[-1])
		return lines

	def say(self, text, first="2"):
		self.socket.sendall(text.encode() + b"\r\n")
		return self.expect(first)

	def envelope(self, sender, recipient):
		self.say(f"MAIL FROM:<{sender}>")
		self.say(f"RCPT TO:<{recipient}>")
		self.say("DATA", "3")

	def mail(self, sender, recipient, text):
		self.envelope(sender, recipient)
		self.say(text + "\r\n.")

	def chunks(self, sender, recipient, text, octets):
		"""Like mail(), in chunks of so many octets (RFC 3030), the last one with LAST."""
		self.say(f"MAIL FROM:<{sender}>")
		self.say(f"RCPT TO:<{recipient}>")
		rest = text.encode() + b"\r\n"
		while rest:
			chunk, rest = rest[:octets], rest[octets:]
			last = b"" if rest else b" LAST"
			self.socket.sendall(b"BDAT %d%b\r\n" % (len(chunk), last) + chunk)
			self.expect("2")


def letter(sender, recipient, octets):
	line = "An ordinary line of an ordinary letter, one of many.\r\n"
	return f"From: {sender}\r\nTo: {recipient}\r\nSubject: {recipient}\r\n\r\n" + line * (octets // len(line)) + "Bye."


def run(args, idle):
	talk = Talk(args.source, args.server, args.patience, args.port)
	talk.say("EHLO raw.example")
	if idle:
		row, _, domain = args.recipient.partition(".")
		warm = f"{row}warm.idle@{domain.partition('@')[2]}"
		talk.mail(args.sender, warm, letter(args.sender, warm, 200))
		(idle / f"{row}.reached").touch()
		end = time.monotonic() + PATIENCE_S
		while not (idle / f"{row}.go").exists() and time.monotonic() < end:
			time.sleep(0.02)
	talk.mail(args.sender, args.recipient, letter(args.sender, args.recipient, args.octets))
	return "sent"


def failed(error):
	"""What is told of an attempt that ended so."""
	if isinstance(error, Refused):
		return ("bounced " if str(error)[0] == "5" else "deferred ") + str(error)
	return f"lost {type(error).__name__}"


def told(args, idle=None):
	try:
		return run(args, idle)
	except (Refused, OSError) as error:
		return failed(error)


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--idle", type=pathlib.Path, metavar="FOLDER")
	parser.add_argument("--again", action="store_true")
	parser.add_argument("--octets", type=int, default=300000)
	parser.add_argument("--patience", type=float, default=PATIENCE_S, metavar="SECONDS")
	parser.add_argument("--port", type=int, default=25)
	parser.add_argument("source")
	parser.add_argument("server")
	parser.add_argument("sender")
	parser.add_argument("recipient")
	args = parser.parse_args()
	said = told(args, args.idle)
	print(said, flush=True)
	if args.again and said.startswith(("deferred", "lost")):
		print(told(args), flush=True)


if __name__ == "__main__":
	main()
