# shellcheck shell=bash
# A customer in a VLAN of the same link: his line ends at an interface that tagged.py makes at either end.

TAGGED_VLAN=100

tagged_net() { # LAST-PART-OF-ADDRESS
	local end

	ip -n "${LAB_P}cust" addr add "203.0.113.$1/32" dev lo
	ip -n "${LAB_P}cust" addr add "2001:db8:c::$1/128" dev lo nodad
	for end in cust:1 inet:2; do
		tagged_interface "${end%:*}" "${end#*:}"
	done
	# What comes from his addresses leaves by his line.
	ip -n "${LAB_P}cust" rule add from "203.0.113.$1" lookup "$TAGGED_VLAN"
	ip -n "${LAB_P}cust" -6 rule add from "2001:db8:c::$1" lookup "$TAGGED_VLAN"
	ip -n "${LAB_P}cust" route add default via 10.98.0.2 table "$TAGGED_VLAN"
	ip -n "${LAB_P}cust" -6 route add default via fd00:98::2 table "$TAGGED_VLAN"
	ip -n "${LAB_P}inet" route add "203.0.113.$1" via 10.98.0.1
	ip -n "${LAB_P}inet" -6 route add "2001:db8:c::$1" via fd00:98::1
}

tagged_interface() { # NAMESPACE LAST-PART-OF-ADDRESS
	local out=$LAB_DIR/tagged.$1

	: >"$out"
	lab_ns "$1" python3 "$MW_ROOT/tests/lab/lib/tagged.py" eth0 "$TAGGED_VLAN" line0 >"$out" 2>"$out.log" &
	LAB_PIDS+=($!)
	await 10 grep -qx ready "$out" || die "no interface in a VLAN: $(tail -1 "$out.log")"
	lab_ns "$1" sysctl -qw net.ipv6.conf.line0.accept_dad=0 net.ipv6.conf.line0.autoconf=0
	ip -n "$LAB_P$1" link set line0 up
	ip -n "$LAB_P$1" addr add "10.98.0.$2/24" dev line0
	ip -n "$LAB_P$1" addr add "fd00:98::$2/64" dev line0 nodad
}
