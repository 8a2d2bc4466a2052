#!/usr/bin/env python3
"""
Joins what was sent, what the servers stored and what the dataplane told, and judges. The one thing that
must never be: a message in a mailbox that was neither a message to us nor stood in a session that we
call `smuggling`. Besides, the table's expectations of the policy hold. One line an end and server.
"""

import argparse
import json
import os
import re
import sys
from collections import defaultdict

from ends_table import CHUNKS, ENDS, EXPECT, LOOKALIKE, SERVERS

SUBJECT = re.compile(rb"Subject: (first|second) (L\d+)")
REFUSED = re.compile(r"554 5\.7\.1")
DATA = {end.name for end in ENDS}
KINDS = {end.name: end.kind for end in [*ENDS, *CHUNKS]}
TIMING = {"blind_rst"} # seen or not, as it happens: not for a document
OURS = ("smuggling", "bare_lf", "bare_cr", "nul", "bad_bdat", "bad_command", "early_talker", "unexpected_reply")


def read_lines(path):
	with open(path, encoding="utf-8") as f:
		return [json.loads(line) for line in f]


def mailbox(path):
	"""For each session's number the messages stored: "first", "second", or "first+second" where one holds both."""
	stored = defaultdict(list)
	for folder, _, files in os.walk(path):
		if os.path.basename(folder) == "tmp":
			continue
		for name in files:
			with open(os.path.join(folder, name), "rb") as f:
				found = SUBJECT.findall(f.read())
			if found:
				stored[found[0][1].decode()].append("+".join(which.decode() for which, _ in found))
	return stored


class Row:
	"""One session: what all three say of it."""

	def __init__(self, sent, stored, events):
		self.sent = sent
		self.stored = sorted(stored)
		self.replies = sent.get("replies", [])
		self.refused = any(REFUSED.match(reply) for reply in self.replies)
		# Those behind the envelope of the first message, and 354 where there was one.
		self.codes = [reply[:3] for reply in self.replies[5 if sent["end"] in DATA else 4:]]
		self.names, self.lost = [], None
		self.read = []
		for event in events:
			if event["type"] == "session":
				self.names += event["anomalies"]
				self.lost = event["reason"] if event["reason"] != "none" else self.lost
			else:
				self.read.append(event["subject"].split(" ")[0])
		self.read.sort()

	@property
	def named(self):
		return "smuggling" in self.names

	def unseen(self):
		"""Messages stored that were none to us, in a session that we have nothing to say of."""
		if self.named:
			return []
		read = list(self.read)
		unseen = []
		for message in self.stored:
			which = message.split("+")[0]
			if which in read:
				read.remove(which)
			else:
				unseen.append(message)
		return unseen

	def faults(self, want):
		faults = [f"a {message} message was stored and not seen" for message in self.unseen()]
		if "named" in want and self.named != want["named"]:
			faults.append("not named smuggling" if want["named"] else "named smuggling")
		if want.get("stored") is not None and len(self.stored) != want["stored"]:
			faults.append(f"{len(self.stored)} stored, not {want['stored']}")
		if want.get("refused") and not self.refused:
			faults.append("the sender was not refused by us")
		return faults


def merged(values):
	"""One value where all are equal, else one for each way of sending, first over IPv4, then over IPv6."""
	values = list(values)
	return values[0] if len(set(values)) == 1 else "/".join(values)


def last_words(row):
	"""What the client saw from the place on where the first message may have ended."""
	return " ".join(row.codes + ([] if row.sent["outcome"] == "closed" else [row.sent["outcome"]]))


def names_of(rows):
	names = {name for row in rows for name in row.names}
	names |= {row.lost for row in rows if row.lost}
	return sorted(names, key=lambda name: (OURS.index(name) if name in OURS else len(OURS), name))


