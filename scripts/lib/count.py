#!/usr/bin/env python3
"""Counts single test cases in meson's testlog.json: `passed failed skipped` on standard output, and the
names of what failed on standard error. A test that speaks TAP (it has a plan) counts by its lines; another
one is one case. A test that died, ran out of time or printed fewer cases than it announced adds a failed one."""

import json
import re
import sys

CASE = re.compile(r"^(not )?ok\b[ \t]*(\d*)[ \t]*-?[ \t]*(.*)$")
PLAN = re.compile(r"^1\.\.(\d+)")


def count_tap(text):
    planned, cases = 0, []
    for line in text.splitlines():
        plan, case = PLAN.match(line), CASE.match(line)
        if plan:
            planned += int(plan.group(1))
        elif case:
            name = case.group(3)
            if re.search(r"#\s*SKIP", name, re.I):
                cases.append((name, "skipped"))
            else:
                cases.append((name, "failed" if case.group(1) else "passed"))
    return planned, cases


def count(test):
    name, result = test["name"], test["result"]
    planned, cases = count_tap(test.get("stdout") or "")
    if not planned:
        word = {"OK": "passed", "EXPECTEDFAIL": "passed", "SKIP": "skipped"}.get(result, "failed")
        return [(f"{name} ({result.lower()})" if word == "failed" else name, word)]
    cases = [(f"{name}: {what}", word) for what, word in cases]
    lost = len(cases) < planned
    if lost or (result not in ("OK", "SKIP") and not any(word == "failed" for _, word in cases)):
        cases.append((f"{name}: ended {result.lower()} after {len(cases)} of {planned} cases", "failed"))
    return cases


def main():
    totals = {"passed": 0, "failed": 0, "skipped": 0}
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            for name, word in count(json.loads(line)):
                totals[word] += 1
                if word == "failed":
                    print(f"FAILED {name}", file=sys.stderr)
    print(totals["passed"], totals["failed"], totals["skipped"])


main()
