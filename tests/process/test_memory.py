"""The program ends by itself before it takes the memory of others."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from eflexcan2mqtt.process import memory
from tests.support.broker import free_port, wait_until
from tests.support.faults import seen
from tests.support.program import MAIN, mqtt_ini, reads

LEAKING = f"""\
import sys, threading
sys.path.insert(0, {str(MAIN.parent)!r})
from eflexcan2mqtt.cli import main
leaked = []
def leak():
    sys.stdin.readline()
    leaked.append(b"x" * {memory.LIMIT})
threading.Thread(target=leak, daemon=True).start()
sys.exit(main())
"""


def test_the_limit_is_that_of_the_unit():
    unit = (MAIN.parent / "eflexcan2mqtt.service").read_text()
    assert f"\nMemoryMax={memory.LIMIT // memory.MIB}M\n" in unit


def test_the_memory_in_use_is_that_of_this_process():
    before = memory.resident()
    # More than malloc ever takes from what the process gave back before (32 MiB).
    more = b"x" * (64 * memory.MIB)
    assert memory.resident() - before == pytest.approx(len(more), abs=memory.MIB)


class TestLeaking:
    """The program, with a thread that takes too much once stdin has a line."""

    @pytest.fixture
    def command(self):
        return [sys.executable, "-c", LEAKING]

    def test_it_ends_as_a_failure_and_its_arrays_are_in_the_spool(
        self, start, tmp_path, make_broker, subscribe
    ):
        port = free_port()
        ini = mqtt_ini(tmp_path, port, profile="yes")
        ini.write_text(f"{ini.read_text()}[spool]\ndirectory = spool\n")
        process = start("-c", ini, "--input", "simulator:2", stdin=subprocess.PIPE)
        for _ in range(2):
            reads(process.stderr, "memory after publishing")
        _, errors = process.communicate("\n", timeout=60)
        assert process.returncode == 1
        assert errors.count("CRITICAL") == 1
        seen("the program takes too much memory", errors)
        [kept] = re.findall(r"kept on disk: (\d+) arrays", errors)
        assert int(kept) >= 2
        subscriber = subscribe(make_broker(port=port).start().port)
        start("-c", ini, "--input", "can:can77")
        wait_until(lambda: len(subscriber.payloads()) == int(kept))

    def test_without_a_broker_it_ends_as_well(self, start):
        process = start("--input", "simulator:2", "--output", "json", stdin=subprocess.PIPE)
        assert process.stdout.readline()
        _, errors = process.communicate("\n", timeout=60)
        assert process.returncode == 1
        assert "CRITICAL" in errors
