"""Counters and other words that never turn are found, in either byte order; others are not."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest

from eflexcan2mqtt.explore.words import BIG, LITTLE, Words
from eflexcan2mqtt.protocol.blocks import STATUS
from eflexcan2mqtt.protocol.unclaimed import UNCLAIMED

PLACE = {each.offset: at for at, each in enumerate(UNCLAIMED) if each.block is STATUS}


def watched(rows, offset):
    """The words found where these bytes came one after another, in one battery."""
    words = Words()
    payloads = []
    for row in rows:
        payload = bytearray(len(UNCLAIMED))
        payload[PLACE[offset] : PLACE[offset] + len(row)] = row
        payloads.append(bytes(payload))
    for before, now in pairwise(payloads):
        places = [at for at, (old, new) in enumerate(zip(before, now, strict=True)) if old != new]
        if places:
            words.change("battery", before, now, places)
    return words.monotonic({"battery": len(payloads)})


@pytest.mark.parametrize(("order", "name"), [("big", BIG), ("little", LITTLE)])
@pytest.mark.parametrize(("size", "step"), [(2, 1), (2, 3), (2, 1000), (4, 5000), (1, 1)])
def test_a_counter(order, name, size, step):
    rows = [(step * at % 256**size).to_bytes(size, order) for at in range(2000)]
    [found] = watched(rows, 60)
    assert len(found.word.bytes) == size
    assert found.word.order == (name if size > 1 else BIG)
    assert (found.least, found.most, found.rising, found.steady) == (step, step, True, True)


def test_a_number_that_falls_now_and_then():
    values = [60_000 - 50 * (at // 9) for at in range(9000)]
    [found] = watched([each.to_bytes(2, "big") for each in values], 64)
    assert (found.rising, found.steady, found.most) == (False, False, 50)
    assert str(found.word) == "STATUS 0A.2 to 0A.3"


def test_a_counter_beside_noise_is_without_the_noise():
    random = Random(1)
    rows = [bytes([*at.to_bytes(2, "big"), random.randrange(256)]) for at in range(2000)]
    [found] = watched(rows, 60)
    assert str(found.word) == "STATUS 09.5 to 09.6"


@pytest.mark.parametrize("seed", range(20))
def test_noise_of_any_kind_is_no_word(seed):
    random = Random(seed)
    walk, rows = 128, []
    flag = 0
    for _ in range(600):
        walk = (walk + random.choice((-1, 0, 1))) % 256
        flag ^= random.random() < 0.02
        rows.append(bytes([flag, walk, random.randrange(256), random.randrange(4)]))
    assert watched(rows, 60) == []
