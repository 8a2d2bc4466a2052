# shellcheck shell=bash
# scripts/run --inside IF --outside IF: both planes in the foreground. The control plane first, for the
# dataplane waits for its policy. Where one ends, the other is ended too, and the status says so.

live_pids=()
live_stop=0

live_end() {
	local pid

	for pid in "${live_pids[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${live_pids[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
}

# Waits until `ready` stands in a process's output, or the process is gone.
live_ready() {
	local name=$1 pid=$2 out=$3

	until grep -qx ready "$out" 2>/dev/null; do
		[[ $live_stop -eq 0 ]] || return 0
		kill -0 "$pid" 2>/dev/null || die "$name ended before it was ready; why stands above"
		sleep 0.05
	done
}

need_device() {
	[[ $1 == *:*.* || $1 == *,* || $1 == net_* || -e /sys/class/net/$1 ]] ||
		die "$1: no such interface (ip link lists them); a PCI device is named like 0000:01:00.0"
}

live_control() {
	"$(program mailweir-controlplane)" --state "$state" --settings "$settings" \
		>"$live_dir/control" &
	live_pids+=($!)
	live_ready mailweir-controlplane "$!" "$live_dir/control"
}

live_dataplane() {
	local arguments=(--inside "$inside" --outside "$outside" --state "$state")

	[[ -z $divert ]] || arguments+=(--divert "$divert")
	"$(program mailweir-dataplane)" "${arguments[@]}" >"$live_dir/dataplane" &
	live_pids+=($!)
	live_ready mailweir-dataplane "$!" "$live_dir/dataplane"
}

run_live() {
	local device status=0 gone=''

	state=${state:-/var/lib/mailweir}
	settings=${settings:-/etc/mailweir/mailweir.yaml}
	is_root || die "packets can only be forwarded as root: sudo scripts/run --inside $inside --outside $outside"
	for device in "$inside" "$outside" ${divert:+"$divert"}; do
		need_device "$device"
	done
	[[ -r $settings ]] ||
		die "$settings cannot be read; docs/mailweir.example.yaml is one to begin with, name yours with --settings"
	need_packages "building and running" "${MW_PACKAGES_BUILD[@]}" "${MW_PACKAGES_RUN[@]}"
	build release
	live_dir=$(mktemp -d "${TMPDIR:-/tmp}/mailweir.XXXXXX")
	trap 'live_end; rm -rf "$live_dir"' EXIT
	trap 'live_stop=1' INT TERM
	live_control
	[[ $live_stop -eq 1 ]] || live_dataplane
	if [[ $live_stop -eq 0 ]]; then
		printf 'ready\n'
		wait -n -p gone "${live_pids[@]}" || status=$?
	fi
	[[ $live_stop -eq 0 ]] || exit 0
	case $gone in
	"${live_pids[0]}") say "mailweir-controlplane ended by itself (status $status); the dataplane is stopped too" ;;
	*) say "mailweir-dataplane ended by itself (status $status); the control plane is stopped too" ;;
	esac
	exit 1
}
