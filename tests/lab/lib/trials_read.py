#!/usr/bin/env python3
"""
What became of the mails of a trial: one JSON object per sender, from the senders' own logs and mailboxes and the list
of connections. Rows come on standard input: row, insists on TLS (yes, no), IP version, source address, setting.
"""

import argparse
import json
import pathlib
import re
import sys

POSTFIX = re.compile(r"to=<(\S+?)@(\S+?)\.example>.* status=(\w+) \((.*)\)$")
EXIM = re.compile(r" (=>|==|\*\*) (\S+?)@(\S+?)\.example (.*)$")
OPENSMTPD = re.compile(r' mta delivery .*to=<(\S+?)@(\S+?)\.example>.* result="?(\w+)"? stat="?(.*?)"?$')
OPENSMTPD_ERROR = re.compile(r" mta error reason=(.*)$")
OPENSMTPD_ROUTE = re.compile(r"Disabling route (\S+) <->")
WORDS = {"=>": "sent", "==": "deferred", "**": "bounced", "Ok": "sent", "TempFail": "deferred", "PermFail": "bounced"}


def lines(path):
	return path.read_text(errors="replace").splitlines() if path.exists() else []


def attempts(lab, mode, addresses):
	"""By row: (what became of it, what the log says), in order."""
	found = {}
	for line in lines(lab / "postfix/maillog"):
		if hit := POSTFIX.search(line):
			found.setdefault((hit[2], hit[1]), []).append((hit[3], hit[4]))
	for line in lines(lab / "exim/log/mainlog"):
		if hit := EXIM.search(line):
			found.setdefault((hit[3], hit[2]), []).append((WORDS[hit[1]], hit[4]))
	why = ""  # what ended the last session; its source is named in the line behind
	reasons = {}
	for line in lines(lab / "opensmtpd/log"):
		if hit := OPENSMTPD_ERROR.search(line):
			why = hit[1]
		elif hit := OPENSMTPD_ROUTE.search(line):
			reasons[hit[1]] = why
		elif hit := OPENSMTPD.search(line):
			text = hit[4] + (f" ({reasons[addresses[hit[2]]]})" if addresses.get(hit[2]) in reasons else "")
			found.setdefault((hit[2], hit[1]), []).append((WORDS.get(hit[3], hit[3]), text))
	return {row: tries for (row, of_mode), tries in found.items() if of_mode == mode}


def bounce(lab, recipient):
	"""The file of the bounce in the sender's mailbox, or None."""
	for server in ("postfix", "exim", "opensmtpd"):
		for path in (lab / server / "mail").rglob("*"):
			if path.is_file() and path.parent.name != "tmp":
				text = path.read_text(errors="replace")
				if recipient in text and re.search(r"^(From|Return-Path): .*(MAILER-DAEMON|<>)", text, re.M | re.I):
					return path
	return None


def delivered(lab, recipient):
	"""The mail in the exchanger's mailbox, or None."""
	for path in (lab / "mx/mail").rglob("*"):
		if path.is_file() and f"Delivered-To: {recipient}\n" in path.read_text(errors="replace"):
			return path
	return None


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("lab", type=pathlib.Path)
	parser.add_argument("mode")
	parser.add_argument("--begun", type=float, required=True)
	parser.add_argument("--ticket", required=True)
	args = parser.parse_args()
	rows = [line.rstrip("\n").split("\t") for line in sys.stdin]
	tried = attempts(args.lab, args.mode, {row[0]: row[3] for row in rows})
	connections = [line.split() for line in lines(args.lab / "connections")]
	for row, insists, family, address, setting in rows:
		times = [float(at) for at, source, _ in connections if source == address and float(at) >= args.begun]
		tries = tried.get(row, [])
		fact = {"mode": args.mode, "row": row, "insists": insists == "yes", "family": int(family), "setting": setting,
			"attempts": [word for word, _ in tries], "texts": [text for _, text in tries],
			"connections": len(times), "bounce": False, "tls": None}
		if path := delivered(args.lab, f"{args.mode}@{row}.example"):
			fact["tls"] = "(using TLS" in path.read_text(errors="replace")
		if path := bounce(args.lab, f"{args.mode}@{row}.example"):
			text = re.sub(r"\s+", " ", path.read_text(errors="replace"))
			fact["bounce"] = True
			fact["refused"] = re.search(r"550.5\.7\.1", text) is not None
			fact["ticket"] = args.ticket in text
			fact["seconds"] = round(path.stat().st_mtime - times[0], 1) if times else None
		print(json.dumps(fact))


main()
