#!/bin/bash
# Mail under DIVERT, live: customers' mail goes through an antivirus gateway behind the third port. Real mail
# servers at both ends and in the gateway, a real scanner. Rows of TAP, each with what customer, gateway and
# server saw of one mail.
#
# usage: divert.sh [--doc FILE] [--bridge]
#   --doc     writes the rows as a document
#   --bridge  a kernel bridge stands in the appliance's place, for the steps that do not ask it anything: so a fault
#             of the gateway can be told from one of ours
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/divert.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack tests/lab/lib/net tests/lab/lib/mail \
	tests/lab/lib/customers tests/lab/lib/gateway tests/lab/lib/tagged tests/lab/lib/bridge \
	tests/lab/lib/divert_rows tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

doc='' bridge=no
fallback=pass everybody=false

parse() {
	while [[ $# -gt 0 ]]; do
		case $1 in
		--doc) doc=$(readlink -f "$2") && shift 2 ;;
		--bridge) bridge=yes && shift ;;
		*) die 2 'usage: tests/lab/divert.sh [--doc FILE] [--bridge]' ;;
		esac
	done
}

# Three customers: Postfix, diverted by hand; a program in a VLAN, diverted by his class; a program that is
# diverted only where a step says so.
CUSTOMER_SOURCE[tagged]=88
CUSTOMER_DOMAIN[tagged]=tagged.example

customers_csv() {
	appliance_customers
	printf 'K-1088,Tagged Lines,filtered,203.0.113.88/32 2001:db8:c::88/128\n'
}

settings() {
	mapfile -t LAB_SETTINGS < <(
		printf '  %s\n' filtered: '  deadline: 30m' '  hard_cap: 1h' '  verdict: divert'
		gateway_settings "$fallback" "everybody: $everybody"
	)
	appliance_settings 30m
}

settings_change() {
	settings >"$LAB_DIR/changed.yaml"
	appliance_reload "$LAB_DIR/changed.yaml"
}

gateway_is() { # up|down
	[[ $(ask .gateway.state status) == "$1" ]]
}

await_gateway() { # up|down
	local begun=$SECONDS

	await 20 gateway_is "$1" || die "the gateway is not seen to be $1: $(weirctl status)"
	printf '# the gateway is %s, seen after %s s\n' "$1" $((SECONDS - begun))
}

# Letters, once for all: as a Postfix is given them, and as one sends them.
letters() {
	local name

	mkdir -p "$LAB_DIR/letters" "$LAB_DIR/stops"
	mail_letter me@customer.example you@recipient.example 'A letter' 'Nothing but words.' >"$LAB_DIR/letters/clean"
	{
		printf 'From: me@customer.example\nTo: you@recipient.example\nSubject: The file you asked for\n'
		printf 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\nSee below.\n'
		printf -- '--b\nContent-Type: application/octet-stream; name=file.bin\nContent-Transfer-Encoding: base64\n\n'
		eicar | base64
		printf -- '--b--\n'
	} >"$LAB_DIR/letters/virus"
	{
		printf 'From: me@customer.example\nTo: you@recipient.example\nSubject: Plans of the house\n\n'
		awk 'BEGIN { for (n = 0; n < 55000; n++) printf "line %06d of a letter that fills many a segment\n", n }'
	} >"$LAB_DIR/letters/large"
	for name in clean virus large; do
		sed 's/^\./../; s/$/\r/' "$LAB_DIR/letters/$name" >"$LAB_DIR/letters/$name.wire"
	done
}

# send CLIENT ROW 4|6 LETTER [OPTION...]
send() {
	send_in cust "$@"
}

send_in() { # NAMESPACE and so on
	local ns=$1 client=$2 row=$3 family=$4 letter=$5 sender=me@${CUSTOMER_DOMAIN[$2]} recipient
	shift 5

	recipient=$(row_recipient "$row" "$family" new)
	if [[ $client == postfix ]]; then
		mail_send cust postfix "$sender" "$recipient" <"$LAB_DIR/letters/$letter"
		return
	fi
	lab_ns "$ns" python3 "$MW_ROOT/tests/lab/lib/divert_client.py" --stops "$LAB_DIR/stops" "$@" \
		"$LAB_DIR/letters/$letter.wire" "$(customer_address "$client" "$family")" "$(server_address "$family")" \
		"$sender" "$recipient" >"$LAB_DIR/raw.$row" 2>"$LAB_DIR/raw.$row.log" &
	LAB_PIDS+=($!)
}

# Who greets a customer: the server, the gateway, our responder, or nobody.
greeting() { # CLIENT 4|6
	lab_ns cust python3 -c 'import socket, sys
try:
	s = socket.create_connection((sys.argv[2], 25), 3, (sys.argv[1], 0))
	print(s.recv(100).decode().split()[1])
except OSError as e:
	print(type(e).__name__)' "$(customer_address "$1" "$2")" "$(server_address "$2")"
}

