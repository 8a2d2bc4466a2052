#!/usr/bin/env python3
"""
Our leaf parts of other projects' mails, compared with the parse their authors wrote down: mime4j's trees
and decoded bodies, mail-parser's JSON, MimeKit's offsets, Postfix' mime_state. A difference must stand in
parse_differences.py with its reason; one that stands there and no longer shows is an error too, so the list stays
true. With --doc FILE the table is written as Markdown. Exit code 77: the corpus is not there.
"""

import argparse
import codecs
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

from parse_differences import DIFFERENCES

SKIPPED = 77


class Leaf:
	"""What is known of a leaf; None: the author did not say, or said it in a form that cannot be compared."""

	def __init__(self, kind=None, name=None, octets=None, size=None, has_name=False):
		self.kind, self.name, self.octets, self.size, self.has_name = kind, name, octets, size, has_name


def read(path):
	with open(path, "rb") as file:
		return file.read()


def crlf(data):
	return re.sub(rb"(?<!\r)\n", b"\r\n", data)


# ---- mime4j: X_decoded.xml is the tree, with a file for the decoded octets of each leaf

def mime4j_leafs(node, folder):
	for child in node:
		if child.tag in ("text-body", "binary-body"):
			octets = read(os.path.join(folder, child.attrib["name"]))
			yield Leaf(octets=octets)
		elif child.tag in ("multipart", "body-part", "message"):
			yield from mime4j_leafs(child, folder)


def xml_of(path):
	"""The tree; octets that no XML may hold stand in some headers, which are not looked at."""
	text = read(path).decode("latin-1")
	text = re.sub(r"<field>.*?</field>", "", text, flags=re.S)
	text = re.sub(r"<(preamble|epilogue)>.*?</\1>", "", text, flags=re.S)
	return tree.fromstring(text.encode("utf-8"))


def mime4j(root):
	for base, _, names in sorted(os.walk(root)):
		for name in sorted(names):
			expected = os.path.join(base, name[:-4] + "_decoded.xml")
			if name.endswith(".msg") and os.path.exists(expected):
				yield os.path.join(base, name), list(mime4j_leafs(xml_of(expected), base))


# ---- mail-parser: NNN.crlf.json is its whole parse of NNN.eml with CRLF line ends

def attribute(part, header, wanted):
	for field in part["headers"]:
		value = field["value"].get("ContentType") if isinstance(field["value"], dict) else None
		if field["name"] == header and value:
			for item in value.get("attributes") or []:
				if item["name"] == wanted:
					return item["value"]
	return None


def content_type(part):
	for field in part["headers"]:
		value = field["value"].get("ContentType") if isinstance(field["value"], dict) else None
		if field["name"] == "content_type" and value and value.get("c_subtype"):
			return value["c_type"].lower() + "/" + value["c_subtype"].lower()
	return None


def encoded(text, charset):
	"""A text as the octets that stood in the mail; None: it is not known how they were read."""
	try:
		codec = codecs.lookup((charset or "us-ascii").strip()).name
		if codec.startswith(("utf-7", "iso2022")):
			return None  # many ways to write one text
		octets = text.encode("utf-8" if codec == "ascii" else codec)
		return octets if octets.decode(codec) == text else None
	except (LookupError, ValueError):
		return None


def json_leafs(message, identifier=0):
	part = message["parts"][identifier]
	kind, value = next(iter(part["body"].items())) if isinstance(part["body"], dict) else (part["body"], None)
	if kind == "Multipart":
		for child in value:
			yield from json_leafs(message, child)
		return
	if kind == "Message":
		yield from json_leafs(value)
		return
	octets = bytes(value) if "Binary" in kind else encoded(value, attribute(part, "content_type", "charset"))
	name = attribute(part, "content_disposition", "filename") or attribute(part, "content_type", "name")
	yield Leaf(content_type(part), name, octets, has_name=name is not None)


def mail_parser(root):
	for base, _, names in sorted(os.walk(root)):
		for name in sorted(names):
			expected = os.path.join(base, name[:-4] + ".crlf.json")
			if name.endswith(".eml") and os.path.exists(expected):
				yield os.path.join(base, name), list(json_leafs(json.loads(read(expected))))


# ---- MimeKit: offsets of every part of every message of a mailbox

def offset_leafs(part, data):
	if "mimeType" not in part:
		yield from offset_leafs(part["body"], data)
	elif "body" in part:
		yield from offset_leafs(part["body"], data)
	elif part.get("children"):
		for child in part["children"]:
			yield from offset_leafs(child, data)
	else:
		head = data[part["beginOffset"]:part["headersEndOffset"]]
		coded = re.search(rb"^content-transfer-encoding:\s*(base64|quoted-printable|x-uuencode)", head, re.I | re.M)
		octets = data[part["headersEndOffset"]:part["endOffset"]]
		yield Leaf(part["mimeType"].lower(), octets=None if coded else octets)


def mimekit(root, folder):
	box = os.path.join(root, "mimekit", "mbox", "issue1189.mbox.txt")
	offsets = os.path.join(root, "mimekit", "mbox", "issue1189.dos-offsets.json")
	data = crlf(read(box))
	for number, message in enumerate(json.loads(read(offsets))):
		path = os.path.join(folder, f"issue1189-{number + 1}.eml")
		with open(path, "wb") as file:
			file.write(data[message["beginOffset"]:message["endOffset"]])
		yield path, list(offset_leafs(message, data))


# ---- Postfix: mime_state prints each header with what it belongs to; a header is a part

