#!/bin/bash
# A customer under REJECT, and real mail servers of his that want TLS as little or as much as they can be told to: what
# each of them makes of our refusal at MAIL, at EHLO, and of the setting that does either (`reject_at`). Seen
# are the connections, the attempts in their logs, and the bounce in the user's mailbox with the ticket's number.
#
# usage: trials.sh [--doc FILE]
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/trials.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack tests/lab/lib/net tests/lab/lib/mail \
	tests/lab/lib/foreign tests/lab/lib/resolver tests/lab/lib/senders tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

CUSTOMER=K-1100
RETRY_S=3  # between attempts
ATTEMPTS=2 # that are watched
skipped=() doc=''

parse() {
	while [[ $# -gt 0 ]]; do
		case $1 in
		--doc) doc=$(readlink -f "$2") && shift 2 ;;
		*) die 2 'usage: tests/lab/trials.sh [--doc FILE]' ;;
		esac
	done
}

# Who answers the customer: the exchanger, or our responder.
# shellcheck disable=SC2317 # by await
greets() { # NAME 4|6
	lab_ns cust python3 -c 'import socket, sys
with socket.create_connection((sys.argv[2], 25), 3, (sys.argv[1], 0)) as s:
	assert s.recv(200).split()[1].decode() == sys.argv[3]' "$([[ $2 == 4 ]] && printf '203.0.113.100' || printf '2001:db8:c:100::1')" \
		"$([[ $2 == 4 ]] && printf '198.51.100.25' || printf '2001:db8:1::25')" "$1"
}

