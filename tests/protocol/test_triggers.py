"""What is worth a recording: changes of state, and what never was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.triggers import (
    GONE_CYCLES,
    KINDS,
    LEARNING_S,
    MUTED_FROM,
    Learned,
    Triggers,
)
from tests.support.bank import FULL

START = 1_780_315_200
CALM = {
    **{"alarm_level_1": 0, "alarm_level_2": 0, "alarm_level_3": 0},
    **{"alarm_bits_1": [], "alarm_bits_2": [], "alarm_bits_3": []},
    **{"charge_relay_status": "Make", "discharge_relay_status": "Make"},
    "precharge_relay_status": "Break",
}


def reading(number=3, at=0, byte=None, **changes):
    """A reading; ``byte`` is the value of STATUS 06.5, at offset 39, which no field claims."""
    raw = bytearray.fromhex(FULL[0]["raw_status"])
    if byte is not None:
        raw[39] = byte
    return {
        **FULL[0],
        **CALM,
        **{"battery_number": number, "time": START + at, "raw_status": raw.hex()},
        **changes,
    }


@pytest.fixture
def experienced():
    """Triggers that know the bank for long."""
    triggers = Triggers(Learned(seconds=LEARNING_S, charge=50.0, discharge=50.0))
    triggers.cycle([reading()])
    triggers.learned.seconds = LEARNING_S
    return triggers


def found(triggers, *readings):
    return [(each.kind, each.text) for each in triggers.cycle(list(readings))]


def test_a_fault_that_is_found_at_the_start_is_a_trigger():
    """It may be why there was a start."""
    triggers = Triggers(Learned())
    faulty = reading(alarm_level_1=4, charge_relay_status="Break")
    assert [kind for kind, _ in found(triggers, faulty)] == ["alarm-1", "relay"]
    assert found(triggers, faulty) == []


def test_a_full_bank_that_is_found_at_the_start_is_no_change():
    triggers = Triggers(Learned())
    assert found(triggers, reading(alarm_level_3=0x1008, precharge_relay_status="Make")) == []


def test_each_level_of_alarms_is_a_kind_of_its_own():
    triggers = Triggers(Learned())
    triggers.cycle([reading()])
    assert found(triggers, reading(alarm_level_3=0x1000)) == [
        ("alarm-3", "battery 3: alarm word of level 3: 0x0000 to 0x1000")
    ]
    assert found(triggers, reading(alarm_level_1=0x0004, alarm_level_3=0x1000)) == [
        ("alarm-1", "battery 3: alarm word of level 1: 0x0000 to 0x0004")
    ]
    assert [kind for kind, _ in found(triggers, reading())] == ["alarm-1", "alarm-3"]


def test_the_alarm_bits_that_were_ever_set_are_known():
    triggers = Triggers(Learned())
    for bits in ([12], [], [3, 12]):
        word = sum(1 << bit for bit in bits)
        triggers.cycle([reading(alarm_level_3=word, alarm_bits_3=bits)])
    assert triggers.learned.bits == {"alarm_level_3": {3, 12}}


def test_a_relay_that_opens_or_closes_is_a_trigger():
    triggers = Triggers(Learned())
    triggers.cycle([reading()])
    assert found(triggers, reading(discharge_relay_status="Break")) == [
        ("relay", "battery 3: relays: discharge open (before: closed)")
    ]
    assert found(triggers, reading()) == [
        ("relay", "battery 3: relays: closed (before: discharge open)")
    ]


def test_the_pre_charge_relay_is_a_relay():
    triggers = Triggers(Learned())
    triggers.cycle([reading()])
    assert found(triggers, reading(precharge_relay_status="Make")) == [
        ("relay", "battery 3: relays: closed, pre-charge closed (before: closed)")
    ]


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


def test_a_battery_that_disappears_and_appears_is_a_trigger_each_time():
    triggers = Triggers(Learned())
    for _ in range(GONE_CYCLES):
        assert found(triggers, reading(3), reading(4)) == []
    for _ in range(GONE_CYCLES - 1):
        assert found(triggers, reading(3)) == []
    assert found(triggers, reading(3)) == [("battery", "battery 4 disappeared")]
    assert found(triggers, reading(3)) == []
    assert found(triggers, reading(3), reading(4)) == [("battery", "battery 4 appeared")]


def test_a_battery_that_is_back_in_time_was_never_gone():
    triggers = Triggers(Learned())
    for cycle in range(5 * GONE_CYCLES):
        assert found(triggers, *[reading(4)] * (cycle % 3 == 0), reading(5)) == []


def test_a_bank_that_falls_silent_has_disappeared_once():
    triggers = Triggers(Learned())
    assert triggers.silence() == []
    triggers.cycle([reading(3), reading(4)])
    assert [each.why for each in triggers.silence()] == ["battery-all-disappeared"]
    assert triggers.silence() == []


def test_what_would_not_be_recorded_stays_unusual(experienced):
    unusual = reading(byte=7, battery_current=99.0)
    assert experienced.cycle([unusual], {"byte", "current"}.__contains__) == []
    assert [kind for kind, _ in found(experienced, unusual)] == ["byte", "current"]


def test_a_byte_that_has_become_unknown_has_a_first_value(experienced):
    del experienced.learned.values["STATUS 06.5"]
    assert found(experienced, reading(byte=7)) == []
    assert [kind for kind, _ in found(experienced, reading(byte=8))] == ["byte"]


def test_the_batteries_of_the_first_cycles_have_not_appeared():
    triggers = Triggers(Learned())
    for number in range(1, 6):
        assert found(triggers, reading(number)) == []


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
    for value in range(256):
        for other in range(8):
            raw = bytearray.fromhex(reading(byte=value)["raw_status"])
            raw[60] = other
            experienced.cycle([reading(raw_status=raw.hex())])
    assert len(experienced.learned.values["STATUS 09.5"]) == 8


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
