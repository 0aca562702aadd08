"""What began and ended, on the charts and below them; and fingers on the charts."""

from __future__ import annotations

import time
from datetime import datetime

import pytest

from eflexcan2mqtt.protocol.events import ALARM, ATTENTION, MISSING, RELAY, HistoryEvent
from eflexcan2mqtt.protocol.limits import LIMITS
from eflexcan2mqtt.sinks.history.past import MOST_EVENTS
from tests.web.conftest import (
    PHONE,
    WALL,
    barriers,
    battery,
    box_of,
    drawn,
    fits,
    label,
    looked_at,
    picture,
    until,
)
from tests.web.kept import bank_before, keep

HOURS = 26
NOW = int(time.time())
RELAY_AT = NOW - 7 * 3600
FEW = (
    HistoryEvent(NOW - 12 * 3600, 5, MISSING, 1, "no reading, while others send"),
    HistoryEvent(NOW - 11 * 3600, 5, MISSING, 0, "no reading, while others send"),
    HistoryEvent(RELAY_AT, 5, RELAY, 1, "relays: charge open"),
    HistoryEvent(RELAY_AT + 7200, 5, RELAY, 0, "relays: closed"),
    HistoryEvent(NOW - 4 * 3600, 2, ALARM, 1, "alarm words: level 2: 0x0040, level 3: 0x0001"),
    HistoryEvent(NOW - 2 * 3600, 0, ATTENTION, 0, "no connection to the broker"),
)


@pytest.fixture
def served(shown, tmp_path):
    """Starts a page whose history has these events; its address."""

    def served(events):
        folder = tmp_path / "storage"
        folder.mkdir()
        keep(folder, bank_before(HOURS, batteries=5), HOURS, events)
        return shown("--input", "simulator:5", settings=f"[storage]\ndirectory = {folder}\n")

    return served


def lines(where, name="Events, the latest first"):
    """A list as it is read."""
    return where.get_by_role("list", name=name).get_by_role("listitem").all_inner_texts()


def at(moment):
    """As the page writes a time of today or of another day."""
    then = datetime.fromtimestamp(moment)
    day = "" if then.date() == datetime.now().date() else f"{then.day} {then:%b}, "
    return f"{day}{then:%H:%M:%S}"


def ink(page, colour):
    """How many points of the bank's chart have this colour of the style."""
    return page.evaluate(
        """name => {
             const canvas = document.querySelector("#history canvas");
             const {width, height} = canvas, made = document.createElement("canvas");
             Object.assign(made, {width, height});
             const own = made.getContext("2d", {willReadFrequently: true});
             own.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name);
             own.fillRect(0, 0, 1, 1);
             const [red, green, blue] = own.getImageData(0, 0, 1, 1).data;
             own.clearRect(0, 0, 1, 1);
             own.drawImage(canvas, 0, 0);
             const {data} = own.getImageData(0, 0, width, height);
             let found = 0;
             for (let at = 0; at < data.length; at += 4)
               if (data[at] === red && data[at + 1] === green && data[at + 2] === blue) found++;
             return found;
           }""",
        colour,
    )


def place(page, moment):
    """Where a time is on the bank's chart of a day, and the middle of its height."""
    over = box_of(page, page.locator("#history .u-over"))
    share = 1 - (time.time() - moment) / 86_400
    return over["x"] + over["width"] * share, over["y"] + over["height"] / 2


def test_the_bank_lists_the_latest_events_and_the_earlier_ones_when_asked(opens, served):
    page = opens(served(FEW), PHONE)
    drawn(page)
    bank = page.locator("#history")
    assert lines(bank) == [
        f"{at(NOW - 2 * 3600)} ended: no connection to the broker",
        f"{at(NOW - 4 * 3600)} battery 2: alarm words: level 2: 0x0040, level 3: 0x0001",
        f"{at(RELAY_AT + 7200)} battery 5: relays: closed",
    ]
    bank.get_by_text("3 earlier").press("Enter")
    assert lines(bank, "Earlier events") == [
        f"{at(RELAY_AT)} battery 5: relays: charge open",
        f"{at(NOW - 11 * 3600)} battery 5: ended: no reading, while others send",
        f"{at(NOW - 12 * 3600)} battery 5: no reading, while others send",
    ]
    assert bank.locator("summary").bounding_box()["height"] >= 44
    for width in (320, 390, 1280):
        for scheme in ("light", "dark"):
            with looked_at(page, width, scheme):
                page.wait_for_timeout(300)
                picture(page, f"events-{width}-{scheme}", full=True)
                assert fits(page), width
                assert barriers(page) == []


