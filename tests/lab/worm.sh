#!/bin/bash
# Refused for what was found: letters of three customers' senders (Postfix, Exim, a program that speaks SMTP itself)
# through a live appliance to a real Postfix, over IPv4 and IPv6, in DATA and in BDAT. What a ClamAV signature of the lab's
# own knows is refused at its end: the sender bounces it at once, the reference in his bounce is that
# of the event, the server has nothing of it, and the next letter passes. With `refuse_worm: false` all of it passes.
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/worm.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build scripts/lib/unpack tests/lab/lib/net tests/lab/lib/mail \
	tests/lab/lib/foreign tests/lab/lib/customers tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

# Client, kind of the letter (worm_letter.py) and way it is sent (worm_client.py; Postfix has no BDAT), each over both
# families. By default it is refused, ...
REFUSED='
postfix text     data
postfix attached data
exim    text     data
exim    text     bdat
exim    attached data
exim    attached bdat
raw     text     data
raw     text     bdat
raw     text     several
raw     text     piped
raw     digest   data
raw     attached data
raw     attached bdat
'
# ... and with refuse_worm: false observed.
OBSERVED='
postfix attached data
exim    attached data
exim    attached bdat
raw     text     several
raw     digest   data
raw     attached data
raw     attached bdat
'
declare -A NAME_OF=([text]=Lab.Marker [attached]=Lab.Marker [digest]=Lab.Digest)

bad=0 count=0
rows=()
declare -A row_of=()

make_server() {
	mail_make mx mx.recipient.example yes <<-END
		inet_interfaces = 198.51.100.25, [2001:db8:1::25]
		virtual_mailbox_domains = recipient.example six.example
		mynetworks = 127.0.0.0/8
		smtpd_relay_restrictions = reject_unauth_destination
		smtpd_client_connection_rate_limit = 0
		smtpd_client_connection_count_limit = 0
		smtpd_error_sleep_time = 0
	END
	mail_start inet mx
}

# Whether a message goes in chunks is Exim's own choice; here its recipient says so. The connection of a customer's
# Postfix is not kept, so that each refusal is one connection that the server sees lost.
make_customers() {
	customers_make || die "$MW_CANNOT" 'the package exim4-daemon-light could not be fetched'
	# shellcheck disable=SC2016 # Exim's own variable
	sed -i '/^  port = 25$/a\  hosts_try_chunking = ${if match{$local_part}{\\\\.bdat\\$}{*}}' "$LAB_DIR/exim/etc/exim4/exim4.conf"
	sed -i '/^smtp_connection_cache_destinations/d' "$LAB_DIR/postfix/etc/main.cf"
	lab_ns cust postfix -c "$LAB_DIR/postfix/etc" reload 2>/dev/null
}

# shellcheck disable=SC2317 # by await
server_greets() {
	local family

	for family in 4 6; do
		lab_ns cust python3 -c 'import socket, sys
assert socket.create_connection((sys.argv[1], 25), 2).recv(3) == b"220"' "$(server_address "$family")" || return 1
	done
}

# The control plane sleeps while letters are sent: all events stay where they can be read, and no customer comes
# under a verdict for his worms.
make_appliance() { # LINE-OF-SMTP...
	LAB_SMTP=("$@")
	appliance_prepare 30m
	cp "$(program lab-events "$LAB_BUILD")" "$LAB_DIR/bin/"
	plane_start control || die 'the control plane does not start'
	customers_settings >"$LAB_DIR/customers.csv"
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	plane_start dataplane || die 'the dataplane does not start'
	await 20 server_greets || die 'the server is not reached'
	kill -TERM "${PLANE_PIDS[0]}"
	wait "${PLANE_PIDS[0]}" || die "the control plane ended with status $?"
	PLANE_PIDS=("${PLANE_PIDS[1]}")
}

