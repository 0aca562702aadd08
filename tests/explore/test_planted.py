"""Hidden truth is found, noise is not: what follows something is claimed, nothing else."""

from __future__ import annotations

from random import Random

import pytest

from tests.support.planted import (
    AFTER_RELAY,
    DELAY,
    FLAGS,
    NOISE,
    PLANTED,
    bursts,
    explored,
    planted,
    records,
)


@pytest.mark.parametrize("seed", range(10))
def test_what_was_planted_is_claimed_and_nothing_of_the_noise(seed):
    _, found = explored(planted(seed, batteries=3, cycles=1000))
    claims = {each.title: each for each in found.claims}
    assert sorted(claims) == sorted(PLANTED)
    current, relay, counter = (claims[title] for title in PLANTED)
    assert current.sentence.startswith("changes together with battery_current: ")
    cycles = f"{DELAY} cycles ({DELAY} s) after charge_relay_status, the other way round"
    assert relay.sentence.startswith(f"changes {cycles}: ")
    order = ("big", "little")[seed % 2]
    assert counter.sentence.startswith(
        f"is a 16-bit counter, {order}-endian: it rises by 1 with each reading, "
    )
    for facts in found.bytes:
        assert all(0 <= each.information <= each.entropy for each in facts.related)


def test_a_bank_with_noise_alone_gives_no_claim():
    random = Random(1)

    def change(cycle, battery, status):
        status[NOISE] = random.randrange(0x100)

    _, found = explored(records(1, 3, 400, change))
    assert found.claims == []


@pytest.mark.parametrize("length", [8, 20, 40])
@pytest.mark.parametrize(
    ("cycles", "batteries", "common", "seeds"),
    [(178, 1, False, 5), (178, 3, True, 3), (800, 1, False, 3), (3600, 1, False, 1)],
)
def test_one_burst_each_gives_no_claim(cycles, batteries, common, seeds, length):
    found = [
        claim
        for seed in range(seeds)
        for claim in explored(bursts(seed, batteries, cycles, length, common))[1].claims
    ]
    assert found == []


def follows_the_relay(cycles):
    """A byte that follows the relay closely, all the time."""
    random = Random(1)
    state = [0]
    for _ in range(cycles):
        state.append(state[-1] ^ (random.random() < 0.2))

    def change(cycle, battery, status):
        status[FLAGS] ^= state[cycle]
        status[AFTER_RELAY] = state[cycle]

    return records(1, 1, cycles, change)


def test_a_recording_too_short_to_show_what_chance_does_gives_no_claim():
    assert len(explored(follows_the_relay(178))[1].claims) == 1
    assert explored(follows_the_relay(150))[1].claims == []
