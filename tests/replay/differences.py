"""
Where we and the authors of other inspectors do not agree, and why that is so: (capture, source,
check) → reason. captures.py fails on a difference that is not here, and on an entry that no longer
differs.
"""

TRANSACTION = "it logs every transaction; a line of ours is a message, and this one never had content"
NO_SCHEME = "it cuts the scheme off the link or leaves it as written; ours are links a browser would open"
FIREWALL = "the recording ran with a firewall rule that stopped this sender; without one the mail went through"
INVALID = "an RCPT or DATA out of turn, refused by the server: no content was ever accepted"

_FIRE = "suricata/firewall/ruletype-firewall-"
_128 = _FIRE + "128-smtp-rset-next-tx-delivered/smtp-rset-change-sender.pcap"
_ALICE = "smtp smtp.mail_from=<alice@example.com>"
_BDAT = "zeek/smtp/smtp-bdat-cmd-invalid.pcapng"
_SOCKS = "arkime/socks5-smtp-503.pcap"

DIFFERENCES = {
	("arkime/smtp-subject-multi-nospace.pcap", "Arkime", "session 0 subject"):
		"it keeps the blank between adjacent encoded words; RFC 2047, 6.2 says it is not shown",
	(_SOCKS, "Arkime", "session 0 hello"): "SMTP inside SOCKS on port 1080: not an SMTP port here",
	(_SOCKS, "Arkime", "session 0 client octets"): "not an SMTP port here",
	(_SOCKS, "Arkime", "session 0 server octets"): "not an SMTP port here",
	("smuggling/case-e2e-a1-receiver.pcap", "mailbox", "messages in the mailbox"):
		"under TLS: the session is told as metadata, its message cannot be seen",
	(_128, "Suricata ruletype-firewall-128-smtp-rset-next-tx-delivered",
			f"2 {_ALICE} not-has-key=smtp.rcpt_to"): TRANSACTION + " (RSET)",
	(_128, "Suricata ruletype-firewall-129-smtp-rset-next-tx-blocked-sender",
			f"3 {_ALICE} not-has-key=smtp.rcpt_to"): TRANSACTION + " (RSET)",
	(_128, "Suricata ruletype-firewall-129-smtp-rset-next-tx-blocked-sender",
			"4 smtp smtp.mail_from=<bob@example.com>"): FIREWALL,
	(_FIRE + "130-smtp-rset-after-rcpt/smtp-rset-after-rcpt.pcap", "Suricata ruletype-firewall-130-smtp-rset-after-rcpt",
			f"2 {_ALICE} smtp.rcpt_to[0]=<bob@example.com>"): TRANSACTION + " (the first of two: RSET)",
	(_FIRE + "134-smtp-rset-then-quit/smtp-rset-then-quit.pcap", "Suricata ruletype-firewall-134-smtp-rset-then-quit",
			f"2 {_ALICE} smtp.rcpt_to[0]=<bob@example.com>"): TRANSACTION + " (RSET, QUIT)",
	("suricata/mime/mime-dec-parse-line-test02/input.pcap", "Suricata mime-dec-parse-line-test02",
			"1 smtp email.from=toto <toto@gmail.com> email.to[0]=172.16.92.2@linuxbox "
			"email.url[0]=www.test.com/malware.exe?hahah smtp.he..."): NO_SCHEME,
	("suricata/mime/smtp-mime-encap-8649-baseline/input.pcap", "Suricata smtp-mime-encap-8649-baseline",
			"4 fileinfo fileinfo.filename=malware.exe fileinfo.size=30"):
		"it leaves the last CRLF out; without a boundary behind it that CRLF is content: 32 octets",
	("suricata/smtp-ehlo-reset-after-rejected-data/input.pcap", "Suricata smtp-ehlo-reset-after-rejected-data",
			"1 smtp all"): TRANSACTION + " (DATA refused)",
	("suricata/smtp-ehlo-reset-after-rejected-data/input.pcap", "Suricata smtp-ehlo-reset-after-rejected-data",
			"2 smtp smtp.helo=client.example.com not-has-key=['smtp.mail_from', 'smtp.rcpt_to[0]', 'email.from']"):
		TRANSACTION + " (DATA refused)",
	("suricata/smtp-extract-url-schemes/input.pcap", "Suricata smtp-url-schemes-bug-5174",
			"1 smtp email.url[0]=test-site.org/blah/123/ email.url[1]=google.com"): NO_SCHEME,
	("suricata/smtp-long-command/input.pcap", "Suricata smtp-long-command", "1 smtp smtp.helo="
			+ ("OBLAH" * 24)[:107] + "..."):
		TRANSACTION + " (EHLO of 4,095 octets, AUTH, QUIT); the line is the anomaly long_line here, too",
	("suricata/smtp-rset-starttls/input.pcap", "Suricata smtp-rset-starttls", "1 smtp all"):
		TRANSACTION + " (EHLO, RSET, STARTTLS)",
	("suricata/smtp-url-base64/smtp-url-b64.pcap", "Suricata smtp-url-base64",
			"1 smtp email.url[0]=http://codashop-free01.duckdns.org/"):
		"a parameter of Content-Type stands unfolded on a line of its own: that ends the header here, as it "
		"does in Python's email package, and Content-Transfer-Encoding behind it is body. Also all lines "
		"end with a bare LF: the message never ends (smuggling, bare_lf, desync)",
	("zeek/smtp-attachment-msg.pcap", "Zeek rfc822-msg-file-analysis", "part octets"):
		"it counts the CRLF before the boundary as content; it belongs to the boundary (RFC 2046, 5.1.1)",
	("zeek/smtp-mail-transactions-invalid.pcap", "Zeek mail-transactions-invalid", "row 2 is a message"): INVALID,
	("zeek/smtp-mail-transactions-invalid.pcap", "Zeek mail-transactions-invalid", "row 3 is a message"): INVALID,
	("zeek/smtp-mail-transactions-invalid.pcap", "Zeek mail-transactions-invalid-disable-analyzer",
			"row 2 is a message"): INVALID,
	("zeek/smtp-mail-transactions-invalid.pcap", "Zeek mail-transactions-invalid-disable-analyzer",
			"row 3 is a message"): INVALID,
	("zeek/smtp-mail-transactions-invalid.pcap", "Zeek mail-transactions-invalid-disable-analyzer",
			"messages beyond the log"): "the recording gave the connection up before the last message; we read on",
	(_BDAT, "Zeek bdat-cmd-invalid", "row 1 is a message"): "BDAT with a bad argument, refused: no content",
	(_BDAT, "Zeek bdat-cmd-invalid", "row 2 is a message"): "BDAT with a bad argument, refused: no content",
	(_BDAT, "Zeek bdat-cmd-invalid", "row 3 is a message"): "BDAT with a bad argument, refused: no content",
	("zeek/smtp/smtp-bdat-gap.pcap", "Zeek bdat-gap", "row 1 last_reply"):
		"behind a gap of 1,000 octets, 100 of them beyond the chunk, nothing tells what is command and what "
		"content: not followed (metadata mode, gap)",
	("zeek/smtp/smtp-bdat-gap.pcap", "Zeek rfc822-msg-file-analysis-gap", "content octets"):
		"as above: the message behind the gap is not read",
}
