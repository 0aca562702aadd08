"""What needs attention: when each kind of finding begins and ends, and what it says."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.bridge import Bridge
from eflexcan2mqtt.protocol.assembler import Record
from eflexcan2mqtt.protocol.attention import PAUSE_S, STEP_S, Attention, Changes
from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.protocol.blocks import Silence
from eflexcan2mqtt.protocol.circumstances import Circumstances
from eflexcan2mqtt.protocol.decode import decode
from eflexcan2mqtt.protocol.facts import PROBLEMS, WARNINGS
from eflexcan2mqtt.protocol.limits import LIMITS, PROBLEM, SEVERITIES, adjusted
from eflexcan2mqtt.protocol.loss import Loss
from eflexcan2mqtt.protocol.numbers import FORGET_S
from eflexcan2mqtt.sources.recording import Recording
from eflexcan2mqtt.sources.simulated_bank import Bank
from tests.support.bank import CAPTURES, CYCLE_S, FULL, START

FIRST = int(START)
KINDS = [each.kind for each in LIMITS]
limit = {each.kind: each for each in LIMITS}.__getitem__
FLAT = [3300] * 16

Feed = Callable[[Attention, float], Changes]


def battery(number=1, **changes):
    """An idle, healthy battery at 71 %, but for the changes."""
    return {
        **FULL[0],
        "battery_number": number,
        "battery_id": f"2211054F{number:04d}",
        "time": FIRST,
        **changes,
    }


def cycle(*batteries) -> Feed:
    """A second with a cycle of these batteries."""
    return lambda attention, now: attention.cycle(
        [{**each, "time": FIRST + round(now)} for each in batteries], now
    )


def tick(**circumstances) -> Feed:
    """A second with nothing but these circumstances."""
    return lambda attention, now: attention.tick(Circumstances(**circumstances), now)


def both(*feeds: Feed) -> Feed:
    def feed(attention, now):
        changes = [each(attention, now) for each in feeds]
        return Changes(
            [b for each in changes for b in each.begun], [e for each in changes for e in each.ended]
        )

    return feed


def cells(deviation, **changes):
    """A battery whose cell 7 deviates by so many mV."""
    return battery(3, cell_voltages=[*FLAT[:6], 3300 + deviation, *FLAT[7:]], **changes)


def probes(low, high):
    return battery(9, min_temp=low, max_temp=high, min_temp_num=2, max_temp_num=6)


def loaded(*amps):
    return cycle(*(battery(number, battery_current=each) for number, each in enumerate(amps, 1)))


def others(**changes):
    """Two healthy batteries, and number 5 with these changes."""
    return cycle(battery(1), battery(2), battery(5, **changes))


class Case(NamedTuple):
    """What a finding says; what begins it, what does not end it yet, and what ends it."""

    sentence: str
    beyond: Feed
    within: Feed | None
    fine: Feed


FINE = cycle(battery(1), battery(3), battery(9))
CASES = {
    "alarm_1": Case(
        "Battery 5: alarm level 1, alarm word 0x0140",
        others(alarm_status="1", alarm_level_1=0x140, alarm_level_2=1),
        None,
        others(),
    ),
    "alarm_2": Case(
        "Battery 5: alarm level 2, alarm word 0x1000",
        others(alarm_status="2", alarm_level_2=0x1000),
        None,
        others(alarm_status="3", alarm_level_3=8),
    ),
    "relay_open": Case(
        "Battery 5: the charge relay is open",
        others(charge_relay_status="Break"),
        None,
        others(precharge_relay_status="Break"),
    ),
    "missing": Case(
        "Battery 5: no reading, while others send",
        both(cycle(battery(1), battery(2))),
        None,
        others(),
    ),
    "stale": Case(
        "can0: no such device",
        tick(problem="can0: no such device"),
        None,
        both(FINE, tick()),
    ),
    "voltage_apart": Case(
        "Batteries 5 and 1 are apart: they have 52.5 and 53.1 V; do not connect them",
        others(battery_voltage=52.5),
        others(battery_voltage=52.6),
        others(battery_voltage=52.7),
    ),
    "temperature_high": Case(
        "Battery 9: probe 6 has 45 °C",
        cycle(probes(40, 45)),
        cycle(probes(40, 42)),
        cycle(probes(40, 41)),
    ),
    "temperature_low": Case(
        "Battery 9: probe 2 has 0 °C",
        cycle(probes(0, 3)),
        cycle(probes(2, 3)),
        cycle(probes(3, 3)),
    ),
    "temperature_spread": Case(
        "Battery 9: its probes have 20 to 28 °C",
        cycle(probes(20, 28)),
        cycle(probes(20, 26)),
        cycle(probes(20, 25)),
    ),
    "cell_spread": Case(
        "Battery 3: cell 7 is 50 mV below the median of its battery, the spread is 50 mV",
        cycle(cells(-50)),
        cycle(cells(-40)),
        cycle(cells(-39)),
    ),
    "cell_spread_full": Case(
        "Battery 3: cell 7 is 300 mV above the median of its battery, the spread is 300 mV",
        cycle(cells(300, battery_soc=99, battery_current=30.0)),
        cycle(cells(240, battery_soc=99, battery_current=30.0)),
        cycle(cells(239, battery_soc=99, battery_current=30.0)),
    ),
    "soc_apart": Case(
        "Batteries 5 and 1 are apart: they have 46 and 71 % charge",
        others(battery_soc=46),
        others(battery_soc=51),
        others(battery_soc=52),
    ),
    "share_low": Case(
        "Battery 3: its current of -7.0 A is 46 % of the mean",
        loaded(-19.0, -19.5, -7.0),
        loaded(-19.0, -17.0, -9.0),
        loaded(-18.0, -17.0, -10.0),
    ),
    "share_high": Case(
        "Battery 4: its current of 27.0 A is 212 % of the mean",
        loaded(8.0, 8.0, 8.0, 27.0),
        loaded(8.0, 8.0, 8.0, 22.0),
        loaded(15.0, 15.0, 15.0, 15.0),
    ),
    "lossy": Case(
        "The bus is lossy: 12 % of the bursts are incomplete, all those of number 7",
        both(FINE, tick(lossy=Loss(0.12, (7,)))),
        None,
        both(FINE, tick()),
    ),
    "two_batteries": Case(
        "Two batteries send as number 3, 7",
        both(FINE, tick(two_batteries=(3, 7))),
        None,
        both(FINE, tick()),
    ),
    "broker_away": Case(
        "The broker is away",
        both(FINE, tick(broker_away=True)),
        None,
        both(FINE, tick(broker_away=False)),
    ),
}


class Fed:
    """An Attention that is fed once a second, and when what began and ended."""

    def __init__(self, limits=LIMITS):
        self.attention = Attention(limits)
        self.now = 0.0
        self.begun: list[tuple[float, str]] = []
        self.ended: list[tuple[float, str]] = []

    def feed(self, feed, seconds):
        for _ in range(round(seconds)):
            begun, ended = feed(self.attention, self.now)
            self.begun += [(self.now, each.kind) for each in begun]
            self.ended += [(self.now, each.kind) for each in ended]
            self.now += 1.0
        return self

    @property
    def kinds(self):
        return [each.kind for each in self.attention.findings]


def found(kind):
    """Fed until a finding of this kind has begun."""
    case = CASES[kind]
    fed = Fed().feed(case.fine, 10).feed(case.beyond, limit(kind).after_s + 1)
    assert kind in fed.kinds
    return fed


def test_every_kind_has_a_case():
    assert list(CASES) == KINDS


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_begins_when_its_time_is_over(kind):
    fed = Fed().feed(CASES[kind].fine, 10).feed(CASES[kind].beyond, limit(kind).after_s)
    assert kind not in fed.kinds
    fed.feed(CASES[kind].beyond, 1)
    assert fed.begun == [(10 + limit(kind).after_s, kind)]
    [finding] = fed.attention.findings
    assert finding.sentence == CASES[kind].sentence
    assert (finding.kind, finding.severity) == (kind, limit(kind).severity)
    # Since when it was so, not since when that was found.
    assert finding.since == FIRST + 10


@pytest.mark.parametrize("kind", [kind for kind in KINDS if limit(kind).after_s])
def test_what_passes_before_its_time_is_over_is_no_finding(kind):
    fed, case = Fed(), CASES[kind]
    for _ in range(3):
        fed.feed(case.fine, 2).feed(case.beyond, limit(kind).after_s)
    assert fed.feed(case.fine, 2).begun == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if CASES[kind].within])
def test_a_finding_does_not_end_until_its_value_is_well_back(kind):
    fed = found(kind).feed(CASES[kind].within, 3 * limit(kind).clear_s)
    assert fed.kinds == [kind]
    assert fed.ended == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if CASES[kind].within])
def test_a_value_below_the_limit_begins_no_finding(kind):
    assert Fed().feed(CASES[kind].within, 3 * limit(kind).after_s).begun == []


@pytest.mark.parametrize("kind", KINDS)
def test_a_finding_ends_when_it_has_been_over_for_its_time(kind):
    fed = found(kind).feed(CASES[kind].fine, limit(kind).clear_s)
    assert fed.ended == []
    over = fed.now
    fed.feed(CASES[kind].fine, 1)
    assert fed.ended == [(over, kind)]
    assert fed.kinds == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if limit(kind).clear_s])
def test_a_short_recovery_ends_nothing_and_begins_nothing_anew(kind):
    fed = found(kind)
    for _ in range(3):
        fed.feed(CASES[kind].fine, limit(kind).clear_s).feed(CASES[kind].beyond, 2)
    assert (len(fed.begun), fed.ended) == (1, [])


@pytest.mark.parametrize(("kind", "cell"), [("cell_spread", 7), ("relay_open", None)])
def test_a_finding_names_its_battery_and_its_cell(kind, cell):
    number = 3 if cell else 5
    [finding] = found(kind).attention.findings
    assert (finding.battery_number, finding.battery_id) == (number, f"2211054F000{number}")
    assert finding.cell == cell


@pytest.mark.parametrize(
    "kind", ["stale", "lossy", "two_batteries", "broker_away", "voltage_apart", "soc_apart"]
)
def test_a_finding_about_bank_or_bus_has_no_battery(kind):
    [finding] = found(kind).attention.findings
    assert (finding.battery_number, finding.battery_id, finding.cell) == (None, None, None)


def test_a_value_stays_the_latest_beyond_the_limit():
    fed = found("cell_spread").feed(cycle(cells(-470)), 1)
    [finding] = fed.attention.findings
    assert (finding.value, finding.unit) == (470, "mV")
    assert finding.sentence == (
        "Battery 3: cell 7 is 470 mV below the median of its battery, the spread is 470 mV"
    )


def test_the_sentence_on_a_spread_has_the_value_that_is_judged():
    """No cell alone is 50 mV from the median."""
    fed = Fed().feed(cycle(battery(3, cell_voltages=[*FLAT[:14], 3275, 3326])), 130)
    [finding] = fed.attention.findings
    assert (finding.cell, finding.value) == (16, 51)
    assert finding.sentence == (
        "Battery 3: cell 16 is 26 mV above the median of its battery, the spread is 51 mV"
    )


def test_a_yes_or_no_has_no_value():
    [finding] = found("alarm_1").attention.findings
    assert (finding.value, finding.unit) == (None, "")


def test_findings_are_sorted_by_their_weight_and_their_battery():
    fed = Fed().feed(
        cycle(
            cells(-60), probes(50, 50), battery(4, alarm_status="1"), battery(2, alarm_status="1")
        ),
        700,
    )
    listed = [(each.kind, each.battery_number) for each in fed.attention.findings]
    assert listed == [("alarm_1", 2), ("alarm_1", 4), ("temperature_high", 9), ("cell_spread", 3)]


def test_the_table_lists_the_worst_first():
    severities = [SEVERITIES.index(each.severity) for each in LIMITS]
    assert severities == sorted(severities)


def test_the_alarm_levels_that_are_problems_are_findings_and_the_warning_is_none():
    assert {f"alarm_{each}" for each in PROBLEMS} < set(KINDS)
    assert all(limit(f"alarm_{each}").severity == PROBLEM for each in PROBLEMS)
    for level in WARNINGS:
        assert Fed().feed(cycle(battery(1, alarm_status=level, alarm_level_3=8)), 700).begun == []


def test_both_open_relays_are_named():
    fed = Fed().feed(others(charge_relay_status="Break", discharge_relay_status="Break"), 10)
    assert (
        fed.attention.findings[0].sentence == "Battery 5: the charge and discharge relays are open"
    )


@pytest.mark.parametrize(
    "changes",
    [{"battery_current": 15.1}, {"battery_current": -40.0}, {"battery_soc": 19}],
    ids=str,
)
def test_a_spread_under_load_or_below_the_flat_part_means_nothing(changes):
    assert Fed().feed(cycle(cells(-200, **changes)), 700).begun == []


def test_load_does_not_heal_a_cell():
    """What cannot be judged neither ends a finding nor begins it anew."""
    fed = found("cell_spread").feed(cycle(cells(0, battery_current=-40.0)), 2000)
    assert (fed.kinds, fed.ended) == (["cell_spread"], [])


def test_the_time_that_a_spread_could_be_judged_adds_up():
    fed = Fed()
    for _ in range(6):
        fed.feed(cycle(cells(-60)), 30).feed(cycle(cells(-60, battery_current=-40.0)), 300)
    assert fed.kinds == ["cell_spread"]


def test_what_could_not_be_judged_for_long_begins_anew():
    uneven, rest = loaded(-19.0, -19.5, -7.0), loaded(-1.0, -1.0, -1.0)
    fed = Fed().feed(uneven, 200).feed(rest, PAUSE_S + 1).feed(uneven, 200)
    assert fed.begun == []
    again = fed.now - 200
    [finding] = fed.feed(uneven, 200).attention.findings
    assert (finding.kind, finding.since) == ("share_low", FIRST + again)


@pytest.mark.parametrize(
    "cycle_of",
    [
        loaded(-9.0, -9.0, -9.0, -2.0),  # too little current
        loaded(-30.0),  # nothing to compare it with
        cycle(battery(1, battery_current=30.0), battery(2, battery_soc=95, battery_current=1.0)),
        cycle(battery(1, battery_current=30.0), battery(2, charge_relay_status="Break")),
    ],
)
def test_a_share_is_compared_only_where_batteries_share(cycle_of):
    fed = Fed().feed(cycle_of, 700)
    assert not {"share_low", "share_high"} & set(fed.kinds)


def test_batteries_are_compared_on_a_lossy_bus():
    """Each cycle has only some of them."""
    fed = Fed()
    for _ in range(80):
        fed.feed(cycle(battery(1)), 5).feed(cycle(battery(5, battery_soc=30)), 5)
    assert "soc_apart" in fed.kinds


ONLY_TWO = cycle(battery(1), battery(2))


def test_a_battery_that_sends_is_not_missing_although_no_burst_is_complete():
    """On a lossy bus it may have no reading for half a minute."""
    incomplete = tick(incomplete=frozenset([5]))
    fed = Fed().feed(both(others(), tick()), 10).feed(both(ONLY_TWO, incomplete), 300)
    assert fed.begun == []
    assert fed.feed(both(ONLY_TWO, tick()), limit("missing").after_s + 2).kinds == ["missing"]
    assert fed.feed(both(ONLY_TWO, incomplete), limit("missing").clear_s + 2).kinds == []


def test_a_silent_bank_has_no_missing_batteries():
    fed = Fed().feed(others(), 10).feed(tick(), 300)
    assert fed.kinds == ["stale"]
    assert fed.attention.findings[0].sentence == "No reading from any battery"
    assert fed.feed(others(), 3).kinds == []


def test_a_battery_that_was_never_there_is_not_missing():
    """A bank of 14 of which a recording has three."""
    assert Fed().feed(cycle(battery(1, batteries_in_system=14)), 300).begun == []


def test_a_battery_that_took_the_place_of_another_is_not_missing():
    fed = Fed().feed(others(), 10).feed(others(battery_id=NEW), 100)
    assert fed.begun == []


NEW = "2307021G0001"


def test_a_battery_does_not_inherit_what_was_wrong_with_the_one_before_it():
    fed = found("cell_spread").feed(cycle(battery(1), battery(3, battery_id=NEW)), FORGET_S)
    assert fed.ended == []
    fed.feed(cycle(battery(1), battery(3, battery_id=NEW)), 3)
    assert [kind for _, kind in fed.ended] == ["cell_spread"]
    assert fed.kinds == []


def test_a_battery_does_not_inherit_the_time_of_the_one_before_it():
    after_s = limit("cell_spread").after_s
    fed = Fed().feed(cycle(cells(-60)), after_s).feed(cycle(cells(-60, battery_id=NEW)), after_s)
    assert fed.begun == []
    fed.feed(cycle(cells(-60, battery_id=NEW)), 1)
    assert [each.battery_id for each in fed.attention.findings] == [NEW]


def test_of_two_batteries_with_one_number_the_one_that_is_hot_is_found():
    fed, hot = Fed(), battery(9, max_temp=55)
    for _ in range(40):
        fed.feed(cycle(battery(1), hot), 1).feed(cycle(battery(1), battery(9, battery_id=NEW)), 1)
    [finding] = fed.attention.findings
    assert (finding.kind, finding.battery_id) == ("temperature_high", hot["battery_id"])
    assert fed.ended == []


def test_what_the_others_lack_ends_when_no_other_is_left():
    """Of a single battery nothing is apart."""
    fed = Fed().feed(cycle(battery(1), battery(2, battery_voltage=52.0)), 70)
    assert fed.kinds == ["voltage_apart"]
    assert fed.feed(cycle(battery(1)), 90).kinds == ["missing"]


@pytest.mark.parametrize("kind", ["alarm_1", "relay_open"])
def test_what_comes_and_goes_each_few_seconds_is_one_finding(kind):
    fed = found(kind)
    for _ in range(50):
        fed.feed(CASES[kind].fine, 12).feed(CASES[kind].beyond, 1)
    assert (len(fed.begun), fed.ended) == (1, [])


def test_the_bank_is_stale_if_no_battery_is_heard_from_the_start():
    fed = Fed().feed(tick(), 12)
    [finding] = fed.attention.findings
    assert (finding.kind, finding.since) == ("stale", None)


@pytest.mark.parametrize("jump", [-86_400.0, 30 * 86_400.0, 60.0])
def test_a_jump_of_the_clock_begins_and_ends_nothing(jump):
    fed = found("relay_open")
    fed.feed(cycle(cells(-60), battery(5, charge_relay_status="Break")), 20)
    fed.now += jump
    fed.feed(cycle(cells(-60), battery(5)), 1)
    assert [kind for _, kind in fed.begun + fed.ended] == ["relay_open"]


def test_since_follows_a_clock_that_is_set():
    """A bus goes by a clock of its own; a Pi learns the time of day later."""
    attention = Attention()
    open_relay = battery(5, charge_relay_status="Break")
    for second in range(20):
        attention.cycle([{**open_relay, "time": 1000 + second}], second)
    assert [each.since for each in attention.findings] == [1000]
    for second in range(20, 40):
        attention.cycle([{**open_relay, "time": FIRST + second}], second)
    assert [each.since for each in attention.findings] == [FIRST]


def test_since_does_not_waver_with_the_rounding_of_times():
    attention, sinces = Attention(), set()
    for count in range(200):
        now = count * 1.012
        attention.cycle([battery(5, alarm_status="1", time=FIRST + round(now))], now)
        sinces |= {each.since for each in attention.findings}
    assert len(sinces) == 1


def test_since_does_not_waver_with_a_cycle_that_ends_in_a_silence():
    """The last one before it is published three seconds late, or an hour."""
    attention, sinces = Attention(), []
    for time, now in [(0, 0), (1, 1), (2, 5), (10, 10), (11, 11), (12, 3600), (3601, 3601)]:
        attention.cycle([battery(5, alarm_status="1", time=FIRST + time)], float(now))
        sinces.append(attention.findings[0].since - FIRST)
    assert sinces == [0] * 7


def test_settings_move_the_limit_and_its_way_back():
    fed = Fed(adjusted({"spread_mv": 100, "temperature_low": 10}))
    fed.feed(cycle(cells(-99), probes(11, 12)), 700)
    assert fed.begun == []
    fed.feed(cycle(cells(-100), probes(10, 12)), 700)
    assert fed.kinds == ["temperature_low", "cell_spread"]
    fed.feed(cycle(cells(-90), probes(12, 12)), 700)
    assert fed.ended == []
    fed.feed(cycle(cells(-89), probes(13, 13)), 700)
    assert fed.kinds == []


PRESENCE = {"missing", "stale"}
STRICT = [each if each.kind in PRESENCE else replace(each, after_s=0) for each in LIMITS]
"""What passes, too, is a finding."""

FOLDERS = [CAPTURES, *(Path(each) for each in [os.environ.get("EFLEX_CAPTURES", "")] if each)]
LOGS = [log for folder in FOLDERS for log in sorted(folder.glob("*.log"))]


def begun_in(frames):
    """What begins while frames are played, with a tick after each second, as on a bus."""
    attention, begun, now = Attention(STRICT), [], 0.0

    def publish(cycle):
        begun.extend(attention.cycle(cycle, now).begun)

    bridge = Bridge(publish)

    def events():
        nonlocal now
        for frame in frames:
            if frame is Silence.SECOND:
                now += 1.0
            ticked, now = now or frame[2], max(now, frame[2])
            while now - ticked >= 1.0:
                ticked += 1.0
                begun.extend(attention.tick(bridge.bus(), ticked).begun)
            yield frame

    bridge.run(events())
    begun.extend(attention.tick(bridge.bus(), now).begun)
    return begun


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_a_capture_of_a_healthy_bank_has_no_finding(log):
    assert begun_in(Recording(str(log))) == []


def readings_of(bank, seconds, now):
    """The next cycle of a simulated bank."""
    blocks = enumerate(bank.step(seconds), 1)
    return [decode(Record(number, *each, FIRST + round(now))) for number, each in blocks]


def test_a_healthy_bank_has_no_finding_the_whole_year():
    """A cycle each 5000 s, thus at other times of each day."""
    bank, attention = Bank(2, seed=1), Attention(STRICT)
    socs = set()
    for now in range(0, 366 * 86_400, 5000):
        readings = readings_of(bank, 5000.0, now)
        socs |= {each["battery_soc"] for each in readings}
        assert attention.cycle(readings, now) == ([], [])
        assert attention.tick(Circumstances(), now + 1) == ([], [])
    assert (min(socs) < 10, max(socs)) == (True, 100)


@pytest.mark.parametrize(("batteries", "seed"), [(10, 1), (14, 2), (15, 1)])
def test_a_healthy_bank_has_no_finding_while_its_batteries_become_full(batteries, seed):
    """There the voltage of a battery on its own rises steeply; in parallel all have one."""
    bank, attention = Bank(batteries, seed), Attention(STRICT)
    while min(each["battery_soc"] for each in readings_of(bank, 120.0, 0)) < 94:
        pass
    socs = set()
    for count in range(0, 400, 4):
        readings = readings_of(bank, 4 * CYCLE_S, count * CYCLE_S)
        socs |= {each["battery_soc"] for each in readings}
        assert attention.cycle(readings, count * CYCLE_S) == ([], [])
    assert {95, 98} <= socs


@st.composite
def readings(draw):
    cell = st.integers(0, 65_535)
    relay = st.sampled_from(["Make", "Break"])
    return battery(
        draw(st.integers(1, 15)),
        battery_id=draw(st.sampled_from("abcdef")),
        battery_soc=draw(st.integers(0, 255)),
        battery_voltage=draw(st.integers(0, 65_535)) / 10,
        battery_current=draw(st.integers(-32_768, 32_767)) / 10,
        cell_voltages=draw(st.lists(cell, min_size=16, max_size=16)),
        alarm_status=draw(st.sampled_from(["1", "2", "3", "Normal"])),
        alarm_level_1=draw(cell),
        alarm_level_2=draw(cell),
        charge_relay_status=draw(relay),
        discharge_relay_status=draw(relay),
        max_temp=draw(st.integers(-40, 215)),
        min_temp=draw(st.integers(-40, 215)),
        time=draw(st.integers(0, 2**32)),
    )


STEPS = st.floats(-1e9, 1e9, allow_nan=False)
CYCLES = st.tuples(STEPS, st.lists(readings(), max_size=3))
TICKS = st.tuples(
    STEPS,
    st.builds(
        Circumstances,
        st.none() | st.builds(Loss, st.floats(0, 1), st.just(())),
        st.frozensets(st.integers(1, 15)),
        st.lists(st.integers(1, 15), max_size=2).map(tuple),
        st.none() | st.booleans(),
        st.text(max_size=3),
    ),
)


def key(finding):
    return finding.kind, finding.battery_number, finding.battery_id


@given(st.lists(CYCLES | TICKS, max_size=15), st.booleans())
def test_whatever_comes_each_finding_begins_and_ends_once(fed, strict):
    """Never raises; the list is what has begun and not ended, and never grows beyond bounds."""
    attention, now, listed = Attention(STRICT if strict else LIMITS), 0.0, set()
    for step, what in fed:
        now += step
        take = attention.cycle if isinstance(what, list) else attention.tick
        begun, ended = take(what, now)
        for each in ended:
            listed.remove(key(each))
        for each in begun:
            assert key(each) not in listed
            listed.add(key(each))
        findings = attention.findings
        assert set(map(key, findings)) == listed
        assert len({each[1:] for each in listed}) <= MOST_KNOWN + 1  # and the bank
        ranks = [KINDS.index(each.kind) for each in findings]
        assert all(one <= other for one, other in pairwise(ranks))


def test_only_so_many_batteries_are_remembered():
    attention = Attention(STRICT)
    for count in range(100):
        attention.cycle([battery(5, battery_id=f"{count:012}", alarm_status="1")], 0.0)
    assert len(attention.findings) == MOST_KNOWN


@given(st.floats(STEP_S, 1e6))
def test_a_pause_counts_as_five_seconds(pause):
    fed = Fed().feed(cycle(cells(-60)), 10)
    fed.now += pause - 1
    assert fed.feed(cycle(cells(-60)), 1).kinds == []
