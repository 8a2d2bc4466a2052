#!/bin/bash
# The whole story, live: honest mail passes, a spamming customer is found, led through the antivirus gateway,
# called, refused, and freed again. Every step is checked as it is told; the first one that does not happen ends it with status 1.
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=scripts/run
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack \
	tests/lab/lib/net tests/lab/lib/mail tests/lab/lib/gateway tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

DEADLINE=12s
chapter=0

tell() {
	printf '%s\n' "$*" | fold -s -w 96
}

chapter() {
	chapter=$((chapter + 1))
	printf '\n== %d. %s\n' "$chapter" "$*"
}

show() {
	sed 's/^/   | /'
}

# seen SENTENCE SECONDS COMMAND...: the step is done when the command succeeds.
seen() {
	local sentence=$1 seconds=$2
	shift 2
	if ! await "$seconds" "$@"; then
		failed "$sentence" "\`$*\` still failed after $seconds s"
	fi
	printf '   ok: %s\n' "$sentence"
}

# same SENTENCE EXPECTED SEEN
same() {
	[[ $3 == "$2" ]] || failed "$1" "expected \"$2\", seen \"$3\""
	printf '   ok: %s\n' "$1"
}

failed() {
	{
		printf '\nFAILED: expected: %s\n        seen: %s\n' "$1" "$2"
		printf '\nThe ends of the logs:\n'
		tail -n 15 "$LAB_DIR"/control.log "$LAB_DIR"/dataplane.log "$LAB_DIR"/*/maillog 2>/dev/null
		[[ -z ${ticket:-} ]] || weirctl ticket show "$ticket"
		weirctl status || true
	} >&2
	exit 1
}

ticket_is() { # STATE
	[[ $(ask .state ticket show "$ticket") == "$1" ]]
}

find_ticket() {
	ticket=$(ask '[.[] | select(.customer == "K-1066" and .state != "suspect")][0].id // empty' ticket list)
	[[ -n $ticket ]]
}

mailbox() { # NAME PATTERN...
	mail_find "$@" >/dev/null
}

honest_mail() { # SUBJECT TO
	mail_letter bea@bakery.example "$2" "$1" 'The rolls are ready at seven, as ever. Kind regards, Bea.' |
		mail_send cust bakery bea@bakery.example "$2"
}

story_begins() {
	chapter 'A provider, two customers and the internet'
	tell "Mailweir stands between two customers and the internet, like a piece of cable that reads mail." \
		"Sunrise Bakery (203.0.113.7) is honest. At Gadget Outlet (203.0.113.66) a machine has been taken" \
		"over by spammers. Both send by mail servers of their own, here two Postfix, to the recipients'" \
		"server at 198.51.100.25. Behind a third port stands the provider's antivirus gateway, with a scanner" \
		"of its own. The provider's abuse desk works with the tool weirctl."
	gateway_net
	lab_servers
	gateway_scanner
	gateway_postfix inet:127.0.0.1:8891
	mapfile -t LAB_SETTINGS < <(gateway_settings pass)
	appliance_prepare "$DEADLINE"
	plane_start control || failed 'the control plane starts' 'it ended'
	printf '   ok: the control plane runs (%s)\n' "$(weirctl --version)"
	weirctl customer import "$LAB_DIR/customers.csv" | show
	weirctl contact import "$LAB_DIR/contacts.csv" | show
	seen 'its rules are compiled' 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]'
	plane_start dataplane || failed 'the dataplane starts' 'it ended'
	printf '   ok: the dataplane forwards between its ports\n'
	seen 'the gateway was found, greets, and can take mail' 20 eval '[[ $(ask .gateway.state status) == up ]]'
	seen 'the web is reached through it, over IPv4' 10 web_fetch 203.0.113.7 http://198.51.100.80/
	seen 'and over IPv6' 10 web_fetch 2001:db8:c::7 'http://[2001:db8:1::80]/'
}

story_honest() {
	chapter 'Honest mail passes'
	honest_mail 'Rolls for Monday' guest@recipient.example
	honest_mail 'Rolls for Tuesday' guest@six.example
	seen "the bakery's mail has arrived in the recipient's mailbox" 20 \
		mailbox mx '^Subject: Rolls for Monday' '^Delivered-To: guest@recipient.example'
	seen 'another one, over IPv6, too' 20 mailbox mx '^Subject: Rolls for Tuesday'
	seen 'that one was under TLS from end to end: nobody strips STARTTLS on the way' 5 \
		grep -q 'TLS connection established to 2001:db8:1::25' "$LAB_DIR/bakery/maillog"
	same 'nobody is suspected' 0 "$(ask length ticket list)"
}

story_spam() {
	chapter 'A customer sends spam and is found'
	tell "The infected machine at Gadget Outlet hands 24 different advertisements to the company's mail" \
		"server, for recipients in four domains. Mailweir lets them pass but reads them; a sequential test" \
		"decides when it is sure that this is no accident."
	spam_burst 1 24
	seen 'a ticket is open' 40 find_ticket
	weirctl ticket show "$ticket" | head -12 | show
	[[ $ticket =~ ^MW-[0-9]{4}-[0-9]{6}$ ]] || failed 'a ticket number like MW-2026-000001' "$ticket"
	same 'it is the only one' 1 "$(ask length ticket list)"
	same 'and concerns Gadget Outlet' K-1066 "$(ask .customer ticket show "$ticket")"
}

virus_letter() { # TO
	printf 'From: sales@outlet.example\nTo: %s\nSubject: The price list\nMIME-Version: 1.0\n' "$1"
	printf 'Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nAs you asked.\n--b\n'
	printf 'Content-Type: application/octet-stream; name=prices.com\nContent-Transfer-Encoding: base64\n\n'
	eicar | base64
	printf -- '--b--\n'
}

story_gateway() {
	chapter 'Meanwhile he can work: his mail goes through the antivirus gateway'
	tell "Nobody has spoken with him yet, so nobody stops him. His packets to port 25, and no others, go out by the" \
		"third port; the gateway answers in the servers' names, and sees his own address."
	same 'the verdict of the ticket is DIVERT' divert "$(ask .verdict ticket show "$ticket")"
	seen 'Ida got a notice of it, with the ticket' 20 \
		mailbox relay '^Delivered-To: ida@outlet.example' "^Subject:.*$ticket" 'gateway'
	mail_letter ida@outlet.example guest@recipient.example 'An honest offer' 'Spare parts, as agreed. Ida.' |
		mail_send cust outlet ida@outlet.example guest@recipient.example
	virus_letter guest@recipient.example | mail_send cust outlet sales@outlet.example guest@recipient.example
	seen "a letter of his arrives, by way of the gateway" 30 \
		mailbox mx '^Subject: An honest offer' "^Received: from $GATEWAY_NAME"
	seen "in the gateway's log the client is Gadget Outlet" 5 \
		grep -qE 'client=[^ ]*\[203\.0\.113\.66\]' "$LAB_DIR/gateway/maillog"
	seen "a letter with the scanners' test virus comes back from the gateway's scanner" 30 \
		mailbox outlet '^Delivered-To: sales@outlet.example' "$GATEWAY_REFUSAL"
	same 'and reached nobody' 0 "$(mail_count mx '^Subject: The price list' || true)"
	honest_mail 'Rolls for Thursday' guest@recipient.example
	seen 'the bakery next door goes the straight way' 20 mailbox mx '^Subject: Rolls for Thursday'
	same 'and not through the gateway' 0 \
		"$(mail_count mx '^Subject: Rolls for Thursday' "^Received: from $GATEWAY_NAME" || true)"
}

task_of() { # KIND
	ask "[.[] | select(.kind == \"$1\")][0].id // empty" task list --ticket "$ticket"
}

task_with() { # KIND
	ask "[.[] | select(.kind == \"$1\")][0].contact // empty" task list --ticket "$ticket"
}

call() { # NAME OUTCOME NOTE
	local task

	seen "the next call on the list is $1" 10 eval "[[ \$(task_with call) == '$1' ]]"
	task=$(task_of call)
	weirctl task take "$task" | head -2 | show
	weirctl task outcome "$task" "$2" --note "$3" | head -3 | show
}

story_calls() {
	local task

	chapter 'Support calls the contacts of the company, from the top of its list'
	tell "Mailweir makes the tasks and sends the mails; a person calls, and reports how it went."
	weirctl task list | show
	call 'Ida Ahlers' no-answer 'rang for a minute'
	seen 'Ida got a follow-up mail that names the ticket' 20 \
		mailbox relay '^Delivered-To: ida@outlet.example' "^Subject:.*$ticket"
	call 'Jon Brandt' voicemail 'asked to call back'
	seen 'Jon got one, too' 20 mailbox relay '^Delivered-To: jon@outlet.example' "^Subject:.*$ticket"
	seen 'the technical account manager was mailed, in parallel' 20 \
		mailbox relay '^Delivered-To: tom@isp.example' "^Subject:.*$ticket"
	task=$(task_of tam)
	weirctl task take "$task" | head -2 | show
	weirctl task outcome "$task" no-answer --note 'Tom reached none of his people' | head -3 | show
	seen 'all in vain; the relay has taken the final mail, the list is worked off, the clock runs' 30 ticket_is awaiting
	seen 'the final mail carries the formal warning' 20 eval \
		'[[ $(mail_count relay "^Delivered-To: ida@outlet.example" "FORMAL WARNING") -ge 2 ]]'
	printf '   the calls as the ticket has them, in order:\n'
	weirctl --json ticket show "$ticket" | jq -r '.history[] | select(.text | test("call-(started|outcome)")) |
		"\(.time | strftime("%H:%M:%S")) \(.by): \(.text)"' | cut -c 1-110 | show
	same 'first Ida was called, then Jon' '1:no-answer 2:voicemail' "$(ask '[.history[].text |
		capture("call-outcome (?<how>[a-z-]+) contact (?<who>[0-9]+)") | "\(.who):\(.how)"] | join(" ")' \
		ticket show "$ticket")"
}

story_deadline() {
	local now deadline

	chapter 'The deadline passes'
	now=$(date +%s)
	deadline=$(ask .deadline ticket show "$ticket")
	[[ $deadline -ge $now && $deadline -le $((now + 13)) ]] ||
		failed "a deadline within $DEADLINE" "$deadline, and it is $now"
	tell "The class of this customer gives $DEADLINE here (three hours by default), so $((deadline - now)) s are left." \
		"Nobody reports anything."
	seen "outbound mail of Gadget Outlet is disabled" 40 ticket_is disabled
	weirctl verdict list | show
	same 'the verdict is REJECT' reject "$(ask '.[] | select(.customer == "K-1066").verdict' verdict list)"
	[[ $(date +%s) -ge $deadline ]] || failed 'not before the deadline' "$(date +%s) of $deadline"
	seen 'everyone concerned was told' 20 eval \
		'[[ $(mail_count relay "^Delivered-To: jon@outlet.example" "^Subject:.*$ticket") -ge 3 ]]'
}

refusal() {
	grep -h "status=bounced" "$LAB_DIR/outlet/maillog" | grep -F "550 5.7.1" | grep -F "$ticket"
}

story_refused() {
	chapter 'Refused in the SMTP dialogue, with the ticket number'
	mail_letter sales@outlet.example eve@recipient.example 'One more offer' 'Replica watches, again.' |
		mail_send cust outlet sales@outlet.example eve@recipient.example
	mail_letter sales@outlet.example eve@six.example 'One more offer' 'Replica watches, over IPv6.' |
		mail_send cust outlet sales@outlet.example eve@six.example
	seen "its next mail was refused; its own Postfix logs 550 5.7.1 and the ticket" 30 refusal
	refusal | head -1 | fold -w 92 | show
	seen 'over IPv6 alike: it is the customer who is refused, not an address' 30 eval 'refusal | grep -q eve@six.example'
	seen 'the sender finds the reason in the bounce in his mailbox' 20 \
		mailbox outlet '^Delivered-To: sales@outlet.example' '550.5\.7\.1' "$ticket"
	grep -hE '550.5\.7\.1|'"$ticket" "$(mail_find outlet '^Delivered-To: sales' "$ticket" | head -1)" | head -4 | show
	same 'nothing of it reached the recipient' 0 "$(mail_count mx '^Delivered-To: eve@' || true)"
	seen 'his web is untouched, over IPv4' 10 web_fetch 203.0.113.66 http://198.51.100.80/
	seen 'and over IPv6' 10 web_fetch 2001:db8:c::66 'http://[2001:db8:1::80]/'
	honest_mail 'Rolls for Wednesday' guest@trade.example
	seen 'and so is the mail of the bakery next door' 20 mailbox mx '^Subject: Rolls for Wednesday'
}

story_freed() {
	chapter 'The customer solves the problem, says so, and is free again'
	if weirctl ticket confirm "$ticket" >/dev/null 2>&1; then
		failed 'a confirmation without a report is refused' 'it was taken'
	fi
	printf '   ok: silence does not free him: without a report nothing can be confirmed\n'
	weirctl ticket report "$ticket" --by 'Ida Ahlers' \
		--measures 'infected PC of the front desk reinstalled, passwords changed' | head -3 | show
	same 'support checks the report; mail is still refused' 'verifying reject' \
		"$(ask '"\(.state) \(.verdict)"' ticket show "$ticket")"
	weirctl ticket confirm "$ticket" --note 'nothing suspicious any more' | head -3 | show
	seen 'resolved, and on probation' 20 ticket_is probation
	same 'nobody is refused any more; the first day goes through the gateway' divert \
		"$(ask '[.[].verdict] | join(" ")' verdict list)"
	mail_letter ida@outlet.example partner@trade.example 'Back again' 'We are sorry for the trouble. Ida.' |
		mail_send cust outlet ida@outlet.example partner@trade.example
	seen "its mail flows again and has arrived" 30 mailbox mx '^Subject: Back again'
}

story_books() {
	chapter 'What remains'
	weirctl report | head -12 | show
	weirctl audit verify | show
	same 'every act is in the audit chain, and the chain is whole' true "$(ask .ok audit verify)"
	lab_ns dp curl -sf --max-time 5 http://127.0.0.1:9925/metrics >"$LAB_DIR/metrics"
	grep -E '^mailweir_(tickets_opened|mails_total|observations|findings|messages_total|packets_total)' \
		"$LAB_DIR/metrics" | grep -v ' 0$' | head -12 | show
	grep -q '^mailweir_' "$LAB_DIR/metrics" || failed 'metrics for Prometheus' "$(head -3 "$LAB_DIR/metrics")"
	printf '   ok: the monitoring has its figures\n'
	[[ -z ${LAB_METRICS:-} ]] || cp "$LAB_DIR/metrics" "$LAB_METRICS"
}

story_ends() {
	planes_end || failed 'both processes end with status 0 when they are told to' "status $?"
	printf '   ok: both processes have ended as they were told\n'
}

main() {
	local lacking

	if ! is_root; then
		say "scripts/run: the demonstration needs root for its network namespaces: sudo scripts/run" \
			"(over a capture, scripts/run --pcap FILE needs none)"
		exit "$MW_CANNOT"
	fi
	need_packages "building and running" "${MW_PACKAGES_BUILD[@]}" "${MW_PACKAGES_RUN[@]}"
	need_packages "the demonstration" "${MW_PACKAGES_LAB[@]}"
	if lacking=$(gateway_lacks nftables clamav-daemon clamav-milter); then
		say "scripts/run: the demonstration's antivirus gateway: $lacking"
		exit "$MW_CANNOT"
	fi
	if ! net_possible; then
		say "scripts/run: network namespaces and veth pairs cannot be made on this machine;" \
			"the demonstration needs a kernel with both and the right to use them"
		exit "$MW_CANNOT"
	fi
	build "$LAB_BUILD"
	SECONDS=0
	lab_begin
	story_begins
	story_honest
	story_spam
	story_gateway
	story_calls
	story_deadline
	story_refused
	story_freed
	story_books
	story_ends
	printf '\nAll of it was seen to happen, in %d seconds.\n' "$SECONDS"
}

ticket=''
main
