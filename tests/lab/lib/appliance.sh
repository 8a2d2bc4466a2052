# shellcheck shell=bash
# The appliance in its namespace: both planes, weirctl, customers and settings of the story.

LAB_DOMAINS=(recipient.example trade.example garden.example school.example)
PLANE_PIDS=()
# What a lab may have otherwise: its rules, a third port, and more lines of the settings: of the section smtp, of
# the class of its customers, and whole sections or classes at the end.
LAB_RULES=${LAB_RULES:-$MW_ROOT/docs/examples/phrases.txt}
LAB_DIVERT=${LAB_DIVERT:-}
LAB_SMTP=() LAB_CLASS=() LAB_SETTINGS=()

appliance_settings() { # DEADLINE
	cat <<-END
		state_dir: $LAB_DIR/state
		inspection_default: content-sample
		default_class: business
		desk:
		  name: Example Networks abuse desk
		  phone: +49 30 5550100
		  email: abuse@isp.example
		mail:
		  relay_host: 10.99.9.2
		  relay_port: 25
		  relay_helo: mailweir.isp.example
		  from: abuse@isp.example
		  from_name: Example Networks abuse desk
		  postmaster: postmaster@isp.example
		smtp:
		  banner_name: mailweir.isp.example
		$(printf '  %s\n' "${LAB_SMTP[@]}")
		store:
		  policy_mib: 64
		  events_mib: 64
		  cases_mib: 64
		rules:
		  - $LAB_RULES
		classes:
		  business:
		    deadline: $1
		    hard_cap: 1h
		$(printf '    %s\n' "${LAB_CLASS[@]}")
		$(printf '%s\n' "${LAB_SETTINGS[@]}")
	END
}

appliance_customers() {
	cat <<-'END'
		customer,name,class,prefixes
		K-1007,Sunrise Bakery,business,203.0.113.7/32 2001:db8:c::7/128
		K-1066,Gadget Outlet,business,203.0.113.66/32 2001:db8:c::66/128
	END
}

appliance_contacts() {
	cat <<-'END'
		customer,position,name,role,phone,email,channel
		K-1007,1,Bea Ofen,contact,+49 30 5550701,bea@bakery.example,phone
		K-1066,1,Ida Ahlers,contact,+49 30 5556601,ida@outlet.example,phone
		K-1066,2,Jon Brandt,contact,+49 30 5556602,jon@outlet.example,phone
		K-1066,3,Tom Achternbusch,tam,+49 30 5550900,tom@isp.example,phone
	END
}

# Programs are copied first: a build beside the lab must not pull them away from under it.
appliance_prepare() { # DEADLINE
	local name

	mkdir -p "$LAB_DIR/state" "$LAB_DIR/bin"
	for name in mailweir-dataplane mailweir-controlplane mailweir-replay weirctl; do
		cp "$(program "$name" "$LAB_BUILD")" "$LAB_DIR/bin/"
	done
	appliance_settings "$1" >"$LAB_DIR/mailweir.yaml"
	appliance_customers >"$LAB_DIR/customers.csv"
	appliance_contacts >"$LAB_DIR/contacts.csv"
}

# The settings again: until all lanes have told that they follow a newer policy. Equal ones make none.
appliance_reload() { # SETTINGS-FILE
	local before

	! cmp -s "$1" "$LAB_DIR/mailweir.yaml" || return 0
	before=$(lanes_follow)
	cp "$1" "$LAB_DIR/mailweir.yaml"
	kill -HUP "${PLANE_PIDS[0]}"
	await 15 eval "[[ \$(lanes_follow) -gt $before ]]" || die "changed settings do not come into force: $(tail -2 "$LAB_DIR/control.log")"
}

# The oldest generation of the policy that a lane goes by.
lanes_follow() {
	ask '[.dataplane.lanes[].policy_generation] | min' status
}

control_command() {
	exec ip netns exec "${LAB_P}dp" "$LAB_DIR/bin/mailweir-controlplane" \
		--state "$LAB_DIR/state" --settings "$LAB_DIR/mailweir.yaml"
}

dataplane_command() {
	exec ip netns exec "${LAB_P}dp" "$LAB_DIR/bin/mailweir-dataplane" \
		--inside cust0 --outside inet0 --state "$LAB_DIR/state" --no-huge --poll sleep \
		--lanes 2 ${LAB_DIVERT:+--divert "$LAB_DIVERT"} ${LAB_DRIVER:+--driver "$LAB_DRIVER"}
}

# Starts a plane and waits until it says that it is ready.
plane_start() { # control|dataplane
	local out=$LAB_DIR/$1.out pid

	: >"$out"
	"$1_command" >"$out" 2>>"$LAB_DIR/$1.log" &
	pid=$!
	PLANE_PIDS+=("$pid")
	plane_ready "$1" "$pid"
}

plane_ready() { # control|dataplane PID
	local waited

	for ((waited = 0; waited < 600; waited++)); do
		! grep -qx ready "$LAB_DIR/$1.out" || return 0
		kill -0 "$2" 2>/dev/null || break
		sleep 0.05
	done
	say "the $1 process did not get ready; the end of its log:"
	tail -20 "$LAB_DIR/$1.log" >&2
	return 1
}

planes_stop() {
	local pid

	for pid in "${PLANE_PIDS[@]}"; do
		kill -TERM "$pid" 2>/dev/null || true
	done
	for pid in "${PLANE_PIDS[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	PLANE_PIDS=()
}

# Told to end, both must do so by themselves and without a complaint.
planes_end() {
	local pid status bad=0

	for pid in "${PLANE_PIDS[@]}"; do
		status=0
		kill -TERM "$pid"
		wait "$pid" || status=$?
		[[ $status -eq 0 ]] || bad=$status
	done
	PLANE_PIDS=()
	return "$bad"
}

weirctl() {
	"$LAB_DIR/bin/weirctl" --socket "$LAB_DIR/state/control.sock" --as anna "$@"
}

# A field of an answer: ask JQ-FILTER NOUN VERB...
ask() {
	local filter=$1
	shift
	weirctl --json "$@" | jq -r "$filter"
}
