"""The unit of the service in, the template for the services of more banks out.

``eflexcan2mqtt@barn.service`` runs with ``/etc/eflexcan2mqtt-barn.ini``, and keeps what it keeps in
``/var/lib/eflexcan2mqtt-barn``: names that banks had before there was a template.
"""

from __future__ import annotations

import re

_CHANGES = (
    (r"^Description=.*", r"\g<0>, %i"),
    (r"/etc/eflexcan2mqtt\.ini", "/etc/eflexcan2mqtt-%i.ini"),
    (r"^StateDirectory=.*", r"\g<0>-%i"),
    (r"^RuntimeDirectory=.*", r"\g<0>-%i"),
    (r"^WorkingDirectory=.*", r"\g<0>-%i"),
    (r"`journalctl -u eflexcan2mqtt`", "`journalctl -u eflexcan2mqtt@BANK`"),
    (r"`(eflexcan2mqtt health`)", r"`RUNTIME_DIRECTORY=/run/eflexcan2mqtt-BANK \1"),
)

HEAD = """\
# A service for each further bank on this machine: eflexcan2mqtt@BANK has the settings
# /etc/eflexcan2mqtt-BANK.ini.  docs/many-banks.md shows it.
"""


def template(unit: str) -> str:
    """The template; each change is found in the unit exactly once."""
    for pattern, replacement in _CHANGES:
        unit, found = re.subn(pattern, replacement, unit, flags=re.MULTILINE)
        assert found == 1, f"{pattern}: {found} times in the unit"
    return HEAD + unit
