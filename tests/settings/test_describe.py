"""The shipped INI and the table of settings tell what the schema holds."""

from __future__ import annotations

import re

import pytest

from eflexcan2mqtt.settings import parsers
from eflexcan2mqtt.settings.attention import AttentionSettings
from eflexcan2mqtt.settings.describe import settings_table, shipped_ini
from eflexcan2mqtt.settings.energy import EnergySettings
from eflexcan2mqtt.settings.load import load
from eflexcan2mqtt.settings.schema import SECTIONS, Config, Mqtt, settings

SETTINGS = [(name, setting) for name in SECTIONS for setting in settings(name).values()]
KEYS = [setting.name for _, setting in SETTINGS]


def test_the_shipped_ini_shows_the_defaults_but_for_the_fields(tmp_path):
    path = tmp_path / "shipped.ini"
    path.write_text(shipped_ini())
    assert load(path) == Config(mqtt=Mqtt(fields="extended"))


@pytest.mark.parametrize("key", KEYS)
def test_the_shipped_ini_names_every_setting_below_its_meaning(key):
    assert re.search(rf"^# .*\n(# )?{key} =", shipped_ini(), re.MULTILINE)


def test_a_section_that_is_a_comment_is_good_without_the_signs_before_it(tmp_path):
    path = tmp_path / "shipped.ini"
    text = shipped_ini()
    changes = {"spread_mv = 50": "spread_mv = 60", "dead_band = 0.6": "dead_band = 0"}
    for line in ("[attention]", "[energy]", *changes):
        assert f"\n# {line}\n" in text
        text = text.replace(f"\n# {line}\n", f"\n{changes.get(line, line)}\n")
    path.write_text(text)
    assert load(path).attention == AttentionSettings(spread_mv=60)
    assert load(path).energy == EnergySettings(dead_band=0)


def test_the_shipped_ini_fits_into_a_terminal():
    assert max(map(len, shipped_ini().splitlines())) <= 92


@pytest.mark.parametrize(("section", "setting"), SETTINGS, ids=KEYS)
def test_a_meaning_is_a_sentence_and_an_example_a_good_value(section, setting):
    assert setting.metadata["meaning"].endswith(".")
    assert "|" not in setting.metadata["meaning"]
    if example := setting.metadata["example"]:
        setting.metadata["parse"](example)


def test_the_table_has_each_setting_with_its_default():
    rows = re.findall(r"^\| `(\w+)` \| (\S[^|]*) \| \S", settings_table(), re.MULTILINE)
    assert [key for key, _ in rows] == KEYS
    defaults = dict(reversed(rows))
    assert defaults["port"] == "1883"
    assert defaults["publish_interval"] == "0"
    assert defaults["tls"] == "no"
    assert defaults["password"] == "(empty)"
    assert defaults["names"] == "(empty)"
    assert [value for key, value in rows if key == "directory"] == [
        "$STATE_DIRECTORY",
        "that of [storage]",
    ]


def test_the_table_has_each_section():
    assert re.findall(r"^\| \*\*\[(\w+)\]\*\* \| \| \S", settings_table(), re.MULTILINE) == list(
        SECTIONS
    )


def test_the_meaning_of_the_log_level_names_them_all():
    assert ", ".join(parsers.LOG_LEVELS) in settings_table()
