"""Whatever a bus says, the list of what needs attention stays one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from eflexcan2mqtt.protocol.attention import STEP_S, Attention
from eflexcan2mqtt.protocol.bank import MOST_KNOWN
from eflexcan2mqtt.protocol.circumstances import Circumstances
from eflexcan2mqtt.protocol.limits import LIMITS
from eflexcan2mqtt.protocol.loss import Loss
from tests.protocol.attention_feeds import KINDS, STRICT, Fed, battery, cells, cycle


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
