#!/usr/bin/python3
"""Compares the leaf parts (path, type, decoded size, SHA-256) that Mailweir finds with those that Python's
email package finds, over every mail of a corpus. Exit code 77: the corpus is not there. Python is no
oracle where a mail is malformed, so there are two floors for the share that agrees: one over all mails, one
over the well-formed ones (see well_formed), where each that differs must also stand in
leaf_differences.py with its reason, and each that stands there must differ."""

import argparse
import email
import email.policy
import hashlib
import os
import re
import subprocess
import sys
import tempfile

from leaf_differences import DIFFERENCES

OPENED = ("message/rfc822", "message/global")
# what other projects expect of their mails; and mails whose lines end in CR, which on the wire are one line
EXPECTATIONS = (".json", ".xml", "_decoded.txt", "_decoded_1.txt", ".out", ".ref", "-summary.txt")


def leafs(message):
    """(path, type, octets or None) of every leaf, numbered as IMAP does (RFC 3501 section 6.4.5)."""
    def walk(part, prefix, own):
        kind = part.get_content_type()
        if kind in OPENED and part.is_multipart():
            yield from walk(part.get_payload(0), prefix + [own or 1], None)
        elif kind.startswith("multipart/") and part.is_multipart():
            base = (prefix + [own]) if own else prefix
            for i, child in enumerate(part.get_payload()):
                yield from walk(child, base, i + 1)
        else:
            path = ".".join(str(n) for n in prefix + [own or 1])
            octets = None if part.is_multipart() else part.get_payload(decode=True)
            yield path, kind, octets

    yield from walk(message, [], None)


def well_formed(message, data):
    """Python finds no defect in any part (decoding included), every CR is half of a line end, each header is
    of fields and folds alone, each multipart has parts, and no message is encoded (RFC 2046, 5.2.1)."""
    if re.search(rb"\r(?!\n)", data) or message.defects:
        return False
    for part in message.walk():
        coding = str(part.get("Content-Transfer-Encoding", "")).strip().lower()
        if part.defects or (part.get_content_maintype() == "multipart" and not part.is_multipart()):
            return False
        if part.get_content_maintype() in ("message", "multipart") and coding not in ("", "7bit", "8bit", "binary"):
            return False
        if not all(re.fullmatch(r"[!-9;-~]+", name) for name in part.keys()):
            return False
    return True


def theirs(message):
    found = []
    for path, kind, octets in leafs(message):
        if octets is None:
            found.append((path, kind, None, None, None))
        else:
            found.append((path, kind, len(octets), hashlib.sha256(octets).hexdigest(),
                          hashlib.sha256(octets + b"\r\n").hexdigest()))
    return found


def ours(tool, names):
    result = subprocess.run([tool], input="\n".join(names) + "\n", capture_output=True, text=True,
                            errors="surrogateescape", check=True)
    found, current = {}, None
    for line in result.stdout.split("\n"):
        field = line.split("\t")
        if field[0] == "F":
            current = found.setdefault(field[1], [])
        elif field[0] == "L":
            current.append((field[1], field[2], int(field[3]), field[4]))
    return found


def same(a, b, lenient):
    """Lenient: where a boundary is missing, Python takes the last line end of the leaf away all the same;
    ours stays, for the line end belongs to a boundary only where there is one."""
    if len(a) != len(b):
        return False
    for (path, kind, _, sha), (path2, kind2, size2, sha2, sha_crlf) in zip(a, b):
        if (path, kind) != (path2, kind2):
            return False
        # what Python opened and we keep closed (delivery-status) has no octets to compare
        if size2 is not None and sha != sha2 and not (lenient and sha == sha_crlf):
            return False
    return True


def mails(folder):
    for base, _, names in os.walk(folder):
        for name in sorted(names):
            path = os.path.join(base, name)
            with open(path, "rb") as file:
                head = file.read(4096)
            if re.search(rb"^(from|to|subject|date|received|mime-version|content-type|return-path)\s*:",
                         head, re.I | re.M) and not name.endswith(EXPECTATIONS) and "/mac/" not in path:
                yield path


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--floor", type=float, default=0, help="per cent of all mails")
    arguments.add_argument("--well-formed", type=float, default=0, help="per cent of the well-formed ones")
    arguments.add_argument("--verbose", action="store_true")
    arguments.add_argument("tool")
    arguments.add_argument("archive", nargs="+")
    options = arguments.parse_args()
    for archive in options.archive:
        if not os.path.exists(archive):
            print(f"{archive}: not there, skipped")
            return 77
    with tempfile.TemporaryDirectory() as folder:
        for archive in options.archive:
            into = os.path.join(folder, os.path.basename(archive).split(".")[0])
            os.mkdir(into)
            unpack = subprocess.Popen(["zstd", "-dc", archive], stdout=subprocess.PIPE)
            subprocess.run(["tar", "x", "-C", into], stdin=unpack.stdout, check=True)
            if unpack.wait() != 0:
                return 2
        names = list(mails(folder))
        found = ours(options.tool, names)
        equal, nearly, differing, bad = 0, 0, [], []
        formed, formed_equal = 0, 0
        for name in names:
            with open(name, "rb") as file:
                data = re.sub(rb"(?<!\r)\n", b"\r\n", file.read())
            message = email.message_from_bytes(data, policy=email.policy.compat32)
            want = theirs(message) # decodes, which finds more defects
            good = well_formed(message, data)
            key = os.path.relpath(name, folder).split("/", 1)[1]
            agrees = same(found[name], want, False)
            formed += good
            formed_equal += good and agrees
            if good and not agrees and key not in DIFFERENCES:
                bad.append(f"well-formed, and differs without a reason: {key}")
            if key in DIFFERENCES and (agrees or not good):
                bad.append(f"explained, but no difference of a well-formed mail any more: {key}")
            if agrees:
                equal += 1
            elif same(found[name], want, True):
                nearly += 1
            else:
                differing.append(os.path.relpath(name, folder))
                if options.verbose:
                    print("---", differing[-1])
                    for row in found[name]:
                        print("   ours  ", row)
                    for row in want:
                        print("   python", row)
    share = 100 * equal / len(names)
    print(f"{equal} of {len(names)} mails equal: {share:.2f} % (floor {options.floor} %); {nearly} more but for "
          "the line end before a boundary that is missing")
    formed_share = 100 * formed_equal / formed
    print(f"{formed_equal} of {formed} well-formed mails equal: {formed_share:.2f} % (floor {options.well_formed} %)")
    if differing:
        print("differing:", *differing, sep="\n  ")
    for line in bad:
        print("FAILED", line)
    return 0 if share >= options.floor and formed_share >= options.well_formed and not bad else 1


if __name__ == "__main__":
    sys.exit(main())
