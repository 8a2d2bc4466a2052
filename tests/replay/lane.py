"""Runs mailweir-replay over a capture and reads its lines. Nothing else knows how the program is called."""

import json
import subprocess


class Result:
	"""What one run printed: message and session lines in order, the summary, exit status, standard error."""

	def __init__(self, status, out, err):
		self.status = status
		self.err = err
		self.lines = [json.loads(line) for line in out.decode("utf-8").splitlines()]
		self.messages = [l for l in self.lines if l["type"] == "message"]
		self.sessions = [l for l in self.lines if l["type"] == "session"]
		self.summary = next((l for l in self.lines if l["type"] == "summary"), None)


def run(program, path, *options):
	return call(program, *options, path)


def call(program, *words, timeout=120):
	done = subprocess.run([program, *words], capture_output=True, timeout=timeout)
	return Result(done.returncode, done.stdout, done.stderr.decode("utf-8", "replace"))


# A line without what may rightly differ when the same octets travel in other packets.
def timeless(message):
	return {k: v for k, v in message.items() if k not in ("start", "end", "session")}
