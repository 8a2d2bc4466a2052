#!/bin/bash
# A verdict, and the moment it comes: what real senders of a customer make of it. Postfix, Exim and a program
# that speaks SMTP itself send one mail each over IPv4 and IPv6; the verdict is set by weirctl before
# the connection, on an idle one, while a reply is awaited, or in the middle of the message. Seen are the
# sender's log, his queue and his bounce, and what the server stored, and what comes when the verdict is
# cleared again. In the end: what no verdict touches.
#
# usage: verdicts.sh [--doc FILE] [VERDICT]...
#   VERDICT: pass reject reset drop divert; rate: within what may be sent; rate-m, rate-c: beyond it in
#   messages, in connections. Without any: all of them.
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/verdicts.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack tests/lab/lib/net tests/lab/lib/mail \
	tests/lab/lib/foreign tests/lab/lib/customers tests/lab/lib/gateway tests/lab/lib/appliance tests/lab/lib/untouched \
	tests/lab/lib/verdicts_doc tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

# What must be seen, by verdict, moment and client: the outcome of the first attempt, the outcome when the sender
# tries again under the verdict (- where he does not, or is not asked to), how many copies the server has by
# then, by which way, and how many when the verdict was cleared and what is still queued was tried again. N+: or
# more, for what a sender has given to his TCP before it gave up is still repeated, and may then get through.
# The raw program comes again by itself, once. Under pass all of it must arrive: so it is the verdict
# that the others show.
EXPECT='
pass   new     postfix sent     -        1 straight 1
pass   new     exim    sent     -        1 straight 1
pass   new     raw     sent     -        1 straight 1
pass   idle    postfix sent     -        1 straight 1
pass   idle    raw     sent     -        1 straight 1
pass   waiting postfix sent     -        1 straight 1
pass   waiting exim    sent     -        1 straight 1
pass   waiting raw     sent     -        1 straight 1
pass   mid     postfix sent     -        1 straight 1
pass   mid     exim    sent     -        1 straight 1
pass   mid     raw     sent     -        1 straight 1
rate   new     postfix sent     -        1 straight 1
rate   new     exim    sent     -        1 straight 1
rate   new     raw     sent     -        1 straight 1
rate   idle    postfix sent     -        1 straight 1
rate   idle    raw     sent     -        1 straight 1
rate   waiting postfix sent     -        1 straight 1
rate   waiting exim    sent     -        1 straight 1
rate   waiting raw     sent     -        1 straight 1
rate   mid     postfix sent     -        1 straight 1
rate   mid     exim    sent     -        1 straight 1
rate   mid     raw     sent     -        1 straight 1
rate-m new     postfix deferred deferred 0 -        1
rate-m new     exim    deferred deferred 0 -        1
rate-m new     raw     deferred deferred 0 -        0
rate-m idle    postfix deferred deferred 0 -        1
rate-m idle    raw     deferred deferred 0 -        0
rate-m waiting postfix deferred deferred 0 -        1
rate-m waiting exim    deferred deferred 0 -        1
rate-m waiting raw     deferred deferred 0 -        0
rate-m mid     postfix deferred deferred 0 -        1
rate-m mid     exim    deferred deferred 0 -        1
rate-m mid     raw     deferred deferred 0 -        0
rate-c new     postfix deferred deferred 0 -        1
rate-c new     exim    deferred deferred 0 -        1
rate-c new     raw     deferred deferred 0 -        0
rate-c mid     postfix sent     -        1 straight 1
rate-c mid     exim    sent     -        1 straight 1
rate-c mid     raw     sent     -        1 straight 1
divert new     postfix sent     -        1 gateway  1
divert new     exim    sent     -        1 gateway  1
divert new     raw     sent     -        1 gateway  1
divert idle    postfix sent     -        1 gateway  1
divert idle    raw     deferred sent     1 gateway  1
divert waiting postfix sent     -        1 straight 1
divert waiting exim    sent     -        1 straight 1
divert waiting raw     sent     -        1 straight 1
divert mid     postfix sent     -        1 straight 1
divert mid     exim    sent     -        1 straight 1
divert mid     raw     sent     -        1 straight 1
reject new     postfix bounced  -        0 -        0
reject new     exim    bounced  -        0 -        0
reject new     raw     bounced  -        0 -        0
reject idle    postfix bounced  -        0 -        0
reject idle    raw     deferred bounced  0 -        0
reject waiting postfix bounced  -        0 -        0
reject waiting exim    bounced  -        0 -        0
reject waiting raw     bounced  -        0 -        0
reject mid     postfix bounced  -        0 -        0
reject mid     exim    bounced  -        0 -        0
reject mid     raw     bounced  -        0 -        0
reset  new     postfix deferred deferred 0 -        1
reset  new     exim    deferred deferred 0 -        1
reset  new     raw     lost     lost     0 -        0
reset  idle    postfix deferred deferred 0 -        1
reset  idle    raw     lost     lost     0 -        0
reset  waiting postfix deferred deferred 0 -        1
reset  waiting exim    deferred deferred 0 -        1
reset  waiting raw     lost     lost     0 -        0
reset  mid     postfix deferred deferred 0 -        1
reset  mid     exim    deferred deferred 0 -        1
reset  mid     raw     lost     lost     0 -        0
drop   new     postfix deferred -        0 -        1
drop   new     exim    deferred -        0 -        1
drop   new     raw     lost     lost     0 -        0
drop   idle    postfix deferred -        0 -        1
drop   idle    raw     lost     lost     0 -        0
drop   waiting postfix deferred -        0 -        1
drop   waiting exim    deferred -        0 -        1
drop   waiting raw     lost     lost     0 -        0
drop   mid     postfix deferred -        0 -        1+
drop   mid     exim    deferred -        0 -        1+
drop   mid     raw     lost     lost     0 -        0+
'

