"""The page as a text, and the policy that lets a browser run what is in it and nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path

from ... import __version__
from ...protocol.facts import HIGHEST, LOWEST, MARK_MV
from ...protocol.fields import FIELDS
from .board import SAMPLE_S, SAMPLES


def document(frame_ancestors: Iterable[str] = ()) -> tuple[str, str]:
    """The HTML, with the facts that it shows filled in, and its Content-Security-Policy.

    Pages of ``frame_ancestors`` may embed it.
    """
    data = {
        "version": __version__,
        "fields": [
            {
                "key": each.key,
                "unit": each.unit,
                "note": f"{each.meaning} ({each.evidence}: {each.source})",
            }
            for each in FIELDS
        ],
        "mark_mv": MARK_MV,
        "marks": {HIGHEST: "▲", LOWEST: "▼"},
        "samples": SAMPLES,
        "hours": f"Last {SAMPLES * SAMPLE_S / 3600:g} hours",
        "collecting": "Collecting data: one point per minute",
    }
    # A data block must not be able to end itself.
    text = json.dumps(data).replace("<", "\\u003c")
    html = Path(__file__).with_name("page.html").read_text("utf-8").replace("{{data}}", text)
    sources = {
        f"{kind}-src": " ".join(
            f"'sha256-{base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()}'"
            for part in re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        )
        for kind, tag in (("script", "script"), ("style", "style"))
    }
    policy = {
        "default-src": "'none'",
        **sources,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": " ".join(frame_ancestors) or "'none'",
    }
    return html, "; ".join(f"{name} {value}" for name, value in policy.items())
