# shellcheck shell=bash
# The build directories: build/release for running and measuring, build/debug (ASan, UBSan) for tests,
# build/clang to see the code through another compiler's eyes, build/fuzz for scripts/fuzz. All output
# goes to standard error.

MW_BUILD=${MW_BUILD:-$MW_ROOT/build}
MW_JOBS=${MW_JOBS:-$(nproc)}

build_options() {
	case $1 in
	release) printf '%s\n' --buildtype=release -Dwerror=false ;;
	debug) printf '%s\n' --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false ;;
	clang) printf '%s\n' --buildtype=debugoptimized ;;
	fuzz) printf '%s\n' --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false -Dfuzz=true ;;
	*) die "no such build: $1" ;;
	esac
}

# Is everything built already? Tells without writing, so that somebody without the right to write
# into another's build directory can use it.
built() {
	[[ -f $1/build.ninja ]] && ninja -C "$1" -n 2>/dev/null | grep -q 'no work to do'
}

setup_build() {
	local kind=$1 dir=$2 options

	mapfile -t options < <(build_options "$kind")
	if [[ ! -f $dir/build.ninja ]]; then
		say "Preparing $dir"
		if [[ $kind == clang || $kind == fuzz ]]; then
			CC=clang-14 meson setup "$dir" "$MW_ROOT" "${options[@]}" >&2
		else
			meson setup "$dir" "$MW_ROOT" "${options[@]}" >&2
		fi
	fi
}

# Whoever runs this by sudo shall be able to build by himself afterwards.
give_back() {
	if is_root && [[ -n ${SUDO_UID:-} && -n ${SUDO_GID:-} ]]; then
		chown -R "$SUDO_UID:$SUDO_GID" "$1" 2>/dev/null || true
	fi
}

# build KIND: prints nothing on success but what ninja says; the directory is $MW_BUILD/KIND.
build() {
	local kind=$1 dir=$MW_BUILD/$1 what=all

	[[ $kind != fuzz ]] || what=fuzz # its targets, nothing else
	built "$dir" && return 0
	mkdir -p "$dir" 2>/dev/null || true
	[[ -w $dir ]] ||
		die "$dir cannot be written, and what is in it is not up to date; run as its owner or as root"
	# Two runs at a time build one after the other.
	(
		flock 9
		setup_build "$kind" "$dir" && ninja -C "$dir" -j "$MW_JOBS" "$what" >&2
	) 9>"$MW_BUILD/.$kind.lock" || die "the $kind build failed; what went wrong stands above"
	give_back "$MW_BUILD"
}

# program NAME [KIND]: the path of a program of ours.
program() {
	local dir=$MW_BUILD/${2:-release}

	case $1 in
	mailweir-dataplane) printf '%s\n' "$dir/dataplane/io/$1" ;;
	mailweir-replay) printf '%s\n' "$dir/dataplane/replay/$1" ;;
	mailweir-controlplane) printf '%s\n' "$dir/controlplane/daemon/$1" ;;
	mailweir-rules) printf '%s\n' "$dir/controlplane/rules/$1" ;;
	weirctl) printf '%s\n' "$dir/controlplane/cli/$1" ;;
	lab-events) printf '%s\n' "$dir/tests/lab/$1" ;;
	lab-flips) printf '%s\n' "$dir/tests/lab/$1" ;;
	*) die "no such program: $1" ;;
	esac
}
