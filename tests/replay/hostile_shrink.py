"""
Makes a capture small that shows something: drops whole connections, then packets, as long as it still
shows. Bounded by runs and seconds, for each is a run of the program.
"""

import time

RUNS_MAX = 300
SECONDS_MAX = 60


def shrunk(packets, shows):
	"""`shows(packets)`: whether they still show it."""
	runs, until = 0, time.monotonic() + SECONDS_MAX

	for items in (by_connection(packets), None):
		items = items if items is not None else [[p] for p in packets]
		size = max(1, len(items) // 2)
		while runs < RUNS_MAX and time.monotonic() < until:
			at, dropped = 0, False
			while at < len(items) and runs < RUNS_MAX and time.monotonic() < until:
				rest = items[:at] + items[at + size:]
				runs += 1
				if rest and shows(flat(rest)):
					items, dropped = rest, True
				else:
					at += size
			if size == 1 and not dropped:
				break
			size = max(1, size // 2)
		packets = flat(items)
	return packets


def flat(items):
	return sorted((p for item in items for p in item), key=lambda p: p.time_ns)


def by_connection(packets):
	"""`group` is the number its maker gave a packet's connection."""
	groups = {}
	for p in packets:
		groups.setdefault(p.group, []).append(p)
	return list(groups.values())
