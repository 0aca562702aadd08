"""The tables of the documents, made from the code."""

from __future__ import annotations

from eflexcan2mqtt.cli import EXIT_STATUSES
from eflexcan2mqtt.protocol.fields import FIELDS, STAGES


def field_table() -> str:
    """The table of all fields, by stage, as Markdown."""
    rows = [
        "| key | type | unit | meaning | how well known | source |",
        "|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        rows.append(f"| **{stage}** | | | | | |")
        rows += [
            f"| `{each.key}` | {each.value.json_type} | {each.unit} | {each.meaning} "
            f"| {each.evidence} | {each.source} |"
            for each in FIELDS
            if each.stage == stage
        ]
    return "\n".join(rows)


def status_table() -> str:
    """The table of exit statuses, as Markdown."""
    rows = [f"| {status} | {meaning} |" for status, meaning in EXIT_STATUSES.items()]
    return "\n".join(["| status | meaning |", "|--:|---|", *rows])
