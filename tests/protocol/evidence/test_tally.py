"""What is counted of recordings, and what is not."""

from __future__ import annotations

import tracemalloc

import pytest

from eflexcan2mqtt.protocol.blocks import STALE_S, Silence
from eflexcan2mqtt.protocol.evidence.tally import Tally

from .recorded import HEALTHY, broken, counts, judged, recorded

ON_THE_BUS = (
    "batteries_in_system is the number of batteries on the bus (if its last one is recorded)"
)
MEAN = (
    "system_average_voltage is the mean of battery_voltage, 0.1 V off at most (if all are recorded)"
)
SAME_MEAN = "system_average_voltage is the same from all"
SUM = "battery_voltage is the sum of cell_voltages, rounded down to tenths"
NUMBER = "battery_number is the number in the id"
SERIAL = "a battery_number keeps its battery_id"
CONSTANT = "bytes 56 to 59 of STATUS never change in one battery"
RISES = "lifetime_discharge_energy does not fall"
PACE = "a battery begins a burst every 1.010 to 1.018 s"
ORDER = "batteries send in ascending order"
MARKER = "a frame has the marker that follows that of the frame before it"
MONTH = "the second pair of digits of battery_id is a month, or 00"


def moved(frames, seconds):
    return [(can_id, data, time + seconds) for can_id, data, time in frames]


def test_each_burst_frame_and_cycle_counts_once():
    found = counts(judged(recorded()))
    assert found[SUM] == (9, 9)
    assert found[NUMBER] == (9, 9)
    assert found[SERIAL] == found[PACE] == (6, 6)
    assert found[SAME_MEAN] == found[ORDER] == (3, 3)
    assert found[MARKER] == (9 * 18 - 6, 9 * 18 - 6), "before the first of each id is none"


def test_a_report_says_what_was_judged():
    [recording] = judged(recorded())["recordings"]
    assert recording == {
        "recording": "1.log",
        "frames": 162,
        "bursts": 9,
        "undecodable": 0,
        "left_out": 0,
        "batteries": [1, 2, 3],
        "software": [4006],
    }


def test_recordings_are_counted_together_and_compared_alone():
    """Made-up serial numbers of two recordings may be the same."""
    other = moved(recorded(everywhere={"status": {57: 9}}), 60)
    found = counts(judged(recorded(), other))
    assert found[SUM] == (18, 18)
    assert found[CONSTANT] == (12, 12)


def test_only_the_first_three_exceptions_are_shown_and_all_are_counted():
    report = judged(recorded(everywhere={"state_of_health": 99}))
    [found] = [each for each in report["rules"] if each["rule"] == "state_of_health is 100 %"]
    assert (found["held"], found["met"]) == (0, 9)
    assert [each["batteries"] for each in found["exceptions"]] == [[1], [2], [3]]
    assert [len(each["frames"]) for each in found["exceptions"]] == [1, 1, 1]


def test_what_two_recordings_have_in_common_counts_once():
    """Also frames, of which the last ones here are no burst."""
    frames = recorded(cycles=5)
    cut = frames[:-5]
    once, twice = judged(cut), judged(cut, cut)
    assert counts(twice) == counts(once)
    assert [each["left_out"] for each in twice["recordings"]] == [0, 14]
    first, second = frames[: 3 * 54], frames[2 * 54 :]
    report = judged(first, second)
    assert counts(report)[SUM] == (15, 15)
    assert counts(report)[NUMBER] == (15, 15)
    assert [(each["bursts"], each["left_out"]) for each in report["recordings"]] == [(9, 0), (6, 3)]


def test_other_batteries_at_the_same_time_are_not_left_out():
    other = recorded(everywhere={"battery_id": "2211005E0001"})
    assert counts(judged(recorded(), other))[SUM] == (18, 18)


def test_frames_that_are_no_burst_count():
    """As of a battery of which STATUS alone is recorded, however long that takes."""
    frames = [each for each in recorded(cycles=20) if each[0] == 0x101]
    assert counts(judged(frames))[NUMBER] == (20, 20)


def test_an_exception_names_its_recording():
    report = judged(recorded(), moved(recorded(here={"state_of_health": 99}, at=(0, 2)), 60))
    [found] = [each for each in report["rules"] if each["rule"] == "state_of_health is 100 %"]
    assert [each["recording"] for each in found["exceptions"]] == ["2.log"]


