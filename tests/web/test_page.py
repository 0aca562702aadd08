"""The page in a real browser shows what is published, and says when it is old."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import time
import urllib.request
from datetime import datetime, timezone
from types import SimpleNamespace

import pytest

from eflexcan2mqtt.protocol.fields import FIELDS
from tests.support.bank_on_a_pipe import BATTERIES, Fed, readings
from tests.support.broker import Broker, free_port, wait_until
from tests.support.old_release import has_history, old_release
from tests.support.program import mqtt_ini
from tests.web.conftest import PHONE, WALL, answers, battery, findings, picture, until

MINUS = "\N{MINUS SIGN}"
GONE = ["problem", "The bridge does not answer: these values are old."]


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """A bridge with a page, its bank and its broker."""
    folder = tmp_path_factory.mktemp("page")
    broker = Broker(folder).start()
    port = free_port()
    ini = mqtt_ini(folder, broker.port, fields="documented")
    ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\ntitle = Cabin\n")
    fed = Fed(ini).start()
    url = f"http://127.0.0.1:{port}"
    wait_until(lambda: answers(url), "the page")
    yield SimpleNamespace(fed=fed, broker=broker, url=url, said=readings())
    fed.kill()
    broker.kill()


@pytest.fixture
def page(opens, bank):
    opened = opens(bank.url)
    battery(opened, BATTERIES).wait_for()
    return opened


def marked(page):
    """The batteries that are marked in the list, and how."""
    return page.evaluate(
        """[...document.querySelectorAll("#batteries > li:is(.problem, .notice)")].map(each =>
             `${each.id} ${each.classList[0]}: ${each.querySelector(".words").textContent}`)"""
    )


def test_the_numbers_are_those_of_the_array(page, bank):
    for reading in bank.said:
        text = battery(page, reading["battery_number"]).inner_text().replace("\xa0", " ")
        assert f"{reading['battery_soc']} %" in text
        assert f"{reading['battery_voltage']:.1f} V" in text
        assert f"{reading['battery_current']:+.1f} A".replace("-", MINUS) in text
    text = page.locator("#bank").inner_text().replace("\xa0", " ")
    amps = sum(each["battery_current"] for each in bank.said)
    soc = sum(each["battery_soc"] for each in bank.said) / BATTERIES
    for part in (f"{amps:+.1f} A", f"{soc:.0f} %", f"{BATTERIES} of 15", "level 1", "Charging"):
        assert part in text


def test_it_says_when_the_bank_is_full_and_in_which_direction_power_flows(page):
    text = page.locator("#bank").inner_text().replace("\xa0", " ")
    assert re.search(r"\+[\d,]+ W\s+▲ Charging", text)
    assert re.search(r"↗ \+\d+\.\d %/h\s+Full in \d+ h \d+ min, at [\w ,]*\d\d:\d\d", text)
    assert f"+ is charging, {MINUS} is discharging" in text


def test_the_bank_has_its_name_and_the_page_its_version_age_and_links(page, bank):
    assert page.locator("h1").inner_text() == "Cabin"
    # An alarm is on the list after a cycle or two.
    until(page, lambda: page.title().endswith(" need attention \N{EN DASH} Cabin"))
    about = page.locator("footer").inner_text()
    assert re.search(
        r"eflexcan2mqtt [\d.]+, running for .* frames, .* last update \d\d:\d\d", about
    )
    for name in ("Health", "Metrics", "Latest readings"):
        path = page.get_by_role("link", name=name).get_attribute("href")
        assert urllib.request.urlopen(f"{bank.url}/{path}", timeout=5).status == 200


def test_without_a_history_it_says_what_would_keep_one(page):
    assert (
        "With [storage] directory in its settings it does." in page.locator("#history").inner_text()
    )
    assert not page.get_by_role("button", name="Week").is_visible()


def test_a_battery_opens_by_key_under_its_row_with_every_field(page, bank):
    """Also with ``fields = documented``, as here."""
    battery(page, 2).get_by_role("link").focus()
    page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Battery 2", exact=True)
    detail.wait_for()
    assert page.url == f"{bank.url}/#battery-2"
    assert page.evaluate("document.activeElement.innerText") == "Battery 2"
    assert battery(page, 2).locator(".detail").is_visible()
    assert detail.locator("tbody tr").count() == len(FIELDS)
    shown = json.loads(urllib.request.urlopen(f"{bank.url}/batteries.json").read())[1]
    text = re.sub(r"[\xa0\s]+", " ", detail.inner_text())
    assert f"Voltage battery_voltage {shown['battery_voltage']:.1f} V" in text
    assert "Charge relay charge_relay_status = Make Closed" in text
    assert "hypothesis: captures A and B" not in text
    page.get_by_role("button", name="What they mean").click()
    assert "hypothesis: captures A and B" in detail.inner_text()
    assert detail.locator(".bars li").count() == 16
    page.keyboard.press("Escape")
    detail.wait_for(state="detached")
    assert page.url == f"{bank.url}/"
    assert page.evaluate("document.activeElement.hash") == "#battery-2"


def test_the_browser_goes_back_from_a_battery_to_the_list(page):
    battery(page, 5).get_by_role("link").click()
    page.get_by_role("region", name="Battery 5", exact=True).wait_for()
    page.go_back()
    page.get_by_role("region", name="Battery 5", exact=True).wait_for(state="detached")


def test_an_address_with_a_battery_opens_it_in_view(opens, bank):
    for size in (PHONE, WALL):
        page = opens(f"{bank.url}/#battery-14", size)
        title = page.get_by_role("heading", name="Battery 14")
        title.wait_for()
        until(page, lambda: 0 <= (title.bounding_box() or {"y": -1})["y"] < size["height"] / 2)  # noqa: B023


def test_a_finding_opens_its_battery_by_key_and_says_what_to_do(page):
    link = page.get_by_role("link", name="Battery 4: the charge and discharge relays are open")
    link.focus()
    page.keyboard.press("Enter")
    detail = page.get_by_role("region", name="Battery 4", exact=True)
    detail.wait_for()
    assert "Look at its alarm and its voltage before you connect it again." in detail.inner_text()
    assert "Open" in detail.locator("tr", has_text="discharge_relay_status").inner_text()


def test_the_whole_page_is_used_with_the_keyboard(page):
    """Tab goes through all of it in the order in which it is read."""
    until(page, lambda: len(findings(page)) == 3)
    focused = []
    page.locator("body").focus()
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """(e => !e || e === document.body ? "" : e.getAttribute("href") || e.innerText)
               (document.activeElement)"""
        )
        if not name:
            break
        focused.append(name)
    assert focused == [
        *("#battery-4", "#battery-2", "#battery-4"),
        *("From the median", "Voltage"),
        *(f"#battery-{number}" for number in range(1, BATTERIES + 1)),
        *("health", "metrics", "batteries.json"),
    ]


def test_cells_are_shown_by_distance_or_by_voltage(page, bank):
    cell = battery(page, 1).locator(".strip i").first
    voltage = bank.said[0]["cell_voltages"][0]
    assert cell.inner_text() in ("", "+2", f"{MINUS}2")
    page.get_by_role("button", name="Voltage").click()
    assert cell.inner_text() == str(voltage)


def test_cells_are_marked_beyond_20_millivolts_and_not_by_colour_alone(page, bank):
    marks = page.locator(".strip b:not(:empty)")
    assert marks.count() == 0
    bank.fed.change(5, cell_voltages=[3330, *[3300] * 14, 3270])
    until(page, lambda: marks.count() == 2)
    assert marks.all_inner_texts() == ["▲", "▼"]
    assert battery(page, 5).locator(".strip i").last.inner_text().endswith(f"{MINUS}30")
    assert "60 mV" in battery(page, 5).locator(".spread").inner_text().replace("\xa0", " ")
    bank.fed.change(5)
    until(page, lambda: marks.count() == 0)


def test_a_stale_battery_looks_old_has_its_time_and_comes_back(page, bank):
    bank.fed.silent = {7}
    until(page, lambda: page.locator("#batteries > li.old").count() == 1)
    assert re.search(r"as of \d\d:\d\d:\d\d", battery(page, 7).inner_text())
    assert "14 of 15" in page.locator("#present").inner_text()
    picture(page, "stale-battery")
    bank.fed.silent = set()
    until(page, lambda: page.locator("#batteries > li.old").count() == 0)


def test_a_bank_at_rest_is_said_to_be_at_rest(page, bank):
    """As in the captures, where idle batteries send -0.3 A: together -4.5 A."""
    for number in range(1, BATTERIES + 1):
        bank.fed.change(number, battery_current=-0.3)
    until(page, lambda: "At rest" in page.locator("#bank").inner_text())
    assert "steady" in page.locator("#outlook").inner_text()
    picture(page, "at-rest")
    for number in range(1, BATTERIES + 1):
        bank.fed.change(number)
    until(page, lambda: "At rest" not in page.locator("#bank").inner_text())


def test_two_batteries_with_one_number_have_addresses_of_their_own(opens, bank):
    page = opens(bank.url, PHONE)
    bank.fed.change(9, battery_number=9, battery_id="2211054F9999")
    until(page, lambda: page.locator('[id^="battery-9-"]').count() == 2)
    page.locator("#battery-9-2211054F9999").get_by_role("link").click()
    page.get_by_role("region", name="Battery 9", exact=True).wait_for()
    assert "2211054F9999" in page.locator(".detail").inner_text()
    bank.fed.change(9)


def test_it_says_at_once_that_the_bridge_is_gone_and_recovers_by_itself(page, bank):
    bank.fed.kill()
    until(page, lambda: findings(page)[0] == GONE)
    assert page.locator("#batteries > li.old").count() == page.locator("#batteries > li").count()
    assert re.fullmatch(r"No answer as of \d\d:\d\d:\d\d", page.locator("#live").inner_text())
    assert re.search(r"as of \d\d:\d\d:\d\d", page.locator("#bank").inner_text())
    assert page.title() == "No answer \N{EN DASH} Cabin"
    picture(page, "bridge-gone")
    bank.fed.start()
    until(page, lambda: GONE not in findings(page))
    until(page, lambda: page.locator("#batteries > li.old").count() == 0)
    assert page.locator("#live").inner_text().startswith("Live ")


def test_it_says_that_the_broker_is_away(page, bank):
    bank.broker.kill()
    until(page, lambda: "The broker is away" in str(findings(page)))
    picture(page, "broker-away")
    bank.broker.start()
    until(page, lambda: "broker" not in str(findings(page)))


def test_it_says_that_the_bus_is_silent_and_that_all_values_are_old(page, bank):
    bank.fed.silent = set(range(1, BATTERIES + 1))
    silent = ["problem", "No reading from any battery"]
    until(page, lambda: silent in findings(page))
    assert page.locator("#batteries > li.old").count() == page.locator("#batteries > li").count()
    assert re.match(r"No readings as of \d\d:\d\d:\d\d", page.locator("#live").inner_text())
    assert re.search(r"as of \d\d:\d\d:\d\d", page.locator("#bank").inner_text())
    assert "`" not in page.locator("#findings").inner_text()
    assert "Is the bank on, and the cable plugged in?" in page.locator("#findings").inner_text()
    picture(page, "silent-bus")
    bank.fed.silent = set()
    until(page, lambda: silent not in findings(page))


def test_what_needs_attention_is_on_top_as_long_as_it_lasts(opens, shown):
    # A minute in two seconds: half a minute to look at both; the cell stays for ten minutes more,
    # before the current becomes so great that the spread of cells says nothing.
    faults = ("--speed", "30", "--faults", "relay_open:3@20s-15m, cell_low:2:12@30s-15m")
    page = opens(shown("--input", "simulator:3", *faults), PHONE)
    until(page, lambda: len(findings(page)) == 2)
    (worse, relays), (milder, cell) = findings(page)
    assert (worse, milder) == ("problem", "notice")
    assert relays == "Battery 3: the charge and discharge relays are open"
    low = r"Battery 2: cell 12 is 4\d\d mV below the median of its battery, the spread is 4\d\d mV"
    assert re.fullmatch(low, cell)
    assert marked(page) == ["battery-2 notice: cells apart", "battery-3 problem: relay open"]
    assert page.title() == "2 need attention \N{EN DASH} eFlex bank"
    assert "%23b3261e" in page.locator("#icon").get_attribute("href")
    status = page.locator("#news")
    assert "needs attention: Battery 2" in status.inner_text()
    until(page, lambda: len(findings(page)) == 1)
    assert status.inner_text() == f"needs attention no more: {relays}"
    assert page.title() == "1 needs attention \N{EN DASH} eFlex bank"
    until(page, lambda: findings(page) == [])
    assert marked(page) == []
    assert page.title() == "eFlex bank"
    assert page.locator("#attention").inner_text() == "Nothing needs attention"


def test_a_finding_has_its_time_and_from_another_day_its_date(browser, bank):
    with urllib.request.urlopen(f"{bank.url}/health", timeout=5) as answer:
        since = json.load(answer)["attention"][0]["since"]
    then = datetime.fromtimestamp(since, timezone.utc)
    looked_at = {
        then: "since %H:%M",
        then.replace(day=1, month=then.month % 12 + 1): f"since {then.day} %b, %H:%M",
        then.replace(day=1, year=then.year + 1): f"since {then.day} %b %Y, %H:%M",
    }
    for now, shown in looked_at.items():
        page = browser.new_page(timezone_id="UTC")
        page.clock.set_fixed_time(now)
        page.goto(bank.url)
        assert page.locator(".finding .since").first.inner_text() == then.strftime(shown)
        page.close()


def test_the_first_paint_with_15_batteries(opens, bank):
    begun = time.monotonic()
    battery(opens(bank.url), BATTERIES).wait_for()
    print(f"\n15 batteries on the screen after {time.monotonic() - begun:.2f} s")


@pytest.fixture
def old_page(tmp_path):
    """The page of 1.2.0 with a simulated bank."""
    port = free_port()
    ini = mqtt_ini(tmp_path, free_port())  # it has no page without a broker, or the hope for one
    ini.write_text(ini.read_text() + f"[web]\nlisten = 127.0.0.1:{port}\n")
    program = old_release("1.2.0", tmp_path) / "eflexcan2mqtt" / "eflexcan2mqtt"
    process = subprocess.Popen(
        [program, "-c", ini, "--input", "simulator:14"],
        stderr=subprocess.DEVNULL,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), "the page of 1.2.0")
        yield url
    finally:
        process.kill()
        process.wait()


@pytest.mark.skipif(not has_history(), reason="the history of the project is not here")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="its release runs elsewhere")
def test_to_look_at_it_costs_at_most_twice_of_what_the_page_of_1_2_0_costs(opens, shown, old_page):
    """Both show such a bank in one browser, side by side."""
    pages = [opens(url) for url in (shown("--input", "simulator:14"), old_page)]
    sessions = [page.context.new_cdp_session(page) for page in pages]
    for each in sessions:
        # Processor time: what else the machine does is none of a page's cost.
        each.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy(session):
        metrics = session.send("Performance.getMetrics")["metrics"]
        return next(each["value"] for each in metrics if each["name"] == "TaskDuration")

    pages[0].wait_for_timeout(5_000)
    before = [busy(each) for each in sessions]
    pages[0].wait_for_timeout(20_000)
    ours, theirs = (busy(each) - then for each, then in zip(sessions, before, strict=True))
    print(f"\nthe page takes {ours / 20:.1%} of a core while open, that of 1.2.0 {theirs / 20:.1%}")
    assert ours < 2 * theirs
