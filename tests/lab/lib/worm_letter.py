#!/usr/bin/env python3
"""
The letters of the lab's "worm": a sentence that nothing but the lab's own signatures knows. KIND says where it
stands: `clean` nowhere, `text` in the text, `attached` at the end of 3 MB in base64, `digest` nowhere either, but
the whole attachment is one that a hash signature names. With --signatures FOLDER the signatures are
written instead.
"""

import argparse
import base64
import hashlib
import pathlib
import sys

MARKER = b"The harmless marker of a laboratory of mail."
DIGESTED = b"A file that is known by its hash, and by nothing in it.\n"
ATTACHED_OCTETS = 3 * 1024 * 1024
NAMES = {"text": "Lab.Marker", "attached": "Lab.Marker", "digest": "Lab.Digest"}


def attachment(kind):
	if kind == "digest":
		return DIGESTED
	line = b"Of no interest to anybody, and there is much of it.\n"
	return line * (ATTACHED_OCTETS // len(line)) + MARKER


def letter(kind, sender, recipient, newline="\r\n"):
	"""A message without the end of its last line. The subject is the recipient: by it everything is found again."""
	lines = [f"From: {sender}", f"To: {recipient}", f"Subject: {recipient}", f"Message-ID: <{recipient}>", "MIME-Version: 1.0"]
	if kind in ("clean", "text"):
		text = "An ordinary line." if kind == "clean" else MARKER.decode()
		return newline.join([*lines, "", "Dear customer,", text, "Bye."])
	lines += ['Content-Type: multipart/mixed; boundary="cut"', "", "--cut", "", "See the file.", "--cut",
		"Content-Type: application/octet-stream", "Content-Disposition: attachment; filename=file.bin",
		"Content-Transfer-Encoding: base64", ""]
	lines += base64.encodebytes(attachment(kind)).decode().splitlines()
	return newline.join([*lines, "--cut--"])


def write_signatures(folder):
	digest = hashlib.md5(DIGESTED, usedforsecurity=False).hexdigest()
	(folder / "lab.ndb").write_text(f"{NAMES['text']}:0:*:{MARKER.hex()}\n", encoding="ascii")
	(folder / "lab.hdb").write_text(f"{digest}:{len(DIGESTED)}:{NAMES['digest']}\n", encoding="ascii")


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--signatures", type=pathlib.Path, metavar="FOLDER")
	parser.add_argument("letter", nargs="*", metavar="KIND SENDER RECIPIENT")
	args = parser.parse_args()
	if args.signatures:
		write_signatures(args.signatures)
	else:
		sys.stdout.write(letter(*args.letter, newline="\n") + "\n")


if __name__ == "__main__":
	main()
