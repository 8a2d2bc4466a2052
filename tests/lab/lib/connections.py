#!/usr/bin/env python3
"""
Prints a line for each connection that is tried to port 25 on a device: seconds, source, port. Runs until it is ended.
"""

import ipaddress
import socket
import sys
import time


def syn(frame):
	"""Source address and port of a first SYN to port 25, or None."""
	kind = frame[12:14]
	if kind == b"\x08\x00" and frame[23] == 6:
		source, tcp = frame[26:30], 14 + (frame[14] & 15) * 4
	elif kind == b"\x86\xdd" and frame[20] == 6:
		source, tcp = frame[22:38], 54
	else:
		return None
	if len(frame) < tcp + 14 or frame[tcp + 2 : tcp + 4] != b"\x00\x19" or frame[tcp + 13] & 0x17 != 0x02:
		return None
	return str(ipaddress.ip_address(source)), int.from_bytes(frame[tcp : tcp + 2], "big")


def main():
	watch = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
	watch.bind((sys.argv[1], 0))
	seen = set()
	while True:
		found = syn(watch.recv(256))
		if found and found not in seen:  # a repeated SYN is the same connection
			seen.add(found)
			print(f"{time.time():.3f}", *found, flush=True)


main()