greets() { # CLIENT NAME
	[[ $(greeting "$1" 4) == "$2" && $(greeting "$1" 6) == "$2" ]]
}

verdict_set() { # CUSTOMER CLIENT
	weirctl verdict set "$1" divert --reason 'the lab tries it' >/dev/null
	await 10 greets "$2" "$GATEWAY_NAME" || die "$1 is not diverted: $(greeting "$2" 4) and $(greeting "$2" 6) greet"
}

verdict_clear() { # CUSTOMER CLIENT
	weirctl verdict clear "$1" >/dev/null
	await 10 greets "$2" mx.recipient.example || die "$1 is still diverted"
}

# (a) to (d), (h), and by class: clean mail, a virus, somebody else's, and the gateway's own mail.
step_ways() {
	local family

	for family in 4 6; do
		send postfix "a$family" "$family" clean
		send postfix "b$family" "$family" virus
		send raw "c$family" "$family" clean
		send tagged "i$family" "$family" clean
		[[ $bridge == yes ]] || send tagged "iv$family" "$family" virus
	done
	mail_letter "postmaster@$GATEWAY_NAME" d4.new@recipient.example 'From the gateway itself' 'A line.' |
		mail_send gw gateway "postmaster@$GATEWAY_NAME" d4.new@recipient.example
	for family in 4 6; do
		row a "a$family" postfix "$family" through 'clean mail of a customer under DIVERT'
		row b "b$family" postfix "$family" virus 'a virus of a customer under DIVERT'
		row c "c$family" raw "$family" straight 'mail of another customer'
		if [[ $bridge == yes ]]; then
			row c "i$family" tagged "$family" straight 'mail of another customer, in a VLAN'
		else
			row i "i$family" tagged "$family" through 'clean mail of a class under DIVERT, in a VLAN'
			row i "iv$family" tagged "$family" virus 'a virus of a class under DIVERT, in a VLAN'
		fi
	done
	row_own
	[[ $bridge == yes ]] || step_in_his_name
}

# A gateway may also go on in the customer's name: then the server's answers are for it, and not for him.
step_in_his_name() {
	local family client

	for family in 4 6; do
		send_in gw raw "dn$family" "$family" clean --transparent
		send_in gw tagged "dt$family" "$family" clean --transparent
	done
	for family in 4 6; do
		for client in raw:dn tagged:dt; do
			row d "${client#*:}$family" "${client%:*}" "$family" straight "from the gateway in the name of a customer$([[ $client != tagged:* ]] || printf ', in a VLAN')"
		done
	done
}

row_own() {
	local fault=''

	await 10 mail_find mx '^Delivered-To: d4\.' || true
	[[ $(server_saw d4) == '1 from 10.99.0.3, gateway 1' ]] || fault='the server shall have one, straight from the gateway'
	row_say d "the gateway's own mail, IPv4: through, without a loop" "$fault" - "$(gateway_saw d4)" "$(server_saw d4)"
}

# (e), (f): the gateway goes away, in three ways, under each fallback.
step_away() {
	local way fallbacks=(pass later refuse) number=0 family want

	for way in stopped unplugged hanging; do
		fallback=${fallbacks[number]}
		number=$((number + 1))
		settings_change
		gateway_away "$way"
		await_gateway down
		case $fallback in
		pass) want=straight counter=divert_passed ;;
		later) want=later counter=divert_put_off ;;
		refuse) want=refused counter=divert_refused ;;
		esac
		counting_from "$counter" divert_begun
		for family in 4 6; do
			send postfix "e$fallback$family" "$family" clean
			send tagged "et$fallback$family" "$family" clean
		done
		for family in 4 6; do
			row e "e$fallback$family" postfix "$family" "$want" "gateway $way, fallback $fallback"
			row e "et$fallback$family" tagged "$family" "$want" "gateway $way, fallback $fallback, in a VLAN"
		done
		row_counted e "$counter" 4 "gateway $way, fallback $fallback"
		row_counted e divert_begun 0 "gateway $way, fallback $fallback"
		gateway_back "$way"
		await_gateway up
		[[ $fallback != later ]] || customers_flush
		for family in 4 6; do
			[[ $fallback != later ]] || row f "elater$family" postfix "$family" through 'what was put off, once the gateway is back'
			send postfix "f$fallback$family" "$family" clean
		done
		for family in 4 6; do
			row f "f$fallback$family" postfix "$family" through "the gateway is back (it was $way)"
		done
		row_counted f divert_begun "$([[ $fallback == later ]] && printf 4 || printf 2)" "the gateway is back (it was $way)"
	done
	fallback=pass
	settings_change
}

