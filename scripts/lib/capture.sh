# shellcheck shell=bash
# scripts/run --pcap: rules are compiled (and kept for the next time), customers are taken in by the
# control plane's own reader, then the replay prints its JSON Lines. Nothing else is on stdout.

capture_work=

capture_clean() {
	[[ -z $capture_work ]] || rm -rf "$capture_work"
}

need_readable() {
	[[ -e $1 ]] || die "$1: no such $2"
	[[ -r $1 ]] || die "$1: the $2 cannot be read"
}

# Compiled rules outlive a run where there is a home to keep them in.
rules_cache() {
	local dir=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/mailweir/rules

	if mkdir -p "$dir" 2>/dev/null && [[ -w $dir ]]; then
		printf '%s\n' "$dir"
	else
		mkdir -p "$capture_work/cache"
		printf '%s\n' "$capture_work/cache"
	fi
}

compile_rules() {
	local status=0

	"$(program mailweir-rules)" compile --cache "$(rules_cache)" -o "$capture_work/rules" \
		"${rules[@]}" >&2 || status=$?
	[[ $status -eq 0 ]] || exit "$status"
	replay+=(--ruleset "$capture_work/rules")
}

import_customers() {
	local status=0

	"$(program mailweir-controlplane)" --import-customers "$customers" --state "$capture_work/state" \
		>&2 || status=$?
	[[ $status -eq 0 ]] || exit 1
	replay+=(--policy "$capture_work/state")
}

run_capture() {
	local path status=0

	need_readable "$pcap" capture
	for path in "${rules[@]}"; do
		need_readable "$path" "rule file or folder"
	done
	[[ -z $customers ]] || need_readable "$customers" "customer file"
	need_packages "building and running" "${MW_PACKAGES_BUILD[@]}" "${MW_PACKAGES_RUN[@]}"
	build release
	capture_work=$(mktemp -d "${TMPDIR:-/tmp}/mailweir.XXXXXX")
	trap capture_clean EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	[[ ${#rules[@]} -eq 0 ]] || compile_rules
	[[ -z $customers ]] || import_customers
	[[ -z $ports ]] || replay+=(--ports "$ports")
	"$(program mailweir-replay)" "${replay[@]}" -- "$pcap" || status=$?
	exit "$status"
}
