"""What never was is worth a recording, once it is learned what is usual: bytes and currents."""

from __future__ import annotations

import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.triggers import (
    KINDS,
    LEARNING_S,
    MUTED_FROM,
    Learned,
    Triggers,
)

from .unusual import found, reading


@pytest.fixture
def experienced():
    """Triggers that know the bank for long."""
    triggers = Triggers(Learned(seconds=LEARNING_S, charge=50.0, discharge=50.0))
    triggers.cycle([reading()])
    triggers.learned.seconds = LEARNING_S
    return triggers


def test_on_the_first_day_bytes_and_currents_are_learned():
    triggers = Triggers(Learned())
    for at in range(20):
        assert found(triggers, reading(at=at, byte=at % 3, battery_current=float(at))) == []
    learned = triggers.learned
    assert learned.values["STATUS 06.5"] == {0, 1, 2}
    assert (learned.seconds, learned.charge, learned.discharge) == (19, 19.0, 0.0)


def test_only_the_time_of_listening_makes_the_first_day_end():
    triggers = Triggers(Learned(seconds=LEARNING_S - 2))
    for at in (0, 1, 3600, 1800):
        triggers.cycle([reading(at=at)])
    assert not triggers.learned.is_over
    triggers.cycle([reading(at=1801)])
    assert triggers.learned.is_over


def test_a_byte_with_a_new_value_is_a_trigger_once_for_all_batteries(experienced):
    assert found(experienced, reading(byte=7)) == [
        ("byte", "battery 3: STATUS 06.5 is 0x07, which it never was")
    ]
    assert found(experienced, reading(), reading(number=4, byte=7)) == []


def test_a_byte_that_changes_often_is_muted_and_listed(experienced):
    known = len(experienced.learned.values["STATUS 06.5"])
    texts = []
    for value in range(1, 200):
        texts += [text for _, text in found(experienced, reading(byte=value))]
    assert len(texts) == MUTED_FROM + 1 - known
    assert texts[-1].endswith("it changes often, and triggers nothing from now on")
    assert experienced.learned.muted == ["STATUS 06.5"]


@pytest.mark.parametrize(
    ("amps", "text"),
    [
        (50.1, "battery 3: 50.1 A of charge; until now at most 50.0 A"),
        (-80.0, "battery 3: 80.0 A of discharge; until now at most 50.0 A"),
    ],
)
def test_a_current_beyond_the_greatest_is_a_trigger(experienced, amps, text):
    assert found(experienced, reading(battery_current=amps)) == [("current", text)]
    assert found(experienced, reading(battery_current=amps)) == []


def test_what_would_not_be_recorded_stays_unusual(experienced):
    unusual = reading(byte=7, battery_current=99.0)
    assert experienced.cycle([unusual], {"byte", "current"}.__contains__) == []
    assert [kind for kind, _ in found(experienced, unusual)] == ["byte", "current"]


def test_a_byte_that_has_become_unknown_has_a_first_value(experienced):
    del experienced.learned.values["STATUS 06.5"]
    assert found(experienced, reading(byte=7)) == []
    assert [kind for kind, _ in found(experienced, reading(byte=8))] == ["byte"]


def test_what_triggers_fits_into_a_file_name(experienced):
    triggers = experienced.cycle(
        [reading(byte=9, alarm_level_2=1, charge_relay_status="Break", battery_current=99.0)]
    )
    assert [each.why for each in triggers] == [
        "alarm-2-battery-3",
        "relay-battery-3",
        "byte-STATUS-06.5-battery-3",
        "current-battery-3",
    ]
    for each in triggers:
        assert each.kind in KINDS
        assert each.why.startswith(each.kind)


def test_of_a_byte_that_is_claimed_in_part_only_the_other_bits_count(experienced):
    def relays(byte):
        raw = bytearray.fromhex(reading()["raw_status"])
        raw[7] = byte
        return reading(raw_status=raw.hex())

    experienced.cycle([relays(0b0011)])
    experienced.learned.seconds = LEARNING_S
    assert found(experienced, relays(0b1001)) == []
    assert found(experienced, relays(0b0111)) == [
        ("byte", "battery 3: STATUS 02.1 is 0x04, which it never was")
    ]


def test_many_different_bytes_are_not_all_remembered(experienced):
    """Memory does not grow from the first 500 to the next 3,000."""

    def unknown(number):
        raw = bytearray.fromhex(reading(byte=number % 16)["raw_status"])
        raw[60], raw[61] = number // 16 % 16, number // 256  # few of each: none is muted
        return reading(raw_status=raw.hex())

    def most_memory(numbers):
        tracemalloc.reset_peak()
        for number in numbers:
            experienced.cycle([unknown(number)])
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        first = most_memory(range(500))
        assert most_memory(range(500, 3500)) < 1.5 * first
    finally:
        tracemalloc.stop()


@given(
    st.builds(
        Learned,
        st.integers(0, 10**9),
        st.floats(0, 1e6),
        st.floats(0, 1e6),
        st.dictionaries(st.text(), st.sets(st.integers(0, 255), min_size=1)),
        st.dictionaries(st.text(), st.sets(st.integers(0, 15), min_size=1)),
    )
)
def test_what_was_learned_survives_json(learned):
    assert Learned.from_json(json.loads(json.dumps(learned.to_json()))) == learned


@pytest.mark.parametrize(
    "found",
    [
        *(None, [], 5, {}, {"seconds": 1}),
        {"seconds": "x", "charge": 1, "discharge": 1, "values": {}, "bits": {}},
        {"seconds": 1, "charge": None, "discharge": 1, "values": {}, "bits": {}},
        {"seconds": 1, "charge": 1, "discharge": 1, "values": [], "bits": {}},
        {"seconds": 1, "charge": 1, "discharge": 1, "values": {"STATUS 06.5": 3}, "bits": {}},
        {
            "seconds": 1,
            "charge": 1,
            "discharge": 1,
            "values": {"STATUS 06.5": [float("inf")]},
            "bits": {},
        },
    ],
)
def test_other_json_is_refused(found):
    with pytest.raises(ValueError, match="expected what was learned"):
        Learned.from_json(found)
