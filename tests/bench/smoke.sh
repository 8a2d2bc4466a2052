#!/bin/bash
# smoke.sh BENCH RULES: a tiny run has all keys of the agreed JSON and judges what it sent. Nothing is
# said about time.
set -euo pipefail
bench=$1 rules=$2 work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	printf 'smoke: %s\n' "$*" >&2
	exit 1
}

check() {
	local out=$1 key sent judged

	for key in smtp_gbps hyperscan_gbps messages_per_s fastpath_mpps testpmd_5tswap_mpps idle_flow_bytes \
		lanes suricata_gbps; do
		tail -n 1 "$out" | grep -q "\"$key\":" || fail "no $key in: $(tail -n 1 "$out")"
	done
	for key in smtp_gbps messages_per_s idle_flow_bytes; do
		tail -n 1 "$out" | grep -q "\"$key\":null" && fail "$key was refused"
	done
	sent=$(tail -n 1 "$out" | sed -n 's/.*"messages_sent":\([0-9]*\).*/\1/p')
	judged=$(tail -n 1 "$out" | sed -n 's/.*"messages_judged":\([0-9]*\).*/\1/p')
	[[ ${sent:-0} -gt 0 && $sent == "$judged" ]] || fail "sent ${sent:-?}, judged ${judged:-?}"
}

figures=(--figure fastpath_mpps=null --figure testpmd_5tswap_mpps=1.5 --figure suricata_gbps=null)
"$bench" --phrases "$work/phrases.txt" --make-phrases 50
[[ $(wc -l <"$work/phrases.txt") == 50 ]] || fail "not 50 phrases"
"$rules" compile -q -o "$work/ruleset" "$work/phrases.txt"
"$bench" --phrases "$work/phrases.txt" --ruleset "$work/ruleset" --seconds 1 --bytes 400000 --lanes 2 \
	"${figures[@]}" >"$work/made-up"
check "$work/made-up"
"$bench" --phrases "$work/phrases.txt" --bytes 400000 --make-capture "$work/mail.pcap"
"$bench" --phrases "$work/phrases.txt" --ruleset "$work/ruleset" --seconds 1 --pcap "$work/mail.pcap" \
	--lanes 1 "${figures[@]}" >"$work/capture"
check "$work/capture"
mkdir "$work/mail"
printf 'From: a@example.org\nSubject: one\n\n.a dot first\nbody\n' >"$work/mail/1"
printf 'Subject: two\n\nno line end' >"$work/mail/2"
"$bench" --phrases "$work/phrases.txt" --ruleset "$work/ruleset" --seconds 1 --mail "$work/mail" \
	--lanes 1 "${figures[@]}" >"$work/mails"
check "$work/mails"
if "$bench" --phrases "$work/phrases.txt" --pcap "$work/phrases.txt" >"$work/out" 2>"$work/err"; then
	fail "a text file was taken for a capture"
fi
if "$bench" --phrases "$work/phrases.txt" --figure 'a"b=1' >"$work/out" 2>&1; then
	fail "a figure with a quote in its name was taken"
fi
