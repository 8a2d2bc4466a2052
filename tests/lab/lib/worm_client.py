#!/usr/bin/env python3
"""
A customer's program that speaks SMTP itself and sends a letter of the lab. WAY: `data`; `bdat`, in chunks;
`several`, behind two clean ones in the same session; `piped`, with the commands and the text of a clean one
right behind its end. One line tells what became of the letter (as raw_client.py does), a second one what the
next command was answered, or how the session ended.
"""

import argparse
import sys

from raw_client import Refused, Talk
from worm_letter import letter

CHUNK_OCTETS = 50000


def deliver(talk, args):
	text = letter(args.kind, args.sender, args.recipient)
	if args.way == "bdat":
		talk.chunks(args.sender, args.recipient, text, CHUNK_OCTETS)
	elif args.way == "piped":
		behind = "hidden" + args.recipient
		commands = [f"MAIL FROM:<{args.sender}>", f"RCPT TO:<{behind}>", "DATA", letter("clean", args.sender, behind), "."]
		talk.mail(args.sender, args.recipient, text + "\r\n.\r\n" + "\r\n".join(commands[:-1]))
	else:
		if args.way == "several":
			for number in (1, 2):
				before = f"before{number}{args.recipient}"
				talk.mail(args.sender, before, letter("clean", args.sender, before))
		talk.mail(args.sender, args.recipient, text)


def attempt(step):
	try:
		step()
	except Refused as refused:
		return ("bounced " if str(refused)[0] == "5" else "deferred ") + str(refused)
	except OSError as error:
		return f"lost {type(error).__name__}"
	return "sent"


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	for name in ("kind", "way", "source", "server", "sender", "recipient"):
		parser.add_argument(name)
	args = parser.parse_args()
	talk = Talk(args.source, args.server)
	talk.say("EHLO raw.example")
	sys.stdout.write(attempt(lambda: deliver(talk, args)) + "\n")
	sys.stdout.write(attempt(lambda: talk.say("NOOP" if args.way != "piped" else "RSET")) + "\n")


main()
