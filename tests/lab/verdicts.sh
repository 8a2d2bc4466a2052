#!/bin/bash
# A verdict, and the moment it comes: what real senders of a customer make of it. Postfix, Exim and a program
# that speaks SMTP itself send one mail each over IPv4 and IPv6; the verdict is set by weirctl before
# the connection, on an idle one, while a reply is awaited, or in the middle of the message. Seen are the
# sender's log, his queue and his bounce, and what the server stored.
#
# usage: verdicts.sh [VERDICT]...
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/verdicts.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack tests/lab/lib/net tests/lab/lib/mail \
	tests/lab/lib/foreign tests/lab/lib/customers tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

# What must be seen, by verdict, moment and client: the outcome of the first attempt, the outcome when the sender
# tries again (- where he does not), how many copies the server has. The raw program tries once. Under pass
# all of it must arrive: so it is the verdict that the others show.
EXPECT='
pass   new     postfix sent     -        1
pass   new     exim    sent     -        1
pass   new     raw     sent     -        1
pass   idle    postfix sent     -        1
pass   idle    raw     sent     -        1
pass   waiting postfix sent     -        1
pass   waiting exim    sent     -        1
pass   waiting raw     sent     -        1
pass   mid     postfix sent     -        1
pass   mid     exim    sent     -        1
pass   mid     raw     sent     -        1
reject new     postfix bounced  -        0
reject new     exim    bounced  -        0
reject new     raw     bounced  -        0
reject idle    postfix bounced  -        0
reject idle    raw     deferred -        0
reject waiting postfix bounced  -        0
reject waiting exim    bounced  -        0
reject waiting raw     bounced  -        0
reject mid     postfix bounced  -        0
reject mid     exim    bounced  -        0
reject mid     raw     bounced  -        0
reset  new     postfix deferred deferred 0
reset  new     exim    deferred deferred 0
reset  new     raw     lost     -        0
reset  idle    postfix deferred deferred 0
reset  idle    raw     lost     -        0
reset  waiting postfix deferred deferred 0
reset  waiting exim    deferred deferred 0
reset  waiting raw     lost     -        0
reset  mid     postfix deferred deferred 0
reset  mid     exim    deferred deferred 0
reset  mid     raw     lost     -        0
'

bad=0 round=0

# The clients that can be in such a moment: Exim keeps no connection.
clients_of() { # VERDICT MOMENT
	awk -v v="$1" -v m="$2" '$1 == v && $2 == m { print $3 }' <<<"$EXPECT"
}

expected() { # VERDICT MOMENT CLIENT
	awk -v v="$1" -v m="$2" -v c="$3" '$1 == v && $2 == m && $3 == c { print $4, $5, $6 }' <<<"$EXPECT"
}

# Who answers a customer now: the server, our responder, or nobody.
# shellcheck disable=SC2317 # by await
greeting() { # CLIENT 4|6
	lab_ns cust python3 -c 'import socket, sys
try:
	s = socket.create_connection((sys.argv[2], 25), 3, (sys.argv[1], 0))
	print(s.recv(100).decode().split()[1])
except OSError as e:
	print(type(e).__name__)' "$(customer_address "$1" "$2")" "$(server_address "$2")"
}

# shellcheck disable=SC2317 # by await
in_force() { # VERDICT
	local client family want

	case $1 in
	reject) want=mailweir.isp.example ;;
	reset) want='(ConnectionRefusedError|ConnectionResetError)' ;;
	pass) want=stop.recipient.example ;;
	esac
	for client in postfix exim raw; do
		for family in 4 6; do
			[[ $(greeting "$client" "$family") =~ ^$want$ ]] || return 1
		done
	done
}

verdicts_set() { # VERDICT
	local id

	for id in "${CUSTOMER_IDS[@]}"; do
		weirctl verdict set "$id" "$1" --reason 'the lab tries it' >/dev/null
	done
	await 10 in_force "$1" || die "the verdict $1 is not in force"
}

verdicts_clear() {
	local id

	for id in "${CUSTOMER_IDS[@]}"; do
		weirctl verdict clear "$id" >/dev/null
	done
	await 10 in_force pass || die 'a cleared verdict is still in force'
}

# The mails of a round are on their way and have come to where the verdict is to meet them.
until_moment() { # MOMENT
	local row client family

	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		if [[ $1 == idle && $client == postfix ]]; then
			customer_send postfix "${row}warm" "$family" idle
		else
			customer_send "$client" "$row" "$family" "$1"
		fi
	done
	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		if [[ $1 == idle && $client == postfix ]]; then
			await 20 customer_has_tried postfix "${row}warm" 1 || die "$row: the first mail does not arrive"
		else
			await 20 test -e "$LAB_DIR/stops/$row.reached" || die "$row: the moment $1 never comes"
		fi
	done
}

