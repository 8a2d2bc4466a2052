"""
Reads what the authors of other inspectors recorded about their captures. Every function yields rows
(what, expected, got): `what` names the check, `got` is taken from our lines, and the two are equal
when we agree. Never judges a difference: captures.py does.
"""

import glob
import json
import os
import re


def _addresses(message):
	return [r["address"] for r in message["rcpt_to"]]


def _session_of(result, port):
	return [m for m in result.messages if m["client_port"] == port]


# ---- Arkime: <capture>.test, one JSON document with a list of sessions


def _recorded(fields, name):
	return sorted(set(fields.get(name, [])))


def arkime(path, result):
	with open(path, encoding="utf-8") as f:
		sessions = json.load(f)["sessions3"]
	for n, body in enumerate(s["body"] for s in sessions):
		if "smtp" not in body.get("protocol", []):
			continue
		email = body.get("email", {})
		messages = _session_of(result, body["source"]["port"])
		where = f"session {n}"
		heads = [m["headers"] for m in messages]
		yield f"{where} subject", _recorded(email, "subject"), sorted(
			{h["subject"] for h in heads if h["subject"]})
		yield f"{where} id", _recorded(email, "id"), sorted(
			{h["message_id"].strip("<>") for h in heads if h["message_id"]})
		yield f"{where} src holds mail_from", True, all(
			m["mail_from"] is None or m["mail_from"].lower() in email.get("src", []) or m["mail_from"] == ""
			for m in messages)
		yield f"{where} dst holds rcpt_to", True, all(
			a.lower() in email.get("dst", []) for m in messages for a in _addresses(m))
		if "smtpHello" in email:
			yield f"{where} hello", _recorded(email, "smtpHello"), sorted(
				{m["helo"].lower() for m in messages if m["helo"]})
		names = sorted(p["filename"] for m in messages for p in m["parts"] if p["filename"])
		yield f"{where} filename", sorted(email.get("filename", [])), names
		hashes = {p["sha256"] for m in messages for p in m["parts"]}
		for digest in email.get("sha256", []):
			yield f"{where} sha256 {digest[:12]}", True, digest in hashes
		ours = next((s for s in result.sessions if s["client_port"] == body["source"]["port"]), {})
		yield f"{where} client octets", body.get("client", {}).get("bytes"), ours.get("client_bytes")
		yield f"{where} server octets", body.get("server", {}).get("bytes"), ours.get("server_bytes")


# ---- Zeek: baselines of its tests; logs are tab-separated with a #fields line


def zeek_log(path):
	fields = []
	with open(path, encoding="utf-8") as f:
		for line in f.read().splitlines():
			if line.startswith("#fields\t"):
				fields = line.split("\t")[1:]
			elif line.startswith("#") or not line:
				continue
			elif not fields:
				fields = line.split("\t")
			else:
				yield dict(zip(fields, line.split("\t")))


def _zeek_set(value):
	return [] if value in ("-", "(empty)") else sorted(value.split(","))


def _zeek_text(value):
	if value == "-":
		return None
	return re.sub(r"\\x([0-9a-f]{2})", lambda m: chr(int(m.group(1), 16)), value)


def zeek_smtp(path, result):
	left = list(result.messages)
	for n, row in enumerate(zeek_log(path), 1):
		if "mailfrom" not in row:
			continue
		sender, rcpts = _zeek_text(row["mailfrom"]), _zeek_set(row["rcptto"])
		message = next((m for m in left if m["client_port"] == int(row["id.orig_p"])
				and m["mail_from"] == sender and sorted(set(_addresses(m))) == rcpts), None)
		shown = f"{sender} to {','.join(rcpts)}"
		yield f"row {n} is a message", shown, shown if message else None
		if message is None:
			continue
		left.remove(message)
		heads = message["headers"]
		for field, ours in (("helo", message["helo"]), ("date", heads["date"]), ("from", heads["from"]),
				("msg_id", heads["message_id"]), ("subject", heads["subject"])):
			yield f"row {n} {field}", _zeek_text(row[field]), ours
		reply = _zeek_text(row["last_reply"])
		yield f"row {n} last_reply", reply and int(reply[:3]), message["data_reply"]
		session = next(s for s in result.sessions if s["session"] == message["session"])
		yield f"row {n} tls", row["tls"], "T" if session["starttls"] == "used" else "F"
	yield "messages beyond the log", 0, len(left)


# Whole messages that Zeek took out of the stream: their lengths, and those of their parts.
def zeek_files(path, result):
	rows = [r for r in zeek_log(path) if "seen_bytes" in r]
	mails = [r for r in rows if r.get("mime_type") == "message/rfc822" and r.get("parent_fuid", "-") == "-"]
	if not mails:
		return
	yield "content octets", sorted(int(r["seen_bytes"]) for r in mails), sorted(
		m["size"] for m in result.messages)
	if "parent_fuid" in rows[0]:
		parents = {r["fuid"] for r in mails if "fuid" in r}
		yield "part octets", sorted(int(r["seen_bytes"]) for r in rows if r["parent_fuid"] in parents), sorted(
			p["size"] for m in result.messages for p in m["parts"])


