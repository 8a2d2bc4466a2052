#!/usr/bin/env python3
"""
Spends what a customer under RATE may send in an hour: `messages`, or `connections`, until it is put off so many
times in a row that no lane can have anything left for him (each has its part, and which one a connection meets
is a matter of its port).
"""

import argparse
import sys

from raw_client import Refused, Talk, letter

IN_A_ROW = 20
ATTEMPTS_MAX = 400


def refused(args, number):
	talk = Talk(args.source, args.server)
	try:
		talk.say("EHLO spend.example")
		recipient = f"spend{number}.new@recipient.example"
		if args.what == "messages":
			talk.mail(args.sender, recipient, letter(args.sender, recipient, 200))
		else:
			talk.say(f"MAIL FROM:<{args.sender}>")
		return False
	except Refused as error:
		if str(error)[0] != "4":
			raise
		return True
	finally:
		talk.socket.close()


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("what", choices=["messages", "connections"])
	parser.add_argument("source")
	parser.add_argument("server")
	parser.add_argument("sender")
	args = parser.parse_args()
	row = 0
	for number in range(ATTEMPTS_MAX):
		row = row + 1 if refused(args, number) else 0
		if row == IN_A_ROW:
			print(f"{number + 1 - IN_A_ROW} passed or were the first to be put off")
			return
	sys.exit(f"after {ATTEMPTS_MAX} there is no end of it")


main()
