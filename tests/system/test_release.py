"""The frozen program and adapters: as the program from source, each with a real peer."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest

# The fixture `command` is this module's.
from tests.cli.test_adapter import (  # noqa: F401
    adapter,
    test_a_serial_adapter_is_a_bus,
    test_a_socketcand_is_a_bus,
    test_a_virtual_bus_opens,
    test_each_cycle_keeps_its_second_while_the_process_is_halted,
    test_multicast_is_a_bus_of_two_processes,
)


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(Path(os.environ["EFLEX_RELEASE"]) / "eflexcan2mqtt_x86_64.tgz") as archive:
        archive.extractall(folder, filter="data")
    return [folder / "eflexcan2mqtt_x86_64/eflexcan2mqtt/eflexcan2mqtt"]
