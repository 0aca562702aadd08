"""A simulated bank has the faults that --faults names, each at its time."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.attention import Attention
from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.limits import LIMITS
from eflexcan2mqtt.sources import simulator
from eflexcan2mqtt.sources.faults import EXAMPLE, KINDS, Fault, Faults, parse
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.support.bank import CYCLE_S, FRAMES_PER_BURST, START, decoded

BATTERIES = 4
AFTER_S = {each.kind: round(each.after_s) for each in LIMITS}


def cycles(text, count, batteries=BATTERIES, seed=1):
    """The readings of the cycles that a bank with these faults makes."""
    frames = simulator.frames(batteries, START, seed, parse(text, batteries))
    return decoded(islice(frames, count * batteries * FRAMES_PER_BURST))


def findings(text, seconds):
    """What needs attention after so many seconds, by a cycle each 5 s."""
    attention = Attention()
    faults = Faults(parse(text, BATTERIES), seed=1)
    bank = Bank(BATTERIES, seed=1, spoil=faults.spoil)
    for second in range(0, seconds, 5):
        payloads = enumerate(bank.step(5.0), 1)
        cycle = [decode(Record(number, *each, START + second)) for number, each in payloads]
        attention.cycle(cycle, second)
    return [(each.kind, each.battery_number, each.cell) for each in attention.findings]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("relay_open:3@60s", Fault("relay_open", 60, battery=3)),
        ("cell_low:4:12@2m", Fault("cell_low", 120, battery=4, cell=12)),
        ("lossy:10%@200", Fault("lossy", 200, share=0.1)),
        ("lossy:100@0", Fault("lossy", 0, share=1.0)),
        ("silent@1h-1.5h", Fault("silent", 3600, 5400)),
        ("hot:1@1d", Fault("hot", 86_400, math.inf, battery=1)),
        ("hot: 1 @ 5s - 8s", Fault("hot", 5, 8, battery=1)),
        ("cell_low : 4 : 12@5s", Fault("cell_low", 5, battery=4, cell=12)),
    ],
)
def test_a_fault_has_a_kind_a_place_and_a_time(text, fault):
    assert parse(text, BATTERIES) == (fault,)


def test_faults_are_separated_by_commas():
    found = parse(" missing:4@150s,hot:2@130s ,", BATTERIES)
    assert found == (Fault("missing", 150, battery=4), Fault("hot", 130, battery=2))
    assert parse(EXAMPLE, 14)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("relay_opn:3@60s", "did you mean 'relay_open'?"),
        ("flood@60s", f"expected one of {', '.join(KINDS)}"),
        ("missing:3", f"expected faults such as '{EXAMPLE}'"),
        ("missing 3@4s", f"expected faults such as '{EXAMPLE}'"),
        ("missing@4s", "expected missing:BATTERY@TIME"),
        ("cell_low:3@4s", "expected cell_low:BATTERY:CELL@TIME"),
        ("silent:3@4s", "expected silent@TIME"),
        ("missing:5@4s", "expected a BATTERY from 1 to 4"),
        ("missing:0@4s", "expected a BATTERY from 1 to 4"),
        ("missing:x@4s", "expected a BATTERY from 1 to 4"),
        ("missing:2,3@4s", "expected a BATTERY from 1 to 4"),
        ("cell_low:3:17@4s", "expected a CELL from 1 to 16"),
        ("lossy:101%@4s", "expected a PERCENT from 1 to 100"),
        ("missing:3@later", "expected times such as 90s, 5m or 2h after the start"),
        ("missing:3@5m-1m", "expected an end that is after the beginning"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_expected(text, said):
    with pytest.raises(ValueError, match=r"^'") as error:
        parse(text, BATTERIES)
    assert str(error.value).startswith(f"'{text}': ")
    assert said in str(error.value)


@given(st.text() | st.from_regex(r"[a-z_1]+(:\d+)*@\d+s?(-\d+m)?", fullmatch=True))
def test_any_text_gives_faults_or_a_value_error(text):
    found = ()
    with suppress(ValueError):
        found = parse(text, BATTERIES)
    assert all(each.kind in KINDS for each in found)


@given(
    st.lists(
        st.builds(
            Fault,
            st.sampled_from(sorted(KINDS)),
            st.just(0.0),
            battery=st.just(1),
            cell=st.sampled_from([1, 16]),
            share=st.just(0.01),
        ),
        max_size=12,
    )
)
def test_faults_add_up_to_what_a_battery_can_send(faults):
    bank = Bank(2, seed=1, spoil=Faults(faults, seed=1).spoil)
    for number, payloads in enumerate(bank.step(CYCLE_S), 1):
        reading = decode(Record(number, *payloads, START))
        assert None not in reading["temps"].values()
        if not faults or number == 2:
            assert min(reading["cell_voltages"]) > 3200


@pytest.mark.parametrize("text", ["cold:1@0", "hot:1@0", "cell_low:1:1@0"])
def test_a_fault_may_come_many_times(text):
    [[reading]] = cycles(", ".join([text] * 8), 1, batteries=1)
    assert reading["min_temp"] >= -39


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("alarm1:2@5s", ("alarm_1", 2, None)),
        ("alarm2:2@5s", ("alarm_2", 2, None)),
        ("relay_open:2@5s", ("relay_open", 2, None)),
        ("voltage:2@5s", ("voltage_apart", None, None)),
        ("hot:2@5s", ("temperature_high", 2, None)),
        ("cold:2@5s", ("temperature_low", 2, None)),
        ("hot_probe:2@5s", ("temperature_spread", 2, None)),
        ("cell_low:2:7@5s", ("cell_spread", 2, 7)),
        ("cell_high:2:16@5s", ("cell_spread", 2, 16)),
        ("soc:2@5s", ("soc_apart", None, None)),
    ],
)
def test_a_fault_is_found(text, finding):
    # Probes far apart are an alarm of level 2 of the battery's own.
    also = [("alarm_2", 2, None)] if text.startswith("hot_probe") else []
    assert findings(text, AFTER_S[finding[0]] + 15) == [*also, finding]


def test_a_battery_that_carries_too_little_is_found():
    assert ("share_low", 2, None) in findings("share:2@5s", 35 * 60)


def test_a_level_3_alarm_is_no_finding():
    assert {each["alarm_status"] for each in cycles("alarm3:2@0", 2)[1]} == {"3", "Normal"}
    assert findings("alarm3:2@0", 60) == []


def test_a_fault_begins_and_ends_at_its_times():
    faulty = [
        cycle[1]["charge_relay_status"] == "Break" for cycle in cycles("relay_open:2@10s-20s", 40)
    ]
    assert [index for index, each in enumerate(faulty) if each] == list(range(10, 20))


def test_a_missing_battery_returns():
    sizes = [len(cycle) for cycle in cycles("missing:2@10s-20s", 40)]
    assert sizes[:30] == [4] * 10 + [3] * 10 + [4] * 10


def test_a_missing_battery_is_found():
    attention = Attention()
    for index, cycle in enumerate(cycles("missing:2@5s", 45)):
        attention.cycle(cycle, index * CYCLE_S)
    assert [(each.kind, each.battery_number) for each in attention.findings] == [("missing", 2)]


@pytest.mark.parametrize("text", ["silent@2s", "missing:1@2s, missing:2@2s", "lossy:100%@2s"])
def test_cycles_without_a_frame_are_seconds_of_silence(text):
    events = list(islice(simulator.events(2, START, faults=parse(text, 2)), 2 * 36 + 50))
    assert events[2 * 36 :] == [Silence.SECOND] * 50
    assert Silence.SECOND not in events[: 2 * 36]


def test_a_silent_bank_sends_no_frame():
    frames = list(islice(simulator.frames(1, START, faults=parse("silent@5s-60s", 1)), 200))
    times = [time - START for _, _, time in frames]
    assert not [each for each in times if 5.5 < each < 60]
    assert max(times) > 60


@pytest.mark.parametrize("percent", [1, 10, 50])
def test_a_lossy_bus_loses_its_share_of_the_frames(percent):
    every = 200 * BATTERIES * FRAMES_PER_BURST
    frames = simulator.frames(BATTERIES, START, faults=parse(f"lossy:{percent}%@0", BATTERIES))
    last = START + 200 * CYCLE_S
    kept = sum(1 for _, _, time in islice(frames, every) if time < last)
    assert 1 - kept / every == pytest.approx(percent / 100, rel=0.25)


def test_faults_change_nothing_but_what_they_name():
    for healthy, faulty in zip(cycles("", 5), cycles("hot:2@0", 5), strict=True):
        assert [each for each in faulty if each["battery_number"] != 2] == [
            each for each in healthy if each["battery_number"] != 2
        ]


def test_the_same_seed_loses_the_same_frames():
    first, again = (cycles("lossy:5%@0", 5, seed=3) for _ in range(2))
    assert first == again
