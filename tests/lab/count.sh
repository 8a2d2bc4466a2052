#!/bin/bash
# The counting of test cases, fed with tests that fail in every way there is: none may go uncounted.
set -euo pipefail
lib=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 bad=0

# expect WHAT "PASSED FAILED SKIPPED" RESULT STDOUT: one test of meson's log
expect() {
	local seen

	python3 -c 'import json, sys; print(json.dumps({"name": "t", "result": sys.argv[1], "stdout": sys.argv[2]}))' \
		"$3" "$4" >"$work/log"
	seen=$(python3 "$lib/count.py" "$work/log" 2>/dev/null)
	number=$((number + 1))
	if [[ $seen == "$2" ]]; then
		printf 'ok %s - %s\n' "$number" "$1"
	else
		printf 'not ok %s - %s: expected %s, seen %s\n' "$number" "$1" "$2" "$seen"
		bad=1
	fi
}

expect 'cases that pass' '2 0 0' OK $'1..2\nok 1 - a\nok 2 - b'
expect 'a case that fails' '1 1 0' FAIL $'1..2\nok 1 - a\nnot ok 2 - b'
expect 'a skipped case' '1 0 1' OK $'1..2\nok 1 - a\nok 2 - b # SKIP no corpus'
expect 'a process that died' '1 1 0' ERROR $'1..2\nok 1 - a'
expect 'one that died behind its last case' '2 1 0' ERROR $'1..2\nok 1 - a\nok 2 - b'
expect 'cases announced and not run' '1 1 0' OK $'1..3\nok 1 - a'
expect 'one that ran out of time' '0 1 0' TIMEOUT ''
expect 'a plain test that passes' '1 0 0' OK 'ok, all is well'
expect 'a plain test that fails' '0 1 0' FAIL 'ok, all is well'
expect 'a plain test that was skipped' '0 0 1' SKIP ''
expect 'two groups of one process' '3 0 0' OK $'1..2\nok 1 - a\nok 2 - b\n1..1\nok 1 - c'

status=0
said=$("$lib/tap-skips" bash -c 'echo "not ok 1 - a # SKIP"; echo "not ok 2 - b"; echo noise; exit 3') || status=$?
number=$((number + 1))
if [[ $status -eq 3 && $said == $'ok 1 - a # SKIP\nnot ok 2 - b\n# noise' ]]; then
	printf 'ok %s - the wrapper mends skips, keeps failures and the status\n' "$number"
else
	printf 'not ok %s - the wrapper: status %s, %s\n' "$number" "$status" "${said//$'\n'/ | }"
	bad=1
fi
printf '1..%s\n' "$number"
exit "$bad"
