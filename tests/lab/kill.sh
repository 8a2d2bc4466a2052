#!/bin/bash
# The story again, while `kill -9` hits one of the two processes at N random instants; each is started
# again at once, as an init would. In the end there must be one ticket, its deadline must have fired
# once, the verdict must be in force, and the audit chain must be whole.
#
# usage: kill.sh N [SEED]
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/kill.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build \
	tests/lab/lib/net tests/lab/lib/mail tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

kills=${1:-6}
seed=${2:-$((RANDOM * 32768 + RANDOM))}
[[ $kills =~ ^[0-9]+$ && $seed =~ ^[0-9]+$ ]] || die 2 "usage: tests/lab/kill.sh N [SEED]"
ticket=''
# The more kills, the slower the desk and the longer the deadline, so that each chapter gets its share.
pace=$(awk -v n="$kills" 'BEGIN { printf "%.2f", 0.1 + n * 0.015 }')
deadline=$((10 + kills / 4))

note() {
	printf '%6s s  %s\n' "$SECONDS" "$*"
}

# Starts a plane again and again. Its current process stands in PLANE.pid; a file `stop` ends it.
supervise() { # control|dataplane
	local pid status

	trap - EXIT INT TERM
	while [[ ! -e $LAB_DIR/stop ]]; do
		"$1_command" >"$LAB_DIR/$1.out" 2>>"$LAB_DIR/$1.log" &
		pid=$!
		printf '%s\n' "$pid" >"$LAB_DIR/$1.pid.new"
		mv "$LAB_DIR/$1.pid.new" "$LAB_DIR/$1.pid"
		status=0
		wait "$pid" || status=$?
		# Whoever was not killed by us has ended by himself, which is a failure of its own.
		if [[ $status -ne 137 && ! -e $LAB_DIR/stop ]]; then
			printf '%s ended by itself, status %s\n' "$1" "$status" >>"$LAB_DIR/unasked"
			sleep 0.2
		fi
	done
}

# The instants are drawn from the seed alone, so that a run can be repeated as far as machines allow.
# Awk's generator and not bash's own: that one the other parts use, too.
draw_instants() {
	awk -v seed="$seed" -v count="$kills" 'BEGIN {
		srand(seed)
		for (i = 0; i < count; i++)
			printf "%.3f %s\n", 0.05 + rand() * 1.1, rand() < 0.5 ? "control" : "dataplane"
	}'
}

killer() {
	local pause plane pid

	trap - EXIT INT TERM
	while read -r pause plane; do
		sleep "$pause"
		pid=$(cat "$LAB_DIR/$plane.pid")
		printf '%s %s\n' "$plane" "$pid" >>"$LAB_DIR/killed"
		kill -KILL "$pid" 2>/dev/null || true
	done < <(draw_instants)
	touch "$LAB_DIR/killer-done"
}

# The desk tries again when the control plane is away just now.
patient() {
	local tries

	for ((tries = 0; tries < 400; tries++)); do
		! "$@" 2>/dev/null || return 0
		sleep 0.05
	done
	return 1
}

state_of() {
	patient ask .state ticket show "$ticket" || printf 'unknown\n'
}

find_ticket() {
	ticket=$(ask '[.[] | select(.customer == "K-1066" and .state != "suspect")][0].id // empty' ticket list)
	[[ -n $ticket ]]
}

prepare() {
	lab_servers
	appliance_prepare ${deadline}s
	supervise control 2>/dev/null &
	LAB_PIDS+=($!)
	await 30 weirctl customer import "$LAB_DIR/customers.csv" || die 'the control plane does not answer'
	weirctl contact import "$LAB_DIR/contacts.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	supervise dataplane 2>/dev/null &
	LAB_PIDS+=($!)
	await 30 grep -qx ready "$LAB_DIR/dataplane.out" || die 'the dataplane does not get ready'
}

# Spam until there is a case: mail that was on its way when the dataplane died may go uncounted.
until_found() {
	local i

	for ((i = 1; i <= 600; i++)); do
		spam_send "$i"
		! find_ticket 2>/dev/null || return 0
		sleep "$(awk -v p="$pace" 'BEGIN { print p / 5 }')"
	done
	die "no ticket after $i spam messages"
}