go_on() { # MOMENT
	local row client family

	for row in "${rows[@]}"; do
		touch "$LAB_DIR/stops/$row.go"
		read -r client family <<<"${row_of[$row]}"
		[[ $1 != idle || $client != postfix ]] || customer_send postfix "$row" "$family" idle
	done
}

stored() { # ROW
	find "$LAB_DIR/stops/stored" -name "$1.*" | wc -l
}

# judge VERDICT MOMENT ROW: one line, and whether it is as expected.
judge() {
	local client family attempts first again copies want text fault=''

	read -r client family <<<"${row_of[$3]}"
	mapfile -t attempts < <(customer_attempts "$client" "$3")
	first=${attempts[0]%% *} again=-
	text=${attempts[0]#* }
	[[ ${#attempts[@]} -lt 2 ]] || { again=${attempts[1]%% *} && text=${attempts[1]#* }; }
	copies=$(stored "$3")
	want=$(expected "$1" "$2" "$client")
	[[ "$first $again $copies" == "$want" ]] || fault="expected $want"
	if [[ $first == bounced || $again == bounced ]]; then
		# 550 by the responder, 554 where a message under way was refused at its end
		[[ $text =~ 55[04]' 5.7.1' ]] || fault+=' no 55x 5.7.1 in the log'
		[[ $client == raw ]] || grep -qE '55[04].5\.7\.1' "$(customer_bounce "$client" "$3")" 2>/dev/null ||
			fault+=' no 55x 5.7.1 in a bounce'
		! customer_queued "$client" "$3" || fault+=' still queued'
	elif [[ $first == deferred && $client != raw ]]; then
		customer_queued "$client" "$3" || fault+=' not queued any more'
	fi
	# What the server said, or what became of the connection, without the sender's own preamble.
	text=$(sed -E 's/.*(55[04][ -]|lost connection|[Cc]onnection|Remote host)/\1/' <<<"$text")
	printf '%-6s %-6s %-7s %-7s IPv%s  first %-8s again %-8s stored %s  %s%s\n' "${fault:+NOT }ok" "$1" "$2" "$client" \
		"$family" "$first" "$again" "$copies" "${text:0:70}" "${fault:+ | $fault}"
	[[ -z $fault ]] || bad=1
}

try_round() { # VERDICT MOMENT
	local row client family

	round=$((round + 1))
	rows=()
	for client in $(clients_of "$1" "$2"); do
		for family in 4 6; do
			row=r$round${client:0:1}$family
			rows+=("$row")
			row_of[$row]="$client $family"
		done
	done
	if [[ $2 == new ]]; then
		verdicts_set "$1"
		until_sent new
	else
		until_moment "$2"
		verdicts_set "$1"
		go_on "$2"
	fi
	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		await 30 customer_has_tried "$client" "$row" 1 || die "$row ($client) has no outcome"
	done
	customers_retry
	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		[[ $(expected "$1" "$2" "$client") == *' - '* ]] || await 20 customer_has_tried "$client" "$row" 2 || true
	done
	# The bounce is a mail of its own.
	sleep 1
	for row in "${rows[@]}"; do
		judge "$1" "$2" "$row"
	done
	customers_empty
	verdicts_clear
}

until_sent() { # MOMENT
	local row client family

	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		customer_send "$client" "$row" "$family" "$1"
	done
}

make_lab() {
	lab_begin
	customers_make || die "$MW_CANNOT" 'the package exim4-daemon-light could not be fetched'
	appliance_prepare 30m
	mkdir -p "$LAB_DIR/stops"
	lab_ns inet python3 "$MW_ROOT/tests/lab/lib/stop_server.py" "$LAB_DIR/stops" 198.51.100.25 2001:db8:1::25 \
		2>"$LAB_DIR/stops.log" &
	LAB_PIDS+=($!)
	plane_start control || die 'the control plane does not start'
	customers_settings >"$LAB_DIR/customers.csv"
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	plane_start dataplane || die 'the dataplane does not start'
	await 20 in_force pass || die 'the server is not reached'
}

main() {
	local verdict moment

	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	make_lab
	for verdict in "$@"; do
		for moment in new idle waiting mid; do
			try_round "$verdict" "$moment"
		done
	done
	# An idle connection of Postfix was one only if it was used again.
	if [[ " $* " == *' pass '* ]] && ! grep -q 'conn_use=2.*status=sent' "$LAB_DIR/postfix/maillog"; then
		printf 'NOT ok: Postfix kept no connection, so none was idle\n'
		bad=1
	fi
	planes_end || die "a plane did not end cleanly: status $?"
	printf '%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

rows=()
declare -A row_of=()
[[ $# -gt 0 ]] || set -- pass reject reset
main "$@"
