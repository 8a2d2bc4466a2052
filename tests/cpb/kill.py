#!/usr/bin/env python3
"""The real daemon, killed with -9 again and again at random instants while a case goes its way.

The desk repeats what was not answered. In the end there is one ticket, its deadline fired once, every
piece of evidence counted once, the chain whole, mail flowing. Arguments as e2e.py, then a seed (optional).
"""
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True  # the source tree stays as it is
import e2e  # noqa: E402

KILLS = 25
SEED = int(sys.argv[4]) if len(sys.argv) > 4 else int(time.time())


class Restless:
    """A daemon that dies at random and comes back."""

    def __init__(self, settings):
        self.settings = settings
        self.random = random.Random(SEED)
        self.daemon = e2e.start(settings)
        self.kills = 0
        self.stop = False
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stop and self.kills < KILLS:
            time.sleep(self.random.random() * 0.35)
            self.daemon.send_signal(signal.SIGKILL)
            self.daemon.wait()
            self.kills += 1
            if self.random.random() < 0.3:  # and once more while it starts
                self.daemon = e2e.start(self.settings, ready=False)
                time.sleep(self.random.random() * 0.1)
                self.daemon.send_signal(signal.SIGKILL)
                self.daemon.communicate()
            self.daemon = e2e.start(self.settings)

    def end(self):
        self.thread.join(timeout=120)


def ask(*words):
    """Until it is answered. Exit 1 may mean: it was done before the answer was lost."""
    for _ in range(400):
        done = subprocess.run([e2e.WEIRCTL, "--json", "--socket", e2e.SOCKET, *words], capture_output=True,
                              timeout=60)
        if done.returncode in (0, 1):
            return e2e.json.loads(done.stdout) if done.stdout else None
        time.sleep(0.03)
    raise e2e.Failed(f"never answered: {words}")


def act(number):
    """One thing of what is to be done next; the state before it."""
    ticket = ask("ticket", "show", number)
    for task in ask("task", "list"):
        if task["kind"] == "call":
            ask("task", "outcome", str(task["id"]), "no-answer")
            return ticket["state"]
    if ticket["state"] == "disabled":
        ask("ticket", "report", number, "--measures", "cleaned")
    elif ticket["state"] == "verifying":
        ask("ticket", "confirm", number)
    return ticket["state"]


def main():
    print(f"seed {SEED}")
    settings = e2e.settings_file(e2e.start_relay(), 0)
    restless = None
    try:
        first = e2e.start(settings)
        e2e.run("customer", "import", e2e.file("c.csv", "customer,name,class,prefixes\n"
                                               "acme,Acme,business,192.0.2.0/24\n"))
        e2e.run("contact", "import", e2e.file("k.csv", "customer,position,name,role,phone,email,channel\n"
                                              "acme,1,Ann,contact,1,ann@acme.example,phone\n"
                                              "acme,2,Bob,contact,2,bob@acme.example,phone\n"))
        first.terminate()
        first.wait()
        restless = Restless(settings)
        e2e.plane("feed", e2e.STATE, "0", "40")
        number = e2e.wait("a ticket", lambda: ask("ticket", "list"), 60)[0]["id"]
        e2e.wait("the end of the case", lambda: act(number) == "probation", 120)
        restless.end()
        ticket = e2e.js("ticket", "show", number)
        lines = [h["text"] for h in ticket["history"]]
        disabled = [line for line in lines if "-> disabled" in line]
        e2e.check(ticket["state"] == "probation", ticket["state"])
        e2e.check(len(disabled) == 1, f"disabled {len(disabled)} times: {lines}")
        e2e.check(ticket["evidence_count"] == 40, f"evidence {ticket['evidence_count']}")
        e2e.check(len(e2e.js("ticket", "list", "--all")) == 1, "more than one ticket")
        e2e.check(e2e.js("audit", "verify")["ok"], "audit")
        e2e.check(e2e.plane("verdict", e2e.STATE, "acme") == "pass - -\n", "mail is refused")
        e2e.check(restless.kills == KILLS, f"killed {restless.kills} times only")
        print(f"killed {restless.kills} times, {len(e2e.MAILS)} mails")
    except e2e.Failed as why:
        print(f"FAILED (seed {SEED}): {why}\n{''.join(e2e.LOG)[-4000:]}", file=sys.stderr)
        return 1
    finally:
        if restless is not None:
            restless.stop = True
            restless.daemon.kill()
        shutil.rmtree(e2e.DIR, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
