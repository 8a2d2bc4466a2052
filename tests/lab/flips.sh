#!/bin/bash
# Verdicts on one customer flip N times while others' traffic goes on: each change must come to the wire on
# every lane, no octet of others' may be lost or altered, and after the last one nothing is left of it. Then
# either process is killed and started again in the middle of the traffic, under each verdict: what was in
# force is in force from the first packet on. How long changes take is printed, and with --doc written down;
# it is no reason to fail.
#
# usage: flips.sh [--flips N] [--seed N] [--doc FILE]
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/flips.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build \
	tests/lab/lib/net tests/lab/lib/mail tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

flips=100 seed=$RANDOM doc=''
while [[ $# -gt 0 ]]; do
	case $1 in
	--flips) flips=$2 ;;
	--seed) seed=$2 ;;
	--doc) doc=$2 ;;
	*) die 2 'usage: tests/lab/flips.sh [--flips N] [--seed N] [--doc FILE]' ;;
	esac
	shift 2
done
[[ $flips =~ ^[0-9]+$ && $seed =~ ^[0-9]+$ ]] || die 2 'usage: tests/lab/flips.sh [--flips N] [--seed N] [--doc FILE]'

customers() {
	cat <<-'END'
		customer,name,class,prefixes
		K-1007,Sunrise Bakery,business,203.0.113.7/32 2001:db8:c::7/128
		K-1009,Corner Library,business,203.0.113.8/30
		K-1066,Gadget Outlet,business,203.0.113.64/28 2001:db8:c::66:0/112
	END
}

addresses() {
	ip -n "${LAB_P}cust" addr add 2001:db8:c::66:66/128 dev lo nodad
	ip -n "${LAB_P}inet" addr add 198.51.100.26/32 dev lo
	ip -n "${LAB_P}inet" addr add 2001:db8:1::26/128 dev lo nodad
}

