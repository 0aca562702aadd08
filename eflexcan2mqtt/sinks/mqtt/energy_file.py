"""The file with the counters of energy: whole at any moment, even if the power fails."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path

from .. import whole_file
from .kept import Kept, content, parse

log = logging.getLogger(__name__)

NAME = "energy.json"


class EnergyFile:
    """Never raises for what the disk does, which is logged once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self._fails = False

    def read(self) -> Kept | None:
        """What was kept; None if there is nothing that can be used."""
        try:
            return parse(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as error:
            self._failed(error)
        except ValueError as error:
            aside = whole_file.set_aside(self.path)
            log.warning("%s: %s; renamed to %s", self.path, error, aside.name)
        return None

    def write(self, kept: Kept) -> None:
        """Replace it; once this returns, the disk has it."""
        try:
            whole_file.replace(self.path, content(kept))
        except OSError as error:
            self._failed(error)
        else:
            if self._fails:
                self._fails = False
                log.info("%s: works again", self.path)

    def begin(self, kept: Kept) -> None:
        """Replace what the run before has left; if that is not possible, remove it.

        The mark of a clean stop does not hold any more.
        """
        self.write(kept)
        if self._fails:
            with suppress(OSError):
                self.path.unlink()

    def _failed(self, error: OSError) -> None:
        if not self._fails:
            log.warning(
                "%s: %s; the counters of energy are not kept until it works",
                *(self.path, error.strerror or error),
            )
        self._fails = True
