"""The booted machine of tests/system, for what needs a kernel with CAN."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import files
from pathlib import Path

from tests.support import machine as system
from tests.support.machine import Machine

CAN = "can0"
"""Its virtual interface, named as the shipped INI has it."""
SUITE = "bookworm"
"""Its Python is that of the release, so that both sides of a ratio have the same."""
GUEST = Path(__file__).parent / "guest"
"""What runs inside."""
PYTHON_CAN = ("python-can", "typing-extensions", "packaging", "wrapt")
"""The package and what it needs."""
TO_SPARE = 0.2
"""Of a core, while the original's way follows."""


@contextmanager
def booted() -> Iterator[Machine]:
    """The machine, with the interface up."""
    with tempfile.TemporaryDirectory() as folder:
        machine = system.boot(system.image(SUITE), Path(folder))
        try:
            # The can0 that it has is an emulated controller, which takes twenty frames a second.
            machine.run(
                f"modprobe vcan && ip link set {CAN} name wire && ip link add {CAN} type vcan && "
                f"ip link set {CAN} txqueuelen 1000 up"
            )
            yield machine
        finally:
            machine.close()


def put_program(machine: Machine, name: str, *paths: Path, packages: tuple[str, ...]) -> str:
    """Put files and folders into one folder of the machine, with Python packages beside them.

    Returns the folder, which is on the machine's own disk: that is faster than the share.
    """
    folder = machine.share / name
    for package in packages:
        for file in files(package) or []:
            source = Path(str(file.locate()))
            if file.suffix in {".py", ".so"} and ".." not in file.parts:
                target = folder / "packages" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, folder / path.name)
        else:
            shutil.copy(path, folder)
    machine.run(f"cp -r /share/{name} /root/{name}", timeout=120)
    return f"/root/{name}"


def followed(core: float, pace: float, most: float) -> float:
    """The pace of a quick run: what the original's way follows on this machine, ``most`` at most.

    It took so much of a ``core`` at ``pace``.  A machine that has no time left loses frames,
    whatever reads them: nothing can be judged there, and its other users are no fault of ours.
    """
    return max(pace, min(most, pace * (1 - TO_SPARE) / core))
