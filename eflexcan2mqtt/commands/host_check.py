"""What the program takes of this machine in (a folder, an address); whether it can have it out.

``unit`` is the service's, if what root asks is for the service; else empty.
"""

from __future__ import annotations

import errno
import socket
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException

from ..settings.schema import SpoolSettings, WebSettings
from ..sinks.mqtt.opening import directory_of
from ..sinks.web.address import Address, parse
from . import Finding
from .service_check import can_keep, can_listen, first_free_port

ANSWER_S = 2.0


def spool(settings: SpoolSettings, unit: str) -> Iterator[Finding]:
    """Whether the spool's folder can be written; nothing is left there."""
    directory = directory_of(settings)
    if not directory:
        return
    if unit and not can_keep(directory, unit):
        remedy = "remove [spool] directory; the service then uses a folder of its own"
        yield Finding(False, f"{directory}: the service cannot keep arrays there; {remedy}")
        return
    try:
        # The folder is not made: the service's user could not write what root has made.
        nearest = next(each for each in (directory, *directory.absolute().parents) if each.exists())
        with tempfile.TemporaryFile(dir=nearest) as file:
            file.write(b"\0")
    except OSError as error:
        yield Finding(False, f"{directory}: arrays cannot be kept there: {error.strerror}")
    else:
        yield Finding(True, f"{directory}: arrays of an outage are kept there")


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
