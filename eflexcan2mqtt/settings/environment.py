"""The variables of the environment in, the settings that they hold out. Knows no setting by name.

``EFLEXCAN2MQTT_MQTT_PORT`` holds ``port`` of ``[mqtt]``.  Every variable with this prefix is ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from .given import Given, Place, Setting
from .ini import CONTROL

PREFIX = "EFLEXCAN2MQTT_"


def names(environment: Mapping[str, str]) -> list[str]:
    """The names of those that are ours, in the order of the alphabet."""
    return sorted(name for name in environment if name.startswith(PREFIX))


def parse(environment: Mapping[str, str]) -> Given:
    """Read our variables. Never raises."""
    found = Given({}, [], [])
    for name in names(environment):
        place, value = Place(variable=name), environment[name].strip()
        # The names of sections have no underscore.
        section, _, key = name.removeprefix(PREFIX).lower().partition("_")
        if not key:
            found.complaints.append((place, f"expected a name like {PREFIX}MQTT_PORT"))
            continue
        found.sections[place] = section
        if CONTROL.search(value):
            found.complaints.append((place, "expected text, found a control character"))
        elif not _is_text(value):
            found.complaints.append((place, "expected text in UTF-8"))
        else:
            found.settings.append(Setting(place, section, key, value))
    return found


def _is_text(value: str) -> bool:
    """Whether the bytes of a variable were UTF-8: Python makes surrogates of others."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