make_senders() {
	local without=() dane

	ip -n "${LAB_P}cust" addr add 203.0.113.100/32 dev lo
	ip -n "${LAB_P}cust" addr add 2001:db8:c:100::1/128 dev lo nodad
	ip -n "${LAB_P}inet" -6 route add 2001:db8:c::/48 via fd00:99::1
	mapfile -t dane < <(awk '/^postfix-dane/ { print $1 ".example" }' <<<"$SENDERS")
	mapfile -t LAB_DOMAINS < <(awk 'NF { print $1 ".example" }' <<<"$SENDERS")
	mail_make_exchanger
	printf 'smtpd_tls_received_header = yes\n' >>"$LAB_DIR/mx/etc/main.cf"
	resolver_make "$LAB_DIR/mx/cert.pem" "${dane[@]}" || without+=(postfix-dane) skipped+=(
		'DANE: the packages unbound and ldnsutils (a validating resolver) could not be fetched')
	unpack_package exim4-daemon-light || without+=(exim) skipped+=('Exim: the package could not be fetched')
	unpack_package opensmtpd || without+=(opensmtpd) skipped+=('OpenSMTPD: the package could not be fetched')
	senders_read "${without[@]}"
	[[ " ${without[*]} " == *' exim '* ]] || senders_exim
	[[ " ${without[*]} " == *' opensmtpd '* ]] || senders_opensmtpd
	mail_start inet mx
	senders_start
	[[ ${#skipped[@]} -eq 0 ]] || printf 'skipped: %s\n' "${skipped[@]}"
}

versions() {
	printf 'Postfix %s' "$(postconf -hd mail_version)"
	[[ ! -d $LAB_DIR/exim ]] || printf ', Exim %s' "$(unpacked_version exim4-daemon-light)"
	[[ ! -d $LAB_DIR/opensmtpd ]] || printf ', OpenSMTPD %s' "$(unpacked_version opensmtpd)"
	[[ ! -d $LAB_DIR/resolver ]] || printf '; Unbound %s' "$(unpacked_version unbound)"
}

doc_head() {
	cat <<-END
		# Refused at MAIL, at EHLO, or as it fits: what senders make of it

		Written by \`tests/lab/trials.sh --doc\`; do not edit.

		A customer is disabled by his ticket (verdict REJECT), and mail servers of his ($(versions)) send one mail each
		through a live dataplane of two lanes, with each value of the setting \`smtp: reject_at\`. Each server wants TLS as little or
		as much as it can be told to; the responder offers none. Before that, without a verdict, all of them have delivered to a
		server with STARTTLS: those that insist on it in TLS, and DANE with a validated TLSA record.

		*bounced*: the user who wrote the mail has a bounce in his mailbox, with \`550 5.7.1\`, the ticket's number and how to reach
		the desk; the seconds are from the mail server's first SYN to that bounce. *deferred*: he has heard nothing, and the mail is still in the queue.
		The lab shortens the senders' patience: $RETRY_S seconds behind a deferral it asks them to try again (Postfix:
		\`postqueue -f\`, Exim: \`exim -qff\`, OpenSMTPD: \`smtpctl resume route\`, \`smtpctl schedule all\`), $ATTEMPTS attempts in all. Left
		alone, they try again after 5 minutes (Postfix), 15 minutes (Exim) and 7 minutes (OpenSMTPD) by their defaults: then
		the user's bounce comes.

		What must hold, and fails the run otherwise: \`mail\` bounces at once for senders that can do without TLS and leaves the others
		deferring; \`ehlo\` bounces at once for all; \`adaptive\` is like \`mail\`, and those that insist on TLS bounce at their first retry. What
		is otherwise is listed below the table with its reason, and fails the run when it changes.

	END
}

make_customer() {
	{
		printf 'customer,name,class,prefixes\n'
		printf '%s,Trial Works,business,203.0.113.96/27 2001:db8:c::/48\n' "$CUSTOMER"
	} >"$LAB_DIR/customers.csv"
	plane_start control || die 'the control plane does not start'
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	ticket=$(ask .id ticket open "$CUSTOMER" --reason 'the lab tries refusal')
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	plane_start dataplane || die 'the dataplane does not start'
}

# He is told, does nothing, and his time runs out.
disable() {
	weirctl ticket contacted "$ticket" --by 'Ida Ahlers' --result 'asked what to do' >/dev/null
	await 30 eval '[[ $(ask .verdict ticket show "$ticket") == reject ]]' || die 'the customer is not disabled'
}

# Both planes anew, so that nobody is remembered from the mode before.
set_mode() { # mail|ehlo|adaptive
	planes_end || die "a plane did not end cleanly: status $?"
	LAB_SMTP=("reject_at: $1")
	appliance_settings 5s >"$LAB_DIR/mailweir.yaml"
	plane_start control || die 'the control plane does not start'
	plane_start dataplane || die 'the dataplane does not start'
}

in_force() { # NAME
	local family

	for family in 4 6; do
		await 15 greets "$1" "$family" || die "$1 does not greet the customer over IPv$family"
	done
}

rows_as_lines() {
	local row

	for row in "${senders_rows[@]}"; do
		printf '%s\t%s\t%s\t%s\t%s\n' "$row" "${sender_tls[$row]}" "${sender_family[$row]}" "$(sender_address "$row")" \
			"${sender_setting[$row]}"
	done
}

read_facts() { # MODE BEGUN
	rows_as_lines | python3 "$MW_ROOT/tests/lab/lib/trials_read.py" "$LAB_DIR" "$1" --begun "$2" --ticket "$ticket"
}

# Every row of a server has tried so often, or is done.
# shellcheck disable=SC2317 # by await
all_tried() { # SERVER MODE BEGUN TIMES
	read_facts "$2" "$3" | jq -es --arg server "$1" --argjson times "$4" '[.[] | select(.row | startswith($server))] |
		all(.attempts | length >= $times or (index("sent") // index("bounced")) != null)' >/dev/null
}

# shellcheck disable=SC2317 # by await
all_told() { # MODE BEGUN
	read_facts "$1" "$2" | jq -es 'all((.attempts | index("bounced") == null) or .bounce)' >/dev/null
}

# Each at its own pace.
try_server() { # SERVER MODE BEGUN ATTEMPTS
	local n

	trap - EXIT INT TERM
	for ((n = 1; n <= $4; n++)); do
		[[ $n -eq 1 ]] || { sleep "$RETRY_S" && senders_retry "$1"; }
		await 15 all_tried "$1" "$2" "$3" "$n" || true
	done
}

try_mode() { # MODE ATTEMPTS
	local begun row server servers pids=()

	mapfile -t servers < <(printf '%s\n' "${senders_rows[@]%%-*}" | sort -u)

	senders_empty
	begun=$(date +%s.%N)
	for row in "${senders_rows[@]}"; do
		sender_send "$row" "$1" || die "$row takes no mail"
	done
	for server in "${servers[@]}"; do
		try_server "$server" "$1" "$begun" "$2" &
		pids+=($!)
	done
	wait "${pids[@]}"
	await 10 all_told "$1" "$begun" || true
	read_facts "$1" "$begun" | tee -a "$LAB_DIR/facts" | python3 "$MW_ROOT/tests/lab/lib/trials_judge.py" || true
}

main() {
	local mode bad=0

	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	lab_begin
	lab_ns cust python3 "$MW_ROOT/tests/lab/lib/connections.py" eth0 >"$LAB_DIR/connections" &
	LAB_PIDS+=($!)
	appliance_prepare 5s
	make_senders
	make_customer
	in_force mx.recipient.example
	try_mode pass 1
	[[ " ${senders_rows[*]} " != *' postfix-dane '* ]] ||
		grep -q 'postfix-dane/smtp.*: Verified TLS connection established' "$LAB_DIR/postfix/maillog" ||
		die "Postfix does not follow DANE: $(grep postfix-dane/ "$LAB_DIR/postfix/maillog" | tail -3)"
	disable
	for mode in mail ehlo adaptive; do
		set_mode "$mode"
		in_force mailweir.isp.example
		try_mode "$mode" "$ATTEMPTS"
	done
	planes_end || die "a plane did not end cleanly: status $?"
	printf '\n'
	[[ -z $doc ]] || doc_head >"$doc.new"
	python3 "$MW_ROOT/tests/lab/lib/trials_judge.py" ${doc:+--doc "$doc.new"} "${skipped[@]/#/--skipped=}" <"$LAB_DIR/facts" >/dev/null ||
		bad=1
	[[ -z $doc || $bad -ne 0 ]] || mv "$doc.new" "$doc"
	printf '%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

ticket=''
parse "$@"
main
