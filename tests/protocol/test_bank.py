"""The bank as a whole follows from its batteries."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.protocol.bank import bank_facts, totals
from eflexcan2mqtt.protocol.facts import REST_A
from tests.support.bank import FULL


def battery(number, **changes):
    return {**FULL[0], "battery_number": number, **changes}


def test_the_bank_of_two_batteries():
    cells = [3300] * 16
    cycle = [
        battery(1, battery_soc=50, battery_voltage=52.0, battery_current=-1.5, time=100),
        battery(
            *(3,),
            battery_soc=53,
            battery_voltage=52.4,
            battery_current=-2.0,
            cell_voltages=[3290, 3311, *cells[2:]],
            time=101,
        ),
    ]
    assert totals(cycle) == {
        "battery_soc": 51.5,
        "battery_voltage": 52.2,
        "battery_current": -3.5,
        "power": -182.8,
        "charge_current_limit": 2 * FULL[0]["charge_current_limit"],
        "batteries_present": 2,
        "batteries_in_system": 14,
        "cell_spread": 21,
        "cell_spread_battery": 3,
        "alarm_status": "Normal",
        "time": 101,
    }


@pytest.mark.parametrize(
    ("alarms", "worst"),
    [(["Normal", "3"], "3"), (["2", "1", "3"], "1"), (["Normal"], "Normal"), (["3", "2"], "2")],
)
def test_the_worst_alarm_is_that_of_the_bank(alarms, worst):
    cycle = [battery(number, alarm_status=each) for number, each in enumerate(alarms, 1)]
    assert totals(cycle)["alarm_status"] == worst


@pytest.mark.parametrize(
    ("amps", "flow"), [(-0.3, "at rest"), (-REST_A, "at rest"), (0.7, "charging")]
)
def test_a_bank_rests_while_its_batteries_do(amps, flow):
    """14 idle batteries together send -4.2 A."""
    bank = totals([battery(number, battery_current=amps) for number in range(1, 15)])
    assert bank_facts(bank)["flow"] == flow


def test_a_bank_has_a_problem_while_a_battery_has_one():
    bank = totals([battery(1, alarm_status="3"), battery(2, alarm_status="2")])
    assert bank_facts(bank)["problem"]
    assert bank_facts(bank)["alarm"] == "level 2"
