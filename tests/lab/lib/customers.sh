# shellcheck shell=bash
# Three customers with mail servers of their own, and what each of them knows of a mail of his: Postfix at
# 203.0.113.7, Exim at .77, a program that speaks SMTP itself at .66; IPv6 alike. A mail's recipient is
# ROW.MOMENT@, and all that is asked for later is asked by ROW.

CUSTOMER_IDS=(K-1007 K-1066 K-1077)
MAIL_OCTETS=300000
# So long they wait for anything, where servers wait for minutes: silence is one of the things they are given.
CUSTOMER_PATIENCE_S=12
declare -A CUSTOMER_SOURCE=([postfix]=7 [raw]=66 [exim]=77)
declare -A CUSTOMER_DOMAIN=([postfix]=bakery.example [raw]=outlet.example [exim]=joinery.example)

customers_make() {
	# So that there is an idle connection at all: it is kept when a mail is through.
	customers_make_postfix 'smtp_connection_cache_destinations = static:all' 'smtp_connection_cache_time_limit = 120s'
	ip -n "${LAB_P}cust" addr add 203.0.113.77/32 dev lo
	ip -n "${LAB_P}cust" addr add 2001:db8:c::77/128 dev lo nodad
	exim_make_customer exim "${CUSTOMER_DOMAIN[exim]}" "${CUSTOMER_SOURCE[exim]}"
}

customers_make_postfix() { # [LINE-OF-MAIN.CF...]
	mail_make_customer postfix "${CUSTOMER_DOMAIN[postfix]}" "${CUSTOMER_SOURCE[postfix]}" none
	{
		printf 'bounce_size_limit = 1000\n'
		printf "smtp_%s_timeout = ${CUSTOMER_PATIENCE_S}s\n" helo mail rcpt rset data_init data_xfer data_done quit
		printf '%s\n' "$@"
	} >>"$LAB_DIR/postfix/etc/main.cf"
	# Retries come when the lab asks for them.
	sed -i 's/^\(queue_run_delay\|minimal_backoff_time\|maximal_backoff_time\) = .*/\1 = 300s/' "$LAB_DIR/postfix/etc/main.cf"
	mail_start cust postfix
}

customers_settings() {
	appliance_customers
	printf 'K-1077,Oak Joinery,business,203.0.113.77/32 2001:db8:c::77/128\n'
}

row_recipient() { # ROW 4|6 MOMENT
	[[ $2 == 4 ]] && printf '%s.%s@recipient.example\n' "$1" "$3" || printf '%s.%s@six.example\n' "$1" "$3"
}

row_letter() { # SENDER RECIPIENT
	printf 'From: %s\nTo: %s\nSubject: %s\n\n' "$1" "$2" "$2"
	awk -v octets="$MAIL_OCTETS" 'BEGIN { for (n = 0; n < octets; n += 54)
		print "An ordinary line of an ordinary letter, one of many." }'
}

# Hands a mail to the customer's server; the raw program has nobody to hand it to and sends it itself.
customer_send() { # CLIENT ROW 4|6 MOMENT
	local sender=me@${CUSTOMER_DOMAIN[$1]} recipient idle=()

	recipient=$(row_recipient "$2" "$3" "$4")
	case $1 in
	postfix) row_letter "$sender" "$recipient" | mail_send cust postfix "$sender" "$recipient" ;;
	exim) row_letter "$sender" "$recipient" | exim_command exim -f "$sender" -i "$recipient" ;;
	raw)
		[[ $4 != idle ]] || idle=(--idle "$LAB_DIR/stops")
		lab_ns cust python3 "$MW_ROOT/tests/lab/lib/raw_client.py" "${idle[@]}" --again \
			--patience "$CUSTOMER_PATIENCE_S" --octets "$MAIL_OCTETS" \
			"$(customer_address raw "$3")" "$(server_address "$3")" "$sender" "$recipient" \
			>>"$LAB_DIR/raw.$2" &
		LAB_PIDS+=($!)
		;;
	esac
}

customer_address() { # CLIENT 4|6
	[[ $2 == 4 ]] && printf '203.0.113.%s\n' "${CUSTOMER_SOURCE[$1]}" || printf '2001:db8:c::%s\n' "${CUSTOMER_SOURCE[$1]}"
}

server_address() { # 4|6
	[[ $1 == 4 ]] && printf '198.51.100.25\n' || printf '2001:db8:1::25\n'
}

# customer_attempts CLIENT ROW: a line for each attempt to deliver, `sent|deferred|bounced|lost` and the words of it.
customer_attempts() {
	case $1 in
	postfix)
		sed -nE "s/.*postfix\/smtp\[.* to=<$2\.[^>]*>.* status=([a-z]+) \((.*)\)\$/\1 \2/p" "$LAB_DIR/postfix/maillog"
		;;
	exim)
		sed -nE "s/^.* (=>|==|\*\*) $2\.[^ ]+ (.*)\$/\1 \2/p" "$LAB_DIR/exim/log/mainlog" 2>/dev/null |
			sed -E 's/^=>/sent/; s/^==/deferred/; s/^\*\*/bounced/'
		;;
	*) cat "$LAB_DIR/raw.$2" 2>/dev/null ;;
	esac
}

customer_has_tried() { # CLIENT ROW TIMES
	[[ $(customer_attempts "$1" "$2" | wc -l) -ge $3 ]]
}

# Is the mail still in the customer's queue?
customer_queued() { # CLIENT ROW
	case $1 in
	postfix) lab_ns cust postqueue -c "$LAB_DIR/postfix/etc" -j 2>/dev/null | grep -q "\"$2\\." ;;
	exim) exim_command exim -bp | grep -q " $2\\." ;;
	*) return 1 ;;
	esac
}

# Asks all servers to try everything in their queues at once.
customers_retry() {
	lab_ns cust postqueue -c "$LAB_DIR/postfix/etc" -f
	exim_command exim -qff
}

# The bounce in the sender's mailbox, as a file; 1 when there is none.
customer_bounce() { # CLIENT ROW
	local dir=$LAB_DIR/$1/mail

	[[ -d $dir ]] || return 1
	grep -rlE "(Final-Recipient|Original-Recipient).*[; ]$2\\." "$dir" 2>/dev/null | head -1 | grep .
}

# Nothing of one round is left for the next one.
customers_empty() {
	local id

	lab_ns cust postsuper -c "$LAB_DIR/postfix/etc" -d ALL >/dev/null 2>&1
	for id in $(exim_command exim -bp | awk 'NF >= 4 && $3 ~ /-/ { print $3 }'); do
		exim_command exim -Mrm "$id" >/dev/null
	done
}

# Connections that Postfix keeps for its next mail are ended.
customers_hang_up() {
	lab_ns cust postfix -c "$LAB_DIR/postfix/etc" stop >/dev/null 2>&1
	lab_ns cust postfix -c "$LAB_DIR/postfix/etc" start >/dev/null 2>&1
}