# ---- Suricata: test.yaml; only filters over smtp and fileinfo events, only the YAML they use


def _scalar(text):
	text = text.strip()
	if text.startswith("["):
		return [_scalar(t) for t in text.strip("[]").split(",")]
	if text[:1] == '"' or text[:1] == "'":
		value = text[1:text.rindex(text[0])]
		return value.replace("\\r", "\r") if text[0] == '"' else value
	return re.sub(r"\s+#.*$", "", text).strip()


def suricata_checks(path):
	"""Yields (count, {key: value}) for each filter that holds for the newest version."""
	count, match, inside, old = None, None, False, False
	with open(path, encoding="utf-8") as f:
		for line in f:
			word = line.strip()
			if not word or word.startswith("#"):
				continue
			if word.startswith("- "):
				if match and not old:
					yield count, match
				count, match, inside, old = None, None, word == "- filter:", False
			elif inside and match is None and word.startswith("lt-version:"):
				old = True
			elif inside and word.startswith("count:"):
				count = int(_scalar(word[6:]))
			elif inside and word == "match:":
				match = {}
			elif inside and match is not None:
				key, _, value = word.partition(": ")
				match[key] = _scalar(value)
	if match and not old:
		yield count, match


def suricata_capture(test):
	with open(test, encoding="utf-8") as f:
		named = re.search(r"^pcap:\s*(\S+)", f.read(), re.M)
	folder = os.path.dirname(test)
	if named:
		return os.path.normpath(os.path.join(folder, named.group(1)))
	found = glob.glob(os.path.join(glob.escape(folder), "*.pcap*"))
	return found[0] if found else None


def _angle(address):
	return None if address is None else f"<{address}>"


def _smtp_event(m):
	heads = m["headers"]
	event = {"smtp.helo": m["helo"], "smtp.mail_from": _angle(m["mail_from"]), "email.from": heads["from"]}
	lists = {
		"smtp.rcpt_to": [_angle(a) for a in _addresses(m)],
		"email.to": [heads["to"]] if heads["to"] else [],
		"email.attachment": [p["filename"] for p in m["parts"] if p["filename"]],
		"email.url": [u for u in m["urls"]],
	}
	for name, values in lists.items():
		if values:
			event[name] = values
		for i, value in enumerate(values):
			event[f"{name}[{i}]"] = value
	return {k: v for k, v in event.items() if v is not None}


def _fileinfo_events(m):
	for p in m["parts"]:
		if p["filename"]:
			yield {**_smtp_event(m), "fileinfo.filename": p["filename"],
				"fileinfo.size": str(p["size"]), "fileinfo.sha256": p["sha256"]}


_JUDGED = re.compile(r"^(smtp\.(helo|mail_from|rcpt_to)|email\.(from|to|attachment|url)|"
		r"fileinfo\.(filename|size|sha256)|not-has-key)\b")


def _meets(event, wanted):
	for key, value in wanted.items():
		if key == "not-has-key":
			if any(k in event for k in ([value] if isinstance(value, str) else value)):
				return False
		elif key.startswith("email.url["): # it lists them in another order
			if value not in event.get("email.url", []):
				return False
		elif event.get(key) != value:
			return False
	return True


def suricata(test, result):
	if not result.sessions:
		return
	checks = [(c, m) for c, m in suricata_checks(test) if c is not None]
	for n, (count, match) in enumerate(checks, 1):
		kind = match.get("event_type")
		if kind not in ("smtp", "fileinfo") or match.get("app_proto", "smtp") != "smtp":
			continue
		wanted = {k: v for k, v in match.items() if _JUDGED.match(k)}
		if count == 0 and "tx_id" in match: # about a second event of one transaction
			continue
		if kind == "smtp":
			events = [_smtp_event(m) for m in result.messages]
		else:
			events = [e for m in result.messages for e in _fileinfo_events(m)]
		says = " ".join(f"{k}={v}" for k, v in wanted.items()) or "all"
		if len(says) > 120:
			says = says[:117] + "..."
		yield f"{n} {kind} {says}", count, sum(_meets(e, wanted) for e in events)


# ---- The smuggling laboratory: how many messages reached the second server's mailbox


def smuggling(folder, name, result):
	case = re.match(r"case-(\w\d?\w)-a(\d+)-receiver", name)
	if not case:
		return
	with open(os.path.join(folder, "expected", f"matrix-a{case.group(2)}.json"), encoding="utf-8") as f:
		row = next(r for r in json.load(f) if r["pair"] == case.group(1))
	stored = [m for m in result.messages if m["complete"] and m["data_reply"] == 250]
	yield "messages in the mailbox", row["maildir_file_count"], len(stored)


# ---- nDPI: flows by protocol, in the text of its regression output


def ndpi(path, result):
	with open(path, encoding="utf-8") as f:
		flows = re.search(r"^SMTP\t\d+\t\d+\t(\d+)", f.read(), re.M)
	yield "SMTP flows", int(flows.group(1)) if flows else 0, len(result.sessions)
