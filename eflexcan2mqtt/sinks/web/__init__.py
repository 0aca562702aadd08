"""A small page that shows the bank in a browser; read-only, in threads of its own."""

from __future__ import annotations

from .. import Context
from .page import Page


def make(context: Context) -> Page:
    """The page at ``[web] listen``."""
    return Page(context.config.web, context.health, context.past)
