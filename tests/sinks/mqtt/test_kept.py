"""With which counters of energy a run begins, and the text that is kept of them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.energy import Counters, EnergyTotals
from eflexcan2mqtt.sinks.mqtt.kept import Kept, begin, content, parse

from .energy_runs import kept, totals


class TestTheBeginning:
    @pytest.mark.parametrize(
        ("file", "retained", "expected"),
        [
            (None, None, 0),
            (None, kept(5, 3), 3),
            (kept(5, 3, clean=True), None, 3),
            (kept(5, 3, clean=True), kept(4, 2), 3),
            (kept(5, 3, clean=True), kept(9, 4), 4),
            (kept(5, 3), None, 0),
            (kept(5, 3), kept(4.9, 2), 0),
            (kept(5, 3), kept(5, 2), 3),
            (kept(5, 3), kept(6, 4), 4),
            (kept(5, 3), kept(6, 103), 103),
            (kept(5, 3), kept(6, 103.1), 0),
            (kept(5, 1500, clean=True), kept(6, 1601), 0),
            (kept(5, 3, clean=True), kept(6, 103.1), 3),
        ],
    )
    def test_it_is_the_greater_or_0_and_never_a_small_step_back(self, file, retained, expected):
        beginning = begin(file, retained)
        assert beginning.totals.bank.energy_in == expected
        remarkable = expected == 0 or (retained and retained.totals.bank.energy_in > 103)
        assert bool(beginning.remark) == bool(file and remarkable)

    def test_it_is_decided_value_by_value(self):
        file = Kept(1, EnergyTotals(Counters(5, 1, 0), {"A": Counters(4, 0, 0)}, gaps=3), True)
        retained = Kept(1, EnergyTotals(Counters(4, 2, 0), {"B": Counters(6, 0, 0)}, gaps=2))
        assert begin(file, retained).totals == EnergyTotals(
            Counters(5, 2, 0), {"A": Counters(4, 0, 0), "B": Counters(6, 0, 0)}, gaps=3
        )

    def test_a_battery_that_only_the_broker_has_may_be_ahead_of_nothing(self):
        assert begin(kept(5, 3), kept(6, 101, name="B")).remark

    def test_at_0_every_battery_that_was_shown_is_at_0(self):
        found = begin(kept(5, 3, name="A"), kept(4, 3, name="B")).totals
        assert found == EnergyTotals(batteries={"A": Counters(), "B": Counters()})


class TestTheText:
    def test_it_has_three_decimals(self):
        totals = EnergyTotals(Counters(1.23456, 0.5, 0.01), {"A": Counters(1, 2, 3)}, gaps=3)
        text = content(Kept(1_715_987_139.12, totals, clean=True))
        assert json.loads(text) == {
            "time": 1_715_987_139.1,
            "bank": {"energy_in": 1.235, "energy_out": 0.5, "energy_ignored": 0.01},
            "batteries": {"A": {"energy_in": 1, "energy_out": 2, "energy_ignored": 3}},
            "gaps": 3,
            "clean": True,
        }
        assert parse(text).totals.batteries == totals.batteries

    @pytest.mark.parametrize(
        "change",
        [
            {"bank": {"energy_in": 1}},
            {"bank": {"energy_in": -1, "energy_out": 0, "energy_ignored": 0}},
            {"bank": {"energy_in": float("nan"), "energy_out": 0, "energy_ignored": 0}},
            {"bank": {"energy_in": "1", "energy_out": 0, "energy_ignored": 0}},
            {"bank": None},
            {"batteries": []},
            {"batteries": {"\ud800": totals(1).bank._asdict()}},
            {"bank": {"energy_in": True, "energy_out": 0, "energy_ignored": 0}},
            {"time": 1e300},
            {"gaps": [1]},
        ],
    )
    def test_what_is_no_counter_is_refused(self, change):
        good = json.loads(content(kept(1, 1)))
        with pytest.raises(ValueError, match=r"."):
            parse(json.dumps({**good, **change}).encode())

    def test_of_more_batteries_than_a_bank_has_the_last_are_taken(self):
        many = {f"A{number}": totals(1).bank._asdict() for number in range(31)}
        found = parse(json.dumps({**json.loads(content(kept(1, 1))), "batteries": many}).encode())
        assert [*found.totals.batteries] == [f"A{number}" for number in range(1, 31)]

    @given(st.binary() | st.recursive(st.none(), st.lists).map(json.dumps).map(str.encode))
    def test_anything_else_is_refused_with_a_reason(self, text):
        with pytest.raises(ValueError, match=r"."):
            parse(text)
