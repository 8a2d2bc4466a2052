#!/usr/bin/env python3
"""
Tells a customer that his packets are too big, as a router behind the gateway would: ICMP 3/4 (RFC 1191) or
ICMPv6 2/0 (RFC 8201) about a connection of his to port 25 that stands still in the middle of a letter, seen at
the gateway's link. Run in the gateway, as root; says `ready` when it looks and `sent` when it was said. It says so some
times, each time when nothing has moved for a while: on a busy machine a pause may be none, and an error about octets
that were acknowledged meanwhile is rightly not believed.

usage: too_big.py LINK CUSTOMER MTU
"""

import select
import socket
import struct
import sys

ETH_P_ALL = 0x0003
SO_RCVBUFFORCE = 33 # asm-generic/socket.h
BUFFER_OCTETS = 1 << 26
QUIET_S = 0.5
PATIENCE_S = 20
TIMES = 10
LETTER_OCTETS = 100000 # of the connection: a greeting's worth is no letter
ICMP_UNREACHABLE, FRAGMENTATION_NEEDED, ICMP6_TOO_BIG = 3, 4, 2


def of_customer(frame, customer):
	"""(headers up to TCP's sequence number, the number behind its content, octets of that), or None for any other frame."""
	kind = struct.unpack_from("!H", frame, 12)[0]
	if kind == 0x0800:
		source, at, protocol = frame[26:30], 14 + (frame[14] & 15) * 4, frame[23]
		end = 14 + struct.unpack_from("!H", frame, 16)[0]
	elif kind == 0x86DD:
		source, at, protocol = frame[22:38], 54, frame[20]
		end = 54 + struct.unpack_from("!H", frame, 18)[0]
	else:
		return None
	if source != customer or protocol != 6 or struct.unpack_from("!H", frame, at + 2)[0] != 25:
		return None
	length = end - at - (frame[at + 12] >> 4) * 4
	return frame[14 : at + 8], (struct.unpack_from("!I", frame, at + 4)[0] + length) & 0xFFFFFFFF, length


class Letter:
	"""A connection: what its next packet would be headed by."""

	def __init__(self):
		self.headers, self.behind, self.octets = None, None, 0

	def add(self, headers, end, length):
		self.headers = headers
		self.octets += length
		# A probe of a closed window stands before what is unacknowledged, and so may a repetition.
		if self.behind is None or (end - self.behind) & 0xFFFFFFFF < 1 << 31:
			self.behind = end


def watch(link, customer):
	"""Each time the letter stands still: the headers that its next packet would have."""
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
	# The whole letter may come faster than it is read here; its last packets must not be the ones missed.
	s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_OCTETS)
	s.bind((link, ETH_P_ALL))
	print("ready", flush=True)
	letters, long = {}, None # by the customer's port: the end of an earlier connection may still come by
	while True:
		quiet = not select.select([s], [], [], QUIET_S if long else PATIENCE_S)[0]
		if quiet and not long:
			sys.exit("no letter came")
		if quiet:
			# What is unacknowledged begins here: RFC 5927 has the receiver check it.
			yield long.headers[:-4] + struct.pack("!I", long.behind)
			continue
		found = of_customer(s.recv(65536), customer)
		if found:
			letter = letters.setdefault(found[0][-8:-6], Letter())
			letter.add(*found)
			if letter.octets >= LETTER_OCTETS:
				long = letter


def checksum(data):
	total = sum(struct.unpack(f"!{len(data) // 2}H", data))
	total = (total & 0xFFFF) + (total >> 16)
	return ~(total + (total >> 16)) & 0xFFFF


def error_about(quoted, six, mtu):
	quoted += bytes(len(quoted) % 2)
	if six:
		return struct.pack("!BBHI", ICMP6_TOO_BIG, 0, 0, mtu) + quoted + bytes(12)
	error = struct.pack("!BBHHH", ICMP_UNREACHABLE, FRAGMENTATION_NEEDED, 0, 0, mtu) + quoted
	return error[:2] + struct.pack("!H", checksum(error)) + error[4:]


def main():
	link, customer, mtu = sys.argv[1], sys.argv[2], int(sys.argv[3])
	six = ":" in customer
	family = socket.AF_INET6 if six else socket.AF_INET
	s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if six else socket.IPPROTO_ICMP)
	for _, quoted in zip(range(TIMES), watch(link, socket.inet_pton(family, customer))):
		s.sendto(error_about(quoted, six, mtu), (customer, 0))
		print("sent", flush=True)


main()
