"""A browser for all tests of the page, and what each of them needs of it."""

from __future__ import annotations

import os
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest
from playwright.sync_api import sync_playwright

from tests.support.broker import free_port, wait_until

CHROMIUM = "/usr/bin/chromium"
PHONE = {"width": 390, "height": 844}
WALL = {"width": 1920, "height": 1080}
SOON_S = 120.0
SETTLE_S = 10.0

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = Path(os.environ.get("EFLEX_SCREENSHOTS") or Path(__file__).parent / "pictures")
"""Where the run keeps how the page looked, for people."""


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield chromium
        chromium.close()


@pytest.fixture
def opens(browser):
    """Opens the page at an address; its console must have stayed empty in the end."""
    pages, messages = [], []

    def opens(url, size=WALL, **options):
        page = browser.new_page(viewport=size, **options)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("console", lambda message: messages.append(message.text))
        page.set_default_timeout(SOON_S * 1000)
        page.goto(url)
        pages.append(page)
        return page

    yield opens
    for each in pages:
        each.close()
    # The browser itself notes each attempt to reach a bridge that is gone.
    noted = ("ERR_CONNECTION", "ERR_INCOMPLETE")
    assert [each for each in messages if not any(word in each for word in noted)] == []


@pytest.fixture
def shown(start, tmp_path):
    """Starts the program with a page of these settings; its address, once it answers."""

    def shown(*arguments, settings=""):
        port = free_port()
        ini = tmp_path / f"{port}.ini"
        ini.write_text(f"[web]\nlisten = 127.0.0.1:{port}\n{settings}")
        start("-c", ini, *arguments, "--output", "web")
        url = f"http://127.0.0.1:{port}"
        wait_until(lambda: answers(url), "the page")
        return url

    return shown


def answers(url):
    """Whether the page is there."""
    try:
        urllib.request.urlopen(f"{url}/batteries.json", timeout=5)
    except HTTPError:
        return True  # it asks for the password
    except OSError:
        return False
    return True


def until(page, condition):
    """Let the page run until something holds; its policy forbids to wait inside of it."""
    deadline = time.monotonic() + SOON_S
    while not condition():
        assert time.monotonic() < deadline, findings(page)
        page.wait_for_timeout(100)


def findings(page):
    """The lines at the top: severity and sentence of each."""
    return page.evaluate(
        """[...document.querySelectorAll(".finding")].map(each =>
             [".severity", ".words"].map(part => each.querySelector(part).textContent))"""
    )


def box_of(page, locator):
    """Where something is; a chart may be drawn anew just now."""
    found = []
    until(page, lambda: found.append(locator.bounding_box()) or found[-1])
    return found[-1]


def drawn(page, of="#history"):
    """Wait for a chart."""
    page.locator(f"{of} canvas").first.wait_for()


def label(page):
    """What the bank's chart of charge and power says to those who do not see it."""
    chart = page.locator("#history").get_by_role("img", name="Charge and power")
    return chart.get_attribute("aria-label")


def battery(page, number):
    """The row of a battery."""
    return page.locator(f"#battery-{number}")


def fits(page):
    """Whether nothing reaches beyond the right edge; the charts follow the width a moment later."""
    width = "document.documentElement"
    deadline = time.monotonic() + SETTLE_S
    while not (found := page.evaluate(f"{width}.scrollWidth <= {width}.clientWidth")):
        if time.monotonic() > deadline:
            break
        page.wait_for_timeout(100)
    return found


def picture(page, name, full=False):
    """Keep how the page looks."""
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=full)


def barriers(page):
    """What keeps people from using the page, as axe-core finds it."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        (each["id"], node["target"], node["failureSummary"])
        for each in found["violations"]
        for node in each["nodes"]
    ]


@contextmanager
def looked_at(page, width, scheme, height=900):
    """The page on a screen of this width, in this scheme."""
    page.set_viewport_size({"width": width, "height": height})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(100)  # the charts follow a moment later
    yield page
