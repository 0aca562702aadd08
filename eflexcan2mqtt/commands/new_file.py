"""Files that a command makes: whole, and in the place of none."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(target: Path, suffix: str = "") -> Iterator[Path]:
    """Yield where to write; at a good end that becomes ``target``, if it is there by then.

    What is written to ends in ``suffix``.  Raises OSError with the name of ``target``, at once if
    that exists or has no folder.
    """
    if os.path.lexists(target):
        raise _error(errno.EEXIST, target)
    if not target.parent.is_dir():
        raise _error(errno.ENOENT, target)
    unfinished = target.with_name(f".unfinished-{os.getpid()}{suffix}")
    try:
        yield unfinished
        if unfinished.exists():
            unfinished.rename(target)
    except OSError as error:
        if error.filename is None or str(error.filename) == str(unfinished):
            error.filename = str(target)
        raise
    finally:
        unfinished.unlink(missing_ok=True)


def _error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
