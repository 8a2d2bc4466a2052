# shellcheck shell=bash
# Mail servers of packages that are not installed: Exim and OpenSMTPD, unpacked (scripts/lib/unpack.sh) and
# each run in a room of its own: a mount namespace in which /etc is a directory of the lab's. So they
# find the users, the configuration and the libraries they insist on, and the machine has none of it.

EXIM_UID=64901
OPENSMTPD_UID=64902
OPENSMTPD_QUEUE_UID=64903

# room_make NAME PACKAGE: returns 1 when the package cannot be had.
room_make() {
	local dir=$LAB_DIR/$1 from=$MW_UNPACKED/$2

	unpack_package "$2" || return 1
	mkdir -p "$dir"/{etc,mail}
	chmod 755 "$dir"
	cp -a "$from" "$dir/root"
	{
		printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n'
		printf 'Debian-exim:x:%s:%s::/:/bin/false\n' "$EXIM_UID" "$EXIM_UID"
		printf 'opensmtpd:x:%s:%s::/var/lib/opensmtpd/empty:/bin/false\n' "$OPENSMTPD_UID" "$OPENSMTPD_UID"
		printf 'opensmtpq:x:%s:%s::/var/lib/opensmtpd/empty:/bin/false\n' "$OPENSMTPD_QUEUE_UID" "$OPENSMTPD_QUEUE_UID"
	} >"$dir/etc/passwd"
	sed 's/^\([^:]*\):x:[0-9]*:\([0-9]*\):.*/\1:x:\2:/' "$dir/etc/passwd" >"$dir/etc/group"
	printf 'passwd: files\ngroup: files\nhosts: files\n' >"$dir/etc/nsswitch.conf"
	printf '127.0.0.1 localhost\n' >"$dir/etc/hosts"
	find "$dir/root" -name 'lib*.so*' -printf '%h\n' | sort -u >"$dir/etc/ld.so.conf"
	printf '%s\n' /lib/x86_64-linux-gnu /usr/lib/x86_64-linux-gnu /lib /usr/lib >>"$dir/etc/ld.so.conf"
	ldconfig -X -f "$dir/etc/ld.so.conf" -C "$dir/etc/ld.so.cache" 2>/dev/null
	chown 65534:65534 "$dir/mail"
}

# room_run NAMESPACE NAME COMMAND...
room_run() {
	local ns=$1 dir=$LAB_DIR/$2
	shift 2
	# shellcheck disable=SC2016 # the inner shell's words
	lab_ns "$ns" unshare --mount --propagation private \
		sh -c 'mount --bind "$1/etc" /etc && shift && exec "$@"' sh "$dir" "$@"
}

# exim_make NAME HOST ADDRESS4 ADDRESS6; more main options on standard input.
exim_make() {
	local dir=$LAB_DIR/$1

	room_make "$1" exim4-daemon-light || return 1
	mkdir -p "$dir"/{spool,log,etc/exim4}
	chown "$EXIM_UID:$EXIM_UID" "$dir/spool" "$dir/log"
	{
		cat <<-END
			exim_path = $dir/root/usr/sbin/exim4
			spool_directory = $dir/spool
			log_file_path = $dir/log/%slog
			pid_file_path = $dir/exim.pid
			primary_hostname = $2
			local_interfaces = <; $3 ; $4
			daemon_smtp_ports = 25
			keep_environment =
			host_lookup =
			rfc1413_query_timeout = 0s
			tls_advertise_hosts =
			smtp_accept_max = 0
			acl_smtp_rcpt = all
			log_selector = +smtp_syntax_error +smtp_protocol_error +incoming_port
		END
		cat
		cat <<-END
			begin acl
			all:
			  accept
			begin routers
			all:
			  driver = accept
			  transport = box
			begin transports
			box:
			  driver = appendfile
			  directory = $dir/mail
			  create_directory
			  maildir_format
			  user = 65534
			  group = 65534
		END
	} >"$dir/etc/exim4/exim4.conf"
}

