"""
Mails that travel in hostile traffic: some of our own, so that there are always some, and all of the
corpora of other projects where these are at hand. (name, octets) pairs; nothing is written to disk.
"""

import base64
import glob
import os
import re
import subprocess
import tarfile

# Beside mails their projects keep what they expect of them; that is no mail.
EXPECTED = (".json", ".xml", "_decoded.txt", "_decoded_1.txt", ".out", ".ref", "-summary.txt", ".offsets.json",
	"_decoded.bin")
LOOKS_LIKE_MAIL = re.compile(rb"^(from|to|subject|date|received|mime-version|content-type|return-path)\s*:", re.I | re.M)

_OCTETS = bytes((i * 7 + i // 256) & 255 for i in range(3000))


def _base64(octets):
	return base64.encodebytes(octets).replace(b"\n", b"\r\n")


def _mail(subject, body, *fields):
	head = [b"From: a@example.org", b"To: b@example.net", b"Subject: " + subject, b"Date: Mon, 2 Mar 2026 10:00:00 +0000",
		b"Message-ID: <" + subject.replace(b" ", b"-") + b"@example.org>", b"MIME-Version: 1.0", *fields]
	return b"\r\n".join(head) + b"\r\n\r\n" + body


def _multipart(kind, boundary, *parts):
	head = b"Content-Type: multipart/" + kind + b'; boundary="' + boundary + b'"'
	body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"
	return head, body


def _own():
	yield "plain", _mail(b"plain", b"One line.\r\nAnother one.\r\n")
	yield "dots", _mail(b"dots", b".\r\n..\r\n...\r\n.x\r\nx.\r\n. \r\n\r\n.\r\n.\r\n")
	yield "no content", b""
	yield "a dot", b".\r\n"
	yield "header only", b"Subject: nothing else\r\n"
	yield "body only", b"\r\nno header here\r\n"
	yield "long line", _mail(b"long line", b"x" * 5000 + b"\r\n" + b"y" * 998 + b"\r\n")
	yield "look-alikes", _mail(b"look-alikes", b"one\n.\ntwo\r.\rthree\r\n.\rfour\n.\r\nfive\0.\0\r\n.\0\r\n")
	yield "bare line ends", b"Subject: bare\nFrom: a@example.org\n\nline\n.\nMAIL FROM:<x@example.org>\nend\r\n"
	yield "utf-8", _mail(b"utf-8", "Grüße aus Łódź, 東京, и ещё 😀\r\n".encode() * 40,
		b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit")
	yield "quoted-printable", _mail(b"quoted", b"a=3Db=3D=3D c=C3=A4 soft=\r\n line =2E\r\n=2E\r\n" * 60,
		b"Content-Type: text/html; charset=utf-8", b"Content-Transfer-Encoding: quoted-printable")
	text = b"Content-Type: text/plain; charset=us-ascii\r\n\r\nHello.\r\n.leading dot"
	binary = b"Content-Type: application/octet-stream; name=\"a.bin\"\r\nContent-Transfer-Encoding: base64\r\n" \
		b"Content-Disposition: attachment; filename=\"a.bin\"\r\n\r\n"
	head, body = _multipart(b"mixed", b"=_outer", text, binary + _base64(_OCTETS))
	yield "attachment", _mail(b"attachment", body, head)
	named = binary.replace(b'filename="a.bin"', b"filename*0*=utf-8''%C3%A4;\r\n filename*1=\"b c.bin\"")
	head, body = _multipart(b"alternative", b"--b", text, b"Content-Type: text/html\r\n\r\n<p>Hello</p>")
	inner = head + b"\r\n\r\n" + body
	head, body = _multipart(b"mixed", b"--b--", inner, named + _base64(_OCTETS[:57]), b"Content-Type: message/rfc822\r\n\r\n" +
		_mail(b"inside", b"An enclosed message.\r\n"))
	yield "nested", _mail(b"nested", body, head)
	yield "commands", _mail(b"commands", b"QUIT\r\nRSET\r\nMAIL FROM:<c@example.org>\r\nDATA\r\nBDAT 5 LAST\r\n354\r\n")
	yield "no last line end", _mail(b"cut", b"it ends here")


OWN = list(_own())


def _members(archive):
	unpack = subprocess.Popen(["zstd", "-dcq", archive], stdout=subprocess.PIPE)
	with tarfile.open(fileobj=unpack.stdout, mode="r|") as tar:
		for member in tar:
			if member.isfile():
				yield member.name, tar.extractfile(member).read()
	unpack.stdout.read()
	if unpack.wait() != 0:
		raise OSError(f"{archive} cannot be unpacked")


def of_archive(archive):
	name = os.path.basename(archive).split(".")[0]
	found = [(f"{name}/{member}", octets) for member, octets in _members(archive)
		if not member.endswith(EXPECTED) and LOOKS_LIKE_MAIL.search(octets[:4096].replace(b"\r", b"\n"))]
	return sorted(found)


def of_corpus(corpus, spam_max=1000):
	"""Every mail of corpus/mime, and every so many-th of the spam corpus, at most `spam_max`."""
	mime = [mail for archive in sorted(glob.glob(os.path.join(corpus, "mime", "*.tar.zst")))
		for mail in of_archive(archive)]
	spam = [mail for archive in sorted(glob.glob(os.path.join(corpus, "spam", "*.tar.zst")))
		for mail in of_archive(archive)]
	count = min(spam_max, len(spam))
	return mime + [spam[i * len(spam) // count] for i in range(count)]


def on_the_wire(octets):
	"""With the line ends a client sends: a bare LF becomes CRLF, a bare CR stays."""
	return re.sub(rb"(?<!\r)\n", b"\r\n", octets)