def print_rows(groups, want):
	bad = 0
	for (server, end), rows in groups.items():
		faults = sorted({fault for row in rows for fault in row.faults(want[KINDS[end]])})
		bad += bool(faults)
		print(f"{'NOT ok' if faults else 'ok'} {server:17} {end:25}"
			f" stored {merged(str(len(row.stored)) for row in rows):7}"
			f" read {merged(str(len(row.read)) for row in rows):7}"
			f" client {merged(last_words(row) for row in rows)[:44]:44}"
			f" | {' '.join(names_of(rows)) or '-'}"
			f"{' | ' + '; '.join(faults) if faults else ''}")
	return bad


def cell(rows):
	"""What a server made of an end: how many messages it stored, or that it refused, or that we did."""
	def one(row):
		if row.refused:
			return f"{len(row.stored)}, refused by us"
		if not row.stored:
			code = next((code for code in row.codes if code[0] in "45"), None)
			return f"0 ({code})" if code else "0"
		return "1" if len(row.stored) == 1 else f"**{len(row.stored)}**"
	return " or ".join(dict.fromkeys(one(row) for row in rows))


def write_doc(to, groups, policy, skipped):
	servers = [server for server in SERVERS if any(server.name == name for name, _ in groups)]
	to.write(f"\n## With `refuse_smuggling: {'true' if policy == 'refuse' else 'false'}`\n\n")
	for reason in skipped:
		to.write(f"Not tried: {reason}.\n\n")
	to.write("| end | " + " | ".join(server.title for server in servers) + " | what we call it | what it is |\n")
	to.write("|---" * (len(servers) + 3) + "|\n")
	for end in [*ENDS, *CHUNKS]:
		cells = [cell(groups[server.name, end.name]) if (server.name, end.name) in groups else "" for server in servers]
		rows = [row for server in servers for row in groups.get((server.name, end.name), [])]
		names = ", ".join(f"`{name}`" for name in names_of(rows) if name not in TIMING)
		to.write(f"| {end.name} | " + " | ".join(cells) + f" | {names} | {end.sentence} |\n")
	to.write("\n")
	for server in servers:
		taken = [end.name for end in ENDS if end.kind == LOOKALIKE
			and any(len(row.stored) > 1 for row in groups.get((server.name, end.name), []))]
		to.write(f"- {server.title} took for an end: {', '.join(taken) or 'none of the look-alikes'}.\n")


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--policy", choices=EXPECT, required=True)
	parser.add_argument("--sent", required=True, help="what ends_send.py printed")
	parser.add_argument("--told", required=True, help="what lab-events printed")
	parser.add_argument("--doc", help="append the table here as Markdown")
	parser.add_argument("--skipped", action="append", default=[], help="a server that could not be had, and why")
	parser.add_argument("boxes", nargs="+", help="SERVER=FOLDER: where it delivers")
	args = parser.parse_args()
	stored, events = defaultdict(list), defaultdict(list)
	for box in args.boxes:
		server, _, folder = box.partition("=")
		for number, messages in mailbox(folder).items():
			stored[number] += messages
	for event in read_lines(args.told):
		events[event["client_port"]].append(event)
	groups = defaultdict(list)
	for sent in read_lines(args.sent):
		row = Row(sent, stored[sent["number"]], events[sent["port"]])
		groups[sent["server"], sent["end"]].append(row)
	bad = print_rows(groups, EXPECT[args.policy])
	rows = [row for group in groups.values() for row in group]
	fell = sum(len(row.stored) > 1 for row in rows if KINDS[row.sent["end"]] == LOOKALIKE)
	unseen = sum(len(row.unseen()) for row in rows)
	print(f"{len(rows)} sessions: {fell} times a look-alike got a second message into a mailbox, "
		f"{unseen} messages past us unseen, {bad} rows not as they must be")
	# Where nobody falls for anything, nothing was shown by our naming it.
	if args.policy == "observe" and fell == 0:
		print("NOT ok: no server fell for any look-alike: this lab shows nothing")
		bad += 1
	if args.doc:
		with open(args.doc, "a", encoding="utf-8") as f:
			write_doc(f, groups, args.policy, args.skipped)
	sys.exit(1 if bad else 0)


main()
