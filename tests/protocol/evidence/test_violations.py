"""What breaks a rule is found, counted and shown."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.evidence.rule import Over
from eflexcan2mqtt.protocol.evidence.rules import RULES

from .plants import PLANTS
from .recorded import BATTERIES, broken, judged, recorded


def test_each_rule_can_be_broken():
    assert list(PLANTS.keys() - {rule.sentence for rule in RULES}) == []
    assert [rule.sentence for rule in RULES if rule.sentence not in PLANTS] == []


def test_a_healthy_bank_breaks_none():
    assert broken(judged(recorded())) == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sentence)
@settings(max_examples=10, deadline=None)  # of each of sixty rules
@given(data=st.data())
def test_a_planted_violation_is_found(rule, data):
    """In any battery; its frames are shown."""
    battery = data.draw(st.sampled_from(BATTERIES))
    plant = data.draw(PLANTS[rule.sentence])
    frames = plant.frames((1, battery))
    [found] = [each for each in judged(frames)["rules"] if each["rule"] == rule.sentence]
    assert found["held"] < found["met"]
    first = found["exceptions"][0]
    assert first["recording"] == "1.log"
    assert battery in first["batteries"]
    assert len(found["exceptions"]) == min(found["met"] - found["held"], 3)
    sent = {f"({time:.6f}) can0 {can_id:03X}#{data.hex().upper()}" for can_id, data, time in frames}
    assert set(first["frames"]) <= sent
    assert rule.over is not Over.BURST or len(first["frames"]) <= 18
    assert first["frames"][-1].startswith(f"({first['time']:.6f})")