bad=0 round=0 doc='' doc_rows=''
verdicts=()

parse() {
	while [[ $# -gt 0 ]]; do
		case $1 in
		--doc) doc=$(readlink -f "$2") && shift 2 ;;
		pass | rate | rate-m | rate-c | divert | reject | reset | drop) verdicts+=("$1") && shift ;;
		*) die 2 'usage: tests/lab/verdicts.sh [--doc FILE] [VERDICT]...' ;;
		esac
	done
	[[ ${#verdicts[@]} -gt 0 ]] || verdicts=(pass rate rate-m rate-c divert reject reset drop)
}

# The clients that can be in such a moment: Exim keeps no connection.
clients_of() { # VERDICT MOMENT
	awk -v v="$1" -v m="$2" '$1 == v && $2 == m { print $3 }' <<<"$EXPECT"
}

expected() { # VERDICT MOMENT CLIENT
	awk -v v="$1" -v m="$2" -v c="$3" '$1 == v && $2 == m && $3 == c { print $4, $5, $6, $7, $8 }' <<<"$EXPECT"
}

comes_again() { # VERDICT MOMENT CLIENT
	[[ $(expected "$@" | cut -d' ' -f2) != - ]]
}

# Who answers a customer now: the server, our responder, the gateway, or nobody.
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
	local client family want out=$LAB_DIR/greeting pids=()

	case $1 in
	reject) want=mailweir.isp.example ;;
	reset) want='(ConnectionRefusedError|ConnectionResetError)' ;;
	drop) want='(TimeoutError|timeout)' ;;
	divert) want=$GATEWAY_NAME ;;
	rate-c) want='(stop.recipient.example|mailweir.isp.example)' ;; # these are connections, too
	*) want=stop.recipient.example ;;
	esac
	for client in postfix exim raw; do
		for family in 4 6; do
			greeting "$client" "$family" >"$out.$client$family" &
			pids+=($!)
		done
	done
	wait "${pids[@]}"
	for client in postfix exim raw; do
		for family in 4 6; do
			[[ $(cat "$out.$client$family") =~ ^$want$ ]] || return 1
		done
	done
}

# What may be sent in an hour, for the verdicts that are about it: more than is sent here, or next to nothing. Two
# lanes share it, so that one each is the least there is.
limits_for() { # VERDICT
	local limits='messages: 6000, recipients: 0, connections: 6000'

	case $1 in
	rate-m) limits='messages: 2, recipients: 0, connections: 0' ;;
	rate-c) limits='messages: 0, recipients: 0, connections: 2' ;;
	esac
	# shellcheck disable=SC2034 # appliance.sh
	LAB_CLASS=("rate: {$limits}")
	appliance_settings 30m >"$LAB_DIR/changed.yaml"
	appliance_reload "$LAB_DIR/changed.yaml"
}

