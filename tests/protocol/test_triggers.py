"""Changes of state are worth a recording: alarms, relays, batteries."""

from __future__ import annotations

from eflexcan2mqtt.protocol.triggers import (
    GONE_CYCLES,
    Learned,
    Triggers,
)

from .unusual import found, reading


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


def test_the_batteries_of_the_first_cycles_have_not_appeared():
    triggers = Triggers(Learned())
    for number in range(1, 6):
        assert found(triggers, reading(number)) == []
