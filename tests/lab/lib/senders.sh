# shellcheck shell=bash
# Mail servers of one customer, each with a policy on TLS of its own and an address of its own: Postfix, Exim,
# OpenSMTPD. A row of the trials is one of them; mail to MODE@ROW.example goes out by it. All that they
# bounce is for trials.example and ends in mailboxes below mail/.

# row, does it insist on TLS, IP version, and the setting that says so
SENDERS='
postfix-none      no  4 smtp_tls_security_level = none
postfix-may       no  4 smtp_tls_security_level = may
postfix-may-6     no  6 smtp_tls_security_level = may
postfix-encrypt   yes 4 smtp_tls_security_level = encrypt
postfix-encrypt-6 yes 6 smtp_tls_security_level = encrypt
postfix-verify    yes 4 smtp_tls_security_level = verify
postfix-dane      yes 4 smtp_tls_security_level = dane
exim-plain        no  4 hosts_avoid_tls = *
exim-try          no  4 (nothing: TLS if there is)
exim-require      yes 4 hosts_require_tls = *
exim-require-6    yes 6 hosts_require_tls = *
opensmtpd-notls   no  4 relay host smtp+notls://
opensmtpd-smtp    no  4 relay host smtp://
opensmtpd-smtptls yes 4 relay tls no-verify host smtp+tls://
opensmtpd-tls     yes 4 relay tls no-verify host smtp://
'
# 203.0.113.101 and 2001:db8:c:101::1 are the first one's: over IPv6 a client is his /64, to us
SENDER_FIRST=101
senders_rows=() opensmtpd_job=''
declare -A sender_tls=() sender_family=() sender_setting=() sender_last=()

# senders_read PREFIX-NOT-TO-BE-HAD...
senders_read() {
	local row tls family setting last=$SENDER_FIRST without

	while read -r row tls family setting; do
		[[ -n $row ]] || continue
		for without in "$@"; do
			[[ $row != "$without"* ]] || continue 2
		done
		senders_rows+=("$row")
		sender_tls[$row]=$tls sender_family[$row]=$family sender_setting[$row]=$setting sender_last[$row]=$last
		ip -n "${LAB_P}cust" addr add "203.0.113.$last/32" dev lo
		ip -n "${LAB_P}cust" addr add "2001:db8:c:$last::1/128" dev lo nodad
		last=$((last + 1))
	done <<<"$SENDERS"
}

sender_address() { # ROW
	[[ ${sender_family[$1]} == 4 ]] && printf '203.0.113.%s' "${sender_last[$1]}" ||
		printf '2001:db8:c:%s::1' "${sender_last[$1]}"
}

sender_server() { # ROW
	[[ ${sender_family[$1]} == 4 ]] && printf '198.51.100.25' || printf '2001:db8:1::25'
}

# All Postfix rows are one server with a transport for each.
senders_postfix() {
	local row bind to

	mail_make postfix mail.trials.example no <<-END
		inet_interfaces = loopback-only
		virtual_mailbox_domains = trials.example
		smtp_connect_timeout = 10s
		smtp_connection_cache_on_demand = no
		smtp_tls_loglevel = 1
		smtp_tls_CAfile = $LAB_DIR/mx/cert.pem
		smtp_tls_verify_cert_match = mx.recipient.example
		transport_maps = texthash:$LAB_DIR/postfix/etc/transport
	END
	# Retries come when the lab asks for them, so that they are counted.
	sed -i 's/^\(queue_run_delay\|minimal_backoff_time\|maximal_backoff_time\) = .*/\1 = 300s/' "$LAB_DIR/postfix/etc/main.cf"
	: >"$LAB_DIR/postfix/etc/transport"
	for row in "${senders_rows[@]}"; do
		[[ $row == postfix-* ]] || continue
		bind=smtp_bind_address to="[$(sender_server "$row")]"
		[[ ${sender_family[$row]} == 4 ]] || bind=smtp_bind_address6
		{
			printf '%s unix - - n - - smtp\n  -o syslog_name=%s -o %s=%s\n' "$row" "$row" "$bind" "$(sender_address "$row")"
			printf '  -o %s\n' "${sender_setting[$row]// = /=}"
			[[ $row != postfix-dane ]] ||
				printf '  -o disable_dns_lookups=no -o smtp_dns_support_level=dnssec -o smtp_host_lookup=dns\n'
		} >>"$LAB_DIR/postfix/etc/master.cf"
		[[ $row != postfix-dane ]] || to=$row.example
		printf '%s.example %s:%s\n' "$row" "$row" "$to" >>"$LAB_DIR/postfix/etc/transport"
	done
}

senders_exim() {
	local dir=$LAB_DIR/exim row

	room_make exim exim4-daemon-light || return 1
	mkdir -p "$dir"/{spool,log,etc/exim4}
	chown "$EXIM_UID:$EXIM_UID" "$dir/spool" "$dir/log"
	{
		cat <<-END
			exim_path = $dir/root/usr/sbin/exim4
			spool_directory = $dir/spool
			log_file_path = $dir/log/%slog
			primary_hostname = mail.trials.example
			qualify_domain = trials.example
			keep_environment =
			begin routers
			own:
			  driver = accept
			  domains = trials.example
			  transport = box
		END
		for row in "${senders_rows[@]}"; do
			[[ $row != exim-* ]] ||
				printf '%s:\n  driver = manualroute\n  domains = %s.example\n  route_data = <;%s\n  transport = %s\n' \
					"${row//-/_}" "$row" "$(sender_server "$row")" "${row//-/_}"
		done
		cat <<-END
			begin transports
			box:
			  driver = appendfile
			  directory = $dir/mail
			  create_directory
			  maildir_format
			  user = 65534
			  group = 65534
		END
		for row in "${senders_rows[@]}"; do
			[[ $row == exim-* ]] || continue
			printf '%s:\n  driver = smtp\n  interface = <; %s\n  port = 25\n  connect_timeout = 10s\n' "${row//-/_}" "$(sender_address "$row")"
			[[ ${sender_setting[$row]} == '('* ]] || printf '  %s\n' "${sender_setting[$row]}"
		done
		printf 'begin retry\n* * F,1h,1s\n'
	} >"$dir/etc/exim4/exim4.conf"
}

