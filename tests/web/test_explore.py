"""The page of the command explore: a file, without a bridge and without a network."""

from __future__ import annotations

import re

import pytest

from eflexcan2mqtt.commands.explore import explore
from tests.support.planted import planted, write
from tests.web.conftest import PHONE, barriers, fits, looked_at, picture, until

SMALLEST_PX = 12


@pytest.fixture
def page(opens, tmp_path):
    recording = write(tmp_path / "bank.log", planted(1, 2, 1200))
    html = tmp_path / "unknown.html"
    list(explore([str(recording)], None, html))
    page = opens("about:blank", PHONE)
    asked = []
    page.on("request", lambda each: asked.append(each.url))
    page.goto(html.as_uri())
    until(page, lambda: page.locator("canvas").count())
    yield page
    assert {each.split(":")[0] for each in asked} <= {"file", "data"}


def test_it_fits_any_screen_and_keeps_nobody_out(page):
    assert page.locator("#claims > li").count() == 3
    for each in page.locator("summary").all():
        each.click()
    for width in (320, 390, 1280):
        for scheme in ("light", "dark"):
            with looked_at(page, width, scheme):
                assert fits(page), width
                assert barriers(page) == []
    picture(page, "explore")


def test_its_text_is_large_enough_to_read(page):
    small = page.evaluate(
        """least => [...document.body.querySelectorAll("*")].filter(each =>
             each.innerText && parseFloat(getComputedStyle(each).fontSize) < least)
             .map(each => each.className)""",
        SMALLEST_PX,
    )
    assert small == []


def test_a_chart_says_what_is_under_the_pointer(page):
    chart = page.locator("#claims .plot").first
    chart.scroll_into_view_if_needed()
    until(page, lambda: chart.locator("canvas").count())
    chart.locator(".u-over").hover()
    read = chart.locator(".read")
    until(page, read.inner_text)
    assert re.match(r"1[78] May 2024, \d\d:\d\d:\d\d  \d", read.inner_text())
