"""A small page that shows the bank in a browser; read-only, in threads of its own."""

from __future__ import annotations

from .. import Context
from .page import Page


def make(context: Context) -> Page:
    """The page at ``[web] listen``."""
    config = context.config
    return Page(
        config.web, context.health, config.energy.capacity_kwh, context.past, context.recorder
    )
