# shellcheck shell=bash
# What no verdict touches: the web, names, mail handed in at a submission server, and mail to the servers
# that are always reachable (the abuse desk's own). Asked by the customer with the program of his own, under
# each verdict, over IPv4 and IPv6.

UNTOUCHED=(web dns-udp dns-tcp submission desk)
UNTOUCHED_DESK=99 # last part of the desk's server's addresses

untouched_make() {
	ip -n "${LAB_P}inet" addr add "198.51.100.$UNTOUCHED_DESK/32" dev lo
	ip -n "${LAB_P}inet" addr add "2001:db8:1::$UNTOUCHED_DESK/128" dev lo nodad
	# shellcheck disable=SC2034 # appliance.sh
	LAB_SMTP+=("reachable: [198.51.100.$UNTOUCHED_DESK, \"2001:db8:1::$UNTOUCHED_DESK\"]")
	lab_web
	lab_ns inet python3 "$MW_ROOT/tests/lab/lib/dns_server.py" 198.51.100.25 2001:db8:1::25 2>"$LAB_DIR/dns.log" &
	LAB_PIDS+=($!)
}

untouched_mail() { # ROW SERVER PORT SOURCE
	lab_ns cust python3 "$MW_ROOT/tests/lab/lib/raw_client.py" --patience 5 --port "$3" --octets 2000 "$4" "$2" \
		"me@${CUSTOMER_DOMAIN[raw]}" "$1.new@recipient.example" >"$LAB_DIR/raw.$1" || return 1
	[[ $(stored "$1") -eq 1 && $(way_of "$1") == straight ]]
}

untouched_ask() { # SERVICE 4|6 ROW
	local source server web=198.51.100.80 desk=198.51.100.$UNTOUCHED_DESK

	source=$(customer_address raw "$2") server=$(server_address "$2")
	[[ $2 == 4 ]] || web='[2001:db8:1::80]' desk=2001:db8:1::$UNTOUCHED_DESK
	case $1 in
	web) web_fetch "$source" "http://$web/" ;;
	dns-udp | dns-tcp) lab_ns cust python3 "$MW_ROOT/tests/lab/lib/dns_client.py" "${1#dns-}" "$source" "$server" 2>>"$LAB_DIR/dns.log" ;;
	submission) untouched_mail "$3" "$server" 587 "$source" ;;
	desk) untouched_mail "$3" "$desk" 25 "$source" ;;
	esac
}

# Under the verdict: one line for each service.
untouched_under() { # VERDICT
	local service family word wrong=0

	verdicts_set "$1"
	for service in "${UNTOUCHED[@]}"; do
		for family in 4 6; do
			word=ok
			untouched_ask "$service" "$family" "u$1$service$family" || { word='NOT ok' && wrong=1; }
			printf '%-6s %-6s untouched: %-10s IPv%s\n' "$word" "$1" "$service" "$family"
		done
	done
	verdicts_clear
	return "$wrong"
}
