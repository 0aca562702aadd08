"""The pictures of README and docs, of a real Home Assistant with the simulated bank.

Called by ``make ha-screenshots``; needs Debian's chromium.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml
from playwright.sync_api import Page, sync_playwright

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.energy import Energy
from eflexcan2mqtt.settings.energy import EnergySettings
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.support.broker import Broker
from tests.support.program import MAIN, mqtt_ini

from .asked import eventually, registry
from .hass import Hass
from .websocket import ask

HOME = Path(__file__).parents[2]
DOCS = HOME / "docs"
BATTERIES = 14
IN, OUT = "sensor.eflex_bank_energy_in", "sensor.eflex_bank_energy_out"
WIDE = {"width": 1280, "height": 900}
DEVICE = {"width": 700, "height": 1080}
SETTLE_S = 8
LOAD_S = 90
HISTORY_S = 60
STEP_S = 4.0


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker(folder).start()
        ini = mqtt_ini(folder, broker.port, fields="extended")
        ini.write_text(ini.read_text() + "[homeassistant]\ndiscovery = yes\ncells = enabled\n")
        parts = ("frontend", "history", "recorder", "energy")
        hass = Hass(folder / "hass", *parts).start()
        hass.add_mqtt(broker.port)
        arguments = ["-c", ini, "--input", f"simulator:{BATTERIES}", "--speed", "20"]
        bridge = subprocess.Popen([sys.executable, MAIN, *arguments])
        try:
            eventually(lambda: hass.state(IN) not in (None, "unknown"), "energy")
            prepare(hass)
            time.sleep(HISTORY_S)
            take(hass)
        finally:
            bridge.terminate()
            bridge.wait()
            hass.stop()
            broker.kill()


def prepare(hass: Hass) -> None:
    """The dashboard of the examples, and the Energy dashboard with a day of the simulated bank."""
    dashboard = yaml.safe_load((HOME / "examples/homeassistant-dashboard.yaml").read_text())
    path = "eflex-bank"
    settings = {"url_path": path, "title": "Batteries", "mode": "storage"}
    ask(hass, "lovelace/dashboards/create", **settings)
    ask(hass, "lovelace/config/save", url_path=path, config=dashboard)
    source: dict[str, Any] = {
        "type": "battery",
        "stat_energy_from": OUT,
        "stat_energy_to": IN,
        "power_config": {"stat_rate_inverted": "sensor.eflex_bank_power"},
        "stat_soc": "sensor.eflex_bank_soc",
        "capacity": 5.4 * BATTERIES,
        "name": "eFlex bank",
    }
    ask(hass, "energy/save_prefs", energy_sources=[source])
    for entity, values in day().items():
        metadata = {
            "has_mean": False,
            "mean_type": 0,
            "has_sum": True,
            "name": None,
            "source": "recorder",
            "statistic_id": entity,
            "unit_class": "energy",
            "unit_of_measurement": "kWh",
        }
        ask(hass, "recorder/import_statistics", metadata=metadata, stats=values)


def day() -> dict[str, list[dict[str, Any]]]:
    """The hours of today so far, as the simulated bank spends them."""
    now = datetime.now(timezone.utc)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    energy = Energy(EnergySettings.dead_band)
    bank = Bank(BATTERIES, seed=1)
    found: dict[str, list[dict[str, Any]]] = {IN: [], OUT: []}
    seconds = 0.0
    for hour in range(now.hour):
        while seconds < (hour + 1) * 3600:
            seconds += STEP_S
            blocks = enumerate(bank.step(STEP_S), 1)
            energy.cycle(
                [decode(Record(number, *both, seconds)) for number, both in blocks], seconds
            )
        start = (midnight + timedelta(hours=hour)).isoformat()
        totals = energy.session.bank
        for entity, value in ((IN, totals.energy_in), (OUT, totals.energy_out)):
            found[entity].append({"start": start, "state": value, "sum": value})
    return found


def take(hass: Hass) -> None:
    """Open the pages and save what they look like."""
    tokens = {
        **hass.tokens,
        "hassUrl": hass.url,
        "clientId": f"{hass.url}/",
        "expires": int((time.time() + 1700) * 1000),
    }
    battery = next(
        name
        for name in sorted(registry(hass))
        if name.endswith("_battery_soc") and "bank" not in name
    )
    devices = {
        "bank": "sensor.eflex_bank_soc",
        "battery": registry(hass)[battery]["entity_id"],
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=WIDE)
        stored = json.dumps(json.dumps(tokens))
        page.add_init_script(
            f"localStorage.setItem('hassTokens', {stored});"
            "localStorage.setItem('dockedSidebar', '\"always_hidden\"')"
        )
        for name, entity in devices.items():
            device = hass.render(f"{{{{ device_id('{entity}') }}}}")
            page.set_viewport_size(DEVICE)
            show(page, f"{hass.url}/config/devices/device/{device}", "ha-device-entities-card")
            page.screenshot(path=DOCS / f"homeassistant-{name}.png")
        page.set_viewport_size(WIDE)
        show(page, f"{hass.url}/eflex-bank/bank", "hui-card")
        page.screenshot(path=DOCS / "homeassistant-dashboard.png")
        show(page, f"{hass.url}/energy", "hui-card")
        page.screenshot(path=DOCS / "homeassistant-energy.png")
        browser.close()


def show(page: Page, url: str, card: str) -> None:
    """Open a page, and wait until it is drawn."""
    page.goto(url)
    page.locator(f"{card}:visible").first.wait_for(timeout=LOAD_S * 1000)
    page.wait_for_timeout(SETTLE_S * 1000)


if __name__ == "__main__":
    sys.exit(main())
