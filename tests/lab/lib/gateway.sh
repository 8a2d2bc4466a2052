# shellcheck shell=bash
# The antivirus gateway: a fourth namespace, gw, that is a host of the outside link whose cable runs through
# the appliance. Mail to port 25 that is not for itself is intercepted (nftables, redirect), so that its
# Postfix sees the customer's address; a milter has clamd look into it; what is clean goes on by its domain
# from the gateway's own address, because nobody tells a mail server where a letter was going to.
#
#   cust ──[cust0 dp inet0]── inet
#              [gw0]── gw
#
# Its programs are unpacked (scripts/lib/unpack.sh), so that no machine gets a virus scanner as a service.

GATEWAY_NAME=gateway.isp.example
GATEWAY_MAC=02:00:5e:10:00:03
GATEWAY_MTU=${GATEWAY_MTU:-1400}
GATEWAY_REFUSAL='the antivirus gateway refuses this message'
# The signature's name, and what the customer's bounce has of it.
GATEWAY_VIRUS=Test-File

# The string of the European Institute for Computer Antivirus Research by which scanners are tried. It is put together
# here and stands in no file of ours, for then a scanner would find it there.
eicar() {
	# shellcheck disable=SC2016 # the string is such
	printf '%s%s' 'X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR' '-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*'
}

# What cannot be had, as a sentence; 0 when all is there.
gateway_lacks() { # PACKAGE...
	local package

	for package in "$@"; do
		unpack_package "$package" || {
			printf 'the package %s could not be fetched\n' "$package"
			return 0
		}
	done
	return 1
}

gateway_tool() { # PACKAGE PROGRAM ARGUMENT...
	local root=$MW_UNPACKED/$1 program=$2
	shift 2
	LD_LIBRARY_PATH=$(find "$root" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:) \
		lab_ns gw "$root/usr/sbin/$program" "$@"
}

gateway_net() {
	ip netns add "${LAB_P}gw"
	LAB_NAMESPACES+=("${LAB_P}gw")
	ip -n "${LAB_P}gw" link set lo up
	net_link gw eth0 dp gw0
	net_plain gw eth0
	net_plain dp gw0
	lab_ns dp sysctl -qw net.ipv6.conf.gw0.disable_ipv6=1
	lab_ns gw sysctl -qw net.ipv6.conf.eth0.accept_dad=0 net.ipv6.conf.eth0.autoconf=0
	ip -n "${LAB_P}gw" link set eth0 address "$GATEWAY_MAC" mtu "$GATEWAY_MTU"
	ip -n "${LAB_P}dp" link set gw0 mtu "$GATEWAY_MTU" up
	gateway_link_up
	gateway_intercepts
	# shellcheck disable=SC2034 # appliance.sh
	LAB_DIVERT=gw0
}