def postfix_leafs(text):
	kind, header = "text/plain", False
	for line in text.split("\n"):
		token = re.match(r"mime_state: header_token: (\S+) / (\S+)", line)
		start = re.match(r"(MAIN|MULT|NEST) 0\t\|", line)
		if token:
			following = (token.group(1) + "/" + token.group(2)).lower()
		if start:
			if header and not kind.startswith(("multipart/", "message/rfc822")):
				yield Leaf(kind)
			header, kind = True, "text/plain"
		if re.match(r"(MAIN|MULT|NEST) \d+\t\|content-type", line, re.I):
			kind = following
	if header and not kind.startswith(("multipart/", "message/rfc822")):
		yield Leaf(kind)


def postfix(root):
	for base, _, names in sorted(os.walk(root)):
		for name in sorted(names):
			expected = os.path.join(base, name.replace(".in", ".ref"))
			if re.search(r"\.in\d*$", name) and os.path.exists(expected):
				yield os.path.join(base, name), list(postfix_leafs(read(expected).decode("latin-1")))


# ---- ours

def ours(tool, names):
	result = subprocess.run([tool], input="\n".join(names) + "\n", capture_output=True, text=True, check=True)
	found, current = {}, None
	for line in result.stdout.split("\n"):
		field = line.split("\t")
		if field[0] == "F":
			current = found.setdefault(field[1], [])
		elif field[0] == "L":
			name = bytes.fromhex(field[6]).decode("utf-8") if field[5] == "N" else None
			current.append((field[2], int(field[3]), field[4], name))
	return found


def checks(expected, got):
	"""(what, expected, got) of one mail."""
	yield "leafs", len(expected), len(got)
	if len(expected) != len(got):
		return
	for number, (want, (kind, size, sha, name)) in enumerate(zip(expected, got), 1):
		if want.kind is not None:
			yield f"leaf {number} type", want.kind, kind
		if want.octets is not None:
			# the mails lie in files with LF; a text decoded from one has CRLF when it comes over the wire
			octets = crlf(want.octets) if len(want.octets) != size else want.octets
			yield f"leaf {number} size", len(want.octets) if len(octets) != size else size, size
			if len(octets) == size:
				yield f"leaf {number} octets", hashlib.sha256(octets).hexdigest(), sha
		if want.has_name:
			yield f"leaf {number} name", want.name, name


def document(rows, known, numbers, to):
	to.write("# Mails of other projects: the parse they wrote down, ours\n\n"
		"Written by `tests/mime/parses.py --doc`; do not edit. Leaf parts are compared: how many, their types, decoded "
		"octets, names, as far\nas each project says. Where we agree is counted, each other row has its reason.\n\n")
	to.write("| project | mails | checks | equal | explained |\n|---|---|---|---|---|\n")
	for project, (cases, count, equal) in sorted(numbers.items()):
		to.write(f"| {project} | {cases} | {count} | {equal} | {count - equal} |\n")
	to.write("\n| project | mail | check | theirs | ours | why |\n|---|---|---|---|---|---|\n")
	for key, expected, got in rows:
		shown = [str(v) if isinstance(v, int) or "type" in key[2] else "(text)" for v in (expected, got)]
		cells = [*key, *shown, known[key]]
		to.write("| " + " | ".join(c.replace("|", "\\|") for c in cells) + " |\n")


def main():
	parser = argparse.ArgumentParser(description=__doc__)
	parser.add_argument("--doc", help="write the table here as Markdown")
	parser.add_argument("tool", help="mime_leafs")
	parser.add_argument("corpus", help="the folder of the archives")
	args = parser.parse_args()
	projects = {"mime4j": mime4j, "mail-parser": mail_parser, "mimekit": mimekit, "postfix-mime": postfix}
	for project in projects:
		archive = os.path.join(args.corpus, project + ".tar.zst")
		if not os.path.exists(archive):
			print(f"{archive}: not there, skipped")
			return SKIPPED
	bad, different, numbers = [], [], {}
	with tempfile.TemporaryDirectory() as folder:
		for project, cases in projects.items():
			into = os.path.join(folder, project)
			os.mkdir(into)
			archive = os.path.join(args.corpus, project + ".tar.zst")
			unpack = subprocess.Popen(["zstd", "-dc", archive], stdout=subprocess.PIPE)
			subprocess.run(["tar", "x", "-C", into], stdin=unpack.stdout, check=True)
			if unpack.wait() != 0:
				return 2
			wanted = list(cases(into, folder) if project == "mimekit" else cases(into))
			found = ours(args.tool, [path for path, _ in wanted])
			tally = numbers[project] = [len(wanted), 0, 0]
			if not wanted:
				bad.append(f"{project}: no mails")
			for path, expected in wanted:
				name = os.path.relpath(path, folder if project == "mimekit" else into)
				name = name[len(project) + 1:] if name.startswith(project + "/") else name
				for what, want, got in checks(expected, found[path]):
					tally[1] += 1
					if want == got:
						tally[2] += 1
					else:
						different.append(((project, name, what), want, got))
	seen = {key for key, _, _ in different}
	for key, want, got in different:
		print(f"{'known' if key in DIFFERENCES else 'NEW'}: {' | '.join(key)}\n\ttheirs {want!r}\n\tours   {got!r}")
		if key not in DIFFERENCES:
			bad.append(f"an unexplained difference: {' | '.join(key)}")
	for key in DIFFERENCES:
		if key not in seen:
			bad.append(f"explained, but no difference any more: {' | '.join(key)}")
	for project, (cases, count, equal) in sorted(numbers.items()):
		print(f"{project}: {cases} mails, {count} checks, {equal} equal, {count - equal} different")
	if args.doc and not bad:
		with open(args.doc, "w", encoding="utf-8") as to:
			document(different, DIFFERENCES, numbers, to)
	for line in bad:
		print(f"FAILED {line}")
	return 1 if bad else 0


if __name__ == "__main__":
	sys.exit(main())
