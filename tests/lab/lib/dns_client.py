#!/usr/bin/env python3
"""
Asks a name server one question and exits 0 when it was answered.

usage: dns_client.py udp|tcp SOURCE SERVER
"""

import socket
import struct
import sys

PATIENCE_S = 5
QUESTION = struct.pack("!HHHHHH", 0x4D57, 0x0100, 1, 0, 0, 0) + b"\x03www\x09recipient\x07example\x00" + struct.pack("!HH", 1, 1)


def main():
	way, source, server = sys.argv[1:]
	s = socket.socket(
		socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM if way == "udp" else socket.SOCK_STREAM
	)
	s.settimeout(PATIENCE_S)
	s.bind((source, 0))
	s.connect((server, 53))
	s.sendall(QUESTION if way == "udp" else struct.pack("!H", len(QUESTION)) + QUESTION)
	reply = s.recv(514)[0 if way == "udp" else 2 :]
	if struct.unpack_from("!HH", reply) != (0x4D57, 0x8103) or reply[4:] != QUESTION[4:]:
		sys.exit("another answer than was asked for")


main()