letter_send() { # ROW CLIENT KIND WAY 4|6
	local sender=me@${CUSTOMER_DOMAIN[$2]} recipient letter=$MW_ROOT/tests/lab/lib/worm_letter.py

	recipient=$(row_recipient "$1" "$5" "$4")
	case $2 in
	postfix) python3 "$letter" "$3" "$sender" "$recipient" | mail_send cust postfix "$sender" "$recipient" ;;
	exim) python3 "$letter" "$3" "$sender" "$recipient" | exim_command exim -f "$sender" -i "$recipient" ;;
	raw)
		lab_ns cust python3 "$MW_ROOT/tests/lab/lib/worm_client.py" "$3" "$4" "$(customer_address raw "$5")" \
			"$(server_address "$5")" "$sender" "$recipient" >"$LAB_DIR/raw.$1" &
		LAB_PIDS+=($!)
		;;
	esac
}

# How many letters with this subject are in the server's mailbox: of each the first such line was noted. Postfix
# writes elsewhere and moves what is whole there.
stored() { # SUBJECT-BEGIN
	grep -cE "^Subject: $1\\." "$LAB_DIR/subjects" || true
}

# Has the server taken a letter for a recipient, so that its log tells of delivery or bounce?
server_knows() { # ROW
	grep -qE "postfix/(qmgr|virtual|bounce|error).*to=<$1\\." "$LAB_DIR/mx/maillog"
}

event_of() { # ROW: fingerprint class refused, a line for each event
	jq -r --arg row "$1." 'select(.type == "message" and .complete and (.subject | startswith($row))) |
		"\(.fingerprint) \(.class) \(if .refused then "refused" else "passed" end)"' "$LAB_DIR/told"
}

# A line folded by the author of a bounce is one again.
unfolded() { # FILE
	tr -s '\n\t ' ' ' <"$1"
}

