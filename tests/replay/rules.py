#!/usr/bin/env python3
"""
Rule files as people write them, compiled and run over one mail: with a byte order mark, with words
in capitals, and with more rules that match than anybody has use for. Makes all it needs.
"""

import argparse
import os
import subprocess
import sys
import tempfile

import lane
import wire
from dialogue import session

MAIL = b"Subject: a kettle of fish\r\n\r\nthe brown kettle boils\r\n"
MANY = 5000
MARK = b"\xef\xbb\xbf"
RULES = {
	"a.txt": (MARK + b"brown kettle\n", ["brown kettle"]),
	"a.cf": (MARK + b"body FIRST /brown kettle/\nbody SECOND /boils/\n", ["FIRST", "SECOND"]),
	"capitals.cf": (b"BODY FIRST /brown kettle/\nHeader SECOND Subject =~ /fish/\nScore FIRST 2.5\n"
		b"IF (version > 1)\nBody THIRD /boils/\nEndIf\n", ["FIRST", "SECOND", "THIRD"]),
	"a.ndb": (MARK + b"Marked.UNOFFICIAL:0:*:" + b"brown kettle".hex().encode() + b"\n", ["Marked"]),
	"many.cf": (b"".join(b"body R%d /kettle/\n" % i for i in range(MANY)), [f"R{i}" for i in range(MANY)]),
}


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("program")
	parser.add_argument("compiler")
	args = parser.parse_args()
	failed = 0
	with tempfile.TemporaryDirectory() as folder:
		capture, compiled = os.path.join(folder, "mail.pcap"), os.path.join(folder, "compiled")
		wire.write(capture, session(MAIL).packets)
		for name, (text, want) in RULES.items():
			path = os.path.join(folder, name)
			with open(path, "wb") as f:
				f.write(text)
			subprocess.run([args.compiler, "compile", "-q", path, "-o", compiled], check=True)
			result = lane.run(args.program, capture, "--ruleset", compiled)
			got = [m["rule"] for m in result.messages[0]["matches"]] if result.messages else None
			good = got is not None and sorted(got) == sorted(want)
			print(f"{'ok' if good else 'FAILED'}: {name}, {len(want)} rules")
			if not good:
				failed += 1
				print(f"FAILED {name}: exit {result.status} {result.err}, {str(got)[:200]}")
	return 1 if failed else 0


if __name__ == "__main__":
	sys.exit(main())
