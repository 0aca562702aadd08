"""Each log of a folder of captures against the arrays it holds, for each stage written down.

``x.log`` must decode to ``x.json`` (documented) and, where there is one, to
``x.extended.json``.  EFLEX_CAPTURES names a folder with further captures.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from eflexcan2mqtt.protocol.fields import STAGES
from eflexcan2mqtt.sinks.json_lines import to_json
from eflexcan2mqtt.sources.recording import Recording

from .support.bank import CAPTURES, published

FOLDERS = [CAPTURES, *(Path(each) for each in [os.environ.get("EFLEX_CAPTURES", "")] if each)]
LOGS = [log for folder in FOLDERS for log in sorted(folder.glob("*.log"))]


def expected(log: Path) -> list[tuple[str, Path]]:
    names = [(stage, log.with_suffix(f".{stage}.json")) for stage in STAGES]
    return [(STAGES[0], log.with_suffix(".json"))] + [each for each in names if each[1].exists()]


@pytest.mark.parametrize("folder", FOLDERS, ids=str)
def test_a_folder_of_captures_holds_captures(folder):
    """A folder without any would let everything pass."""
    assert list(folder.glob("*.log"))


@pytest.mark.parametrize(
    ("log", "stage", "arrays"),
    [(log, *each) for log in LOGS for each in expected(log)],
    ids=lambda value: getattr(value, "name", value),
)
def test_a_capture_decodes_to_its_arrays(log, stage, arrays):
    """Byte for byte, one array a line."""
    printed = [to_json(each) for each in published(Recording(str(log)), stage)]
    assert printed == arrays.read_text().splitlines()
    assert printed, "a capture that holds nothing tests nothing"
