"""The page in a real browser shows what is published, on every screen, and says when it is old."""

from __future__ import annotations

import json
import os
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from playwright.sync_api import Error, sync_playwright

from eflexcan2mqtt.protocol.fields import FIELDS
from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import Broker, free_port, wait_until
from tests.support.program import mqtt_ini

CHROMIUM = "/usr/bin/chromium"
PHONE = {"width": 390, "height": 844}
WALL = {"width": 1920, "height": 1080}
SOON_S = 40.0


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """A bridge with a page, its bank and its broker."""
    folder = tmp_path_factory.mktemp("page")
    broker = Broker(folder).start()
    port = free_port()
    ini = mqtt_ini(folder, broker.port, fields="extended")
    ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\n")
    fed = Fed(ini).start()
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(url), "the first cycle")
    yield SimpleNamespace(fed=fed, broker=broker, url=url, said=readings())
    fed.kill()
    broker.kill()


def answers(url):
    try:
        return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser, bank):
    """The page, opened; it must not have complained in the end."""
    opened = browser.new_page(viewport=WALL)
    complaints = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "console",
        lambda message: complaints.append(message.text) if message.type == "error" else None,
    )
    opened.set_default_timeout(SOON_S * 1000)
    opened.goto(bank.url)
    opened.wait_for_selector(".battery")
    opened.complaints = complaints
    yield opened
    opened.close()
    # The browser itself notes each attempt to reach a daemon that is gone.
    assert [
        each for each in complaints if "ERR_CONNECTION" not in each and "ERR_INCOMPLETE" not in each
    ] == []


def until(page, condition):
    """Let the page run until something holds; its policy forbids to wait inside of it."""
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, trouble(page)
        page.wait_for_timeout(100)


def trouble(page):
    return page.locator("#trouble").inner_text()


def strip(page, number):
    return page.locator(".battery", has=page.get_by_text(f"#{number}", exact=True))


def test_the_numbers_are_those_of_the_array(page, bank):
    for reading in bank.said:
        text = strip(page, reading["battery_number"]).inner_text()
        assert f"{reading['battery_soc']} %" in text
        assert f"{reading['battery_voltage']:.1f} V" in text
        assert f"{reading['battery_current']:.1f} A" in text
    tiles = page.locator("#bank").inner_text()
    amps = sum(each["battery_current"] for each in bank.said)
    soc = sum(each["battery_soc"] for each in bank.said) / BATTERIES
    for text in (f"{amps:.1f} A", f"{soc:.1f} %", f"{BATTERIES} of 15", "level 1", "charging"):
        assert text in tiles


def test_open_relays_and_alarms_are_shown_in_words(page):
    text = strip(page, 4).inner_text()
    assert "charge, discharge open" in text
    assert "level 1: relays open" in text
    assert "level 3, mild" in strip(page, 3).inner_text()


def test_a_battery_opens_by_key_and_shows_every_field_with_unit_and_meaning(page, bank):
    strip(page, 2).focus()
    page.keyboard.press("Enter")
    detail = page.locator("#detail")
    detail.wait_for(state="visible")
    rows = detail.locator("tbody tr")
    shown = json.loads(urllib.request.urlopen(f"{bank.url}/batteries.json").read())[1]
    assert rows.count() == len(shown) == len(FIELDS)
    assert "hypothesis: captures A and B" in detail.inner_text()
    assert "state of charge" in detail.inner_text()
    assert f"{shown['battery_voltage']:g} V" in detail.inner_text()
    assert detail.locator("#bars rect").count() == 16
    page.keyboard.press("Escape")
    detail.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.className").startswith("battery")


def test_a_stale_battery_greys_with_its_age_and_comes_back(page, bank):
    bank.fed.silent = {7}
    until(page, lambda: page.locator(".battery.stale").count() == 1)
    assert "s ago" in strip(page, 7).inner_text()
    assert "14 of 15" in page.locator("#bank").inner_text()
    bank.fed.silent = set()
    until(page, lambda: page.locator(".battery.stale").count() == 0)


