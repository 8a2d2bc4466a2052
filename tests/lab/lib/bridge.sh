# shellcheck shell=bash
# A kernel bridge in the appliance's place, which does to the customers' mail what DIVERT shall do: another MAC
# address on the way out, and back. With it a fault of the gateway can be told from one of ours.

bridge_up() { # CUSTOMER-MAC CUSTOMER-ADDRESS...
	local mac=$1 port
	shift

	ip -n "${LAB_P}dp" link add br0 type bridge
	ip -n "${LAB_P}dp" link set br0 up
	for port in cust0 inet0 gw0; do
		ip -n "${LAB_P}dp" link set "$port" master br0
	done
	bridge_rules "$mac" "$@" |
		ip netns exec "${LAB_P}dp" env LD_LIBRARY_PATH="$MW_UNPACKED/nftables/usr/lib/x86_64-linux-gnu" \
			"$MW_UNPACKED/nftables/usr/sbin/nft" -f -
}

bridge_rules() { # CUSTOMER-MAC CUSTOMER-ADDRESS...
	local mac=$1 address family
	shift

	printf 'table bridge divert {\n\tchain divert {\n\t\ttype filter hook prerouting priority -300\n'
	for address in "$@"; do
		family=ip
		[[ $address != *:* ]] || family=ip6
		printf '\t\tiifname cust0 %s saddr %s tcp dport 25 ether daddr set %s\n' "$family" "$address" "$GATEWAY_MAC"
		printf '\t\tiifname gw0 %s daddr %s tcp sport 25 ether daddr set %s\n' "$family" "$address" "$mac"
	done
	printf '\t}\n}\n'
}
