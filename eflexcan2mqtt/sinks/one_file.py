"""The name of a page and its data in, the page as one text out.

Pages are in web/assets/: they have {{name}} where a file of that name comes in.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "web" / "assets"

_PART = re.compile(r"\{\{([\w./]+)\}\}")
_FOR_READERS = re.compile(r"^ *// .*\n|^ +", re.MULTILINE)
"""What is for those who read the source, not for phones: comments, and the indentation."""


def assembled(name: str, data: dict[str, Any]) -> str:
    """A page of assets/ in one text, with its parts and its data."""
    # A data block must not be able to end itself.
    text = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")

    def part(match: re.Match[str]) -> str:
        if match[1] == "data":
            return text
        return _FOR_READERS.sub("", (ASSETS / match[1]).read_text("utf-8").strip())

    return _PART.sub(part, (ASSETS / name).read_text("utf-8"))