def test_a_battery_lists_only_its_own_events(opens, served):
    page = opens(f"{served(FEW)}/#battery-5", WALL)
    drawn(page, ".detail")
    assert lines(battery(page, 5))[0] == f"{at(RELAY_AT + 7200)} relays: closed"
    assert lines(battery(page, 5), "Earlier events") == []  # until it is opened
    battery(page, 5).get_by_text("1 earlier").click()
    assert len(lines(battery(page, 5), "Earlier events")) == 1
    for width, scheme in ((390, "dark"), (1280, "light")):
        with looked_at(page, width, scheme):
            page.wait_for_timeout(300)
            picture(page, f"battery-events-{width}-{scheme}", full=True)
            assert fits(page)
            assert barriers(page) == []


def test_without_events_there_is_no_list_and_no_mark(opens, served):
    page = opens(served([]), WALL)
    drawn(page)
    assert not page.locator("#history .events").first.is_visible()
    assert not page.locator("#history summary").is_visible()
    assert (ink(page, "--warn"), ink(page, "--good")) == (0, 0)


def test_what_begins_and_what_ends_is_marked_and_read_at_the_cursor(opens, served):
    page = opens(served(FEW), WALL)
    drawn(page)
    assert ink(page, "--warn") > 3 * 200  # lines over the height
    assert ink(page, "--good") > 3 * 50  # dashed
    x, y = place(page, RELAY_AT)
    page.mouse.move(x - 60, y)
    said = page.locator("#history .said")
    assert said.inner_text() == ""
    page.mouse.move(x, y)
    assert said.inner_text() == f"{at(RELAY_AT)} battery 5: relays: charge open"
    picture(page, "event-read")


def test_of_many_events_the_page_says_how_many_there_are(opens, served):
    many = [
        HistoryEvent(NOW - 3600 - each, 1, RELAY, each % 2, "relays: closed")
        for each in range(MOST_EVENTS + 1234)
    ]
    page = opens(served(many), PHONE)
    drawn(page)
    page.get_by_text("1,731 earlier").click()
    earlier = lines(page.locator("#history"), "Earlier events")
    assert len(earlier) == MOST_EVENTS - 3 + 1
    assert earlier[-1] == "and 1,234 more"
    assert page.locator("#history details").bounding_box()["height"] < 400
    x, y = place(page, NOW - 3600 - 200)
    page.mouse.move(x, y)
    assert "more" in page.locator("#history .said").inner_text().splitlines()[3]
    with looked_at(page, 320, "light"):
        picture(page, "many-events-320", full=True)
        assert fits(page)
        assert barriers(page) == []


def test_a_finger_selects_sideways_and_scrolls_upwards(opens, served):
    page = opens(served(FEW), PHONE, has_touch=True)
    drawn(page)
    page.locator("#history .u-over").scroll_into_view_if_needed()
    devtools = page.context.new_cdp_session(page)

    def moves(points):
        """A finger goes down at the first point, along the others, and up."""
        kinds = ["touchStart", *["touchMove"] * (len(points) - 1)]
        for kind, (x, y) in zip(kinds, points, strict=True):
            touches = [{"x": x, "y": y}]
            devtools.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
            page.wait_for_timeout(20)
        devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    whole, scrolled = label(page), page.evaluate("scrollY")
    x, y = place(page, RELAY_AT)
    page.touchscreen.tap(x, y)
    assert "relays: charge open" in page.locator("#history .said").inner_text()
    assert label(page) == whole

    moves([(x + step / 10, y - step) for step in range(0, 130, 10)])
    until(page, lambda: page.evaluate("scrollY") > scrolled + 60)
    assert label(page) == whole
    assert page.locator("#history .u-select").bounding_box()["width"] == 0

    x, y = place(page, RELAY_AT)
    moves([(x + step, y + step / 10) for step in range(-40, 60, 10)])
    until(page, lambda: label(page) != whole)
    assert lines(page.locator("#history"))[-1].endswith("battery 5: relays: charge open")
    page.get_by_role("button", name="Whole range").tap()
    until(page, lambda: label(page)[:40] == whole[:40])


def test_a_battery_says_in_plain_words_what_is_wrong(opens, shown):
    arguments = ("--input", "simulator:3", "--speed", "30", "--faults", "relay_open:3@10s")
    page = opens(shown(*arguments), PHONE)
    words = battery(page, 3).locator(".words")
    until(page, words.inner_text)
    [label] = [each.label for each in LIMITS if each.kind == "relay_open"]
    assert words.inner_text() == label
