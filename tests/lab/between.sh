#!/bin/bash
# scripts/run --inside IF --outside IF, as an operator starts it: it says `ready`, packets pass, weirctl
# is answered; a signal ends both planes with status 0; the death of one ends the other with status 1.
set -euo pipefail

MW_ROOT=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
MW_PROGRAM=tests/lab/between.sh
for part in scripts/lib/say scripts/lib/install scripts/lib/build \
	tests/lab/lib/net tests/lab/lib/mail tests/lab/lib/appliance tests/lab/lib/lab; do
	# shellcheck source=/dev/null
	. "$MW_ROOT/$part.sh"
done

begin_run() {
	rm -f "$LAB_DIR/run.out" # the last run was ready, too
	ip netns exec "${LAB_P}dp" "$MW_ROOT/scripts/run" --inside cust0 --outside inet0 \
		--state "$LAB_DIR/state" --settings "$LAB_DIR/mailweir.yaml" \
		>"$LAB_DIR/run.out" 2>"$LAB_DIR/run.log" &
	run=$!
	LAB_PIDS+=("$run")
	await 60 grep -qx ready "$LAB_DIR/run.out" || die "it does not get ready: $(tail -5 "$LAB_DIR/run.log")"
}

expect_status() { # EXPECTED WHAT
	local got=0

	await 30 eval '! kill -0 "$run" 2>/dev/null' || die "$2: it does not end"
	wait "$run" || got=$?
	[[ $got -eq $1 ]] || die "$2: expected status $1, seen $got: $(tail -3 "$LAB_DIR/run.log")"
	printf 'ok: %s, status %s\n' "$2" "$got"
}

plane_pid() { # PROGRAM
	local pid

	for pid in $(ip netns pids "${LAB_P}dp"); do
		if [[ $(readlink "/proc/$pid/exe") == */"$1" ]]; then
			printf '%s\n' "$pid"
			return
		fi
	done
	return 1
}

dataplane_seen() {
	[[ $(ask .dataplane.alive status) == true ]]
}

main() {
	local plane

	is_root || { say "$MW_PROGRAM needs root for its network namespaces"; exit "$MW_CANNOT"; }
	net_possible || { say "$MW_PROGRAM: network namespaces cannot be made on this machine"; exit "$MW_CANNOT"; }
	build release
	lab_begin
	appliance_prepare 10s
	lab_web
	begin_run
	await 10 web_fetch 203.0.113.7 http://198.51.100.80/ || die 'no packet passes'
	printf 'ok: ready, and packets pass\n'
	# A lane reports once a second: the first report may be on its way.
	await 5 dataplane_seen || die 'the control plane does not see the dataplane'
	printf 'ok: weirctl is answered\n'
	kill -INT "$run" 2>/dev/null
	kill -TERM "$run" 2>/dev/null || true
	expect_status 0 'a signal ends both'
	for plane in mailweir-dataplane mailweir-controlplane; do
		begin_run
		kill -KILL "$(plane_pid "$plane")"
		expect_status 1 "the death of $plane ends the other"
		if plane_pid mailweir-dataplane || plane_pid mailweir-controlplane; then
			die 'a process was left behind'
		fi
	done
}

run=''
main
