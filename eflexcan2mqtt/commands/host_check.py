"""What the program takes of this machine in (a folder, an address); whether it can have it out.

``unit`` is the service's, if what root asks is for the service; else empty.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from ..settings.schema import Config, WebSettings
from ..sinks.web.address import Address, parse
from . import Finding
from .service_check import can_keep, can_listen, first_free_port

ANSWER_S = 2.0


def folders(config: Config, unit: str) -> Iterator[Finding]:
    """Whether the folders of the spool and of what else is kept can be written."""
    kept: dict[Path, list[tuple[str, str]]] = {}  # what is in each, and by which section
    for folder, what, section in (
        (config.spool.folder(config.storage), "arrays of an outage", "spool"),
        (config.storage.folder(), "counters of energy", "storage"),
    ):
        if folder:
            kept.setdefault(folder, []).append((what, section))
    for folder, found in kept.items():
        given = [section for _, section in found if getattr(config, section).directory is not None]
        yield _folder(folder, " and ".join(what for what, _ in found), given, unit)


def _folder(directory: Path, what: str, given: list[str], unit: str) -> Finding:
    """Whether a folder can be written; nothing is left there."""
    if unit and not can_keep(directory, unit):
        lines = " and ".join(f"[{section}] directory" for section in given)
        remedy = f"remove {lines}; the service then uses a folder of its own"
        return Finding(False, f"{directory}: the service cannot keep {what} there; {remedy}")
    try:
        # The folder is not made: the service's user could not write what root has made.
        nearest = next(each for each in (directory, *directory.absolute().parents) if each.exists())
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"\0")
    except OSError as error:
        return Finding(False, f"{directory}: {what} cannot be kept there: {error.strerror}")
    return Finding(True, f"{directory}: {what} are kept there")


def page(settings: WebSettings, unit: str) -> Iterator[Finding]:
    """Whether the page can have its address, or has it already."""
    address = parse(settings.listen)
    urls = " or ".join(address.urls())
    if unit and not can_listen(address, unit):
        remedy = f"set [web] listen to a port from {first_free_port()}"
        yield Finding(False, f"{address.url}: the service may not use this port; {remedy}")
        return
    try:
        with socket.socket(address.family) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((address.host, address.port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE and _serves_our_page(address):
            yield Finding(True, f"{urls}: the page is served already")
            return
        remedy = "set [web] listen to another address or port"
        yield Finding(False, f"{address.url}: {error.strerror}; {remedy}")
    else:
        yield Finding(True, f"{urls}: free for the page")


def _serves_our_page(address: Address) -> bool:
    connection = HTTPConnection(address.host, address.port, timeout=ANSWER_S)
    try:
        connection.request("HEAD", "/")
        server = connection.getresponse().getheader("Server", "")
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
    return server.startswith("eflexcan2mqtt")
