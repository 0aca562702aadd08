"""The bank in a line, and what needs attention in words."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import accumulate

from rich.text import Text

from ...protocol.bank import bank_facts, totals
from ...protocol.findings import BankFinding
from ...protocol.limits import NOTICE, PROBLEM, SEVERITIES
from ...protocol.reading import Reading

SEVERITY_STYLE = {PROBLEM: "bold red", NOTICE: "bold yellow"}
_SEVERITY_WIDTH = max(map(len, SEVERITIES))
_GAP = "  "


def headline(cycle: list[Reading], findings: Sequence[BankFinding], width: int) -> Text:
    """The bank in one line: what does not fit is left out, from the end."""
    if not cycle:
        return Text("no complete burst from any battery yet")
    bank = totals(cycle)
    parts = [
        Text(f"SOC {bank['battery_soc']:.1f} %", style="bold"),
        Text(f"{abs(bank['power']) / 1000:.2f} kW {bank_facts(bank)['flow']}"),
        Text(f"{bank['batteries_present']} of {bank['batteries_in_system']} batteries"),
    ]
    if findings:
        verb = "needs" if len(findings) == 1 else "need"
        style = SEVERITY_STYLE[findings[0].severity]
        parts.append(Text(f"{len(findings)} {verb} attention", style=style))
    parts += [
        Text(f"{bank['battery_current']:.1f} A"),
        Text(f"{bank['battery_voltage']:.1f} V"),
        Text(f"spread {bank['cell_spread']} mV in #{bank['cell_spread_battery']}"),
    ]
    lengths = accumulate(each.cell_len + len(_GAP) for each in parts)
    fitting = sum(length <= width + len(_GAP) for length in lengths)
    return Text(_GAP).join(parts[:fitting])


def sentence(finding: BankFinding, latest: float) -> Text:
    """A finding; ``latest`` is the time of the newest reading, with its age: now, in a bank."""
    text = Text(f"{finding.severity:{_SEVERITY_WIDTH}}", style=SEVERITY_STYLE[finding.severity])
    if finding.since is not None:
        text.append(f" since {_clock_time(finding.since, latest)}", style="not bold")
    return Text.assemble(text, _GAP, finding.sentence)


def _clock_time(since: int, latest: float) -> str:
    """The hour and minute, with the day if that was another one."""
    then, now = time.localtime(since), time.localtime(latest)
    day = "" if then[:3] == now[:3] else f"{then.tm_mday} {time.strftime('%b', then)} "
    return day + time.strftime("%H:%M", then)
