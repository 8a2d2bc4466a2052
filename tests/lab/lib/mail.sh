# shellcheck shell=bash
# Real Postfix servers, each with a configuration, queue and log of its own below the lab's directory.
# No file of the system's own Postfix is touched, no daemon of the machine is started or stopped.

MAIL_SERVERS=()

mail_main_cf() { # NAME DIR HOST
	cat <<-END
		compatibility_level = 3.6
		queue_directory = $2/spool
		data_directory = $2/data
		command_directory = /usr/sbin
		daemon_directory = /usr/lib/postfix/sbin
		meta_directory = /etc/postfix
		shlib_directory = /usr/lib/postfix
		mail_owner = postfix
		setgid_group = postdrop
		maillog_file = $2/maillog
		maillog_file_prefixes = $LAB_DIR
		myhostname = $3
		myorigin = $3
		mydestination =
		alias_maps =
		alias_database =
		default_database_type = texthash
		disable_dns_lookups = yes
		smtp_host_lookup = native
		smtpd_peername_lookup = no
		smtputf8_enable = no
		biff = no
		inet_protocols = all
		virtual_mailbox_base = $2/mail
		virtual_mailbox_maps = static:box/
		virtual_uid_maps = static:65534
		virtual_gid_maps = static:65534
		virtual_minimum_uid = 1
		# Impatient, so that nobody who watches has to wait for a retry.
		queue_run_delay = 5s
		minimal_backoff_time = 5s
		maximal_backoff_time = 10s
	END
}

# Nothing chrooted; without `smtp inet` where mail is only handed in on the machine itself.
mail_master_cf() { # LISTENS
	[[ $1 == no ]] || printf 'smtp inet n - n - - smtpd\n'
	cat <<-'END'
		pickup    unix  n - n 60 1 pickup
		cleanup   unix  n - n - 0 cleanup
		qmgr      unix  n - n 300 1 qmgr
		tlsmgr    unix  - - n 1000? 1 tlsmgr
		rewrite   unix  - - n - - trivial-rewrite
		bounce    unix  - - n - 0 bounce
		defer     unix  - - n - 0 bounce
		trace     unix  - - n - 0 bounce
		verify    unix  - - n - 1 verify
		flush     unix  n - n 1000? 0 flush
		proxymap  unix  - - n - - proxymap
		proxywrite unix - - n - 1 proxymap
		smtp      unix  - - n - - smtp
		relay     unix  - - n - - smtp
		showq     unix  n - n - - showq
		error     unix  - - n - - error
		retry     unix  - - n - - error
		discard   unix  - - n - - discard
		virtual   unix  - n n - - virtual
		anvil     unix  - - n - 1 anvil
		scache    unix  - - n - 1 scache
		postlog   unix-dgram n - n - 1 postlogd
	END
}

mail_make() { # NAME HOST LISTENS; the rest of main.cf on standard input
	local dir=$LAB_DIR/$1

	mkdir -p "$dir"/{etc,spool,data,mail/box}
	chmod 755 "$dir" "$dir/etc" "$dir/spool"
	chown postfix "$dir/data"
	chown -R 65534:65534 "$dir/mail"
	{
		mail_main_cf "$1" "$dir" "$2"
		cat
	} >"$dir/etc/main.cf"
	mail_master_cf "$3" >"$dir/etc/master.cf"
}

# The recipients' mail exchanger: takes mail for some domains, offers STARTTLS as servers do today.
mail_make_exchanger() {
	mkdir -p "$LAB_DIR/mx"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
		-subj /CN=mx.recipient.example -keyout "$LAB_DIR/mx/key.pem" -out "$LAB_DIR/mx/cert.pem" 2>/dev/null
	mail_make mx mx.recipient.example yes <<-END
		inet_interfaces = 198.51.100.25, [2001:db8:1::25]
		virtual_mailbox_domains = ${LAB_DOMAINS[*]} six.example
		mynetworks = 127.0.0.0/8
		smtpd_relay_restrictions = reject_unauth_destination
		smtpd_client_connection_rate_limit = 0
		smtpd_tls_cert_file = $LAB_DIR/mx/cert.pem
		smtpd_tls_key_file = $LAB_DIR/mx/key.pem
		smtpd_tls_security_level = may
	END
}

# A customer's mail server: sends from the customer's own addresses, keeps his bounces.
# In clear over IPv4; over IPv6 as he likes it.
mail_make_customer() { # NAME DOMAIN LAST-PART-OF-ADDRESS TLS-OVER-IPV6
	mail_make "$1" "mail.$2" no <<-END
		inet_interfaces = loopback-only
		virtual_mailbox_domains = $2
		smtp_bind_address = 203.0.113.$3
		smtp_bind_address6 = 2001:db8:c::$3
		smtp_tls_security_level = none
		smtp_tls_policy_maps = texthash:$LAB_DIR/$1/etc/tls
		smtp_tls_loglevel = 1
		smtp_connect_timeout = 10s
		transport_maps = texthash:$LAB_DIR/$1/etc/transport
	END
	{
		printf 'six.example smtp:[2001:db8:1::25]\n'
		printf '%s smtp:[198.51.100.25]\n' "${LAB_DOMAINS[@]}"
	} >"$LAB_DIR/$1/etc/transport"
	printf '[2001:db8:1::25] %s\n' "$4" >"$LAB_DIR/$1/etc/tls"
}

# The desk's relay: what the control plane sends, and in this lab also the mailboxes of those it writes to.
mail_make_relay() { # DOMAIN...
	mail_make relay relay.isp.example yes <<-END
		inet_interfaces = 10.99.9.2
		virtual_mailbox_domains = $*
		mynetworks = 10.99.9.0/30
		smtpd_relay_restrictions = permit_mynetworks, reject
	END
}

mail_start() { # NAMESPACE NAME
	lab_ns "$1" postfix -c "$LAB_DIR/$2/etc" start >"$LAB_DIR/$2/start.log" 2>&1 ||
		die "Postfix ($2) does not start: $(cat "$LAB_DIR/$2/start.log" "$LAB_DIR/$2/maillog" 2>/dev/null)"
	MAIL_SERVERS+=("$1:$2")
}

mail_stop_all() {
	local at

	for at in "${MAIL_SERVERS[@]}"; do
		lab_ns "${at%%:*}" postfix -c "$LAB_DIR/${at#*:}/etc" stop >/dev/null 2>&1 || true
	done
	MAIL_SERVERS=()
}

# A message on standard input goes into a customer's mail server.
mail_send() { # NAMESPACE NAME FROM TO
	lab_ns "$1" sendmail -C "$LAB_DIR/$2/etc" -i -f "$3" "$4"
}

mail_letter() { # FROM TO SUBJECT TEXT
	printf 'From: %s\nTo: %s\nSubject: %s\nDate: %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n%s\n' \
		"$1" "$2" "$3" "$(date -R)" "$4"
}

# Files of NAME's mailboxes in which every one of the patterns stands.
mail_find() { # NAME PATTERN...
	local dir=$LAB_DIR/$1/mail/box pattern files
	shift
	mapfile -t files < <(find "$dir" -type f -path '*/new/*' 2>/dev/null)
	for pattern in "$@"; do
		[[ ${#files[@]} -gt 0 ]] || return 1
		mapfile -t files < <(grep -lE -- "$pattern" "${files[@]}")
	done
	[[ ${#files[@]} -gt 0 ]] || return 1
	printf '%s\n' "${files[@]}"
}

mail_count() {
	mail_find "$@" | wc -l
}
