# shellcheck shell=bash
# What was seen of a mail, by the customer, by the gateway and by the server; one row of TAP each, and one of
# the document. A mail's recipient is ROW.MOMENT@, as in customers.sh; nothing of a row's name is used twice.

ROWS=0 ROWS_BAD=0
# For the document: rows in the order of their first family, and the families that each was seen of.
DOC_ROWS=() DOC_COUNTS=()
declare -A DOC_FAMILIES=()

rows_word() { # what must be seen, for the document
	case $1 in
	through) printf 'through the gateway' ;;
	straight) printf 'straight to the server' ;;
	virus) printf 'refused by the gateway' ;;
	later) printf 'put off by us' ;;
	refused) printf 'refused by us' ;;
	esac
}

# row_say STEP WHAT FAULT [CUSTOMER GATEWAY SERVER]: FAULT is empty when all is as it must be.
row_say() {
	ROWS=$((ROWS + 1))
	[[ -z $3 ]] || ROWS_BAD=$((ROWS_BAD + 1))
	printf '%s %d - (%s) %s\n' "$([[ -z $3 ]] && printf ok || printf 'not ok')" "$ROWS" "$1" "$2"
	[[ -z $3 ]] || printf '#   wrong:    %s\n' "$3"
	if [[ $# -gt 3 ]]; then
		printf '#   customer: %s\n#   gateway:  %s\n#   server:   %s\n' "$4" "$5" "$6"
		doc_row "$1" "$2" "$4" "$5" "$6"
	else
		[[ " ${DOC_COUNTS[*]}" == *"- ($1) $2"* ]] || DOC_COUNTS+=("- ($1) $2")
	fi
}

# No name or number of the lab's that differs from run to run or from family to family.
doc_words() {
	sed -E 's/ as [0-9A-F]{6,}//; s/host [^ ]+ said: //; s/ \(in reply to [^)]*\)//
		s/203\.0\.113\.[0-9]+|2001:db8:c::[0-9]+/the customer/g; s/10\.99\.0\.3|fd00:99::3/the gateway/g
		s/, gateway 0$//; s/, gateway 1$/, Received by it/; s/[|]/\\|/g' <<<"$1"
}

doc_row() { # STEP WHAT CUSTOMER GATEWAY SERVER
	local family=- what=$2 row

	if [[ $2 =~ ,\ IPv([46]) ]]; then
		family=IPv${BASH_REMATCH[1]}
		what=${2/, IPv[46]/}
	fi
	row="$what | $(doc_words "$3") | $(doc_words "$4") | $(doc_words "$5") |"
	row="| $1 | $row"
	[[ -v DOC_FAMILIES[$row] ]] || DOC_ROWS+=("$row")
	[[ ${DOC_FAMILIES[$row]:-} == *"$family"* ]] || DOC_FAMILIES[$row]+="${DOC_FAMILIES[$row]:+, }$family"
}

doc_rows_write() {
	local row step

	for step in a b c d i e f g j; do
		for row in "${DOC_ROWS[@]}"; do
			[[ $row != "| $step |"* ]] || printf '%s %s |\n' "$row" "${DOC_FAMILIES[$row]}"
		done
	done
	printf '\nAnd what else was seen:\n\n'
	printf '%s\n' "${DOC_COUNTS[@]}"
}

# A figure of the dataplane's, over all lanes.
counted() { # REASON
	lab_ns dp curl -sf --noproxy '*' --max-time 5 http://127.0.0.1:9925/metrics |
		awk -v name="mailweir_packets_total{reason=\"$1\"}" '$1 == name { sum += $2 } END { print sum + 0 }'
}

declare -A COUNTED=()

counting_from() { # REASON...
	local reason

	# what is under way is in the next report of the lanes
	sleep 1.5
	for reason in "$@"; do
		COUNTED[$reason]=$(counted "$reason")
	done
}

# So many more since counting_from, or any.
row_counted() { # STEP REASON N|+ WHEN
	local want=$3 since=${COUNTED[$2]} fault=''

	# shellcheck disable=SC2317 # by await
	counts() {
		local n=$(($(counted "$2") - since))
		[[ $n == "$3" || ($3 == + && $n -gt 0) ]]
	}
	await 6 counts "$@" || fault="counted $(($(counted "$2") - since)), expected ${want/+/some}"
	row_say "$1" "counted $2: $(($(counted "$2") - since)), $4" "$fault"
}

# Whom a Postfix had a mail from, by its log and the daemon that sent it on.
log_client() { # NAME DAEMON ROW
	local log=$LAB_DIR/$1/maillog id

	id=$(sed -nE "s/.*postfix\/$2\[[0-9]+\]: ([0-9A-F]+): (milter-reject: .* )?to=<$3\..*/\1/p" "$log" | head -1)
	[[ -n $id ]] || return 0
	sed -nE "s/.*postfix\/smtpd\[[0-9]+\]: $id: client=[^[]*\[([^]]+)\].*/\1/p" "$log" | head -1
}

gateway_saw() { # ROW
	local from what

	from=$(log_client gateway smtp "$1")
	[[ -n $from ]] || from=$(log_client gateway cleanup "$1")
	what=$(sed -nE "s/.*postfix\/smtp\[.* to=<$1\.[^>]*>.* status=([a-z]+) .*/\1/p; \
		s/.*milter-reject: END-OF-MESSAGE from [^ ]+ (.*); from=.* to=<$1\..*/refused: \1/p" "$LAB_DIR/gateway/maillog" | tail -1)
	[[ -z $from$what ]] && printf 'nothing\n' || printf 'from %s: %s\n' "${from:-nobody}" "$what"
}

# The server's copies, whom it had them from, and how many of the gateway's hands they went through.
server_saw() { # ROW
	local files hops

	mapfile -t files < <(mail_find mx "^Delivered-To: $1\.")
	[[ ${#files[@]} -gt 0 ]] || { printf 'nothing\n' && return; }
	hops=$(grep -c "by $GATEWAY_NAME (Postfix" "${files[0]}") || true
	printf '%s from %s, gateway %s\n' "${#files[@]}" "$(log_client mx virtual "$1")" "$hops"
}

# What must be seen of a mail, by how it fares.
row_judge() { # ROW CLIENT 4|6 HOW
	local said=$1 address gateway_address=10.99.0.3 attempt queued=no fault=''

	address=$(customer_address "$2" "$3")
	[[ $3 == 4 ]] || gateway_address=fd00:99::3
	attempt=$(customer_attempts "$2" "$1" | grep -v '^behind it' | tail -1)
	[[ $2 != postfix ]] || ! customer_queued postfix "$1" || queued=yes
	SAW_CUSTOMER=${attempt:-nothing} SAW_GATEWAY=$(gateway_saw "$1") SAW_SERVER=$(server_saw "$1")
	case $4 in
	through)
		[[ $attempt == sent* ]] || fault+=' not sent;'
		[[ $SAW_GATEWAY == "from $address: sent" ]] || fault+=" the gateway shall have it from $address;"
		[[ $SAW_SERVER == "1 from $gateway_address, gateway 1" ]] || fault+=' the server shall have one from the gateway;'
		;;
	straight)
		[[ $attempt == sent* ]] || fault+=' not sent;'
		[[ $SAW_GATEWAY == nothing ]] || fault+=' the gateway shall see nothing;'
		[[ $SAW_SERVER == "1 from $address, gateway 0" ]] || fault+=' the server shall have one from the customer;'
		;;
	virus)
		[[ $attempt == bounced*"$GATEWAY_REFUSAL"* ]] || fault+=" not refused with the gateway's words;"
		[[ $SAW_GATEWAY == "from $address: refused: "* ]] || fault+=' the gateway shall refuse it;'
		[[ $SAW_SERVER == nothing ]] || fault+=' the server shall see nothing;'
		bounce_has "$2" "$1" "$GATEWAY_REFUSAL" || fault+=" the bounce shall have the gateway's words;"
		;;
	later)
		[[ $attempt == deferred*4[0-9][0-9]' 4.'* ]] || fault+=' not put off;'
		[[ $SAW_GATEWAY$SAW_SERVER == nothingnothing ]] || fault+=' nobody shall see it;'
		[[ $2 != postfix || $queued == yes ]] || fault+=' it shall be queued;'
		;;
	refused)
		[[ $attempt == bounced*5[0-9][0-9]' 5.'* ]] || fault+=' not refused;'
		[[ $SAW_GATEWAY$SAW_SERVER == nothingnothing ]] || fault+=' nobody shall see it;'
		bounce_has "$2" "$1" '5[0-9][0-9].5\.7\.[0-9]' || fault+=' no bounce;'
		;;
	esac
	[[ $4 == later || $queued == no ]] || fault+=' still queued;'
	SAW_FAULT=$fault
}

bounce_has() { # CLIENT ROW PATTERN
	local bounce

	[[ $1 == postfix ]] || return 0
	bounce=$(customer_bounce "$1" "$2") || return 1
	# A bounce folds its lines.
	tr -s '\n ' '  ' <"$bounce" | grep -qE "$3"
}

# Judges until it is well, for a bounce or a delivery takes its moment; then says it.
row() { # STEP ROW CLIENT 4|6 HOW SENTENCE
	local how=$5

	await 20 customer_has_tried "$3" "$2" 1 || true
	# shellcheck disable=SC2317 # by await
	well() {
		row_judge "$@"
		[[ -z $SAW_FAULT ]]
	}
	await 8 well "$2" "$3" "$4" "$how" || true
	row_say "$1" "$6, IPv$4: $(rows_word "$how")" "$SAW_FAULT" "$SAW_CUSTOMER" "$SAW_GATEWAY" "$SAW_SERVER"
}