def test_the_bank_is_counted_only_when_its_last_battery_is_in_the_recording():
    """Or when there are more batteries than it says."""
    assert ON_THE_BUS not in counts(judged(recorded(everywhere={"batteries_in_system": 14})))
    assert counts(judged(recorded()))[ON_THE_BUS] == (2, 2)


def test_the_bank_is_not_counted_in_a_cycle_that_the_recording_cuts():
    found = counts(judged(recorded(cycles=1)))
    assert ON_THE_BUS not in found
    assert found[SAME_MEAN] == (1, 1)


def test_a_battery_with_a_lost_frame_is_on_the_bus_but_the_mean_needs_its_voltage():
    """As a frame of STATUS and one of CELLS are lost, nothing but other frames shows it."""
    lossy = recorded(at=(1, 2), edit=lambda frames: frames[1:-1])
    found = counts(judged(lossy))
    assert found[ON_THE_BUS] == (2, 2)
    assert found[MEAN] == (1, 1)


def test_the_bank_is_not_counted_over_a_gap():
    """Two batteries that are heard before the first one sends again are no whole cycle then."""
    frames = recorded()
    bursts = [frames[at : at + 18] for at in range(0, len(frames), 18)]
    first_and_last = [*bursts[0], *bursts[5]]  # of two cycles
    assert ON_THE_BUS not in counts(judged([*first_and_last, *frames[6 * 18 :]]))


def test_silence_ends_a_cycle():
    """So the batteries of two parts of a recording are no cycle."""
    frames = recorded(cycles=1)
    parts = [*frames[:18], *[Silence.SECOND] * 3, *moved(frames[18:], 2 * STALE_S)]
    assert SAME_MEAN in counts(judged(frames))
    assert counts(judged(parts))[SAME_MEAN] == (1, 1), "of batteries 2 and 3"


def test_a_repeated_frame_is_none():
    """A frame comes twice if its acknowledgement was lost."""
    frames = [each for frame in recorded() for each in (frame, frame)]
    assert judged(frames) == judged(recorded())


def test_frames_of_other_devices_are_none():
    stray = [each for frame in recorded() for each in ((0x3FF, bytes(8), frame[2]), frame)]
    assert judged(stray) == judged(recorded())


def test_an_undecodable_burst_is_only_counted():
    report = judged(recorded(here={"hardware_version": "\x01"}, at=(1, 2)))
    [recording] = report["recordings"]
    assert (recording["bursts"], recording["undecodable"]) == (8, 1)
    assert broken(report) == set()


def test_what_came_before_an_error_is_counted():
    def damaged():
        yield from recorded()
        raise OSError("unexpected end")

    tally = Tally()
    with pytest.raises(OSError, match="unexpected end"):
        tally.add("damaged.log", damaged())
    assert tally.report()["recordings"][0]["bursts"] == 9
    assert counts(tally.report())[SUM] == (9, 9)


def test_another_battery_under_a_number_is_compared_with_none_before_it():
    """It has its own constant and its own energy."""
    other = {
        "battery_id": "2211005E0001",
        "status": {56: 1},
        "lifetime_discharge_energy": HEALTHY["lifetime_discharge_energy"] - 1,
    }
    found = counts(judged(recorded(here=other, at=(1, 2))))
    assert found[SERIAL] == (4, 6)
    assert found[CONSTANT] == found[RISES] == (4, 4)


def test_the_month_of_a_made_up_serial_number_is_none():
    made_up = {"battery_id": "2200000F0001"}
    assert MONTH not in counts(judged(recorded(everywhere=made_up)))


def test_without_probes_nothing_is_said_of_their_temperatures():
    none = {str(number): None for number in range(1, 7)}
    found = counts(judged(recorded(everywhere={"temps": none})))
    assert not [rule for rule in found if " probe" in rule and "apart" not in rule]
    assert not [rule for rule in found if "temps" in rule]


def test_a_lost_burst_is_no_slow_one():
    found = counts(judged(recorded(at=(1, 2), edit=lambda _: [])))
    assert found[PACE] == (4, 4)


def test_two_batteries_have_no_order():
    assert ORDER not in counts(judged(recorded(order=(2, 1))))


def test_its_memory_does_not_grow_with_a_recording():
    def peak(cycles):
        tracemalloc.start()
        Tally().add("long", (frame for _ in range(cycles) for frame in recorded(cycles=1)))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(5)  # what is loaded and cached at first
    assert peak(120) - peak(20) < 100_000, "the frames of a hundred cycles are a megabyte"
