#!/usr/bin/env python3
"""
A customer's program that speaks SMTP itself and tells what it saw, one line: `sent`, `bounced CODE TEXT`,
`deferred CODE TEXT`, or `lost ERROR` where the connection was cut. With --idle it sends one message
first, says so by a file ROW.reached, and goes on with the same connection when there is ROW.go.
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
	def __init__(self, source, server):
		family = socket.AF_INET6 if ":" in server else socket.AF_INET
		self.socket = socket.socket(family, socket.SOCK_STREAM)
		self.socket.bind((source, 0))
		self.socket.settimeout(PATIENCE_S)
		self.socket.connect((server, 25))
		self.file = self.socket.makefile("rb")
		self.expect("2")

	def expect(self, first):
		while True:
			line = self.file.readline()
			if not line:
				raise ConnectionError("closed")
			if line[3:4] != b"-":
				break
		text = line.decode("latin-1").rstrip()
		if text[0] != first:
			raise Refused(text)

	def say(self, text, first="2"):
		self.socket.sendall(text.encode() + b"\r\n")
		self.expect(first)

	def mail(self, sender, recipient, text):
		self.say(f"MAIL FROM:<{sender}>")
		self.say(f"RCPT TO:<{recipient}>")
		self.say("DATA", "3")
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


def run(args):
	talk = Talk(args.source, args.server)
	talk.say("EHLO raw.example")
	if args.idle:
		row, _, domain = args.recipient.partition(".")
		warm = f"{row}warm.idle@{domain.partition('@')[2]}"
		talk.mail(args.sender, warm, letter(args.sender, warm, 200))
		(args.idle / f"{row}.reached").touch()
		end = time.monotonic() + PATIENCE_S
		while not (args.idle / f"{row}.go").exists() and time.monotonic() < end:
			time.sleep(0.02)
	talk.mail(args.sender, args.recipient, letter(args.sender, args.recipient, args.octets))
	return "sent"


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--idle", type=pathlib.Path, metavar="FOLDER")
	parser.add_argument("--octets", type=int, default=300000)
	parser.add_argument("source")
	parser.add_argument("server")
	parser.add_argument("sender")
	parser.add_argument("recipient")
	args = parser.parse_args()
	try:
		said = run(args)
	except Refused as refused:
		said = ("bounced " if str(refused)[0] == "5" else "deferred ") + str(refused)
	except OSError as error:
		said = f"lost {type(error).__name__}"
	sys.stdout.write(said + "\n")


if __name__ == "__main__":
	main()
