"""The tables of the documents, made from the code."""

from __future__ import annotations

from eflexcan2mqtt.cli import EXIT_STATUSES
from eflexcan2mqtt.protocol.evidence.rules import rules_of
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES, Derived, Field
from eflexcan2mqtt.protocol.limits import LIMITS
from eflexcan2mqtt.sinks.homeassistant.entities import id_words, words
from eflexcan2mqtt.sinks.homeassistant.looks import OF_BANK, OF_BATTERY
from eflexcan2mqtt.sources.faults import KINDS


def field_table() -> str:
    """The table of all fields, by stage, as Markdown."""
    rows = [
        "| key | name | type | unit | meaning | how well known | source |",
        "|---|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        rows.append(f"| **{stage}** | | | | | | |")
        rows += [
            f"| `{each.key}` | {each.label} | {each.value.json_type} | {each.unit} "
            f"| {each.meaning} | {_known(each)} | {each.source} |"
            for each in FIELDS
            if each.stage == stage
        ]
    return "\n".join(rows)


def _known(each: Field | Derived) -> str:
    rules = len(rules_of(each.key))
    return f"{each.evidence}, {rules} rule{'s' if rules > 1 else ''}" if rules else each.evidence


def status_table() -> str:
    """The table of exit statuses, as Markdown."""
    rows = [f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()]
    return "\n".join(["| status | meaning |", "|--:|---|", *rows])


def limit_table() -> str:
    """The table of what needs attention, as Markdown."""
    rows = ["| kind | what is judged | begins | ends | what to do |", "|---|---|---|---|---|"]
    for each in LIMITS:
        beyond, back = ("or less", "above") if each.below else ("or more", "below")
        ends = each.begins + (each.back if each.below else -each.back)
        begins = f"{each.begins:g} {each.unit} {beyond}, " if each.unit else ""
        over = f"{back} {ends:g} {each.unit}, " if each.unit else ""
        name = f" (`{each.setting}`)" if each.setting else ""
        beyond_for, back_for = _lasting(each.after_s), _lasting(each.clear_s)
        if not each.unit:
            back_for = back_for.replace("for", "after") + (" without it" if each.clear_s else "")
        times = (f"{begins}{beyond_for}", f"{over}{back_for}")
        cells = (
            f"{each.label}: `{each.kind}`, {each.severity}",
            f"{each.when}{name}",
            *times,
            each.remedy,
        )
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _lasting(seconds: float) -> str:
    if not seconds:
        return "at once"
    return f"for {seconds:g} s" if seconds < 120 else f"for {seconds / 60:g} min"


def fault_table() -> str:
    """The table of the simulator's faults, as Markdown."""
    rows = ["| fault | what it is |", "|---|---|"]
    rows += [
        f"| `{':'.join((name, *kind.about))}` | {kind.words} |" for name, kind in KINDS.items()
    ]
    return "\n".join(rows)


def off_table() -> str:
    """The table of what Home Assistant does not show at first, as Markdown."""
    rows = ["| device | entity | its id ends in | why it is off |", "|---|---|---|---|"]
    for device, looks in (("battery", OF_BATTERY), ("bank", OF_BANK)):
        rows += [
            f"| {device} | `{look.name or words(key)}` | `_{id_words(key)}` | {look.off} |"
            for key, look in looks.items()
            if look.off
        ]
    return "\n".join(rows)
