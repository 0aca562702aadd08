"""What the page says above its values, before attention has it on its list."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.sinks.web.notes import notes

GOOD = {"healthy": True, "cycle_age_s": 0.5, "problem": "", "broker": "connected", "waiting": 0}
SILENT = {**GOOD, "healthy": False}
GONE = "can0: No such device. Is the adapter plugged in?"


def test_a_good_bridge_needs_no_words():
    assert notes(GOOD) == []


@pytest.mark.parametrize(
    ("health", "sentence"),
    [
        ({**SILENT, "cycle_age_s": None}, "No frames from any battery yet"),
        ({**SILENT, "cycle_age_s": 12.3}, "No frames from any battery for 12 s"),
        ({**GOOD, "cycle_age_s": None}, "No complete burst from any battery yet"),
        ({**SILENT, "problem": GONE}, GONE),
        ({**GOOD, "broker": "away", "waiting": 7}, "The broker is away; 7 arrays wait for it"),
        ({**GOOD, "broker": "away", "waiting": 0}, "The broker is away"),
    ],
)
def test_trouble_is_there_at_once(health, sentence):
    assert notes(health) == [sentence]


@pytest.mark.parametrize(
    ("health", "kind"),
    [({**SILENT, "problem": GONE}, "stale"), ({**GOOD, "broker": "away"}, "broker_away")],
)
def test_what_is_on_the_list_is_there_once(health, kind):
    assert notes({**health, "attention": [{"kind": kind}]}) == []