customers_flush() {
	lab_ns cust postqueue -c "$LAB_DIR/postfix/etc" -f
}

# (g): the verdict meets open connections.
step_open() {
	local kind family option

	for kind in idle mid tls; do
		option=(--pause "$kind" --again)
		[[ $kind != tls ]] || option=(--pause idle --tls --again)
		for family in 4 6; do
			send raw "g$kind$family" "$family" clean "${option[@]}"
		done
	done
	for kind in idle mid tls; do
		for family in 4 6; do
			await 20 test -e "$LAB_DIR/stops/g$kind$family.reached" || die "g$kind$family: its moment does not come"
		done
	done
	verdict_set K-1066 raw
	# under TLS it is cut when it was idle for two seconds
	sleep 3
	for kind in idle mid tls; do
		for family in 4 6; do
			touch "$LAB_DIR/stops/g$kind$family.go"
		done
	done
	for family in 4 6; do
		row g "gidle$family" raw "$family" through 'the verdict meets an idle connection: the sender comes again'
		row_first "gidle$family" 'on the idle one it was told before' '^deferred 421 '
		row g "gtls$family" raw "$family" through 'the verdict meets a connection idle under TLS: the sender comes again'
		row_first "gtls$family" 'under TLS it was cut before' '^lost '
		row g "gmid$family" raw "$family" straight 'the verdict comes in mid-message: it arrives where it was going'
		row_last "gmid$family" 'what comes behind that message is told' '^behind it deferred 421 '
	done
	verdict_clear K-1066 raw
}

row_first() { # ROW WHAT PATTERN
	local line

	line=$(head -1 "$LAB_DIR/raw.$1")
	row_say g "$2, IPv${1: -1}" "$([[ $line =~ $3 ]] || printf 'expected %s' "$3")" "$line" - -
}

row_last() { # ROW WHAT PATTERN
	local line

	await 5 grep -q '^behind it' "$LAB_DIR/raw.$1" || true
	line=$(tail -1 "$LAB_DIR/raw.$1")
	row_say g "$2, IPv${1: -1}" "$([[ $line =~ $3 ]] || printf 'expected %s' "$3")" "$line" - -
}

# (i): everybody.
step_everybody() {
	local family

	everybody=true
	settings_change
	await 10 greets raw "$GATEWAY_NAME" || true
	for family in 4 6; do
		send raw "ie$family" "$family" clean
	done
	for family in 4 6; do
		row i "ie$family" raw "$family" through 'everybody under DIVERT'
	done
	everybody=false
	settings_change
	await 10 greets raw mx.recipient.example || true
	for family in 4 6; do
		send raw "is$family" "$family" clean
	done
	for family in 4 6; do
		row i "is$family" raw "$family" straight 'everybody no more'
	done
}

# (j): the gateway's link takes less than the customers' does.
step_mtu() {
	local family client

	counting_from mss_clamped icmp_steered
	for family in 4 6; do
		send postfix "j$family" "$family" large
		send tagged "jt$family" "$family" large
	done
	for family in 4 6; do
		for client in postfix:j tagged:jt; do
			row j "${client#*:}$family" "${client%:*}" "$family" through "3 MB over the gateway's link of $GATEWAY_MTU octets$([[ $client != tagged:* ]] || printf ', in a VLAN')"
			row_whole "${client#*:}$family"
		done
	done
	row_counted j mss_clamped 4+ "the SYNs of the letters of 3 MB"
	for family in 4 6; do
		step_too_big "$family"
	done
	row_counted j icmp_steered 2+ "of each family"
}

# The letter is there to the last octet.
row_whole() { # ROW
	local file want got

	file=$(mail_find mx "^Delivered-To: $1\." | head -1) || true
	want=$(sed '1,/^$/d' "$LAB_DIR/letters/large" | sha256sum)
	got=$([[ -z $file ]] || sed '1,/^$/d' "$file" | sha256sum)
	row_say j 'each letter arrives and is whole at the server, to the last octet' "$([[ $got == "$want" ]] || printf '%s: its octets are others' "$1")"
}