# The section of the settings. The gateway's MAC is not in it: it must be found.
gateway_settings() { # FALLBACK [LINE...]
	printf '%s\n' divert: '  gateway: [10.99.0.3, "fd00:99::3"]' '  address: [10.99.0.4, "fd00:99::4"]' "  fallback: $1" \
		'  basis: the customers of the lab have agreed' '  check: {port: 25, every: 1s, timeout: 1s, fall: 2, rise: 2}'
	shift
	[[ $# -eq 0 ]] || printf '  %s\n' "$@"
}

# Routes and IPv6 addresses go with the link, so each time it comes up they are set.
gateway_link_up() {
	ip -n "${LAB_P}gw" link set eth0 up
	ip -n "${LAB_P}gw" addr replace 10.99.0.3/24 dev eth0
	ip -n "${LAB_P}gw" addr replace fd00:99::3/64 dev eth0 nodad
	ip -n "${LAB_P}gw" route replace default via 10.99.0.2
	ip -n "${LAB_P}gw" -6 route replace default via fd00:99::2
}

gateway_link_down() {
	ip -n "${LAB_P}gw" link set eth0 down
}

gateway_intercepts() {
	gateway_tool nftables nft -f - <<-END
		table inet gateway {
			chain intercept {
				type nat hook prerouting priority dstnat
				iifname eth0 fib daddr type != local tcp dport 25 counter redirect to :25
			}
			# Answers to what the gateway sends in a customer's name are for a program of its own.
			chain answers {
				type filter hook prerouting priority mangle
				iifname eth0 tcp sport 25 fib daddr type != local meta mark set 1
			}
		}
	END
	ip -n "${LAB_P}gw" rule add fwmark 1 lookup 100
	ip -n "${LAB_P}gw" -6 rule add fwmark 1 lookup 100
	ip -n "${LAB_P}gw" route add local default dev lo table 100
	ip -n "${LAB_P}gw" -6 route add local default dev lo table 100
}

# One signature, of one line. No freshclam: the lab needs no virus but this one.
gateway_scanner() {
	local dir=$LAB_DIR/clam

	mkdir -p "$dir"/{db,tmp}
	printf '%s:0:*:%s\n' "$GATEWAY_VIRUS" "$(eicar | od -An -v -tx1 | tr -d ' \n')" >"$dir/db/lab.ndb"
	cat >"$dir/clamd.conf" <<-END
		LogFile $dir/clamd.log
		DatabaseDirectory $dir/db
		TemporaryDirectory $dir/tmp
		LocalSocket $dir/clamd.sock
		Foreground yes
		User root
		MaxThreads 2
		SelfCheck 0
	END
	cat >"$dir/milter.conf" <<-END
		MilterSocket inet:8891@127.0.0.1
		ClamdSocket unix:$dir/clamd.sock
		TemporaryDirectory $dir/tmp
		Foreground yes
		User root
		LogFile $dir/milter.log
		LogInfected Basic
		OnClean Accept
		OnInfected Reject
		RejectMsg $GATEWAY_REFUSAL, %v
		OnFail Defer
	END
	gateway_tool clamav-daemon clamd --config-file="$dir/clamd.conf" >"$dir/clamd.out" 2>&1 &
	LAB_PIDS+=($!)
	await 20 test -S "$dir/clamd.sock" || die "clamd does not start: $(tail -3 "$dir/clamd.out")"
	gateway_tool clamav-milter clamav-milter --config-file="$dir/milter.conf" >"$dir/milter.out" 2>&1 &
	LAB_PIDS+=($!)
	await 20 gateway_listens 8891 || die "clamav-milter does not start: $(tail -3 "$dir/milter.out")"
}

gateway_listens() { # PORT
	[[ -n $(lab_ns gw ss -Hltn "sport = :$1") ]]
}

# With a scanner or, for labs that have no virus to send, without.
gateway_postfix() { # MILTER
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$GATEWAY_NAME" \
		-keyout "$LAB_DIR/gateway.key" -out "$LAB_DIR/gateway.pem" 2>/dev/null
	mail_make gateway "$GATEWAY_NAME" yes <<-END
		inet_interfaces = all
		mynetworks = 203.0.113.0/24 [2001:db8:c::]/64
		smtpd_relay_restrictions = permit_mynetworks, reject
		smtpd_client_connection_rate_limit = 0
		smtpd_milters = $1
		milter_default_action = tempfail
		smtpd_tls_cert_file = $LAB_DIR/gateway.pem
		smtpd_tls_key_file = $LAB_DIR/gateway.key
		smtpd_tls_security_level = may
		smtp_tls_security_level = none
		smtp_connection_cache_on_demand = no
		transport_maps = texthash:$LAB_DIR/gateway/etc/transport
	END
	{
		printf 'six.example smtp:[2001:db8:1::25]\n'
		printf '%s smtp:[198.51.100.25]\n' "${LAB_DOMAINS[@]}"
	} >"$LAB_DIR/gateway/etc/transport"
	mail_start gw gateway
	await 10 gateway_listens 25 || die "the gateway does not listen: $(tail -3 "$LAB_DIR/gateway/maillog")"
}

# The ways in which a gateway goes away, and comes back.
gateway_away() { # stopped|unplugged|hanging
	case $1 in
	stopped) lab_ns gw postfix -c "$LAB_DIR/gateway/etc" stop >/dev/null 2>&1 ;;
	unplugged) gateway_link_down ;;
	hanging) gateway_signal STOP ;;
	esac
}

gateway_back() { # stopped|unplugged|hanging
	case $1 in
	stopped) lab_ns gw postfix -c "$LAB_DIR/gateway/etc" start >/dev/null 2>&1 ;;
	unplugged) gateway_link_up ;;
	hanging) gateway_signal CONT ;;
	esac
}

# All that runs in the gateway: the kernel goes on accepting connections, and nobody speaks.
gateway_signal() { # STOP|CONT
	local pid

	for pid in $(ip netns pids "${LAB_P}gw"); do
		kill "-$1" "$pid" 2>/dev/null || true
	done
}
