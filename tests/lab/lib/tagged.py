#!/usr/bin/env python3
"""
An interface in a VLAN of a link (IEEE 802.1Q), for kernels that have none: frames of a TAP device go out at the
link with a tag, and frames with that tag come in without it. Slow, and enough for a customer's mail.
Run in the namespace of the link, as root. Says `ready` when the device is there.

usage: tagged.py LINK VLAN DEVICE
"""

import fcntl
import os
import select
import socket
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_MR_PROMISC = 263, 1, 8, 1
TP_STATUS_VLAN_VALID = 1 << 4
AUXDATA = struct.Struct("=IIIHHHH") # struct tpacket_auxdata: the kernel takes the tag off and puts it here
FRAME_MAX = 65536


def tap(name):
	device = os.open("/dev/net/tun", os.O_RDWR)
	fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
	return device


def link_socket(name):
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
	s.bind((name, ETH_P_ALL))
	s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
	member = struct.pack("IHH8s", socket.if_nametoindex(name), PACKET_MR_PROMISC, 0, b"")
	s.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, member)
	return s


def untagged(s, vlan):
	"""A frame of this VLAN without its tag, or None for any other."""
	frame, ancillary, _, address = s.recvmsg(FRAME_MAX, socket.CMSG_SPACE(AUXDATA.size))
	if address[2] == socket.PACKET_OUTGOING:
		return None
	if frame[12:14] == b"\x81\x00":
		return frame[:12] + frame[16:] if struct.unpack("!H", frame[14:16])[0] & 0xFFF == vlan else None
	for level, kind, data in ancillary:
		if level == SOL_PACKET and kind == PACKET_AUXDATA:
			status, _, _, _, _, tci, _ = AUXDATA.unpack(data[: AUXDATA.size])
			if status & TP_STATUS_VLAN_VALID and tci & 0xFFF == vlan:
				return frame
	return None


def main():
	name, vlan, device_name = sys.argv[1], int(sys.argv[2]), sys.argv[3]
	s, device = link_socket(name), tap(device_name)
	tag = b"\x81\x00" + struct.pack("!H", vlan)
	print("ready", flush=True)
	while True:
		for ready in select.select([s, device], [], [])[0]:
			if ready is s:
				frame = untagged(s, vlan)
				if frame is not None:
					os.write(device, frame)
			else:
				frame = os.read(device, FRAME_MAX)
				s.send(frame[:12] + tag + frame[12:])


main()