# Ended with its namespace, like everything in there.
exim_start() { # NAMESPACE NAME
	room_run "$1" "$2" "$LAB_DIR/$2/root/usr/sbin/exim4" -bd >"$LAB_DIR/$2/start.log" 2>&1 ||
		die "Exim ($2) does not start: $(tail -5 "$LAB_DIR/$2/start.log" "$LAB_DIR/$2"/log/* 2>/dev/null)"
}

# opensmtpd_make NAME HOST ADDRESS4 ADDRESS6. Its queue, its empty directory, its socket and its helpers have places
# that cannot be configured, so its room has directories of the lab's there, too.
opensmtpd_make() {
	local dir=$LAB_DIR/$1

	room_make "$1" opensmtpd || return 1
	mkdir -p "$dir"/{lib/opensmtpd/empty,spool/smtpd,run}
	chmod 711 "$dir/spool/smtpd"
	printf '%s\n' "$2" >"$dir/etc/mailname"
	cat >"$dir/etc/smtpd.conf" <<-END
		listen on $3
		listen on $4
		table anybody { "@" = nobody }
		action box maildir "$dir/mail" virtual <anybody>
		match from any for any action box
	END
}

opensmtpd_start() { # NAMESPACE NAME
	local dir=$LAB_DIR/$2

	# shellcheck disable=SC2016 # the inner shell's words
	room_run "$1" "$2" sh -c 'mount --bind "$1/spool" /var/spool && mount --bind "$1/lib" /var/lib &&
		mount --bind "$1/run" /run && mount --bind "$1/root/usr/libexec" /usr/libexec && exec "$1/root/usr/sbin/smtpd" -f /etc/smtpd.conf' \
		sh "$dir" >"$dir/start.log" 2>&1 ||
		die "OpenSMTPD ($2) does not start: $(tail -5 "$dir/start.log")"
}

# A customer's Exim: no daemon, mail is handed in on the machine, goes to a server by its domain and
# from the customer's addresses, and what is for his own domain (his bounces) into his mailbox.
exim_make_customer() { # NAME DOMAIN LAST-PART-OF-ADDRESS
	local dir=$LAB_DIR/$1

	room_make "$1" exim4-daemon-light || return 1
	mkdir -p "$dir"/{spool,log,etc/exim4}
	chown "$EXIM_UID:$EXIM_UID" "$dir/spool" "$dir/log"
	cat >"$dir/etc/exim4/exim4.conf" <<-END
		exim_path = $dir/root/usr/sbin/exim4
		spool_directory = $dir/spool
		log_file_path = $dir/log/%slog
		primary_hostname = mail.$2
		qualify_domain = $2
		keep_environment =
		log_selector = +smtp_confirmation
		begin routers
		own:
		  driver = accept
		  domains = $2
		  transport = box
		four:
		  driver = manualroute
		  domains = recipient.example
		  route_list = * 198.51.100.25 byname
		  transport = out
		six:
		  driver = manualroute
		  domains = six.example
		  route_data = <;2001:db8:1::25
		  transport = out
		begin transports
		box:
		  driver = appendfile
		  directory = $dir/mail
		  create_directory
		  maildir_format
		  user = 65534
		  group = 65534
		out:
		  driver = smtp
		  port = 25
		  interface = <; 203.0.113.$3 ; 2001:db8:c::$3
		  hosts_avoid_tls = *
		  connect_timeout = ${CUSTOMER_PATIENCE_S}s
		  command_timeout = ${CUSTOMER_PATIENCE_S}s
		  data_timeout = ${CUSTOMER_PATIENCE_S}s
		  final_timeout = ${CUSTOMER_PATIENCE_S}s
		begin retry
		* * F,1h,2s
	END
}

exim_command() { # NAME ARGUMENT...
	local name=$1
	shift
	room_run cust "$name" "$LAB_DIR/$name/root/usr/sbin/exim4" "$@"
}
