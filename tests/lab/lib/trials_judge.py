#!/usr/bin/env python3
"""
Holds what the senders of tests/lab/trials.sh did against what must be, and writes it down. Facts (trials_read.py) come
on standard input. Exit 1 when something is not as it must be.
"""

import argparse
import json
import re
import sys

# At which attempt the sender must bounce, by the setting `reject_at` and whether he insists on TLS; None: never, within
# the two that are watched. Under `pass` the mail arrives.
BOUNCES = {("mail", False): 1, ("mail", True): None, ("ehlo", False): 1, ("ehlo", True): 1,
	("adaptive", False): 1, ("adaptive", True): 2}
# Who does otherwise, and why. None of it is a choice of ours.
OPENSMTPD = "it takes a refused EHLO or HELO for a failure of the host, not of the mail, and tries again until the mail expires"
OTHERWISE = {
	("opensmtpd-notls", "ehlo"): (None, OPENSMTPD),
	("opensmtpd-smtp", "ehlo"): (None, OPENSMTPD),
	("opensmtpd-smtptls", "ehlo"): (None, OPENSMTPD),
	("opensmtpd-tls", "ehlo"): (None, OPENSMTPD),
	("opensmtpd-smtptls", "adaptive"): (None, OPENSMTPD),
	("opensmtpd-tls", "adaptive"): (None, OPENSMTPD),
}
MODES = ("mail", "ehlo", "adaptive")


def must(fact):
	other = OTHERWISE.get((fact["row"].removesuffix("-6"), fact["mode"]))
	return other[0] if other else BOUNCES[fact["mode"], fact["insists"]]


def fault(fact):
	"""What is not as it must be, or nothing."""
	tries = fact["attempts"]
	if not tries:
		return "no attempt in the log"
	if fact["mode"] == "pass":
		if tries != ["sent"] or fact["tls"] is None:
			return f"not delivered: {tries}"
		return "it insists on TLS, and came without" if fact["insists"] and not fact["tls"] else ""
	if fact["tls"] is not None:
		return "refused, and in the server's mailbox"
	at = must(fact)
	if at is None:
		if fact["bounce"] or set(tries) != {"deferred"} or len(tries) < 2:
			return f"must be deferred each time: {tries}, bounce {fact['bounce']}"
		return ""
	if tries != ["deferred"] * (at - 1) + ["bounced"]:
		return f"must bounce at attempt {at}: {tries}"
	if not fact["bounce"]:
		return "bounced, and no bounce in the mailbox"
	if not fact["refused"] or not fact["ticket"]:
		return "a bounce without 550 5.7.1 and the ticket's number"
	return ""


def outcome(fact):
	tries = fact["attempts"]
	if fact["bounce"]:
		at = {1: "at once", 2: "at the first retry"}.get(len(tries), f"at attempt {len(tries)}")
		word = f"**bounced** {at}, {fact['seconds']} s"
	elif not tries:
		word = "nothing"
	else:
		word = f"{tries[-1]} {len(tries)} times" if len(tries) > 1 else tries[-1]
	return f"{word}; {fact['connections']} connection{'s' if fact['connections'] != 1 else ''}"


def said(fact):
	text = fact["texts"][-1] if fact["texts"] else ""
	return text.replace("|", "\\|")


def shorter(text):
	"""Without what differs from run to run, or is known from elsewhere in the table."""
	text = re.sub(r"^R=\S+ T=\S+ ", "", text)
	text = re.sub(r"H=\S+ (\[\S+\] )?", "", text)
	return re.sub(r"550 5\.7\.1 outbound mail is refused, ticket .*?isp\.example", "550 5.7.1 ...", text)


def write(facts, path, notes):
	rows = list(dict.fromkeys(fact["row"] for fact in facts))
	by = {(fact["row"], fact["mode"]): fact for fact in facts}
	with open(path, "a", encoding="utf-8") as out:
		print("| sender | setting | IP | `mail` | `ehlo` | `adaptive` |\n|---|---|---|---|---|---|", file=out)
		for row in rows:
			fact = by[row, "mail"]
			name = row.removesuffix("-6")
			print(f"| {name} | `{fact['setting']}` | v{fact['family']} |",
				" | ".join(outcome(by[row, mode]) for mode in MODES), "|", file=out)
		print("\nWhat the senders' logs say in the end:\n\n| sender | `mail` | `ehlo` | `adaptive` |\n|---|---|---|---|", file=out)
		for row in rows:
			if not row.endswith("-6"):
				print(f"| {row} |", " | ".join(shorter(said(by[row, mode])) for mode in MODES), "|", file=out)
		if OTHERWISE or notes:
			print(file=out)
		for why in dict.fromkeys(why for _, why in OTHERWISE.values()):
			who = [f"{row} (`{mode}`)" for (row, mode), (_, other) in OTHERWISE.items() if other == why and (row, mode) in by]
			if who:
				print(f"- {', '.join(who)}: {why}.", file=out)
		for note in notes:
			print(f"- skipped: {note}", file=out)


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--doc")
	parser.add_argument("--skipped", action="append", default=[])
	args = parser.parse_args()
	facts = [json.loads(line) for line in sys.stdin]
	bad = 0
	for fact in facts:
		wrong = fault(fact)
		bad += wrong != ""
		print(f"{'NOT ok' if wrong else 'ok':6} {fact['mode']:8} {fact['row']:17} {outcome(fact)}{' | ' + wrong if wrong else ''}")
		if wrong:
			for text in fact["texts"]:
				print(f"         {text}")
	if not facts:
		print("NOT ok: nothing was tried")
		bad = 1
	if args.doc and not bad:
		write([fact for fact in facts if fact["mode"] != "pass"], args.doc, args.skipped)
	sys.exit(bad > 0)


main()
