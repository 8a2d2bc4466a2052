#!/usr/bin/env python3
"""
A customer's program that sends one letter and tells in a line what it was told: `sent TEXT`, `bounced TEXT`,
`deferred TEXT`, or `lost ERROR` where the connection was cut. With --pause it stops at a moment of
the session, says so by a file ROW.reached (ROW: the recipient up to its dot), and goes on when there is ROW.go:
	idle    when a first letter is through, to the recipient ROWwarm
	mid     in the middle of the letter; what a command behind it is answered is told by a second line
With --again it comes a second time when it was put off or cut, and tells that, too. With --transparent
it is a program of the gateway's, and the source is somebody else's address.
"""

import argparse
import pathlib
import socket
import ssl
import time

from raw_client import PATIENCE_S, Refused, Talk, failed


IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75 # ip(7), ipv6(7)


class Session(Talk):
	def __init__(self, source, server, tls, transparent):
		self.transparent = transparent
		super().__init__(source, server)
		can = self.say("EHLO raw.example")
		if tls:
			self.starttls(can)

	def prepare(self, family):
		if self.transparent and family == socket.AF_INET6:
			self.socket.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
		elif self.transparent:
			self.socket.setsockopt(socket.IPPROTO_IP, IP_TRANSPARENT, 1)

	def starttls(self, can):
		if not any("STARTTLS" in line for line in can):
			raise Refused("454 no STARTTLS is offered")
		self.say("STARTTLS")
		context = ssl.create_default_context()
		context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
		self.socket = context.wrap_socket(self.socket)
		self.file = self.socket.makefile("rb")
		self.say("EHLO raw.example")

	def send(self, sender, recipient, letter, stop=None):
		self.envelope(sender, recipient)
		half = len(letter) // 2
		self.socket.sendall(letter[:half])
		if stop:
			stop()
		self.socket.sendall(letter[half:] + b".\r\n")
		return self.expect("2")[-1]


class Moments:
	def __init__(self, folder, row):
		self.folder, self.row = folder, row

	def stop(self):
		(self.folder / f"{self.row}.reached").touch()
		end = time.monotonic() + PATIENCE_S
		while not (self.folder / f"{self.row}.go").exists() and time.monotonic() < end:
			time.sleep(0.02)


def once(args, letter, pause):
	row, _, rest = args.recipient.partition(".")
	moments = Moments(args.stops, row)
	talk = Session(args.source, args.server, args.tls, args.transparent)
	if pause == "idle":
		talk.send(args.sender, f"{row}warm.{rest}", letter)
		moments.stop()
	yield "sent " + talk.send(args.sender, args.recipient, letter, moments.stop if pause == "mid" else None)
	if pause == "mid":
		try:
			yield "behind it " + talk.say(f"MAIL FROM:<{args.sender}>")[-1]
		except (Refused, OSError) as error:
			yield "behind it " + failed(error)


def run(args):
	letter = args.letter.read_bytes()
	try:
		yield from once(args, letter, args.pause)
		return
	except (Refused, OSError) as error:
		yield failed(error)
		if not args.again or str(error)[:1] == "5":
			return
	try:
		yield from once(args, letter, None)
	except (Refused, OSError) as error:
		yield failed(error)


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--pause", choices=["idle", "mid"])
	parser.add_argument("--stops", type=pathlib.Path, metavar="FOLDER", default=pathlib.Path("."))
	parser.add_argument("--again", action="store_true")
	parser.add_argument("--tls", action="store_true")
	parser.add_argument("--transparent", action="store_true")
	parser.add_argument("letter", type=pathlib.Path, help="with CR LF, dots stuffed")
	parser.add_argument("source")
	parser.add_argument("server")
	parser.add_argument("sender")
	parser.add_argument("recipient")
	for line in run(parser.parse_args()):
		print(line, flush=True)


if __name__ == "__main__":
	main()
