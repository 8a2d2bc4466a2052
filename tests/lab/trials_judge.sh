#!/bin/bash
# The judge of tests/lab/trials.sh, fed with facts made up by hand: whatever must not be is called by its name.
set -euo pipefail
lib=$1
number=0 bad=0

# expect WHAT STATUS PATTERN CHANGE: a fact as it must be (Postfix, insists on TLS, adaptive), with CHANGE to it.
expect() {
	local what=$1 want=$2 pattern=$3 said status=0

	said=$(jq -cn '{mode: "adaptive", row: "postfix-encrypt", insists: true, family: 4, setting: "", connections: 2,
		attempts: ["deferred", "bounced"], texts: ["no TLS", "550"], bounce: true, refused: true, ticket: true,
		seconds: 3.1, tls: null} | '"$4" | python3 "$lib/trials_judge.py") || status=$?
	number=$((number + 1))
	if [[ $status -eq $want && $said == *"$pattern"* ]]; then
		printf 'ok %s - %s\n' "$number" "$what"
	else
		printf 'not ok %s - %s: status %s, %s\n' "$number" "$what" "$status" "${said//$'\n'/ | }"
		bad=1
	fi
}

expect 'bounced at the first retry' 0 'bounced** at the first retry, 3.1 s; 2 connections' .
expect 'nothing at all' 1 'nothing was tried' empty
expect 'nothing in the log' 1 'no attempt' '.attempts = []'
expect 'bounced too late' 1 'must bounce at attempt 2' '.attempts = ["deferred", "deferred", "bounced"]'
expect 'bounced too early' 1 'must bounce at attempt 2' '.attempts = ["bounced"]'
expect 'never bounced' 1 'must bounce at attempt 2' '.attempts = ["deferred", "deferred"] | .bounce = false'
expect 'no bounce in the mailbox' 1 'no bounce in the mailbox' '.bounce = false'
expect 'a bounce without the ticket' 1 'without 550 5.7.1 and the ticket' '.ticket = false'
expect 'a bounce with another code' 1 'without 550 5.7.1 and the ticket' '.refused = false'
expect 'it got through' 1 "in the server's mailbox" '.tls = true'
expect 'one that can do without TLS bounces at once' 1 'must bounce at attempt 1' '.insists = false'
expect 'at MAIL, deferred' 0 'deferred 2 times' '.mode = "mail" | .attempts = ["deferred", "deferred"] | .bounce = false'
expect 'at MAIL, bounced all the same' 1 'must be deferred each time' '.mode = "mail"'
expect 'at EHLO, at once' 0 'at once' '.mode = "ehlo" | .attempts = ["bounced"]'
expect 'at EHLO, not at once' 1 'must bounce at attempt 1' '.mode = "ehlo"'
expect 'what OpenSMTPD is known to do' 0 'deferred 2 times' \
	'.row = "opensmtpd-tls" | .attempts = ["deferred", "deferred"] | .bounce = false'
expect 'what OpenSMTPD does no longer' 1 'must be deferred each time' '.row = "opensmtpd-tls"'
expect 'delivered in TLS' 0 'sent' '.mode = "pass" | .attempts = ["sent"] | .tls = true | .bounce = false'
expect 'delivered in clear by one that insists' 1 'came without' \
	'.mode = "pass" | .attempts = ["sent"] | .tls = false | .bounce = false'
expect 'not delivered' 1 'not delivered' '.mode = "pass" | .attempts = ["sent"] | .bounce = false'
printf '1..%s\n' "$number"
exit "$bad"
