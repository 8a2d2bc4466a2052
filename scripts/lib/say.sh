# shellcheck shell=bash
# Messages of the scripts. All go to standard error: standard output belongs to results.

say() {
	printf '%s\n' "$*" >&2
}

# What went wrong and what to do about it; 1 unless the caller names a status.
die() {
	local status=1

	if [[ ${1:-} =~ ^[0-9]+$ ]]; then
		status=$1
		shift
	fi
	printf '%s: %s\n' "${MW_PROGRAM:-${0##*/}}" "$*" >&2
	exit "$status"
}

# "the machine cannot": the status that test harnesses read as "skipped".
MW_CANNOT=77

have() {
	command -v "$1" >/dev/null 2>&1
}

is_root() {
	[[ $EUID -eq 0 ]]
}