# Whatever the customers had left is gone.
spend() { # VERDICT
	local client what=messages

	[[ $1 == rate-? ]] || return 0
	[[ $1 == rate-m ]] || what=connections
	for client in postfix exim raw; do
		lab_ns cust python3 "$MW_ROOT/tests/lab/lib/spend_client.py" "$what" "$(customer_address "$client" 4)" \
			"$(server_address 4)" "me@${CUSTOMER_DOMAIN[$client]}" >"$LAB_DIR/spent" 2>&1 ||
			die "$client is not put off: $(tail -1 "$LAB_DIR/spent")"
	done
}

verdicts_set() { # VERDICT
	local id

	for id in "${CUSTOMER_IDS[@]}"; do
		weirctl verdict set "$id" "${1%-?}" --reason 'the lab tries it' >/dev/null
	done
	await 15 in_force "$1" || die "the verdict $1 is not in force"
	spend "$1"
}

verdicts_clear() {
	local id

	for id in "${CUSTOMER_IDS[@]}"; do
		weirctl verdict clear "$id" >/dev/null
	done
	await 15 in_force pass || die 'a cleared verdict is still in force'
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

# By which way the server has it: what went through the gateway says so.
way_of() { # ROW
	local files=("$LAB_DIR/stops/stored/$1".*)

	[[ -e ${files[0]} ]] || { printf -- '-\n' && return; }
	grep -q "by $GATEWAY_NAME" "${files[0]}" && printf 'gateway\n' || printf 'straight\n'
}

# What the server said, or what became of the connection, without the sender's own preamble.
words_of() { # ATTEMPT
	sed -E 's/^[a-z]+ //
		s/.*(55[04][ -]|4[25][01] 4\.|lost connection|[Cc]onnection (timed|refused|reset)|Remote host|conversation with [^ ]+ timed|SMTP timeout)/\1/
		s/, please call.*//' <<<"$1"
}

# See what became of a row, before the verdict is cleared.
look() { # VERDICT MOMENT ROW
	local client family attempts first again=- text fault='' words

	read -r client family <<<"${row_of[$3]}"
	mapfile -t attempts < <(customer_attempts "$client" "$3")
	first=${attempts[0]%% *} text=${attempts[0]} words=$(words_of "${attempts[0]}")
	if [[ ${#attempts[@]} -gt 1 ]] && comes_again "$1" "$2" "$client"; then
		again=${attempts[1]%% *} text=${attempts[1]}
		[[ $(words_of "$text") == "$words" ]] || words+="; $(words_of "$text")"
	fi
	if [[ $first == bounced || $again == bounced ]]; then
		# 550 by the responder, 554 where a message under way was refused at its end
		[[ $text =~ 55[04]' 5.7.1' ]] || fault+=' no 55x 5.7.1 in the log'
		[[ $client == raw ]] || grep -qE '55[04].5\.7\.1' "$(customer_bounce "$client" "$3")" 2>/dev/null ||
			fault+=' no 55x 5.7.1 in a bounce'
		! customer_queued "$client" "$3" || fault+=' still queued'
	elif [[ $first == deferred && $client != raw ]]; then
		customer_queued "$client" "$3" || fault+=' not queued any more'
		[[ $1 != rate-? || $text =~ 45[01]' 4.7.1' ]] || fault+=' no 45x 4.7.1 in the log'
	fi
	row_seen[$3]="$first $again $(stored "$3") $(way_of "$3")"
	row_text[$3]=$words
	row_fault[$3]=$fault
}

# judge VERDICT MOMENT ROW: one line, and whether it is as expected, once nothing more comes of it.
judge() {
	local client family fault=${row_fault[$3]} want seen first again copies way late

	read -r client family <<<"${row_of[$3]}"
	want=$(expected "$1" "$2" "$client")
	late=$(stored "$3")
	read -r first again copies way <<<"${row_seen[$3]}"
	seen="${row_seen[$3]} $late"
	[[ $seen == "$want" || ($want == *+ && "${row_seen[$3]}" == "${want% *}" && $late -ge $(tr -d + <<<"${want##* }")) ]] ||
		fault="expected $want$fault"
	printf '%-6s %-6s %-7s %-7s IPv%s  first %-8s again %-8s stored %s %-8s in the end %s  %s%s\n' "${fault:+NOT }ok" "$1" "$2" \
		"$client" "$family" "$first" "$again" "$copies" "$way" "$late" "${row_text[$3]:0:80}" "${fault:+ | $fault}"
	[[ -z $doc ]] || verdicts_doc_row "$1" "$2" "$3" "$client" "$family" "$seen" "${row_text[$3]}"
	[[ -z $fault ]] || bad=1
}

# Do any of these rows have a second attempt under the verdict?
tried_again() { # VERDICT MOMENT
	awk -v v="$1" -v m="$2" '$1 == v && $2 == m && $3 != "raw" && $5 != "-" { some = 1 } END { exit !some }' <<<"$EXPECT"
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
	[[ ${#rows[@]} -gt 0 ]] || return 0
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
		await 40 customer_has_tried "$client" "$row" 1 || die "$row ($client) has no outcome"
	done
	! tried_again "$1" "$2" || customers_retry
	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		! comes_again "$1" "$2" "$client" || await 30 customer_has_tried "$client" "$row" 2 || true
	done
	# The bounce is a mail of its own.
	sleep 1
	for row in "${rows[@]}"; do
		look "$1" "$2" "$row"
	done
	verdicts_clear
	finish_round "$1" "$2"
	for row in "${rows[@]}"; do
		judge "$1" "$2" "$row"
	done
	customers_empty
	# A connection through the gateway stays there, and the next round's mail would with it.
	[[ $1 != divert ]] || customers_hang_up
}

# What is still queued is tried again now that nothing stands against it.
finish_round() { # VERDICT MOMENT
	local row client family

	customers_retry
	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		[[ $(expected "$1" "$2" "$client") == *1?(+) ]] || continue
		# shellcheck disable=SC2317 # by await
		arrived() { [[ $(stored "$1") -ge 1 ]]; }
		await 20 arrived "$row" || true
	done
}

until_sent() { # MOMENT
	local row client family

	for row in "${rows[@]}"; do
		read -r client family <<<"${row_of[$row]}"
		customer_send "$client" "$row" "$family" "$1"
	done
}

make_gateway() {
	local lacking

	[[ " ${verdicts[*]} " == *' divert '* ]] || return 0
	if lacking=$(gateway_lacks nftables); then
		say "$MW_PROGRAM: without divert, $lacking"
		verdicts=("${verdicts[@]/#divert/}")
		return
	fi
	gateway_net
	gateway_postfix ''
	mapfile -t LAB_SETTINGS < <(gateway_settings pass)
}

make_lab() {
	lab_begin
	customers_make || die "$MW_CANNOT" 'the package exim4-daemon-light could not be fetched'
	make_gateway
	untouched_make
	appliance_prepare 30m
	mkdir -p "$LAB_DIR/stops"
	lab_ns inet python3 "$MW_ROOT/tests/lab/lib/stop_server.py" "$LAB_DIR/stops" 198.51.100.25 2001:db8:1::25 \
		198.51.100.25@587 2001:db8:1::25@587 198.51.100.99 2001:db8:1::99 2>"$LAB_DIR/stops.log" &
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
	[[ -z $doc ]] || { doc_rows=$doc.new && verdicts_doc_head >"$doc_rows"; }
	make_lab
	for verdict in "${verdicts[@]}"; do
		[[ -n $verdict ]] || continue
		limits_for "$verdict"
		for moment in new idle waiting mid; do
			try_round "$verdict" "$moment"
		done
		untouched_under "$verdict" || bad=1
	done
	# An idle connection of Postfix was one only if it was used again.
	if [[ " ${verdicts[*]} " == *' pass '* ]] && ! grep -q 'conn_use=2.*status=sent' "$LAB_DIR/postfix/maillog"; then
		printf 'NOT ok: Postfix kept no connection, so none was idle\n'
		bad=1
	fi
	planes_end || die "a plane did not end cleanly: status $?"
	[[ -z $doc ]] || mv "$doc_rows" "$doc"
	printf '%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

rows=()
declare -A row_of=() row_seen=() row_text=() row_fault=()
parse "$@"
main
