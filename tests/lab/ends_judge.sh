#!/bin/bash
# The judge of tests/lab/ends.sh, fed with runs made up by hand: whatever must not be is called by its name.
set -euo pipefail
lib=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 bad=0

# expect WHAT STATUS PATTERN POLICY END STORED READ NAMES [REPLY]: a run of one session. STORED and READ are
# words like `first second`, a message with another one in it is `first+second`.
expect() {
	local what=$1 want=$2 pattern=$3 policy=$4 end=$5 stored=$6 read=$7 names=$8 reply=${9:-250 ok} which said status=0

	rm -rf "$work/box" && mkdir "$work/box"
	for which in $stored; do
		sed 's/+/\n/g; s/[a-z]*/Subject: & L1/g' <<<"$which" >"$work/box/$which"
	done
	python3 -c 'import json, sys
print(json.dumps({"end": sys.argv[1], "server": "postfix-lax", "family": 4, "way": "once", "number": "L1", "port": 1,
	"outcome": "closed", "replies": ["220", "250", "250", "250", "354", sys.argv[2]]}))' "$end" "$reply" >"$work/sent"
	python3 -c 'import json, sys
for which in sys.argv[1].split():
	print(json.dumps({"type": "message", "client_port": 1, "subject": which + " L1"}))
if sys.argv[2]:
	print(json.dumps({"type": "session", "client_port": 1, "reason": "none", "anomalies": sys.argv[2].split()}))' \
		"$read" "$names" >"$work/told"
	said=$(python3 "$lib/ends_judge.py" --policy "$policy" --sent "$work/sent" --told "$work/told" "box=$work/box") ||
		status=$?
	number=$((number + 1))
	if [[ $status -eq $want && $said == *"$pattern"* ]]; then
		printf 'ok %s - %s\n' "$number" "$what"
	else
		printf 'not ok %s - %s: status %s, %s\n' "$number" "$what" "$status" "${said//$'\n'/ | }"
		bad=1
	fi
}

lf='LF . LF' strict='CRLF . CRLF'
expect 'a look-alike that works and is named' 0 '1 times' observe "$lf" 'first second' 'first' 'smuggling bare_lf'
expect 'one that works and is not named' 1 'a second message was stored and not seen' \
	observe "$lf" 'first second' 'first' 'bare_lf'
expect 'one that is read as two messages, and not named' 1 'not named smuggling' \
	observe "$lf" 'first second' 'first second' 'bare_lf'
expect 'a session of which nothing was told' 1 '2 messages past us unseen' observe "$lf" 'first second' '' ''
expect 'a run in which nobody falls for anything' 1 'this lab shows nothing' observe "$lf" 'first+second' 'first' 'smuggling'
expect 'a strict end' 0 ' 0 rows' refuse "$strict" 'first second' 'first second' ''
expect 'a second message behind a strict end that is not seen' 1 'a second message was stored and not seen' \
	refuse "$strict" 'first second' 'first' ''
expect 'a strict end called smuggling' 1 'named smuggling' refuse "$strict" 'first second' 'first second' 'smuggling'
expect 'a strict end that the server never got' 1 '1 stored, not 2' refuse "$strict" 'first' 'first second' ''
expect 'a look-alike refused' 0 ' 0 rows' refuse "$lf" '' 'first' 'smuggling' '554 5.7.1 refused'
expect 'one refused, and stored all the same' 1 '1 stored, not 0' \
	refuse "$lf" 'first+second' 'first' 'smuggling' '554 5.7.1 refused'
expect 'one cut off without a word' 1 'the sender was not refused by us' refuse "$lf" '' 'first' 'smuggling'
printf '1..%s\n' "$number"
exit "$bad"
