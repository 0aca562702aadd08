"""The pictures of the page in the README and in docs/: a simulated bank with a day behind it.

Called by ``make screenshots``; needs Debian's chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from eflexcan2mqtt.protocol.blocks import burst
from eflexcan2mqtt.sources.faults import Faults, parse
from tests.support.bank import candump_line
from tests.support.broker import free_port
from tests.support.program import MAIN

from .conftest import CHROMIUM
from .kept import bank_before, keep

DOCS = Path(__file__).parents[2] / "docs"
BATTERIES, HOURS = 14, 30
FAULTS = "relay_open:3@0s, cell_low:3:12@0s, hot:5@0s, missing:9@10s"
SETTLE_MS = 2000

# How long it takes until all faults are on the list, and until a bank without any is shown.
WAIT_S = {FAULTS: 130, "": 5}

# The picture, the bank, the window, the scheme, and what is open.
PICTURES = (
    ("page", FAULTS, (1280, 860), "light", ""),
    ("page-phone", FAULTS, (390, 844), "dark", ""),
    ("page-battery", FAULTS, (1280, 1000), "light", "#battery-3"),
    ("page-wall", "", (1920, 1080), "dark", ""),
)


def main() -> None:
    for faults, wait_s in WAIT_S.items():
        with running(faults) as url:
            time.sleep(wait_s)
            for name, of, size, scheme, fragment in PICTURES:
                if of == faults:
                    take(f"{url}/{fragment}", DOCS / f"{name}.png", size, scheme)


@contextmanager
def running(faults: str):
    """The address of the page of a bank whose faults begin now."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        late = Late(faults)
        bank = bank_before(HOURS, BATTERIES, late)
        keep(folder, bank, HOURS)
        ini = folder / "page.ini"
        ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n[storage]\ndirectory = {folder}\n")
        arguments = [sys.executable, MAIN, "-c", ini, "--input", "-", "--output", "web"]
        bridge = subprocess.Popen(arguments, stdin=subprocess.PIPE, text=True)
        over = threading.Event()
        feeder = threading.Thread(target=feed, args=(bridge.stdin, bank, late, over))
        feeder.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            over.set()
            feeder.join()
            bridge.terminate()
            bridge.wait()


class Late:
    """Faults of a bank that begin long after its start: ``passed_s`` is since then."""

    def __init__(self, faults: str) -> None:
        self.passed_s = -1
        self._faults = Faults(parse(faults, BATTERIES), seed=1)

    def __call__(self, sensed, _):
        self._faults.spoil(sensed, self.passed_s)

    def frames(self, number, blocks):
        """What reaches the bus of a battery's burst."""
        return self._faults.kept(number, burst(number, *blocks), self.passed_s)


def feed(pipe, bank, faults, over):
    """A cycle a second, until it is over."""
    while not over.wait(1):
        now = time.time()
        faults.passed_s += 1
        for number, blocks in enumerate(bank.step(1), 1):
            for place, (can_id, data) in enumerate(faults.frames(number, blocks)):
                at = now + number * 0.02 + place * 0.0004
                pipe.write(candump_line((can_id, data, at)))
        pipe.flush()


def take(url, path, size, scheme):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        window = dict(zip(("width", "height"), size, strict=True))
        page = browser.new_page(viewport=window, color_scheme=scheme)
        page.goto(url)
        page.locator("#battery-14").wait_for()
        page.wait_for_timeout(SETTLE_MS)
        page.screenshot(path=path)
        browser.close()


if __name__ == "__main__":
    main()
