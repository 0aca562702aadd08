"""How many of a minute's bursts were incomplete, and which batteries share a number."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.protocol.blocks import CYCLE_S
from eflexcan2mqtt.protocol.loss import FEWEST, GOOD_AGAIN, LOSSY, Bursts
from eflexcan2mqtt.protocol.numbers import SharedNumbers
from tests.support.bank import FULL, START

CYCLES_A_MINUTE = 60


def play(bursts, seconds, incomplete, batteries=(1, 2, 3, 4), start=START):
    """Bursts of a bank; ``incomplete`` says of (cycle, battery) whether one is. The verdicts."""
    verdicts = []
    for cycle in range(round(seconds / CYCLE_S)):
        for battery in batteries:
            if bursts.start(battery, start + cycle * CYCLE_S):
                verdicts.append(bursts.lossy)
            if not incomplete(cycle, battery):
                bursts.complete(battery)
    return verdicts


def test_a_minute_without_loss_is_good():
    bursts = Bursts()
    assert play(bursts, 130, lambda *_: False) == [False] * 7
    assert bursts.last == (0.0, ())


def test_a_bus_that_loses_a_tenth_of_the_bursts_is_lossy_after_a_minute():
    bursts = Bursts()
    assert play(bursts, 65, lambda cycle, battery: (cycle + battery) % 10 == 0) == [True]
    assert bursts.last.share == pytest.approx(0.1, abs=0.02)


def test_a_trace_is_no_loss():
    """One in thirty."""
    assert play(Bursts(), 70, lambda cycle, battery: (cycle + 7 * battery) % 30 == 0) == [False]


def test_a_lossy_bus_stays_so_until_hardly_any_burst_is_incomplete():
    bursts = Bursts()
    play(bursts, 130, lambda cycle, battery: (cycle + battery) % 10 == 0)
    end = START + 130 // CYCLE_S * CYCLE_S

    def trace(cycle, battery):
        return (cycle + battery) % 25 == 0

    assert GOOD_AGAIN < 1 / 25 < LOSSY
    assert play(bursts, 90, trace, start=end)[-1]
    assert not play(bursts, 90, lambda *_: False, start=end + 90)[-1]


def test_a_battery_whose_bursts_never_complete_is_named():
    bursts = Bursts()
    assert play(bursts, 70, lambda _, battery: battery == 3) == [True]
    assert bursts.last == (pytest.approx(0.25, abs=0.01), (3,))


def test_the_end_of_a_short_recording_is_judged_too():
    bursts = Bursts()
    assert play(bursts, 9, lambda cycle, _: cycle % 2 == 0) == []
    assert bursts.end()
    assert bursts.lossy


def test_a_few_bursts_say_nothing():
    bursts = Bursts()
    play(bursts, (FEWEST - 2) * CYCLE_S, lambda *_: True, batteries=[1])
    assert not bursts.end()


def test_a_battery_that_sends_without_a_complete_burst_is_known_for_a_few_seconds():
    bursts = Bursts()
    play(bursts, 5, lambda _, battery: battery == 3)
    assert bursts.incomplete() == {3}
    play(bursts, 2, lambda *_: False, batteries=(1, 2), start=START + 5)
    assert bursts.incomplete() == {3}
    play(bursts, 2, lambda *_: False, batteries=(1, 2), start=START + 7)
    assert bursts.incomplete() == set()
    play(bursts, 2, lambda *_: False, start=START + 9)
    assert bursts.incomplete() == set()


@pytest.mark.parametrize("step", [-3600.0, 3600.0, 31_536_000.0])
def test_a_step_of_the_clock_is_no_loss(step):
    bursts = Bursts()
    play(bursts, 30, lambda *_: False)
    assert play(bursts, 80, lambda *_: False, start=START + step)[-1] is False
    assert bursts.last.share == 0


def reading(name, at, number=3):
    return {**FULL[0], "battery_number": number, "battery_id": name, "time": START + at}


ONE, OTHER = "2205075E0604", "2245075E0112"
BOTH = (
    f"two batteries send as number 3, {ONE} and {OTHER}: "
    "each battery of a bank needs a number of its own"
)


def test_two_batteries_that_send_by_turns_under_one_number_are_reported_once():
    numbers = SharedNumbers()
    found = [
        numbers.add(reading(name, cycle + place / 2))
        for cycle in range(100)
        for place, name in enumerate((ONE, OTHER))
    ]
    assert [each for each in found if each] == [BOTH]
    assert numbers.shared == {3}


def test_a_battery_that_is_replaced_shares_nothing():
    numbers = SharedNumbers()
    names = [ONE] * 10 + [OTHER] * 100
    assert [numbers.add(reading(name, at)) for at, name in enumerate(names)] == [None] * 110
    assert numbers.add(reading(ONE, 500)) is None  # and back


def test_when_the_other_one_has_gone_that_is_reported():
    numbers = SharedNumbers()
    names = [ONE, OTHER] * 5 + [OTHER] * 70
    found = [each for at, name in enumerate(names) if (each := numbers.add(reading(name, at)))]
    assert found == [BOTH, f"only battery {OTHER} sends as number 3 now"]
    assert numbers.shared == set()


def test_bursts_that_overlap_again_and_again_are_of_two_batteries():
    numbers = SharedNumbers()
    assert numbers.overlapped(3, 2) is None
    assert numbers.overlapped(3, 30) == (
        "two batteries send as number 3 at the same time: "
        "each battery of a bank needs a number of its own"
    )
    assert numbers.overlapped(3, 60) is None


def test_a_burst_that_is_complete_among_those_that_overlap_ends_nothing():
    """Only one line, however often the two take turns at that."""
    numbers = SharedNumbers()
    found = []
    for step in range(12):
        found.append(numbers.add(reading(ONE, 10 * step)))
        found.append(numbers.overlapped(3, 10 * step))
    assert len([each for each in found if each]) == 1
    assert numbers.shared == {3}
