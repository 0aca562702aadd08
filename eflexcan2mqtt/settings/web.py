"""The section [web], and the texts of its settings in, their values out.

ValueError says what was expected.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass

from .parsers import host, port
from .paths import path
from .setting import setting

LONGEST_TITLE = 40

_NAME = re.compile(r"\w([\w.-]*\w)?", re.ASCII)
_HOST = r"(\*\.)?[a-z0-9_.-]+|\[[0-9a-f:]+\]"
_PAGE = re.compile(rf"(https?://)?({_HOST})(:\d{{1,5}})?")


def address(value: str) -> str:
    """An address to listen on, as host:port or [IPv6]:port; empty for none."""
    name, _, number = value.rpartition(":")
    try:
        if value:
            name = host(name)
            value = f"[{name}]:{port(number)}" if ":" in name else f"{name}:{port(number)}"
    except ValueError:
        raise ValueError(
            "expected an address and a port, like 127.0.0.1:8080 for this machine or "
            "0.0.0.0:8080 for the whole network"
        ) from None
    return value


def names(value: str) -> tuple[str, ...]:
    """Host names as browsers send them: in lower case, with international ones in their code."""
    found = tuple(_name(each.rstrip(".")) for each in _words(value))
    if not all(map(_NAME.fullmatch, found)):
        raise ValueError("expected host names without http:// and port, like eflex.lan")
    return found


def frame_ancestors(value: str) -> tuple[str, ...]:
    """Pages by scheme, host and port, as Content-Security-Policy takes them."""
    found = tuple(each.removesuffix("/") for each in _words(value))
    if not all(map(_PAGE.fullmatch, found)):
        raise ValueError("expected pages without a path, like http://homeassistant.local:8123")
    return found


def username(value: str) -> str:
    """The user of basic authentication, which ends at a colon."""
    if not value or ":" in value:
        raise ValueError("expected a name without a colon")
    return value


def title(value: str) -> str:
    """A name that fits a line."""
    if not 0 < len(value) <= LONGEST_TITLE:
        raise ValueError(f"expected a name of 1 to {LONGEST_TITLE} characters")
    return value


def _words(value: str) -> list[str]:
    return re.split(r"[,\s]+", value.lower().strip(", ")) if value.strip(", ") else []


def _name(word: str) -> str:
    try:
        return word.encode("idna").decode()
    except UnicodeError:
        return ""


@dataclass(frozen=True)
class WebSettings:
    """A page that shows the bank in a browser."""

    listen: str = setting(
        "",
        "The address and port of the page: 127.0.0.1:8080 is for this machine, 0.0.0.0:8080 for "
        "the whole network, [::]:8080 also for IPv6. Empty: no page.",
        address,
        example="127.0.0.1:8080",
    )
    title: str = setting(
        "eFlex bank",
        "The name of the bank, at the top of the page and in the title of its tab.",
        title,
        example="Cabin",
    )
    names: tuple[str, ...] = setting(
        (),
        "More host names under which browsers may open the page, separated by commas, such as "
        "that of a reverse proxy. Addresses, localhost and this machine's own names always work.",
        names,
        example="eflex.lan, solar.example.org",
    )
    frame_ancestors: tuple[str, ...] = setting(
        (),
        "The pages that may embed this one, separated by commas, such as a dashboard of Home "
        "Assistant. Empty: none.",
        frame_ancestors,
        example="http://homeassistant.local:8123",
    )
    username: str = setting(
        "eflex",
        "The user that the page asks for, with password_file.",
        username,
        example="eflex",
    )
    password_file: str = setting(
        "",
        "A file that holds the password of the page; without one, it asks for none.",
        path,
        example="",
    )
    password: str = dataclasses.field(default="", repr=False)  # what password_file holds