# Sets `text`: what the sender saw; and `fault`, when it is not the refusal with the reference of the event.
judge_refused() { # ROW CLIENT KIND WAY
	local attempts reference events pattern bounce

	pattern="554[ -]5\\.7\\.1 message refused.*: worm ${NAME_OF[$3]//./\\.}, reference ([0-9a-f]{16})"
	mapfile -t attempts < <(customer_attempts "$2" "$1")
	text=${attempts[0]:-nothing}
	[[ $text =~ ^bounced ]] || fault+=' not bounced at once'
	[[ $text =~ $pattern ]] || fault+=' not our words'
	reference=${BASH_REMATCH[1]:-none}
	mapfile -t events < <(event_of "$1")
	[[ ${events[*]:-} == "$reference worm refused" ]] || fault+=" events: ${events[*]:-none}"
	if [[ $2 == raw ]]; then
		[[ ${attempts[1]:-} == 'deferred 421 '* ]] || fault+=" behind it: ${attempts[1]:-nothing}"
		[[ $4 != several || $(stored "before1$1")$(stored "before2$1") == 11 ]] || fault+=' the ones before it did not arrive'
	else
		[[ ${#attempts[@]} -eq 1 ]] || fault+=" ${#attempts[@]} attempts"
		! customer_queued "$2" "$1" || fault+=' still queued'
		bounce=$(customer_bounce "$2" "$1") || fault+=' no bounce'
		[[ -n $bounce && $(unfolded "$bounce") =~ $pattern && ${BASH_REMATCH[1]} == "$reference" ]] ||
			fault+=' other words in the bounce'
	fi
	[[ $(stored "$1") -eq 0 && $(stored "hidden$1") -eq 0 ]] || fault+=' STORED by the server'
	! server_knows "$1" || fault+=' in the log of the server'
	[[ -n $fault ]] || text="bounced 554 5.7.1 ... worm ${NAME_OF[$3]}, reference $reference"
}

judge_observed() { # ROW CLIENT
	local attempts events

	mapfile -t attempts < <(customer_attempts "$2" "$1")
	[[ ${attempts[0]:-} == sent* ]] || fault+=" ${attempts[0]:-nothing}"
	mapfile -t events < <(event_of "$1")
	[[ ${#events[@]} -eq 1 && ${events[0]} == *' worm passed' ]] || fault+=" events: ${events[*]:-none}"
	[[ $(stored "$1") -eq 1 ]] || fault+=" stored $(stored "$1") times"
	text="stored, event ${events[0]:-none}"
}

judge() { # refused|observed ROW
	local client kind way family fault='' text=''

	read -r client kind way family <<<"${row_of[$2]}"
	if [[ $1 == refused ]]; then
		judge_refused "$2" "$client" "$kind" "$way"
	else
		judge_observed "$2" "$client"
	fi
	# By it is seen, too, that the server's log would tell.
	[[ $(stored "next$2") -eq 1 ]] && server_knows "next$2" || fault+=' the next letter did not arrive'
	printf '%-6s %-8s %-7s %-8s %-7s IPv%s  %s%s\n' "${fault:+NOT }ok" "$1" "$client" "$kind" "$way" "$family" \
		"${text:0:76}" "${fault:+ | $fault}"
	[[ -z $fault ]] || bad=1
}

rows_by() { # WAY-PATTERN
	local row n=0

	for row in "${rows[@]}"; do
		[[ ! ${row_of[$row]} =~ \ ($1)\  ]] || n=$((n + 1))
	done
	printf '%s\n' "$n"
}

lost_in() { # COMMAND
	grep -cE "postfix/smtpd.* lost connection after $1 \([0-9]+ bytes\)" "$LAB_DIR/mx/maillog" || true
}

# A message refused is a connection that the server lost in the middle of a text, before its end.
judge_server() {
	local lost want left fault=''

	lost="$(lost_in DATA) in DATA, $(lost_in BDAT) in BDAT"
	want="$(rows_by 'data|several|piped') in DATA, $(rows_by bdat) in BDAT"
	left=$(find "$LAB_DIR"/mx/spool/{maildrop,incoming,active,deferred,hold,corrupt} -type f | wc -l)
	[[ $lost == "$want" ]] || fault+=" expected $want"
	[[ $left -eq 0 ]] || fault+=" $left files are in its queue"
	printf '%-6s the server lost connections: %s; its queue is empty%s\n' "${fault:+NOT }ok" "$lost" "${fault:+ | $fault}"
	[[ -z $fault ]] || bad=1
}

all_tried() {
	local row client rest

	for row in "${rows[@]}"; do
		read -r client rest <<<"${row_of[$row]}"
		await 30 customer_has_tried "$client" "$1$row" 1 || die "$1$row ($client $rest) has no outcome"
	done
}

# Bounces are mails of their own, events are told in time: until nothing new comes.
settle() {
	local before='' now tries

	for ((tries = 0; tries < 20; tries++)); do
		sleep 0.7
		"$LAB_DIR/bin/lab-events" "$LAB_DIR/state" >"$LAB_DIR/told"
		now="$(wc -l <"$LAB_DIR/told") $(find "$LAB_DIR"/{mx,postfix,exim}/mail -type f | wc -l)"
		if [[ $now == "$before" ]]; then
			find "$LAB_DIR/mx/mail" -type f -exec grep -m 1 -h '^Subject: ' {} \; >"$LAB_DIR/subjects"
			return 0
		fi
		before=$now
	done
	die "events and deliveries do not come to an end: $now"
}

try_all() { # refused|observed ROWS LINE-OF-SMTP...
	local how=$1 client kind way family row

	rows=()
	make_appliance "${@:3}"
	while read -r client kind way; do
		for family in 4 6; do
			count=$((count + 1))
			row=r$count
			rows+=("$row")
			row_of[$row]="$client $kind $way $family"
			letter_send "$row" "$client" "$kind" "$way" "$family"
		done
	done < <(grep . <<<"$2")
	all_tried ''
	customers_retry
	for row in "${rows[@]}"; do
		read -r client kind way family <<<"${row_of[$row]}"
		[[ $way == bdat ]] || way=data
		letter_send "next$row" "$client" clean "$way" "$family"
	done
	all_tried next
	settle
	for row in "${rows[@]}"; do
		judge "$how" "$row"
	done
	planes_end || die "a plane did not end cleanly: status $?"
	rm -rf "$LAB_DIR/state"
}

main() {
	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	lab_begin
	mkdir "$LAB_DIR/rules"
	python3 "$MW_ROOT/tests/lab/lib/worm_letter.py" --signatures "$LAB_DIR/rules"
	LAB_RULES=$LAB_DIR/rules
	make_customers
	make_server
	try_all refused "$REFUSED"
	judge_server
	try_all observed "$OBSERVED" 'refuse_worm: false'
	printf '%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

main