# Takes whatever task there is and reports that nobody was reached, until the list is worked off.
until_called() {
	local task tries

	for ((tries = 0; tries < 600; tries++)); do
		case $(state_of) in
		awaiting | disabled) return 0 ;;
		esac
		task=$(patient ask '[.[] | select(.kind == "call" or .kind == "tam")][0].id // empty' \
			task list --ticket "$ticket") || true
		if [[ -n $task ]]; then
			weirctl task take "$task" >/dev/null 2>&1 || true
			sleep "$pace"
			# An answer may be lost with the process that gave it; then this is refused as done.
			weirctl task outcome "$task" no-answer >/dev/null 2>&1 || true
		fi
		sleep "$pace"
	done
	die "the contact list was never worked off; state $(state_of)"
}

finish_killing() {
	await 600 test -e "$LAB_DIR/killer-done" || die 'the killing did not end'
	await 30 ask .version status || die 'the control plane did not come back'
	await 30 grep -qx ready "$LAB_DIR/dataplane.out" || die 'the dataplane did not come back'
}

refused_live() {
	local subject="after the deadline $RANDOM"

	mail_letter sales@outlet.example eve@recipient.example "$subject" 'Replica watches, again.' |
		mail_send cust outlet sales@outlet.example eve@recipient.example
	await 60 eval 'grep -h "to=<eve@recipient.example>.*status=bounced" "$LAB_DIR/outlet/maillog" |
		grep -F "550 5.7.1" | grep -qF "$ticket"'
}

wrong=0
check() { # SENTENCE EXPECTED SEEN
	if [[ $3 == "$2" ]]; then
		printf 'ok: %s\n' "$1"
	else
		printf 'NOT ok: %s: expected "%s", seen "%s"\n' "$1" "$2" "$3"
		wrong=1
	fi
}

verdict_commits() {
	ask '[.history[] | select(.text | test("no report within the deadline|it was shown, and nobody"))] | length' \
		ticket show "$ticket"
}

judge() {
	check 'no process ended by itself' '' "$(cat "$LAB_DIR/unasked" 2>/dev/null)"
	check 'all kills were done' "$kills" "$(wc -l <"$LAB_DIR/killed")"
	check 'there is one ticket' 1 "$(ask length ticket list --all)"
	check 'it is disabled, with verdict reject' 'disabled reject' \
		"$(ask '"\(.state) \(.verdict)"' ticket show "$ticket")"
	check 'its deadline fired once' 1 "$(verdict_commits)"
	check 'one verdict stands' 'K-1066 reject' "$(ask '.[] | "\(.customer) \(.verdict)"' verdict list)"
	check 'the audit chain is whole' true "$(ask .ok audit verify)"
	check 'each contact was told once that mail is refused' '1 1' \
		"$(disabled_mails ida) $(disabled_mails jon)"
	if refused_live; then
		check 'mail is refused with the ticket number' yes yes
	else
		check 'mail is refused with the ticket number' yes no
	fi
}

# Mails go out at least once with a stable Message-ID: copies of one mail count once.
disabled_mails() {
	mail_find relay "^Delivered-To: $1@outlet.example" "^Subject:.*$ticket" '^Message-I[Dd]: <.*disabled' |
		xargs -r grep -hiE '^Message-ID:' | sort -u | wc -l
}

main() {
	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	printf '%s kills, seed %s\n' "$kills" "$seed"
	LAB_HINT="the same again: tests/lab/kill.sh $kills $seed"
	lab_begin
	prepare
	note 'both planes run; the killing begins'
	killer &
	LAB_PIDS+=($!)
	until_found
	note "ticket $ticket is open"
	until_called
	note 'the contact list is worked off'
	await $((deadline + 80)) eval '[[ $(state_of) == disabled ]]' || die "the deadline never fired; state $(state_of)"
	note 'the deadline has fired'
	finish_killing
	note "$(wc -l <"$LAB_DIR/killed") kills: $(cut -d' ' -f1 "$LAB_DIR/killed" | sort | uniq -c | tr '\n' ' ')"
	judge
	touch "$LAB_DIR/stop"
	if [[ $wrong -ne 0 ]]; then
		weirctl ticket show "$ticket"
		tail -n 20 "$LAB_DIR"/control.log "$LAB_DIR"/dataplane.log
		exit 1
	fi
}

main