# Somebody behind the gateway tells that a packet was too big: it must reach the customer who sent it.
step_too_big() { # 4|6
	local address route mtu=1300 out=$LAB_DIR/too_big.$1

	address=$(customer_address tagged "$1")
	lab_ns gw python3 "$MW_ROOT/tests/lab/lib/too_big.py" eth0 "$address" "$mtu" >"$out" 2>&1 &
	LAB_PIDS+=($!)
	await 10 grep -qx ready "$out" || die "too_big.py: $(tail -1 "$out")"
	send tagged "jp$1" "$1" large --pause mid
	await 20 grep -qx sent "$out" || true
	# shellcheck disable=SC2317 # by await
	told() {
		route=$(ip -n "${LAB_P}cust" route get "$(server_address "$2")" from "$1" 2>&1 | tr '\n' ' ')
		[[ $route == *"mtu $mtu"* ]]
	}
	await 5 told "$address" "$1" || true
	row_say j "an ICMP error behind the gateway reaches the customer, IPv$1" \
		"$([[ $route == *"mtu $mtu"* ]] || printf 'no path MTU of %s: %s; %s; the customer ignored %s' "$mtu" "$route" \
			"$(sort "$out" | uniq -c | tr '\n' ' ')" "$(lab_ns cust nstat -asz TcpExtOutOfWindowIcmps | awk 'END { print $2 }')")"
	touch "$LAB_DIR/stops/jp$1.go"
	row j "jp$1" tagged "$1" through 'the rest of that letter, in smaller packets'
	row_whole "jp$1"
}

# What the desk is told of a customer, once the lanes have told all they counted: they do when they end.
step_told() {
	local told want='passed 2 put_off 2 refused 2'

	kill -TERM "${PLANE_PIDS[1]}"
	wait "${PLANE_PIDS[1]}" || row_say - 'the dataplane ends by itself' "status $?"
	PLANE_PIDS=("${PLANE_PIDS[0]}")
	# shellcheck disable=SC2317 # by await
	is_told() {
		told=$(ask '.diverted | "diverted \(.diverted) passed \(.passed) put_off \(.put_off) refused \(.refused)"' customer show K-1007)
		[[ $told == *" $want" ]]
	}
	await 10 is_told || true
	row_say e "customer show K-1007: $told" "$([[ $told == *" $want" ]] || printf 'expected %s' "$want")"
	# a and b, f, in each family; and those that only looked who greets
	row_say f 'customer show K-1007 has those that were diverted' "$([[ $told =~ ^diverted\ ([0-9]+) && ${BASH_REMATCH[1]} -ge 12 ]] || printf 'too few')"
}

make_lab() {
	local mac

	lab_begin
	gateway_net
	tagged_net "${CUSTOMER_SOURCE[tagged]}"
	mail_make_exchanger
	mail_start inet mx
	customers_make_postfix
	gateway_scanner
	gateway_postfix inet:127.0.0.1:8891
	letters
	if [[ $bridge == yes ]]; then
		mac=$(lab_ns cust cat /sys/class/net/eth0/address)
		bridge_up "$mac" 203.0.113.7 2001:db8:c::7
		await 10 greets postfix "$GATEWAY_NAME" || die "nothing is diverted: $(greeting postfix 4)"
		return
	fi
	appliance_prepare 30m
	settings >"$LAB_DIR/mailweir.yaml"
	plane_start control || die 'the control plane does not start'
	customers_csv >"$LAB_DIR/customers.csv"
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	plane_start dataplane || die 'the dataplane does not start'
	await 20 greets raw mx.recipient.example || die "the server is not reached: $(greeting raw 4)"
	await_gateway up
	verdict_set K-1007 postfix
}

doc_head() {
	cat <<-END
		# DIVERT: customer, gateway and server

		Written by \`tests/lab/divert.sh --doc\`; do not edit.

		Customers' mail servers on the inside, a mail server outside, and an antivirus gateway behind the third port: Postfix
		$(postconf -hd mail_version), ClamAV $(unpacked_version clamav-daemon) with clamav-milter, nftables with one rule that redirects port 25. Each row is one
		mail and what was seen of it: the reply the customer had last, whom the gateway's log names as client and what became
		of the mail there, how many copies the server has, from whom, and how often the gateway stands in its Received lines.
		Steps: a clean, b a virus, c somebody else, d the gateway's own, e the gateway is away, f it is back, g the verdict
		meets open connections, i by class and everybody, j a gateway's link with a smaller MTU. Under TLS the programs of
		the lab use what is offered; a sender that insists on it finds it at the gateway, which has a certificate of its own.

		| step | mail | customer | gateway | server | over |
		|---|---|---|---|---|---|
	END
}

main() {
	local lacking

	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	if lacking=$(gateway_lacks nftables clamav-daemon clamav-milter); then
		say "$MW_PROGRAM: $lacking"
		exit "$MW_CANNOT"
	fi
	[[ $bridge == yes ]] || build "$LAB_BUILD"
	SECONDS=0
	make_lab
	step_ways
	if [[ $bridge == no ]]; then
		step_open
		step_away
		step_everybody
		step_mtu
		step_told
		planes_end || row_say - 'the control plane ends by itself' "status $?"
	fi
	printf '1..%d\n# %d wrong, in %d seconds\n' "$ROWS" "$ROWS_BAD" "$SECONDS"
	[[ -z $doc ]] || { doc_head && doc_rows_write; } >"$doc"
	[[ $ROWS_BAD -eq 0 ]]
}

parse "$@"
main
