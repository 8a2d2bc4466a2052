"""
The slow, obvious reading of a capture, part three: the leaves of a mail as Python's email package has
them, and whether the mail is well-formed, for only then is that package a judge:

- every line ends in CRLF, and neither CR nor LF nor NUL stands anywhere else;
- the package notes no defect in any part, decoding included;
- every transfer encoding is one of RFC 2045, and multipart/* and message/* have none that encodes;
- no content type is one that the package cannot read and replaces;
- no field that decides about a part stands there twice.
"""

import email
import email.header
import email.policy
import hashlib
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "mime"))
import leafs  # noqa: E402

PLAIN = ("", "7bit", "8bit", "binary")
ENCODED = ("base64", "quoted-printable")


def word(part, name):
	return str(part.get(name, "")).partition(";")[0].partition("(")[0].strip().lower()


def entities(message):
	yield message
	if message.is_multipart():
		for part in message.get_payload():
			yield from entities(part)


def fault(content):
	"""Why the mail is not well-formed, or None."""
	if re.search(rb"(?<!\r)\n|\r(?!\n)|\0", content):
		return "line ends"
	if content and not content.endswith(b"\r\n"):
		return "last line end"
	message = email.message_from_bytes(content, policy=email.policy.compat32)
	for part in entities(message):
		if not part.is_multipart():
			part.get_payload(decode=True)
	for part in entities(message):
		if part.defects:
			return type(part.defects[0]).__name__
		encoding = word(part, "content-transfer-encoding")
		if encoding not in PLAIN + ENCODED:
			return "transfer encoding"
		if encoding in ENCODED and part.get_content_maintype() in ("multipart", "message"):
			return "encoded composite type"
		if "content-type" in part and word(part, "content-type") != part.get_content_type():
			return "content type"
		for name in ("content-type", "content-transfer-encoding", "content-disposition"):
			if len(part.get_all(name, [])) > 1:
				return "field twice"
	return None


def filename(part):
	"""Decoded both ways: RFC 2231 by the package, RFC 2047 as readers do all the same."""
	name = part.get_filename()
	if name is None:
		return None
	try:
		return str(email.header.make_header(email.header.decode_header(name)))
	except (UnicodeError, LookupError, email.errors.HeaderParseError):
		return name


def parts(content):
	"""(path, content_type, size, sha256) of every leaf; size and sha256 None where the package opened it."""
	message = email.message_from_bytes(content, policy=email.policy.compat32)
	out = []
	for path, kind, octets in leafs.leafs(message):
		size = None if octets is None else len(octets)
		out.append((path, kind, size, None if octets is None else hashlib.sha256(octets).hexdigest()))
	return out


def filenames(content):
	message = email.message_from_bytes(content, policy=email.policy.compat32)
	return [filename(part) for part in leaf_entities(message)]


def leaf_entities(part):
	"""As leafs.leafs goes through them."""
	kind = part.get_content_type()
	if part.is_multipart() and kind in leafs.OPENED:
		yield from leaf_entities(part.get_payload(0))
	elif part.is_multipart() and kind.startswith("multipart/"):
		for child in part.get_payload():
			yield from leaf_entities(child)
	else:
		yield part
