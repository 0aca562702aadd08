"""The Host header of a request in; whether it names this machine out.

A page elsewhere can make a browser ask us under a name of its own (DNS rebinding), but neither
by our address nor under a name that only the own network gives us.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Collection

SUFFIXES = (
    *("local", "lan", "home", "fritz.box", "home.arpa", "internal", "localdomain", "intranet"),
    *("private", "corp", "speedport.ip"),
)
"""What routers and mDNS add to the name of a machine; nobody else can register names there."""


class Names:
    """The names under which browsers may open the page: this machine's, and some ``more``."""

    def __init__(self, more: Collection[str] = ()) -> None:
        self._more = more

    def allow(self, host: str) -> bool:
        """Whether a Host header, with its port or without, names this machine."""
        name = re.sub(r":\d*$", "", host).strip("[]").rstrip(".").lower()
        label, _, suffix = name.partition(".")
        # A second machine of the same name is NAME-2.local.
        first = re.sub(r"-\d+$", "", label) if suffix == "local" else label
        return (
            _is_address(name)
            or name in ("localhost", _own(), *self._more)
            or (_short() in (label, first) and suffix in ("", *SUFFIXES))
        )

    def refusal(self) -> str:
        """Which names work, and how to add one."""
        own = dict.fromkeys((_own(), _short(), f"{_short()}.local", f"{_short()}.lan", *self._more))
        return (
            "The page does not answer under this name. It does under the address of this machine "
            f"and under these names: {', '.join(own)}\n"
            "To add a name, write it into the INI, and restart the service:\n\n"
            f"[web]\nnames = {', '.join((*self._more, 'eflex.example.org'))}\n"
        )


def _own() -> str:
    return socket.gethostname().lower()


def _short() -> str:
    return _own().partition(".")[0]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
