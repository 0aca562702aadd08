"""The name of a python-can interface in, the settings that its Bus class takes out.

They are the parameters in the signature of that class.  python-can is imported only for an
interface other than SocketCAN, or for a setting other than interface, channel and bitrate.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin

from . import parsers

SOCKETCAN = "socketcan"
CAN0 = "can0"

_CAN0 = {SOCKETCAN, "socketcand", "virtual"}
"""The interfaces whose channel is the name of a CAN interface."""

_OURS = {"interface", "channel", "bitrate", "can_filters"}
"""Set by settings of our own, or not at all."""

Parser = Callable[[str], Any]


def parameters(interface: str) -> Mapping[str, inspect.Parameter]:
    """What the Bus class of an interface takes, by its name in lower case.

    Empty if python-can does not know the interface or cannot import it here.
    """
    # python-can logs each socket that it makes, each error that it raises as well, and each
    # package that it might miss.
    logging.getLogger("can").setLevel(logging.CRITICAL)
    from can.interfaces import BACKENDS

    try:
        module, name = BACKENDS[interface]
        bus_class = getattr(importlib.import_module(module), name)
    # What the modules of interfaces raise whose driver or package is missing.
    except (ImportError, LookupError, AttributeError, NameError, OSError):
        return {}
    found = inspect.signature(bus_class).parameters.values()
    return {each.name.lower(): each for each in found}


def parser(interface: str, key: str) -> Parser | None:
    """What converts the text of a setting; None if there is no such setting."""
    known = parameters(interface)
    if not known:
        return str  # opening the bus says why
    return None if key in _OURS or key not in known else _parser(known[key])


def names(interface: str) -> list[str]:
    """The settings that an interface takes besides channel and bitrate."""
    known = parameters(interface)
    return [key for key in known if key not in _OURS and _parser(known[key])]


def missing(interface: str, given: Collection[str]) -> list[str]:
    """The settings that an interface cannot do without, and that are not given."""
    if interface == SOCKETCAN:
        return []
    return [
        key
        for key, each in parameters(interface).items()
        if key not in _OURS and key not in given
        if each.default is each.empty
        if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
    ]


def default_channel(interface: str) -> str:
    """The channel where none is set; empty if the interface needs one to be set."""
    if interface in _CAN0:
        return CAN0
    parameter = parameters(interface).get("channel")
    return parameter.default if parameter and isinstance(parameter.default, str) else ""


def arguments(interface: str, settings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Settings as the Bus class spells and takes them: no bitrate where none is taken, and a
    channel of its type.

    Raises ValueError with what it expected of the channel.
    """
    known = parameters(interface)
    anything = not known or any(each.kind is each.VAR_KEYWORD for each in known.values())
    taken = {}
    for key, value in settings:
        if key in known:
            taken[known[key].name] = _channel(known[key], value) if key == "channel" else value
        elif anything:
            taken[key] = value
    return taken


def _parser(parameter: inspect.Parameter) -> Parser | None:
    """By the annotation, else by the type of the default; None for what is no text.

    A parameter without either is a whole number if it looks like one, else text.
    """
    if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
        return None
    if parameter.name == "port":  # some interfaces do not say what theirs is
        return parsers.whole(1, 65_535)
    annotation = parameter.annotation
    if annotation is parameter.empty:
        default = parameter.default
        annotation = Any if default in (parameter.empty, None) else type(default)
    union = get_origin(annotation) in (Union, UnionType)
    types = get_args(annotation) if union else (annotation,)
    convert = [_PARSERS[each] for each in types if each in _PARSERS]
    convert += [
        _member(each) for each in types if isinstance(each, type) and issubclass(each, Enum)
    ]
    if Any in types:
        convert = [_whole, str]
    if str in types and len(convert) > 1:
        convert.sort(key=lambda each: each is str)  # any text is a str: that comes last
    return _first_of(convert) if convert else None


def _channel(parameter: inspect.Parameter, text: str) -> Any:
    convert = _parser(parameter) or str
    try:
        return convert(text)
    except ValueError as error:
        raise ValueError(f"channel = '{text}': {error}") from None


def _first_of(convert: list[Parser]) -> Parser:
    def parse(text: str) -> Any:
        for each in convert[:-1]:
            try:
                return each(text)
            except ValueError:
                pass
        return convert[-1](text)

    return parse


def _whole(text: str) -> int:
    if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
        raise ValueError("expected a whole number")
    return int(text)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError("expected a number")
    return number


def _member(enum: type[Enum]) -> Parser:
    by_name = {each.name.lower(): each for each in enum}

    def parse(text: str) -> Enum:
        return by_name[parsers.one_of(*by_name)(text)]

    return parse


_PARSERS: dict[Any, Parser] = {bool: parsers.switch, int: _whole, float: _number, str: str}
