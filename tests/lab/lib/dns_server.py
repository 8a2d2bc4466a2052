#!/usr/bin/env python3
"""
A name server that answers each question, over UDP and TCP, with its own octets and "no such name" (RFC 1035,
4.1.1 and 4.2.2): enough to see whether a question arrives.

usage: dns_server.py ADDRESS...
"""

import socket
import struct
import sys
import threading

RESPONSE, NXDOMAIN = 0x8000, 3


def answer(question):
	identifier, flags = struct.unpack_from("!HH", question)
	return struct.pack("!HH", identifier, flags | RESPONSE | NXDOMAIN) + question[4:]


def opened(address, kind):
	s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.bind((address, 53))
	return s


def datagrams(address):
	s = opened(address, socket.SOCK_DGRAM)
	while True:
		question, source = s.recvfrom(512)
		s.sendto(answer(question), source)


def streams(address):
	s = opened(address, socket.SOCK_STREAM)
	s.listen(16)
	while True:
		connection, _ = s.accept()
		with connection:
			question = connection.recv(514)
			if len(question) > 6:
				reply = answer(question[2:])
				connection.sendall(struct.pack("!H", len(reply)) + reply)


def main():
	threads = [threading.Thread(target=run, args=(a,)) for a in sys.argv[1:] for run in (datagrams, streams)]
	for thread in threads:
		thread.start()


main()
