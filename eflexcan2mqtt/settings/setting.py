"""What a setting is: a field of a dataclass that knows its meaning and how to read its text."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any


def setting(  # noqa: PLR0913 (what a setting has)
    default: Any,
    meaning: str,
    parse: Callable[[str], Any] = str,
    *,
    example: str | None = None,
    secret: bool = False,
    absent: str = "",
) -> Any:
    """A field of a section.

    ``parse`` raises ValueError saying what it expected.  The shipped INI has a setting with an
    ``example`` as a comment that shows it.  ``absent`` says what holds without it where the
    default, None, does not.
    """
    return dataclasses.field(
        default=default,
        repr=not secret,
        metadata={
            "meaning": meaning,
            "parse": parse,
            "example": example,
            "secret": secret,
            "absent": absent,
        },
    )
