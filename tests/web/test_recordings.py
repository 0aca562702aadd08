"""The page lists the recordings, gives them, and says what the recorder has learned."""

from __future__ import annotations

import gzip
import json
import time
from datetime import datetime

import pytest

from eflexcan2mqtt.protocol.triggers import MUTED_FROM
from eflexcan2mqtt.sinks.recorder.folder import name_of
from eflexcan2mqtt.sinks.recorder.writer import LEARNED
from tests.web.conftest import PHONE, WALL, barriers, fits, picture, until

NOW = int(time.time()) // 86_400 * 86_400
CONTENT = gzip.compress(b"(1.000000) can0 101#01010E0213FFFD47\n")


@pytest.fixture
def served(shown, tmp_path):
    """Starts a page with recordings of these triggers, a day apart; its address."""

    def served(*triggers, recorder="", learned=None):
        folder = tmp_path / "storage"
        folder.mkdir()
        for days, why in enumerate(triggers, 1):
            (folder / name_of(NOW - days * 86_400, why)).write_bytes(CONTENT)
        if learned:
            (folder / LEARNED).write_text(json.dumps(learned))
        settings = f"[storage]\ndirectory = {folder}\n[recorder]\n{recorder}\n"
        return shown("--input", "simulator:3", settings=settings)

    return served


def rows(page, name="Recordings, the latest first"):
    return page.get_by_role("list", name=name).get_by_role("listitem")


def test_recordings_are_listed_with_what_triggered_them_and_can_be_had(opens, served):
    page = opens(served("relay-battery-2", "alarm-1-battery-2"), PHONE)
    until(page, lambda: rows(page).count() == 2)
    then = datetime.fromtimestamp(NOW - 86_400)
    expected = f"{then.day} {then:%b}, {then:%H:%M:%S} relay battery 2"
    assert rows(page).first.inner_text().splitlines()[0] == expected
    with page.expect_download() as download:
        rows(page).first.get_by_role("link").click()
    assert download.value.suggested_filename == f"{then:%Y-%m-%dT%H%M%S}-relay-battery-2.log.gz"
    assert download.value.path().read_bytes() == CONTENT


@pytest.mark.parametrize("size", [{"width": 320, "height": 640}, PHONE, WALL])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_many_recordings_are_folded_and_nothing_is_in_the_way(opens, served, size, scheme):
    learned = {
        **{"seconds": 1, "charge": 99, "discharge": 99, "month": "2026-11", "caught": {}},
        **{"values": {"STATUS 06.5": list(range(MUTED_FROM + 1))}},
        **{"bits": {"alarm_level_3": [3, 12]}},
    }
    triggers = [f"byte-STATUS-0{n % 9 + 1}.5-battery-{n % 3 + 1}" for n in range(40)]
    page = opens(served(*triggers, learned=learned), size, color_scheme=scheme)
    until(page, lambda: rows(page).count() == 3)
    section = page.locator("#recordings")
    assert "Alarm bits that were ever set: level 3: 3, 12." in section.inner_text()
    assert "not recorded: STATUS 06.5." in section.inner_text()
    section.get_by_text("37 earlier").click()
    assert rows(page, "Earlier recordings").count() == 37
    assert fits(page)
    assert barriers(page) == []
    box = rows(page).first.get_by_role("link").bounding_box()
    assert min(box["width"], box["height"]) >= 44
    section.scroll_into_view_if_needed()
    picture(page, f"recordings-{size['width']}-{scheme}")


def test_without_a_password_serial_numbers_are_not_given(opens, served):
    page = opens(served("request-with-serials", recorder="anonymize = no"))
    until(page, lambda: rows(page).count() == 1)
    assert rows(page).get_by_role("link").count() == 0
    assert "once there is a password" in page.locator("#recordings").inner_text()


def test_with_nothing_to_show_there_is_no_list(opens, served, shown):
    for url in (served(), shown("--input", "simulator:3")):
        page = opens(url)
        page.locator("#batteries li").first.wait_for()
        page.wait_for_timeout(1000)  # the answer would be there by now
        assert not page.locator("#recordings").is_visible()
