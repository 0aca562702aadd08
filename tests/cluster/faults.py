"""What happens to three nodes and to those who read from them, by a seed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random

from .network import Network
from .node import Node

FROZEN_S = CUT_S = 10.0
DOWN_S = (1.0, 5.0)
CONNECTED_S = 60.0
CALM_S = (1.0, 3.0)
"""So long nothing happens between two faults."""


class Faults:
    """Each fault is over when its node takes clients again.

    ``banks`` counts those that are connected to a node: what fails is one that has some.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        readers: Sequence,
        banks: Callable[[Node], int],
        random: Random,
    ) -> None:
        self._nodes = nodes
        self._readers = readers
        self._banks = banks
        self._random = random

    def run(self, count: int) -> Iterator[str]:
        """Let them happen, in an order of the seed, and say of each what it was."""
        kinds: list[Callable[[], str]] = []
        while len(kinds) < count:
            one_of_each = [self._killed, self._frozen, self._cut, self._restarted, self._reader]
            one_of_each.append(self._random.choice(one_of_each[:3]))
            self._random.shuffle(one_of_each)
            kinds += one_of_each
        yield from self._timed(kinds[:count])

    def cuts(self, lasts_s: float, count: int) -> Iterator[str]:
        """The same, of cuts alone."""
        yield from self._timed([lambda: self._cut(lasts_s)] * count)

    def _timed(self, faults: Sequence[Callable[[], str]]) -> Iterator[str]:
        for fault in faults:
            time.sleep(self._random.uniform(*CALM_S))
            begun = time.monotonic()
            what = fault()
            yield f"{what}, {time.monotonic() - begun:.0f} s"

    def _node(self) -> tuple[Node, str]:
        """One with banks, and what it is in words."""
        found: list[tuple[Node, int]] = []
        deadline = time.monotonic() + CONNECTED_S
        while not found:
            assert time.monotonic() < deadline, "no bank is connected"
            time.sleep(0.1)
            found = [(each, count) for each in self._nodes if (count := self._banks(each))]
        node, count = self._random.choice(found)
        return node, f"{node.name}, which had {count} of the banks,"

    def _killed(self) -> str:
        node, name = self._node()
        node.kill()
        time.sleep(self._random.uniform(*DOWN_S))
        node.start()
        node.wait()
        return f"{name} killed"

    def _frozen(self) -> str:
        node, name = self._node()
        node.signal(signal.SIGSTOP)
        time.sleep(FROZEN_S)
        node.signal(signal.SIGCONT)
        node.wait()
        return f"{name} frozen"

    def _cut(self, lasts_s: float = CUT_S) -> str:
        """Its banks still reach it."""
        node, name = self._node()
        Network.cut(node.number)
        time.sleep(lasts_s)
        Network.mend(node.number)
        node.wait()
        return f"{name} cut off from the others"

    def _restarted(self) -> str:
        for node in self._nodes:
            node.stop()
            node.start()
            node.wait()
        return "all restarted, one by one"

    def _reader(self) -> str:
        reader = self._random.choice(self._readers)
        reader.end(signal.SIGKILL)
        time.sleep(self._random.uniform(*DOWN_S))
        reader.start()
        return "a reader killed"
