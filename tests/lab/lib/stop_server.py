#!/usr/bin/env python3
"""
An outside mail server that stops where it is told to, so that a lab can act at a chosen moment of a session.
A recipient ROW.MOMENT@anything names where: `waiting` before the reply to RCPT, `mid` in the middle of the
message, anything else nowhere. When it has stopped there is a file ROW.reached; it goes on when there is
ROW.go. Only the first session of a row stops: what a sender tries again goes through. A message taken
stands in stored/ROW.N, what there was of one that was cut off in cut/ROW.N; one file each time.
"""

import argparse
import pathlib
import re
import socket
import threading
import time

RECIPIENT = re.compile(rb"RCPT TO:<([\w-]+)\.(\w+)@", re.IGNORECASE)
MID_OCTETS = 8192
WINDOW_OCTETS = 16384 # small, so that a sender is in the middle of its message, too
PATIENCE_S = 60


class Stops:
	def __init__(self, folder):
		self.folder = folder
		for name in ("stored", "cut"):
			(folder / name).mkdir(exist_ok=True)
		self.lock = threading.Lock()

	def stop(self, row):
		reached = self.folder / f"{row}.reached"
		with self.lock:
			if reached.exists():
				return
			reached.touch()
		end = time.monotonic() + PATIENCE_S
		while not (self.folder / f"{row}.go").exists() and time.monotonic() < end:
			time.sleep(0.02)

	def store(self, name, rows, message):
		folder = self.folder / name
		with self.lock:
			for row in rows:
				number = len(list(folder.glob(f"{row}.*")))
				(folder / f"{row}.{number}").write_bytes(message)


class Session:
	def __init__(self, connection, stops):
		self.connection, self.stops = connection, stops
		self.buffer = b""

	def more(self):
		got = self.connection.recv(4096)
		if not got:
			raise ConnectionError("closed")
		self.buffer += got

	def line(self):
		while b"\r\n" not in self.buffer:
			self.more()
		line, _, self.buffer = self.buffer.partition(b"\r\n")
		return line

	def say(self, text):
		self.connection.sendall(text.encode() + b"\r\n")

	def message(self, rows, moments):
		try:
			message = self.whole(rows, moments)
		except OSError:
			self.stops.store("cut", rows, self.buffer)
			raise
		self.stops.store("stored", rows, message)

	def whole(self, rows, moments):
		stopped = "mid" not in moments
		while not self.buffer.startswith(b".\r\n") and b"\r\n.\r\n" not in self.buffer:
			if not stopped and len(self.buffer) >= MID_OCTETS:
				stopped = True
				for row in rows:
					self.stops.stop(row)
			self.more()
		message, _, self.buffer = self.buffer.partition(b"\r\n.\r\n")
		return message

	def run(self):
		rows, moments = [], []
		self.say("220 stop.recipient.example ESMTP")
		while True:
			line = self.line()
			verb = line[:4].upper()
			if verb == b"EHLO":
				self.say("250-stop.recipient.example\r\n250-PIPELINING\r\n250 8BITMIME")
			elif verb == b"RCPT":
				found = RECIPIENT.match(line)
				if found:
					rows.append(found[1].decode())
					moments.append(found[2].decode())
					if moments[-1] == "waiting":
						self.stops.stop(rows[-1])
				self.say("250 2.1.5 ok" if found else "550 5.1.1 no such recipient")
			elif verb == b"DATA":
				self.say("354 go on")
				self.message(rows, moments)
				self.say("250 2.0.0 stored")
				rows, moments = [], []
			elif verb == b"QUIT":
				self.say("221 2.0.0 bye")
				return
			else:
				if verb in (b"RSET", b"MAIL"):
					rows, moments = [], []
				self.say("250 2.0.0 ok")


def serve(connection, stops):
	with connection:
		try:
			Session(connection, stops).run()
		except OSError:
			pass


def listen(address, stops):
	address, _, port = address.partition("@")
	family = socket.AF_INET6 if ":" in address else socket.AF_INET
	listener = socket.socket(family, socket.SOCK_STREAM)
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_OCTETS)
	listener.bind((address, int(port or 25)))
	listener.listen(64)
	while True:
		connection, _ = listener.accept()
		threading.Thread(target=serve, args=(connection, stops), daemon=True).start()


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("folder", type=pathlib.Path)
	parser.add_argument("addresses", nargs="+", metavar="ADDRESS[@PORT]")
	args = parser.parse_args()
	stops = Stops(args.folder)
	threads = [threading.Thread(target=listen, args=(address, stops), daemon=True) for address in args.addresses]
	for thread in threads:
		thread.start()
	for thread in threads:
		thread.join()


main()
