#!/usr/bin/env python3
"""
Every capture of other projects through the lane, compared with what their authors recorded. A
difference must stand in differences.py with its reason; one that stands there and no longer shows is
an error too, so the list stays true. With --doc FILE the table is written as Markdown.
"""

import argparse
import glob
import os
import sys

import lane
import peers
from differences import DIFFERENCES

SKIPPED = 77


def captures(root):
	for folder, _, files in sorted(os.walk(root)):
		for name in sorted(files):
			if name.endswith((".pcap", ".pcapng", ".trace", ".cap")):
				yield os.path.relpath(os.path.join(folder, name), root)


def zeek_baselines(root):
	"""capture → names of baseline folders, as the README of the captures relates them."""
	table = {}
	with open(os.path.join(root, "..", "README.md"), encoding="utf-8") as f:
		for line in f:
			cells = line.split("|")
			if len(cells) > 3 and cells[1].strip().startswith("`pcap/zeek/"):
				name = cells[1].strip().strip("`")[len("pcap/"):]
				table[name] = [w.strip("`") for w in cells[-2].replace("<br>", " ").split()
						if w.startswith("`expected/")]
	return table


def suricata_tests(root):
	table = {}
	for test in sorted(glob.glob(os.path.join(root, "suricata", "**", "test.yaml"), recursive=True)):
		capture = peers.suricata_capture(test)
		if capture:
			table.setdefault(os.path.relpath(capture, root), []).append(test)
	return table


class Comparison:
	def __init__(self, root):
		self.root = root
		self.zeek = zeek_baselines(root)
		self.suricata = suricata_tests(root)

	def rows(self, name, result):
		"""(source, what, expected, got) for one capture."""
		path = os.path.join(self.root, name)
		project = name.split("/")[0]
		test = os.path.splitext(path)[0] + ".test"
		if project == "arkime" and os.path.exists(test):
			for row in peers.arkime(test, result):
				yield ("Arkime", *row)
		for folder in self.zeek.get(name, []):
			for log, reader in (("smtp.log", peers.zeek_smtp), ("files.cut", peers.zeek_files),
					("files.log.cut", peers.zeek_files)):
				log = os.path.join(self.root, "zeek", folder.rstrip("/"), log)
				if os.path.exists(log):
					label = "Zeek " + folder.rstrip("/").rsplit(".", 1)[-1]
					for row in reader(log, result):
						yield (label, *row)
		for test in self.suricata.get(name, []):
			label = "Suricata " + os.path.basename(os.path.dirname(test))
			for row in peers.suricata(test, result):
				yield (label, *row)
		if project == "smuggling":
			for row in peers.smuggling(os.path.dirname(path), os.path.basename(name), result):
				yield ("mailbox", *row)
		if project == "ndpi":
			for row in peers.ndpi(path + ".out", result):
				yield ("nDPI", *row)


def consistent(result):
	"""What must hold for any capture at all: a sentence when it does not."""
	s = result.summary
	if result.status != 0 or result.err:
		return f"exit {result.status}: {result.err.strip()}"
	if s is None or result.lines[-1] is not s:
		return "no summary at the end"
	if (s["messages"], s["sessions"]) != (len(result.messages), len(result.sessions)):
		return "the summary counts other lines than there are"
	for session in result.sessions:
		if session["messages"] != sum(m["session"] == session["session"] for m in result.messages):
			return f"session {session['session']} counts other messages than it has"
		if session["end"] < session["start"]:
			return f"session {session['session']} ends before it starts"
		if (session["mode"] == "metadata") != (session["reason"] is not None):
			return f"session {session['session']}: mode and reason do not agree"
	for m in result.messages:
		if m["session"] not in [s["session"] for s in result.sessions]:
			return f"a message of session {m['session']}, which has no line"
		if m["end"] < m["start"]:
			return "a message ends before it starts"
	return None


def shown(value):
	"""Numbers only: what the mails say stays where it came from."""
	numbers = value if isinstance(value, list) else [value]
	if all(v is None or isinstance(v, (bool, int)) for v in numbers):
		return ", ".join(str(v) for v in numbers) or "none"
	return "(text)"


def document(rows, known, numbers, to):
	to.write("# Captures of other projects: what they recorded, what we see\n\n"
		"Written by `tests/replay/captures.py --doc`; do not edit. Rows where we agree are counted, "
		"the others have their reason.\n\n")
	to.write("| source | checks | equal | explained |\n|---|---|---|---|\n")
	for project, (checks, equal) in sorted(numbers.items()):
		to.write(f"| {project} | {checks} | {equal} | {checks - equal} |\n")
	to.write("\n| capture | source | check | recorded | here | why |\n|---|---|---|---|---|---|\n")
	for key, expected, got in rows:
		name, source, what = key
		cells = [name, source, what.split("=")[0], shown(expected), shown(got), known[key]]
		to.write("| " + " | ".join(c.replace("|", "\\|").replace("\n", " ") for c in cells) + " |\n")


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--doc", help="write the table of differences here as Markdown")
	parser.add_argument("program")
	parser.add_argument("captures")
	args = parser.parse_args()
	if not os.path.isdir(args.captures):
		print(f"no captures at {args.captures}: skipped")
		return SKIPPED
	comparison = Comparison(args.captures)
	bad, different, numbers, count = [], [], {}, 0
	for name in captures(args.captures):
		result = lane.run(args.program, os.path.join(args.captures, name))
		count += 1
		sentence = consistent(result)
		if sentence:
			bad.append(f"{name}: {sentence}")
			continue
		for source, what, expected, got in comparison.rows(name, result):
			tally = numbers.setdefault(source.split()[0], [0, 0])
			tally[0] += 1
			if expected == got:
				tally[1] += 1
			else:
				different.append(((name, source, what), expected, got))
	seen = {key for key, _, _ in different}
	for key, expected, got in different:
		mark = "known" if key in DIFFERENCES else "NEW"
		print(f"{mark}: {' | '.join(key)}\n\trecorded {expected!r}\n\there     {got!r}")
		if key in DIFFERENCES:
			print(f"\tbecause  {DIFFERENCES[key]}")
		else:
			bad.append(f"an unexplained difference: {' | '.join(key)}")
	for key in DIFFERENCES:
		if key not in seen:
			bad.append(f"explained, but no difference any more: {' | '.join(key)}")
	print(f"{count} captures")
	for project, (checks, equal) in sorted(numbers.items()):
		print(f"{project}: {checks} checks, {equal} equal, {checks - equal} different")
	if args.doc and not bad:
		with open(args.doc, "w", encoding="utf-8") as to:
			document(different, DIFFERENCES, numbers, to)
	for line in bad:
		print(f"FAILED {line}")
	return 1 if bad else 0


if __name__ == "__main__":
	sys.exit(main())
