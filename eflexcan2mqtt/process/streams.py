"""stdin, stdout and stderr as any shell, service or cron job may leave them, made usable."""

from __future__ import annotations

import io
import os
import sys

# To read from a stdin or write to a stdout that was closed must fail; the log needs no reader.
_MODES = {0: os.O_WRONLY, 1: os.O_RDONLY, 2: os.O_WRONLY}


def make_usable() -> None:
    """Open those that are closed, and let no character be one that cannot be written.

    Otherwise the next socket or file would be the new stdout.
    """
    for number, mode in _MODES.items():
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free: this one
    sys.stdout = sys.stdout or open(1, "w", closefd=False)  # noqa: SIM115 (a descriptor)
    sys.stderr = sys.stderr or open(2, "w", closefd=False)  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # not where a test captures it
            stream.reconfigure(errors="backslashreplace")
