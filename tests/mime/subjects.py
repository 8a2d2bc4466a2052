#!/usr/bin/python3
"""Subjects of mails in Arkime's captures against what Arkime's authors expect (the .test beside each
capture). The header is cut out of the capture's octets; the way of packets is tested elsewhere. Exit code
77: the corpus is not there."""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

# Arkime keeps the blanks between adjacent encoded words; RFC 2047 section 6.2 drops them, and so do we.
DIFFERS = {"smtp-subject-multi-nospace.test"}


def main():
    tool, folder = sys.argv[1], sys.argv[2]
    seen = wrong = 0
    for test in sorted(glob.glob(os.path.join(folder, "*.test"))):
        with open(test, encoding="utf-8") as file:
            sessions = json.load(file)["sessions3"]
        wanted = [s for one in sessions for s in one["body"].get("email", {}).get("subject", [])]
        if not wanted or os.path.basename(test) in DIFFERS:
            continue
        with open(test[:-5] + ".pcap", "rb") as file:
            found = re.findall(rb"\r\n(subject:.*?\r\n)(?![ \t])", file.read(), re.S | re.I)
        for header in found:
            with tempfile.NamedTemporaryFile() as mail:
                mail.write(header + b"\r\n")
                mail.flush()
                out = subprocess.run([tool], input=mail.name + "\n", capture_output=True, text=True,
                                     check=True).stdout
            got = [bytes.fromhex(line.split("\t")[2]).decode() for line in out.split("\n")
                   if line.startswith("H\tsubject")]
            seen += 1
            if len(got) != 1 or got[0] not in wanted:
                wrong += 1
                print(os.path.basename(test), "got", got, "wanted", wanted)
    if seen == 0:
        print("no captures with subjects there, skipped")
        return 77
    print(f"{seen} subjects, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
