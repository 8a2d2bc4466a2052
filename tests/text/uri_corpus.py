#!/usr/bin/env python3
"""Compares the addresses we find in a corpus of mails with those SpamAssassin found in them.

usage: uri_corpus.py DRIVER CORPUS_DIR FLOOR [LIMIT] [--show N]
F1 over (mail, address) pairs; fails below FLOOR; 77 when the corpus is not there. The mails are taken
apart by Python's email package, so differences in reading MIME count against us as well.
"""
import collections
import email
import email.header
import email.policy
import io
import os
import re
import subprocess
import sys
import tarfile


def unzstd(path):
    return subprocess.run(["zstd", "-dcq", path], stdout=subprocess.PIPE, check=True).stdout


def expected(folder):
    table = {}
    for line in unzstd(os.path.join(folder, "sa_uris.tsv.zst")).split(b"\n"):
        fields = line.split(b"\t")
        if fields[0]:
            uris = [re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), uri)
                    for uri in fields[1:]]
            table[fields[0].decode()] = set(uris) - {b""}
    return table


def as_stored(octets):
    if octets.startswith(b"From "):
        octets = octets.split(b"\n", 1)[-1]
    octets = octets.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return octets if octets.endswith(b"\n") else octets + b"\n"


def subject_of(message):
    value = message.get("subject", "")
    try:
        return str(email.header.make_header(email.header.decode_header(str(value)))).encode(
            "utf-8", "replace")
    except Exception:
        return str(value).encode("utf-8", "replace")


def leaves(message, out):
    kind = message.get_content_type()
    if message.is_multipart():
        for part in message.get_payload():
            leaves(part, out)
        return
    name = (message.get_filename() or "").lower()
    what = b"N"
    if kind == "text/html" or re.search(r"\.html?$", name):
        what = b"H"
    elif kind == "text/plain":
        what = b"P"
    data = b""
    if what != b"N":
        try:
            data = message.get_payload(decode=True) or b""
        except Exception:
            data = b""
        data = data.replace(b"\r\n", b"\n")
    charset = message.get_param("charset")
    charset = charset if isinstance(charset, str) else ""
    charset = re.sub(r"[^\x21-\x7e]", "", charset)[:100] or "-"
    out.append((what, charset.encode(), data))


def frame(octets):
    message = email.message_from_bytes(as_stored(octets))
    parts = []
    leaves(message, parts)
    subject = subject_of(message).replace(b"\n", b" ")
    out = [b"M\nS %d\n" % len(subject), subject]
    for what, charset, data in parts:
        out.append(b"%s %s %d\n" % (what, charset, len(data)))
        out.append(data)
    out.append(b"E\n")
    return b"".join(out)


def main():
    args = [a for a in sys.argv[1:] if not a.startswith("--")]
    driver, folder, floor = args[0], args[1], float(args[2])
    limit = int(args[3]) if len(args) > 3 else 10 ** 9
    show = int(next((a[7:] for a in sys.argv if a.startswith("--show=")), 0))
    archive = os.path.join(folder, "spamassassin-public-corpus.tar.zst")
    if not os.path.exists(archive):
        print("no corpus beside the source tree: skipped")
        return 77
    want = expected(folder)
    names, frames = [], []
    with tarfile.open(fileobj=io.BytesIO(unzstd(archive))) as tar:
        for member in tar:
            if member.isfile() and member.name in want and len(names) < limit:
                names.append(member.name)
                frames.append(frame(tar.extractfile(member).read()))
    done = subprocess.run([driver], input=b"".join(frames), stdout=subprocess.PIPE)
    if done.returncode != 0:
        print("driver ended with", done.returncode)
        return 77 if done.returncode == 77 else 1
    found, block = [], set()
    for line in done.stdout.split(b"\n")[:-1]:
        if line:
            block.add(line)
        else:
            found.append(block)
            block = set()
    if len(found) != len(names):
        print("messages in:", len(names), "out:", len(found))
        return 1
    hit = miss = extra = same = 0
    missed, extras = collections.Counter(), collections.Counter()
    for name, got in zip(names, found):
        truth = want[name]
        hit += len(truth & got)
        miss += len(truth - got)
        extra += len(got - truth)
        same += truth == got
        for uri in truth - got:
            missed[(name, uri)] += 1
        for uri in got - truth:
            extras[(name, uri)] += 1
    for title, counter in (("missed", missed), ("extra", extras)):
        for (name, uri), _ in list(counter.items())[:show]:
            print(title, name, uri[:150])
    f1 = 200.0 * hit / (2 * hit + miss + extra) if hit else 0.0
    print("%d mails: F1 %.2f (hit %d, missed %d, extra %d), %d with the same set" %
          (len(names), f1, hit, miss, extra, same))
    return 0 if f1 >= floor else 1


if __name__ == "__main__":
    sys.exit(main())
