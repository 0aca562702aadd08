"""The parsers of the command line, the settings and the exit statuses in, the man page out.

It has no date: the same sources make the same page.
"""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Iterable, Iterator
from itertools import cycle

from eflexcan2mqtt import __version__
from eflexcan2mqtt.cli import EXIT_STATUSES
from eflexcan2mqtt.command_line.parsers import HELP, PROGRAM, parser
from eflexcan2mqtt.settings.describe import default, meaning
from eflexcan2mqtt.settings.environment import PREFIX
from eflexcan2mqtt.settings.schema import SECTIONS, settings

from .completion import arguments

DESCRIPTION = (
    "`eflexcan2mqtt` reads the frames that Fortress Power eFlex batteries send each other on their "
    "CAN bus, about once a second, and publishes them as JSON to MQTT. It also has a page for "
    "browsers and a table for the terminal. It only listens: it never sends a frame to the "
    "batteries.",
    "systemd runs it as a service. `systemctl status eflexcan2mqtt` shows how it is, `journalctl "
    "-u eflexcan2mqtt` shows its log, and `systemctl restart eflexcan2mqtt` makes it read changed "
    "settings. `eflexcan2mqtt@BANK` is the service of a further bank on the same machine.",
    "Data goes to standard output, messages to standard error.",
)

FILES = (
    ("/etc/eflexcan2mqtt.ini", "The settings of the service."),
    ("/etc/eflexcan2mqtt-BANK.ini", "The settings of a further bank."),
    (
        "/etc/eflexcan2mqtt.password",
        "The password for the broker, if it asks for one. Only root can read it.",
    ),
    (
        "/var/lib/eflexcan2mqtt",
        "Where the service keeps arrays while the broker is away, counters of energy and history; "
        "for a further bank, /var/lib/eflexcan2mqtt-BANK.",
    ),
    ("eflexcan2mqtt.ini", "In the current folder: is read instead of the one in /etc."),
)

ENVIRONMENT = (
    f"Each setting also has a variable, which wins over the INI: `{PREFIX}MQTT_PORT` is `port` of "
    "[mqtt]. A password can be in a file that a variable names: "
    f"`{PREFIX}MQTT_PASSWORD_FILE`.",
)

EXAMPLES = (
    ("Check what the service needs:", "sudo eflexcan2mqtt check"),
    ("Show the batteries in the terminal:", "eflexcan2mqtt --output table --fields extended"),
    (
        "Record a bus, and print the arrays in the recording:",
        "candump -L can0 > bank.log",
        "eflexcan2mqtt --input bank.log --output json",
    ),
    (
        "Serve the page of a simulated bank on http://127.0.0.1:8080:",
        "eflexcan2mqtt --input simulator --output web",
    ),
    ("Remove a battery from Home Assistant:", "sudo eflexcan2mqtt forget 2211054F0123"),
)

SEE_ALSO = (
    "`candump`(1), `systemctl`(1), `journalctl`(1), `mosquitto`(8), `ip`(8)",
    "/usr/share/doc/eflexcan2mqtt has the documentation and examples.",
)


def manual() -> str:
    """The text of the man page, in the language of man(7)."""
    purpose = str(parser().description).removesuffix(".")
    sections = {
        "NAME": [rf"{PROGRAM} \- {_plain(purpose)}"],
        "SYNOPSIS": _synopsis(),
        "DESCRIPTION": _paragraphs(*DESCRIPTION),
        "COMMANDS": _items((_command(name), text) for name, text in HELP.items()),
        "OPTIONS": _items(_options()),
        "SETTINGS": _settings(),
        "FILES": _items((_italic(name), text) for name, text in FILES),
        "ENVIRONMENT": _paragraphs(*ENVIRONMENT),
        "EXIT STATUS": _items((str(key), text) for key, text in EXIT_STATUSES.items()),
        "EXAMPLES": _examples(),
        "SEE ALSO": _paragraphs(*SEE_ALSO),
    }
    lines = [
        r".\" Made from the code by `make generated`.",
        f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"',
    ]
    for title, content in sections.items():
        lines += [f'.SH "{title}"', *content]
    return "\n".join(lines) + "\n"


def options(name: str) -> list[argparse.Action]:
    """The options of a command."""
    return [each for each in arguments(name) if each.option_strings]


def positionals(name: str) -> list[argparse.Action]:
    """The arguments of a command that are no options."""
    return [each for each in arguments(name) if not each.option_strings]


def _synopsis() -> Iterator[str]:
    for name in HELP:
        yield f'.SY "{PROGRAM} {"[run]" if name == "run" else name}"'
        for each in options(name):
            if not {"--help", "--version"} & set(each.option_strings):
                shown = _option(each.option_strings[:1], each, short=True)
                yield f"[{shown}]".replace(" ", r"\ ")
        yield from (_italic(str(each.metavar)) for each in positionals(name))
        yield ".YS"


def _command(name: str) -> str:
    return " ".join([_bold(name), *(_italic(str(each.metavar)) for each in positionals(name))])


def _options() -> Iterator[tuple[str, str]]:
    """Each option once: one name means the same in every command."""
    every = {tuple(each.option_strings): each for name in ("", *HELP) for each in options(name)}
    return ((_option(names, each), str(each.help)) for names, each in every.items())


def _option(names: Iterable[str], action: argparse.Action, short: bool = False) -> str:
    shown = ", ".join(_bold(name) for name in names)
    if action.nargs == 0:
        return shown
    metavar = action.metavar or (action.dest.upper() if short else "|".join(action.choices or ()))
    return f"{shown} {_italic(metavar if isinstance(metavar, str) else ' '.join(metavar))}"


def _settings() -> Iterator[str]:
    for name, section in SECTIONS.items():
        yield f'.SS "[{name}]"'
        yield from _paragraphs(meaning(section))
        yield from _items(
            (_bold(each.name), f"{each.metadata['meaning']} Default: {default(each)}.")
            for each in settings(name).values()
        )


def _examples() -> Iterator[str]:
    for text, *commands in EXAMPLES:
        yield from (".TP", _text(text), ".nf", *map(_plain, commands), ".fi")


def _items(items: Iterable[tuple[str, str]]) -> Iterator[str]:
    for term, text in items:
        yield from (".TP", term, _text(text))


def _paragraphs(*paragraphs: str) -> Iterator[str]:
    return iter("\n.PP\n".join(map(_text, paragraphs)).split("\n"))


def _text(text: str) -> str:
    """Words in lines; what stands in backquotes is bold."""
    parts = (
        (_bold if marked else _plain)(part)
        for part, marked in zip(text.split("`"), cycle((False, True)), strict=False)
    )
    lines = textwrap.wrap("".join(parts), 78, break_long_words=False, break_on_hyphens=False)
    # A line that begins with a dot or an apostrophe would be a request.
    return "\n".join(re.sub("^(?=[.'])", r"\\&", line) for line in lines)


def _bold(text: str) -> str:
    return rf"\fB{_plain(text)}\fR"


def _italic(text: str) -> str:
    return rf"\fI{_plain(text)}\fR"


def _plain(text: str) -> str:
    """Text in which every character stands for itself."""
    return text.replace("\\", r"\e").replace("-", r"\-")
