# shellcheck shell=bash
# What verdicts.sh saw, as a document: docs/verdicts.md. A row is written for the first of two families; the
# second must be the same or has one of its own.

DOC_LAST=''

verdicts_doc_head() {
	cat <<-END
		# A verdict, and the moment it comes

		Written by \`tests/lab/verdicts.sh --doc\`; do not edit.

		Real senders of a customer, over IPv4 and IPv6: Postfix $(postconf -hd mail_version), Exim $(unpacked_version exim4-daemon-light 2>/dev/null), and a program that speaks SMTP
		itself and comes a second time when it was put off or cut. Each has one letter of $MAIL_OCTETS octets. The verdict is set before
		the connection (new), on one that is idle behind an earlier letter (idle), while the reply to RCPT is awaited (waiting), or
		in the middle of the letter (mid). Then the verdict is cleared, and what is still queued is tried again.

		- \`rate\`: within what may be sent in an hour; \`rate-m\`: beyond it in messages, \`rate-c\`: in connections.
		- under \`divert\`: an antivirus gateway that is up; [divert.md](divert.md) has the rest.
		- Under all of them the customer reached the web, name servers over UDP and TCP, a submission server (port 587), and
		  the servers of \`smtp: reachable\` as if there were none.
		- He is told nothing by \`drop\`, and by \`reset\` and \`rate\` nothing before his server gives up, mostly after days.

		| verdict | moment | sender | over | what the sender saw | what the server had of it | what its user gets | once the verdict is cleared |
		|---|---|---|---|---|---|---|---|
	END
}

# What the server had: a letter and by which way, or the beginning of one. What it has of a connection that was
# dropped it may not know to be all, so that it stood in the middle counts as well.
doc_server() { # MOMENT ROW COPIES WAY
	local cut=("$LAB_DIR/stops/cut/$2".*)

	if [[ $3 -gt 0 ]]; then
		[[ $4 == gateway ]] && printf 'the letter, through the gateway' || printf 'the letter'
	elif [[ -s ${cut[0]} && $(stat -c %s "${cut[0]}") -ge $MAIL_OCTETS ]]; then
		printf 'the letter without its end: it keeps nothing'
	elif [[ -s ${cut[0]} || $1 == mid ]]; then
		printf 'its beginning: it keeps nothing'
	else
		printf 'nothing'
	fi
}

doc_user() { # CLIENT FIRST AGAIN
	case $2-$3 in
	sent-* | *-sent) printf 'nothing to notice' ;;
	*bounced*) [[ $1 == raw ]] && printf 'the reply, at once' || printf 'a bounce at once, with the reply' ;;
	*) [[ $1 == raw ]] && printf 'an error' || printf 'nothing yet: his letter is queued' ;;
	esac
}

doc_late() { # VERDICT MOMENT CLIENT COPIES LATE
	if [[ $4 -gt 0 ]]; then
		printf -- '-'
	elif [[ $1 == drop && $2 == mid ]]; then
		# Which of these depends on how long it takes until TCP repeats something.
		printf 'his TCP still repeats what was dropped, and the letter may arrive by that'
		[[ $3 == raw ]] || printf '; it arrives in any case, perhaps twice'
	elif [[ $5 -gt 0 ]]; then
		printf 'it arrives'
	elif [[ $3 == raw ]]; then
		printf 'he has to send it again'
	else
		printf 'he has to write it again'
	fi
}

verdicts_doc_row() { # VERDICT MOMENT ROW CLIENT 4|6 SEEN TEXT
	local first again copies way late text=$7 body

	read -r first again copies way late <<<"$6"
	[[ $first != sent ]] || text=''
	# no address, name or number of the lab's, which differ from run to run and from family to family
	text=$(sed -E 's/ ?\(in reply to [^)]*\)//g; s/[0-9a-f:.]+\[[^]]*\](:25)?/the server/g; s/H=[^ ]+ \[[^]]+\]:? ?//g; s/, ticket \(none\)//g
		s/:?<[^>]*>//g; s/ \([0-9]+ bytes written\)?//; s/ -- message may[^;]*//; s/ while sending (message body|end of data)/ in the letter/; s/[|]/\\|/g; s/\)$//' <<<"$text")
	body="$(doc_server "$2" "$3" "$copies" "$way") | $(doc_user "$4" "$first" "$again") | $(doc_late "$1" "$2" "$4" "$copies" "$late") |"
	body="$first$([[ $again == - ]] || printf ', again %s' "$again")${text:+: $text} | $body"
	if [[ $5 == 6 && $DOC_LAST == "$1 $2 $4 $body" ]]; then
		sed -i '$s/| IPv4 |/| both |/' "$doc_rows"
	else
		printf '| `%s` | %s | %s | IPv%s | %s\n' "$1" "$2" "$4" "$5" "$body" >>"$doc_rows"
	fi
	DOC_LAST="$1 $2 $4 $body"
}
