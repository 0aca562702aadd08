"""The limits of what needs attention: one table, as data. No I/O, no clock.

attention.py decides by it; the table in docs/attention.md and the settings of ``[attention]``
are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .loss import GOOD_AGAIN, LOSSY

PROBLEM, NOTICE = "problem", "notice"
SEVERITIES = (PROBLEM, NOTICE)
"""The worst first: a problem wants somebody now, a notice can wait for the weekend."""

GENTLE_A = 15.0
"""Up to this current, a seventh of the capacity an hour, a cell's voltage shows its charge more
than its resistance.  A house is hardly ever at rest: its base load must not hide a bad cell."""

FLAT_SOC = range(20, 96)
"""From 20 to 95 % the voltage of a cell hardly changes with its charge; below, and when nearly
full, the cells of a healthy battery move apart."""

SHARED_SOC = range(20, 91)
"""From 20 to 90 % batteries in parallel share the current; a fuller one rightly takes less."""

SHARED_A = 10.0
"""The mean current of a battery above which it means something how they share it."""


@dataclass(frozen=True)
class Limit:
    """A row of the table: what a finding of this kind is, and when it begins and ends.

    It begins when the value has been at ``begins`` or beyond for ``after_s``, and ends when it
    has been back by more than ``back`` for ``clear_s``.  Beyond is above, or below if ``below``.
    A row without ``unit`` is about a yes or no.  ``setting`` is the key in ``[attention]`` that
    overrides ``begins``.  ``label`` is the kind in a few words, ``when`` says what is judged,
    ``remedy`` what to do.
    """

    kind: str
    label: str
    severity: str
    begins: float
    back: float
    unit: str
    after_s: float
    clear_s: float
    setting: str
    when: str
    remedy: str
    below: bool = False

    def beyond(self, value: float, found: bool) -> bool:
        """Whether a value is beyond the limit; ``found``: whether it was before."""
        back = self.back if found else 0
        if self.below:
            return value <= self.begins + back
        return value >= self.begins - back


_GENTLY = f"with up to {GENTLE_A:.0f} A, from {FLAT_SOC[0]} to {FLAT_SOC[-1]} % charge"
_SHARED = f"while that is over {SHARED_A:.0f} A, from {SHARED_SOC[0]} to {SHARED_SOC[-1]} % charge"

# fmt: off
LIMITS = (
    Limit("alarm_1",            "alarm level 1",          PROBLEM,  1,   0,   "",    0,  60, "", "alarm level 1, the worst: the battery opens its relays",
          "Look for what else is in the list, note the alarm word, and ask the vendor's support."),
    Limit("alarm_2",            "alarm level 2",          PROBLEM,  1,   0,   "",    0,  60, "", "alarm level 2",
          "Look for what else is in the list. If it returns, note the alarm word and ask the vendor's support."),
    Limit("relay_open",         "relay open",             PROBLEM,  1,   0,   "",    5,  60, "", "the charge or the discharge relay is open",
          "The battery has disconnected itself, or was switched off. Look at its alarm and its voltage before you connect it again."),
    Limit("missing",            "missing",                PROBLEM,  1,   0,   "",   30,  10, "", "no reading from a battery that was there, while others send",
          "Is it on, and its cable plugged in? If you took it away for good, restart the service."),
    Limit("stale",              "no readings",            PROBLEM,  1,   0,   "",   10,   0, "", "no reading from any battery",
          "Is the bank on, and the cable plugged in? `eflexcan2mqtt check` looks at the CAN interface."),
    Limit("voltage_apart",      "voltages apart",         PROBLEM,  0.6, 0.1, "V",  60,  60, "", "the voltages of two batteries, apart (the vendor allows 0.5 V)",
          "Do not connect a battery that is not connected: charge the lower one first. If all are connected, look for a loose cable or a blown fuse."),
    Limit("temperature_high",   "high temperature",       PROBLEM, 45,   3,   "°C", 60,  60, "temperature_high", "the warmest probe of a battery",
          "Use less current, and let air reach the battery."),
    Limit("temperature_low",    "low temperature",        PROBLEM,  0,   2,   "°C", 60,  60, "temperature_low", "the coldest probe of a battery",
          "Charging damages cells that are below 0 °C: warm the room, and do not charge until it is warm.", below=True),
    Limit("temperature_spread", "temperatures apart",     NOTICE,   8,   2,   "°C", 600, 600, "", "the probes of a battery, apart",
          "Is one side of it near a heater, in the sun, or without air? If not, a cell or a connection may be heating up."),
    Limit("cell_spread",        "cells apart",            NOTICE,  50,  10,   "mV", 120, 600, "spread_mv", f"the spread of a battery's cells {_GENTLY}",
          "Healthy cells are a few millivolts apart there. Watch it for some weeks; a cell that falls further behind is failing."),
    Limit("cell_spread_full",   "cells apart when full",  NOTICE, 300,  60,   "mV", 300, 600, "spread_full_mv", f"the spread of a battery's cells above {FLAT_SOC[-1]} % charge",
          "Let the bank stay full for some hours on several days, so that it can balance its cells."),
    Limit("soc_apart",          "charge apart",           NOTICE,  25,   5,   "%",  600, 600, "", "the charge of two batteries, apart",
          "Charge the bank to 100 % once: that sets the gauge of each battery. If it returns, compare their currents."),
    Limit("share_low",          "low share of current",   NOTICE,  50,  10,   "%",  300, 300, "", f"the current of a battery, in percent of the mean, {_SHARED}",
          "Look for a loose, long or thin cable, or a blown fuse, at this battery.", below=True),
    Limit("share_high",         "high share of current",  NOTICE, 200,  20,   "%",  300, 300, "", f"the current of a battery, in percent of the mean, {_SHARED}",
          "Look for loose, long or thin cables, or blown fuses, at the others."),
    Limit("lossy",              "lossy bus",              NOTICE,   1,   0,   "",    0,   0, "", f"more than {100 * LOSSY:g} % of the bursts of a minute are incomplete, until it is less than {100 * GOOD_AGAIN:g} %",
          "Check the bit rate, the wiring and the termination, and whether two batteries have one number."),
    Limit("two_batteries",      "two with one number",    NOTICE,   1,   0,   "",    0,   0, "", "two batteries send under one number",
          "Give each battery of the bank a number of its own."),
    Limit("broker_away",        "broker away",            NOTICE,   1,   0,   "",   60,   0, "", "no connection to the broker",
          "Is the broker on, and can this machine reach it? The log has the reason."),
)
# fmt: on
"""The kinds of findings, the worst first: they are listed in this order."""

LOGGED_WITH_CAUSE = frozenset({"lossy", "two_batteries", "broker_away"})
"""What is logged where it is found out, with its cause: another line would only repeat it."""


def adjusted(settings: Mapping[str, float]) -> tuple[Limit, ...]:
    """The limits with what ``[attention]`` sets: its keys and values."""
    return tuple(
        replace(each, begins=settings[each.setting]) if each.setting in settings else each
        for each in LIMITS
    )
