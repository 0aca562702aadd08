"""The limits of [attention]: those of the table, unless the INI has others."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from eflexcan2mqtt.protocol.limits import LIMITS, adjusted
from eflexcan2mqtt.settings.attention import AttentionSettings
from eflexcan2mqtt.settings.load import ConfigError, load


@pytest.fixture
def ini(tmp_path):
    def make(text):
        path = tmp_path / "attention.ini"
        path.write_text(f"[attention]\n{text}\n")
        return path

    return make


def test_without_an_ini_the_limits_are_those_of_the_table():
    assert adjusted(asdict(AttentionSettings())) == LIMITS


def test_each_setting_is_a_limit_of_the_table():
    assert sorted(asdict(AttentionSettings())) == sorted(filter(None, (e.setting for e in LIMITS)))


def test_a_limit_may_be_below_zero(ini):
    assert load(ini("temperature_low = -10")).attention.temperature_low == -10


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("temperature_low = -41", "a whole number from -40 to 25"),
        ("temperature_high = 20", "a whole number from 30 to 80"),
        ("spread_mv = 0", "a whole number from 20 to 1000"),
        ("spread_mv = 50mV", "a whole number from 20 to 1000"),
        ("spread_full_mv = --100", "a whole number from 50 to 1000"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(ini, line, expected):
    with pytest.raises(ConfigError, match=f"expected {expected}"):
        load(ini(line))