def test_it_says_at_once_that_the_bridge_is_gone_and_recovers_by_itself(page, bank):
    bank.fed.kill()
    until(page, lambda: "not answer" in trouble(page))
    assert page.locator(".battery.stale").count() == BATTERIES
    bank.fed.start()
    until(page, lambda: trouble(page) == "")
    assert page.locator(".battery.stale").count() == 0


def test_it_says_that_the_broker_is_away(page, bank):
    bank.broker.kill()
    until(page, lambda: "broker" in trouble(page))
    bank.broker.start()
    until(page, lambda: trouble(page) == "")


def test_it_says_that_the_bus_is_silent(page, bank):
    bank.fed.silent = set(range(1, BATTERIES + 1))
    until(page, lambda: "No frames from any battery" in trouble(page))
    assert page.locator(".battery.stale").count() == BATTERIES
    bank.fed.silent = set()
    until(page, lambda: trouble(page) == "")


def test_it_says_why_there_is_no_bus_and_what_to_do(browser, start, tmp_path):
    port = free_port()
    ini = tmp_path / "page.ini"
    ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    start("-c", ini, "--input", "can:can77", "--output", "web")
    page = browser.new_page()
    for _ in range(50):
        try:
            page.goto(f"http://127.0.0.1:{port}")
            break
        except Error:  # it does not listen yet
            page.wait_for_timeout(200)
    until(page, lambda: trouble(page).startswith("can77: "))
    page.close()


@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_without_scrolling_sideways(browser, bank, size, scheme):
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(bank.url)
    page.wait_for_selector(".battery")
    strip(page, 1).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    if folder := os.environ.get("EFLEX_SCREENSHOTS"):
        page.keyboard.press("Escape")
        page.wait_for_timeout(1500)
        name = "phone" if size is PHONE else "wall"
        page.screenshot(path=Path(folder) / f"page-{name}-{scheme}.png")
    page.close()


def test_the_cells_are_marked_beyond_20_millivolts_and_not_by_colour_alone(page, bank):
    marked = page.locator(".cells i", has_text="▼")
    spread = [max(each["cell_voltages"]) - min(each["cell_voltages"]) for each in bank.said]
    assert max(spread) < 20
    assert marked.count() == 0
    bank.fed.change(5, cell_voltages=[3330, *[3300] * 14, 3270])
    until(page, lambda: marked.count() == 1)
    cells = strip(page, 5).locator(".cells i")
    assert [cells.nth(place).inner_text() for place in (0, 1, 15)] == ["▲", "", "▼"]
    bank.fed.change(5)
    until(page, lambda: marked.count() == 0)


def test_a_bank_at_rest_is_said_to_be_at_rest(page, bank):
    """As in the captures, where idle batteries send -0.3 A: together -4.5 A."""
    for number in range(1, BATTERIES + 1):
        bank.fed.change(number, battery_current=-0.3)
    until(page, lambda: "at rest" in page.locator("#bank").inner_text())
    for number in range(1, BATTERIES + 1):
        bank.fed.change(number)
    until(page, lambda: "at rest" not in page.locator("#bank").inner_text())


def test_the_first_paint_with_15_batteries_and_the_cost_of_being_looked_at(browser, bank):
    """Printed; the limit is far above what a quiet machine takes."""
    page = browser.new_page(viewport=WALL)
    begun = time.monotonic()
    page.goto(bank.url)
    page.locator(".battery").nth(BATTERIES - 1).wait_for()
    print(f"\n15 batteries on the screen after {time.monotonic() - begun:.2f} s")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def busy():
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    before = busy()
    page.wait_for_timeout(10_000)
    share = (busy() - before) / 10
    print(f"the page takes {share:.1%} of a core while open")
    assert share < 0.5
    page.close()
