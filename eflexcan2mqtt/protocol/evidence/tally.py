"""The events of recordings in; how often each rule was met and held out. No I/O, no clock.

It keeps the last burst of each battery and one cycle: its memory does not grow with a recording.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, cast

from ..assembler import Assembler, Record, Start
from ..blocks import BLOCKS, NUMBER_MASK, OUR_IDS, Event, Frame, Silence
from ..decode import DecodeError, decode
from ..overlap import Overlap
from .report import Count, RecordingReport, Report, places_of
from .rule import MOST_BETWEEN_S, Burst, Over, Round
from .rules import RULES

MOST_WAITING = 100
"""So many frames of a battery wait at most for the end of their burst."""

_Case: TypeAlias = tuple[Frame | None, Frame]


class Tally:
    """Counts over any number of recordings; what two of them have in common counts once."""

    def __init__(self) -> None:
        self._recordings: list[RecordingReport] = []
        self._counts = [Count(rule, places_of(rule)) for rule in RULES]
        self._overlap = Overlap()

    def add(self, name: str, events: Iterable[Event]) -> RecordingReport:
        """Judge a recording.

        Raises what ``events`` raises; what came before that is counted.
        """
        recorded = _Recorded(name, self._counts, self._overlap)
        try:
            recorded.run(events)
        finally:
            self._overlap.end()
            self._recordings.append(recorded.report())
        return self._recordings[-1]

    def report(self) -> Report:
        """What was counted so far."""
        rules = [each.report() for each in self._counts]
        return {"recordings": self._recordings, "rules": rules}


class _Recorded:
    """The judging of one recording; no burst is compared with one of another recording."""

    def __init__(self, name: str, counts: Iterable[Count], overlap: Overlap) -> None:
        self._name = name
        self._overlap = overlap
        self._over: dict[Over, list[Count]] = {over: [] for over in Over}
        for each in counts:
            self._over[each.rule.over].append(each)
        self._places = 0  # frames so far
        self._newest: dict[int, Frame] = {}  # by id
        self._kept: dict[tuple[int, int], tuple[int, Frame]] = {}  # by id and marker: its place
        self._waiting: defaultdict[int, deque[_Case]] = defaultdict(deque)  # by number
        self._bursts = self._undecodable = self._left_out = 0
        self._before: dict[int, Burst] = {}  # by number
        self._software: set[int] = set()
        self._cycle: dict[int, Burst] = {}  # by number
        self._begun: set[int] = set()
        self._heard: set[int] = set()
        self._since = 0.0  # when the cycle began

    def run(self, events: Iterable[Event]) -> None:
        assembler = Assembler()
        for event in assembler.events(self._listen(events)):
            match event:
                case Start(battery):
                    self._start(battery, assembler.started)
                case Record():
                    self._add(event)
                case _:  # silence
                    self._wrap(all_heard=False)
        self._wrap(all_heard=False)
        if not self._left_out:
            for cases in self._waiting.values():
                self._judge_frames(cases)

    def report(self) -> RecordingReport:
        return {
            "recording": self._name,
            "frames": self._places,
            "bursts": self._bursts,
            "undecodable": self._undecodable,
            "left_out": self._left_out,
            "batteries": sorted(self._before),
            "software": sorted(self._software),
        }

    def _listen(self, events: Iterable[Event]) -> Iterator[Event]:
        """Keep each frame until the next one with its id and marker."""
        for event in events:
            if event is not Silence.SECOND and event[0] in OUR_IDS:
                self._hear(event)
            yield event

    def _hear(self, frame: Frame) -> None:
        can_id, data, time = frame
        before = self._newest.get(can_id)
        if before is not None and before[1] == data:
            return  # it came twice, as a frame does whose acknowledgement was lost
        # Only a whole burst shows whether an earlier recording has it.
        waiting = self._waiting[can_id & NUMBER_MASK]
        waiting.append((before, frame))
        if len(waiting) > MOST_WAITING:
            self._judge_frames([waiting.popleft()])
        self._newest[can_id] = frame
        self._kept[can_id, data[0]] = self._places, frame
        self._places += 1
        if not self._heard:
            self._since = time
        self._heard.add(can_id & NUMBER_MASK)

    def _start(self, battery: int, time: float) -> None:
        if battery in self._begun:
            # In a longer time frames were lost, perhaps all those of a battery.
            self._wrap(all_heard=time - self._since < MOST_BETWEEN_S)
            self._heard.add(battery)
            self._since = time
        self._begun.add(battery)

    def _judge_frames(self, cases: Iterable[_Case]) -> None:
        for before, frame in cases:
            shown = [frame] if before is None else [before, frame]
            self._judge(Over.FRAMES, (before, frame), shown)

    def _add(self, record: Record) -> None:
        number = record.battery
        cases = self._waiting.pop(number, ())
        if self._overlap.has(record):
            self._left_out += 1
            return
        self._judge_frames(cases)
        try:
            reading: Mapping[str, Any] = cast(Mapping[str, Any], decode(record))
        except DecodeError:
            self._undecodable += 1
            return
        sent = [
            self._kept[block.base_id + number, marker]
            for block in BLOCKS
            for marker in block.markers
        ]
        frames = tuple(frame for _, frame in sent)
        burst = Burst(record, reading, frames, span=sent[-1][0] - sent[0][0] + 1)
        self._judge(Over.BURST, (burst,), frames)
        if (before := self._before.get(number)) is not None:
            self._judge(Over.BURSTS, (before, burst), (*before.frames, *frames))
        self._before[number] = self._cycle[number] = burst
        self._bursts += 1
        self._software.add(reading["software_version"])

    def _wrap(self, all_heard: bool) -> None:
        if self._cycle:
            bursts = tuple(self._cycle.values())
            heard = frozenset(self._heard if all_heard else ())
            frames = tuple(frame for each in bursts for frame in each.frames)
            self._judge(Over.CYCLE, (Round(bursts, heard),), frames)
        self._cycle.clear()
        self._begun.clear()
        self._heard.clear()

    def _judge(self, over: Over, case: tuple[Any, ...], frames: Sequence[Frame]) -> None:
        for count in self._over[over]:
            held = count.rule.holds(*case)
            if held is None:
                continue
            count.met += 1
            count.held += held
            if not held:
                count.broken(self._name, frames)
