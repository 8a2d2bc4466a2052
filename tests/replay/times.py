#!/usr/bin/env python3
"""
A message starts with the packet that carries the first octet of MAIL and ends with the one that
completes its content, however long octets waited to be read; a session spans its packets.
"""

import argparse
import os
import sys
import tempfile

import lane
import wire
from dialogue import CLIENT, Talk, session, stuffed
from hiding import INNOCENT, LINE, text


def seconds(packet):
	return round(packet.time_ns // 1000 / 1e6, 6)


def carrying(talk, octets):
	return next(p for p in talk.packets if octets in p.frame)


def plain():
	talk = session(INNOCENT)
	return talk, carrying(talk, b"MAIL"), carrying(talk, b"\r\n.\r\n")


def long_content():
	talk = session(text(LINE * 500))
	return talk, carrying(talk, b"MAIL"), carrying(talk, b"\r\n.\r\n")


def content_before_354():
	talk = Talk().shake().greet().envelope().client(b"DATA\r\n")
	for line in stuffed(text(LINE * 60)).split(b"\r\n")[:-1]:
		talk.client(line + b"\r\n")
	talk.client(b".\r\n")
	end = talk.packets[-1]
	talk.server(b"354 go ahead\r\n").server(b"250 queued\r\n").bye()
	return talk, carrying(talk, b"MAIL"), end


def no_reply_at_all():
	talk = Talk().shake().greet()
	talk.client(b"MAIL FROM:<a@example.org>\r\n").client(b"RCPT TO:<b@example.net>\r\n").client(b"DATA\r\n")
	talk.client(INNOCENT + b".\r\n")
	end = talk.packets[-1]
	talk.put(CLIENT, b"", wire.ACK)
	talk.put(CLIENT, b"", wire.RST | wire.ACK)
	return talk, carrying(talk, b"MAIL"), end


def hole_filled_last():
	talk = Talk().shake().greet().envelope().client(b"DATA\r\n").server(b"354 go ahead\r\n")
	first = len(talk.packets)
	talk.client(INNOCENT + b".\r\n", 60)
	late = talk.packets.pop(first + 1)
	late.time_ns = talk.packets[-1].time_ns + 500
	talk.packets.append(late)
	talk.server(b"250 queued\r\n").bye()
	return talk, carrying(talk, b"MAIL"), late


def two_in_a_packet():
	talk = Talk().shake().greet()
	one = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n"
	talk.client(one).server(b"250 ok\r\n250 ok\r\n354 go ahead\r\n")
	talk.client(INNOCENT + b".\r\n" + one)
	packet = talk.packets[-1]
	talk.server(b"250 queued\r\n250 ok\r\n250 ok\r\n354 go ahead\r\n").client(INNOCENT + b".\r\n")
	end = talk.packets[-1]
	talk.server(b"250 queued\r\n").bye()
	return talk, packet, end


def unfinished():
	talk = Talk().shake().greet().envelope().client(b"DATA\r\n").server(b"354 go ahead\r\n").client(INNOCENT)
	talk.put(CLIENT, b"", wire.FIN | wire.ACK)
	return talk, carrying(talk, b"MAIL"), talk.packets[-1]


CASES = [plain, long_content, content_before_354, no_reply_at_all, hole_filled_last, two_in_a_packet, unfinished]


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("program")
	args = parser.parse_args()
	bad = []
	with tempfile.TemporaryDirectory() as folder:
		for case in CASES:
			talk, start, end = case()
			path = os.path.join(folder, "x.pcap")
			wire.write(path, talk.packets)
			result = lane.run(args.program, path)
			got = [(m["start"], m["end"]) for m in result.messages[-1:]]
			span = [(s["start"], s["end"]) for s in result.sessions]
			if got != [(seconds(start), seconds(end))]:
				bad.append(f"{case.__name__}: message {got}, should be {seconds(start)} to {seconds(end)}")
			if span != [(seconds(talk.packets[0]), seconds(talk.packets[-1]))]:
				bad.append(f"{case.__name__}: session {span}, should be {seconds(talk.packets[0])} to "
					f"{seconds(talk.packets[-1])}")
	print(f"{len(CASES)} cases")
	for line in bad:
		print(f"FAILED {line}")
	return 1 if bad else 0


if __name__ == "__main__":
	sys.exit(main())