hear() { # LINE: what the program says
	if [[ $1 == lost:* ]]; then
		lost=$((lost + ${1#lost: }))
		return
	fi
	printf '%s\n' "$1" | tee -a "$LAB_DIR/said"
	[[ $1 != 'NOT ok'* ]] || bad=1
}

# tell COMMAND...: one line to the program. It answers with a line that begins with `ok:`, or with faults and the
# word `done`.
tell() {
	local line

	printf '%s\n' "$*" >&"${helper[1]}"
	while read -r -t 900 line <&"${helper[0]}"; do
		[[ $line != "done" ]] || return 0
		hear "$line"
	done
	die "no answer to: $*"
}

# Frames that no lane has seen, because its ring was full: what a machine without CPU to spare loses.
missed() {
	local side device sum=0 n

	for side in cust inet; do
		device=${side}0
		for n in $(lab_ns dp ethtool -S "$device" | sed -nE 's/^ *rx_queue_[0-9]+_drops: //p') \
			$(ip -n "$LAB_P$side" -s -j link show eth0 | jq '.[0].stats64.tx.dropped'); do
			sum=$((sum + n))
		done
	done
	printf '%s\n' "$sum"
}

# The dataplane runs all the while: nothing of others may be lost.
unharmed() { # COMMAND...
	local before

	before=$(missed)
	"$@"
	missed_in_time=$((missed_in_time + $(missed) - before))
}

judge_lost() {
	if [[ $lost -eq 0 ]]; then
		hear 'ok: no frame of others was lost'
	elif [[ $lost -le $missed_in_time ]]; then
		printf 'not judged: %s frames of others were lost, %s of all were so before a lane: no CPU was free for it\n' \
			"$lost" "$missed_in_time"
	else
		hear "NOT ok: $lost frames of others were lost, and only $missed_in_time of all before a lane"
	fi
}

start() { # control|dataplane
	plane_start "$1" || die "the $1 plane does not start"
	pid_of[$1]=${PLANE_PIDS[-1]}
}

kill_and_restart() { # control|dataplane
	local pid=${pid_of[$1]} other

	[[ $1 == control ]] && other=dataplane || other=control
	tell watch "$1"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null || true
	PLANE_PIDS=("${pid_of[$other]}")
	start "$1"
	# With the socket, or the ports, the first packets come; a second of them is enough.
	sleep 1
	tell seen
}

status_line() {
	local in_force

	in_force=$(ask 'length' verdict list)
	if [[ $in_force -eq 0 && $(ask .ok audit verify) == true ]]; then
		printf 'ok: no verdict is listed any more, the audit chain is whole\n'
	else
		printf 'NOT ok: %s verdicts are listed\n' "$in_force"
		bad=1
	fi
}

load_average() {
	cut -d' ' -f1 /proc/loadavg
}

write_doc() {
	local cpu driver

	cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
	driver=$(sed -n 's/.*(cust0): \(net_[a-z_]*\),.*/\1/p' "$LAB_DIR/dataplane.log" | tail -1)
	{
		cat <<-END
			# Verdicts that flip

			\`tests/lab/flips.sh --flips $flips --doc docs/flips.md\` writes this file. One customer's verdict is set and cleared
			through the control socket $flips times, round and round through all changes between PASS, REJECT, RESET and DROP, while
			other customers' traffic goes through the same two lanes: six TCP streams at a time, both ways, on a port that is no mail;
			four SMTP sessions at a time; 2000 frames of UDP a second. A SYN of the customer's each 200 µs, over IPv4 and IPv6, from
			ports that go round, shows who answers: a change is *on the wire* when from then on, on every lane, each of them meets the
			new verdict, and none that should not be is at the server. After each change one ordinary connection of the customer's is
			made and must meet it, under PASS as a whole session, octet for octet.

			$(date -u +%Y-%m-%d), $(nproc) cores, $cpu, Linux $(uname -r), $driver over veth pairs; load average $load_before before,
			$(load_average) after it, niceness $(nice): the cores are shared by both planes, both ends of all traffic and whatever else runs.
			Milliseconds, as the client sees it: the way there and back and up to 200 µs until the next SYN are in them. The
			acknowledgement comes when the change is stored and published, so the wire may be ahead of it (below 0).

		END
		cat "$LAB_DIR/table"
		printf '\nWhat was compared:\n\n'
		sed -nE 's/^ok: (.*)$/- \1/p' "$LAB_DIR/said"
		printf '\nTimes are no test; that every change arrives, and that nothing of others is lost or altered, is.\n'
	} >"$doc"
}

run_all() {
	local verdict

	unharmed tell quiet 3
	unharmed tell flips "$flips"
	for verdict in reject reset pass; do
		tell hold "$verdict"
		unharmed kill_and_restart control
		kill_and_restart dataplane
	done
	tell end
	judge_lost
}

main() {
	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build "$LAB_BUILD"
	SECONDS=0
	LAB_HINT="the same again: tests/lab/flips.sh --flips $flips --seed $seed"
	load_before=$(load_average)
	lab_begin
	addresses
	appliance_prepare 30m
	customers >"$LAB_DIR/customers.csv"
	cp "$(program lab-flips "$LAB_BUILD")" "$LAB_DIR/bin/"
	start control
	weirctl customer import "$LAB_DIR/customers.csv" >/dev/null
	await 30 eval '[[ $(ask .rules.generation status) -ge 1 ]]' || die 'no rules are in force'
	start dataplane
	coproc helper { exec "$LAB_DIR/bin/lab-flips" "${LAB_P}cust" "${LAB_P}inet" "$LAB_DIR/state/control.sock" "$seed" \
		"$LAB_DIR/table"; }
	LAB_PIDS+=("$helper_PID")
	run_all
	status_line
	cat "$LAB_DIR/table"
	printf 'load average %s before, %s after\n' "$load_before" "$(load_average)"
	planes_end || die "a plane did not end cleanly: status $?"
	[[ -z $doc || $bad -ne 0 ]] || write_doc
	printf '%s, in %d seconds\n' "$([[ $bad -eq 0 ]] && printf 'All as it must be' || printf 'NOT as it must be')" "$SECONDS"
	exit "$bad"
}

bad=0 lost=0 missed_in_time=0
load_before=''
declare -A pid_of=()
main
