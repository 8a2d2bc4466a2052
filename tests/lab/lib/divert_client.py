#!/usr/bin/env python3
"""
A customer's program that sends one letter and tells in a line what it was told: `sent TEXT`, `bounced TEXT`,
`deferred TEXT`, or `lost ERROR` where the connection was cut. With --pause it stops at a moment of
the session, says so by a file ROW.reached (ROW: the recipient up to its dot), and goes on when there is ROW.go:
	idle    when a first letter is through, to the recipient ROWwarm
	mid     in the middle of the letter; what a command behind it is answered is told by a second line
With --again it comes a second time when it was put off or cut, and tells that, too.
"""

import argparse
import pathlib
import socket
import ssl
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
		self.reply("2")
		self.can = self.say("EHLO raw.example")

	def reply(self, first):
		lines = []
		while not lines or lines[-1][3:4] == "-":
			line = self.file.readline()
			if not line:
				raise ConnectionError("closed")
			lines.append(line.decode("latin-1").rstrip())
		if lines[-1][0] != first:
			raise Refused(lines[-1])
		return "\n".join(lines)

	def say(self, text, first="2"):
		self.socket.sendall(text.encode() + b"\r\n")
		return self.reply(first)

	def starttls(self):
		if "STARTTLS" not in self.can:
			raise Refused("4 no STARTTLS is offered")
		self.say("STARTTLS")
		context = ssl.create_default_context()
		context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
		self.socket = context.wrap_socket(self.socket)
		self.file = self.socket.makefile("rb")
		self.say("EHLO raw.example")

	def envelope(self, sender, recipient):
		self.say(f"MAIL FROM:<{sender}>")
		self.say(f"RCPT TO:<{recipient}>")
		self.say("DATA", "3")

	def mail(self, sender, recipient, letter, stop=lambda: None):
		self.envelope(sender, recipient)
		half = len(letter) // 2
		self.socket.sendall(letter[:half])
		stop()
		self.socket.sendall(letter[half:] + b".\r\n")
		return self.reply("2")


class Moments:
	def __init__(self, folder, row):
		self.folder, self.row = folder, row

	def stop(self):
		(self.folder / f"{self.row}.reached").touch()
		end = time.monotonic() + PATIENCE_S
		while not (self.folder / f"{self.row}.go").exists() and time.monotonic() < end:
			time.sleep(0.02)


def told(error):
	if isinstance(error, Refused):
		return ("bounced " if str(error)[0] == "5" else "deferred ") + str(error)
	return f"lost {type(error).__name__}"


def once(args, letter, pause):
	row, _, rest = args.recipient.partition(".")
	moments = Moments(args.stops, row)
	talk = Talk(args.source, args.server)
	if args.tls:
		talk.starttls()
	if pause == "idle":
		talk.mail(args.sender, f"{row}warm.{rest}", letter)
		moments.stop()
	text = talk.mail(args.sender, args.recipient, letter, moments.stop if pause == "mid" else lambda: None)
	yield "sent " + text
	if pause == "mid":
		try:
			yield "behind it " + talk.say(f"MAIL FROM:<{args.sender}>")
		except (Refused, OSError) as error:
			yield "behind it " + told(error)
	else:
		talk.say("QUIT")


def run(args):
	letter = args.letter.read_bytes()
	try:
		yield from once(args, letter, args.pause)
		return
	except (Refused, OSError) as error:
		yield told(error)
		if not args.again or str(error)[:1] == "5":
			return
	try:
		yield from once(args, letter, None)
	except (Refused, OSError) as error:
		yield told(error)


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--pause", choices=["idle", "mid"])
	parser.add_argument("--stops", type=pathlib.Path, metavar="FOLDER", default=pathlib.Path("."))
	parser.add_argument("--again", action="store_true")
	parser.add_argument("--tls", action="store_true")
	parser.add_argument("letter", type=pathlib.Path, help="with CR LF, dots stuffed")
	parser.add_argument("source")
	parser.add_argument("server")
	parser.add_argument("sender")
	parser.add_argument("recipient")
	for line in run(parser.parse_args()):
		print(line.replace("\n", " "), flush=True)


if __name__ == "__main__":
	main()
