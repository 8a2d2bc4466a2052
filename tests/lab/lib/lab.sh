# shellcheck shell=bash
# Setting up and taking down a whole lab, and waiting for things to happen.

LAB_DIR=''
LAB_BUILD=${LAB_BUILD:-release}
LAB_PIDS=()
LAB_HINT=''

lab_clean() {
	local status=$? pid

	trap - EXIT INT TERM
	set +e
	for pid in "${LAB_PIDS[@]}"; do
		kill -TERM "$pid" 2>/dev/null
	done
	planes_stop
	mail_stop_all
	net_down
	if [[ -n $LAB_DIR ]]; then
		if [[ $status -ne 0 && -n ${LAB_KEEP:-} ]]; then
			say "everything is kept in $LAB_DIR"
		else
			rm -rf "$LAB_DIR"
		fi
	fi
	[[ $status -eq 0 || -z $LAB_HINT ]] || say "$LAB_HINT"
	exit "$status"
}

lab_begin() {
	trap lab_clean EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	LAB_DIR=$(mktemp -d "${TMPDIR:-/tmp}/mailweir-lab.XXXXXX")
	chmod 755 "$LAB_DIR"
	net_up
}

lab_web() {
	local address

	mkdir -p "$LAB_DIR/web"
	printf 'Hello from the web.\n' >"$LAB_DIR/web/index.html"
	for address in 198.51.100.80 2001:db8:1::80; do
		ip netns exec "${LAB_P}inet" python3 -m http.server 80 --bind "$address" \
			--directory "$LAB_DIR/web" >"$LAB_DIR/web.log" 2>&1 &
		LAB_PIDS+=($!)
	done
}

lab_servers() {
	mail_make_exchanger
	mail_make_customer bakery bakery.example 7 may
	mail_make_customer outlet outlet.example 66 none
	mail_make_relay bakery.example outlet.example isp.example
	mail_start inet mx
	mail_start cust bakery
	mail_start cust outlet
	mail_start desk relay
	lab_web
}

# await SECONDS COMMAND...: tries until it succeeds.
await() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[[ $SECONDS -lt $end ]] || return 1
		sleep 0.2
	done
}

web_fetch() { # SOURCE-ADDRESS URL
	lab_ns cust curl -sfg --max-time 5 --interface "$1" "$2" | grep -q 'Hello from the web'
}

# Twenty-four different things a spammer says, to people in four places.
spam_texts=(
	'Lose weight while you sleep with this one weird trick.'
	'You have won the grand prize of our lottery.'
	'Replica watches at a tenth of the price.'
	'Cheap pills without prescription, shipped discreetly.'
	'Work from home and earn thousands a week.'
	'Your account will be suspended, verify your password now.'
)

spam_send() { # NUMBER
	local i=$1 to text

	to=person$i@${LAB_DOMAINS[i % 4]}
	text=${spam_texts[i % ${#spam_texts[@]}]}
	mail_letter "sales@outlet.example" "$to" "Offer number $i for you" \
		"$text Act now! This is message $i of many, written at $RANDOM$RANDOM." |
		mail_send cust outlet sales@outlet.example "$to"
}

spam_burst() { # FROM TO
	local i

	for ((i = $1; i <= $2; i++)); do
		spam_send "$i"
	done
}
