"""
What random hostile traffic found, each as small as it gets, made by code: name -> capture and what must
be read of it. A case that the lane does not read rightly yet stands in KNOWN with the reason; one that
stands there and is read rightly is an error, so the list stays true.
"""

import lane
import wire
from dialogue import CLIENT, SERVER, Talk, session
from wire import ACK, RST, SYN

CONTENT = b"Subject: case\r\n\r\nOne line.\r\n.\r\nAnother.\r\n"
CASES = {}

KNOWN = {
	"a blind SYN in the middle": "a capture's SYN with another number is taken for the next connection, "
		"because the end of the first may be missing; live the server's answer decides",
}


def case(name):
	def keep(make):
		CASES[name] = make
		return make
	return keep


def blind(talk, side, seq, flags, payload=b""):
	talk.packets.append(talk.segment(side, seq, payload, flags))


@case("blind RSTs far ahead, of both sides")
def _():
	talk = Talk().shake().greet().envelope()
	for ahead in (1 << 25, 1 << 30, (1 << 31) - 1):
		blind(talk, CLIENT, talk.seq[CLIENT] + ahead, RST)
		blind(talk, SERVER, talk.seq[SERVER] + ahead, RST | ACK)
	return talk.data(CONTENT).bye().packets


@case("blind RSTs where only the client was captured")
def _():
	talk = Talk().shake().greet().envelope()
	for away in (1 << 25, 1 << 30, -(1 << 25), -(1 << 30)):
		blind(talk, CLIENT, talk.seq[CLIENT] + away, RST)
	talk.data(CONTENT).bye()
	return [p for p in talk.packets if wire.Segment(wire.ETHERNET, p).dport == 25]


@case("no handshake, and a greeting of three digits")
def _():
	talk = Talk().server(b"220\r\n").client(b"HELO pc.example.org\r\n").server(b"250\r\n")
	return talk.envelope().data(CONTENT).bye().packets


@case("the SYN behind its SYN-ACK")
def _():
	packets = session(CONTENT).packets
	return [packets[1], packets[0], *packets[2:]]


@case("each side waits for the other, and later a reply is out of order")
def _():
	# The greeting's end comes behind the command that it lets go, and behind that command's reply. Many
	# packets later the client's acknowledgement and the end of a reply come before its beginning.
	talk = Talk().shake()
	talk.server(b"220 mx.example.net ").server(b"ESMTP\r\n").client(b"HELO pc.example.org\r\n").server(b"250 ok\r\n")
	end_of_greeting = talk.packets.pop(4)
	talk.packets.append(end_of_greeting)
	talk.client(b"NOOP " + b"x" * 60 + b"\r\n", size=1)
	talk.server(b"250 ").server(b"ok\r\n")
	beginning, end = talk.packets[-2:]
	blind(talk, CLIENT, talk.seq[CLIENT], ACK)
	talk.packets[-3:] = [talk.packets[-1], end, beginning]
	return talk.envelope().data(CONTENT).bye().packets


@case("single octets out of order, acknowledged before they are seen")
def _():
	talk = Talk().shake().greet().envelope()
	talk.client(b"DATA\r\n").server(b"354 go ahead\r\n")
	body = b"x" * 70 + b"\r\n"
	octets = b"Subject: case\r\n\r\n" + body * 9
	at = len(talk.packets)
	talk.client(octets, size=1)
	pieces = talk.packets[at:]
	del talk.packets[at:]
	for i in range(0, len(pieces) - 2, 3):
		# Third, second, the acknowledgement of all three, first.
		acknowledged = wire.Segment(wire.ETHERNET, pieces[i + 2]).seq + 1
		keep, talk.seq[CLIENT] = talk.seq[CLIENT], acknowledged
		talk.packets += [pieces[i + 2], pieces[i + 1]]
		blind(talk, SERVER, talk.seq[SERVER], ACK)
		talk.seq[CLIENT] = keep
		talk.packets.append(pieces[i])
	talk.packets += pieces[len(pieces) - len(pieces) % 3:]
	return talk.client(b".\r\n").server(b"250 queued\r\n").bye().packets


@case("recipients without a MAIL, one direction only")
def _():
	talk = Talk().shake()
	talk.client(b"HELO pc.example.org\r\n").client(b"MIAL FROM:<a@example.org>\r\n").client(b"RCPT TO:<b@example.net>\r\n")
	talk.client(b"RCPT TO:<c@example.net>\r\n").client(b"DATA\r\n").client(CONTENT.replace(b"\r\n.", b"\r\n..") + b".\r\nQUIT\r\n")
	return [p for p in talk.packets if wire.Segment(wire.ETHERNET, p).dport == 25]


@case("a blind SYN in the middle")
def _():
	talk = Talk().shake().greet().envelope()
	blind(talk, CLIENT, 123456789, SYN)
	return talk.data(CONTENT).bye().packets


def run(program, path, truth):
	"""Sentences about the cases that are not read rightly. `truth(path)`: the reference."""
	bad = []
	for name, make in CASES.items():
		packets = make()
		for i, packet in enumerate(packets):
			packet.time_ns = 1_750_000_000 * 10**9 + i * 10**6
		wire.write(path, packets)
		result = lane.run(program, path)
		reference = truth(path)
		found = [str(d) for d in reference.against(result)]
		if sum(m["complete"] for m in result.messages) != 1 or len(result.sessions) != 1:
			found.append(f"{len(result.messages)} messages in {len(result.sessions)} sessions")
		if not any(line["complete"] for s in reference.sessions for line in s.lines):
			bad.append(f"case: {name}: the reference does not find its message")
		if found and name not in KNOWN:
			bad += [f"case: {name}: {sentence}" for sentence in found]
		if not found and name in KNOWN:
			bad.append(f"case: {name}: read rightly, take it off the list")
	return bad
