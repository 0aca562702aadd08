"""The service in the machine: its INI, its log, and what a subscriber gets of it."""

from __future__ import annotations

import json
import time
from itertools import islice
from pathlib import Path

from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.faults import parse
from tests.support.bank import CAPTURES, FRAMES_PER_BURST, candump_line, published

SERVICE = "eflexcan2mqtt"
STATE = "/var/lib/private/eflexcan2mqtt"
FEED = Path(__file__).parent / "feed.py"
BROKER = """\
listener 1883 127.0.0.1
allow_anonymous true
autosave_on_changes true
autosave_interval 1
max_queued_messages 0
"""


class Bank:
    """The service under test, what it is given and what a subscriber gets of it."""

    def __init__(self, machine):
        self.machine = machine

    def configure(self, **settings):
        """Write the INI: settings by section__key."""
        sections = {"can": {"channel": "vcan0"}, "mqtt": {"fields": "extended"}}
        for name, value in settings.items():
            section, key = name.split("__")
            sections.setdefault(section, {})[key] = value
        lines = []
        for section, values in sections.items():
            lines += [f"[{section}]", *(f"{key} = {value}" for key, value in values.items())]
        (self.machine.share / "ini").write_text("\n".join(lines) + "\n")
        self.machine.run("cat /share/ini > /etc/eflexcan2mqtt.ini")

    def start(self):
        self.machine.run(f"systemctl reset-failed; systemctl restart {SERVICE}", timeout=60)

    def stop(self):
        self.machine.run(f"systemctl stop {SERVICE}", timeout=30)

    def pid(self):
        shown = self.machine.run(f"systemctl show -P MainPID {SERVICE}").stdout
        return int(shown)

    def logged(self, since=0):
        """The lines of its log, from the given one on."""
        said = self.machine.run(
            f"journalctl --sync; journalctl -o cat -t {SERVICE} --no-pager"
        ).stdout.splitlines()
        return said[since:]

    def mark(self):
        return len(self.logged())

    def wait_logged(self, words, since, timeout=30):
        """Wait for a line with the words; how long that took."""
        begun = time.monotonic()
        while not any(words in line for line in self.logged(since)):
            assert time.monotonic() - begun < timeout, f"{words!r} not in {self.logged(since)}"
            time.sleep(0.3)
        return time.monotonic() - begun

    def arrays(self, since=0):
        """What the subscriber has received."""
        lines = self.machine.output("collector").splitlines()
        payloads = [line.split(" ", 1)[1] for line in lines if line.startswith("eflexbatteries [")]
        return [json.loads(each) for each in payloads][since:]

    def wait_arrays(self, count, timeout=60):
        """Wait until so many arrays are there."""
        begun = time.monotonic()
        while len(found := self.arrays()) < count:
            assert time.monotonic() - begun < timeout, f"{len(found)} of {count} arrays"
            time.sleep(0.5)
        return time.monotonic() - begun

    def play(self, log, timeout=120):
        """Play a log on vcan0 as it was recorded."""
        path = self.machine.put(log)
        self.machine.run(f"canplayer -I {path} vcan0=can0", timeout=timeout)

    def decodes(self, log, ending=".json"):
        """Play a log; a subscriber gets the arrays in the file beside it, but for their times."""
        arrays = [json.loads(each) for each in log.with_suffix(ending).read_text().splitlines()]
        before = len(self.arrays())
        self.play(log)
        self.wait_arrays(before + len(arrays))
        assert without_time(self.arrays(before)) == without_time(arrays)

    def feed(self, interface="can1"):
        """Three batteries, cycle after cycle, evenly paced, as a job named feed."""
        script = self.machine.put(FEED)
        log = self.machine.put(CAPTURES / "documented_example.log")
        self.machine.job("feed", f"python3 {script} {log} {interface} 250 1.012")


def without_time(arrays):
    return [[{k: v for k, v in each.items() if k != "time"} for each in array] for array in arrays]


def bank_log(folder, cycles, batteries=14, seed=11, fields="extended", faults=""):
    """A log of the simulator, and the arrays in it."""
    wrong = parse(faults, batteries) if faults else ()
    frames = list(
        islice(
            simulator.frames(batteries, 1_700_000_000.0, seed, wrong),
            cycles * batteries * FRAMES_PER_BURST,
        )
    )
    path = folder / f"bank_{cycles}_{batteries}_{seed}.log"
    path.write_text("".join(map(candump_line, frames)))
    return path, published(frames, fields)
