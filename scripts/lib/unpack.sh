# shellcheck shell=bash
# Packages that cannot be installed beside others, unpacked below the build directory: Debian allows one
# mail server a machine, and the lab wants several. Nothing of the system is touched. Needs install.sh
# and build.sh.

MW_UNPACKED=$MW_BUILD/unpacked

# The libraries that the package files in the working directory need and that are neither installed nor
# among them, of each choice the first.
missing_libraries() {
	local file names=() name

	for file in ./*.deb; do
		mapfile -t -O "${#names[@]}" names < <(dpkg-deb -f "$file" Depends | tr ',' '\n' | sed 's/[|(:].*//; s/ //g' | grep '^lib')
	done
	[[ ${#names[@]} -gt 0 ]] || return 0
	for name in $(missing_packages "${names[@]}" | sort -u); do
		compgen -G "./${name}_*.deb" >/dev/null || printf '%s\n' "$name"
	done
}

# Fetches into the working directory. apt checks what it fetches against the signed lists.
fetch_packages() {
	[[ $# -gt 0 ]] || return 0
	apt-get download -q "$@" >&2 && return 0
	! is_root || apt-get update -q >&2 || return 1
	apt-get download -q "$@" >&2
}

# A package and the libraries it needs, and those that they need.
fetch_with_libraries() { # NAME
	local missing=("$1")

	while [[ ${#missing[@]} -gt 0 ]]; do
		fetch_packages "${missing[@]}" || return 1
		mapfile -t missing < <(missing_libraries)
	done
}

# unpack_package NAME: $MW_UNPACKED/NAME has the package's files, and the libraries beside them that
# the machine lacks. Returns 1 when it cannot be had; then nothing is left behind.
unpack_package() {
	local name=$1 dir=$MW_UNPACKED/$1 work file

	[[ ! -e $dir ]] || return 0
	have apt-get && have dpkg-deb || return 1
	mkdir -p "$MW_UNPACKED"
	work=$(mktemp -d "$MW_UNPACKED/.$name.XXXXXX")
	if (
		cd "$work" && mkdir root && fetch_with_libraries "$name" &&
			for file in ./*.deb; do dpkg-deb -x "$file" root || exit 1; done
	); then
		chmod 755 "$work/root"
		dpkg-deb -f "$work/$name"_*.deb Version >"$dir.version"
		mv -T "$work/root" "$dir"
	fi
	rm -rf "$work"
	[[ -e $dir ]]
}

unpacked_version() { # NAME
	cat "$MW_UNPACKED/$1.version"
}
