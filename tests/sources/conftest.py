"""Recordings in the formats of other programs, and their readers."""

from __future__ import annotations

import pytest

from eflexcan2mqtt.sources import formats
from tests.support.formats import (
    BANK,
    WRITERS,
    gvret,
    gvret_header,
    message,
)


class Recordings(dict):
    """The bank in each format, as bytes; too long to be shown."""

    __repr__ = object.__repr__


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    for name, writer in WRITERS.items():
        with writer(folder / name) as file:
            for frame in BANK:
                file.on_message_received(message(frame))
    (folder / "gvret").write_text(gvret_header() + "".join(map(gvret, BANK)))
    return Recordings({each.name: each.read_bytes() for each in folder.iterdir()})


@pytest.fixture
def opened(tmp_path):
    """The reader of a recording with this content."""

    def opened(content, name="x"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return formats.reader(path)

    return opened