# Listens where mail is handed in; 127.0.0.5 is seen by nobody else.
senders_opensmtpd() {
	local dir=$LAB_DIR/opensmtpd row setting

	opensmtpd_make opensmtpd mail.trials.example 127.0.0.5 ::5 || return 1
	chgrp "$OPENSMTPD_QUEUE_UID" "$dir/root/usr/sbin/smtpctl"
	chmod 2755 "$dir/root/usr/sbin/smtpctl" # it insists
	{
		cat <<-END
			listen on 127.0.0.5
			table anybody { "@" = nobody }
			action box maildir "$dir/mail" virtual <anybody>
			match from any for domain "trials.example" action box
		END
		for row in "${senders_rows[@]}"; do
			[[ $row == opensmtpd-* ]] || continue
			setting=${sender_setting[$row]/host /host \"}
			printf 'action "%s" %s src %s\n' "$row" "$setting$(sender_server "$row")\"" "$(sender_address "$row")"
			printf 'match from any for domain "%s.example" action "%s"\n' "$row" "$row"
		done
	} >"$dir/etc/smtpd.conf"
}

opensmtpd_run() { # COMMAND...
	# shellcheck disable=SC2016 # the inner shell's words
	room_run cust opensmtpd sh -c 'dir=$1; shift; mount --bind "$dir/spool" /var/spool && mount --bind "$dir/lib" /var/lib &&
		mount --bind "$dir/run" /run && mount --bind "$dir/root/usr/libexec" /usr/libexec && exec "$@"' \
		sh "$LAB_DIR/opensmtpd" "$@"
}

senders_start() {
	senders_postfix
	if [[ " ${senders_rows[*]} " == *' postfix-dane '* ]]; then
		resolver_start
		resolver_run cust postfix -c "$LAB_DIR/postfix/etc" start >"$LAB_DIR/postfix/start.log" 2>&1 ||
			die "Postfix does not start: $(cat "$LAB_DIR/postfix/start.log" "$LAB_DIR/postfix/maillog")"
		MAIL_SERVERS+=(cust:postfix)
	else
		mail_start cust postfix
	fi
}

# Anew for each trial: it keeps its connections, and what it thinks of a server that failed.
opensmtpd_begin() {
	local dir=$LAB_DIR/opensmtpd

	if [[ -n $opensmtpd_job ]]; then
		kill -TERM "$(<"$dir/pid")"
		wait "$opensmtpd_job" || true
		rm -rf "$dir/spool/smtpd"
		mkdir -m 711 "$dir/spool/smtpd"
	fi
	# shellcheck disable=SC2016 # the inner shell's words
	opensmtpd_run sh -c 'echo $$ >"$1/pid"; exec "$1/root/usr/sbin/smtpd" -d -f /etc/smtpd.conf' sh "$dir" >"$dir/log" 2>&1 &
	opensmtpd_job=$!
	await 10 lab_ns cust python3 -c 'import socket
assert socket.create_connection(("127.0.0.5", 25), 2).recv(3) == b"220"' ||
		die "OpenSMTPD does not start: $(tail -5 "$dir/log")"
}

sender_send() { # ROW MODE
	local to=$2@$1.example letter=$LAB_DIR/letter

	mail_letter me@trials.example "$to" "$2 by $1" 'An ordinary letter.' >"$letter"
	case $1 in
	postfix-*) mail_send cust postfix me@trials.example "$to" <"$letter" ;;
	exim-*) exim_command exim -f me@trials.example -i "$to" <"$letter" ;;
	opensmtpd-*)
		lab_ns cust curl -s --max-time 10 smtp://127.0.0.5 --mail-from me@trials.example --mail-rcpt "$to" -T "$letter"
		;;
	esac
}

# A server that failed gets nothing for a while, even if asked to: that is taken back first.
opensmtpd_retry() {
	# shellcheck disable=SC2016 # the inner shell's words
	opensmtpd_run sh -c 'for route in $("$1" show routes | sed "s/\..*//"); do "$1" resume route "$route"; done
		"$1" schedule all' sh "$LAB_DIR/opensmtpd/root/usr/sbin/smtpctl" >"$LAB_DIR/opensmtpd/retry.log" 2>&1
}

# Nothing of one trial is left for the next one.
senders_empty() {
	local id

	lab_ns cust postsuper -c "$LAB_DIR/postfix/etc" -d ALL >/dev/null 2>&1
	[[ ! -d $LAB_DIR/opensmtpd ]] || opensmtpd_begin
	[[ -d $LAB_DIR/exim ]] || return 0
	for id in $(exim_command exim -bp | awk 'NF >= 4 && $3 ~ /-/ { print $3 }'); do
		exim_command exim -Mrm "$id" >/dev/null
	done
	rm -f "$LAB_DIR"/exim/spool/db/* # when to try a host again
}

# A server tries everything in its queue once more, whatever its timers say.
senders_retry() { # postfix|exim|opensmtpd
	case $1 in
	postfix) lab_ns cust postqueue -c "$LAB_DIR/postfix/etc" -f ;;
	exim) exim_command exim -qff ;;
	opensmtpd) opensmtpd_retry ;;
	esac
}
