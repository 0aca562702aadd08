"""The texts that MQTT carries in, the same texts out; ValueError says what no broker accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

LONGEST = 65_535
"""The bytes of a text in MQTT."""

LONGEST_TOPIC = LONGEST - 535
"""The bytes of a topic; the others are for what is put behind it."""

# Control characters, surrogates and those that Unicode will never assign: MQTT 5, 1.5.4.
_BAD = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")

_ODD = {
    r"^/|/$": "a / at the start or end makes a level without a name",
    r"[\"']": "quotes are part of it",
    r"\s;": "what stands behind ; is part of it",
}
"""What works in a topic, but may not be meant."""


def text(value: str) -> str:
    """A client id or a user name."""
    if len(value.encode(errors="replace")) > LONGEST:
        raise ValueError(f"expected a text of at most {LONGEST} bytes")
    if bad := _BAD.search(value):
        raise ValueError(f"expected a text without the character U+{ord(bad[0]):04X}")
    return value


def password(value: str) -> str:
    """A password, which may hold any character."""
    if len(value.encode()) > LONGEST:
        raise ValueError(f"expected a password of at most {LONGEST} bytes")
    return value


def topic(value: str) -> str:
    """A topic to publish on, or what topics begin with."""
    if not value or re.search("[+#]", value):
        raise ValueError("expected an MQTT topic without + and #")
    if value.startswith("$"):
        raise ValueError(
            "expected an MQTT topic that does not begin with $: those are the broker's"
        )
    if len(value.encode(errors="replace")) > LONGEST_TOPIC:
        raise ValueError(f"expected an MQTT topic of at most {LONGEST_TOPIC} bytes")
    return text(value)


def cautions(topics: Mapping[str, str]) -> Iterator[str]:
    """What may not be meant in topics, which are used as they stand, by the setting of each."""
    for setting, value in topics.items():
        odd = [why for pattern, why in _ODD.items() if re.search(pattern, value)]
        if odd:
            yield f"{setting}: used as it stands, '{value}': {', '.join(odd)}"
