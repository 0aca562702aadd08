"""The core stands alone."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    "module",
    [
        *("attention", "findings", "limits", "measures"),
        *("array", "assembler", "bank", "blocks", "cycle", "decode", "facts", "fields", "reading"),
        *("dbc", "evidence.tally", "values"),
    ],
)
def test_the_protocol_loads_neither_can_nor_paho_nor_logging(module):
    code = (
        f"import sys, eflexcan2mqtt.protocol.{module};"
        "print(sorted({'can', 'paho', 'logging', 'asyncio', 'socket'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
