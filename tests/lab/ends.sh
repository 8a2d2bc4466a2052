#!/bin/bash
# The ends of data, live: a customer's machine sends a first message with an end that is none, and a
# second one behind it, through a live dataplane to real servers, over IPv4 and IPv6, at once and bit by bit.
# What each server stores is counted in its mailbox. None may get a second message past us unseen.
#
# usage: ends.sh [--policy observe|refuse]... [--doc FILE]
#   Without --policy: all that this build has.
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/ends.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack \
	tests/lab/lib/net tests/lab/lib/mail tests/lab/lib/foreign tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

policies=()
doc=''
servers=() boxes=() skipped=()

parse() {
	while [[ $# -gt 0 ]]; do
		case $1 in
		--policy) policies+=("$2") && shift 2 ;;
		--doc) doc=$(readlink -f "$2") && shift 2 ;;
		*) die 2 'usage: tests/lab/ends.sh [--policy observe|refuse]... [--doc FILE]' ;;
		esac
	done
	[[ ${#policies[@]} -eq 0 ]] || return 0
	policies=(observe refuse)
}

address() { # 4|6 LAST
	[[ $1 == 4 ]] && printf '198.51.100.%s\n' "$2" || printf '2001:db8:1::%s\n' "$2"
}

make_addresses() {
	local last

	for last in 26 27 28 29 30; do
		ip -n "${LAB_P}inet" addr add "$(address 4 "$last")/32" dev lo
		ip -n "${LAB_P}inet" addr add "$(address 6 "$last")/128" dev lo nodad
	done
}

# One Postfix with three faces.
make_postfix() {
	local last=25 setting

	mail_make postfix postfix.recipient.example no <<-END
		inet_interfaces = 198.51.100.25, 198.51.100.26, 198.51.100.27, [2001:db8:1::25], [2001:db8:1::26], [2001:db8:1::27]
		virtual_mailbox_domains = recipient.example
		mynetworks = 127.0.0.0/8
		smtpd_relay_restrictions = reject_unauth_destination
		smtpd_client_connection_rate_limit = 0
		smtpd_client_connection_count_limit = 0
		smtpd_error_sleep_time = 0
	END
	for setting in no normalize reject; do
		printf '%s:25 inet n - n - - smtpd -o smtpd_forbid_bare_newline=%s\n' \
			"$(address 4 $last)" "$setting" "[$(address 6 $last)]" "$setting"
		last=$((last + 1))
	done >>"$LAB_DIR/postfix/etc/master.cf"
	mail_start inet postfix
	servers+=(postfix-lax postfix-normalize postfix-reject)
	boxes+=("postfix=$LAB_DIR/postfix/mail")
}

make_exim() {
	if ! exim_make exim exim.recipient.example "$(address 4 28)" "$(address 6 28)" </dev/null; then
		skipped+=('Exim: the package exim4-daemon-light could not be fetched')
		return
	fi
	exim_make exim-lax exim.recipient.example "$(address 4 29)" "$(address 6 29)" <<<'smtp_enforce_sync = no'
	exim_start inet exim
	exim_start inet exim-lax
	servers+=(exim exim-lax)
	boxes+=("exim=$LAB_DIR/exim/mail" "exim-lax=$LAB_DIR/exim-lax/mail")
}

make_opensmtpd() {
	if ! opensmtpd_make opensmtpd open.recipient.example "$(address 4 30)" "$(address 6 30)"; then
		skipped+=('OpenSMTPD: the package opensmtpd could not be fetched')
		return
	fi
	opensmtpd_start inet opensmtpd
	servers+=(opensmtpd)
	boxes+=("opensmtpd=$LAB_DIR/opensmtpd/mail")
}

versions() {
	printf 'Postfix %s' "$(postconf -hd mail_version)"
	[[ ! -d $LAB_DIR/exim ]] || printf ', Exim %s' "$(unpacked_version exim4-daemon-light)"
	[[ ! -d $LAB_DIR/opensmtpd ]] || printf ', OpenSMTPD %s' "$(unpacked_version opensmtpd)"
	printf '\n'
}

# Each letter counts as spam-like, so that each message the dataplane takes for one is told by itself.
make_appliance() { # POLICY
	printf 'LETTER\t5\tletter of the mailweir lab\n' >"$LAB_DIR/letter.txt"
	LAB_RULES=$LAB_DIR/letter.txt
	LAB_SMTP=('refuse_spam: false')
	LAB_SMTP+=("refuse_smuggling: $([[ $1 == refuse ]] && printf true || printf false)")
	appliance_prepare 30m
	cp "$(program lab-events "$LAB_BUILD")" "$LAB_DIR/bin/"
	plane_start control || die 'the control plane does not start'
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	plane_start dataplane || die 'the dataplane does not start'
	await 10 answers 4 25 || die 'the servers are not reached'
	await 10 answers 6 25 || die 'the servers are not reached over IPv6'
}

# shellcheck disable=SC2317 # by await
answers() { # 4|6 LAST
	lab_ns cust python3 -c 'import socket, sys
assert socket.create_connection((sys.argv[1], 25), 2).recv(3) == b"220"' "$(address "$1" "$2")"
}

# The control plane sleeps meanwhile, and so all events stay where they can be read.
control_ends() {
	kill -TERM "${PLANE_PIDS[0]}"
	wait "${PLANE_PIDS[0]}" || die "the control plane ended with status $?"
	PLANE_PIDS=("${PLANE_PIDS[1]}")
}

anomalies() { # NAME
	lab_ns dp curl -sf --noproxy '*' --max-time 5 http://127.0.0.1:9925/metrics |
		awk -v name="mailweir_anomalies_total{reason=\"$1\"}" '$1 == name { print $2 }'
}

# What stands in the store must reach the operator, too: the figures of his monitoring.
figures_agree() {
	local told

	told=$(jq -s '[.[] | select(.type == "session" and (.anomalies | index("smuggling")))] | length' "$LAB_DIR/told")
	plane_start control || die 'the control plane does not start again'
	if ! await 30 eval "[[ \$(anomalies smuggling) == $told ]]"; then
		tail -5 "$LAB_DIR/control.log" >&2
		die "mailweir_anomalies_total smuggling is \"$(anomalies smuggling)\", and $told sessions were told"
	fi
	printf 'ok the monitoring counts the same: %s sessions with smuggling\n' "$told"
}

# Sessions are told when they end, deliveries are made when there is time: until nothing new comes.
settle() {
	local before='' now tries

	for ((tries = 0; tries < 30; tries++)); do
		sleep 1
		"$LAB_DIR/bin/lab-events" "$LAB_DIR/state" >"$LAB_DIR/told"
		now="$(wc -l <"$LAB_DIR/told") $(find "${boxes[@]#*=}" -type f | wc -l)"
		[[ $now != "$before" ]] || return 0
		before=$now
	done
	die "sessions and deliveries do not come to an end: $now"
}

try_policy() { # POLICY FIRST-PORT
	local bad=0

	printf '\n== smuggling: %s\n' "$1"
	make_appliance "$1"
	control_ends
	lab_ns cust python3 "$MW_ROOT/tests/lab/lib/ends_send.py" --ports "$2" "${servers[@]}" >"$LAB_DIR/sent"
	settle
	python3 "$MW_ROOT/tests/lab/lib/ends_judge.py" --policy "$1" --sent "$LAB_DIR/sent" --told "$LAB_DIR/told" \
		${doc:+--doc "$doc.new"} "${skipped[@]/#/--skipped=}" "${boxes[@]}" || bad=1
	figures_agree
	planes_end || die "a plane did not end cleanly: status $?"
	rm -rf "$LAB_DIR/state"
	return "$bad"
}

doc_head() {
	cat <<-END
		# Ends of data: what servers take for one, and what we say

		Written by \`tests/lab/ends.sh --doc\`; do not edit.

		A customer's machine sends a first message with one of the ends below, and behind it the commands and the text of a
		second one, through a live dataplane to real servers ($(versions)): over IPv4 and
		IPv6, everything at once, command by command, and the end octet by octet. The figure is the number of messages the server then had in its
		mailbox: 2 where it took the end for one, 1 where the second message was content of the first, 0 where it refused
		(with the code) or never answered. Two figures where it depends on how it was sent.

		What must hold, and fails the run otherwise: no message in a mailbox that was neither a message to us nor stood in a
		session that we call \`smuggling\`.

		- Debian's Postfix has the remedy, switched off: \`smtpd_forbid_bare_newline\` is \`$(postconf -hd smtpd_forbid_bare_newline)\` unless somebody sets it.
		- Exim takes LF . LF where the message's first line ended by LF, too; with its check of the order of commands
		  (\`smtp_enforce_sync\`) the sender must only wait for each answer.
		- A BDAT we cannot read (bare LF, a sign, hexadecimal, another word than LAST) is not followed: we wait for the
		  server's reply before anything behind it leaves. A server that reads it after all waits for the content: neither
		  message passes, and the sender's patience ends it.
	END
}

main() {
	local policy port=20000 bad=0

	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	lab_begin
	make_addresses
	make_postfix
	make_exim
	make_opensmtpd
	[[ ${#skipped[@]} -eq 0 ]] || printf 'skipped: %s\n' "${skipped[@]}"
	versions
	[[ -z $doc ]] || doc_head >"$doc.new"
	for policy in "${policies[@]}"; do
		try_policy "$policy" "$port" || bad=1
		port=$((port + 2000))
	done
	[[ -z $doc ]] || mv "$doc.new" "$doc"
	printf '\n%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

parse "$@"
main
