"""A small page that shows the bank in a browser; read-only, in threads of its own."""

from __future__ import annotations

from .. import Context
from .page import Page

DEFAULT_LISTEN = "127.0.0.1:8080"


def make(context: Context) -> Page:
    """The page at ``[web] listen``."""
    host, _, port = (context.config.web.listen or DEFAULT_LISTEN).rpartition(":")
    return Page(host.strip("[]"), int(port), context.health)
