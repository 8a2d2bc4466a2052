# shellcheck shell=bash
# A validating resolver in the customers' namespace, so that a sender may follow DANE (RFC 7672): a zone `example`
# signed by a key of the lab's own, and Unbound, which trusts that key alone and asks nobody. Both are unpacked,
# not installed.

# resolver_make CERTIFICATE DOMAIN...: each domain has the mail exchanger mx.recipient.example, whose TLSA
# record is of CERTIFICATE. Returns 1 when a package cannot be had.
resolver_make() {
	local dir=$LAB_DIR/resolver key digest domain certificate=$1
	shift

	unpack_package unbound && unpack_package ldnsutils || return 1
	mkdir -p "$dir"
	chmod 755 "$dir"
	# 3 1 1: the server's own key, by SHA-256 (RFC 6698, 2.1)
	digest=$(openssl x509 -in "$certificate" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum)
	{
		# shellcheck disable=SC2016 # $TTL is the zone's
		printf '$TTL 3600\n@ SOA ns.example. desk.example. 1 3600 600 86400 60\n@ NS ns.example.\nns A 127.0.0.1\n'
		printf 'mx.recipient A 198.51.100.25\n_25._tcp.mx.recipient TLSA 3 1 1 %s\n' "${digest%% *}"
		for domain in "$@"; do
			printf '%s. MX 10 mx.recipient.example.\n' "$domain"
		done
	} >"$dir/zone"
	(
		cd "$dir" || exit 1
		key=$(resolver_tool ldns-keygen -k -a ECDSAP256SHA256 example) &&
			resolver_tool ldns-signzone -o example. -f signed zone "$key" && cp "$key.key" anchor.key
	) >"$dir/sign.log" 2>&1 || die "the zone cannot be signed: $(cat "$dir/sign.log")"
	cat >"$dir/unbound.conf" <<-END
		server:
		  directory: "$dir"
		  chroot: ""
		  username: ""
		  pidfile: ""
		  use-syslog: no
		  interface: 127.0.0.1
		  module-config: "validator iterator"
		  trust-anchor-file: "anchor.key"
		  do-not-query-localhost: no
		  local-zone: "example." nodefault
		remote-control:
		  control-enable: no
		auth-zone:
		  name: "example."
		  zonefile: "signed"
		  for-upstream: yes
		  for-downstream: no
		  fallback-enabled: no
	END
	printf 'nameserver 127.0.0.1\noptions timeout:2 attempts:1\n' >"$dir/resolv.conf"
}

resolver_tool() { # NAME ARGUMENT...
	local tool=$MW_UNPACKED/ldnsutils
	LD_LIBRARY_PATH=$(find "$tool" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:) "$tool/usr/bin/$1" "${@:2}"
}

# Ended with the namespace. It must say that it has validated (AD) what the senders ask for.
resolver_start() {
	local root=$MW_UNPACKED/unbound

	LD_LIBRARY_PATH=$(find "$root" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:) \
		lab_ns cust "$root/usr/sbin/unbound" -d -c "$LAB_DIR/resolver/unbound.conf" >"$LAB_DIR/resolver/log" 2>&1 &
	LAB_PIDS+=($!)
	await 10 resolver_validates || die "the resolver does not validate: $(tail -5 "$LAB_DIR/resolver/log")"
}

# shellcheck disable=SC2317 # by await
resolver_validates() {
	export -f resolver_tool
	MW_UNPACKED=$MW_UNPACKED lab_ns cust bash -c 'resolver_tool drill -D -o AD @127.0.0.1 _25._tcp.mx.recipient.example TLSA' |
		grep -q 'flags:.* ad '
}

# Runs something whose names are asked of it.
resolver_run() { # NAMESPACE COMMAND...
	local ns=$1
	shift
	# shellcheck disable=SC2016 # the inner shell's words
	lab_ns "$ns" unshare --mount --propagation private \
		sh -c 'mount --bind "$1" /etc/resolv.conf && shift && exec "$@"' sh "$LAB_DIR/resolver/resolv.conf" "$@"
}
