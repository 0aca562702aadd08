"""The page in a real browser shows what is published, on every screen, and says when it is old."""

from __future__ import annotations

import json
import os
import re
import time
import urllib.request
from datetime import datetime, timezone
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


def findings(page):
    """The lines above the tiles: severity and sentence of each."""
    return page.evaluate(
        """[...document.querySelectorAll(".finding")].map(each =>
             [".severity", ".sentence"].map(part => each.querySelector(part).innerText))"""
    )


def marked(page):
    """The batteries that are marked in the list, and how."""
    signs = page.locator("#batteries > li:has(.sign:visible)")
    texts = [each.get_attribute("aria-label") for each in signs.locator("button").all()]
    return [re.sub("Battery (\\d+), .*, needs attention: ", r"\1 ", each) for each in texts]


def open_once_it_listens(page, port):
    for _ in range(50):
        try:
            page.goto(f"http://127.0.0.1:{port}")
            break
        except Error:
            page.wait_for_timeout(200)


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
    assert page.title() == "No answer \N{EN DASH} eFlex batteries"
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
    silent = ["Problem", "No reading from any battery"]
    until(page, lambda: silent in findings(page))
    until(page, lambda: page.locator(".battery.stale").count() == BATTERIES)
    assert trouble(page) == ""  # it is said once
    bank.fed.silent = set()
    until(page, lambda: silent not in findings(page))


def test_it_says_why_there_is_no_bus_and_what_to_do(browser, start, tmp_path):
    port = free_port()
    ini = tmp_path / "page.ini"
    ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    start("-c", ini, "--input", "can:can77", "--output", "web")
    page = browser.new_page()
    open_once_it_listens(page, port)
    until(page, lambda: any(sentence.startswith("can77: ") for _, sentence in findings(page)))
    assert trouble(page) == ""
    page.close()


def test_what_needs_attention_is_above_the_tiles_as_long_as_it_lasts(browser, start, tmp_path):
    port = free_port()
    ini = tmp_path / "page.ini"
    ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n")
    # A minute in a second; the cell stays on the list for ten minutes more.
    faults = ("--speed", "60", "--faults", "relay_open:3@20s-15m, cell_low:7:12@30s-15m")
    start("-c", ini, "--input", "simulator:7", *faults, "--output", "web")
    page = browser.new_page(viewport=PHONE)
    open_once_it_listens(page, port)
    page.wait_for_selector(".battery")
    until(page, lambda: len(findings(page)) == 2)
    (worse, relays), (milder, cell) = findings(page)
    assert (worse, milder) == ("Problem", "Notice")
    assert relays == "Battery 3: the charge and discharge relays are open"
    low = r"Battery 7: cell 12 is 4\d\d mV below the median of its battery, the spread is 4\d\d mV"
    assert re.fullmatch(low, cell)
    assert marked(page) == ["3 problem", "7 notice"]
    assert page.title() == "2 need attention \N{EN DASH} eFlex batteries"
    status = page.locator("#news")
    assert "needs attention: Battery 7" in status.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    until(page, lambda: len(findings(page)) == 1)
    assert status.inner_text() == f"needs attention no more: {relays}"
    assert marked(page) == ["7 notice"]
    assert page.title() == "1 needs attention \N{EN DASH} eFlex batteries"
    until(page, lambda: findings(page) == [])
    assert marked(page) == []
    assert page.title() == "eFlex batteries"
    assert not page.locator("#attention").is_visible()
    page.close()


def test_a_finding_opens_its_battery_by_key(page):
    link = page.get_by_role("link", name="Battery 4: the charge and discharge relays are open")
    link.focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name=re.compile("^Battery 4,")).wait_for()
    assert page.evaluate("document.activeElement.id") == "detail"
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.ariaLabel").startswith("Battery 4,")


def test_a_finding_has_its_time_and_from_another_day_its_date(browser, bank):
    with urllib.request.urlopen(f"{bank.url}/health", timeout=5) as answer:
        since = json.load(answer)["attention"][0]["since"]
    then = datetime.fromtimestamp(since, timezone.utc)
    looked_at = {
        then: "since %H:%M",
        then.replace(day=1, month=then.month % 12 + 1): f"since %b {then.day}, %H:%M",
        then.replace(day=1, year=then.year + 1): f"since %b {then.day}, %Y, %H:%M",
    }
    for now, shown in looked_at.items():
        page = browser.new_page(timezone_id="UTC", locale="en-US")
        page.clock.set_fixed_time(now)
        page.goto(bank.url)
        assert page.locator(".finding .since").first.inner_text() == then.strftime(shown)
        page.close()


@pytest.mark.parametrize("size", [PHONE, WALL], ids=["phone", "wall"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_every_screen_without_scrolling_sideways(browser, bank, size, scheme):
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(bank.url)
    page.wait_for_selector(".battery")
    page.wait_for_selector(".finding")
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
