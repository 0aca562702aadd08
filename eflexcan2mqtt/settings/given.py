"""What owners give: the text of each setting, and the place where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias


@dataclass(frozen=True, order=True)
class Place:
    """A line of the INI, or a variable of the environment; all lines come before the variables."""

    variable: str = ""
    line: int = 0

    def __str__(self) -> str:
        """As a sentence names it."""
        return self.variable or f"line {self.line}"

    def before(self, complaint: str, ini: Path | None) -> str:
        """A complaint about this place."""
        return f"{self.variable or f'{ini}:{self.line}'}: {complaint}"

    def folder(self, ini: Path | None) -> Path:
        """Where relative paths start: those of the INI in its folder, others in the current one."""
        return Path() if self.variable or not ini else ini.parent


Complaint: TypeAlias = tuple[Place, str]
"""A place, and what was expected there."""


@dataclass(frozen=True)
class Origin:
    """Where the settings of a run come from: the INI, if there is one, and names of variables."""

    ini: Path | None
    variables: list[str]

    def __str__(self) -> str:
        ini = f"INI {self.ini}" if self.ini else "no INI"
        count = len(self.variables)
        return f"{ini}, {count} variable{'s' * (count > 1)}" if count else ini


class Setting(NamedTuple):
    """``value`` is text, stripped."""

    place: Place
    section: str
    key: str
    value: str


class Given(NamedTuple):
    """All that an INI or the environment gives: the names of ``sections`` by place."""

    sections: dict[Place, str]
    settings: list[Setting]
    complaints: list[Complaint]
