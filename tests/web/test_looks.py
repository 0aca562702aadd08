"""The page in each state and on each screen: nothing is cut off, nobody is kept out.

The run keeps a picture of each in tests/web/pictures/, for people to look at.
"""

from __future__ import annotations

import re

import pytest

from eflexcan2mqtt.protocol.fields import FIELDS
from eflexcan2mqtt.protocol.limits import LIMITS
from tests.web.conftest import (
    PHONE,
    barriers,
    battery,
    findings,
    fits,
    looked_at,
    picture,
    until,
)

SCREENS = (320, 390, 768, 920, 1280, 1920)
SCHEMES = ("light", "dark")
EDGES = (320, 359, 360, 639, 640, 899, 900, 1179, 1180, 1599, 1600, 2560)
"""Widths at which the layout changes, and the narrowest and the widest screen."""

FAULTY = "missing:9@20s, relay_open:3@10s, cell_low:3:12@10s, hot:5@10s"

ALL = (
    "alarm1:1@1s, alarm2:2@1s, alarm3:3@1s, relay_open:4@1s, missing:5@1s, voltage:6@1s, hot:7@1s, "
    "cold:8@1s, hot_probe:9@1s, cell_low:10:3@1s, cell_high:11:16@1s, soc:12@1s, share:13@1s, "
    "lossy:1%@1s"
)
NOT_BY_FAULTS = {"stale", "two_batteries", "broker_away", "cell_spread_full", "share_high"}


@pytest.fixture
def healthy(opens, shown):
    page = opens(shown("--input", "simulator:14"), PHONE)
    battery(page, 14).wait_for()
    return page


@pytest.fixture
def faulty(opens, shown):
    arguments = ("--input", "simulator:14", "--speed", "30", "--faults", FAULTY)
    page = opens(shown(*arguments), PHONE)
    until(page, lambda: len(findings(page)) == 4)
    return page


def test_a_healthy_bank(healthy):
    assert findings(healthy) == []
    on_every_screen(healthy, "healthy")
    with looked_at(healthy, 390, "dark"):
        assert healthy.locator("#batteries").bounding_box()["height"] < 1200


def test_a_faulty_bank(faulty):
    on_every_screen(faulty, "faulty")
    for width, height in ((390, 844), (390, 664)):  # a phone, and without the browser's bars
        with looked_at(faulty, width, "dark", height):
            last = faulty.locator(".finding").last.bounding_box()
            charge = faulty.locator("#soc").bounding_box()
            assert last["y"] + last["height"] < charge["y"] + charge["height"] < height
    *cold, hot = [words for _, words in findings(faulty)[:3]]
    assert cold == [
        "Battery 3: the charge and discharge relays are open",
        "Battery 9: no reading, while others send",
    ]
    assert re.fullmatch(r"Battery 5: probe 6 has \d+ °C", hot)


def on_every_screen(page, name):
    for width in SCREENS:
        for scheme in SCHEMES:
            with looked_at(page, width, scheme):
                picture(page, f"{name}-{width}-{scheme}")
    for width in EDGES:
        with looked_at(page, width, "light"):
            assert fits(page), width
    for width, scheme in ((390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")):
        with looked_at(page, width, scheme):
            assert barriers(page) == []


def test_a_wall_screen_shows_14_batteries_without_scrolling(healthy):
    with looked_at(healthy, 1920, "dark", 1080):
        last = battery(healthy, 14).bounding_box()
        assert last["y"] + last["height"] < 1080


def test_what_is_touched_is_as_large_as_a_finger(faulty):
    with looked_at(faulty, 390, "light"):
        battery(faulty, 3).get_by_role("link").click()
        faulty.get_by_role("button", name="Close").wait_for()
        small = faulty.evaluate(
            """[...document.querySelectorAll("a, button")].filter(each => each.checkVisibility())
               .map(each => [each, (each.matches(".open") ? each.closest("li") : each)
                 .getBoundingClientRect()])
               .filter(([, box]) => box.height < 44 || box.width < 44)
               .map(([each]) => each.innerText)"""
        )
        assert small == []


def test_an_open_battery(faulty):
    battery(faulty, 3).get_by_role("link").click()
    faulty.get_by_role("region", name="Battery 3", exact=True).wait_for()
    for width in (320, 390, 920, 1280, 1920):
        with looked_at(faulty, width, "dark"):
            picture(faulty, f"battery-{width}", full=True)
            assert fits(faulty), width
    for scheme in SCHEMES:
        with looked_at(faulty, 390, scheme):
            assert barriers(faulty) == []


def test_everything_is_printed_on_one_page(faulty):
    faulty.wait_for_timeout(500)
    pdf = faulty.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1


def test_everything_that_can_need_attention(opens, shown):
    arguments = ("--input", "simulator:15", "--speed", "300", "--faults", ALL)
    page = opens(shown(*arguments), PHONE)
    kinds = {each.kind for each in LIMITS} - NOT_BY_FAULTS
    until(page, lambda: kinds <= seen(page))
    more = page.get_by_role("button", name=re.compile(r"Show \d+ more"))
    visible = page.locator(".finding:visible")
    assert visible.count() == 5
    picture(page, "everything-390")
    more.click()
    # Some come and go while they are counted.
    until(page, lambda: visible.count() == len(findings(page)) >= len(kinds))
    for width, scheme in ((390, "light"), (1280, "dark")):
        with looked_at(page, width, scheme):
            picture(page, f"everything-{width}-{scheme}", full=True)
            assert fits(page)
            assert barriers(page) == []


def seen(page):
    return set(page.evaluate("findings().map(each => each.kind)"))


@pytest.mark.parametrize(
    ("batteries", "stage"), [(1, "documented"), (3, "extended"), (15, "experimental")]
)
def test_a_bank_of_any_size_shows_all_fields_whatever_the_array_has(opens, shown, batteries, stage):
    settings = f"[mqtt]\nfields = {stage}\n"
    page = opens(shown("--input", f"simulator:{batteries}", settings=settings), PHONE)
    battery(page, batteries).wait_for()
    for width in (390, 1920):
        with looked_at(page, width, "light"):
            picture(page, f"batteries-{batteries}-{width}")
            assert fits(page)
    battery(page, 1).get_by_role("link").click()
    page.locator(".detail tbody tr").last.wait_for()
    assert page.locator(".detail tbody tr").count() == len(FIELDS)


def test_no_bus_has_its_reason_and_the_next_step_instead_of_empty_tiles(opens, shown):
    page = opens(shown("--input", "can:can77"), PHONE)
    until(page, lambda: any(words.startswith("can77: ") for _, words in findings(page)))
    # A kernel without CAN has another reason; the next step is about the adapter anyway.
    reason = page.locator("#findings").inner_text()
    assert "adapter" in reason
    assert "`" not in reason  # a command looks like one
    assert not page.locator("#bank").is_visible()
    assert not page.locator("#cells").is_visible()
    for width in (390, 1280):
        with looked_at(page, width, "dark"):
            picture(page, f"no-bus-{width}")
            assert fits(page)
            assert barriers(page) == []
    until(page, lambda: findings(page)[0][0] == "problem")
    assert len(findings(page)) == 1


def test_with_a_password_everything_needs_it(opens, shown, tmp_path):
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    url = shown("--input", "simulator:2", settings=f"password_file = {tmp_path}/password\n")
    page = opens(url, PHONE, http_credentials={"username": "eflex", "password": "secret"})
    battery(page, 2).wait_for()
    assert page.locator("#live").inner_text().startswith("Live ")
