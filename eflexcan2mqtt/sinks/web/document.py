"""The page as a text, and the policy that lets a browser run what is in it and nothing else."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

from ... import __version__
from ...protocol.facts import ALARMS, HIGHEST, LOWEST, MARK_MV, QUIET_MV, STRIKING_MV
from ...protocol.fields import FIELDS, GROUPS, Derived, Field
from ...protocol.limits import LIMITS
from ...protocol.outlook import LOW_SOC
from ...protocol.values import BitOf, Choice, Tenths, WorstAlarm
from ...settings.web import WebSettings
from ..one_file import assembled


def document(
    settings: WebSettings, *, history: bool = False, recorder: bool = False
) -> tuple[str, str]:
    """The HTML, with the facts that it shows filled in, and its Content-Security-Policy.

    ``history`` and ``recorder`` are whether the bridge has them: else the page does not ask.
    """
    data = {
        "title": settings.title,
        "version": __version__,
        "history": history,
        "recorder": recorder,
        "groups": [
            {"name": name, "fields": [_described(each) for each in FIELDS if each.group == name]}
            for name in GROUPS
        ],
        "marks": {HIGHEST: "▲", LOWEST: "▼"},
        "mark_mv": MARK_MV,
        "quiet_mv": QUIET_MV,
        "striking_mv": STRIKING_MV,
        "low_soc": LOW_SOC,
        "kinds": {each.kind: {"label": each.label, "remedy": each.remedy} for each in LIMITS},
    }
    html = assembled("page.html", data)
    policy = {
        "default-src": "'none'",
        "script-src": _hashes("script", html),
        "style-src": _hashes("style", html),
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(settings.frame_ancestors) or "'none'",
    }
    return html, "; ".join(f"{name} {value}" for name, value in policy.items())


def _hashes(tag: str, html: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = (hashlib.sha256(each.encode()).digest() for each in found)
    return " ".join(f"'sha256-{base64.b64encode(each).decode()}'" for each in digests)


def _described(field: Field | Derived) -> dict[str, Any]:
    """What the page needs to show a field."""
    return {
        "key": field.key,
        "label": field.label,
        "unit": field.unit,
        "digits": 1 if isinstance(field.value, Tenths) else 0,
        "words": _words(field),
        "note": f"{field.meaning} ({field.evidence}: {field.source})",
    }


def _words(field: Field | Derived) -> dict[str, str]:
    """What people say instead of what is in the JSON, by that as JavaScript writes it."""
    match field.value:
        case Choice() as choice:
            return dict(zip(choice.words, choice.plain, strict=True))
        case WorstAlarm():
            return {state: words[:1].upper() + words[1:] for state, words in ALARMS.items()}
        case BitOf():
            return {"true": "Yes", "false": "No"}
        case _:
            return {}
