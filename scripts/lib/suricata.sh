# shellcheck shell=bash
# Suricata, where it is installed, over the same capture with the same phrases: each in the raw octets
# (payload of the stream) and in what it decodes (file_data). Read from a file in one thread, so its
# figure has neither receiving nor sending in it, and processor time of the whole process, start and
# compilation of the rules taken off by a run over an empty capture.

suricata_rules() {
	local phrase id=1000000

	while IFS= read -r phrase; do
		phrase=${phrase//[\\;\"|:]/ }
		printf 'alert tcp any any -> any any (msg:"p%d"; content:"%s"; nocase; sid:%d;)\n' $id "$phrase" $((id++))
		printf 'alert smtp any any -> any any (msg:"p%d"; file_data; content:"%s"; nocase; sid:%d;)\n' $id "$phrase" $((id++))
	done <"$1" >"$2"
}

# suricata_seconds CAPTURE RULES DIR: processor seconds, user and system.
suricata_seconds() {
	mkdir -p "$3"
	(
		TIMEFORMAT='%U %S'
		time suricata -r "$1" -S "$2" -l "$3" --runmode single --set mpm-algo=hs \
			--set app-layer.protocols.smtp.mime.decode-mime=yes >"$3/out" 2>&1
	) 2>&1 | awk '{print $1 + $2}'
}

# suricata_gbps CAPTURE WIRE_OCTETS PHRASES DIR: Gbit/s per core-second, or "null".
suricata_gbps() {
	local capture=$1 octets=$2 phrases=$3 dir=$4 empty full times=()

	if ! have suricata; then
		printf 'null\n'
		return 0
	fi
	suricata_rules "$phrases" "$dir/suricata.rules"
	head -c 24 "$capture" >"$dir/empty.pcap"
	empty=$(suricata_seconds "$dir/empty.pcap" "$dir/suricata.rules" "$dir/empty")
	for _ in 1 2 3 4 5; do
		times+=("$(suricata_seconds "$capture" "$dir/suricata.rules" "$dir/full")")
	done
	full=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)
	awk -v b="$octets" -v f="$full" -v e="$empty" \
		'BEGIN { if (f - e > 0.02) printf "%.4f\n", b * 8 / (f - e) / 1e9; else print "null" }'
}
