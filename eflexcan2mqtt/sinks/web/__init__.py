"""A small page that shows the bank in a browser; read-only, in threads of its own."""

from __future__ import annotations

from .. import Context
from .page import Page

DEFAULT_LISTEN = "127.0.0.1:8080"


def make(context: Context) -> Page:
    """The page at ``[web] listen``."""
    return Page(*address(context.config.web.listen), context.health)


def address(listen: str) -> tuple[str, int]:
    """The host and port of ``[web] listen``, or those where nothing is set."""
    host, _, port = (listen or DEFAULT_LISTEN).rpartition(":")
    return host.strip("[]"), int(port)
