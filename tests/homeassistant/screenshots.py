"""The pictures of the README, taken of the pages of a real Home Assistant with the simulated bank.

Called as ``python3 -m tests.homeassistant.screenshots``; needs Debian's chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.support.broker import Broker
from tests.support.program import MAIN, mqtt_ini

from .hass import Hass

DOCS = Path(__file__).parents[2] / "docs"
PAGES = {"bank": "sensor.eflex_bank_soc", "battery": "sensor.eflex_battery_7_soc"}
SIZE = {"width": 1000, "height": 1080}
SHOWN = {"x": 0, "y": 0, "width": 660, "height": 1080}
HISTORY_S = 60
LOAD_S = 90


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder).start()
        ini = mqtt_ini(folder, broker.port, fields="extended")
        ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\n")
        hass = Hass(folder / "hass", "frontend", "history", "recorder").start()
        hass.add_mqtt(broker.port)
        arguments = ["-c", ini, "--input", "simulator:14", "--speed", "20"]
        bridge = subprocess.Popen([sys.executable, MAIN, *arguments])
        try:
            time.sleep(HISTORY_S)
            take(hass)
        finally:
            bridge.terminate()
            bridge.wait()
            hass.stop()
            broker.kill()


def take(hass: Hass) -> None:
    """Open the page of each device and save what it looks like."""
    tokens = {
        **hass.tokens,
        "hassUrl": hass.url,
        "clientId": f"{hass.url}/",
        "expires": int((time.time() + 1700) * 1000),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE)
        stored = json.dumps(json.dumps(tokens))
        page.add_init_script(
            f"localStorage.setItem('hassTokens', {stored});"
            "localStorage.setItem('dockedSidebar', '\"always_hidden\"')"
        )
        for name, entity in PAGES.items():
            device = hass.render(f"{{{{ device_id('{entity}') }}}}")
            page.goto(f"{hass.url}/config/devices/device/{device}")
            page.locator("ha-device-entities-card").first.wait_for(timeout=LOAD_S * 1000)
            page.wait_for_timeout(8000)
            page.screenshot(path=DOCS / f"homeassistant-{name}.png", clip=SHOWN)
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
