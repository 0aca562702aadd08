"""Hidden truth is found, noise is not: what follows something is claimed, nothing else."""

from __future__ import annotations

from random import Random

import pytest

from eflexcan2mqtt.explore.report import report
from eflexcan2mqtt.explore.survey import Survey
from tests.support.planted import DELAY, NOISE, PLANTED, planted, records


def explored(found):
    survey = Survey()
    for record in found:
        survey.add(record)
    survey.end()
    return survey, report(survey)


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


def test_a_bank_with_noise_alone_gives_no_claim():
    random = Random(1)

    def change(cycle, battery, status):
        status[NOISE] = random.randrange(0x100)

    _, found = explored(records(1, 3, 400, change))
    assert found.claims == []
