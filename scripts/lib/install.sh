# shellcheck shell=bash
# Debian packages, by purpose. A machine that has everything needs neither root nor network: what is
# there is asked of dpkg first, and only what is missing is fetched.

MW_PACKAGES_BUILD=(
	gcc libc6-dev meson ninja-build pkg-config
	libdpdk-dev libhyperscan-dev liblmdb-dev libpcre2-dev libssl-dev libyaml-dev libjansson-dev
	libgmime-3.0-dev libcurl4-openssl-dev libmicrohttpd-dev libedit-dev libsystemd-dev libpsl-dev
	libpcap-dev libcmocka-dev scdoc
)
# publicsuffix: the list of top-level domains, read when Mailweir starts.
MW_PACKAGES_RUN=(publicsuffix python3-minimal)
# The live lab: namespaces, real mail servers, and the people's tools to look at them.
MW_PACKAGES_LAB=(iproute2 ethtool procps util-linux mount postfix openssl curl jq python3)
# promtool is in prometheus; zstd opens the test corpus.
MW_PACKAGES_TEST=(
	python3 clang-14 clang-format-14 libclang-rt-14-dev libasan8 libubsan1 binutils shellcheck zstd prometheus
)
# llvm-14 has the symbolizer: stacks with names.
MW_PACKAGES_FUZZ=(clang-14 libclang-rt-14-dev llvm-14)

installed() {
	[[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# dpkg is asked once for all: scripts/run --pcap comes by here each time.
missing_packages() {
	local name there

	there=$(dpkg-query -W -f='${Package}=${db:Status-Status}\n' "$@" 2>/dev/null) || true
	for name in "$@"; do
		grep -qxF "$name=installed" <<<"$there" || printf '%s\n' "$name"
	done
}

# No question is asked, and no daemon is started: a policy that says no stands in the way of the
# packages' own scripts while they are configured, unless the machine has a policy of its own.
apt_install() {
	local policy=/usr/sbin/policy-rc.d made=0 status=0

	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' >"$policy"
		chmod 755 "$policy"
		made=1
	fi
	if installed debconf && [[ " $* " == *" postfix "* ]]; then
		printf 'postfix postfix/main_mailer_type select No configuration\n' |
			debconf-set-selections || true
	fi
	DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
		-o Dpkg::Options::=--force-confold "$@" >&2 || status=$?
	[[ $made -eq 0 ]] || rm -f "$policy"
	return "$status"
}

# need_packages PURPOSE NAME...: installs what is missing, or says what is and ends.
need_packages() {
	local purpose=$1 missing
	shift
	have dpkg-query || die "this is no Debian: install what scripts/lib/install.sh lists by hand"
	mapfile -t missing < <(missing_packages "$@")
	[[ ${#missing[@]} -gt 0 ]] || return 0
	is_root || die "packages are missing for $purpose: ${missing[*]}" \
		"- run this once as root, or: sudo apt-get install --no-install-recommends ${missing[*]}"
	say "Installing for $purpose: ${missing[*]}"
	if ! apt_install "${missing[@]}"; then
		say "Asking the Debian mirror for its current lists"
		apt-get update -q >&2 ||
			die "packages are missing for $purpose and the Debian mirror cannot be reached: ${missing[*]}"
		apt_install "${missing[@]}" ||
			die "these packages could not be installed for $purpose: ${missing[*]}"
	fi
}
