# shellcheck shell=bash
# The lab's network: four namespaces of a random prefix, so that labs may run side by side.
#
#   cust ──[cust0 dp inet0]── inet        dp ── desk
#
# cust: the customers' machines, 203.0.113.x and 2001:db8:c::x on one link. inet: the internet, with mail
# exchanger and web server. dp: the appliance, whose two ports carry no address. desk: the provider's own
# mail server, which the control plane reaches over a management link.

LAB_P=''
LAB_NAMESPACES=()

lab_ns() {
	local ns=$LAB_P$1
	shift
	ip netns exec "$ns" "$@"
}

# Can namespaces be made here at all? Said before anything else is begun.
net_possible() {
	local probe=mwprobe$RANDOM

	is_root || return 1
	ip netns add "$probe" 2>/dev/null || return 1
	ip -n "$probe" link add mwa type veth peer name mwb 2>/dev/null || {
		ip netns del "$probe"
		return 1
	}
	ip netns del "$probe"
}

net_link() { # NS DEVICE NS DEVICE
	ip link add "$2" netns "$LAB_P$1" type veth peer name "$4" netns "$LAB_P$3"
}

# Frames as they are on a wire: no checksum left to a device that is none, nothing coalesced.
net_plain() { # NS DEVICE
	lab_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1 ||
		lab_ns "$1" ethtool -K "$2" tx off tso off gso off gro off >/dev/null 2>&1
}

net_up() {
	local name end

	LAB_P=mw$(printf '%04x' "$RANDOM")-
	for name in cust dp inet desk; do
		ip netns add "$LAB_P$name"
		LAB_NAMESPACES+=("$LAB_P$name")
		ip -n "$LAB_P$name" link set lo up
	done
	net_link cust eth0 dp cust0
	net_link inet eth0 dp inet0
	net_link desk eth0 dp mgmt0
	for end in cust:eth0 inet:eth0 dp:cust0 dp:inet0; do
		net_plain "${end%%:*}" "${end#*:}"
	done
	lab_ns dp sysctl -qw net.ipv6.conf.cust0.disable_ipv6=1 net.ipv6.conf.inet0.disable_ipv6=1
	for end in cust:eth0 inet:eth0 desk:eth0; do
		lab_ns "${end%%:*}" sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.autoconf=0
	done
	for end in cust:eth0 inet:eth0 desk:eth0 dp:cust0 dp:inet0 dp:mgmt0; do
		ip -n "$LAB_P${end%%:*}" link set "${end#*:}" up
	done
	net_addresses
}

net_addresses() {
	local last

	ip -n "${LAB_P}cust" addr add 10.99.0.1/24 dev eth0
	ip -n "${LAB_P}inet" addr add 10.99.0.2/24 dev eth0
	ip -n "${LAB_P}cust" addr add fd00:99::1/64 dev eth0 nodad
	ip -n "${LAB_P}inet" addr add fd00:99::2/64 dev eth0 nodad
	for last in 7 66; do
		ip -n "${LAB_P}cust" addr add "203.0.113.$last/32" dev lo
		ip -n "${LAB_P}cust" addr add "2001:db8:c::$last/128" dev lo nodad
	done
	for last in 25 80; do
		ip -n "${LAB_P}inet" addr add "198.51.100.$last/32" dev lo
		ip -n "${LAB_P}inet" addr add "2001:db8:1::$last/128" dev lo nodad
	done
	ip -n "${LAB_P}cust" route add default via 10.99.0.2 src 203.0.113.7
	ip -n "${LAB_P}cust" -6 route add default via fd00:99::2 src 2001:db8:c::7
	ip -n "${LAB_P}inet" route add 203.0.113.0/24 via 10.99.0.1
	ip -n "${LAB_P}inet" -6 route add 2001:db8:c::/64 via fd00:99::1
	ip -n "${LAB_P}desk" addr add 10.99.9.2/30 dev eth0
	ip -n "${LAB_P}dp" addr add 10.99.9.1/30 dev mgmt0
}

# The namespaces are ours alone, so what runs in them is, too.
net_down() {
	local ns pid

	for ns in "${LAB_NAMESPACES[@]}"; do
		for pid in $(ip netns pids "$ns" 2>/dev/null); do
			kill -KILL "$pid" 2>/dev/null || true
		done
		ip netns del "$ns" 2>/dev/null || true
	done
	LAB_NAMESPACES=()
}
