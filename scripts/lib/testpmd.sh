# shellcheck shell=bash
# DPDK's own forwarder on two null devices, 64-octet frames, one forwarding core: what our fast path is
# held against. Its buffers are filled with real headers first, so that 5tswap has something to swap.

testpmd_pid=
testpmd_dir=

testpmd_clean() {
	[[ -z $testpmd_pid ]] || kill "$testpmd_pid" 2>/dev/null || true
	[[ -z $testpmd_dir ]] || rm -rf "$testpmd_dir"
	testpmd_pid=
	testpmd_dir=
}

# Waits until the output has a line that matches, 10 s at most.
testpmd_await() {
	local tries

	for ((tries = 0; tries < 200; tries++)); do
		if grep -q -e "$1" "$testpmd_dir/out" 2>/dev/null; then return 0; fi
		kill -0 "$testpmd_pid" 2>/dev/null || return 1
		sleep 0.05
	done
	return 1
}

# Clock ticks of processor time that the forwarding thread has had.
testpmd_ticks() {
	local task ticks=0

	for task in /proc/"$testpmd_pid"/task/*; do
		if grep -q worker "$task/comm" 2>/dev/null; then
			ticks=$(sed 's/.*) //' "$task/stat" | awk '{print $12 + $13}')
		fi
	done
	printf '%s\n' "$ticks"
}

# testpmd_mpps SECONDS: Mpps by processor time of the forwarding core, or "null".
testpmd_mpps() {
	local seconds=$1 before after packets status=0

	if ! have dpdk-testpmd || [[ $(nproc) -lt 2 ]]; then
		printf 'null\n'
		return 0
	fi
	testpmd_dir=$(mktemp -d "${TMPDIR:-/tmp}/mailweir.XXXXXX")
	mkfifo "$testpmd_dir/in"
	dpdk-testpmd -l 0,1 --no-huge -m 256 --no-shconf --no-pci \
		--vdev=net_null0,size=64,copy=0 --vdev=net_null1,size=64,copy=0 \
		-- -i --nb-cores=1 --total-num-mbufs=16384 --burst=32 \
		<"$testpmd_dir/in" >"$testpmd_dir/out" 2>&1 3>&- &
	testpmd_pid=$!
	exec 3>"$testpmd_dir/in"
	if testpmd_await 'testpmd>'; then
		printf 'set fwd txonly\nstart\n' >&3
		sleep 0.5
		printf 'stop\nset fwd 5tswap\n' >&3
		sleep 0.5 # its answers are not to be seen before it ends
		before=$(testpmd_ticks)
		printf 'start\n' >&3
		sleep "$seconds"
		after=$(testpmd_ticks)
		printf 'stop\nquit\n' >&3
		testpmd_await 'Bye' || status=1
		packets=$(sed -n '/Set 5tswap/,$p' "$testpmd_dir/out" |
			sed -n 's/.*TX-packets: *\([0-9]*\).*/\1/p' | tail -n 1)
	else
		status=1
	fi
	exec 3>&-
	wait "$testpmd_pid" 2>/dev/null || true
	testpmd_pid=
	if [[ $status -ne 0 || -z ${packets:-} || $((after - before)) -lt 10 ]]; then
		printf 'null\n'
	else
		awk -v p="$packets" -v t="$((after - before))" -v hz="$(getconf CLK_TCK)" \
			'BEGIN { printf "%.3f\n", p * hz / t / 1e6 }'
	fi
	testpmd_clean
}
